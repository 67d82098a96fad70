"""Cells of an export as values: amounts in all their forms, dates only where they are sure.

Text that looks like a formula is text. What is not certain is refused with its remedy:
03/04/2026 is two different days.
"""

import re
from collections.abc import Iterable
from datetime import date, datetime
from decimal import Decimal, InvalidOperation
from enum import StrEnum
from typing import Any

from state.money import UnknownCurrency, exponent, minor_from_major

_ISO = re.compile(r"(\d{4})-(\d{1,2})-(\d{1,2})(?:[T ].*)?")
_NUMBERS = re.compile(r"(\d{1,2})[/.-](\d{1,2})[/.-](\d{4})")
_NAMED = re.compile(
    r"(?:(\d{1,2})[ -]([A-Za-z]{3,9})|([A-Za-z]{3,9}) (\d{1,2}),?)[ -](\d{4})"
)
_MONTHS = (
    "jan",
    "feb",
    "mar",
    "apr",
    "may",
    "jun",
    "jul",
    "aug",
    "sep",
    "oct",
    "nov",
    "dec",
)
_SIGNS = re.compile(r"[$€£¥₹'\s\u00a0\u202f]|\b[A-Z]{3}\b")
_DIGITS = re.compile(r"\d[\d.,]*|[.,]\d+")
_NOISE = Decimal("0.0001")  # what binary fractions leave behind in a spreadsheet
_THREE = 3
LARGEST = Decimal(10) ** 14  # whole units; in minor units of any currency it fits 64 bits


class Mark(StrEnum):
    """Which sign stands before the decimals, in one file."""

    POINT = "."
    COMMA = ","


class NotAValue(ValueError):
    """A cell that is not what its column holds; the text is the remedy."""


def text_of(cell: Any) -> str:
    """A cell as text, as a person reads it: 1001 for a number of a document."""
    if cell is None:
        return ""
    if isinstance(cell, float) and cell.is_integer():
        return str(int(cell))
    if isinstance(cell, datetime | date):
        return cell.isoformat()
    return " ".join(str(cell).split())


def mark_of(cells: Iterable[Any]) -> Mark:
    """The decimal mark of a file's amounts. Raises NotAValue where both are used."""
    found: set[Mark] = set()
    for cell in cells:
        if not isinstance(cell, str):
            continue
        bare = _SIGNS.sub("", cell)
        last = max(bare.rfind("."), bare.rfind(","))
        if last < 0:
            continue
        after = len(re.sub(r"\D", "", bare[last + 1 :]))
        both = "." in bare and "," in bare
        if both or (after != _THREE and bare.count(bare[last]) == 1):
            found.add(Mark(bare[last]))
    if len(found) > 1:
        raise NotAValue(
            "amounts are written with both a decimal point and a decimal comma; "
            "export it again in one manner"
        )
    return found.pop() if found else Mark.POINT


def minor(cell: Any, currency: str, mark: Mark) -> int:
    """An amount in minor units. Raises NotAValue."""
    amount = _amount(cell, mark)
    try:
        step = Decimal(1).scaleb(-exponent(currency))
    except UnknownCurrency as error:
        raise NotAValue(str(error)) from None
    if not amount.is_finite() or abs(amount) > LARGEST:
        raise NotAValue("is no amount that a document has; write it like 1234.56")
    rounded = amount.quantize(step)
    if isinstance(cell, float):
        if abs(amount - rounded) > _NOISE:
            raise NotAValue(f"has more decimals than {currency} has; round it there")
    elif rounded != amount:
        raise NotAValue(f"has more decimals than {currency} has; round it there")
    return int(minor_from_major(rounded, currency))


def _amount(cell: Any, mark: Mark) -> Decimal:
    """1,234.56  (75.00)  75.00-  -75  $ 1 234,56: whatever it is, or NotAValue."""
    if isinstance(cell, bool):
        raise NotAValue("is no amount; write it like 1234.56")
    if isinstance(cell, int):
        return Decimal(cell)
    if isinstance(cell, float):
        return Decimal(repr(cell))
    bare = _SIGNS.sub("", text_of(cell)).replace("\u2212", "-")
    negative = False
    if bare.startswith("(") and bare.endswith(")"):
        bare, negative = bare[1:-1], True
    if bare.startswith(("-", "+")):
        bare, negative = bare[1:], negative ^ (bare[0] == "-")
    elif bare.endswith("-"):
        bare, negative = bare[:-1], not negative
    if not _DIGITS.fullmatch(bare):
        raise NotAValue("is no amount; write it like 1234.56")
    thousands = "," if mark is Mark.POINT else "."
    groups = bare.partition(mark)[0].split(thousands)
    if thousands in bare.partition(mark)[2] or any(len(g) != _THREE for g in groups[1:]):
        raise NotAValue("is no amount; write it like 1234.56")
    try:
        amount = Decimal(bare.replace(thousands, "").replace(",", "."))
    except InvalidOperation:
        raise NotAValue("is no amount; write it like 1234.56") from None
    return -amount if negative else amount


def day(cell: Any, order: str) -> date | None:
    """A date, or None for an empty cell. `order` is iso, dmy or mdy. Raises NotAValue.

    Year 1 is how Business Central writes no date at all.
    """
    if isinstance(cell, date):
        on = cell.date() if isinstance(cell, datetime) else cell
        return None if on.year == 1 else on
    text = text_of(cell)
    if not text or text.startswith("0001-"):
        return None
    if found := _ISO.fullmatch(text):
        return _made(found[1], found[2], found[3])
    if found := _NAMED.fullmatch(text):
        name = (found[2] or found[3])[:3].lower()
        if name in _MONTHS:
            return _made(found[5], str(_MONTHS.index(name) + 1), found[1] or found[4])
    if found := _NUMBERS.fullmatch(text):
        if order == "iso":
            raise NotAValue(
                "could be two different days; set dates: dmy or dates: mdy for this ERP"
            )
        first, second = found[1], found[2]
        return _made(
            found[3],
            *((second, first) if order == "dmy" else (first, second)),
        )
    raise NotAValue("is no date; write it like 2026-10-31")


def _made(year: str, month: str, number: str) -> date:
    try:
        return date(int(year), int(month), int(number))
    except ValueError:
        raise NotAValue("is no day of the calendar; set dates: to its order") from None
