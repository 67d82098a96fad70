"""The core's own words for usage, prices, credits and drafts; all frozen, all exact.

An amount is in the units of its pricing unit (USD: cents, which may be fractional).
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Context, Decimal, DivisionByZero, Inexact, InvalidOperation, Overflow
from typing import Any

BACKDATING = timedelta(days=34)
"""Metronome: how far back usage may be dated, and how long a transaction id is known."""
FUTURE_DATING = timedelta(hours=24)
"""Metronome: usage dated later than this is rejected."""
EXACT = Context(prec=400, traps=[Inexact, InvalidOperation, DivisionByZero, Overflow])
"""Arithmetic that would rather fail than round; every number comes in below 1e31."""
SHARE_PLACES = Decimal("1e-12")
"""Where a quantity that has no end (10 / 3) is cut. Amounts are never cut."""
ZERO = Decimal(0)
Groups = tuple[tuple[str, str | None], ...]


@dataclass(frozen=True, slots=True)
class Period:
    """From `start` until just before `end`."""

    start: datetime
    end: datetime

    def holds(self, at: datetime) -> bool:
        """Whether an instant lies in it."""
        return self.start <= at < self.end


# --- usage ---------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Event:
    """One usage event of a customer, as metrics see it."""

    at: datetime
    event_type: str
    properties: Mapping[str, Any]
    transaction_id: str = ""


@dataclass(frozen=True, slots=True)
class PropertyFilter:
    """What one property must hold; None asks nothing."""

    name: str
    exists: bool | None = None
    in_values: frozenset[str] | None = None
    not_in_values: frozenset[str] | None = None


@dataclass(frozen=True, slots=True)
class Metric:
    """How events become a quantity: COUNT, LATEST, MAX, SUM or UNIQUE of `key`."""

    aggregation: str
    key: str = ""
    event_types: frozenset[str] | None = None
    other_event_types: frozenset[str] = frozenset()
    filters: tuple[PropertyFilter, ...] = ()


@dataclass(frozen=True, slots=True)
class Movement:
    """At an instant the quantity moved by so much; negative usage moves it down."""

    at: datetime
    quantity: Decimal


@dataclass(frozen=True, slots=True)
class Conversion:
    """A product's way from the metric's unit to the billed one.

    `rounding` is ROUND_UP, ROUND_DOWN or ROUND_HALF_UP to `places`, or None.
    """

    factor: Decimal = Decimal(1)
    divide: bool = False
    rounding: str | None = None
    places: int = 0


# --- prices ----------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Tier:
    """A price for `size` units of the period's quantity; None: for all the rest."""

    price: Decimal
    size: Decimal | None = None


@dataclass(frozen=True, slots=True)
class Rate:
    """The price of a product from an instant on. One tier is a flat price."""

    starting_at: datetime
    ending_before: datetime | None
    tiers: tuple[Tier, ...]
    entitled: bool = True

    def holds(self, at: datetime) -> bool:
        """Whether the rate is in force at an instant."""
        return self.starting_at <= at and (
            self.ending_before is None or at < self.ending_before
        )


@dataclass(frozen=True, slots=True)
class Meter:
    """One product (or one group of its usage) over a period: its prices and its usage."""

    product_id: str
    name: str
    tags: frozenset[str]
    rates: tuple[Rate, ...]
    movements: tuple[Movement, ...]
    pricing_groups: Groups = ()
    presentation_groups: Groups = ()


# --- credits ----------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Segment:
    """One access window of one credit, with what is left in it.

    `product_ids` and `tags` both empty: any product. `contracts` is the number of
    contracts the credit is limited to, None for all. `order` is that of creation.
    """

    credit_id: str
    segment_id: str
    name: str
    window: Period
    left: Decimal
    priority: Decimal = ZERO
    contract_level: bool = False
    product_ids: frozenset[str] = frozenset()
    tags: frozenset[str] = frozenset()
    contracts: int | None = None
    order: int = 0


@dataclass(frozen=True, slots=True)
class LedgerEntry:
    """One movement of a credit's balance, by Metronome's kinds (CREDIT_...)."""

    kind: str
    amount: Decimal
    at: datetime
    segment_id: str
    invoice_id: str | None = None
    contract_id: str | None = None
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class Drawdown:
    """What a draft takes from one segment; more than zero."""

    credit_id: str
    segment_id: str
    amount: Decimal


# --- drafts ------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class TierPlace:
    """Which tier of a price a line is at, and the quantity at which that tier begins."""

    level: int
    starting_at: Decimal
    size: Decimal | None


@dataclass(frozen=True, slots=True)
class Line:
    """One line of a draft.

    A line with a `segment` is the usage that a credit covers or, when `applied`, the
    application itself: negative, without a quantity of its own.
    """

    product_id: str
    name: str
    period: Period
    total: Decimal
    quantity: Decimal | None = None
    price: Decimal | None = None
    tags: frozenset[str] = frozenset()
    segment: Segment | None = None
    applied: bool = False
    tier: TierPlace | None = None
    pricing_groups: Groups = ()
    presentation_groups: Groups = ()


@dataclass(frozen=True, slots=True)
class Draft:
    """What a period comes to: its lines and what they take from credits."""

    lines: tuple[Line, ...] = ()
    drawdowns: tuple[Drawdown, ...] = field(default=())

    @property
    def total(self) -> Decimal:
        """The sum of the lines; it may be negative."""
        return sum_exact(line.total for line in self.lines)


def sum_exact(amounts: Any) -> Decimal:
    """A sum that never rounds."""
    total = ZERO
    for amount in amounts:
        total = EXACT.add(total, amount)
    return total
