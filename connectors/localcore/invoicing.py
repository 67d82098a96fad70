"""Contracts' periods and invoices: live drafts, finalization, void, regeneration."""

import uuid
from calendar import monthrange
from collections.abc import Iterator
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from connectors.localcore import custom_fields, pricing_units, products, rate_cards
from connectors.localcore.contract_shapes import terms_now
from connectors.localcore.duework import DueWork
from connectors.localcore.errors import BadRequest, NotFound
from connectors.localcore.events import usage_events
from connectors.localcore.moments import moment
from connectors.localcore.rating import Line, Priced, Rated, Segment, quantities, rate
from connectors.localcore.tx import Stored, Tx
from state.clock import utc

CONTRACT, INVOICE, CREDIT = "contract", "invoice", "credit"
GRACE = timedelta(hours=24)
_SPACE = uuid.UUID("6f1c0b52-5f0e-4a36-9d43-6d7c9a1d4a10")


_MONTHS = {"MONTHLY": 1, "QUARTERLY": 3, "ANNUAL": 12}
WEEK = timedelta(days=7)


def period_of(contract: Stored, at: datetime) -> tuple[datetime, datetime]:
    """The billing period that holds an instant, counted from its anchor, cut to the contract."""
    schedule = contract.body["schedule"]
    anchor = utc(schedule["billing_anchor_date"])
    if schedule["frequency"] == "WEEKLY":
        start = anchor + (at - anchor) // WEEK * WEEK
        end = start + WEEK
    else:
        step = _MONTHS[schedule["frequency"]]
        months = (at.year - anchor.year) * 12 + at.month - anchor.month
        number = months // step
        while _months_on(anchor, number * step) > at:
            number -= 1
        while _months_on(anchor, (number + 1) * step) <= at:
            number += 1
        start, end = (_months_on(anchor, n * step) for n in (number, number + 1))
    ends = terms_now(contract)["ending_before"]
    return max(start, utc(contract.body["starting_at"])), min(
        end, utc(ends)
    ) if ends else end


def _months_on(anchor: datetime, months: int) -> datetime:
    """So many calendar months later; the 31st becomes the month's last day."""
    years, month = divmod(anchor.month - 1 + months, 12)
    year = anchor.year + years
    last = monthrange(year, month + 1)[1]
    return anchor.replace(year=year, month=month + 1, day=min(anchor.day, last))


def draft_id(contract_id: str, start: datetime) -> str:
    """A draft's id, which stays its id when it is finalized."""
    return str(uuid.uuid5(_SPACE, f"{contract_id} {start.isoformat()}"))


def drafts(tx: Tx, customer_id: str) -> Iterator[dict[str, Any]]:
    """The invoices of periods that are not yet final, as they would be now."""
    for contract in tx.find(CONTRACT, customer_id=customer_id, state="ACTIVE"):
        if contract.body["rate_card_id"] is None:
            continue
        start = utc(contract.body["next_period"])
        while start <= tx.now:
            ends = terms_now(contract)["ending_before"]
            if ends and start >= utc(ends):
                break
            begin, end = period_of(contract, start)
            rated = rated_period(tx, contract, begin, end)
            body = _invoice(tx, contract, begin, end, rated, draft_id(contract.id, begin))
            yield {**body, "status": "DRAFT"}
            start = end


def rated_period(tx: Tx, contract: Stored, start: datetime, end: datetime) -> Rated:
    """What a period comes to on today's usage, rates and balances."""
    rates = rate_cards.rates_of(tx, contract.body["rate_card_id"])
    priced = []
    for product_id in dict.fromkeys(one.body["product_id"] for one in rates):
        product = tx.need(products.KIND, product_id)
        current = rate_cards.rate_in_force(rates, product_id, start) or next(
            (one for one in rates if one.body["product_id"] == product_id), None
        )
        if (
            product.body["type"] != "USAGE"
            or current is None
            or not current.body["entitled"]
        ):
            continue
        fields = products.product_at(product, start)
        metric = tx.need("billable_metric", fields["billable_metric_id"])
        wanted = (metric.body.get("event_type_filter") or {}).get("in_values")
        events = [
            (event.at, event.properties)
            for event in usage_events(
                tx,
                contract.customer_id or "",
                starting_at=start,
                ending_before=end,
                event_types=wanted,
            )
        ]
        usage = quantities(metric.body, events, end - timedelta(microseconds=1))
        if usage:
            priced.append(
                Priced(
                    product_id=product_id,
                    name=fields["name"],
                    tags=tuple(fields.get("tags") or ()),
                    price=Decimal(current.body["rate"]["price"]),
                    usage=usage,
                )
            )
    return rate(priced, segments(tx, contract))


def segments(tx: Tx, contract: Stored) -> list[Segment]:
    """The credits that may pay on a contract, with what is left of each window."""
    found = []
    for credit in tx.find(CREDIT, customer_id=contract.customer_id):
        body = credit.body
        level = body.get("contract_id")
        scope = body.get("applicable_contract_ids") or ()
        if (level and level != contract.id) or (scope and contract.id not in scope):
            continue
        for item in body["access_schedule"]["schedule_items"]:
            used = sum(
                (
                    Decimal(e["amount"])
                    for e in body["ledger"]
                    if e.get("segment_id") == item["id"]
                ),
                Decimal(0),
            )
            found.append(
                Segment(
                    credit_id=credit.id,
                    segment_id=item["id"],
                    name=body["name"] or body["product_name"],
                    priority=Decimal(body.get("priority", 0)),
                    contract_level=bool(level),
                    product_ids=tuple(body.get("applicable_product_ids") or ()),
                    tags=tuple(body.get("applicable_product_tags") or ()),
                    start=utc(item["starting_at"]),
                    end=utc(item["ending_before"]),
                    left=Decimal(item["amount"]) + used,
                    order=credit.seq,
                )
            )
    return found


def _invoice(
    tx: Tx, contract: Stored, start: datetime, end: datetime, rated: Rated, name: str
) -> dict[str, Any]:
    card = tx.need(rate_cards.KIND, contract.body["rate_card_id"])
    unit = pricing_units.unit(card.body["fiat_credit_type_id"]).reference()
    customer_id = contract.customer_id or ""
    return {
        "id": name,
        "customer_id": customer_id,
        "contract_id": contract.id,
        "credit_type": unit,
        "type": "USAGE",
        "status": "FINALIZED",
        "start_timestamp": start,
        "end_timestamp": end,
        "line_items": [_line(line, unit, start, end) for line in rated.lines],
        "subtotal": rated.total,
        "total": rated.total,
        "net_payment_terms_days": terms_now(contract)["net_payment_terms_days"] or 30,
        "external_invoice": None,
        "customer_custom_fields": custom_fields.values_of(tx, "customer", customer_id),
    }


def _line(line: Line, unit: Any, start: datetime, end: datetime) -> dict[str, Any]:
    body: dict[str, Any] = {
        "credit_type": unit,
        "name": line.name,
        "product_id": line.product_id,
        "quantity": line.quantity,
        "unit_price": line.price,
        "total": line.total,
        "type": "applied_commit_or_credit" if line.applied else "usage",
        "starting_at": start,
        "ending_before": end,
    }
    if line.credit_id is not None:
        body.update(commit_id=line.credit_id, commit_segment_id=line.segment_id)
        body["commit_type"] = "PrepaidCommit"
    if line.applied:
        body["applied_commit_or_credit"] = {"id": line.credit_id, "type": "CREDIT"}
    return body


def finalize(
    tx: Tx, contract: Stored, start: datetime, end: datetime, name: str, **more: Any
) -> Stored:
    """Fix a period's invoice for good, and burn what its credits paid."""
    rated = rated_period(tx, contract, start, end)
    body = {**_invoice(tx, contract, start, end, rated, name), "issued_at": tx.now, **more}
    for (credit_id, segment_id), amount in rated.burned.items():
        entry = {
            "type": "CREDIT_AUTOMATED_INVOICE_DEDUCTION",
            "amount": -amount,
            "invoice_id": name,
            "segment_id": segment_id,
            "contract_id": contract.id,
        }
        add_ledger(tx, credit_id, entry)
    stored = tx.insert(
        INVOICE, name, body, customer_id=contract.customer_id, parent_id=contract.id,
        state="FINALIZED", at=tx.now,
    )  # fmt: skip
    tx.audit("finalize", INVOICE, name)
    return stored


def add_ledger(tx: Tx, credit_id: str, entry: dict[str, Any]) -> None:
    """Write one movement of a credit."""
    credit = tx.need(CREDIT, credit_id)
    ledger = [*credit.body["ledger"], {**entry, "timestamp": tx.now}]
    tx.update(CREDIT, credit_id, {**credit.body, "ledger": ledger})


def void_invoice(tx: Tx, name: str) -> None:
    """Void a finalized invoice; its credits come back through the ledger."""
    invoice = _invoice_or_404(tx, name)
    if invoice.state != "FINALIZED":
        raise BadRequest(
            f"invoice {name} is {invoice.state}; only a finalized one is voided"
        )
    for credit in tx.find(CREDIT, customer_id=invoice.customer_id):
        for entry in credit.body["ledger"]:
            burned = entry["type"] == "CREDIT_AUTOMATED_INVOICE_DEDUCTION"
            if burned and entry.get("invoice_id") == name:
                amount = -Decimal(entry["amount"])
                back = {**entry, "type": "CREDIT_CREDITED", "amount": amount}
                add_ledger(tx, credit.id, back)
    tx.update(INVOICE, name, {**invoice.body, "status": "VOID"}, state="VOID")
    tx.audit("void", INVOICE, name)


def regenerate(tx: Tx, name: str) -> str:
    """A new invoice for a void one, from today's usage; once."""
    invoice = _invoice_or_404(tx, name)
    if invoice.state != "VOID":
        raise BadRequest(
            f"invoice {name} is {invoice.state}; only a void one is regenerated"
        )
    fresh = tx.new_id()
    holder = tx.holder("regenerated", name)
    if holder is not None:
        raise BadRequest(f"invoice {name} was regenerated already as {holder}")
    tx.claim("regenerated", name, fresh)
    contract = tx.need(CONTRACT, invoice.body["contract_id"])
    start, end = utc(invoice.body["start_timestamp"]), utc(invoice.body["end_timestamp"])
    finalize(tx, contract, start, end, fresh, regenerated_from_invoice_id=name)
    tx.audit("regenerate", INVOICE, fresh)
    return fresh


def _invoice_or_404(tx: Tx, name: str) -> Stored:
    found = tx.get(INVOICE, name)
    if found is None:
        raise NotFound(f"invoice {name} was not found, or is a draft")
    return found


def plan_next(tx: Tx, contract: Stored) -> None:
    """Note when the next period of a contract becomes final; never, when it has ended."""
    start = utc(contract.body["next_period"])
    ends = terms_now(contract)["ending_before"]
    over = ends is not None and start >= utc(ends)
    idle = over or contract.body["rate_card_id"] is None
    following = None if idle else period_of(contract, start)[1] + GRACE
    tx.update(CONTRACT, contract.id, at=following)


def _next_at(tx: Tx) -> datetime | None:
    row = tx.execute(
        "SELECT min(at) FROM objects WHERE kind = ? AND state = 'ACTIVE'", (CONTRACT,)
    ).fetchone()
    return None if row[0] is None else moment(row[0])


def _run(tx: Tx, now: datetime) -> int:
    """Finalize the first period whose grace is over."""
    due = tx.find(CONTRACT, state="ACTIVE", at_or_before=now, by_instant=True, limit=1)
    for contract in due:
        start, end = period_of(contract, utc(contract.body["next_period"]))
        finalize(tx, contract, start, end, draft_id(contract.id, start))
        body = {**contract.body, "next_period": end}
        tx.update(CONTRACT, contract.id, body)
        plan_next(tx, tx.need(CONTRACT, contract.id))
    return len(due)


WORK = DueWork("finalize", _next_at, _run)
