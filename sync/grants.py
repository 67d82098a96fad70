"""A credit to be granted: what a person asked for, checked against what the core knows.

Pure. Everything that would be refused, or silently mean something else, is refused here,
before the first call, in one line that names the option.
"""

import calendar
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from decimal import Decimal, InvalidOperation
from hashlib import sha256
from itertools import pairwise

from connectors.correcting import Contract, Grant, GrantItem, Product, Unit
from state.clock import iso
from state.credits import CoreCredit
from state.invoices import CoreCustomer

ITEMS_MAX = 120  # windows of one credit: ten years of months
YEAR = 12
NAME_MAX = 160


class NotGranted(Exception):
    """The credit is not one to be granted; the text names the option and the remedy."""


@dataclass(frozen=True, slots=True)
class Wish:
    """What a person asked for, as it was typed."""

    amount: str  # in the pricing unit's own scale: for USD in cents
    unit: str  # a pricing unit's id, its name, or its currency
    product: str  # what shows on the invoice: a FIXED product's id or name
    start: datetime | None = None  # None: today
    end: datetime | None = None
    monthly: int = 0  # so many windows of a month each, instead of one until `end`
    name: str = ""
    priority: str = "5"
    contract_id: str | None = None
    applies_to: tuple[str, ...] = ()
    key: str = ""


@dataclass(frozen=True, slots=True)
class Known:
    """What the core knows of the customer and of its catalogue, read just now."""

    now: datetime
    customer: CoreCustomer
    contracts: tuple[Contract, ...]
    products: tuple[Product, ...]
    units: tuple[Unit, ...]
    held: tuple[CoreCredit, ...]


def grant_of(wish: Wish, known: Known) -> Grant:
    """The credit to be granted. Raises NotGranted with every reason it is none."""
    if known.customer.archived:
        raise NotGranted(
            f"CUSTOMER: {known.customer.id} is archived: nothing will be billed"
        )
    unit = _unit(wish.unit, known.units)
    product = _product(wish.product, known.products, "--product")
    if product.kind != "FIXED":
        raise NotGranted(
            f"--product: {product.name} is a {product.kind} product; a credit stands on the "
            "invoice under a FIXED one, such as Customer Satisfaction Credit"
        )
    applies_to = [
        _product(one, known.products, "--applies-to").id for one in wish.applies_to
    ]
    grant = Grant(
        customer_id=known.customer.id,
        product_id=product.id,
        unit_id=unit.id,
        name=_name(wish.name or product.name),
        priority=_priority(wish.priority),
        items=tuple(_items(wish, _amount(wish.amount, unit), known.now)),
        key=wish.key,
        contract_id=_contract(wish, known),
        applies_to=tuple(sorted(applies_to)),
    )
    if not grant.key:
        grant = replace(grant, key=_key_of(grant, wish))
    if (twin := granted_already(grant, known.held)) is not None:
        raise NotGranted(already(grant, twin))
    return grant


def granted_already(grant: Grant, held: Sequence[CoreCredit]) -> CoreCredit | None:
    """The credit that was granted under this key.

    Metronome keeps no key on a contract's credit, so such a one is known by its terms.
    """
    for one in held:
        if one.uniqueness_key is not None and one.uniqueness_key == grant.key:
            return one
        items = tuple(GrantItem(item.amount, item.start, item.end) for item in one.segments)
        same = (one.name, one.product_id, one.unit_id, one.priority, items) == (
            grant.name,
            grant.product_id,
            grant.unit_id,
            grant.priority,
            grant.items,
        )
        if grant.contract_id is not None and one.contract_id == grant.contract_id and same:
            return one
    return None


def already(grant: Grant, twin: CoreCredit) -> str:
    """The refusal of a second grant."""
    another = (
        "give it another --name"
        if grant.contract_id is not None
        else "give it a --key of its own"
    )
    return (
        f"this credit was granted already: {twin.id} ({twin.name or twin.product_id}); "
        f"to grant a second one, {another}"
    )


def warnings(grant: Grant, known: Known) -> Iterator[str]:
    """What is allowed and may still not be meant."""
    last = max(item.end for item in grant.items)
    for one in known.contracts:
        if one.id == grant.contract_id and one.end is not None and one.end < last:
            yield f"contract {one.id} ends {iso(one.end)}, before the credit does ({iso(last)})"
    begin = min(item.start for item in grant.items)
    if begin < known.now - timedelta(days=1):
        yield f"it starts in the past ({iso(begin)}): a draft of that time burns it at once"
    if grant.contract_id is None and not known.contracts:
        yield "the customer has no contract, so nothing will burn it yet"


def _key_of(grant: Grant, wish: Wish) -> str:
    """The same terms give the same key, so that a command typed twice grants once.

    A start that nobody typed is not among them: tomorrow it would be another.
    """
    told = "\n".join(
        [
            grant.customer_id,
            grant.contract_id or "",
            grant.product_id,
            grant.unit_id,
            grant.name,
            f"{grant.priority:f} {grant.items[0].amount.normalize():f} {wish.monthly}",
            f"from {iso(wish.start)} until {iso(wish.end)}",
            *grant.applies_to,
        ]
    )
    return f"tieout-{sha256(told.encode()).hexdigest()[:40]}"


def _items(wish: Wish, amount: Decimal, now: datetime) -> Iterator[GrantItem]:
    begin = wish.start or now.replace(hour=0, minute=0, second=0, microsecond=0)
    for at, option in ((begin, "--from"), (wish.end, "--until")):
        if at is not None and (at.minute, at.second, at.microsecond) != (0, 0, 0):
            raise NotGranted(f"{option}: {iso(at)} is not on the hour, as windows must be")
    if wish.monthly:
        if wish.end is not None:
            raise NotGranted("--until, --monthly: give one of the two")
        if not 1 <= wish.monthly <= ITEMS_MAX:
            raise NotGranted(f"--monthly: must be from 1 to {ITEMS_MAX} windows")
        edges = [_month_after(begin, count) for count in range(wish.monthly + 1)]
    elif wish.end is None:
        raise NotGranted("--until: say when the credit ends, or how often with --monthly")
    else:
        edges = [begin, wish.end]
    if edges[1] <= edges[0]:
        raise NotGranted(
            f"--until: {iso(edges[1])} is not after --from {iso(edges[0])}; the window is "
            "inverted and could never be used"
        )
    if edges[1] <= now:
        raise NotGranted(
            f"--until: {iso(edges[1])} is past (the core's time is {iso(now)}); the credit "
            "could never be used"
        )
    for start, end in pairwise(edges):
        yield GrantItem(amount, start, end)


def _month_after(start: datetime, count: int) -> datetime:
    """Counted from the start, so that the 31st comes back after a short month."""
    year, month = divmod(start.year * YEAR + start.month - 1 + count, YEAR)
    last = calendar.monthrange(year, month + 1)[1]
    return start.replace(year=year, month=month + 1, day=min(start.day, last))


def _amount(text: str, unit: Unit) -> Decimal:
    try:
        amount = Decimal(text.strip())
    except InvalidOperation:
        raise NotGranted(f"AMOUNT: {text!r} is no number; write it like 10000") from None
    if not amount.is_finite() or amount <= 0 or amount >= Decimal(10) ** 15:
        raise NotGranted(f"AMOUNT: {text} must be above zero and below 10^15")
    minor = amount.scaleb(unit.places)
    if unit.currency is not None and minor != minor.to_integral_value():
        raise NotGranted(
            f"AMOUNT: {text} of {unit.name} is no whole number of {unit.currency} minor units"
        )
    return amount


def _unit(wanted: str, units: Sequence[Unit]) -> Unit:
    for one in units:
        if wanted in {one.id, one.name} or wanted.upper() == one.currency:
            return one
    names = ", ".join(one.currency or one.name for one in units)
    raise NotGranted(f"--unit: the core has no pricing unit {wanted!r}; it has {names}")


def _product(wanted: str, products: Sequence[Product], option: str) -> Product:
    found = [one for one in products if wanted in {one.id, one.name}]
    alive = [one for one in found if not one.archived]
    if len(alive) > 1:
        ids = ", ".join(one.id for one in alive)
        raise NotGranted(
            f"{option}: {wanted!r} names several products; say which id: {ids}"
        )
    if alive:
        return alive[0]
    if found:
        raise NotGranted(f"{option}: product {wanted!r} is archived")
    raise NotGranted(
        f"{option}: the core has no product {wanted!r}; give its id or its exact name"
    )


def _contract(wish: Wish, known: Known) -> str | None:
    if wish.contract_id is None:
        return None
    for one in known.contracts:
        if one.id == wish.contract_id:
            if one.archived or (one.end is not None and one.end <= known.now):
                raise NotGranted(f"--contract: {one.id} has ended: nothing will burn there")
            return one.id
    raise NotGranted(
        f"--contract: {wish.contract_id} is no contract of customer {known.customer.id}"
    )


def _priority(text: str) -> Decimal:
    try:
        priority = Decimal(text)
    except InvalidOperation:
        raise NotGranted(
            f"--priority: {text!r} is no number; the lowest burns first"
        ) from None
    if not priority.is_finite() or not 0 <= priority < Decimal(10) ** 9:
        raise NotGranted(
            f"--priority: {text} must be from 0 to 10^9; the lowest burns first"
        )
    return priority


def _name(text: str) -> str:
    if len(text) > NAME_MAX or not text.isprintable():
        raise NotGranted(
            f"--name: 1 to {NAME_MAX} printable characters; it shows on invoices"
        )
    return text
