"""Money: exact in, exact out, and shared so that nothing is lost."""

from decimal import Decimal

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


def test_units_of_the_core() -> None:
    assert core_exact_minor(Decimal("12.5"), "USD", "cents") == Decimal("12.5")
    assert core_exact_minor(Decimal(29), "EUR", "whole") == 2900
    assert round_minor(Decimal("2.5")) == 2


def test_no_float_no_guess_and_no_mixing() -> None:
    with pytest.raises(TypeError):
        Money(1.0, "USD")  # type: ignore[arg-type]  # the point of the test
    with pytest.raises(UnknownCurrency, match="usd"):
        exponent("usd")
    with pytest.raises(CurrencyMixed):
        Money(1, "USD") + Money(1, "EUR")
    assert Money(1, "USD") - Money(3, "USD") == -Money(2, "USD")
    for text in ("1.234", "one", "NaN"):
        with pytest.raises(ValueError, match=text):
            parse_major(text, "USD")
    with pytest.raises(ValueError, match="too far"):
        largest_remainder([Decimal(1)], 9)
