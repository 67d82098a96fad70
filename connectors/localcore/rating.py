"""Usage times prices: the lines of a draft, split where prices and credits change; pure.

Metronome: usage that a credit covers stands on a line of its own, followed by the line that
applies the credit, followed by what is left; and only usage inside a credit's access window
burns it, so lines are split at the edges of windows as they are at the edges of rates.
"""

from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from decimal import ROUND_HALF_EVEN, Context, Decimal
from itertools import groupby

from connectors.localcore.burndown import Purse, burn_order, may_pay
from connectors.localcore.words import (
    EXACT,
    SHARE_PLACES,
    ZERO,
    Draft,
    Drawdown,
    Line,
    Meter,
    Period,
    Rate,
    Segment,
    Tier,
    TierPlace,
    sum_exact,
)

_CUT = Context(prec=400, rounding=ROUND_HALF_EVEN)


@dataclass(frozen=True, slots=True)
class _Part:
    """A stretch of a meter with one rate and one line of payers, in burn order."""

    period: Period
    rate: Rate | None
    payers: tuple[Segment, ...]


@dataclass(frozen=True, slots=True)
class _Charge:
    """A piece of one movement, at one price."""

    at: datetime
    meter: int
    part: int
    level: int
    quantity: Decimal
    amount: Decimal


@dataclass(slots=True)
class _Bucket:
    """What becomes the lines of one part at one tier."""

    quantity: Decimal = ZERO
    total: Decimal = ZERO
    paid: dict[int, Decimal] = field(default_factory=dict)


def rate(
    meters: Sequence[Meter],
    segments: Iterable[Segment],
    period: Period,
    *,
    cuts: Iterable[datetime] = (),
) -> Draft:
    """The draft of a period. `cuts` are further instants to split lines at.

    Usage at an instant without a rate in force, or not entitled, is not charged.
    """
    ordered = sorted(segments, key=burn_order)
    edges = sorted(set(cuts))
    parts = [_parts(meter, ordered, period, edges) for meter in meters]
    charges: list[_Charge] = []
    for place, meter in enumerate(meters):
        charges.extend(_charges(place, meter, parts[place]))
    charges.sort(key=lambda one: (one.at, one.meter))
    purse = Purse(ordered)
    buckets: dict[tuple[int, int, int], _Bucket] = {}
    for one in charges:
        bucket = buckets.setdefault((one.meter, one.part, one.level), _Bucket())
        bucket.quantity = EXACT.add(bucket.quantity, one.quantity)
        bucket.total = EXACT.add(bucket.total, one.amount)
        for payer, amount in purse.pay(one.amount, parts[one.meter][one.part].payers):
            bucket.paid[payer] = EXACT.add(bucket.paid.get(payer, ZERO), amount)
    lines: list[Line] = []
    for place, meter in enumerate(meters):
        mine = sorted(key for key in buckets if key[0] == place)
        for key in mine:
            lines.extend(_lines(meter, parts[place][key[1]], key[2], buckets[key]))
        if not mine:
            lines.extend(_unused(meter, parts[place], period))
    return Draft(tuple(lines), purse.drawdowns())


def spend(segments: Iterable[Segment], drawdowns: Iterable[Drawdown]) -> list[Segment]:
    """The segments as a draft's drawdowns leave them for the next draft."""
    taken = {(one.credit_id, one.segment_id): one.amount for one in drawdowns}
    return [
        replace(
            one,
            left=EXACT.subtract(one.left, taken.get((one.credit_id, one.segment_id), ZERO)),
        )
        for one in segments
    ]


# --- where prices and payers change ------------------------------------------------------


def rate_at(rates: Iterable[Rate], at: datetime) -> Rate | None:
    """The rate in force: the last to begin, and of equals the last one added."""
    found: Rate | None = None
    for one in rates:
        if one.holds(at) and (found is None or one.starting_at >= found.starting_at):
            found = one
    return found


def _parts(
    meter: Meter, ordered: Sequence[Segment], period: Period, cuts: Sequence[datetime]
) -> list[_Part]:
    payers = [one for one in ordered if may_pay(one, meter.product_id, meter.tags)]
    edges = {period.start, *cuts}
    for one in meter.rates:
        edges.add(one.starting_at)
        if one.ending_before is not None:
            edges.add(one.ending_before)
    for payer in payers:
        edges.update((payer.window.start, payer.window.end))
    starts = sorted(edge for edge in edges if period.holds(edge))
    return [
        _Part(
            Period(start, end),
            rate_at(meter.rates, start),
            tuple(one for one in payers if one.window.holds(start)),
        )
        for start, end in zip(starts, [*starts[1:], period.end], strict=True)
    ]


def _charges(place: int, meter: Meter, parts: Sequence[_Part]) -> Iterator[_Charge]:
    """What moves at an instant, at its prices. Tiers count the whole period's quantity.

    Usage and its negation at the same instant have no order, so they are one charge: a
    credit burns on what they leave. A negation at a later instant is not looked at.
    """
    starts = [part.period.start for part in parts]
    running = ZERO
    for at, moves in groupby(meter.movements, key=lambda moved: moved.at):
        index = bisect_right(starts, at) - 1
        price = parts[index].rate
        if price is None or not price.entitled:
            continue
        after = EXACT.add(running, sum_exact(one.quantity for one in moves))
        for level, quantity in tier_steps(price.tiers, running, after):
            amount = EXACT.multiply(quantity, price.tiers[level].price)
            yield _Charge(at, place, index, level, quantity, amount)
        running = after


def tier_steps(
    tiers: Sequence[Tier], before: Decimal, after: Decimal
) -> list[tuple[int, Decimal]]:
    """How a step from one running quantity to another falls on the tiers.

    A step down leaves the tiers by the prices at which they were entered. Below zero the
    first tier's price holds, and past the last tier's size the last one's.
    """
    if len(tiers) == 1:
        return [(0, EXACT.subtract(after, before))]
    low, high = min(before, after), max(before, after)
    edges: list[Decimal] = []
    for tier in tiers[:-1]:
        edges.append(EXACT.add(edges[-1] if edges else ZERO, tier.size or ZERO))
    steps: list[tuple[int, Decimal]] = []
    for level, (floor, ceiling) in enumerate(
        zip([low, *edges], [*edges, high], strict=True)
    ):
        size = EXACT.subtract(min(high, ceiling), max(low, floor))
        if size > ZERO:
            steps.append((level, size if after > before else size.copy_negate()))
    return steps if after > before else steps[::-1]


# --- lines -----------------------------------------------------------------------------


def _lines(meter: Meter, part: _Part, level: int, bucket: _Bucket) -> list[Line]:
    """For each payer the usage it covers and its application; then what is left."""
    tiers = part.rate.tiers if part.rate else ()
    price = tiers[level].price
    base = Line(
        meter.product_id,
        meter.name,
        part.period,
        ZERO,
        price=price,
        tags=meter.tags,
        tier=None if len(tiers) == 1 else _tier_place(tiers, level),
        pricing_groups=meter.pricing_groups,
        presentation_groups=meter.presentation_groups,
    )
    rest = EXACT.subtract(bucket.total, sum_exact(bucket.paid.values()))
    quantity = bucket.quantity
    lines: list[Line] = []
    paid = sorted(bucket.paid.items())
    for count, (place, amount) in enumerate(paid, 1):
        payer = part.payers[place]
        share = _share(amount, price)
        if count == len(paid) and rest == ZERO:
            share = quantity  # the last cent of a division that has no end
        quantity = EXACT.subtract(quantity, share)
        lines.append(replace(base, total=amount, quantity=share, segment=payer))
        applied = replace(
            base,
            name=f"{payer.name} applied",
            total=amount.copy_negate(),
            segment=payer,
            applied=True,
        )
        lines.append(replace(applied, price=None, quantity=None))
    if rest != ZERO or not lines:
        lines.append(replace(base, total=rest, quantity=quantity))
    return lines


def _share(amount: Decimal, price: Decimal) -> Decimal:
    """The quantity that an amount covers."""
    return _CUT.divide(amount, price).quantize(SHARE_PLACES, context=_CUT).normalize(_CUT)


def _tier_place(tiers: Sequence[Tier], level: int) -> TierPlace:
    begins = sum_exact(tier.size or ZERO for tier in tiers[:level])
    return TierPlace(level, begins, tiers[level].size)


def _unused(meter: Meter, parts: Sequence[_Part], period: Period) -> Iterator[Line]:
    """Metronome: a product that could be used and was not stands there with zero."""
    for part in parts:
        if part.rate is not None and part.rate.entitled:
            yield Line(
                meter.product_id,
                meter.name,
                period,
                ZERO,
                quantity=ZERO,
                price=part.rate.tiers[0].price,
                tags=meter.tags,
            )
            return
