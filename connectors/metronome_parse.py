"""Metronome's JSON in our words; strict, because half an answer must not become a fact.

Metronome: USD amounts are cents and may have fractions, other fiat currencies are in whole
units, and a custom pricing unit is no money. Lines have no id, so we make their keys.
"""

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


def invoice(body: Mapping[str, Any]) -> CoreInvoice:
    """One invoice. Raises Incomplete naming the invoice and the field."""
    name = str(body.get("id", "without id"))
    where = f"invoice {name}"
    currency, unit = _unit(need(body, "credit_type", where), where)
    total = _number(need(body, "total", where), f"{where}: total")
    exact = total if currency is None else core_exact_minor(total, currency, unit)
    try:
        status = CoreStatus(str(need(body, "status", where)))
    except ValueError:
        raise Incomplete(f"{where}: status {body['status']!r} is not known") from None
    return CoreInvoice(
        id=name,
        customer_id=str(need(body, "customer_id", where)),
        status=status,
        kind=str(need(body, "type", where)),
        currency=currency,
        exact_minor=exact,
        total_minor=round_minor(exact),
        lines=_lines(body, where),
        contract_id=body.get("contract_id"),
        start=moment(body, "start_timestamp", where),
        end=moment(body, "end_timestamp", where),
        issued_at=moment(body, "issued_at", where),
        regenerated_from=body.get("regenerated_from_invoice_id"),
        delivery=_delivery(_object(body, "external_invoice", where)),
        billable=body.get("billable_status") != "unbillable",
        net_terms_days=body.get("net_payment_terms_days"),
    )


def customer(
    body: Mapping[str, Any], billing: Sequence[Mapping[str, Any]], native: Sequence[str]
) -> CoreCustomer:
    """One customer with its billing configurations and natively billed contracts."""
    where = f"customer {body.get('id', 'without id')}"
    fields = _object(body, "custom_fields", where)
    configured = next(
        (
            _object(one, "configuration", where).get("stripe_customer_id")
            for one in billing
            if one.get("billing_provider") == "stripe" and not one.get("archived_at")
        ),
        None,
    )
    return CoreCustomer(
        id=str(need(body, "id", where)),
        name=str(need(body, "name", where)),
        archived=bool(body.get("archived_at")),
        stripe_customer_field=fields.get(CUSTOMER_FIELD),
        stripe_billing_customer=configured,
        native_contracts=tuple(sorted(native)),
        email=fields.get(EMAIL_FIELD) or None,
    )


def credit(customer_id: str, body: Mapping[str, Any]) -> CoreCredit:
    """One credit with its schedule and ledger; amounts in its own unit."""
    where = f"credit {body.get('id', 'without id')}"
    schedule = _object(body, "access_schedule", where)
    unit = _object(schedule, "credit_type", where)
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
        priority=_number(body.get("priority", 0), f"{where}: priority"),
        segments=tuple(
            CreditSegment(
                id=str(need(item, "id", where)),
                amount=_number(need(item, "amount", where), f"{where}: amount"),
                start=needed_moment(item, "starting_at", where),
                end=needed_moment(item, "ending_before", where),
            )
            for item in _objects(schedule, "schedule_items", where)
        ),
        ledger=tuple(
            LedgerEntry(
                kind=str(need(entry, "type", where)),
                amount=_number(need(entry, "amount", where), f"{where}: ledger amount"),
                at=needed_moment(entry, "timestamp", where),
                segment_id=entry.get("segment_id"),
                invoice_id=entry.get("invoice_id"),
                contract_id=entry.get("contract_id"),
                reason=str(entry.get("reason") or ""),
            )
            for entry in _objects(body, "ledger", where)
        ),
        balance=None if body.get("balance") is None else _number(body["balance"], where),
        contract_id=_object(body, "contract", where).get("id"),
        archived=bool(body.get("archived_at")),
        product_ids=_words(body, "applicable_product_ids"),
        tags=_words(body, "applicable_product_tags"),
        contract_ids=_words(body, "applicable_contract_ids"),
        created_at=moment(body, "created_at", where),
        uniqueness_key=body.get("uniqueness_key"),
    )


def _words(body: Mapping[str, Any], name: str) -> tuple[str, ...]:
    return tuple(sorted(str(one) for one in body.get(name) or ()))


def _lines(body: Mapping[str, Any], where: str) -> tuple[CoreLine, ...]:
    need(body, "line_items", where)
    seen: Counter[str] = Counter()
    lines = []
    for row in _objects(body, "line_items", where):
        if str(row.get("commit_type") or "").lower().startswith("postpaid") and (
            row.get("type") == APPLIED
        ):
            continue  # Metronome: not in the invoice's total
        currency, unit = _unit(need(row, "credit_type", where), where)
        total = _number(need(row, "total", where), f"{where}: line total")
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
                product_id=row.get("product_id"),
                quantity=None
                if row.get("quantity") is None
                else _number(row["quantity"], f"{where}: quantity"),
                unit_price_minor=None
                if price is None or currency is None
                else core_exact_minor(_number(price, where), currency, unit),
                start=moment(row, "starting_at", where),
                end=moment(row, "ending_before", where),
                credit_id=_credit_of(row, where),
                segment_id=row.get("commit_segment_id"),
                groups=_groups(row, where),
            )
        )
    return tuple(lines)


def _credit_of(row: Mapping[str, Any], where: str) -> str | None:
    """The credit on a line; a commit, which was paid for, is none."""
    applied = _object(row, "applied_commit_or_credit", where)
    if applied.get("type", "CREDIT") != "CREDIT":
        return None
    found = applied.get("id") or row.get("commit_id")
    return None if found is None else str(found)


def _groups(row: Mapping[str, Any], where: str) -> tuple[tuple[str, str], ...]:
    """The group values that a line is priced by or shown by, sorted."""
    given = {
        **_object(row, "pricing_group_values", where),
        **_object(row, "presentation_group_values", where),
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


def _delivery(body: Mapping[str, Any]) -> NativeDelivery | None:
    if not body:
        return None
    return NativeDelivery(
        provider=str(body.get("billing_provider_type") or ""),
        invoice_id=body.get("invoice_id"),
        status=body.get("external_status"),
        error=body.get("billing_provider_error"),
    )


def need(body: Any, name: str, where: str) -> Any:
    """A field that an answer must have. Raises Incomplete naming both."""
    if not isinstance(body, Mapping) or body.get(name) is None:
        raise Incomplete(f"the billing core's {where} has no {name}; nothing was concluded")
    return body[name]


def _number(value: Any, where: str) -> Decimal:
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


def _object(body: Mapping[str, Any], name: str, where: str) -> Mapping[str, Any]:
    """An object inside an answer; an absent one is empty. Raises Incomplete."""
    found = body.get(name) or {}
    if not isinstance(found, Mapping):
        raise Incomplete(f"the billing core's {where}: {name} is no object")
    return found


def _objects(body: Mapping[str, Any], name: str, where: str) -> list[Mapping[str, Any]]:
    """A list of objects inside an answer; an absent one is empty. Raises Incomplete."""
    found = body.get(name) or []
    if not isinstance(found, list) or not all(isinstance(one, Mapping) for one in found):
        raise Incomplete(f"the billing core's {where}: {name} is no list of objects")
    return found
