"""Usage invoices by the hour or day, on usage as it is now."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from typing import Any

from connectors.localcore import (
    billing_periods,
    credit_book,
    customers,
    invoice_shapes,
    invoicing,
)
from connectors.localcore.checks import ID, PAGE, boolean, instant, one_of, record
from connectors.localcore.errors import BadRequest
from connectors.localcore.invoice_lists import Shown, instant_of, start, trimmed, walk
from connectors.localcore.invoice_shapes import USAGE
from connectors.localcore.lifecycle import DRAFT, FINALIZED, VOID
from connectors.localcore.metering import Source, booked
from connectors.localcore.paging import cursor_for, scope_of, seq_after
from connectors.localcore.tx import Tx
from connectors.localcore.web import Call, Route
from connectors.localcore.words import Draft, Line, Period, sum_exact

STEPS = {"HOUR": timedelta(hours=1), "DAY": timedelta(days=1)}
PAGES = {"HOUR": 24, "DAY": 35}


def _breakdowns(call: Call) -> dict[str, Any]:
    """Usage invoices by the hour or day, on usage as it is now.

    A final invoice whose breakdowns do not add up to its total has had late usage.
    """
    tx, query = call.tx, call.query
    customer = customers.need_customer(tx, call.path["customer_id"])
    size = query.get("window_size", "DAY")
    if query["ending_before"] <= query["starting_on"]:
        raise BadRequest("ending_before must be after starting_on")
    asked = Period(query["starting_on"], query["ending_before"])
    usage = booked(tx, customer.id)
    places = [
        (case, window)
        for case in _cases(tx, customer.id, query, usage)
        for window in _steps(case.shown, asked, STEPS[size])
    ]
    scope = scope_of(f"breakdowns {customer.id}", query)
    first = seq_after(scope, query.get("next_page")) or 0
    end = first + min(query.get("limit", PAGES[size]), PAGES[size])
    rows = []
    drafts: dict[str, Draft] = {}
    for case, window in places[first:end]:
        name = case.shown["id"]
        if name not in drafts:
            mine = [one for other, one in places if other is case]
            drafts[name] = _rated_again(tx, case, mine, usage)
        rows.append(trimmed(_breakdown(tx, case.shown, window, drafts[name]), query))
    more = cursor_for(scope, end) if end < len(places) else None
    return {"data": rows, "next_page": more}


@dataclass(frozen=True, slots=True)
class _Case:
    """An invoice to break down; a draft knows which credits may pay on it."""

    shown: Shown
    payers: invoicing.Payers | None = None


def _cases(
    tx: Tx, customer_id: str, query: Mapping[str, Any], usage: Source
) -> list[_Case]:
    """The usage invoices of a customer, oldest issue first; void ones only if asked for."""
    status = query.get("status")
    unit_id = query.get("credit_type_id")
    found: list[_Case] = []
    if status != DRAFT:
        chosen = {"credit_type_id": unit_id, "type": USAGE, "status": status or FINALIZED}
        begin = start(newest_first=False)
        rows = walk(tx, customer_id, chosen, begin, newest_first=False)
        found.extend(_Case(shown) for _, shown in rows)
    if status in {None, DRAFT}:
        found.extend(
            _Case({**invoicing.usage_body(tx, one), "status": DRAFT}, one.payers)
            for one in invoicing.open_invoices(tx, customer_id, usage)
            if unit_id in {None, one.unit_id}
        )
    return found[::-1] if query.get("sort") == "date_desc" else found


def _period(shown: Shown) -> Period:
    return Period(instant_of(shown["start_timestamp"]), instant_of(shown["end_timestamp"]))


def _steps(shown: Shown, asked: Period, step: timedelta) -> Iterator[Period]:
    """The hours or days of an invoice's period within the time asked for."""
    period = _period(shown)
    begin = period.start.replace(minute=0, second=0, microsecond=0)
    if step == STEPS["DAY"]:
        begin = begin.replace(hour=0)
    while begin < period.end:
        window = Period(max(begin, period.start), min(begin + step, period.end))
        if window.start >= asked.start and window.end <= asked.end:
            yield window
        begin += step


def _rated_again(tx: Tx, case: _Case, windows: Sequence[Period], usage: Source) -> Draft:
    """The invoice on today's usage, its own drawdowns given back first."""
    shown = case.shown
    contract = tx.need(billing_periods.CONTRACT, shown["contract_id"])
    payers = case.payers
    if payers is None:
        payers = credit_book.segments_of(
            tx,
            shown["customer_id"],
            shown["credit_type"]["id"],
            without_invoice=shown["id"],
        )
    cuts = {edge for window in windows for edge in (window.start, window.end)}
    return invoicing.rated(tx, contract, _period(shown), payers, usage, cuts)


def _breakdown(tx: Tx, shown: Shown, window: Period, draft: Draft) -> Shown:
    def within(line: Line) -> bool:
        return window.start <= line.period.start and line.period.end <= window.end

    part = Draft(tuple(line for line in draft.lines if within(line)))
    lines = invoice_shapes.usage_lines(tx, part, shown["credit_type"]["id"])
    if window.end == _period(shown).end:  # the day that its scheduled charges fall on
        lines += [line for line in shown["line_items"] if line["type"] == "scheduled"]
    total = sum_exact(Decimal(line["total"]) for line in lines)
    return {
        **shown,
        "line_items": lines,
        "total": total,
        "subtotal": total,
        "breakdown_start_timestamp": window.start,
        "breakdown_end_timestamp": window.end,
    }


routes: list[Route] = [
    Route(
        "GET",
        "/v1/customers/{customer_id}/invoices/breakdowns",
        _breakdowns,
        query=record(
            {"starting_on": instant, "ending_before": instant},
            {
                **PAGE,
                "status": one_of(DRAFT, FINALIZED, VOID),
                "credit_type_id": ID,
                "sort": one_of("date_asc", "date_desc"),
                "skip_zero_qty_line_items": boolean,
                "window_size": one_of(*STEPS),
            },
        ),
    ),
]
