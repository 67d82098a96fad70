"""What was written to credits, one row a movement; nothing is ever changed or removed.

The start and the expiration of a segment are not written: they follow from its schedule.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from connectors.localcore.burndown import CREDITED, drawn_by_invoice
from connectors.localcore.exact import plain
from connectors.localcore.moments import micros, moment
from connectors.localcore.tx import Tx
from connectors.localcore.words import LedgerEntry

SCHEMA: tuple[str, ...] = (
    """CREATE TABLE IF NOT EXISTS ledger (
        seq INTEGER PRIMARY KEY AUTOINCREMENT, customer_id TEXT NOT NULL,
        credit_id TEXT NOT NULL, segment_id TEXT NOT NULL, kind TEXT NOT NULL,
        amount TEXT NOT NULL, at INTEGER NOT NULL, invoice_id TEXT, contract_id TEXT,
        reason TEXT)""",
    "CREATE INDEX IF NOT EXISTS ledger_credit ON ledger (credit_id, seq)",
    "CREATE INDEX IF NOT EXISTS ledger_customer ON ledger (customer_id, seq)",
    "CREATE INDEX IF NOT EXISTS ledger_invoice ON ledger (invoice_id, seq)",
)
_COLUMNS = "credit_id, segment_id, kind, amount, at, invoice_id, contract_id, reason"
Entries = dict[str, list[LedgerEntry]]
"""The entries of each segment, by its id, in the order in which they were written."""


@dataclass(frozen=True, slots=True)
class Held:
    """What an invoice still holds of a segment."""

    credit_id: str
    entry: LedgerEntry
    amount: Decimal


def write(tx: Tx, customer_id: str, credit_id: str, entry: LedgerEntry) -> None:
    """Write one movement."""
    tx.execute(
        "INSERT INTO ledger (customer_id, credit_id, segment_id, kind, amount, at,"
        " invoice_id, contract_id, reason) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (
            customer_id,
            credit_id,
            entry.segment_id,
            entry.kind,
            plain(entry.amount),
            micros(entry.at),
            entry.invoice_id,
            entry.contract_id,
            entry.reason,
        ),
    )


def of_credit(tx: Tx, credit_id: str) -> Entries:
    """What was written to one credit."""
    return _by_segment(_rows(tx, "credit_id", credit_id))


def of_customer(tx: Tx, customer_id: str, *, without_invoice: str | None = None) -> Entries:
    """What was written to a customer's credits, leaving out one invoice if asked."""
    rows = _rows(tx, "customer_id", customer_id)
    return _by_segment(
        row for row in rows if without_invoice is None or row[5] != without_invoice
    )


def held_by(tx: Tx, invoice_id: str) -> list[Held]:
    """What an invoice drew and still holds, segment by segment."""
    latest: dict[tuple[str, str], list[LedgerEntry]] = {}
    for row in _rows(tx, "invoice_id", invoice_id):
        latest.setdefault((row[0], row[1]), []).append(_entry(row))
    found = []
    for (credit_id, _), entries in latest.items():
        amount = drawn_by_invoice(entries).get(invoice_id)
        if amount is not None:
            found.append(Held(credit_id, entries[0], amount))
    return found


def give_back(tx: Tx, customer_id: str, invoice_id: str) -> None:
    """Give back to credits what a voided invoice drew."""
    for held in held_by(tx, invoice_id):
        entry = LedgerEntry(
            CREDITED,
            held.amount,
            tx.now,
            held.entry.segment_id,
            invoice_id,
            held.entry.contract_id,
        )
        write(tx, customer_id, held.credit_id, entry)


def _rows(tx: Tx, column: str, value: str) -> Iterable[Sequence[Any]]:
    return tx.execute(
        f"SELECT {_COLUMNS} FROM ledger WHERE {column} = ? ORDER BY seq",  # noqa: S608 -- fixed column names
        (value,),
    )


def _by_segment(rows: Iterable[Sequence[Any]]) -> Entries:
    found: Entries = {}
    for row in rows:
        found.setdefault(row[1], []).append(_entry(row))
    return found


def _entry(row: Sequence[Any]) -> LedgerEntry:
    _, segment, kind, amount, at, invoice, contract, reason = row
    return LedgerEntry(
        kind, Decimal(amount), moment(at), segment, invoice, contract, reason
    )
