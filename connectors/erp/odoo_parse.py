"""Odoo's journal entries in our words."""

from collections.abc import Mapping
from datetime import UTC, date, datetime
from decimal import Decimal, InvalidOperation
from typing import Any

from connectors.erp.rows import Standing, day, midnight, standing
from connectors.erp.shapes import MEMO_STATUS, Application, cash, parts, status_of
from connectors.failures import Incomplete
from state.money import UnknownCurrency, minor_from_major, round_minor
from state.receivables import CreditMemo, DownstreamInvoice

MOVE_FIELDS = [
    "id",
    "name",
    "move_type",
    "state",
    "payment_state",
    "ref",
    "invoice_origin",
    "payment_reference",
    "reversed_entry_id",
    "partner_id",
    "currency_id",
    "company_id",
    "journal_id",
    "amount_untaxed",
    "amount_tax",
    "amount_total",
    "amount_residual",
    "invoice_date_due",
    "invoice_date",
    "date",
    "create_uid",
    "create_date",
    "write_date",
]
LOCKED_JOURNAL = "its journal is locked"
_STATES = {
    "draft": Standing.DRAFT,
    "posted": Standing.POSTED,
    "cancel": Standing.VOID,
}


def invoice(
    target: str, row: Mapping[str, Any], *, url: str, credited: int, locked: bool
) -> DownstreamInvoice:
    """A customer invoice. A draft or cancelled one still shows all of it as open."""
    currency = _named(row, "currency_id")
    total = _minor(row, "amount_total", currency)
    tax = _minor(row, "amount_tax", currency)
    stands = _standing(row)
    posted = stands is Standing.POSTED
    left = _minor(row, "amount_residual", currency) if posted else 0
    paid = (
        cash(total_minor=total, open_minor=left, credited_minor=credited) if posted else 0
    )
    references = (row["ref"], row["invoice_origin"], row["payment_reference"])
    return DownstreamInvoice(
        target=target,
        id=str(row["id"]),
        status=status_of(stands, paid_minor=paid, open_minor=left),
        currency=currency,
        gross_minor=total - tax,
        number=row["name"] or None,
        tax_minor=tax,
        paid_minor=paid,
        open_minor=left,
        customer_id=_id(row, "partner_id"),
        created_at=stamp(row["create_date"]),
        posted_at=midnight(_day(row, "date")),
        due_on=_day(row, "invoice_date_due"),
        url=url,
        system="odoo",
        entity_id=_id(row, "company_id"),
        native_status=f"{row['state']}, {row['payment_state'] or 'not_paid'}",
        external_ids=tuple(dict.fromkeys(str(one) for one in references if one)),
        void_blocked=LOCKED_JOURNAL if posted and locked else "",
    )


def memo(
    target: str, row: Mapping[str, Any], *, url: str, applied: list[Application]
) -> list[CreditMemo]:
    """A credit note in its parts. Posting one applies it; a later void frees it again."""
    currency = _named(row, "currency_id")
    total = _minor(row, "amount_total", currency)
    tax = _minor(row, "amount_tax", currency)
    whole = CreditMemo(
        target=target,
        id=str(row["id"]),
        status=MEMO_STATUS[_standing(row)],
        currency=currency,
        amount_minor=total - tax,
        number=row["name"] or None,
        tax_minor=tax,
        invoice_id=_id(row, "reversed_entry_id"),
        customer_id=_id(row, "partner_id"),
        text=row["ref"] or "",
        raised_by=_name(row, "create_uid"),
        document_at=midnight(_day(row, "invoice_date")),
        posted_at=midnight(_day(row, "date")),
        url=url,
        system="odoo",
        entity_id=_id(row, "company_id"),
        native_status=f"{row['state']}, {row['payment_state'] or 'not_paid'}",
    )
    left = _minor(row, "amount_residual", currency)
    return parts(whole, applied, left_minor=left)


def applications(
    partials: list[Mapping[str, Any]], lines: Mapping[int, str]
) -> tuple[dict[str, dict[str, list[Application]]], dict[str, list[tuple[str, int]]]]:
    """Who was used on whom: by the credit side's entry, and by the debit side's.

    `lines` maps a journal line to its entry. Amounts are in the credit's own currency.
    """
    by_credit: dict[str, dict[str, list[Application]]] = {}
    by_debit: dict[str, list[tuple[str, int]]] = {}
    for row in partials:
        debit = lines.get(_number(row, "debit_move_id"))
        credit = lines.get(_number(row, "credit_move_id"))
        if debit is None or credit is None:
            raise Incomplete("Odoo: a reconciliation names a journal line nobody can read")
        amount = _minor(row, "credit_amount_currency", _named(row, "credit_currency_id"))
        on = _day(row, "max_date")
        own = _minor(row, "debit_amount_currency", _named(row, "debit_currency_id"))
        by_credit.setdefault(credit, {}).setdefault(debit, []).append(
            Application(debit, amount, on=on)
        )
        by_debit.setdefault(debit, []).append((credit, own))
    return by_credit, by_debit


def stamp(text: Any) -> datetime | None:
    """Odoo's times are UTC, cut to seconds."""
    return datetime.fromisoformat(text).replace(tzinfo=UTC) if text else None


def _standing(row: Mapping[str, Any]) -> Standing:
    return standing(_STATES, str(row["state"]), f"Odoo: entry {row['id']}")


def _day(row: Mapping[str, Any], name: str) -> date | None:
    return day(str(row[name] or ""), f"Odoo: entry {row['id']}")


def _minor(row: Mapping[str, Any], name: str, currency: str) -> int:
    """An amount; Odoo has rounded it to the currency before it wrote it as a fraction."""
    try:
        amount = Decimal(str(row[name]))
        return abs(round_minor(minor_from_major(amount, currency)))
    except (InvalidOperation, UnknownCurrency, KeyError) as error:
        raise Incomplete(f"Odoo: entry {row.get('id')}: {name}: {error}") from None


def _number(row: Mapping[str, Any], name: str) -> int:
    value = row[name]
    return int(value[0]) if isinstance(value, list) else int(value or 0)


def _id(row: Mapping[str, Any], name: str) -> str | None:
    return str(_number(row, name)) if row[name] else None


def _name(row: Mapping[str, Any], name: str) -> str | None:
    """Who or what a field names; None where it names nobody."""
    return _named(row, name) if row[name] else None


def _named(row: Mapping[str, Any], name: str) -> str:
    value = row[name]
    if not isinstance(value, list) or len(value) != 2:  # noqa: PLR2004 - an id and a name
        raise Incomplete(f"Odoo: entry {row.get('id')} has no {name}")
    return str(value[1])
