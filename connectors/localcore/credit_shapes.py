"""A credit as Metronome shows it, with its balance and its ledger if asked."""

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any

from connectors.localcore import (
    billing_periods,
    credit_book,
    custom_fields,
    ledger,
    pricing_units,
    products,
)
from connectors.localcore.burndown import balance
from connectors.localcore.burndown import ledger as whole_ledger
from connectors.localcore.tx import Stored, Tx
from connectors.localcore.words import LedgerEntry, Period
from state.clock import utc

_PLAIN = (
    "name",
    "description",
    "priority",
    "rate_type",
    "netsuite_sales_order_id",
    "salesforce_opportunity_id",
    "uniqueness_key",
)
_SCOPES = ("applicable_product_ids", "applicable_product_tags", "applicable_contract_ids")


def answer(
    tx: Tx, credit: Stored, *, include_balance: bool = False, include_ledgers: bool = False
) -> dict[str, Any]:
    """A credit as Metronome gives it."""
    body = credit.body
    product = tx.need(products.KIND, body["product_id"])
    shown: dict[str, Any] = {
        "id": credit.id,
        "type": "CREDIT",
        "product": {
            "id": product.id,
            "name": products.product_at(product, tx.now)["name"],
        },
        "access_schedule": {
            "access_type": "SPEND",
            "credit_type": pricing_units.unit(body["credit_type_id"]).reference(),
            "schedule_items": body["items"],
        },
        "created_at": credit.created_at,
        "created_by": products.CREATED_BY,
        "custom_fields": custom_fields.values_of(tx, credit_book.KIND, credit.id),
    }
    for name in (*_PLAIN, *_SCOPES):
        if body[name] is not None:
            shown[name] = body[name]
    if credit.parent_id is not None:
        shown["contract"] = {"id": credit.parent_id}
    if body["archived_at"] is not None:
        shown["archived_at"] = body["archived_at"]
    if include_balance or include_ledgers:
        ledgers = ledgers_of(tx, credit)
        if include_balance:
            shown["balance"] = balance_of(tx, credit, ledgers)
        if include_ledgers:
            rows = [entry for _, entries in ledgers for entry in entries]
            shown["ledger"] = [_row(one) for one in sorted(rows, key=lambda one: one.at)]
    return shown


Ledgers = list[tuple[Period, list[LedgerEntry]]]


def ledgers_of(tx: Tx, credit: Stored) -> Ledgers:
    """The ledger of each of a credit's segments, with the segment's window."""
    entries = ledger.of_credit(tx, credit.id)
    settled = settled_until(tx, credit)
    archived = credit.body["archived_at"]
    found: Ledgers = []
    for item in credit.body["items"]:
        window = credit_book.window_of(item)
        if archived is not None:
            end = max(window.start, min(window.end, utc(archived)))
            window, settled = Period(window.start, end), max(settled, end)
        amount = Decimal(item["amount"])
        written = entries.get(item["id"], [])
        found.append((window, whole_ledger(item["id"], amount, window, written, settled)))
    return found


def balance_of(tx: Tx, credit: Stored, ledgers: Ledgers) -> Decimal:
    """What a credit can pay now; an archived one can pay nothing."""
    return balance(ledgers if credit.state == "ACTIVE" else (), tx.now)


def settled_until(tx: Tx, credit: Stored) -> datetime:
    """Until when every period that could draw on a credit is final; at most now."""
    contracts = tx.find("contract", customer_id=credit.customer_id, state="ACTIVE")
    still_open = [
        period.start
        for contract in contracts
        if credit_book.pays_on(credit, contract.id)
        and (period := billing_periods.open_period(contract)) is not None
    ]
    return min([tx.now, *still_open])


def _row(entry: LedgerEntry) -> dict[str, Any]:
    row: dict[str, Any] = {
        "type": entry.kind,
        "amount": entry.amount,
        "timestamp": entry.at,
        "segment_id": entry.segment_id,
    }
    for name in ("invoice_id", "contract_id", "reason"):
        value = getattr(entry, name)
        if value is not None:
            row[name] = value
    return row


def wanted(credit: Stored, filters: Mapping[str, Any]) -> bool:
    """Whether a list's filters let a credit through (Metronome: by access windows)."""
    windows = [credit_book.window_of(item) for item in credit.body["items"]]
    day, since = filters.get("covering_date"), filters.get("starting_at")
    before = filters.get("effective_before")
    return (
        (day is None or any(one.holds(day) for one in windows))
        and (since is None or any(one.end > since for one in windows))
        and (before is None or any(one.start < before for one in windows))
        and (credit.state == "ACTIVE" or bool(filters.get("include_archived")))
    )
