"""What contracts need of credits and invoices, without knowing how they are made."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Protocol

from connectors.localcore.tx import Stored, Tx


class Billing(Protocol):
    """Credits and invoices as a contract sees them."""

    def contract_changed(self, tx: Tx, contract: Stored) -> None:
        """A contract was made or its terms moved: plan its next invoice."""

    def close_contract(self, tx: Tx, contract: Stored, *, void_finalized: bool) -> None:
        """A contract is archived: no more invoices, and the final ones void if asked."""

    def finalized_until(self, tx: Tx, contract: Stored) -> datetime | None:
        """The end of its last finalized invoice."""

    def add_credit(
        self, tx: Tx, contract: Stored, wanted: Mapping[str, Any], where: str
    ) -> dict[str, Any]:
        """Grant a credit of this contract; `{"id"}`."""

    def change_credit(
        self, tx: Tx, contract: Stored, wanted: Mapping[str, Any], where: str
    ) -> None:
        """Change a credit of this contract."""

    def archive_credit(self, tx: Tx, contract: Stored, credit_id: str, where: str) -> None:
        """Archive a credit of this contract."""

    def credits_of(
        self, tx: Tx, contract: Stored, *, include_balance: bool, include_ledgers: bool
    ) -> list[dict[str, Any]]:
        """The credits of this contract as Metronome gives them."""
