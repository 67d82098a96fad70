"""Scheduled charges as invoices: final on their day, without a grace period.

Each day of a charge is billed once: its item is held by the invoice that bills it.
"""

import uuid
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from connectors.localcore import billing_periods, invoice_shapes, rate_cards
from connectors.localcore.invoice_shapes import KIND, SCHEDULED
from connectors.localcore.lifecycle import FINALIZED
from connectors.localcore.scheduled_charges import charges_of
from connectors.localcore.tx import Stored, Tx
from state.clock import iso, utc

BILLED = "billed_schedule_item"
_SPACE = uuid.UUID("0c7d5f0e-8f0b-4b43-9a8e-1d2f3a4b5c6d")
Item = tuple[Stored, Mapping[str, Any]]


@dataclass(frozen=True, slots=True)
class DayInvoice:
    """The charges of a contract that fall on one instant, in one pricing unit."""

    contract: Stored
    at: datetime
    unit_id: str
    id: str
    items: tuple[Item, ...]

    def body(self, tx: Tx) -> dict[str, Any]:
        """The invoice, without a status."""
        lines = lines_of(tx, self.items, self.unit_id)
        shown = invoice_shapes.invoice(
            tx, self.contract, self.id, SCHEDULED, self.unit_id, lines
        )
        return {**shown, "issued_at": self.at}


def _open_items(tx: Tx, contract: Stored) -> Iterator[Item]:
    """The days of a contract's charges that no invoice has billed."""
    for charge in charges_of(tx, contract.id):
        if not charge.body["do_not_invoice"]:
            for item in charge.body["schedule_items"]:
                if tx.holder(BILLED, item["id"]) is None:
                    yield charge, item


def _on_usage_invoice(tx: Tx, contract: Stored, item: Item) -> bool:
    """Whether a charge goes onto the usage invoice that ends on its day (Metronome: ALL)."""
    if contract.body["scheduled_charges_on_usage_invoices"] != "ALL":
        return False
    if contract.body["rate_card_id"] is None:
        return False
    card = tx.need(rate_cards.KIND, contract.body["rate_card_id"])
    same_unit = card.body["fiat_credit_type_id"] == item[0].body["credit_type_id"]
    at = utc(item[1]["timestamp"])
    return same_unit and billing_periods.ends_a_period(contract, at)


def still_to_come(tx: Tx, contract: Stored) -> list[DayInvoice]:
    """The invoices of days that are not billed yet, earliest first."""
    days: dict[tuple[datetime, str], list[Item]] = {}
    for item in _open_items(tx, contract):
        if not _on_usage_invoice(tx, contract, item):
            key = utc(item[1]["timestamp"]), item[0].body["credit_type_id"]
            days.setdefault(key, []).append(item)
    return [
        DayInvoice(contract, at, unit, _free_id(tx, contract, at, unit), tuple(items))
        for (at, unit), items in sorted(days.items(), key=lambda pair: pair[0])
    ]


def _free_id(tx: Tx, contract: Stored, at: datetime, unit_id: str) -> str:
    """An id that follows from the day; a charge added later that day gets the next one."""
    count = 0
    while True:
        name = f"{contract.id} {iso(at)} {unit_id} {count}"
        identity = str(uuid.uuid5(_SPACE, name))
        if tx.get(KIND, identity) is None:
            return identity
        count += 1


def with_period(tx: Tx, contract: Stored, end: datetime) -> tuple[Item, ...]:
    """The charges that go onto the usage invoice of the open period ending at `end`."""
    return tuple(
        one
        for one in _open_items(tx, contract)
        if utc(one[1]["timestamp"]) == end and _on_usage_invoice(tx, contract, one)
    )


def let_go(tx: Tx, contract: Stored, invoice: Stored) -> tuple[Item, ...]:
    """Take from a void invoice the charges it billed, for the one that replaces it."""
    mine = {line.get("metadata") for line in invoice.body["line_items"]}
    tx.release(BILLED, identity=invoice.id)
    return tuple(one for one in _open_items(tx, contract) if one[1]["id"] in mine)


def lines_of(tx: Tx, items: Iterable[Item], unit_id: str) -> list[dict[str, Any]]:
    """Charges as lines; `metadata` names the day of the charge that a line bills."""
    return [
        invoice_shapes.charge_line(tx, charge, item, unit_id) | {"metadata": item["id"]}
        for charge, item in items
    ]


def finalize_day(tx: Tx, day: DayInvoice) -> Stored:
    """Bill the charges of a day."""
    body = {**day.body(tx), "status": FINALIZED}
    mark(tx, day.items, day.id)
    invoice = keep(tx, day.contract, body)
    tx.audit("finalize", KIND, day.id)
    return invoice


def keep(tx: Tx, contract: Stored, body: Mapping[str, Any]) -> Stored:
    """Keep a final invoice; it is never computed again."""
    return tx.insert(
        KIND,
        body["id"],
        body,
        customer_id=contract.customer_id,
        parent_id=contract.id,
        state=FINALIZED,
        at=body["issued_at"],
    )


def mark(tx: Tx, items: Iterable[Item], invoice_id: str) -> None:
    """Note which invoice bills the days of charges, so that nothing bills them again."""
    for _, item in items:
        tx.claim(BILLED, item["id"], invoice_id)


def regenerate(
    tx: Tx, contract: Stored, invoice: Stored, fresh: str, link: Mapping[str, str]
) -> None:
    """Bill again the days of a void invoice, with its charges as they are now."""
    items = let_go(tx, contract, invoice)
    unit_id = invoice.body["credit_type"]["id"]
    day = DayInvoice(contract, tx.now, unit_id, fresh, items)
    body = {**day.body(tx), "status": FINALIZED, **link}
    mark(tx, items, fresh)
    keep(tx, contract, body)
