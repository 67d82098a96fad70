"""Usage invoices by the hour or day, on usage as it is now."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import timedelta
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
from connectors.localcore.metering import booked
from connectors.localcore.paging import cursor_for, scope_of, seq_after
from connectors.localcore.tx import Tx
from connectors.localcore.web import Call, Route
from connectors.localcore.words import Draft, Line, Period

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
    newest_first = query.get("sort") == "date_desc"
    places = [
        (shown, window)
        for shown in _broken_down(tx, customer.id, query, newest_first=newest_first)
        for window in _steps(shown, asked, STEPS[size])
    ]
    scope = scope_of(f"breakdowns {customer.id}", query)
    first = seq_after(scope, query.get("next_page")) or 0
    end = first + min(query.get("limit", PAGES[size]), PAGES[size])
    rows = []
    drafts: dict[str, Draft] = {}
    for shown, window in places[first:end]:
        if shown["id"] not in drafts:
            mine = [one for other, one in places if other["id"] == shown["id"]]
            drafts[shown["id"]] = _rated_again(tx, shown, mine)
        row = _breakdown(tx, shown, window, drafts[shown["id"]])
        rows.append(trimmed(row, query))
    more = cursor_for(scope, end) if end < len(places) else None
    return {"data": rows, "next_page": more}


def _broken_down(
    tx: Tx, customer_id: str, query: Mapping[str, Any], *, newest_first: bool
) -> Iterator[Shown]:
    """The usage invoices of a customer; void ones only when asked for."""
    status = query.get("status")
    chosen = {
        "credit_type_id": query.get("credit_type_id"),
        "type": USAGE,
        "status": status,
    }
    after = start(newest_first=newest_first)
    for _, shown in walk(tx, customer_id, chosen, after, newest_first=newest_first):
        if shown["status"] != VOID or status == VOID:
            yield shown


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


def _rated_again(tx: Tx, shown: Shown, windows: Sequence[Period]) -> Draft:
    """The invoice on today's usage, its own drawdowns given back first."""
    contract = tx.need(billing_periods.CONTRACT, shown["contract_id"])
    unit_id = shown["credit_type"]["id"]
    customer_id = shown["customer_id"]
    if shown["status"] == DRAFT:
        mine = next(
            one for one in invoicing.open_invoices(tx, customer_id) if one.id == shown["id"]
        )
        payers = mine.payers
    else:
        payers = credit_book.segments_of(
            tx, customer_id, unit_id, without_invoice=str(shown["id"])
        )
    cuts = {edge for window in windows for edge in (window.start, window.end)}
    usage = booked(tx, customer_id)
    return invoicing.rated(tx, contract, _period(shown), payers, usage, cuts)


def _breakdown(tx: Tx, shown: Shown, window: Period, draft: Draft) -> Shown:
    def within(line: Line) -> bool:
        return window.start <= line.period.start and line.period.end <= window.end

    part = Draft(tuple(line for line in draft.lines if within(line)))
    return {
        **shown,
        "line_items": invoice_shapes.usage_lines(tx, part, shown["credit_type"]["id"]),
        "total": part.total,
        "subtotal": part.total,
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
