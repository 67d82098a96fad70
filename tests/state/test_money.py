"""Money: exact in, exact out, and shared so that nothing is lost."""

import re
from decimal import ROUND_HALF_UP, Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.stripe_money import NotRepresentable, currency_rule, from_stripe, to_stripe
from state.money import (
    CurrencyMixed,
    Money,
    UnknownCurrency,
    core_exact_minor,
    currencies,
    display,
    exponent,
    format_minor,
    largest_remainder,
    minor_from_major,
    parse_major,
    round_minor,
)

every_currency = st.sampled_from(currencies())
BILLED = [code for code in currencies() if currency_rule(code) is not None]


@given(every_currency, st.integers(-(10**15), 10**15))
def test_what_is_written_reads_back(currency: str, minor: int) -> None:
    assert parse_major(format_minor(minor, currency), currency) == minor


@given(st.sampled_from(BILLED), st.integers(-(10**6), 10**6))
def test_what_stripe_can_say_comes_back(currency: str, steps: int) -> None:
    rule = currency_rule(currency)
    assert rule is not None
    minor = steps * rule.step_minor
    assert from_stripe(to_stripe(minor, currency), currency) == minor


@given(st.lists(st.decimals(-1000, 1000, places=4), min_size=1, max_size=30))
def test_shares_sum_to_the_total_and_none_is_a_step_off(exacts: list[Decimal]) -> None:
    total = round_minor(sum(exacts, Decimal(0)))
    shares = largest_remainder(exacts, total)
    assert sum(shares) == total
    assert all(abs(share - exact) < 1 for share, exact in zip(shares, exacts, strict=True))


@pytest.mark.parametrize(
    ("minor", "currency", "plain", "shown"),
    [
        (-123456, "USD", "-1234.56", "(1,234.56)"),
        (5, "USD", "0.05", "0.05"),
        (-1234, "JPY", "-1234", "(1,234)"),
        (1234, "KWD", "1.234", "1.234"),
        (0, "USD", "0.00", "0.00"),
        (1, "JPY", "1", "1"),
        (100, "CLF", "0.0100", "0.0100"),
    ],
)
def test_amounts_in_files_and_for_reading(
    minor: int, currency: str, plain: str, shown: str
) -> None:
    assert format_minor(minor, currency) == plain
    assert display(minor, currency) == shown


@pytest.mark.parametrize(
    ("amount", "currency", "sent"),
    [(150, "ISK", 15000), (5120, "KWD", 5120), (700, "JPY", 700), (200, "MGA", 2)],
)
def test_stripes_own_table(amount: int, currency: str, sent: int) -> None:
    assert to_stripe(amount, currency) == sent


@pytest.mark.parametrize(("amount", "currency"), [(5124, "KWD"), (150, "MGA"), (1, "CLF")])
def test_what_stripe_cannot_say_is_refused(amount: int, currency: str) -> None:
    with pytest.raises(NotRepresentable):
        to_stripe(amount, currency)


@pytest.mark.parametrize(
    ("minor", "shown"), [(-1234, "(1,234)"), (0, "0"), (1234, "1,234")]
)
def test_a_custom_unit_is_shown_without_decimals(minor: int, shown: str) -> None:
    assert display(minor, "") == shown


def test_units_of_the_core() -> None:
    assert core_exact_minor(Decimal("12.5"), "USD", "cents") == Decimal("12.5")
    assert core_exact_minor(Decimal(29), "EUR", "whole") == 2900
    assert minor_from_major(Decimal("12.345"), "USD") == Decimal("1234.5")
    with pytest.raises(UnknownCurrency):
        core_exact_minor(Decimal(1), "ZZZ", "cents")


def test_rounding_is_to_the_even_unless_it_is_told_otherwise() -> None:
    assert [round_minor(Decimal(one)) for one in ("2.5", "3.5", "-2.5", "2.51")] == [
        2,
        4,
        -2,
        3,
    ]
    assert round_minor(Decimal("2.5"), ROUND_HALF_UP) == 3


def test_no_float_no_guess_and_no_mixing() -> None:
    with pytest.raises(TypeError, match="minor units are integers, not float"):
        Money(1.0, "USD")  # type: ignore[arg-type]  # the point of the test
    with pytest.raises(UnknownCurrency, match="usd"):
        exponent("usd")
    for mixed in (Money.__add__, Money.__sub__):
        with pytest.raises(CurrencyMixed, match="EUR cannot be added to USD"):
            mixed(Money(1, "USD"), Money(1, "EUR"))


def test_amounts_of_one_currency_are_reckoned_and_shown() -> None:
    assert Money(1, "USD") + Money(3, "USD") == Money(4, "USD")
    assert Money(1, "USD") - Money(3, "USD") == -Money(2, "USD")
    assert str(Money(-1205, "USD")) == "-12.05 USD"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("1.234", "'1.234' has more decimals than USD has (2)"),
        ("one", "'one' is no amount; write it like 1234.56"),
        ("NaN", "'NaN' is no amount; write it like 1234.56"),
        ("Infinity", "'Infinity' is no amount; write it like 1234.56"),
    ],
)
def test_what_is_no_amount_is_told_in_one_line(text: str, said: str) -> None:
    with pytest.raises(ValueError, match=f"^{re.escape(said)}$"):
        parse_major(text, "USD")
    assert parse_major(" 12.5 ", "USD") == 1250


@pytest.mark.parametrize(
    ("exacts", "total", "shares"),
    [
        (["0.5", "0.5"], 1, [1, 0]),  # ties go to the first
        (["0.4", "0.6"], 1, [0, 1]),
        (["-0.5", "1.5"], 1, [0, 1]),
        (["1.2", "1.2"], 2, [1, 1]),
        (["1.2", "1.2"], 4, [2, 2]),
        ([], 0, []),
    ],
)
def test_what_is_left_over_goes_to_the_largest_remainders(
    exacts: list[str], total: int, shares: list[int]
) -> None:
    assert largest_remainder([Decimal(one) for one in exacts], total) == shares


@pytest.mark.parametrize("total", [0, 4])
def test_a_total_that_cannot_be_shared_is_refused(total: int) -> None:
    said = f"{total} is too far from the sum of 2 exact shares"
    with pytest.raises(ValueError, match=f"^{said}$"):
        largest_remainder([Decimal("1.5"), Decimal("0.5")], total)


@given(every_currency, st.integers(-(10**12), 10**12))
def test_what_is_shown_to_a_reader_holds_the_same_digits(currency: str, minor: int) -> None:
    shown = display(minor, currency)
    assert (shown[0] == "(") == (minor < 0)
    assert parse_major(re.sub(r"[(),]", "", shown), currency) == abs(minor)
