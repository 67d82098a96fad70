"""Exact amounts: integer minor units and a currency, never a float.

Exponents are those of ISO 4217. What Stripe makes of a currency differs and lives at that
edge, in `connectors.stripe_money`.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import (
    ROUND_FLOOR,
    ROUND_HALF_EVEN,
    Context,
    Decimal,
    DivisionByZero,
    Inexact,
    InvalidOperation,
    Overflow,
)
from typing import Literal

_TWO = (
    "AED AFN ALL AMD AOA ARS AUD AWG AZN BAM BBD BDT BMD BND BOB BRL BSD BTN BWP BYN BZD "
    "CAD CDF CHF CNY COP CRC CUP CVE CZK DKK DOP DZD EGP ERN ETB EUR FJD FKP GBP GEL GHS "
    "GIP GMD GTQ GYD HKD HNL HTG HUF IDR ILS INR IRR JMD KES KGS KHR KPW KYD KZT LAK LBP "
    "LKR LRD LSL MAD MDL MGA MKD MMK MNT MOP MRU MUR MVR MWK MXN MYR MZN NAD NGN NIO NOK "
    "NPR NZD PAB PEN PGK PHP PKR PLN QAR RON RSD RUB SAR SBD SCR SDG SEK SGD SHP SLE SOS "
    "SRD SSP STN SVC SYP SZL THB TJS TMT TOP TRY TTD TWD TZS UAH USD UYU UZS VED VES WST "
    "XCD XCG YER ZAR ZMW ZWG"
)
_ZERO = "BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX UYI VND VUV XAF XOF XPF"
_THREE = "BHD IQD JOD KWD LYD OMR TND"
_FOUR = "CLF UYW"

_EXPONENTS: dict[str, int] = {
    code: places
    for places, codes in ((0, _ZERO), (2, _TWO), (3, _THREE), (4, _FOUR))
    for code in codes.split()
}

Unit = Literal["cents", "whole"]
EXACT = Context(prec=400, traps=[Inexact, InvalidOperation, DivisionByZero, Overflow])
"""Arithmetic that would rather fail than round: `with localcontext(EXACT):`."""


class UnknownCurrency(ValueError):
    """The code is no currency of ISO 4217, so its minor unit is not known."""

    def __init__(self, currency: str) -> None:
        super().__init__(
            f"{currency!r} is no ISO 4217 currency code; write it in three capital letters"
        )


class CurrencyMixed(ValueError):
    """Amounts of two currencies were added; a book keeps one block for each."""


@dataclass(frozen=True, slots=True)
class Money:
    """An amount in minor units of one ISO 4217 currency."""

    minor: int
    currency: str

    def __post_init__(self) -> None:
        if type(self.minor) is not int:
            raise TypeError(f"minor units are integers, not {type(self.minor).__name__}")
        exponent(self.currency)

    def __add__(self, other: "Money") -> "Money":
        return Money(self.minor + self._same(other).minor, self.currency)

    def __sub__(self, other: "Money") -> "Money":
        return Money(self.minor - self._same(other).minor, self.currency)

    def __neg__(self) -> "Money":
        return Money(-self.minor, self.currency)

    def __str__(self) -> str:
        return f"{format_minor(self.minor, self.currency)} {self.currency}"

    def _same(self, other: "Money") -> "Money":
        if other.currency != self.currency:
            raise CurrencyMixed(f"{other.currency} cannot be added to {self.currency}")
        return other


def exponent(currency: str) -> int:
    """How many decimals the currency has. Raises UnknownCurrency."""
    try:
        return _EXPONENTS[currency]
    except KeyError:
        raise UnknownCurrency(currency) from None


def currencies() -> tuple[str, ...]:
    """Every code in the table, sorted."""
    return tuple(sorted(_EXPONENTS))


def minor_from_major(amount: Decimal, currency: str) -> Decimal:
    """Exact minor units of an amount in whole units; fractions are kept."""
    return EXACT.multiply(amount, 10 ** exponent(currency))


def core_exact_minor(amount: Decimal, currency: str, unit: Unit) -> Decimal:
    """Exact minor units of an amount as the core writes it.

    Metronome: USD is in cents, which may have fractions; other currencies are in whole
    units. The scale belongs to the pricing unit, so it is given here.
    """
    if unit == "cents":
        exponent(currency)
        return amount
    return minor_from_major(amount, currency)


def round_minor(exact: Decimal, mode: str = ROUND_HALF_EVEN) -> int:
    """Round once, to an integer. `mode` is one of decimal's own words."""
    return int(exact.quantize(Decimal(1), rounding=mode))


def largest_remainder(exacts: Sequence[Decimal], total: int) -> list[int]:
    """Integers that sum to `total`, each within one step of its exact share.

    The steps left over go to the largest remainders, ties to the first. A total further
    from the exact sum than one step a line cannot be shared so, and is refused.
    """
    floors = [int(exact.to_integral_value(rounding=ROUND_FLOOR)) for exact in exacts]
    left = total - sum(floors)
    if not 0 <= left <= len(floors):
        raise ValueError(f"{total} is too far from the sum of {len(floors)} exact shares")
    by_remainder = sorted(range(len(floors)), key=lambda i: (floors[i] - exacts[i], i))
    for index in by_remainder[:left]:
        floors[index] += 1
    return floors


def format_minor(minor: int, currency: str) -> str:
    """Plain decimal text, for files: `-1234.56`. No thousands, no currency."""
    places = exponent(currency)
    sign = "-" if minor < 0 else ""
    digits = str(abs(minor)).rjust(places + 1, "0")
    return (
        f"{sign}{digits}" if places == 0 else f"{sign}{digits[:-places]}.{digits[-places:]}"
    )


def display(minor: int, currency: str) -> str:
    """The accountant's form, for reading: `1,234.56`, and `(1,234.56)` when negative."""
    if not currency:
        return f"({-minor:,})" if minor < 0 else f"{minor:,}"
    whole, _, fraction = format_minor(abs(minor), currency).partition(".")
    grouped = f"{int(whole):,}" + (f".{fraction}" if fraction else "")
    return f"({grouped})" if minor < 0 else grouped


def parse_major(text: str, currency: str) -> int:
    """Minor units of a decimal text in whole units; refuses more decimals than exist."""
    places = exponent(currency)
    try:
        amount = Decimal(text.strip())
    except InvalidOperation:
        raise ValueError(f"{text!r} is no amount; write it like 1234.56") from None
    if not amount.is_finite():
        raise ValueError(f"{text!r} is no amount; write it like 1234.56")
    exact = amount.scaleb(places)
    if exact != exact.to_integral_value():
        raise ValueError(f"{text!r} has more decimals than {currency} has ({places})")
    return int(exact)
