"""How often we may ask: a rate that is kept, halved when told so, and won back slowly."""

import threading
from typing import Protocol

from state.clock import Clock

SHARE = 0.95  # of a limit; the rest is what the way there may do to the distance of two requests
SLACK_SECONDS = 0.010  # how late a sleep may wake; the turns it missed are made up for
RECOVERY_SECONDS = 30  # from a halved rate back to the whole one
LOWEST_SHARE = 1 / 16
EVERYWHERE = ""  # the limit over all endpoints


class Budget(Protocol):
    """A rate to stay within. One budget may serve many threads, or many processes."""

    def acquire(self, endpoint: str) -> None:
        """Wait until one request to this endpoint may go out."""

    def slow_down(self, endpoint: str) -> None:
        """The other side said "too many" (429) for this endpoint, or EVERYWHERE."""


class Unlimited:
    """No rate at all: for our own embedded systems on loopback."""

    def acquire(self, endpoint: str) -> None:
        """Go at once."""

    def slow_down(self, endpoint: str) -> None:
        """Nothing to slow down."""


class RateBudget:
    """A rate over all requests and, where asked, one more for each endpoint.

    `per_second` and `per_endpoint` are the other side's limits; SHARE of them is used.
    Each is kept as the instant at which the next request is due (GCRA), so that waiting is
    a plain sleep and no thread refills anything. A turn is taken when it has come and never
    booked ahead: a request that waits for its endpoint holds nothing of the whole rate. On
    a 429 a rate halves, then climbs back in a straight line over half a minute.
    """

    def __init__(
        self, per_second: float, *, clock: Clock, per_endpoint: float | None = None
    ) -> None:
        if per_second <= 0 or (per_endpoint is not None and per_endpoint <= 0):
            raise ValueError("a rate must be above 0 requests per second")
        self._clock = clock
        self._per_endpoint = per_endpoint
        self._all = _Lane(per_second)
        self._lanes: dict[str, _Lane] = {}
        self._lock = threading.Lock()

    def acquire(self, endpoint: str) -> None:
        """Wait for a turn on the whole rate and on the endpoint's own."""
        with self._lock:
            lanes = self._lanes_of(endpoint)
        with lanes[-1].gate:  # one waits at a gate, so that nobody is woken in vain
            while (wait := self._take(lanes)) > 0:
                self._clock.sleep(wait)

    def slow_down(self, endpoint: str) -> None:
        """Halve what this endpoint is given: its own rate, or else the whole."""
        with self._lock:
            self._lanes_of(endpoint)[-1].halve(self._clock.monotonic())

    def rate(self, endpoint: str = EVERYWHERE) -> float:
        """Requests per second that are let through now."""
        with self._lock:
            now = self._clock.monotonic()
            return min(lane.rate(now) for lane in self._lanes_of(endpoint))

    def _take(self, lanes: list["_Lane"]) -> float:
        """Take a turn on every lane (0), or say how long until there may be one."""
        with self._lock:
            now = self._clock.monotonic()
            wait = max(lane.due(now) for lane in lanes) - now
            if wait <= 0:
                for lane in lanes:
                    lane.take(now)
            return wait

    def _lanes_of(self, endpoint: str) -> list["_Lane"]:
        if self._per_endpoint is None or endpoint == EVERYWHERE:
            return [self._all]
        own = self._lanes.setdefault(endpoint, _Lane(self._per_endpoint))
        return [self._all, own]


class _Lane:
    """One limit. The caller holds the budget's lock, but for `gate`."""

    __slots__ = ("_full", "_halved_at", "_next", "_share", "gate")

    def __init__(self, limit: float) -> None:
        self.gate = threading.Lock()
        self._full = limit * SHARE
        self._next = 0.0  # when the next turn is, were nobody ever late
        self._share = 1.0  # of the full rate, at `_halved_at`
        self._halved_at = 0.0

    def rate(self, now: float) -> float:
        regained = (now - self._halved_at) / RECOVERY_SECONDS
        return self._full * min(1.0, self._share + regained)

    def halve(self, now: float) -> None:
        share = self.rate(now) / self._full / 2
        self._share, self._halved_at = max(share, LOWEST_SHARE), now

    def due(self, now: float) -> float:
        return max(self._next, now - SLACK_SECONDS)

    def take(self, now: float) -> None:
        self._next = self.due(now) + 1 / self.rate(now)
