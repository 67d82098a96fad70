"""Which events a metric counts and what they come to, to the last digit."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.localcore.usage_math import (
    aggregate,
    convert,
    first_of_each,
    matches,
    movements,
    number_of,
    refusal,
)
from connectors.localcore.words import (
    BACKDATING,
    Conversion,
    Event,
    Metric,
    Movement,
    PropertyFilter,
)

NOW = datetime(2026, 3, 10, 12, tzinfo=UTC)
MICRO = timedelta(microseconds=1)
D = Decimal
NUMBERS = st.decimals(
    min_value=-(10**9), max_value=10**9, places=6, allow_nan=False, allow_infinity=False
)


def an_event(value: Any = None, *, kind: str = "tokens", **more: Any) -> Event:
    return Event(NOW, kind, {"n": value, **more} if value is not None else more)


def events_of(values: Sequence[Any]) -> list[Event]:
    return [
        Event(NOW + timedelta(minutes=count), "tokens", {"n": value})
        for count, value in enumerate(values)
    ]


@pytest.mark.parametrize(
    ("value", "number"),
    [
        ("-50", D(-50)),
        ("0.000000000000000000000000000001", D("1e-30")),
        ("1e3", D(1000)),
        (".5", D("0.5")),
        (7, D(7)),
        (D("7.25"), D("7.25")),
        ("-0", D(0)),
        (True, None),
        (None, None),
        ("", None),
        ("ten", None),
        ("1_000", None),
        (" 1", None),
        ("٣", None),
        ("NaN", None),
        (D("NaN"), None),
        ("Infinity", None),
        ("1e31", None),
        ("1e-31", None),
        ("1e9999", None),
        ("1" * 81, None),
        ([1], None),
    ],
)
def test_a_property_is_a_number_or_it_is_not(value: Any, number: Decimal | None) -> None:
    assert number_of(value) == number


@pytest.mark.parametrize(
    ("kind", "values", "quantity"),
    [
        ("SUM", ["5", "-50", 2], D(-43)),
        ("SUM", ["0.1", "0.2"], D("0.3")),
        ("SUM", ["no number"], None),
        ("COUNT", ["5", "no number"], D(2)),
        ("MAX", ["3", "-1", "7", "7", "2"], D(7)),
        ("MAX", ["-5", "-3"], D(-3)),
        ("LATEST", ["3", "9", "4"], D(4)),
        ("LATEST", [], None),
        ("UNIQUE", ["a", "b", "a", 5, "5", D("5"), True, "true"], D(4)),
        ("UNIQUE", [], None),
    ],
)
def test_an_aggregate_counts_as_its_kind_says(
    kind: str, values: list[Any], quantity: Decimal | None
) -> None:
    assert aggregate(Metric(kind, "n"), events_of(values)) == quantity


def test_a_unique_value_that_is_missing_is_not_counted() -> None:
    assert aggregate(Metric("UNIQUE", "n"), [an_event()]) is None


def test_latest_stands_where_the_last_event_stands() -> None:
    (moved,) = movements(Metric("LATEST", "n"), events_of(["3", "9", "4"]))
    assert moved == Movement(NOW + timedelta(minutes=2), D(4))


@pytest.mark.parametrize(
    ("metric", "event", "counts"),
    [
        (Metric("COUNT"), an_event(), True),
        (Metric("COUNT", event_types=frozenset({"tokens"})), an_event(), True),
        (Metric("COUNT", event_types=frozenset({"calls"})), an_event(), False),
        (Metric("COUNT", other_event_types=frozenset({"tokens"})), an_event(), False),
        (
            Metric("COUNT", filters=(PropertyFilter("zone", exists=True),)),
            an_event(),
            False,
        ),
        (
            Metric("COUNT", filters=(PropertyFilter("zone", exists=True),)),
            an_event(zone="a"),
            True,
        ),
        (
            Metric("COUNT", filters=(PropertyFilter("zone", exists=False),)),
            an_event(zone="a"),
            False,
        ),
        (
            Metric("COUNT", filters=(PropertyFilter("zone", in_values=frozenset("ab")),)),
            an_event(zone="a"),
            True,
        ),
        (
            Metric("COUNT", filters=(PropertyFilter("zone", in_values=frozenset("ab")),)),
            an_event(zone="c"),
            False,
        ),
        (
            Metric("COUNT", filters=(PropertyFilter("zone", in_values=frozenset("ab")),)),
            an_event(),
            False,
        ),
        (
            Metric(
                "COUNT", filters=(PropertyFilter("zone", not_in_values=frozenset("ab")),)
            ),
            an_event(zone="c"),
            True,
        ),
        (
            Metric(
                "COUNT", filters=(PropertyFilter("zone", not_in_values=frozenset("ab")),)
            ),
            an_event(zone="b"),
            False,
        ),
        (
            Metric("COUNT", filters=(PropertyFilter("n", in_values=frozenset({"5"})),)),
            an_event(5),
            True,
        ),
        (
            Metric("COUNT", filters=(PropertyFilter("n", in_values=frozenset({"false"})),)),
            Event(NOW, "t", {"n": False}),
            True,
        ),
    ],
)
def test_a_metric_looks_only_at_the_events_it_asks_for(
    metric: Metric, event: Event, counts: bool
) -> None:
    assert matches(metric, event) is counts
    assert (aggregate(metric, [event]) == 1) is counts


@pytest.mark.parametrize(
    ("at", "told"),
    [
        (NOW - BACKDATING, None),
        (NOW - BACKDATING - MICRO, "more than 34 days ago"),
        (NOW + timedelta(hours=24), None),
        (NOW + timedelta(hours=24) + MICRO, "more than 24 hours in the future"),
    ],
)
def test_usage_is_taken_from_34_days_back_to_a_day_ahead_both_inclusive(
    at: datetime, told: str | None
) -> None:
    refused = refusal(Event(at, "tokens", {}, "tx-9"), NOW)
    assert refused is None if told is None else "event tx-9" in (refused or "")
    assert told is None or told in (refused or "")


def test_the_first_event_of_a_transaction_id_wins() -> None:
    first, again = (Event(NOW, "tokens", {"n": n}, "tx") for n in ("1", "2"))
    other, known = (Event(NOW, "tokens", {}, name) for name in ("other", "known"))
    assert first_of_each([first, again, known, other], known=["known"]) == [first, other]


@given(st.lists(NUMBERS))
def test_a_sum_is_exact_in_any_order(values: list[Decimal]) -> None:
    metric = Metric("SUM", "n")
    texts = [format(value, "f") for value in values]
    forward = aggregate(metric, events_of(texts))
    assert forward == aggregate(metric, events_of(texts[::-1]))
    assert (forward or 0) == sum(int(value.scaleb(6)) for value in values) * D("1e-6")


@given(st.lists(NUMBERS, min_size=1), st.sampled_from(["SUM", "MAX", "LATEST", "COUNT"]))
def test_movements_add_up_to_the_aggregate_and_stay_in_time_order(
    values: list[Decimal], kind: str
) -> None:
    moved = movements(Metric(kind, "n"), events_of(values))
    expected = {
        "SUM": sum(values, D(0)),
        "MAX": max(values),
        "LATEST": values[-1],
        "COUNT": D(len(values)),
    }[kind]
    assert sum((one.quantity for one in moved), D(0)) == expected
    assert [one.at for one in moved] == sorted(one.at for one in moved)


@given(st.lists(NUMBERS, min_size=1))
def test_negating_every_event_leaves_nothing(values: list[Decimal]) -> None:
    both = [*values, *(-value for value in values)]
    assert aggregate(Metric("SUM", "n"), events_of(both)) == 0


@pytest.mark.parametrize(
    ("how", "quantity", "billed"),
    [
        (Conversion(), "1234.5", "1234.5"),
        (Conversion(D(1000), divide=True), "1500", "1.5"),
        (Conversion(D(3), divide=True), "10", "3.333333333333"),
        (Conversion(D(60)), "2.5", "150"),
        (Conversion(D(1000), True, "ROUND_UP"), "1001", "2"),
        (Conversion(D(1000), True, "ROUND_DOWN"), "1999", "1"),
        (Conversion(D(1000), True, "ROUND_HALF_UP", 1), "1250", "1.3"),
    ],
)
def test_a_quantity_is_converted_and_rounded_as_the_product_says(
    how: Conversion, quantity: str, billed: str
) -> None:
    (step,) = convert((Movement(NOW, D(quantity)),), how)
    assert step.quantity == D(billed)


@given(
    st.lists(NUMBERS, min_size=1),
    st.sampled_from(["ROUND_UP", "ROUND_DOWN", "ROUND_HALF_UP", None]),
    st.booleans(),
)
def test_rounding_is_of_the_whole_period_however_many_events_there_are(
    values: list[Decimal], rounding: str | None, divide: bool
) -> None:
    how = Conversion(D(7), divide, rounding, 2)
    steps = convert([Movement(NOW, value) for value in values], how)
    (whole,) = convert([Movement(NOW, sum(values, D(0)))], how)
    assert sum((one.quantity for one in steps), D(0)) == whole.quantity
