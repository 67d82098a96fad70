"""How a cell is written: days, times, amounts, and text that no program runs."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal

from state.clock import iso
from state.money import display, exponent, format_minor
from sync.months import name_of, there
from sync.report.document import Cell, Kind

FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r", "\n", "\0")
SHORT = 18  # characters of an id on paper


def day(moment: datetime | None) -> str:
    """The day in UTC of what begins and ends by the core's clock; '' for none."""
    return "" if moment is None else moment.astimezone(UTC).date().isoformat()


@dataclass(frozen=True, slots=True)
class Calendar:
    """Days and months of postings, as the clocks of the period's time zone show them."""

    zone: str = "UTC"

    def day(self, moment: datetime | None) -> str:
        """A posting date; '' for none."""
        if moment is None:
            return ""
        return there(moment, self.zone).date().isoformat()

    def month(self, moment: datetime | None) -> str:
        """A posting period; '' for none."""
        return "" if moment is None else name_of(moment, self.zone)


def time(moment: datetime | None) -> str:
    """A time in UTC, to the second; '' for none."""
    return "" if moment is None else iso(moment.replace(microsecond=0)) or ""


def places(currency: str) -> int:
    """Decimals of a currency; 0 where there is none."""
    return exponent(currency) if currency else 0


def decimal_text(minor: int, currency: str) -> str:
    """An amount for programs: `-1234.56`."""
    return format_minor(minor, currency) if currency else str(minor)


def ratio(part: int, whole: int) -> Decimal | None:
    """Part of whole, to a hundredth of a percent; None where there is no whole."""
    if whole == 0:
        return None
    return (Decimal(part) / Decimal(whole)).quantize(Decimal("0.0001"))


def plain(number: Decimal, how: str = "f") -> str:
    """A quantity without an exponent and without empty decimals."""
    text = format(number, how)
    return text.rstrip("0").rstrip(".") if "." in text else text


def percent(value: Decimal) -> str:
    """For reading: `4.25 %`."""
    return f"{(value * 100).quantize(Decimal('0.01'))} %"


def readable(cell: Cell, kind: Kind, currency: str) -> str:
    """A cell for a person."""
    if cell is None:
        return ""
    if kind is Kind.MONEY and isinstance(cell, int):
        return display(cell, currency)
    if kind is Kind.PERCENT and isinstance(cell, Decimal):
        return percent(cell)
    if kind is Kind.NUMBER and isinstance(cell, Decimal):
        return plain(cell, ",f")
    return printable(str(cell))


def printable(text: str) -> str:
    """Text of others with nothing in it that steers a reader: control and bidi signs go.

    Line breaks and tabs become spaces; a right-to-left override would turn the cells
    beside it around.
    """
    if _STEERING.search(text) is None:
        return text
    return _STEERING.sub(_instead, text)


_SPACES = "\t\n\r\v\f\x85\u2028\u2029"
_LOST = "\ud800-\udfff\ufffe\uffff"  # half a character, or none
_BIDI = "\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069"
_STEERING = re.compile(f"[\x00-\x1f\x7f-\x9f{_SPACES}{_LOST}{_BIDI}]")


def _instead(found: re.Match[str]) -> str:
    sign = found[0]
    if sign in _SPACES:
        return " "
    return "\ufffd" if re.match(f"[{_LOST}]", sign) else ""


def shortened(text: str) -> str:
    """An id for paper, its ends kept; the files for programs have it whole."""
    return text if len(text) <= SHORT else f"{text[:8]}…{text[-8:]}"


def safe_cell(text: str) -> str:
    """Text that no spreadsheet takes for a formula."""
    return f"'{text}" if text.startswith(FORMULA_STARTS) else text


def joined(names: Iterable[str]) -> str:
    """Several ids in one cell."""
    return " ".join(names)
