"""Which month a run is of, and where its cutoff lies; pure."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from state.clock import LATEST
from sync.books import Run

_INSTANT = timedelta(microseconds=1)


@dataclass(frozen=True, slots=True)
class Month:
    """A calendar month in UTC, half open; without a name it is all of time."""

    name: str = ""
    start: datetime | None = None
    end: datetime | None = None

    def holds(self, moment: datetime | None) -> bool:
        """Was it posted in this month?"""
        if self.start is None or self.end is None:
            return True
        return moment is not None and self.start <= moment < self.end

    @property
    def last(self) -> datetime:
        """The last instant that counts."""
        return LATEST if self.end is None else self.end - _INSTANT

    def cutoff(self, now: datetime) -> datetime | None:
        """The last instant of a month that is over."""
        return self.last if self.end is not None and self.end <= now else None


def month_of(period: str | None) -> Month:
    """A calendar month in UTC."""
    if not period:
        return Month()
    start = datetime.strptime(period, "%Y-%m").replace(tzinfo=UTC)
    return Month(period, start, (start + timedelta(days=32)).replace(day=1))


def moment_of(run: Run) -> datetime:
    """Up to when facts count in a run.

    One made without a cutoff takes all it knows, whatever clock dated it: a register in the
    east is a day ahead. A month that is not over yet takes nothing that is dated past it.
    """
    if run.as_of != run.made_at:
        return run.as_of
    return month_of(run.period).last
