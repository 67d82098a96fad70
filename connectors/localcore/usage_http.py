"""Usage on Metronome's paths: taken in, searched, aggregated, and tried on the drafts."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from connectors.localcore import customers, events, invoice_shapes, invoicing, metrics
from connectors.localcore.checks import (
    CURSOR,
    ID,
    PAGE,
    Check,
    boolean,
    instant,
    json_object,
    listing,
    not_served,
    one_of,
    record,
    text,
)
from connectors.localcore.errors import BadRequest
from connectors.localcore.events import StoredEvent
from connectors.localcore.metering import Source, booked, metric_of
from connectors.localcore.paging import PAGE_SIZE, scope_of, seq_after, take_all
from connectors.localcore.tx import Stored, Tx
from connectors.localcore.usage_math import aggregate, first_of_each, matches, refusal
from connectors.localcore.web import Call, Route
from connectors.localcore.words import BACKDATING, Event, Period

BATCH_MAX = 100
SEARCH_MAX = 100
WINDOWS_MAX = 20_000
WINDOWS: Mapping[str, timedelta | None] = {
    "HOUR": timedelta(hours=1),
    "DAY": timedelta(days=1),
    "NONE": None,
}


def _ingest(call: Call) -> None:
    """Take a batch or none of it: half a correction would be worse than none."""
    for body in call.body:
        refused = refusal(_event(body), call.now)
        if refused is not None:
            raise BadRequest(f"{refused}; nothing of the batch was taken")
    for body in call.body:
        events.add_event(
            call.tx,
            transaction_id=body["transaction_id"],
            customer_ref=body["customer_id"],
            event_type=body["event_type"],
            at=body["timestamp"],
            properties=body.get("properties", {}),
        )


def _event(body: Mapping[str, Any]) -> Event:
    return Event(
        body["timestamp"],
        body["event_type"],
        body.get("properties", {}),
        body.get("transaction_id", ""),
    )


def _search(call: Call) -> list[dict[str, Any]]:
    """Metronome: the events of the last 34 days, by transaction id; a bare array."""
    since = call.now - BACKDATING
    found = events.events_by_transaction(call.tx, call.body["transactionIds"])
    known = call.tx.find(metrics.KIND, state="ACTIVE")
    return [_found(call.tx, one, known) for one in found if one.received_at > since]


def _found(tx: Tx, event: StoredEvent, known: Sequence[Stored]) -> dict[str, Any]:
    seen = Event(event.at, event.event_type, event.properties)
    shown: dict[str, Any] = {
        "id": event.id,
        "transaction_id": event.transaction_id,
        "customer_id": event.customer_ref,
        "event_type": event.event_type,
        "timestamp": event.at,
        "properties": event.properties,
        "is_duplicate": False,
        "processed_at": event.received_at,
        "matched_billable_metrics": [
            {"id": one.id, **one.body} for one in known if matches(metric_of(one), seen)
        ],
    }
    if event.customer_id:
        customer = tx.need(customers.KIND, event.customer_id)
        shown["matched_customer"] = {"id": customer.id, "name": customer.body["name"]}
    return shown


# --- aggregates ------------------------------------------------------------------------


def _windows(body: Mapping[str, Any]) -> list[Period]:
    for name in ("starting_on", "ending_before"):
        if name not in body:
            raise BadRequest(f"{name} is required")
        at = body[name]
        if (at.hour, at.minute, at.second, at.microsecond) != (0, 0, 0, 0):
            raise BadRequest(f"{name} must be a UTC midnight")
    start, end = body["starting_on"], body["ending_before"]
    if end <= start:
        raise BadRequest("ending_before must be at least one day after starting_on")
    step = WINDOWS[body["window_size"]] or end - start
    if (end - start) // step > WINDOWS_MAX:
        raise BadRequest(f"window_size: more than {WINDOWS_MAX} windows; ask for less time")
    return [
        Period(start + count * step, start + (count + 1) * step)
        for count in range((end - start) // step)
    ]


def _split(found: Sequence[Event], windows: Sequence[Period]) -> Iterator[list[Event]]:
    """The events of each window; both in time order."""
    place = 0
    for window in windows:
        mine: list[Event] = []
        while place < len(found) and found[place].at < window.end:
            mine.append(found[place])
            place += 1
        yield mine


def _usage(call: Call) -> dict[str, Any]:
    tx, body = call.tx, call.body
    windows = _windows(body)
    asked = body.get("customer_ids")
    everyone = (
        tx.find(customers.KIND, state="ACTIVE")
        if asked is None
        else [customers.need_customer(tx, one, "customer_ids") for one in asked]
    )
    chosen = body.get("billable_metrics")
    measured = (
        tx.find(metrics.KIND, state="ACTIVE")
        if chosen is None
        else [tx.need(metrics.KIND, one["id"], "billable_metrics.id") for one in chosen]
    )
    places = [(who, metric) for who in everyone for metric in measured]
    scope = scope_of("usage", body)
    after = seq_after(scope, call.query.get("next_page"))
    size = max(1, PAGE_SIZE // len(windows))
    page, next_page = take_all(places, limit=size, scope=scope, after=after)
    rows = [row for who, metric in page for row in _usage_rows(tx, who, metric, windows)]
    return {"data": rows, "next_page": next_page}


def _usage_rows(
    tx: Tx, customer: Stored, metric: Stored, windows: Sequence[Period]
) -> Iterator[dict[str, Any]]:
    wanted = metric_of(metric)
    whole = Period(windows[0].start, windows[-1].end)
    found = list(booked(tx, customer.id)(whole, wanted.event_types))
    for window, mine in zip(windows, _split(found, windows), strict=True):
        yield {
            "customer_id": customer.id,
            "billable_metric_id": metric.id,
            "billable_metric_name": metric.body["name"],
            "start_timestamp": window.start,
            "end_timestamp": window.end,
            "value": aggregate(wanted, mine),
        }


def _groups(call: Call) -> dict[str, Any]:
    """One metric of one customer, by the values of a group key."""
    tx, body = call.tx, call.body
    customer = customers.need_customer(tx, body["customer_id"])
    metric = tx.need(metrics.KIND, body["billable_metric_id"], "billable_metric_id")
    keys: list[str] = body.get("group_key") or [body.get("group_by", {}).get("key")]
    if keys == [None]:
        raise BadRequest("group_key is required: name at least one property")
    filters: dict[str, list[str]] = dict(body.get("group_filters", {}))
    if body.get("group_by", {}).get("values"):
        filters[keys[0]] = body["group_by"]["values"]
    windows = _windows(body)
    whole = Period(windows[0].start, windows[-1].end)
    wanted = metric_of(metric)
    grouped: dict[tuple[str, ...], list[Event]] = {}
    for event in booked(tx, customer.id)(whole, wanted.event_types):
        values = [event.properties.get(key) for key in keys]
        if None not in values and matches(wanted, event):
            grouped.setdefault(tuple(map(str, values)), []).append(event)
    rows = []
    for group in sorted(grouped):
        if all(
            not filters.get(key) or value in filters[key]
            for key, value in zip(keys, group, strict=True)
        ):
            split = zip(windows, _split(grouped[group], windows), strict=True)
            rows += [
                _group_row(keys, group, window, aggregate(wanted, mine))
                for window, mine in split
            ]
    scope = scope_of("usage/groups", body)
    page, next_page = take_all(
        rows,
        limit=call.query.get("limit", PAGE_SIZE),
        scope=scope,
        after=seq_after(scope, call.query.get("next_page")),
    )
    return {"data": page, "next_page": next_page}


def _group_row(
    keys: Sequence[str], values: Sequence[str], window: Period, value: Any
) -> dict[str, Any]:
    single = len(keys) == 1
    return {
        "starting_on": window.start,
        "ending_before": window.end,
        "group_key": keys[0] if single else None,
        "group_value": values[0] if single else None,
        "group": dict(zip(keys, values, strict=True)),
        "value": value,
    }


# --- a correction tried out ------------------------------------------------------------


def _preview(call: Call) -> dict[str, Any]:
    """Metronome: the drafts as these events would make them; nothing is kept."""
    tx = call.tx
    customer = customers.need_customer(tx, call.path["customer_id"])
    given = [
        Event(
            one.get("timestamp", call.now),
            one["event_type"],
            one.get("properties", {}),
            one.get("transaction_id") or f"events[{place}]",
        )
        for place, one in enumerate(call.body["events"])
    ]
    for event in given:
        refused = refusal(event, call.now)
        if refused is not None:
            raise BadRequest(refused)
    if len(first_of_each(given)) != len(given):
        raise BadRequest("events: a transaction_id stands in the request twice")
    merge = call.body.get("mode", "replace") == "merge"
    if merge and not given:
        raise BadRequest("events must have at least one event to merge")
    fresh = first_of_each(given, _known(tx, given, call.now) if merge else ())
    fresh.sort(key=lambda event: event.at)
    source = _tried(booked(tx, customer.id) if merge else None, fresh)
    shown = [
        one
        for one in invoicing.shown_drafts(tx, customer.id, source)
        if one["type"] == invoice_shapes.USAGE
    ]
    if call.body.get("skip_zero_qty_line_items"):
        shown = [invoice_shapes.without_zero_lines(one) for one in shown]
    return {"data": shown}


def _known(tx: Tx, given: Sequence[Event], now: datetime) -> list[str]:
    """Which of these transaction ids the books already hold, within 34 days."""
    kept = events.events_by_transaction(tx, [event.transaction_id for event in given])
    since = now - BACKDATING
    return [one.transaction_id for one in kept if one.received_at > since]


def _tried(books: Source | None, extra: Sequence[Event]) -> Source:
    def source(period: Period, types: frozenset[str] | None) -> list[Event]:
        mine = [
            one
            for one in extra
            if period.holds(one.at) and (types is None or one.event_type in types)
        ]
        known = list(books(period, types)) if books is not None else []
        return sorted([*known, *mine], key=lambda one: one.at)

    return source


# --- routes -----------------------------------------------------------------------------

_EVENT = record(
    {
        "transaction_id": text(longest=128),
        "customer_id": text(longest=200),
        "event_type": text(longest=200),
        "timestamp": instant,
    },
    {"properties": json_object},
)
_TRIED = record(
    {"event_type": text(longest=200)},
    {
        "timestamp": instant,
        "properties": json_object,
        "transaction_id": text(longest=128),
        "customer_id": text(longest=200),
    },
)
_SIZE = one_of(*WINDOWS)
_GROUPS: dict[str, Check] = {
    "starting_on": instant,
    "ending_before": instant,
    "group_key": listing(ID, least=1, most=10),
    "group_filters": json_object,
    "group_by": record({"key": ID}, {"values": listing(text())}),
    "current_period": not_served("current_period; send starting_on and ending_before"),
}
routes: list[Route] = [
    Route(
        "POST",
        "/v1/ingest",
        _ingest,
        body=listing(_EVENT, least=1, most=BATCH_MAX),
        writes=True,
    ),
    Route(
        "POST",
        "/v1/events/search",
        _search,
        body=record({"transactionIds": listing(ID, least=1, most=SEARCH_MAX)}),
    ),
    Route(
        "POST",
        "/v1/usage",
        _usage,
        body=record(
            {"starting_on": instant, "ending_before": instant, "window_size": _SIZE},
            {
                "customer_ids": listing(ID),
                "billable_metrics": listing(
                    record(
                        {"id": ID}, {"group_by": not_served("group_by; ask usage/groups")}
                    )
                ),
            },
        ),
        query=record(optional={"next_page": CURSOR}),
    ),
    Route(
        "POST",
        "/v1/usage/groups",
        _groups,
        body=record(
            {"billable_metric_id": ID, "customer_id": ID, "window_size": _SIZE}, _GROUPS
        ),
        query=record(optional=PAGE),
    ),
    Route(
        "POST",
        "/v1/customers/{customer_id}/previewEvents",
        _preview,
        body=record(
            {"events": listing(_TRIED, most=BATCH_MAX)},
            {
                "mode": one_of("replace", "merge"),
                "skip_zero_qty_line_items": boolean,
            },
        ),
    ),
]
