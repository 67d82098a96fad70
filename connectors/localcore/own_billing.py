"""The embedded core's own credits and invoices, behind the port that contracts use."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from connectors.localcore import billing_http, invoicing, scheduled_charges
from connectors.localcore.errors import BadRequest
from connectors.localcore.tx import Stored, Tx
from state.clock import utc


class OwnBilling:
    """Plans invoices, grants contract credits, and closes contracts."""

    def contract_changed(self, tx: Tx, contract: Stored) -> None:
        """Plan the next invoice. What this core would never bill, it does not take."""
        if scheduled_charges.charges_of(tx, contract.id):
            raise BadRequest("scheduled_charges: this core does not invoice them yet")
        body = dict(contract.body)
        body.setdefault("next_period", contract.body["starting_at"])
        tx.update(invoicing.CONTRACT, contract.id, body)
        invoicing.plan_next(tx, tx.need(invoicing.CONTRACT, contract.id))

    def close_contract(self, tx: Tx, contract: Stored, *, void_finalized: bool) -> None:
        """No more invoices; the finalized ones are voided if that is asked for."""
        if void_finalized:
            for one in tx.find(invoicing.INVOICE, parent_id=contract.id, state="FINALIZED"):
                invoicing.void_invoice(tx, one.id)
        tx.update(invoicing.CONTRACT, contract.id, at=None)

    def finalized_until(self, tx: Tx, contract: Stored) -> datetime | None:
        """The end of the last finalized invoice."""
        found = tx.find(invoicing.INVOICE, parent_id=contract.id, state="FINALIZED")
        return max((utc(one.body["end_timestamp"]) for one in found), default=None)

    def add_credit(
        self, tx: Tx, contract: Stored, wanted: Mapping[str, Any], where: str
    ) -> dict[str, Any]:
        """Grant a credit of this contract."""
        try:
            name = billing_http.create_credit(
                tx, contract.customer_id or "", dict(wanted), contract_id=contract.id
            )
        except BadRequest as error:
            raise BadRequest(f"{where}: {error}") from error
        return {"id": name}

    def change_credit(
        self, tx: Tx, contract: Stored, wanted: Mapping[str, Any], where: str
    ) -> None:
        """Refused: this core does not edit credits yet."""
        credit = self._own(tx, contract, str(wanted["credit_id"]), where)
        raise BadRequest(f"{where}: this core does not edit credits yet: {credit.id}")

    def archive_credit(self, tx: Tx, contract: Stored, credit_id: str, where: str) -> None:
        """Refused: this core does not archive credits yet."""
        credit = self._own(tx, contract, credit_id, where)
        raise BadRequest(f"{where}: this core does not archive credits yet: {credit.id}")

    def _own(self, tx: Tx, contract: Stored, credit_id: str, where: str) -> Stored:
        credit = tx.need(invoicing.CREDIT, credit_id, where)
        if credit.body.get("contract_id") != contract.id:
            raise BadRequest(f"{where}: credit {credit_id} is not one of this contract")
        return credit

    def credits_of(
        self, tx: Tx, contract: Stored, *, include_balance: bool, include_ledgers: bool
    ) -> list[dict[str, Any]]:
        """The credits of this contract."""
        hidden = {"balance"} if not include_balance else set()
        hidden |= {"ledger"} if not include_ledgers else set()
        return [
            {k: v for k, v in billing_http.credit_shape(tx, one).items() if k not in hidden}
            for one in tx.find(invoicing.CREDIT, customer_id=contract.customer_id)
            if one.body.get("contract_id") == contract.id
        ]
