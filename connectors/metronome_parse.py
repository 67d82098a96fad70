"""Metronome's JSON in our words; strict, because half an answer must not become a fact.

Metronome: USD amounts are cents and may have fractions, other fiat currencies are in whole
units, and a custom pricing unit is no money. Lines have no id, so we make their keys.
"""

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from hashlib import sha256
from typing import Any

from connectors.failures import Incomplete
from state.clock import utc
from state.credits import CoreCredit, CreditSegment, LedgerEntry
from state.invoices import (
    APPLIED,
    CoreCustomer,
    CoreInvoice,
    CoreLine,
    CoreStatus,
    NativeDelivery,
)
from state.money import UnknownCurrency, core_exact_minor, exponent, round_minor

USD_CREDIT_TYPE = "2714e483-4ff1-48e4-9e25-ac732e8f24f2"
CUSTOMER_FIELD = "stripe_customer_id"
EMAIL_FIELD = "billing_email"
_INVOICE = re.compile("invoice|custinvc", re.IGNORECASE)


def invoice(body: Mapping[str, Any]) -> CoreInvoice:
    """One invoice. Raises Incomplete naming the invoice and the field."""
    name = str(body.get("id", "without id"))
    where = f"invoice {name}"
    currency, unit = _unit(need(body, "credit_type", where), where)
    total = number(need(body, "total", where), f"{where}: total")
    exact = total if currency is None else core_exact_minor(total, currency, unit)
    try:
        status = CoreStatus(str(need(body, "status", where)))
    except ValueError:
        raise Incomplete(f"{where}: status {body['status']!r} is not known") from None
    payer = _payer(body, where)
    return CoreInvoice(
        id=name,
        customer_id=str(need(body, "customer_id", where)),
        status=status,
        kind=str(need(body, "type", where)),
        currency=currency,
        exact_minor=exact,
        total_minor=round_minor(exact),
        lines=_lines(body, where),
        contract_id=text_in(body, "contract_id", where),
        start=moment(body, "start_timestamp", where),
        end=moment(body, "end_timestamp", where),
        issued_at=moment(body, "issued_at", where),
        regenerated_from=text_in(body, "regenerated_from_invoice_id", where),
        delivery=_delivery(object_in(body, "external_invoice", where), where),
        billable=body.get("billable_status") != "unbillable",
        net_terms_days=_days(body, "net_payment_terms_days", where),
        constituents=tuple(
            (str(need(one, "customer_id", where)), str(need(one, "invoice_id", where)))
            for one in objects_in(body, "constituent_invoices", where)
        ),
        copies=_copies(body, where),
        payer_id=None if payer is None else payer[0],
        payer_contract_id=None if payer is None else payer[1],
    )


def _payer(body: Mapping[str, Any], where: str) -> tuple[str, str | None] | None:
    """Metronome: in a hierarchy, the customer and contract that pay; here, if not its own."""
    payer = object_in(body, "payer", where)
    customer_id = text_in(payer, "customer_id", where)
    if customer_id is None or customer_id == body.get("customer_id"):
        return None
    return customer_id, text_in(payer, "contract_id", where)


def _copies(body: Mapping[str, Any], where: str) -> tuple[tuple[str, str], ...]:
    """Metronome: the invoices that stand for it in a revenue system, by provider and id.

    The words of the entity's type are not published: one that does not speak of an invoice
    (a sales order, a customer) names no document of ours.
    """
    return tuple(
        (str(need(one, "revenue_system_provider", where)), name)
        for one in objects_in(body, "revenue_system_invoices", where)
        if (name := text_in(one, "revenue_system_external_entity_id", where))
        and _INVOICE.search(str(one.get("revenue_system_external_entity_type") or ""))
    )


def customer(
    body: Mapping[str, Any], billing: Sequence[Mapping[str, Any]], native: Sequence[str]
) -> CoreCustomer:
    """One customer with its billing configurations and natively billed contracts."""
    where = f"customer {body.get('id', 'without id')}"
    fields = object_in(body, "custom_fields", where)
    configured = next(
        (
            text_in(object_in(one, "configuration", where), CUSTOMER_FIELD, where)
            for one in billing
            if one.get("billing_provider") == "stripe" and not one.get("archived_at")
        ),
        None,
    )
    return CoreCustomer(
        id=str(need(body, "id", where)),
        name=str(need(body, "name", where)),
        archived=bool(body.get("archived_at")),
        stripe_customer_field=text_in(fields, CUSTOMER_FIELD, where),
        stripe_billing_customer=configured,
        native_contracts=tuple(sorted(native)),
        email=text_in(fields, EMAIL_FIELD, where) or None,
    )


def credit(customer_id: str, body: Mapping[str, Any]) -> CoreCredit:
    """One credit with its schedule and ledger; amounts in its own unit."""
    where = f"credit {body.get('id', 'without id')}"
    schedule = object_in(body, "access_schedule", where)
    unit = object_in(schedule, "credit_type", where)
    currency, places = money_of(unit, where)
    return CoreCredit(
        id=str(need(body, "id", where)),
        customer_id=customer_id,
        name=str(body.get("name") or ""),
        product_id=str(need(need(body, "product", where), "id", where)),
        unit=str(unit.get("name") or ""),
        unit_id=str(unit.get("id") or ""),
        currency=currency,
        places=places,
        priority=number(body.get("priority", 0), f"{where}: priority"),
        segments=tuple(
            CreditSegment(
                id=str(need(item, "id", where)),
                amount=number(need(item, "amount", where), f"{where}: amount"),
                start=needed_moment(item, "starting_at", where),
                end=needed_moment(item, "ending_before", where),
            )
            for item in objects_in(schedule, "schedule_items", where)
        ),
        ledger=tuple(
            LedgerEntry(
                kind=str(need(entry, "type", where)),
                amount=number(need(entry, "amount", where), f"{where}: ledger amount"),
                at=needed_moment(entry, "timestamp", where),
                segment_id=text_in(entry, "segment_id", where),
                invoice_id=text_in(entry, "invoice_id", where),
                contract_id=text_in(entry, "contract_id", where),
                reason=str(entry.get("reason") or ""),
            )
            for entry in objects_in(body, "ledger", where)
        ),
        balance=None if body.get("balance") is None else number(body["balance"], where),
        contract_id=text_in(object_in(body, "contract", where), "id", where),
        archived=bool(body.get("archived_at")),
        product_ids=tuple(sorted(words_in(body, "applicable_product_ids", where))),
        tags=tuple(sorted(words_in(body, "applicable_product_tags", where))),
        contract_ids=tuple(sorted(words_in(body, "applicable_contract_ids", where))),
        created_at=moment(body, "created_at", where),
        uniqueness_key=text_in(body, "uniqueness_key", where),
    )


def _lines(body: Mapping[str, Any], where: str) -> tuple[CoreLine, ...]:
    need(body, "line_items", where)
    seen: Counter[str] = Counter()
    lines = []
    for row in objects_in(body, "line_items", where):
        if str(row.get("commit_type") or "").lower().startswith("postpaid") and (
            row.get("type") == APPLIED
        ):
            continue  # Metronome: not in the invoice's total
        currency, unit = _unit(need(row, "credit_type", where), where)
        total = number(need(row, "total", where), f"{where}: line total")
        exact = total if currency is None else core_exact_minor(total, currency, unit)
        base = _line_key(row)
        seen[base] += 1
        price = row.get("unit_price")
        lines.append(
            CoreLine(
                key=f"{base}-{seen[base]}",
                description=str(need(row, "name", where)),
                kind=str(need(row, "type", where)),
                exact_minor=exact,
                product_id=text_in(row, "product_id", where),
                quantity=None
                if row.get("quantity") is None
                else number(row["quantity"], f"{where}: quantity"),
                unit_price_minor=None
                if price is None or currency is None
                else core_exact_minor(number(price, where), currency, unit),
                start=moment(row, "starting_at", where),
                end=moment(row, "ending_before", where),
                credit_id=_credit_of(row, where),
                segment_id=text_in(row, "commit_segment_id", where),
                groups=_groups(row, where),
            )
        )
    return tuple(lines)


def _credit_of(row: Mapping[str, Any], where: str) -> str | None:
    """The credit on a line; a commit, which was paid for, is none."""
    applied = object_in(row, "applied_commit_or_credit", where)
    if applied.get("type", "CREDIT") != "CREDIT":
        return None
    found = applied.get("id") or row.get("commit_id")
    return None if found is None else str(found)


def _groups(row: Mapping[str, Any], where: str) -> tuple[tuple[str, str], ...]:
    """The group values that a line is priced by or shown by, sorted."""
    given = {
        **object_in(row, "pricing_group_values", where),
        **object_in(row, "presentation_group_values", where),
    }
    return tuple(sorted((name, str(value or "")) for name, value in given.items()))


_LINE_PARTS = (
    "product_id",
    "type",
    "name",
    "starting_at",
    "ending_before",
    "commit_id",
    "commit_segment_id",
    "pricing_group_values",
    "presentation_group_values",
    "tier",
)


def _line_key(row: Mapping[str, Any]) -> str:
    """What tells one line from another; an ordinal for true twins is added."""
    told = "\n".join(f"{part}={_in_order(row.get(part))}" for part in _LINE_PARTS)
    return sha256(told.encode()).hexdigest()[:20]


def _in_order(value: Any) -> Any:
    """A value whose fields may come in any order the next time, in one order."""
    return dict(sorted(value.items())) if isinstance(value, Mapping) else value


def _unit(body: Any, where: str) -> tuple[str | None, Any]:
    """The currency of a pricing unit and its scale; None for a custom unit."""
    if not isinstance(body, Mapping):
        raise Incomplete(f"{where}: credit_type is no object")
    if body.get("id") == USD_CREDIT_TYPE:
        return "USD", "cents"
    name = str(body.get("name", "")).upper()
    try:
        exponent(name)
    except UnknownCurrency:
        return None, "whole"
    return name, "whole"


def money_of(body: Any, where: str) -> tuple[str | None, int]:
    """A pricing unit's currency and the powers of ten from it to minor units."""
    currency, scale = _unit(body, where)
    whole = currency is not None and scale == "whole"
    return currency, exponent(currency) if whole and currency is not None else 0


def _delivery(body: Mapping[str, Any], where: str) -> NativeDelivery | None:
    if not body:
        return None
    return NativeDelivery(
        provider=str(body.get("billing_provider_type") or ""),
        invoice_id=text_in(body, "invoice_id", where),
        status=text_in(body, "external_status", where),
        error=text_in(body, "billing_provider_error", where),
    )


def need(body: Any, name: str, where: str) -> Any:
    """A field that an answer must have. Raises Incomplete naming both."""
    if not isinstance(body, Mapping) or body.get(name) is None:
        raise Incomplete(f"the billing core's {where} has no {name}; nothing was concluded")
    return body[name]


def number(value: Any, where: str) -> Decimal:
    """An exact number. Raises Incomplete for what is none."""
    if isinstance(value, bool) or not isinstance(value, int | Decimal):
        raise Incomplete(f"the billing core's {where} is no number")
    return Decimal(value)


def moment(body: Mapping[str, Any], name: str, where: str) -> datetime | None:
    """A time that an answer may have. Raises Incomplete for what is no time."""
    return None if body.get(name) is None else needed_moment(body, name, where)


def needed_moment(body: Any, name: str, where: str) -> datetime:
    """A time that an answer must have. Raises Incomplete naming both."""
    text = str(need(body, name, where))
    try:
        return utc(text)
    except ValueError:
        raise Incomplete(
            f"the billing core's {where}: {name} {text!r} is no time"
        ) from None


def text_in(body: Mapping[str, Any], name: str, where: str) -> str | None:
    """A text that an answer may have. Raises Incomplete for what is no text."""
    found = body.get(name)
    if found is not None and not isinstance(found, str):
        raise Incomplete(f"the billing core's {where}: {name} is no text")
    return found


def _days(body: Mapping[str, Any], name: str, where: str) -> int | None:
    found = body.get(name)
    if found is not None and (isinstance(found, bool) or not isinstance(found, int)):
        raise Incomplete(f"the billing core's {where}: {name} is no number of days")
    return found


def object_in(body: Mapping[str, Any], name: str, where: str) -> Mapping[str, Any]:
    """An object inside an answer; an absent one is empty. Raises Incomplete."""
    found = body.get(name) or {}
    if not isinstance(found, Mapping):
        raise Incomplete(f"the billing core's {where}: {name} is no object")
    return found


def objects_in(body: Mapping[str, Any], name: str, where: str) -> list[Mapping[str, Any]]:
    """A list of objects inside an answer; an absent one is empty. Raises Incomplete."""
    found = body.get(name) or []
    if not isinstance(found, list) or not all(isinstance(one, Mapping) for one in found):
        raise Incomplete(f"the billing core's {where}: {name} is no list of objects")
    return found


def words_in(body: Mapping[str, Any], name: str, where: str) -> tuple[str, ...]:
    """A list of words inside an answer; an absent one is empty. Raises Incomplete."""
    found = body.get(name) or []
    if not isinstance(found, list):
        raise Incomplete(f"the billing core's {where}: {name} is no list")
    return tuple(str(one) for one in found)
