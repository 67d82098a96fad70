"""Credits and invoices as contracts use them, and the work that falls due by itself."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from connectors.localcore import (
    billing_periods,
    credit_book,
    credit_shapes,
    invoicing,
    scheduled_invoices,
)
from connectors.localcore.duework import DueWork
from connectors.localcore.errors import BadRequest
from connectors.localcore.invoice_shapes import KIND, USAGE
from connectors.localcore.lifecycle import FINALIZED, due_at
from connectors.localcore.moments import moment
from connectors.localcore.tx import Stored, Tx
from state.clock import utc

CONTRACT = "contract"
BATCH = 50  # invoices of one transaction, so that no caller waits long behind it


def plan(tx: Tx, contract: Stored) -> None:
    """Note when a contract's next invoice becomes final; never, when none is to come."""
    due = [day.at for day in scheduled_invoices.still_to_come(tx, contract)]
    period = billing_periods.open_period(contract)
    if period is not None:
        due.append(due_at(period))
    tx.update(CONTRACT, contract.id, at=min(due, default=None))


class OwnBilling:
    """The core's own credits and invoices, behind the port that contracts use."""

    def contract_changed(self, tx: Tx, contract: Stored) -> None:
        """Plan the next invoice."""
        plan(tx, contract)

    def close_contract(self, tx: Tx, contract: Stored, *, void_finalized: bool) -> None:
        """Drafts end with the contract, its credits too; final invoices void if asked."""
        if void_finalized:
            for one in tx.find(KIND, parent_id=contract.id, state=FINALIZED):
                invoicing.void_invoice(tx, one.id)
        for credit in tx.find(credit_book.KIND, parent_id=contract.id, state="ACTIVE"):
            credit_book.archive_credit(tx, credit, "contract_id", drawn_too=True)
        tx.update(CONTRACT, contract.id, at=None)

    def finalized_until(self, tx: Tx, contract: Stored) -> datetime | None:
        """The end of its last finalized usage invoice."""
        found = tx.find(KIND, parent_id=contract.id, state=FINALIZED)
        ends = [
            utc(one.body["end_timestamp"]) for one in found if one.body["type"] == USAGE
        ]
        return max(ends, default=None)

    def add_credit(
        self, tx: Tx, contract: Stored, wanted: Mapping[str, Any], where: str
    ) -> dict[str, Any]:
        """Grant a credit of this contract; the credit as Metronome gives it."""
        credit = credit_book.create_credit(
            tx,
            contract.customer_id or "",
            wanted,
            contract_id=contract.id,
            where=f"{where}.",
        )
        return credit_shapes.answer(tx, credit)

    def change_credit(
        self, tx: Tx, contract: Stored, wanted: Mapping[str, Any], where: str
    ) -> None:
        """Change a credit of this contract."""
        credit = _own(tx, contract, wanted["credit_id"], f"{where}.credit_id")
        credit_book.edit_credit(tx, credit, wanted, where=f"{where}.")

    def archive_credit(self, tx: Tx, contract: Stored, credit_id: str, where: str) -> None:
        """Archive a credit of this contract that no final invoice has drawn."""
        credit_book.archive_credit(tx, _own(tx, contract, credit_id, where), where)

    def credits_of(
        self, tx: Tx, contract: Stored, *, include_balance: bool, include_ledgers: bool
    ) -> list[dict[str, Any]]:
        """The credits of this contract."""
        return [
            credit_shapes.answer(
                tx, one, include_balance=include_balance, include_ledgers=include_ledgers
            )
            for one in tx.find(credit_book.KIND, parent_id=contract.id)
        ]


def _own(tx: Tx, contract: Stored, credit_id: str, field: str) -> Stored:
    customer_id = contract.customer_id or ""
    credit = credit_book.need_credit(tx, customer_id, credit_id, field)
    if credit.parent_id != contract.id:
        raise BadRequest(f"{field}: credit {credit_id} is not one of this contract")
    return credit


# --- due work -------------------------------------------------------------------------------


def _next_at(tx: Tx) -> datetime | None:
    row = tx.execute(
        "SELECT min(at) FROM objects WHERE kind = ? AND state = 'ACTIVE'", (CONTRACT,)
    ).fetchone()
    return None if row[0] is None else moment(row[0])


def _run(tx: Tx, now: datetime) -> int:
    """Make final what fell due first; what is due at one instant goes by contract age."""
    due = tx.find(CONTRACT, state="ACTIVE", at_or_before=now, by_instant=True, limit=BATCH)
    done = 0
    for contract in due:
        if contract.at is not None and contract.at == due[0].at:
            done += _finalize_due(tx, contract, contract.at)
    return done


def _finalize_due(tx: Tx, contract: Stored, due: datetime) -> int:
    done = 0
    for day in scheduled_invoices.still_to_come(tx, contract):
        if day.at <= due:
            scheduled_invoices.finalize_day(tx, day)
            done += 1
    period = billing_periods.open_period(contract)
    if period is not None and due_at(period) <= due:
        invoicing.finalize_period(tx, contract, period)
        done += 1
    plan(tx, tx.need(CONTRACT, contract.id))
    return max(done, 1)


WORK = DueWork("invoices", _next_at, _run)
