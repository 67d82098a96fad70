"""Which month a run is of, in which time zone, and where its cutoff lies; pure."""

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from state.clock import LATEST
from sync.books import Run

_INSTANT = timedelta(microseconds=1)
_LAST = time.max.replace(
    fold=1
)  # where a clock goes back, the second time that it shows it


@dataclass(frozen=True, slots=True)
class Month:
    """A calendar month of a time zone, half open; without a name it is all of time."""

    name: str = ""
    start: datetime | None = None
    end: datetime | None = None
    zone: str = "UTC"

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


def month_of(period: str | None, zone: str = "UTC") -> Month:
    """A calendar month: from its first midnight to the next month's, as clocks there show it."""
    if not period:
        return Month(zone=zone)
    first = date.fromisoformat(f"{period}-01")
    following = (first + timedelta(days=32)).replace(day=1)
    return Month(period, _midnight(first, zone), _midnight(following, zone), zone)


def name_of(moment: datetime, zone: str) -> str:
    """The month that a moment lies in, as YYYY-MM."""
    return f"{there(moment, zone):%Y-%m}"


def there(moment: datetime, zone: str) -> datetime:
    """A moment as clocks there show it; at either end of the calendar, as UTC does."""
    try:
        return moment.astimezone(ZoneInfo(zone))
    except OverflowError:
        return moment.astimezone(UTC)


def first_instants(zone: str, years: range) -> list[datetime]:
    """When each month of these years begins there."""
    return [_midnight(date(year, n, 1), zone) for year in years for n in range(1, 13)]


def last_instant(day: date, zone: str) -> datetime:
    """The end of a day, as a cutoff."""
    try:
        return datetime.combine(day, _LAST, ZoneInfo(zone)).astimezone(UTC)
    except OverflowError:
        return datetime.combine(day, _LAST, UTC)


def dated(posted: datetime | None, zone: str) -> datetime | None:
    """A register's date as an instant of that day, in its time zone and in UTC alike.

    An ERP has dates, kept as midnight UTC. West of Greenwich that is still the day before.
    """
    if posted is None or posted.time() != time():
        return posted
    return max(posted, _midnight(posted.date(), zone))


def moment_of(run: Run) -> datetime:
    """Up to when facts count in a run.

    One made without a cutoff takes all it knows, whatever clock dated it: a register in the
    east is a day ahead. A month that is not over yet takes nothing that is dated past it.
    """
    if run.as_of != run.made_at:
        return run.as_of
    return period_of(run).last


def period_of(run: Run) -> Month:
    """The month of a run, in the time zone that it was made in."""
    return month_of(run.period, run.timezone)


def _midnight(day: date, zone: str) -> datetime:
    """When a day begins there. Where a clock skips midnight, it is when the clock moves on.

    An ERP may say that a document is of the first day of the year 1, by which it means none.
    """
    try:
        return datetime.combine(day, time(), ZoneInfo(zone)).astimezone(UTC)
    except OverflowError:
        return datetime.combine(day, time(), UTC)
