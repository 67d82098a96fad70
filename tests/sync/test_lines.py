"""The lines of a draft: they sum to the total, exactly, whatever the fractions and however many."""

from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.ports import CurrencyRule
from state.invoices import CoreInvoice, CoreLine, CoreStatus
from sync.lines import LINES_MAX, draft_lines, foots

CENT = CurrencyRule(step_minor=1, minimum_minor=50, maximum_minor=99_999_999)
TEN = replace(CENT, step_minor=10)
JULY, AUGUST, SEPTEMBER = (datetime(2026, month, 1, tzinfo=UTC) for month in (7, 8, 9))


def a_line(exact: object, key: str = "l", **what: Any) -> CoreLine:
    line = CoreLine(key, what.pop("description", key), "usage", Decimal(str(exact)))
    return replace(line, **what)


def an_invoice(*lines: CoreLine, total: object = None) -> CoreInvoice:
    exact = sum((line.exact_minor for line in lines), Decimal(0))
    exact = exact if total is None else Decimal(str(total))
    return CoreInvoice(
        "ci_1", "cc_1", CoreStatus.FINALIZED, "USAGE", "USD", exact, round(exact), lines
    )


def amounts(invoice: CoreInvoice, rule: CurrencyRule = CENT) -> list[int]:
    return [line.amount_minor for line in draft_lines(invoice, rule).lines]


@pytest.mark.parametrize(
    ("lines", "total", "rule", "given_out"),
    [
        (["333.333", "333.333", "333.334"], None, CENT, [333, 333, 334]),
        (["0.5", "0.5"], None, CENT, [1, 0]),
        (["10.5", "-3.25"], None, CENT, [10, -3]),
        (["100.4", "200.4"], "300", CENT, [100, 200]),  # the core rounded down by 0.8
        (["1", "100"], "100.4", CENT, [1, 99]),  # and here by 0.6, on the largest line
        (["0.9"], "1.85", CENT, [2]),
        (["2562", "2562"], None, TEN, [2560, 2560]),
        (["5", "0", "5"], None, CENT, [5, 5]),
    ],
)
def test_each_line_gets_its_share(
    lines: list[str], total: str | None, rule: CurrencyRule, given_out: list[int]
) -> None:
    some = [a_line(exact, f"l{n}") for n, exact in enumerate(lines)]
    assert amounts(an_invoice(*some, total=total), rule) == given_out


@pytest.mark.parametrize(
    ("lines", "total", "holds"),
    [
        (["1", "2"], "3", True),
        (["1", "2"], "3.99", True),
        (["1", "2"], "2.01", True),
        (["1", "2"], "4", False),
        (["1", "2"], "2", False),
        ([], "0", True),
        ([], "0.4", True),
        ([], "0.6", False),
        (["0"], "0.6", False),
        (["0"], "0.5", True),
    ],
)
def test_lines_foot_where_they_can_carry_the_total(
    lines: list[str], total: str, holds: bool
) -> None:
    some = [a_line(exact, f"l{n}") for n, exact in enumerate(lines)]
    assert foots(an_invoice(*some, total=total)) is holds


def test_a_line_says_what_it_is_for() -> None:
    whole = a_line(
        5, "l1", description="Tokens", quantity=Decimal("1200.50"), start=JULY, end=AUGUST
    )
    one = a_line(5, "l2", description="Seat", quantity=Decimal(1))
    made = draft_lines(an_invoice(whole, one), CENT)
    assert [line.description for line in made.lines] == ["Tokens (1200.5)", "Seat"]
    assert (made.lines[0].start, made.lines[0].end) == (JULY, AUGUST)
    assert made.keys == ("l1", "l2")
    assert (made.total_minor, made.folded) == (10, False)
    large = replace(whole, quantity=Decimal("1E+3"))
    assert draft_lines(an_invoice(large), CENT).lines[0].description == "Tokens (1000)"


def many(count: int, products: int) -> list[CoreLine]:
    return [
        a_line(
            f"{n}.1", f"l{n:04}", description=f"Product {n % products}",
            product_id=f"p{n % products}", start=JULY if n % 2 else AUGUST, end=AUGUST if n % 2 else SEPTEMBER,
        )
        for n in range(1, count + 1)
    ]  # fmt: skip


def test_as_many_as_stripe_takes_are_not_folded() -> None:
    assert not draft_lines(an_invoice(*many(LINES_MAX, 3)), CENT).folded


def test_more_are_folded_by_product_with_their_sums_and_times() -> None:
    invoice = an_invoice(*many(252, 3))
    made = draft_lines(invoice, CENT)
    assert made.folded
    names = [f"Product {n} (84 lines)" for n in range(3)]
    assert [line.description for line in made.lines] == names
    exact: list[Decimal] = []
    for n in range(3):
        mine = [line.exact_minor for line in invoice.lines if line.product_id == f"p{n}"]
        exact.append(sum(mine, Decimal(0)))
    assert all(
        abs(line.amount_minor - e) < 1 for line, e in zip(made.lines, exact, strict=True)
    )
    assert {(line.start, line.end) for line in made.lines} == {(JULY, SEPTEMBER)}
    assert sum(line.amount_minor for line in made.lines) == made.total_minor


def test_as_many_products_as_stripe_takes_lines_keep_their_names() -> None:
    assert len(draft_lines(an_invoice(*many(500, LINES_MAX)), CENT).lines) == LINES_MAX


def test_past_the_limit_still_they_are_folded_by_kind() -> None:
    usage = [
        replace(line, product_id=f"p{line.key}", start=None, end=None)
        for line in many(300, 300)
    ]
    fees = [replace(line, kind="fee", key=f"f{line.key}") for line in usage[:5]]
    made = draft_lines(an_invoice(*usage, *fees), CENT)
    assert [line.description for line in made.lines] == [
        "All fee charges (5 lines)",
        "All usage charges (300 lines)",
    ]
    assert [(line.start, line.end) for line in made.lines] == [(None, None)] * 2


def test_lines_without_a_product_are_folded_by_what_they_say() -> None:
    some = [
        a_line(1, f"l{n:03}", description="Fee" if n % 2 else "Seat") for n in range(251)
    ]
    made = draft_lines(an_invoice(*some), CENT)
    assert [line.description for line in made.lines] == [
        "Fee (125 lines)",
        "Seat (126 lines)",
    ]


def test_a_folded_line_has_one_key_whatever_the_order() -> None:
    some = many(300, 4)
    there, back = (draft_lines(an_invoice(*one), CENT) for one in (some, some[::-1]))
    assert there.keys == back.keys
    assert all(key.startswith("fold-") and len(key) == 29 for key in there.keys)
    # Stays the same from version to version: a push may be interrupted by an upgrade.
    assert there.keys[0] == "fold-47b409be3fee14846a74d0f2"
    other = draft_lines(an_invoice(*some[1:]), CENT)
    assert len(set(other.keys) & set(there.keys)) == 3, (
        "the product that lost a line has another"
    )


exacts = st.lists(st.decimals(-5000, 5000, places=4), min_size=1, max_size=40)
gaps = st.decimals("-0.99", "0.99", places=2)


@given(exacts, gaps, st.sampled_from([CENT, TEN, replace(CENT, step_minor=100)]))
def test_shares_sum_to_the_rounded_total_in_whole_steps(
    some: list[Decimal], gap: Decimal, rule: CurrencyRule
) -> None:
    lines = [a_line(exact, f"l{n}") for n, exact in enumerate(some)]
    invoice = an_invoice(*lines, total=sum(some, gap))
    if not foots(invoice):
        return
    made = draft_lines(invoice, rule)
    step = rule.step_minor
    assert sum(line.amount_minor for line in made.lines) == made.total_minor
    assert abs(made.total_minor - invoice.exact_minor) * 2 <= step
    assert all(line.amount_minor % step == 0 for line in made.lines)
    off = {line.key: line.exact_minor for line in lines}
    assert all(
        abs(line.amount_minor - off[line.key]) < step + abs(gap) for line in made.lines
    )
