"""The 34 days: how long usage of a day can still be corrected in the core. Pure.

Metronome takes an event whose time is at most 34 days before its own. The boundary is
inclusive here, as in the embedded core; Metronome does not say. It counts for each event,
so an invoice may be open in part, and an invoice that is wholly wrong is not.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

WINDOW = timedelta(days=34)
"""Metronome: usage may be dated this far back, and no further."""


class Reach(StrEnum):
    """How much of some usage can still be corrected in the core."""

    OPEN = "OPEN"
    PARTLY = "PARTLY"
    CLOSED = "CLOSED"


@dataclass(frozen=True, slots=True)
class Span:
    """Some usage: from its first instant until just before its end."""

    start: datetime
    end: datetime


@dataclass(frozen=True, slots=True)
class Standing:
    """Where usage stands against the window.

    `deadline` is the last instant at which all of it is taken; from `lost` on, none is.
    """

    reach: Reach
    deadline: datetime
    lost: datetime


def is_taken(at: datetime, now: datetime) -> bool:
    """Would the core take an event of this time now?"""
    return at >= now - WINDOW


def standing(spans: Sequence[Span], now: datetime) -> Standing | None:
    """Where these stand together; None where there is no usage at all."""
    if not spans:
        return None
    first = min(one.start for one in spans)
    last = max(one.end for one in spans)
    if is_taken(first, now):
        reach = Reach.OPEN
    else:
        reach = Reach.PARTLY if now < last + WINDOW else Reach.CLOSED
    return Standing(reach, first + WINDOW, last + WINDOW)
