"""How often we may ask: limits that are kept, cut when told so, and won back slowly."""

import threading
from collections.abc import Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext
from typing import Protocol

from connectors.pace import Lane, Turn
from state.clock import Clock

EVERYWHERE = ""  # the limit over all endpoints
NAP_SECONDS = 0.050  # then look again: an answer may have come


class Budget(Protocol):
    """Limits to stay within. One budget may serve many threads, or many processes."""

    def turn(self, endpoint: str) -> AbstractContextManager[float]:
        """Wait until a request to this endpoint may go out; leave when it has its answer.

        Gives the instant at which it was let through.
        """

    def slow_down(self, endpoint: str, turn: float) -> None:
        """The other side said "too many" (429) to the request of this turn.

        `endpoint` is the one whose limit it met, or EVERYWHERE.
        """


class Unlimited:
    """No limit at all: for our own embedded systems on loopback."""

    def turn(self, endpoint: str) -> AbstractContextManager[float]:  # noqa: ARG002
        """Go at once."""
        return nullcontext(0.0)

    def slow_down(self, endpoint: str, turn: float) -> None:
        """Nothing to slow down."""


class RateBudget:
    """A rate over all requests and, where asked, one for each endpoint, and a bound in flight.

    The rates are the other side's limits in any second, as it counts them; how they are
    kept is `connectors.pace`. A turn is taken when it has come and never booked ahead: a
    request that waits for its endpoint holds nothing of the whole rate.
    """

    def __init__(
        self,
        per_second: float,
        *,
        clock: Clock,
        per_endpoint: float | None = None,
        at_once: int | None = None,
    ) -> None:
        for rate in (per_second, per_endpoint):
            if rate is not None and rate <= 0:
                raise ValueError("a rate must be above 0 requests per second")
        self._clock = clock
        self._per_endpoint = per_endpoint
        self._doors = {EVERYWHERE: _Door((Lane(per_second),))}
        self._places: AbstractContextManager[object] = (
            nullcontext() if at_once is None else threading.BoundedSemaphore(at_once)
        )
        self._lock = threading.Lock()

    @contextmanager
    def turn(self, endpoint: str) -> Iterator[float]:
        """Wait for a turn on the whole rate and on the endpoint's own, and for a place."""
        with self._lock:
            door = self._door(endpoint)
        with ExitStack() as stay:
            with door.gate:  # one waits at a gate, so that nobody is woken in vain
                self._come(door)
                # A request that has its turn must leave: it waits for a place before.
                stay.enter_context(self._places)
                while (turn := self._take(door)) is None:
                    self._come(door)
            stay.push(lambda failure, *_: self._ended(turn, well=failure is None))
            yield turn.taken

    def slow_down(self, endpoint: str, turn: float) -> None:
        """Cut what this endpoint is given: its own rate, or else the whole."""
        with self._lock:
            self._door(endpoint).lanes[-1].cut(turn, self._clock.monotonic())

    def rate(self, endpoint: str = EVERYWHERE) -> float:
        """Requests per second that are let through now."""
        with self._lock:
            now = self._clock.monotonic()
            return min(lane.rate(now) for lane in self._door(endpoint).lanes)

    def _come(self, door: "_Door") -> None:
        """Wait until a turn is due."""
        while True:
            with self._lock:
                now = self._clock.monotonic()
                wait = door.due(now) - now
            if wait <= 0:
                return
            self._clock.sleep(min(wait, NAP_SECONDS))

    def _take(self, door: "_Door") -> Turn | None:
        """Take a turn on every lane, if nobody was quicker."""
        with self._lock:
            now = self._clock.monotonic()
            if door.due(now) > now:
                return None
            turn = Turn(door.lanes[-1], now)
            for lane in door.lanes:
                lane.take(turn)
            return turn

    def _ended(self, turn: Turn, *, well: bool) -> None:
        with self._lock:
            turn.end(self._clock.monotonic(), well=well)

    def _door(self, endpoint: str) -> "_Door":
        door = self._doors.get(endpoint)
        if door is None:
            own = () if self._per_endpoint is None else (Lane(self._per_endpoint),)
            door = _Door((*self._doors[EVERYWHERE].lanes, *own))
            self._doors[endpoint] = door
        return door


class _Door:
    """What a request to one endpoint has to pass: the lanes, and a gate before them."""

    __slots__ = ("gate", "lanes")

    def __init__(self, lanes: tuple[Lane, ...]) -> None:
        self.gate = threading.Lock()
        self.lanes = lanes

    def due(self, now: float) -> float:
        return max(lane.due(now) for lane in self.lanes)
