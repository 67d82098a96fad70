"""Usage as quantities: which events a metric counts, and what they come to; pure."""

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import datetime
from decimal import (
    ROUND_CEILING,
    ROUND_FLOOR,
    ROUND_HALF_EVEN,
    ROUND_HALF_UP,
    Context,
    Decimal,
)
from typing import Any

from connectors.localcore.words import (
    BACKDATING,
    EXACT,
    FUTURE_DATING,
    SHARE_PLACES,
    ZERO,
    Conversion,
    Event,
    Metric,
    Movement,
    PropertyFilter,
    sum_exact,
)
from state.clock import iso

MAGNITUDE_MAX = 30  # powers of ten either way; 1e30 is no quantity
DIGITS_MAX = 80
_NUMBER = re.compile(r"[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d{1,4})?", re.ASCII)
_ROUNDINGS = {
    "ROUND_UP": ROUND_CEILING,
    "ROUND_DOWN": ROUND_FLOOR,
    "ROUND_HALF_UP": ROUND_HALF_UP,
}
_CUT = Context(prec=400, rounding=ROUND_HALF_EVEN)


def refusal(event: Event, now: datetime) -> str | None:
    """Why an event is not taken, naming it, or None. Both limits are inclusive.

    Metronome: usage may be dated 34 days back and 24 hours ahead.
    """
    name = event.transaction_id
    if event.at < now - BACKDATING:
        return (
            f"event {name}: {iso(event.at)} is more than {BACKDATING.days} days ago;"
            " correct it downstream"
        )
    if event.at > now + FUTURE_DATING:
        return f"event {name}: {iso(event.at)} is more than 24 hours in the future"
    return None


def first_of_each(events: Iterable[Event], known: Iterable[str] = ()) -> list[Event]:
    """The events whose transaction id is new: the first of an id wins."""
    seen = set(known)
    fresh: list[Event] = []
    for event in events:
        if event.transaction_id not in seen:
            seen.add(event.transaction_id)
            fresh.append(event)
    return fresh


def number_of(value: Any) -> Decimal | None:
    """The number that a property holds, as text ("-50") or as a number, else None."""
    if isinstance(value, bool):
        return None
    if isinstance(value, int):
        number = Decimal(value)
    elif isinstance(value, Decimal):
        number = value
    elif isinstance(value, str) and _NUMBER.fullmatch(value):
        number = Decimal(value)
    else:
        return None
    parts = number.as_tuple()
    if not isinstance(parts.exponent, int) or len(parts.digits) > DIGITS_MAX:
        return None
    if number and abs(number.adjusted()) > MAGNITUDE_MAX:
        return None
    return number or ZERO


def matches(metric: Metric, event: Event) -> bool:
    """Whether a metric looks at an event at all."""
    if metric.event_types is not None and event.event_type not in metric.event_types:
        return False
    if event.event_type in metric.other_event_types:
        return False
    return all(_passes(one, event.properties.get(one.name)) for one in metric.filters)


def _passes(wanted: PropertyFilter, value: Any) -> bool:
    if wanted.exists is not None and (value is not None) != wanted.exists:
        return False
    if wanted.in_values is not None and _text(value) not in wanted.in_values:
        return False
    return wanted.not_in_values is None or _text(value) not in wanted.not_in_values


def _text(value: Any) -> str | None:
    """A property as its filters and UNIQUE see it: 5 and "5" are the same."""
    if value is None:
        return None
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, Decimal):
        return format(value, "f")
    return str(value)


def movements(metric: Metric, events: Iterable[Event]) -> tuple[Movement, ...]:
    """How each event moves the quantity; `events` are in time order.

    SUM and COUNT move with every event, MAX with every new height, UNIQUE with every
    value that is new, LATEST once, where the last event stands. Together they are the
    aggregate. What is no number counts nothing.
    """
    kept = (event for event in events if matches(metric, event))
    return tuple(_MOVES[metric.aggregation](metric.key, kept))


def aggregate(metric: Metric, events: Iterable[Event]) -> Decimal | None:
    """The quantity of a metric, or None when no event counted."""
    moved = movements(metric, events)
    return sum_exact(one.quantity for one in moved) if moved else None


def _count(_: str, events: Iterable[Event]) -> Iterator[Movement]:
    return (Movement(event.at, Decimal(1)) for event in events)


def _numbers(key: str, events: Iterable[Event]) -> Iterator[Movement]:
    for event in events:
        number = number_of(event.properties.get(key))
        if number is not None:
            yield Movement(event.at, number)


def _max(key: str, events: Iterable[Event]) -> Iterator[Movement]:
    height: Decimal | None = None
    for one in _numbers(key, events):
        if height is None or one.quantity > height:
            yield Movement(one.at, EXACT.subtract(one.quantity, height or ZERO))
            height = one.quantity


def _latest(key: str, events: Iterable[Event]) -> Iterator[Movement]:
    last: Movement | None = None
    for one in _numbers(key, events):
        last = one
    return iter(() if last is None else (last,))


def _unique(key: str, events: Iterable[Event]) -> Iterator[Movement]:
    seen: set[str] = set()
    for event in events:
        value = _text(event.properties.get(key))
        if value is not None and value not in seen:
            seen.add(value)
            yield Movement(event.at, Decimal(1))


_MOVES: dict[str, Callable[[str, Iterable[Event]], Iterator[Movement]]] = {
    "COUNT": _count,
    "LATEST": _latest,
    "MAX": _max,
    "SUM": _numbers,
    "UNIQUE": _unique,
}


def convert(moved: Sequence[Movement], how: Conversion) -> tuple[Movement, ...]:
    """The movements in the billed unit.

    The running quantity is converted and rounded, and its steps are taken: so the steps
    add up to the converted quantity of the whole period, whatever the rounding.
    """
    running, billed = ZERO, ZERO
    steps: list[Movement] = []
    for one in moved:
        running = EXACT.add(running, one.quantity)
        after = _billed(running, how)
        steps.append(Movement(one.at, EXACT.subtract(after, billed)))
        billed = after
    return tuple(steps)


def _billed(quantity: Decimal, how: Conversion) -> Decimal:
    if how.divide:
        exact = _CUT.divide(quantity, how.factor)
        converted = exact.quantize(SHARE_PLACES, context=_CUT).normalize(_CUT)
    else:
        exact = converted = EXACT.multiply(quantity, how.factor)
    if how.rounding is None:
        return converted
    grain = Decimal(1).scaleb(-how.places)
    return exact.quantize(grain, rounding=_ROUNDINGS[how.rounding], context=_CUT)
