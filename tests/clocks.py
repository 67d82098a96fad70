"""A clock for tests: it stands still until it is told, or until something sleeps."""

from datetime import UTC, datetime, timedelta


class StillClock:
    """Stands at a time; without one, at the moment when it was made."""

    def __init__(self, time: datetime | None = None) -> None:
        self.time = time or datetime.now(UTC)

    def now(self) -> datetime:
        return self.time

    def monotonic(self) -> float:
        return self.time.timestamp()

    def sleep(self, seconds: float) -> None:
        self.time += timedelta(seconds=seconds)
