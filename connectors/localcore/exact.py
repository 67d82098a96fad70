"""JSON in which a number is exactly what was written: Decimal in, plain digits out.

Metronome: USD amounts are cents and may be fractional. The standard encoder would pass a
Decimal through a binary float, so this one writes the digits itself.
"""

import json
from collections.abc import Iterator, Mapping
from datetime import datetime
from decimal import Decimal, InvalidOperation
from json.encoder import encode_basestring_ascii as _quoted
from typing import Any

from state.clock import iso

MAGNITUDE_MAX = 30  # powers of ten either way; 1e30 is no amount and no quantity


def _number(text: str) -> Decimal:
    try:
        number = Decimal(text)
    except InvalidOperation as error:
        raise ValueError(f"{text[:40]} is not a number") from error
    if number and not -MAGNITUDE_MAX <= number.adjusted() <= MAGNITUDE_MAX:
        raise ValueError(f"the number {text[:40]} is out of range")
    exponent = number.as_tuple().exponent
    if not isinstance(exponent, int) or abs(exponent) > MAGNITUDE_MAX * 2:
        raise ValueError(f"the number {text[:40]} has too many digits")
    return number


def _whole(text: str) -> int:
    if len(text) > MAGNITUDE_MAX + 2:
        raise ValueError(f"the number {text[:40]} is out of range")
    return int(text)


def _no_constant(text: str) -> Any:
    raise ValueError(f"{text} is not JSON")


def recall(text: str) -> Any:
    """Parse what `dumps` wrote into our own books: no limit, a sum may be of any size."""
    return json.loads(text, parse_float=Decimal)


def loads(text: str | bytes) -> Any:
    """Parse a caller's JSON; a whole number is an int, any other a Decimal, never a float.

    Raises:
        ValueError: not JSON, or a number out of range.
    """
    try:
        return json.loads(
            text, parse_float=_number, parse_int=_whole, parse_constant=_no_constant
        )
    except RecursionError as error:
        raise ValueError("nested too deeply") from error


def plain(number: Decimal) -> str:
    """The digits of a number: no exponent, no trailing zeros, no negative zero."""
    text = format(number, "f")
    if "." in text:
        text = text.rstrip("0").rstrip(".")
    return "0" if text in {"-0", ""} else text


def _pieces(value: Any) -> Iterator[str]:
    if value is None:
        yield "null"
    elif value is True:
        yield "true"
    elif value is False:
        yield "false"
    elif isinstance(value, str):
        yield _quoted(value)
    elif isinstance(value, int):
        yield int.__repr__(value)
    elif isinstance(value, Decimal):
        if not value.is_finite():
            raise ValueError("an amount must be a finite number")
        yield plain(value)
    elif isinstance(value, datetime):
        yield _quoted(iso(value) or "")
    elif isinstance(value, Mapping):
        mark = "{"
        for name, inner in value.items():
            yield f"{mark}{_quoted(name)}:"
            yield from _pieces(inner)
            mark = ","
        yield "{}" if mark == "{" else "}"
    elif isinstance(value, (list, tuple)):
        mark = "["
        for inner in value:
            yield mark
            yield from _pieces(inner)
            mark = ","
        yield "[]" if mark == "[" else "]"
    else:
        raise TypeError(f"{type(value).__name__} has no exact JSON form")


def dumps(value: Any) -> str:
    """Write JSON with exact numbers; a datetime becomes RFC 3339. A float is refused."""
    return "".join(_pieces(value))
