"""Usage times prices: lines at the edges of rates and payers, and what they come to."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.localcore.exact import plain
from connectors.localcore.rating import rate, rate_at, spend, tier_steps
from connectors.localcore.words import (
    Drawdown,
    Line,
    Meter,
    Movement,
    Period,
    Rate,
    Segment,
    Tier,
    TierPlace,
)

D = Decimal
JAN, FEB, MAR = (datetime(2026, month, 1, tzinfo=UTC) for month in (1, 2, 3))
PERIOD = Period(JAN, FEB)


def at(day: int) -> datetime:
    return JAN + timedelta(days=day - 1)


def flat(
    price: str, start: datetime = JAN, end: datetime | None = None, **more: Any
) -> Rate:
    return Rate(start, end, (Tier(D(price)),), **more)


def a_meter(
    *moves: tuple[int, str], name: str = "Tokens", rates: Any = None, **more: Any
) -> Meter:
    """One product: (day, quantity) moves, at 2 cents unless `rates` say otherwise."""
    return Meter(
        product_id=more.pop("product_id", name.lower()),
        name=name,
        tags=frozenset(more.pop("tags", ())),
        rates=rates or (flat("2"),),
        movements=tuple(Movement(at(day), D(quantity)) for day, quantity in moves),
        **more,
    )


def a_credit(left: str, name: str = "Goodwill", **more: Any) -> Segment:
    window = more.pop("window", PERIOD)
    return Segment(name.lower(), f"{name.lower()}-1", name, window, D(left), **more)


def told(lines: tuple[Line, ...]) -> list[tuple[str, str | None, str]]:
    """Name, quantity and total of each line."""
    return [
        (one.name, None if one.quantity is None else plain(one.quantity), plain(one.total))
        for one in lines
    ]


def test_a_covered_part_its_application_and_the_rest_are_three_lines() -> None:
    """Metronome's own example: 1000 tokens at 2 cents, a credit of 500."""
    draft = rate([a_meter((5, "1000"))], [a_credit("500")], PERIOD)
    assert told(draft.lines) == [
        ("Tokens", "250", "500"),
        ("Goodwill applied", None, "-500"),
        ("Tokens", "750", "1500"),
    ]
    covered, applied, rest = draft.lines
    assert covered.segment == applied.segment == a_credit("500")
    assert (covered.applied, applied.applied, rest.segment) == (False, True, None)
    assert {one.product_id for one in draft.lines} == {"tokens"}
    assert draft.total == 1500
    assert draft.drawdowns == (Drawdown("goodwill", "goodwill-1", D(500)),)


def test_a_credit_does_not_look_forward_so_a_total_can_go_below_zero() -> None:
    """Metronome's own example: 80.00 of charges net, 100.00 consumed, total -20.00."""
    draft = rate([a_meter((5, "5000"), (9, "-1000"))], [a_credit("10000")], PERIOD)
    assert told(draft.lines) == [
        ("Tokens", "5000", "10000"),
        ("Goodwill applied", None, "-10000"),
        ("Tokens", "-1000", "-2000"),
    ]
    assert draft.total == -2000


def test_usage_negated_at_its_own_instant_burns_nothing() -> None:
    draft = rate(
        [a_meter((5, "1000"), (5, "-1000"), (5, "100"))], [a_credit("500")], PERIOD
    )
    assert told(draft.lines) == [
        ("Tokens", "100", "200"),
        ("Goodwill applied", None, "-200"),
    ]


def test_charges_are_paid_as_they_come_whatever_the_order_of_products() -> None:
    meters = [a_meter((9, "100"), name="Late"), a_meter((3, "100"), name="Early")]
    draft = rate(meters, [a_credit("250")], PERIOD)
    assert told(draft.lines) == [
        ("Late", "25", "50"),
        ("Goodwill applied", None, "-50"),
        ("Late", "75", "150"),
        ("Early", "100", "200"),
        ("Goodwill applied", None, "-200"),
    ]


def test_usage_outside_the_window_does_not_burn_and_lines_split_at_its_edges() -> None:
    credit = a_credit("1000", window=Period(at(10), at(20)))
    draft = rate([a_meter((5, "1"), (10, "2"), (20, "4"))], [credit], PERIOD)
    assert [(one.period, one.total) for one in draft.lines] == [
        (Period(JAN, at(10)), D(2)),
        (Period(at(10), at(20)), D(4)),
        (Period(at(10), at(20)), D(-4)),
        (Period(at(20), FEB), D(8)),
    ]


def test_a_credit_for_other_products_does_not_split_or_pay() -> None:
    credit = a_credit(
        "1000", window=Period(at(10), at(20)), product_ids=frozenset({"other"})
    )
    draft = rate([a_meter((5, "1"), (10, "2"))], [credit], PERIOD)
    assert told(draft.lines) == [("Tokens", "3", "6")]
    assert draft.drawdowns == ()


def test_a_credit_by_tag_pays_only_where_the_tag_is() -> None:
    meters = [a_meter((5, "1"), name="A", tags={"ai"}), a_meter((6, "1"), name="B")]
    draft = rate(meters, [a_credit("100", tags=frozenset({"ai"}))], PERIOD)
    assert [one.name for one in draft.lines] == ["A", "Goodwill applied", "B"]


def test_a_price_that_changes_splits_the_line() -> None:
    rates = (flat("2"), flat("3", at(15)))
    draft = rate([a_meter((5, "10"), (15, "10"), rates=rates)], [], PERIOD)
    assert [(one.period, one.price, one.total) for one in draft.lines] == [
        (Period(JAN, at(15)), D(2), D(20)),
        (Period(at(15), FEB), D(3), D(30)),
    ]


def test_usage_without_a_price_or_not_entitled_is_not_charged() -> None:
    rates = (flat("2", at(10), at(12)), flat("3", at(20), entitled=False))
    draft = rate(
        [a_meter((5, "1"), (10, "1"), (15, "1"), (25, "1"), rates=rates)], [], PERIOD
    )
    assert told(draft.lines) == [("Tokens", "1", "2")]


@pytest.mark.parametrize(
    ("rates", "lines"),
    [
        ((flat("2"),), [("Tokens", "0", "0")]),
        ((flat("9", MAR), flat("2", at(9))), [("Tokens", "0", "0")]),
        ((flat("2", entitled=False),), []),
        ((flat("2", MAR),), []),
    ],
)
def test_a_product_that_was_not_used_stands_there_with_zero(rates: Any, lines: Any) -> None:
    draft = rate([a_meter(rates=rates)], [], PERIOD)
    assert told(draft.lines) == lines
    assert [one.period for one in draft.lines] == [PERIOD] * len(lines)


def test_of_rates_in_force_the_last_to_begin_counts_then_the_last_added() -> None:
    first, second, third = flat("1", FEB), flat("2"), flat("3")
    assert rate_at([first, second, third], FEB) is first
    assert rate_at([first, second, third], JAN) is third
    assert rate_at([first], JAN) is None
    assert rate_at([flat("1", JAN, FEB)], FEB) is None


def test_a_division_without_an_end_leaves_no_cent_and_no_crumb() -> None:
    one, two = a_credit("100", "One"), a_credit("500", "Two")
    draft = rate([a_meter((5, "100"), rates=(flat("3"),))], [one, two], PERIOD)
    assert sum(line.total for line in draft.lines) == 0
    assert sum(line.quantity or 0 for line in draft.lines) == 100
    assert [line.quantity for line in draft.lines if not line.applied] == [
        D("33.333333333333"),
        D("66.666666666667"),
    ]


def test_cuts_split_lines_and_change_no_total() -> None:
    meter, credit = a_meter((5, "100"), (20, "100")), a_credit("250")
    whole = rate([meter], [credit], PERIOD)
    cut = rate([meter], [credit], PERIOD, cuts=[at(10), MAR])
    assert cut.total == whole.total
    assert {one.period for one in cut.lines} == {Period(JAN, at(10)), Period(at(10), FEB)}


# --- tiers ------------------------------------------------------------------------------

TIERS = (Tier(D(5), D(10)), Tier(D(4), D(20)), Tier(D(3)))


@pytest.mark.parametrize(
    ("before", "after", "steps"),
    [
        (0, 5, [(0, D(5))]),
        (0, 35, [(0, D(10)), (1, D(20)), (2, D(5))]),
        (8, 12, [(0, D(2)), (1, D(2))]),
        (12, 8, [(1, D(-2)), (0, D(-2))]),
        (5, -5, [(0, D(-10))]),
        (-5, 5, [(0, D(10))]),
        (30, 31, [(2, D(1))]),
        (7, 7, []),
    ],
)
def test_a_step_falls_on_the_tiers_it_crosses(
    before: int, after: int, steps: list[tuple[int, Decimal]]
) -> None:
    assert tier_steps(TIERS, D(before), D(after)) == steps


def test_a_last_tier_with_a_size_holds_all_the_rest() -> None:
    assert tier_steps((Tier(D(5), D(10)), Tier(D(4), D(1))), D(0), D(99)) == [
        (0, D(10)),
        (1, D(89)),
    ]


def test_tiers_count_the_quantity_of_the_whole_period() -> None:
    draft = rate(
        [a_meter((5, "8"), (20, "8"), rates=(Rate(JAN, None, TIERS),))], [], PERIOD
    )
    assert [(one.tier, one.quantity, one.total) for one in draft.lines] == [
        (TierPlace(0, D(0), D(10)), D(10), D(50)),
        (TierPlace(1, D(10), D(20)), D(6), D(24)),
    ]


@given(st.lists(st.integers(-40, 40), max_size=8))
def test_going_up_and_down_the_tiers_costs_what_the_end_costs(moves: list[int]) -> None:
    running, cost = D(0), D(0)
    for move in moves:
        steps = tier_steps(TIERS, running, running + move)
        cost += sum((quantity * TIERS[level].price for level, quantity in steps), D(0))
        running += move
    direct = tier_steps(TIERS, D(0), running)
    assert cost == sum((quantity * TIERS[level].price for level, quantity in direct), D(0))


# --- what holds for every draft -------------------------------------------------------------

QUANTITIES = st.decimals(min_value=-1000, max_value=1000, places=3)
MOVES = st.lists(st.tuples(st.integers(1, 31), QUANTITIES), max_size=8).map(
    lambda moves: sorted(moves, key=lambda move: move[0])
)
WINDOWS = st.tuples(st.integers(1, 30), st.integers(1, 20)).map(
    lambda pair: Period(at(pair[0]), at(pair[0] + pair[1]))
)
PRICES = st.decimals(min_value=0, max_value=9, places=4)


@st.composite
def cases(draw: st.DrawFn) -> tuple[list[Meter], list[Segment]]:
    meters = []
    for name in draw(st.sampled_from([["A"], ["A", "B"], ["A", "B", "C"]])):
        rates = [Rate(JAN, None, (Tier(draw(PRICES)),))]
        if draw(st.booleans()):
            rates.append(Rate(at(draw(st.integers(2, 30))), None, (Tier(draw(PRICES)),)))
        moves = tuple(Movement(at(day), quantity) for day, quantity in draw(MOVES))
        meters.append(Meter(name.lower(), name, frozenset(), tuple(rates), moves))
    payers = [
        Segment(
            f"c{count}", f"s{count}", f"C{count}", draw(WINDOWS),
            draw(st.decimals(0, 2000, places=2)), D(draw(st.integers(0, 2))),
            product_ids=draw(st.sampled_from([frozenset(), frozenset({"a"})])), order=count,
        )
        for count in range(draw(st.integers(0, 3)))
    ]  # fmt: skip
    return meters, payers


@given(cases())
def test_credits_lower_the_total_by_exactly_what_they_pay(
    case: tuple[list[Meter], list[Segment]],
) -> None:
    meters, payers = case
    plain, paid = rate(meters, [], PERIOD), rate(meters, payers, PERIOD)
    drawn = sum((one.amount for one in paid.drawdowns), D(0))
    assert paid.total == plain.total - drawn
    applied = [one.total for one in paid.lines if one.applied]
    assert sum(applied, D(0)) == -drawn
    assert all(total < 0 for total in applied)


@given(cases())
def test_quantities_of_a_product_add_up_to_its_usage(
    case: tuple[list[Meter], list[Segment]],
) -> None:
    meters, payers = case
    draft = rate(meters, payers, PERIOD)
    for meter in meters:
        used = sum((one.quantity for one in meter.movements), D(0))
        mine = [one for one in draft.lines if one.product_id == meter.product_id]
        assert sum((one.quantity or D(0) for one in mine), D(0)) == used


@given(cases())
def test_no_credit_pays_outside_its_window_its_products_or_its_balance(
    case: tuple[list[Meter], list[Segment]],
) -> None:
    meters, payers = case
    draft = rate(meters, payers, PERIOD)
    for one in draft.lines:
        if one.segment is not None:
            assert one.segment.window.start <= one.period.start
            assert one.period.end <= max(one.segment.window.end, one.period.start)
            assert not one.segment.product_ids or one.product_id in one.segment.product_ids
    lefts = {one.credit_id: one.left for one in payers}
    assert all(one.amount <= lefts[one.credit_id] for one in draft.drawdowns)
    assert all(one.left >= 0 for one in spend(payers, draft.drawdowns))


@given(cases(), st.integers(1, 31))
def test_a_cut_anywhere_moves_no_money(
    case: tuple[list[Meter], list[Segment]], day: int
) -> None:
    meters, payers = case
    whole, cut = (
        rate(meters, payers, PERIOD),
        rate(meters, payers, PERIOD, cuts=[at(day)]),
    )
    assert (cut.total, cut.drawdowns) == (whole.total, whole.drawdowns)


def test_numbers_of_fifty_digits_are_not_rounded() -> None:
    fine = "0." + "0" * 29 + "1"
    draft = rate([a_meter((5, "9" * 30), rates=(flat(fine),))], [a_credit(fine)], PERIOD)
    assert plain(draft.total) == "0." + "9" * 29 + "8"


def test_what_a_draft_takes_is_gone_for_the_next_one_and_nothing_else() -> None:
    one, other = a_credit("10", "A"), a_credit("5", "B")
    taken = [Drawdown(one.credit_id, one.segment_id, D("2.5"))]
    assert spend([one, other], taken) == [replace(one, left=D("7.5")), other]
