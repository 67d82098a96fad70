"""How often we may ask: a rate that is kept, halved when told so, and won back slowly."""

import threading
from typing import Protocol

from state.clock import Clock

RECOVERY_SECONDS = 60  # from a halved rate back to the whole one
LOWEST_SHARE = 1 / 16


class Budget(Protocol):
    """A rate to stay within. One budget may serve many threads, or many processes."""

    def acquire(self, endpoint: str) -> None:
        """Wait until one request to this endpoint may go out."""

    def slow_down(self, endpoint: str) -> None:
        """The other side said "too many" (429) for this endpoint."""


class Unlimited:
    """No rate at all: for our own embedded systems on loopback."""

    def acquire(self, endpoint: str) -> None:
        """Go at once."""

    def slow_down(self, endpoint: str) -> None:
        """Nothing to slow down."""


class RateBudget:
    """A token bucket over all requests and, where asked, one more for each endpoint.

    `per_second` is the rate to keep, `burst` how many may go at once after a pause. Kept as
    the instant at which the next request is due (GCRA), so that waiting is a plain sleep
    and no thread refills anything. On a 429 the rate halves, then climbs back in a
    straight line over a minute.
    """

    def __init__(
        self,
        per_second: float,
        *,
        clock: Clock,
        burst: int = 1,
        per_endpoint: float | None = None,
    ) -> None:
        if per_second <= 0 or burst < 1 or (per_endpoint is not None and per_endpoint <= 0):
            raise ValueError("a rate must be above 0 requests per second")
        self._clock = clock
        self._all = _Lane(per_second, burst)
        self._per_endpoint = per_endpoint
        self._burst = burst
        self._lanes: dict[str, _Lane] = {}
        self._lock = threading.Lock()

    def acquire(self, endpoint: str) -> None:
        """Wait for a turn on the whole rate and on the endpoint's own."""
        with self._lock:
            now = self._clock.monotonic()
            turn = max(lane.reserve(now) for lane in self._lanes_of(endpoint))
        if turn > now:
            self._clock.sleep(turn - now)

    def slow_down(self, endpoint: str) -> None:
        """Halve what this endpoint is given: its own lane, or else the whole rate."""
        with self._lock:
            self._lanes_of(endpoint)[-1].halve(self._clock.monotonic())

    def rate(self, endpoint: str = "") -> float:
        """Requests per second that are let through now."""
        with self._lock:
            now = self._clock.monotonic()
            return min(lane.rate(now) for lane in self._lanes_of(endpoint))

    def _lanes_of(self, endpoint: str) -> list["_Lane"]:
        if self._per_endpoint is None:
            return [self._all]
        own = self._lanes.setdefault(endpoint, _Lane(self._per_endpoint, self._burst))
        return [self._all, own]


class _Lane:
    """One rate; the caller holds the lock."""

    __slots__ = ("_burst", "_due", "_full", "_halved_at", "_share")

    def __init__(self, per_second: float, burst: int) -> None:
        self._full = per_second
        self._burst = burst
        self._due = 0.0  # when the bucket is full again
        self._share = 1.0  # of the full rate, at `_halved_at`
        self._halved_at = 0.0

    def rate(self, now: float) -> float:
        regained = (now - self._halved_at) / RECOVERY_SECONDS
        return self._full * min(1.0, self._share + regained)

    def halve(self, now: float) -> None:
        share = self.rate(now) / self._full / 2
        self._share, self._halved_at = max(share, LOWEST_SHARE), now

    def reserve(self, now: float) -> float:
        """Take a turn and say when it is."""
        gap = 1 / self.rate(now)
        due = max(self._due, now)
        self._due = due + gap
        return max(now, due - gap * (self._burst - 1))
