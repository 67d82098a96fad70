"""Time as an argument: every part that waits or dates asks a Clock."""

from datetime import UTC, datetime
from typing import Protocol

LATEST = datetime(9999, 12, 31, tzinfo=UTC)  # everything known, whatever its clock said


class Stopped(Exception):
    """The process is to end: what waits is left where it stands, and goes on after a start."""


class Clock(Protocol):
    """Wall time for dating, monotonic time for measuring, and sleep for waiting.

    Leases, deadlines and backoff use `monotonic`; only what a person reads, and the
    24 hours of an idempotency key, use `now`.
    """

    def now(self) -> datetime:
        """The time, aware, in UTC."""

    def monotonic(self) -> float:
        """Seconds that never run backwards."""

    def sleep(self, seconds: float) -> None:
        """Wait. Every wait of ours is this one; raises Stopped where the process is to end."""


def utc(text: str) -> datetime:
    """Read an RFC 3339 time; one without a zone is UTC (Metronome's SDK omits it).

    Raises ValueError, also for a time that has no year in UTC.
    """
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        return moment.replace(tzinfo=UTC)
    try:
        return moment.astimezone(UTC)
    except OverflowError as error:
        raise ValueError(f"{text!r} lies outside the years 1 to 9999 in UTC") from error


def iso(moment: datetime | None) -> str | None:
    """Write a time the way every report and record does: UTC, seconds or finer, `Z`."""
    if moment is None:
        return None
    if moment.tzinfo is not UTC:
        moment = moment.astimezone(UTC)
    return f"{moment.isoformat()[:-6]}Z"
