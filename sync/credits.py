"""Credits as a register and a roll-forward: every movement, exact, in the credit's own unit.

Pure. The core dates what it writes to a ledger, and dates no edit at all. So a schedule is
compared with the reading before it, and what differs is a movement of the day it was seen.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal, localcontext
from enum import StrEnum

from state.clock import iso
from state.credits import CoreCredit, CreditSegment, LedgerEntry
from state.money import EXACT

EXPIRY_NOTICE = timedelta(days=30)
"""How long before its end an unused credit is shown as one that is about to expire."""
ZERO = Decimal(0)
START, DEDUCTION = "CREDIT_SEGMENT_START", "CREDIT_AUTOMATED_INVOICE_DEDUCTION"
EXPIRATION = "CREDIT_EXPIRATION"
GIVEN_BACK = frozenset({"CREDIT_CREDITED", "CREDIT_CANCELED"})
"""Metronome: which of the two a void writes is not documented, so both are read."""
_DERIVED = frozenset({START, EXPIRATION})  # the core works these out anew each time
Readings = Sequence[tuple[datetime, CoreCredit]]


class Move(StrEnum):
    """One column of the roll-forward."""

    GRANTED = "GRANTED"
    EDITED = "EDITED"
    BURNED = "BURNED"
    RETURNED = "RETURNED"  # given back by a void
    ADJUSTED = "ADJUSTED"  # entered by hand, or of a kind of the core's own
    EXPIRED = "EXPIRED"


@dataclass(frozen=True, slots=True)
class Movement:
    """One movement of one segment. `amount` is its effect on the balance, signed."""

    credit_id: str
    segment_id: str
    move: Move
    amount: Decimal
    at: datetime
    seen_at: datetime
    invoice_id: str = ""
    text: str = ""


@dataclass(frozen=True, slots=True)
class RollForward:
    """One credit over a period: opening to closing, one figure for each kind of movement.

    Burned and expired are written as they are said, above zero. `unsettled` is the part of
    closing whose window is over while the invoice that may still draw on it is not final;
    the rest is what the core calls the balance.
    """

    credit: CoreCredit
    start: datetime
    end: datetime
    opening: Decimal
    granted: Decimal
    edited: Decimal
    burned: Decimal
    returned: Decimal
    adjusted: Decimal
    expired: Decimal
    closing: Decimal
    unsettled: Decimal

    @property
    def foots(self) -> bool:
        """Does opening with its movements come to closing?"""
        with localcontext(EXACT):
            came = self.opening + self.granted + self.edited - self.burned
            return came + self.returned + self.adjusted - self.expired == self.closing

    @property
    def accessible(self) -> Decimal:
        """What can be drawn on at the end; an archived or overdrawn credit gives nothing."""
        with localcontext(EXACT):
            left = self.closing - self.unsettled
        return ZERO if self.credit.archived else max(ZERO, left)


def movements(readings: Readings) -> list[Movement]:
    """Every movement of one credit, from all its readings, the oldest first."""
    found: list[Movement] = []
    before: CoreCredit | None = None
    with localcontext(EXACT):
        for seen_at, credit in readings:
            found.extend(_scheduled(before, credit, seen_at))
            found.extend(_written(before, credit, seen_at))
            found.extend(_expired(before, credit, seen_at))
            before = credit
    return sorted(found, key=lambda one: one.at)


def roll_forward(
    credit: CoreCredit, moved: Iterable[Movement], start: datetime, end: datetime
) -> RollForward:
    """A credit from `start` until just before `end`. `credit` is its last reading."""
    with localcontext(EXACT):
        return _rolled(credit, moved, start, end)


def _rolled(
    credit: CoreCredit, moved: Iterable[Movement], start: datetime, end: datetime
) -> RollForward:
    opening = ZERO
    sums = dict.fromkeys(Move, ZERO)
    left: dict[str, Decimal] = {}
    for one in moved:
        if one.at >= end:
            continue
        left[one.segment_id] = left.get(one.segment_id, ZERO) + one.amount
        if one.at < start:
            opening += one.amount
        else:
            sums[one.move] += one.amount
    windows = {one.id: one for one in credit.segments}
    last = end - timedelta(microseconds=1)
    unsettled = sum(
        (amount for name, amount in left.items() if not _open(windows.get(name), last)),
        ZERO,
    )
    return RollForward(
        credit=credit,
        start=start,
        end=end,
        opening=opening,
        granted=sums[Move.GRANTED],
        edited=sums[Move.EDITED],
        burned=-sums[Move.BURNED],
        returned=sums[Move.RETURNED],
        adjusted=sums[Move.ADJUSTED],
        expired=-sums[Move.EXPIRED],
        closing=sum(left.values(), ZERO),
        unsettled=unsettled,
    )


def expiring(credit: CoreCredit, now: datetime) -> list[tuple[CreditSegment, Decimal]]:
    """The segments that end within the notice with something left, and how much."""
    if credit.archived:
        return []
    left = left_of(credit.ledger)
    return [
        (one, left[one.id])
        for one in credit.segments
        if one.start <= now < one.end <= now + EXPIRY_NOTICE and left.get(one.id, ZERO) > 0
    ]


# --- what one reading says beyond the one before ----------------------------------------


def _scheduled(
    before: CoreCredit | None, after: CoreCredit, seen_at: datetime
) -> Iterator[Movement]:
    """Granted and edited: the schedule's items against those of the reading before."""
    known = {} if before is None else {one.id: one for one in before.segments}
    now = {one.id: one for one in after.segments}
    for name, item in now.items():
        old = known.get(name)
        if old is None:
            granted_at = max(item.start, after.created_at or item.start)
            yield Movement(
                after.id,
                name,
                Move.GRANTED,
                item.amount,
                granted_at,
                seen_at,
                text=_window(item),
            )
        elif old != item:
            yield Movement(
                after.id,
                name,
                Move.EDITED,
                item.amount - old.amount,
                max(seen_at, item.start),
                seen_at,
                text=_edit(old, item),
            )
    for name in known.keys() - now.keys():
        gone = known[name]
        at = max(seen_at, gone.start)
        yield Movement(
            after.id,
            name,
            Move.EDITED,
            -gone.amount,
            at,
            seen_at,
            text="taken off the schedule",
        )


def _written(
    before: CoreCredit | None, after: CoreCredit, seen_at: datetime
) -> Iterator[Movement]:
    """Burned, returned, adjusted: the ledger's entries that the reading before lacks."""
    known = Counter(() if before is None else before.ledger)
    now = Counter(after.ledger)
    for entry, times in (now - known).items():
        for _ in range(0 if entry.kind in _DERIVED else times):
            yield _entered(after.id, entry, entry.amount, entry.at, seen_at)
    for entry, times in (known - now).items():
        for _ in range(0 if entry.kind in _DERIVED else times):
            yield _entered(after.id, entry, -entry.amount, seen_at, seen_at)


def _entered(
    credit_id: str, entry: LedgerEntry, amount: Decimal, at: datetime, seen_at: datetime
) -> Movement:
    if entry.kind == DEDUCTION:
        move = Move.BURNED
    else:
        move = Move.RETURNED if entry.kind in GIVEN_BACK else Move.ADJUSTED
    told = entry.reason or (entry.kind if move is Move.ADJUSTED else "")
    return Movement(
        credit_id,
        entry.segment_id or "",
        move,
        amount,
        at,
        seen_at,
        entry.invoice_id or "",
        told,
    )


def _expired(
    before: CoreCredit | None, after: CoreCredit, seen_at: datetime
) -> Iterator[Movement]:
    """Expired. A later void or regeneration moves it, so it is taken as a difference."""
    known, _ = _expirations(before)
    now, dated = _expirations(after)
    for name in sorted(known.keys() | now.keys()):
        change = now.get(name, ZERO) - known.get(name, ZERO)
        if change:
            at = dated.get(name, seen_at)
            yield Movement(after.id, name, Move.EXPIRED, change, at, seen_at)


def _expirations(
    credit: CoreCredit | None,
) -> tuple[dict[str, Decimal], dict[str, datetime]]:
    amounts: dict[str, Decimal] = {}
    dated: dict[str, datetime] = {}
    for entry in () if credit is None else credit.ledger:
        if entry.kind == EXPIRATION:
            name = entry.segment_id or ""
            amounts[name] = amounts.get(name, ZERO) + entry.amount
            dated[name] = max(dated.get(name, entry.at), entry.at)
    return amounts, dated


def left_of(entries: Iterable[LedgerEntry]) -> dict[str, Decimal]:
    """What a ledger comes to, segment by segment."""
    left: dict[str, Decimal] = {}
    for entry in entries:
        name = entry.segment_id or ""
        left[name] = left.get(name, ZERO) + entry.amount
    return left


def _open(item: CreditSegment | None, at: datetime) -> bool:
    return item is not None and item.start <= at < item.end


def _window(item: CreditSegment) -> str:
    return f"from {iso(item.start)} until {iso(item.end)}"


def _edit(old: CreditSegment, item: CreditSegment) -> str:
    """What of a schedule item was changed, in words."""
    told = []
    if old.amount != item.amount:
        told.append(f"amount {old.amount} to {item.amount}")
    if old.start != item.start:
        told.append(f"start {iso(old.start)} to {iso(item.start)}")
    if old.end != item.end:
        told.append(f"end {iso(old.end)} to {iso(item.end)}")
    return ", ".join(told)
