"""What is sent on each open path, ready to be sent, and the command that walks it. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from decimal import Decimal
from typing import Any

from connectors.correcting import Product, Unit
from state.clock import iso
from state.corrections import UsageEvent
from state.invoices import CoreInvoice, CoreStatus
from sync.advise import Option, Path, Situation

CREDIT_LASTS = timedelta(days=365)
"""How long the credit of a payload lasts; a person shortens it."""


@dataclass(frozen=True, slots=True)
class Goods:
    """What the core's catalogue offers for a credit."""

    products: tuple[Product, ...]
    units: tuple[Unit, ...]


def with_payload(
    option: Option,
    case: Situation,
    goods: Goods,
    *,
    negations: Sequence[UsageEvent],
    resubmits: Sequence[UsageEvent],
    chosen: bool,
) -> Option:
    """The option with its payload and its command; a closed one has none."""
    if not option.open:
        return option
    invoice = case.invoice
    apply = f"tieout advise {invoice.id} --apply"
    ingest = [
        _call("/v1/ingest", [event_json(one) for one in some])
        for some in (negations, resubmits)
        if some
    ]
    match option.path:
        case Path.CUSTOMER_CREDIT | Path.CONTRACT_CREDIT:
            return _credit(option, case, goods)
        case Path.CREDIT_MEMO:
            return replace(option, payload=_memos(case))
        case Path.NEGATE_USAGE:
            how = apply if chosen else f"{apply} --negate TRANSACTION_ID"
            return replace(option, command=how, payload=ingest)
        case Path.CREDIT_AND_REBILL:
            calls = [*ingest]
            if invoice.status is CoreStatus.FINALIZED:
                calls.append(_call("/v1/invoices/void", {"id": invoice.id}))
            calls.append(_call("/v1/invoices/regenerate", {"id": invoice.id}))
            how = apply if chosen else f"{apply} --share whole --resubmit EVENTS.json"
            return replace(option, command=how, payload=calls)
        case _:
            return option


def event_json(event: UsageEvent) -> dict[str, Any]:
    """An event as the core takes it."""
    return {
        "transaction_id": event.transaction_id,
        "customer_id": event.customer_id,
        "event_type": event.event_type,
        "timestamp": iso(event.at),
        "properties": dict(event.properties),
    }


def _memos(case: Situation) -> list[dict[str, Any]]:
    """The memos that a person writes in A/R: at most what each document still asks for."""
    void = case.invoice.status is CoreStatus.VOID
    return [
        {
            "register": one.document.target,
            "document": one.document.id,
            "number": one.document.number,
            "amount_minor": one.exposure_minor,
            "currency": one.document.currency,
            "reason": "CREDIT_AND_REBILL" if void else "USAGE_ERROR",
        }
        for one in case.documents
        if one.exposure_minor > 0
    ]


def _credit(option: Option, case: Situation, goods: Goods) -> Option:
    """The grant of the whole amount for a year: a person lowers both to what is promised."""
    invoice = case.invoice
    fixed = [one for one in goods.products if one.kind == "FIXED" and not one.archived]
    named = [one for one in fixed if "credit" in one.name.lower()] or fixed
    unit = next((one for one in goods.units if one.currency == invoice.currency), None)
    if not named or unit is None or invoice.exact_minor <= 0:
        how = f"tieout credit grant {invoice.customer_id} AMOUNT --product FIXED_PRODUCT"
        return replace(option, command=f"{how} --until DATE")
    amount = Decimal(invoice.total_minor).scaleb(-unit.places)
    start = case.now.replace(hour=0, minute=0, second=0, microsecond=0)
    end = start + CREDIT_LASTS
    item = {
        # A JSON number where it is a whole one; exact text else, never a float.
        "amount": int(amount) if amount == amount.to_integral_value() else f"{amount:f}",
        "starting_at": iso(start),
        "ending_before": iso(end),
    }
    credit = {
        "product_id": named[0].id,
        "priority": 5,
        "access_schedule": {"credit_type_id": unit.id, "schedule_items": [item]},
    }
    words = f"tieout credit grant {invoice.customer_id} {amount:f} --unit {unit.currency}"
    words += f" --product '{named[0].name}' --until {end.date().isoformat()}"
    if option.path is Path.CUSTOMER_CREDIT:
        path = "/v1/contracts/customerCredits/create"
        body = {"customer_id": invoice.customer_id, **credit}
        return replace(option, command=words, payload=[_call(path, body)])
    body = {
        "customer_id": invoice.customer_id,
        "contract_id": invoice.contract_id,
        "add_credits": [credit],
    }
    words += f" --contract {invoice.contract_id}"
    return replace(option, command=words, payload=[_call("/v2/contracts/edit", body)])


def _call(path: str, body: Any) -> dict[str, Any]:
    return {"method": "POST", "path": path, "body": body}


def amount_text(invoice: CoreInvoice) -> str:
    """An invoice's exact amount for a program: minor units, fractions kept."""
    return format(invoice.exact_minor, "f")
