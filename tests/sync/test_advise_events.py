"""Negating events by table: exact, under one id, and refused where they would not do it."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.correcting import Metric, Product, Property, SeenEvent, Window
from state.corrections import UsageEvent
from state.invoices import CoreInvoice, CoreLine, CoreStatus
from sync.advise_events import (
    CannotNegate,
    Ground,
    below_zero_after,
    checked_resubmits,
    matches,
    mirror,
    negation_id,
    number_of,
    quantities,
    some_usage,
    whole_usage,
)

JULY, AUGUST = datetime(2026, 7, 1, tzinfo=UTC), datetime(2026, 8, 1, tzinfo=UTC)
DAY = timedelta(days=1)
SUM = Metric("m1", "SUM", "n", ("tokens",))
TOKENS = Product("p_tokens", "Tokens", "USAGE", SUM)
INVOICE = CoreInvoice(
    id="ci_1", customer_id="cc_1", status=CoreStatus.FINALIZED, kind="USAGE", currency="USD",
    exact_minor=Decimal(200), total_minor=200, start=JULY, end=AUGUST,
)  # fmt: skip


def line(
    quantity: str, product: str = "p_tokens", groups: tuple[tuple[str, str], ...] = ()
) -> CoreLine:
    return CoreLine(
        f"{product}{groups}", "Tokens", "usage", Decimal(quantity) * 2, product,
        Decimal(quantity), groups=groups,
    )  # fmt: skip


def day(number: int, *lines: CoreLine) -> Window:
    start = JULY + (number - 1) * DAY
    return Window(start, start + DAY, replace(INVOICE, lines=lines))


def ground(*windows: Window, products: tuple[Product, ...] = (TOKENS,)) -> Ground:
    return Ground(INVOICE, windows, products, AUGUST)


def event(value: str = "50", at: datetime = JULY + DAY, **properties: str) -> UsageEvent:
    given = {"n": value, **properties}
    return UsageEvent("e1", "acme", "tokens", at, tuple(sorted(given.items())))


def seen(value: str = "50", customer: str | None = "cc_1", **more: str) -> SeenEvent:
    return SeenEvent(event(value, JULY + DAY, **more), customer)


# --- mirrored ----------------------------------------------------------------------------------


def test_a_mirror_is_the_same_event_with_the_counted_value_below_zero() -> None:
    made = mirror(seen("50.25", region="eu"), ground())
    assert made == replace(
        event("-50.25", region="eu"), transaction_id=negation_id("e1"),
    )  # fmt: skip
    back = mirror(SeenEvent(made, "cc_1"), ground())
    assert back.value("n") == "50.25"
    assert back.transaction_id not in {"e1", made.transaction_id}


@given(st.decimals(allow_nan=False, allow_infinity=False, places=6).filter(bool))
def test_an_event_and_its_mirror_come_to_nothing(value: Decimal) -> None:
    made = mirror(seen(f"{value:f}"), ground())
    assert Decimal(made.value("n") or "") == value.copy_negate()
    assert made.transaction_id == negation_id("e1")


@pytest.mark.parametrize(
    ("given", "on", "says"),
    [
        (seen(customer="cc_2"), ground(), "is not of customer cc_1"),
        (seen(customer=None), ground(), "is not of customer cc_1"),
        (seen("0"), ground(), "there is nothing to negate"),
        (seen("many"), ground(), "there is nothing to negate"),
        (seen(), ground(products=()), "there is nothing to negate"),
        (SeenEvent(event(at=AUGUST), "cc_1"), ground(), "outside the invoice's period"),
        (SeenEvent(event(at=JULY - DAY), "cc_1"), ground(), "outside the invoice's period"),
        (seen(), replace(ground(), now=JULY + 40 * DAY), "is older than 34 days since 2026-08-05"),
        (seen(), replace(ground(), invoice=replace(INVOICE, end=None)), "has no period"),
        (seen(), ground(products=(TOKENS, replace(TOKENS, name="Calls", metric=replace(SUM, aggregation="COUNT")))),
         "is counted by Calls as COUNT"),
        (seen(), ground(products=(replace(TOKENS, metric=replace(SUM, aggregation="MAX")),)),
         "is counted by Tokens as MAX"),
        (seen(), ground(products=(replace(TOKENS, metric=replace(SUM, aggregation="UNIQUE")),)),
         "is counted by Tokens as UNIQUE"),
    ],
)  # fmt: skip
def test_what_a_mirror_would_not_take_back_is_refused(
    given: SeenEvent, on: Ground, says: str
) -> None:
    with pytest.raises(CannotNegate, match=says.replace("(", r"\(")):
        mirror(given, on)


def test_a_refusal_names_the_event_the_dates_and_what_to_do() -> None:
    late = SeenEvent(event(at=AUGUST), "cc_1")
    period = (
        "event e1 is of 2026-08-01T00:00:00Z, outside the invoice's period "
        "(2026-07-01T00:00:00Z until 2026-08-01T00:00:00Z)"
    )
    old = "event e1 is older than 34 days since 2026-08-05T00:00:00Z: correct it downstream"
    long_after = replace(ground(), now=JULY + 40 * DAY)
    for act, says in (
        (lambda: mirror(late, ground()), period),
        (lambda: checked_resubmits([late.event], ground(), {}), period),
        (lambda: mirror(seen(), long_after), old),
        (lambda: checked_resubmits([event()], long_after, {}), old),
        (
            lambda: checked_resubmits([event()], ground(), {"e1": seen()}),
            "event e1: the core holds an event of this id and would ignore another: give the "
            "corrected one an id of its own",
        ),
    ):  # fmt: skip
        with pytest.raises(CannotNegate) as refused:
            act()
        assert str(refused.value) == says


def test_a_period_begins_with_its_first_instant() -> None:
    assert mirror(SeenEvent(event(at=JULY), "cc_1"), ground()).at == JULY


@pytest.mark.parametrize(
    ("value", "back"),
    [("50.250", "-50.25"), ("50.00", "-50"), ("100", "-100"), ("-0.50", "0.5")],
)
def test_a_value_is_taken_back_with_every_digit_and_no_zero_at_the_end(
    value: str, back: str
) -> None:
    assert mirror(seen(value), ground()).value("n") == back


def test_two_sums_over_one_event_are_both_taken_back() -> None:
    more = Product("p_out", "Output", "USAGE", Metric("m2", "SUM", "out", ("tokens",)))
    made = mirror(seen("5", out="7"), ground(products=(TOKENS, more)))
    assert dict(made.properties) == {"n": "-5", "out": "-7"}


# --- by quantity -------------------------------------------------------------------------------


def test_all_usage_is_one_event_for_each_day_product_and_group() -> None:
    eu, us = (("region", "eu"),), (("region", "us"),)
    made = whole_usage(
        ground(day(2, line("5", groups=eu), line("7", groups=us)), day(3, line("2"))),
        serial=0,
    )
    assert [(one.at.day, dict(one.properties)) for one in made] == [
        (2, {"n": "-5", "region": "eu"}),
        (2, {"n": "-7", "region": "us"}),
        (3, {"n": "-2"}),
    ]
    assert len({one.transaction_id for one in made}) == 3
    again = whole_usage(ground(day(3, line("2"))), serial=1)
    assert again[0].transaction_id not in {one.transaction_id for one in made}


def test_covered_usage_counts_and_the_credit_that_covers_it_does_not() -> None:
    applied = replace(line("5"), kind="applied_commit_or_credit", quantity=None)
    (made,) = whole_usage(ground(day(2, line("5"), applied, line("3"))), serial=0)
    assert made.value("n") == "-8"


def test_a_part_is_taken_from_the_latest_days_first() -> None:
    made = some_usage(
        ground(day(2, line("5")), day(9, line("4"))), {"p_tokens": Decimal(6)}, serial=0
    )
    assert [(one.at.day, one.value("n")) for one in made] == [(9, "-4"), (2, "-2")]
    with pytest.raises(CannotNegate, match="product Tokens has 3 less"):
        some_usage(ground(day(2, line("5"))), {"p_tokens": Decimal(8)}, serial=0)


@pytest.mark.parametrize(
    ("product", "value"),
    [
        (replace(TOKENS, factor=Decimal(1000), divide=True), "-5000"),
        (replace(TOKENS, factor=Decimal("0.001")), "-5000"),
        (replace(TOKENS, factor=Decimal(4)), "-1.25"),
    ],
)
def test_a_billed_quantity_is_said_in_the_metrics_own_unit(
    product: Product, value: str
) -> None:
    (made,) = whole_usage(ground(day(2, line("5")), products=(product,)), serial=0)
    assert made.value("n") == value


def test_what_the_metric_asks_of_an_event_is_given() -> None:
    asked = replace(
        SUM, properties=(Property("kind", in_values=("a", "b")), Property("by", exists=True),
                         Property("test", exists=False)),
    )  # fmt: skip
    product = replace(TOKENS, metric=asked)
    (made,) = whole_usage(ground(day(2, line("5")), products=(product,)), serial=0)
    assert dict(made.properties) == {"n": "-5", "kind": "a", "by": "correction"}
    anything = replace(TOKENS, metric=replace(SUM, event_types=()))
    (made,) = whole_usage(ground(day(2, line("5")), products=(anything,)), serial=0)
    assert made.event_type == "correction"


@pytest.mark.parametrize(
    ("on", "says"),
    [
        (ground(day(2, line("5")), products=()), "product p_tokens is not metered"),
        (ground(day(2, line("5")), products=(replace(TOKENS, metric=None),)), "is not metered"),
        (ground(day(2, line("5")), products=(replace(TOKENS, metric=replace(SUM, aggregation="MAX")),)),
         "product Tokens counts by MAX"),
        (ground(day(2, line("5")), products=(TOKENS, replace(TOKENS, id="p2", name="Twin"))),
         "is counted by Tokens, Twin"),
        (ground(day(2, line("5")), products=(replace(TOKENS, metric=replace(SUM, other_types=("tokens",))),)),
         "is counted by nobody"),
        (ground(day(2, line("5")), products=(replace(TOKENS, factor=Decimal(3)),)), "cannot say exactly"),
        (replace(ground(day(2, line("5"))), now=JULY + 36 * DAY), "usage of 2026-07-02 is older than 34 days"),
    ],
)  # fmt: skip
def test_a_quantity_that_no_event_can_take_back_is_refused(on: Ground, says: str) -> None:
    with pytest.raises(CannotNegate, match=says):
        whole_usage(on, serial=0)


# --- the guards --------------------------------------------------------------------------------


def test_usage_that_would_fall_below_zero_is_told_by_product_and_group() -> None:
    eu = (("region", "eu"),)
    base = ground(day(2, line("5", groups=eu), line("9", groups=(("region", "us"),))))
    assert below_zero_after(base, [event("-5", region="eu")]) == []
    assert below_zero_after(base, [event("-6", region="eu")]) == [
        "Tokens region=eu: 5 would become -1"
    ]
    assert below_zero_after(base, [event("-6", region="eu"), event("1", region="eu")]) == []
    assert below_zero_after(base, [event("-1")]) == ["Tokens: 0 would become -1"]
    assert below_zero_after(base, [event("not a number", region="eu")]) == []
    halves = replace(TOKENS, factor=Decimal(2), divide=True)
    assert (
        below_zero_after(ground(day(2, line("5")), products=(halves,)), [event("-10")])
        == []
    )
    assert quantities(base.windows) == {
        ("p_tokens", eu): Decimal(5), ("p_tokens", (("region", "us"),)): Decimal(9),
    }  # fmt: skip


def test_what_one_product_does_not_count_another_may() -> None:
    """The first is counted as a number of calls, the second is another event's: neither hides one."""
    calls = replace(TOKENS, id="p_calls", metric=replace(SUM, aggregation="COUNT"))
    others = replace(TOKENS, id="p_other", metric=replace(SUM, event_types=("other",)))
    base = replace(ground(day(2, line("5"))), products=(calls, others, TOKENS))
    assert below_zero_after(base, [event("-6")]) == ["Tokens: 5 would become -1"]


def test_the_most_exact_group_is_the_one_that_falls() -> None:
    eu, small = (("region", "eu"),), (("region", "eu"), ("size", "s"))
    base = ground(day(2, line("5", groups=eu), line("3", groups=small)))
    told = below_zero_after(base, [event("-4", region="eu", size="s")])
    assert told == ["Tokens region=eu size=s: 3 would become -1"]


@pytest.mark.parametrize(
    ("events", "known", "says"),
    [
        ([event(), event()], {}, "event e1 stands twice"),
        ([event()], {"e1": seen()}, "the core holds an event of this id"),
        ([event(at=AUGUST)], {}, "outside the invoice's period"),
        ([replace(event(), event_type="other")], {}, "is counted by no product"),
    ],
)
def test_a_corrected_event_that_would_not_count_is_refused(
    events: list[UsageEvent], known: dict[str, SeenEvent], says: str
) -> None:
    with pytest.raises(CannotNegate, match=says):
        checked_resubmits(events, ground(), known)
    checked_resubmits([event()], ground(), {})


@pytest.mark.parametrize(
    ("metric", "counted"),
    [
        (SUM, True),
        (replace(SUM, event_types=()), True),
        (replace(SUM, event_types=("other",)), False),
        (replace(SUM, other_types=("tokens",)), False),
        (replace(SUM, properties=(Property("n", exists=True),)), True),
        (replace(SUM, properties=(Property("n", exists=False),)), False),
        (replace(SUM, properties=(Property("x", exists=True),)), False),
        (replace(SUM, properties=(Property("n", in_values=("50",)),)), True),
        (replace(SUM, properties=(Property("n", in_values=("51",)),)), False),
        (replace(SUM, properties=(Property("n", not_in_values=("50",)),)), False),
        (replace(SUM, properties=(Property("x", not_in_values=("50",)),)), True),
    ],
)
def test_a_metric_looks_at_an_event_as_the_core_does(metric: Metric, counted: bool) -> None:
    assert matches(metric, event()) is counted


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("-50", -50),
        ("1e3", 1000),
        (".5", Decimal("0.5")),
        ("", None),
        ("NaN", None),
        (None, None),
    ],
)
def test_a_number_is_read_as_the_core_reads_it(text: str | None, number: object) -> None:
    assert number_of(text) == number


def test_what_is_not_metered_or_not_there_is_passed_over() -> None:
    fixed = Product("p_fixed", "Goodwill", "FIXED")
    assert mirror(seen(), ground(products=(fixed, TOKENS))).value("n") == "-50"
    assert below_zero_after(ground(products=(fixed,)), [event("-5")]) == []
    two = ground(day(2, line("5")), day(3, line("0"), line("4", product="p_other")))
    made = some_usage(two, {"p_tokens": Decimal(5)}, serial=0)
    assert [(one.at.day, one.value("n")) for one in made] == [(2, "-5")]
    assert whole_usage(ground(day(3, line("0"))), serial=0) == ()
