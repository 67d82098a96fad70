"""Rate usage and burn credits: pure, exact, in the order in which charges come.

Metronome: a credit applies to positive charges as they come in time order and does not look
forward, so a later negative quantity is not netted and a total can go negative.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal, InvalidOperation
from typing import Any

EVENT_WINDOW_DAYS = 34  # usage older than this is refused
FUTURE_HOURS = 24


@dataclass(frozen=True, slots=True)
class Usage:
    """One event's quantity of one metric."""

    at: datetime
    quantity: Decimal


@dataclass(frozen=True, slots=True)
class Priced:
    """One USAGE product of a rate card over a period: its price and its usage."""

    product_id: str
    name: str
    tags: tuple[str, ...]
    price: Decimal
    usage: tuple[Usage, ...]


@dataclass(frozen=True, slots=True)
class Segment:
    """One window of one credit with what is left of it."""

    credit_id: str
    segment_id: str
    name: str
    priority: Decimal
    contract_level: bool
    product_ids: tuple[str, ...]
    tags: tuple[str, ...]
    start: datetime
    end: datetime
    left: Decimal
    order: int = 0  # of creation

    def covers(self, product: Priced, at: datetime) -> bool:
        """May it pay for this product at this instant?"""
        scoped = bool(self.product_ids or self.tags)
        named = product.product_id in self.product_ids or set(self.tags) & set(product.tags)
        return self.start <= at < self.end and (not scoped or bool(named))


@dataclass(frozen=True, slots=True)
class Line:
    """One line of an invoice; `credit` says which segment pays, or covers, it."""

    product_id: str
    name: str
    quantity: Decimal
    price: Decimal
    total: Decimal
    applied: bool = False
    credit_id: str | None = None
    segment_id: str | None = None


@dataclass(frozen=True, slots=True)
class Rated:
    """The lines, and what each segment was burned by."""

    lines: tuple[Line, ...]
    burned: dict[tuple[str, str], Decimal]

    @property
    def total(self) -> Decimal:
        """Sum of the lines."""
        return sum((line.total for line in self.lines), Decimal(0))


def quantities(
    metric: dict[str, Any], events: Sequence[tuple[datetime, dict[str, Any]]], end: datetime
) -> tuple[Usage, ...]:
    """What a metric counts in these events, which are in time order.

    SUM and COUNT count each event where it stands; MAX, LATEST and UNIQUE are known only
    when the period is over. Values may be text ("-50"); what is no number counts nothing.
    """
    kind, key = metric["aggregation_type"], metric.get("aggregation_key") or ""
    kept = [(at, found) for at, found in events if _passes(metric, found)]
    if kind == "COUNT":
        return tuple(Usage(at, Decimal(1)) for at, _ in kept)
    if kind == "UNIQUE":
        values = {str(found[key]) for _, found in kept if key in found}
        return (Usage(end, Decimal(len(values))),) if values else ()
    numbers = [
        (at, number)
        for at, found in kept
        if (number := _number(found.get(key))) is not None
    ]
    if kind == "SUM":
        return tuple(Usage(at, number) for at, number in numbers)
    if not numbers:
        return ()
    values_only = [number for _, number in numbers]
    return (Usage(end, max(values_only) if kind == "MAX" else values_only[-1]),)


def rate(products: Sequence[Priced], segments: Sequence[Segment]) -> Rated:
    """The invoice of a period."""
    ordered = sorted(segments, key=burn_order)
    left = {(one.credit_id, one.segment_id): one.left for one in ordered}
    covered: dict[tuple[str, str, str], Decimal] = {}
    charges = sorted(
        (
            (use.at, index, use.quantity)
            for index, p in enumerate(products)
            for use in p.usage
        ),
        key=lambda charge: (charge[0], charge[1]),
    )
    for at, index, quantity in charges:
        product = products[index]
        due = quantity * product.price
        for one in ordered:
            if due <= 0:
                break
            key = (one.credit_id, one.segment_id)
            taken = min(due, left[key]) if one.covers(product, at) else Decimal(0)
            if taken > 0:
                left[key] -= taken
                due -= taken
                name = (product.product_id, *key)
                covered[name] = covered.get(name, Decimal(0)) + taken
    lines = [line for product in products for line in _lines(product, ordered, covered)]
    burned: dict[tuple[str, str], Decimal] = {}
    for (_, credit_id, segment_id), amount in covered.items():
        burned[credit_id, segment_id] = (
            burned.get((credit_id, segment_id), Decimal(0)) + amount
        )
    return Rated(tuple(lines), burned)


def burn_order(one: Segment) -> tuple[Any, ...]:
    """Metronome: priority, contract before customer, fewest products, earlier end, start."""
    return (
        one.priority,
        not one.contract_level,
        len(one.product_ids) or 10**6,
        one.end,
        one.start,
        one.order,
    )


def _lines(
    product: Priced,
    ordered: Sequence[Segment],
    covered: dict[tuple[str, str, str], Decimal],
) -> list[Line]:
    """For each segment the usage it covers and its application; then the rest."""
    quantity = sum((use.quantity for use in product.usage), Decimal(0))
    lines: list[Line] = []
    for one in ordered:
        amount = covered.get((product.product_id, one.credit_id, one.segment_id))
        if not amount:
            continue
        share = amount / product.price
        quantity -= share
        ids = (one.credit_id, one.segment_id)
        lines.append(
            Line(
                product.product_id, product.name, share, product.price, amount, False, *ids
            )
        )
        name = f"{one.name} applied"
        applied = Line(product.product_id, name, Decimal(1), -amount, -amount, True, *ids)
        lines.append(applied)
    if quantity != 0 or not lines:
        total = quantity * product.price
        lines.append(Line(product.product_id, product.name, quantity, product.price, total))
    return lines


def _passes(metric: dict[str, Any], found: dict[str, Any]) -> bool:
    for wanted in metric.get("property_filters") or ():
        value = found.get(wanted["name"])
        if wanted.get("exists") is not None and (value is not None) != wanted["exists"]:
            return False
        if wanted.get("in_values") and str(value) not in wanted["in_values"]:
            return False
        if wanted.get("not_in_values") and str(value) in wanted["not_in_values"]:
            return False
    return True


def _number(value: Any) -> Decimal | None:
    try:
        number = Decimal(str(value))
    except InvalidOperation:
        return None
    return number if number.is_finite() else None
