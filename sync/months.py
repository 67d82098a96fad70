"""Which month a run is of, and where its cutoff lies; pure."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from sync.books import Run

LATEST = datetime(9999, 12, 31, tzinfo=UTC)  # everything known, whatever its clock said
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

    def cutoff(self, now: datetime) -> datetime | None:
        """The last instant of a month that is over."""
        return self.end - _INSTANT if self.end is not None and self.end <= now else None


def month_of(period: str | None) -> Month:
    """A calendar month in UTC."""
    if not period:
        return Month()
    start = datetime.strptime(period, "%Y-%m").replace(tzinfo=UTC)
    return Month(period, start, (start + timedelta(days=32)).replace(day=1))


def moment_of(run: Run) -> datetime:
    """Up to when facts count in a run: one made without a cutoff takes all it knows."""
    return LATEST if run.as_of == run.made_at else run.as_of
