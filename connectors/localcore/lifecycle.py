"""The life of an invoice: its period, when it becomes final, what may follow; pure.

DRAFT (from the start of its period) -> the grace period -> FINALIZED -> VOID, and a VOID
invoice may be regenerated once, as a new invoice that is FINALIZED at once.
"""

import calendar
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from connectors.localcore.words import Period
from state.clock import iso

GRACE = timedelta(hours=24)
"""Metronome: usage may still arrive for so long after a period has ended, by default."""
DRAFT, FINALIZED, VOID = "DRAFT", "FINALIZED", "VOID"
MONTHS = {"MONTHLY": 1, "QUARTERLY": 3, "ANNUAL": 12}
WEEK = timedelta(weeks=1)
_YEAR = 12


@dataclass(frozen=True, slots=True)
class Terms:
    """What decides a contract's periods.

    `frequency` is MONTHLY, QUARTERLY, ANNUAL or WEEKLY; `anchor` is the instant that
    periods are counted from, either way.
    """

    frequency: str
    anchor: datetime
    starting_at: datetime
    ending_before: datetime | None = None


def period_at(terms: Terms, at: datetime) -> Period:
    """The billing period that holds an instant within the contract.

    It is cut to the contract, so the first and the last one may be partial.
    """
    whole = _whole_period(terms, at)
    ends = terms.ending_before
    return Period(
        max(whole.start, terms.starting_at),
        whole.end if ends is None else min(whole.end, ends),
    )


def next_period(terms: Terms, begin: datetime) -> Period | None:
    """The period that begins at `begin` (where the last one ended); None when over."""
    if terms.ending_before is not None and begin >= terms.ending_before:
        return None
    period = period_at(terms, begin)
    return Period(max(period.start, begin), period.end)


def due_at(period: Period) -> datetime:
    """When the draft of a period becomes final."""
    return period.end + GRACE


def _whole_period(terms: Terms, at: datetime) -> Period:
    nth = _nth_week if terms.frequency == "WEEKLY" else _nth_month(MONTHS[terms.frequency])
    count = _guess(terms, at)
    while nth(terms.anchor, count) > at:
        count -= 1
    return Period(nth(terms.anchor, count), nth(terms.anchor, count + 1))


def _guess(terms: Terms, at: datetime) -> int:
    """The period's number, or one more: an anchor late in the month is not yet reached."""
    if terms.frequency == "WEEKLY":
        return (at - terms.anchor) // WEEK
    months = (at.year - terms.anchor.year) * _YEAR + at.month - terms.anchor.month
    return months // MONTHS[terms.frequency]


def _nth_week(anchor: datetime, count: int) -> datetime:
    return anchor + count * WEEK


def _nth_month(months: int) -> Callable[[datetime, int], datetime]:
    """Counted from the anchor, so that the 31st comes back after a short month."""

    def nth(anchor: datetime, count: int) -> datetime:
        year, month = divmod(anchor.year * _YEAR + anchor.month - 1 + count * months, _YEAR)
        last = calendar.monthrange(year, month + 1)[1]
        return anchor.replace(year=year, month=month + 1, day=min(anchor.day, last))

    return nth


# --- what may be done -------------------------------------------------------------------


def void_refusal(invoice_id: str, status: str) -> str | None:
    """Why an invoice cannot be voided, or None."""
    if status == FINALIZED:
        return None
    if status == DRAFT:
        return (
            f"id: invoice {invoice_id} is DRAFT and moves with its usage: send negating"
            " events; only a FINALIZED invoice can be voided"
        )
    return f"id: invoice {invoice_id} is VOID already"


def regenerate_refusal(invoice_id: str, status: str, successor: str | None) -> str | None:
    """Why an invoice cannot be regenerated, or None."""
    if status != VOID:
        return (
            f"id: invoice {invoice_id} is {status}; only a VOID invoice can be regenerated:"
            " void it first"
        )
    if successor is not None:
        return (
            f"id: invoice {invoice_id} was regenerated already as {successor}:"
            " void and regenerate that one"
        )
    return None


def window_refusal(where: str, window: Period) -> str | None:
    """Why an access window is not one, naming both its dates, or None.

    The seed's own sample ends (2020) before it starts (2024). Metronome: windows begin
    and end on the hour.
    """
    start, end = iso(window.start), iso(window.end)
    if window.end <= window.start:
        return f"{where}: ending_before {end} is not after starting_at {start}"
    for name, at in (("starting_at", window.start), ("ending_before", window.end)):
        if (at.minute, at.second, at.microsecond) != (0, 0, 0):
            return f"{where}.{name} {iso(at)} must be on the hour"
    return None
