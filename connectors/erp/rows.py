"""One row of any vendor's books, before it is one of our words; amounts in whole units."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from decimal import Decimal, InvalidOperation
from enum import Enum
from typing import Any

from connectors.failures import Incomplete
from state.money import UnknownCurrency, parse_major


class Standing(Enum):
    """Whether a document stands in the ledger."""

    DRAFT = "draft"
    POSTED = "posted"
    VOID = "void"


@dataclass(frozen=True, slots=True)
class Invoice:
    """An invoice; `total` with tax. `paid` only where the vendor tells cash from credit."""

    id: str
    number: str
    standing: Standing
    native: str
    currency: str
    total: Decimal
    balance: Decimal
    tax: Decimal = Decimal(0)
    paid: Decimal | None = None
    references: tuple[str, ...] = ()
    customer: str = ""
    entity: str | None = None
    posted_on: date | None = None
    due_on: date | None = None
    url: str | None = None
    raw: Any = None  # the vendor's own row, for whoever made this one


@dataclass(frozen=True, slots=True)
class Memo:
    """A credit memo; `total` with tax and never negative, whatever sign it had there."""

    id: str
    number: str
    standing: Standing
    native: str
    currency: str
    total: Decimal
    tax: Decimal = Decimal(0)
    names: str | None = None  # an invoice that it names, whether applied or not
    text: str = ""
    customer: str = ""
    entity: str | None = None
    posted_on: date | None = None
    document_on: date | None = None
    raised_by: str = ""
    left: Decimal | None = None  # what is unapplied, with tax; None: not told
    refunds: tuple[tuple[Decimal, date | None], ...] | None = None  # None: not told
    raw: Any = None


@dataclass(frozen=True, slots=True)
class Applied:
    """So much of a memo, with tax, was used on an invoice."""

    memo: str
    invoice: str
    amount: Decimal
    exact: bool = True
    on: date | None = None


def standing(table: Mapping[str, Standing], word: str, what: str) -> Standing:
    """What a vendor's own status says. One that is not known stops the reading."""
    try:
        return table[word]
    except KeyError:
        raise Incomplete(
            f"{what} has the status {word!r}, which this version does not know"
        ) from None


def amount(value: Any, what: str) -> Decimal:
    """An exact amount: a JSON number read as a decimal, or a text. Raises Incomplete."""
    try:
        found = Decimal(str(value))
    except InvalidOperation:
        found = Decimal("NaN")
    if isinstance(value, bool) or not found.is_finite():
        raise Incomplete(f"{what} has an amount that is none: {str(value)[:40]!r}")
    return found


def told_amount(row: Mapping[str, Any], name: str, what: str) -> Decimal | None:
    """The same of a field; None where the row does not tell it. Raises Incomplete."""
    value = row.get(name)
    return None if value is None else amount(value, what)


def minor(value: Decimal, currency: str, what: str) -> int:
    """Minor units. Raises Incomplete for an unknown currency, or for too many decimals."""
    try:
        return parse_major(str(value), currency)
    except (UnknownCurrency, ValueError) as error:
        raise Incomplete(f"{what}: {error}") from None


def text(row: Mapping[str, Any], *path: str) -> str:
    """A text at the end of a path; '' where there is none."""
    here: Any = row
    for step in path:
        here = here.get(step) if isinstance(here, Mapping) else None
    return "" if here is None else str(here)


def day(value: str, what: str) -> date | None:
    """The day of a text like 2026-10-01 or 2026-10-01T00:00:00Z. Raises Incomplete.

    Year 1 is how Business Central writes no date at all.
    """
    if not value or value.startswith("0001-"):
        return None
    try:
        return date.fromisoformat(value[:10])
    except ValueError:
        raise Incomplete(f"{what} has a date that is none: {value[:40]!r}") from None


def midnight(on: date | None) -> datetime | None:
    """The beginning of a day, in UTC: ledgers know days only."""
    return None if on is None else datetime.combine(on, time(0), UTC)


def listed(found: Any, said: str) -> list[Mapping[str, Any]]:
    """The rows of an answer. Raises Incomplete, with what is said, for anything else."""
    if not isinstance(found, list) or not all(isinstance(one, dict) for one in found):
        raise Incomplete(said)
    return found
