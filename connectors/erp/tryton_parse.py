"""Tryton's invoices in our words.

A credit note is an invoice with a negative total whose lines come from lines of the invoice
it credits. It is settled apart: invoice 100 and credit note -30 stay open side by side, so
what is open is netted here.
"""

from collections.abc import Mapping
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

from connectors.erp.rows import Standing, midnight, standing
from connectors.erp.shapes import MEMO_STATUS, Application, parts, status_of
from connectors.failures import Incomplete
from state.money import UnknownCurrency, minor_from_major, round_minor
from state.receivables import CreditMemo, DownstreamInvoice

FIELDS = (
    "number",
    "reference",
    "description",
    "state",
    "total_amount",
    "tax_amount",
    "amount_to_pay",
    "invoice_date",
    "accounting_date",
    "move",
    "cancel_move",
    "write_date",
    "create_date",
    "currency.code",
    "party.name",
    "company",
    "validated_by.rec_name",
    "posted_by.rec_name",
    "lines.origin",
    "lines.amount",
)
_LINE = "account.invoice.line"
_STATES = {
    "draft": Standing.DRAFT,
    "validated": Standing.DRAFT,
    "posted": Standing.POSTED,
    "paid": Standing.POSTED,
    "cancelled": Standing.VOID,
}
Row = Mapping[str, Any]


def is_memo(row: Row) -> bool:
    """A credit note is a customer invoice below zero."""
    return _decimal(row, "total_amount") < 0


def invoice(target: str, row: Row, memos: list[Row], *, url: str) -> DownstreamInvoice:
    """One invoice, netted with the credit notes that name it.

    Cancelled is two things in Tryton: by a counter-entry, which is a void; or by the entry
    of a credit note in full, which leaves the invoice standing and credited.
    """
    currency = _currency(row)
    total, tax = _minor(row, "total_amount", currency), _minor(row, "tax_amount", currency)
    posted = [one for one in memos if _standing(one) is Standing.POSTED]
    credited = row["cancel_move"] is not None and any(
        row["cancel_move"] == one["move"] for one in posted
    )
    stands = Standing.POSTED if credited else _standing(row)
    left = paid = 0
    if stands is Standing.POSTED:
        own = 0 if credited else _minor(row, "amount_to_pay", currency)
        free = sum(-_minor(one, "amount_to_pay", currency) for one in posted)
        used = sum(-_minor(one, "total_amount", currency) for one in posted) - free
        left = max(own - free, 0)
        paid = 0 if credited else max(total - own - used, 0)
    references = (row["reference"], row["description"])
    return DownstreamInvoice(
        target=target,
        id=str(row["id"]),
        status=status_of(stands, paid_minor=paid, open_minor=left),
        currency=currency,
        gross_minor=total - tax,
        number=row["number"] or None,
        tax_minor=tax,
        paid_minor=paid,
        open_minor=left,
        customer_id=str(row["party"]["id"]) if row["party"] else None,
        created_at=moment(row["create_date"]),
        posted_at=_posted_at(row),
        url=url,
        system="tryton",
        entity_id=str(row["company"]),
        native_status=str(row["state"]),
        external_ids=tuple(dict.fromkeys(str(one) for one in references if one)),
    )


def _standing(row: Row) -> Standing:
    return standing(_STATES, str(row["state"]), f"Tryton: invoice {row['id']}")


def memo(target: str, row: Row, owners: Mapping[int, str], *, url: str) -> list[CreditMemo]:
    """A credit note in its parts. `owners` maps invoice lines to their invoices."""
    currency = _currency(row)
    total, tax = (
        -_minor(row, "total_amount", currency),
        -_minor(row, "tax_amount", currency),
    )
    shares: dict[str, int] = {}
    for line in row["lines"]:
        origin = origin_of(line)
        if origin is not None and origin in owners:
            name = owners[origin]
            amount = -_minor(line, "amount", currency)
            shares[name] = shares.get(name, 0) + amount
    one_invoice = len(shares) == 1
    whole = CreditMemo(
        target=target,
        id=str(row["id"]),
        status=MEMO_STATUS[_standing(row)],
        currency=currency,
        amount_minor=total - tax,
        number=row["number"] or None,
        tax_minor=tax,
        invoice_id=next(iter(shares)) if one_invoice else None,
        customer_id=str(row["party"]["id"]) if row["party"] else None,
        text=row["description"] or row["reference"] or "",
        raised_by=_name(row, "validated_by"),
        approved_by=_name(row, "posted_by"),
        document_at=midnight(_day(row, "invoice_date")),
        posted_at=_posted_at(row),
        url=url,
        system="tryton",
        entity_id=str(row["company"]),
        native_status=str(row["state"]),
    )
    used = [
        # Lines are told ex tax: with several invoices the tax is shared out by us.
        Application(name, total if one_invoice else amount, exact=one_invoice or not tax)
        for name, amount in shares.items()
    ]
    return parts(whole, used)


def origin_of(line: Row) -> int | None:
    """The invoice line that a credit note's line takes back."""
    model, _, number = str(line.get("origin") or "").partition(",")
    return int(number) if model == _LINE and number.isdigit() and int(number) else None


def plain(value: Any) -> Any:
    """JSON with Tryton's own classes for exact amounts, days and times, made plain."""
    if isinstance(value, list):
        return [plain(one) for one in value]
    if not isinstance(value, dict):
        return value
    match value.get("__class__"):
        case None:
            return {name: plain(one) for name, one in value.items()}
        case "Decimal":
            return Decimal(value["decimal"])
        case "date":
            return date(value["year"], value["month"], value["day"])
        case "datetime":
            names = ("year", "month", "day", "hour", "minute", "second", "microsecond")
            return datetime(**{name: value[name] for name in names}, tzinfo=UTC)
        case other:
            raise Incomplete(f"Tryton answered with a value of class {other}")


def moment(value: Any) -> datetime | None:
    """A time as Tryton has it: UTC, with microseconds."""
    return value if isinstance(value, datetime) else None


def _posted_at(row: Row) -> datetime | None:
    return midnight(_day(row, "accounting_date") or _day(row, "invoice_date"))


def _day(row: Row, name: str) -> date | None:
    on = row[name]
    return on if isinstance(on, date) else None


def _name(row: Row, name: str) -> str | None:
    """Who did it, where the user was somebody's."""
    person = row[name]
    return str(person["rec_name"]) if person else None


def _currency(row: Row) -> str:
    return str(row["currency"]["code"])


def _decimal(row: Row, name: str) -> Decimal:
    value = row[name]
    if not isinstance(value, Decimal):
        raise Incomplete(f"Tryton: invoice {row.get('id')}: {name} is no amount")
    return value


def _minor(row: Row, name: str, currency: str) -> int:
    try:
        return round_minor(minor_from_major(_decimal(row, name), currency))
    except UnknownCurrency as error:
        raise Incomplete(f"Tryton: invoice {row.get('id')}: {error}") from None
