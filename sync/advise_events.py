"""Negating events: made exactly, under ids of their own, and guarded before they are sent.

Pure. The exact way is to mirror the wrong event: same time, same properties, the counted
value below zero, so that a credit burns on what is left. Where nobody has the transaction
ids, a day's quantity is taken back by one event at the beginning of that day.
"""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from hashlib import sha256

from connectors.correcting import Metric, Product, SeenEvent, Window
from state.clock import iso
from state.corrections import UsageEvent
from state.invoices import CoreInvoice
from sync.advise_window import WINDOW, is_taken

PREFIX = "tieout-negates-"
_NUMBER = re.compile(r"[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d{1,4})?", re.ASCII)
ZERO = Decimal(0)
Groups = tuple[tuple[str, str], ...]
Place = tuple[str, Groups]  # a product and the group values of its line


class CannotNegate(Exception):
    """This usage cannot be taken back by an event; the text says why and what to do."""


class TooOld(CannotNegate):
    """The core takes no event of that time any more."""


@dataclass(frozen=True, slots=True)
class Ground:
    """What the events rest on: the invoice by the day, and how its products are counted."""

    invoice: CoreInvoice
    windows: tuple[Window, ...]
    products: tuple[Product, ...]
    now: datetime

    def product(self, product_id: str) -> Product | None:
        """One product by id."""
        return next((one for one in self.products if one.id == product_id), None)


# --- the two ways to make them ---------------------------------------------------------------


def negation_id(transaction_id: str) -> str:
    """The one id under which an event is ever negated, so that no second time counts."""
    return PREFIX + sha256(transaction_id.encode()).hexdigest()[:40]


def mirror(seen: SeenEvent, ground: Ground) -> UsageEvent:
    """The event that takes this one back to the last digit. Raises CannotNegate."""
    event, invoice = seen.event, ground.invoice
    name = f"event {event.transaction_id}"
    if seen.core_customer_id != invoice.customer_id:
        raise CannotNegate(f"{name} is not of customer {invoice.customer_id}")
    _in_period(event, invoice, name)
    _in_window(event.at, ground.now, name)
    keys: list[str] = []
    for product in ground.products:
        metric = product.metric
        if metric is None or not matches(metric, event):
            continue
        if metric.aggregation != "SUM":
            raise CannotNegate(
                f"{name} is counted by {product.name} as {metric.aggregation}: an event more "
                "takes nothing back there"
            )
        keys.append(metric.key)
    changed = {}
    for key in sorted(set(keys)):
        number = number_of(event.value(key))
        if number:
            changed[key] = _text(number.copy_negate())
    if not changed:
        raise CannotNegate(
            f"{name} counts nothing on any product: there is nothing to negate"
        )
    properties = tuple((one, changed.get(one, value)) for one, value in event.properties)
    return replace(
        event, transaction_id=negation_id(event.transaction_id), properties=properties
    )


def whole_usage(ground: Ground, *, serial: int) -> tuple[UsageEvent, ...]:
    """One event for each day, product and group: all the invoice's usage taken back.

    `serial` counts the corrections of this invoice, so that each has ids of its own.
    """
    return tuple(_taking_back(ground, None, serial))


def some_usage(
    ground: Ground, wanted: Mapping[str, Decimal], *, serial: int
) -> tuple[UsageEvent, ...]:
    """A quantity of each product taken back, from its latest days."""
    return tuple(_taking_back(ground, wanted, serial))


def _taking_back(
    ground: Ground, wanted: Mapping[str, Decimal] | None, serial: int
) -> Iterator[UsageEvent]:
    left = dict(wanted or {})
    for window in sorted(
        ground.windows, key=lambda one: one.start, reverse=wanted is not None
    ):
        for (product_id, groups), billed in sorted(quantities([window]).items()):
            if wanted is None:
                part = billed
            else:
                part = min(billed, left.get(product_id, ZERO))
                if part <= ZERO:
                    continue
                left[product_id] -= part
            if part:
                yield _of_day(ground, window, product_id, groups, part, serial)
    for product_id, rest in left.items():
        if rest > ZERO:
            known = ground.product(product_id)
            raise CannotNegate(
                f"product {known.name if known else product_id} has {rest:f} less on this "
                "invoice than is to be taken back"
            )


def _of_day(
    ground: Ground,
    window: Window,
    product_id: str,
    groups: Groups,
    billed: Decimal,
    serial: int,
) -> UsageEvent:
    product = ground.product(product_id)
    name = f"product {product.name if product else product_id}"
    if product is None or product.metric is None:
        raise CannotNegate(f"{name} is not metered: no event negates it")
    metric = product.metric
    if metric.aggregation != "SUM":
        raise CannotNegate(
            f"{name} counts by {metric.aggregation}: an event more takes nothing back there"
        )
    _in_window(window.start, ground.now, f"{name}, usage of {window.start.date()}")
    given = dict(groups)
    for asked in metric.properties:
        if asked.name not in given and asked.in_values:
            given[asked.name] = asked.in_values[0]
        elif asked.name not in given and asked.exists:
            given[asked.name] = "correction"
    given[metric.key] = _text(_metered(product, billed).copy_negate())
    told = f"{ground.invoice.id}\n{product_id}\n{groups}\n{iso(window.start)}\n{serial}"
    event = UsageEvent(
        transaction_id=negation_id(told),
        customer_id=ground.invoice.customer_id,
        event_type=metric.event_types[0] if metric.event_types else "correction",
        at=window.start,
        properties=tuple(sorted(given.items())),
    )
    counted = [
        one.name for one in ground.products if one.metric and matches(one.metric, event)
    ]
    if counted != [product.name]:
        raise CannotNegate(
            f"{name}: an event of its kind is counted by {', '.join(counted) or 'nobody'}; name "
            "the wrong events instead: --negate TRANSACTION_ID"
        )
    return event


# --- the guards ------------------------------------------------------------------------------


def below_zero_after(ground: Ground, events: Iterable[UsageEvent]) -> list[str]:
    """Each product's quantity that these events would drive below zero, in words."""
    before = quantities(ground.windows)
    after = dict(before)
    for event in events:
        for product in ground.products:
            metric = product.metric
            if metric is None or metric.aggregation != "SUM" or not matches(metric, event):
                continue
            number = number_of(event.value(metric.key))
            if number is None:
                continue
            place = _place(product.id, event, after)
            after[place] = after.get(place, ZERO) + _billed(product, number)
    told = []
    for (product_id, groups), quantity in sorted(after.items()):
        if quantity < ZERO:
            known = ground.product(product_id)
            named = known.name if known else product_id
            by = "".join(f" {name}={value}" for name, value in groups)
            was = before.get((product_id, groups), ZERO)
            told.append(f"{named}{by}: {was:f} would become {quantity:f}")
    return told


def quantities(windows: Iterable[Window]) -> dict[Place, Decimal]:
    """What each product and group comes to in billed units, credits left aside."""
    found: dict[Place, Decimal] = {}
    for window in windows:
        for line in window.part.lines:
            if line.kind == "usage" and line.product_id and line.quantity is not None:
                place = (line.product_id, line.groups)
                found[place] = found.get(place, ZERO) + line.quantity
    return found


def checked_resubmits(
    events: Sequence[UsageEvent], ground: Ground, known: Mapping[str, SeenEvent]
) -> None:
    """Refuse what the core would ignore, drop or bill elsewhere. Raises CannotNegate."""
    ids = [one.transaction_id for one in events]
    for event in events:
        name = f"event {event.transaction_id}"
        if ids.count(event.transaction_id) > 1:
            raise CannotNegate(f"{name} stands twice: the core would ignore the second")
        if event.transaction_id in known:
            raise CannotNegate(
                f"{name}: the core holds an event of this id and would ignore another: give "
                "the corrected one an id of its own"
            )
        _in_period(event, ground.invoice, name)
        _in_window(event.at, ground.now, name)
        if not any(one.metric and matches(one.metric, event) for one in ground.products):
            raise CannotNegate(f"{name} is counted by no product: check its event_type")


def _in_period(event: UsageEvent, invoice: CoreInvoice, name: str) -> None:
    if invoice.start is None or invoice.end is None:
        raise CannotNegate(f"invoice {invoice.id} has no period, so no usage")
    if not invoice.start <= event.at < invoice.end:
        raise CannotNegate(
            f"{name} is of {iso(event.at)}, outside the invoice's period "
            f"({iso(invoice.start)} until {iso(invoice.end)})"
        )


def _in_window(at: datetime, now: datetime, name: str) -> None:
    if not is_taken(at, now):
        raise TooOld(
            f"{name} is older than 34 days since {iso(at + WINDOW)}: correct it downstream"
        )


# --- how the core counts an event ------------------------------------------------------------


def matches(metric: Metric, event: UsageEvent) -> bool:
    """Does a metric look at an event at all?"""
    if metric.event_types and event.event_type not in metric.event_types:
        return False
    if event.event_type in metric.other_types:
        return False
    for asked in metric.properties:
        value = event.value(asked.name)
        if asked.exists is not None and (value is not None) != asked.exists:
            return False
        if asked.in_values is not None and value not in asked.in_values:
            return False
        if value in asked.not_in_values:
            return False
    return True


def number_of(text: str | None) -> Decimal | None:
    """The number that a property holds, or None."""
    return Decimal(text) if text is not None and _NUMBER.fullmatch(text) else None


def _place(product_id: str, event: UsageEvent, known: Iterable[Place]) -> Place:
    """The line that an event falls on: the most groups that all agree with it."""
    given = dict(event.properties)
    fits = [
        groups
        for one, groups in known
        if one == product_id and all(given.get(name) == value for name, value in groups)
    ]
    return product_id, max(fits, key=len, default=())


def _billed(product: Product, quantity: Decimal) -> Decimal:
    return quantity / product.factor if product.divide else quantity * product.factor


def _metered(product: Product, billed: Decimal) -> Decimal:
    """A billed quantity in the metric's own unit. Raises CannotNegate where it has no end."""
    exact = billed * product.factor if product.divide else billed / product.factor
    if _billed(product, exact) != billed:
        raise CannotNegate(
            f"product {product.name} is billed in a unit that its metric cannot say exactly; "
            "name the wrong events instead: --negate TRANSACTION_ID"
        )
    return exact


def _text(number: Decimal) -> str:
    """Every digit of it, and no zero at the end; never by way of rounding."""
    text = format(number, "f")
    return text.rstrip("0").rstrip(".") if "." in text else text
