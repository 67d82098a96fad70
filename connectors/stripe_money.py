"""Stripe's own table of currencies, applied at this edge only.

Stripe: docs.stripe.com/currencies. It differs from ISO 4217: MGA has no decimals there,
ISK and UGX are sent with two decimals that must be zero, and three-decimal currencies end
in a 0. An amount that Stripe cannot say is refused, never rounded here.
"""

from connectors.ports import CurrencyRule
from state.money import UnknownCurrency, exponent

_ZERO_DECIMAL = frozenset(
    [
        "BIF",
        "CLP",
        "DJF",
        "GNF",
        "JPY",
        "KMF",
        "KRW",
        "MGA",
        "PYG",
        "RWF",
        "VND",
        "VUV",
        "XAF",
        "XOF",
        "XPF",
    ]
)
_THREE_DECIMAL = frozenset(["BHD", "JOD", "KWD", "OMR", "TND"])
_TWO_DECIMAL_WHOLE = frozenset({"ISK", "UGX"})  # x100, and a multiple of 100
_UNSUPPORTED = frozenset(
    ["CLF", "UYW", "UYI", "IQD", "LYD", "CUP", "IRR", "KPW", "SDG", "SYP"]
)
_DIGITS_MAX = 8
_IDR_DIGITS_MAX = 12
# Smallest charge, in Stripe's units; below it the amount goes to the customer's balance.
_MINIMUM = {
    "USD": 50, "AED": 200, "AUD": 50, "BRL": 50, "CAD": 50, "CHF": 50,
    "CZK": 1500, "DKK": 250, "EUR": 50, "GBP": 30, "HKD": 400, "HUF": 17500, "INR": 50,
    "JPY": 50, "MXN": 1000, "MYR": 200, "NOK": 300, "NZD": 50, "PLN": 200, "RON": 200,
    "SEK": 300, "SGD": 50, "THB": 1000,
}  # fmt: skip


class NotRepresentable(ValueError):
    """Stripe cannot say this amount in this currency."""


def stripe_exponent(currency: str) -> int:
    """How many decimals Stripe's integers carry. Raises NotRepresentable."""
    code = currency.upper()
    if code in _UNSUPPORTED:
        raise NotRepresentable(f"Stripe does not bill in {code}")
    if code in _ZERO_DECIMAL:
        return 0
    if code in _THREE_DECIMAL:
        return 3
    try:
        exponent(code)
    except UnknownCurrency as error:
        raise NotRepresentable(str(error)) from error
    return 2


def to_stripe(minor: int, currency: str) -> int:
    """Our minor units as Stripe's integer. Raises NotRepresentable, never rounds."""
    rule = currency_rule(currency)
    if rule is None:
        raise NotRepresentable(f"Stripe does not bill in {currency}")
    if minor % rule.step_minor:
        raise NotRepresentable(
            f"{minor} minor units of {currency} are no multiple of {rule.step_minor}"
        )
    shift = stripe_exponent(currency) - exponent(currency.upper())
    return minor * int(10**shift) if shift >= 0 else minor // int(10**-shift)


def from_stripe(amount: int, currency: str) -> int:
    """Stripe's integer as our minor units."""
    code = currency.upper()
    shift = exponent(code) - stripe_exponent(code)
    if shift >= 0:
        return amount * int(10**shift)
    minor, rest = divmod(amount, int(10**-shift))
    if rest:
        raise NotRepresentable(f"{amount} of {code} has decimals that {code} does not have")
    return minor


def currency_rule(currency: str) -> CurrencyRule | None:
    """Stripe's rule in our minor units; None where it does not bill in the currency."""
    code = currency.upper()
    try:
        places = stripe_exponent(code)
    except NotRepresentable:
        return None
    shift = exponent(code) - places
    step = 10**shift if shift > 0 else 1
    if code in _THREE_DECIMAL:
        step = 10
    digits = _IDR_DIGITS_MAX if code == "IDR" else _DIGITS_MAX
    largest = 10**digits - 1
    return CurrencyRule(
        step_minor=int(step),
        minimum_minor=_scaled(_MINIMUM.get(code, 0), shift),
        maximum_minor=_scaled(largest, shift) // int(step) * int(step),
    )


def check_amount(amount: int, currency: str) -> str | None:
    """What is wrong with an integer sent to Stripe in this currency; None when nothing."""
    code = currency.upper()
    try:
        stripe_exponent(code)
    except NotRepresentable as error:
        return str(error)
    if code in _THREE_DECIMAL and amount % 10:
        return f"amounts in {code} must end in 0"
    if code in _TWO_DECIMAL_WHOLE and amount % 100:
        return f"amounts in {code} must be multiples of 100"
    return None


def _scaled(amount: int, shift: int) -> int:
    if shift >= 0:
        return amount * int(10**shift)
    return amount // int(10**-shift)
