"""Which credit pays first, what its ledger says, and what is left of it."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.localcore.burndown import (
    CREDITED,
    DEDUCTION,
    EXPIRATION,
    MANUAL,
    START,
    Purse,
    balance,
    burn_order,
    drawn_by_invoice,
    ledger,
    may_pay,
    remaining,
)
from connectors.localcore.words import Drawdown, LedgerEntry, Period, Segment

D = Decimal
JAN, FEB, MAR = (datetime(2026, month, 1, tzinfo=UTC) for month in (1, 2, 3))
AMOUNTS = st.decimals(min_value=0, max_value=1000, places=3)


def a_segment(name: str = "a", left: str = "100", **more: Any) -> Segment:
    window = more.pop("window", Period(JAN, FEB))
    return Segment(name, f"{name}-1", name, window, D(left), **more)


def entry(
    kind: str, amount: str, at: datetime = JAN, invoice: str | None = None
) -> LedgerEntry:
    return LedgerEntry(kind, D(amount), at, "a-1", invoice)


PAIRS = [
    ("priority", {"priority": D(1)}, {"priority": D(2)}),
    (
        "priority before level",
        {"priority": D(1)},
        {"priority": D(2), "contract_level": True},
    ),
    ("a fractional priority", {"priority": D("1.5")}, {"priority": D(2)}),
    ("contract before customer", {"contract_level": True}, {}),
    (
        "level before scope",
        {"contract_level": True},
        {"product_ids": frozenset({"p"})},
    ),
    ("fewest products", {"product_ids": frozenset("p")}, {"product_ids": frozenset("pq")}),
    (
        "unrestricted last",
        {"tags": frozenset("tuvw")},
        {"window": Period(JAN, JAN + timedelta(hours=1))},
    ),
    (
        "earlier end",
        {"window": Period(JAN, FEB)},
        {"window": Period(JAN - timedelta(1), MAR)},
    ),
    ("earlier start", {"window": Period(JAN, MAR)}, {"window": Period(FEB, MAR)}),
    ("fewest contracts", {"contracts": 1, "order": 9}, {"contracts": 2, "order": 1}),
    ("all contracts last", {"contracts": 9, "order": 9}, {"order": 1}),
    ("creation", {"order": 1}, {"order": 2}),
]


@pytest.mark.parametrize(
    ("first", "second"), [pair[1:] for pair in PAIRS], ids=[pair[0] for pair in PAIRS]
)
def test_credits_burn_in_this_order(first: dict[str, Any], second: dict[str, Any]) -> None:
    late, soon = a_segment("a", **second), a_segment("b", **first)
    assert [one.credit_id for one in sorted([late, soon], key=burn_order)] == ["b", "a"]


@pytest.mark.parametrize(
    ("scope", "pays"),
    [
        ({}, True),
        ({"product_ids": frozenset({"p"})}, True),
        ({"product_ids": frozenset({"q"})}, False),
        ({"tags": frozenset({"ai", "new"})}, True),
        ({"tags": frozenset({"old"})}, False),
        ({"product_ids": frozenset({"q"}), "tags": frozenset({"ai"})}, True),
    ],
)
def test_a_credit_pays_for_its_products_and_tags(scope: dict[str, Any], pays: bool) -> None:
    assert may_pay(a_segment(**scope), "p", frozenset({"ai"})) is pays


def test_a_charge_is_paid_in_order_until_nothing_is_due_or_left() -> None:
    one, two, three = (
        a_segment(name, left) for name, left in (("a", "30"), ("b", "0"), ("c", "50"))
    )
    purse = Purse([one, two, three])
    assert purse.pay(D(40), [one, two, three]) == [(0, D(30)), (2, D(10))]
    assert purse.pay(D(-10), [three]) == []
    assert purse.pay(D(100), [one, two, three]) == [(2, D(40))]
    assert purse.drawdowns() == (Drawdown("a", "a-1", D(30)), Drawdown("c", "c-1", D(50)))


@given(
    st.lists(AMOUNTS, max_size=5), st.lists(st.decimals(-500, 500, places=3), max_size=8)
)
def test_no_credit_pays_more_than_it_has_nor_for_more_than_was_charged(
    lefts: list[Decimal], charges: list[Decimal]
) -> None:
    payers = [a_segment(str(count), str(left)) for count, left in enumerate(lefts)]
    purse = Purse(payers)
    for charge in charges:
        paid = sum((amount for _, amount in purse.pay(charge, payers)), D(0))
        assert paid <= max(charge, D(0))
    taken = {one.credit_id: one.amount for one in purse.drawdowns()}
    assert all(0 < amount <= lefts[int(name)] for name, amount in taken.items())


def test_a_ledger_starts_moves_and_expires() -> None:
    moves = [entry(DEDUCTION, "-30", FEB, "in_1")]
    found = ledger("a-1", D(100), Period(JAN, FEB), moves, settled_until=MAR)
    assert [(one.kind, one.amount, one.at) for one in found] == [
        (START, D(100), JAN),
        (DEDUCTION, D(-30), FEB),
        (EXPIRATION, D(-70), FEB),
    ]


def test_nothing_expires_while_a_period_that_may_draw_is_open() -> None:
    found = ledger("a-1", D(100), Period(JAN, FEB), [], settled_until=FEB - timedelta(1))
    assert [one.kind for one in found] == [START]


def test_what_a_void_gives_back_after_the_end_expires_after_it() -> None:
    moves = [entry(DEDUCTION, "-100", FEB, "in_1"), entry(CREDITED, "100", MAR, "in_1")]
    found = ledger("a-1", D(100), Period(JAN, FEB), moves, settled_until=MAR)
    assert [one.kind for one in found] == [START, DEDUCTION, CREDITED, EXPIRATION]
    assert found[-1].at == MAR
    assert sum(one.amount for one in found) == 0


def test_an_overdrawn_segment_expires_with_nothing() -> None:
    found = ledger(
        "a-1", D(10), Period(JAN, FEB), [entry(MANUAL, "-20")], settled_until=MAR
    )
    assert [one.kind for one in found] == [START, MANUAL]


@given(AMOUNTS, st.lists(st.decimals(-300, 300, places=2), max_size=5))
def test_a_settled_ledger_comes_to_nothing_unless_overdrawn(
    amount: Decimal, moves: list[Decimal]
) -> None:
    written = [entry(MANUAL, str(one)) for one in moves]
    found = ledger("a-1", amount, Period(JAN, FEB), written, settled_until=MAR)
    total = sum((one.amount for one in found), D(0))
    assert total == min(D(0), amount + sum(moves, D(0)))
    assert remaining(amount, written) == max(D(0), amount + sum(moves, D(0)))


@pytest.mark.parametrize(
    ("now", "shown"),
    [(JAN - timedelta(1), 0), (JAN, 70), (FEB - timedelta(1), 70), (FEB, 25), (MAR, 0)],
)
def test_a_balance_counts_the_windows_that_are_open(now: datetime, shown: int) -> None:
    first = (Period(JAN, FEB), [entry(START, "100"), entry(DEDUCTION, "-30")])
    second = (Period(FEB, MAR), [entry(START, "25")])
    assert balance([first, second], now) == shown


def test_a_balance_is_never_below_zero() -> None:
    over = (Period(JAN, FEB), [entry(START, "10"), entry(MANUAL, "-20")])
    assert balance([over], JAN) == 0


def test_an_invoice_holds_what_it_drew_until_it_is_given_back() -> None:
    moves = [
        entry(DEDUCTION, "-30", JAN, "in_1"),
        entry(DEDUCTION, "-20", JAN, "in_2"),
        entry(CREDITED, "30", FEB, "in_1"),
        entry(MANUAL, "-5"),
    ]
    assert drawn_by_invoice(moves) == {"in_2": D(20)}
