"""What is around the worker in every world: time, the core, Stripe, and the faults."""

from abc import ABC, abstractmethod
from datetime import datetime, timedelta

from state.invoices import CoreInvoice
from sync.simulation.core_model import START, CoreModel
from sync.simulation.faults import (
    CRASHES,
    EVENTS,
    Crash,
    Dice,
    Fault,
    FaultSource,
    NoFaults,
    Point,
)
from sync.simulation.stripe_model import Request, StripeModel

LATE_MAX = timedelta(minutes=10)  # the client's own deadline is 60 s; proxies may queue
_EVENTS = frozenset(EVENTS)


class Outside(ABC):
    """Everything but the worker and its memory. A subclass says what those are."""

    def __init__(self, faults: FaultSource, dice: Dice) -> None:
        self.faults = faults
        self.dice = dice
        self.now = START  # the true time
        self.wrong = timedelta(0)  # by how much our own clock is wrong
        self.wrong_max = timedelta(0)
        self.stripe = StripeModel()
        self.late: list[tuple[datetime, Request]] = []
        self.schedule: list[str] = []  # what happened, in order, by name
        self.restored = 0  # how often an old backup was put back
        self.died = False  # the last cycle did not come to its end
        self.points = 0
        self.struck = 0
        # What the last complete sweep saw that asks for money: core id, document id.
        self.sweep: tuple[tuple[str, str], ...] | None = None

    @abstractmethod
    def chain(self) -> CoreModel:
        """The chain of versions that an event of the core concerns."""

    @abstractmethod
    def invoices(self) -> dict[str, CoreInvoice]:
        """Every invoice of the core as it truly is."""

    @abstractmethod
    def effect(self, event: Fault) -> bool:
        """Let an event happen; False where it is not possible."""

    # --- time -------------------------------------------------------------------------

    def ours(self) -> datetime:
        """The time by our own clock."""
        return self.now + self.wrong

    def pass_time(self, much: timedelta) -> None:
        """Time goes by, and requests that were on their way arrive."""
        self.now += much
        if self.late:
            due = sorted((one for one in self.late if one[0] <= self.now), key=_moment)
            self.late = [one for one in self.late if one[0] > self.now]
            for moment, request in due:
                self.stripe.carry_out(request, moment)
                self.schedule.append(f"[late {request.step} lands]")

    def send_later(self, request: Request) -> None:
        """The request is on its way and will arrive when nobody waits for it."""
        delay = LATE_MAX * self.dice.random()
        self.late.append((self.now + timedelta(seconds=61) + delay, request))

    # --- faults -----------------------------------------------------------------------

    def strike(self, point: Point) -> Fault | None:
        """What strikes here. Events happen at once; a crash is raised; the rest is told."""
        self.points += 1
        fault = self.faults.draw(point)
        if fault is None:
            return None
        if fault in _EVENTS:
            self.happen(fault, point)
            return None
        self.struck += 1
        self.schedule.append(f"{fault}@{point}")
        if fault in CRASHES:
            raise Crash
        return fault

    def happen(self, event: Fault, where: str = "") -> None:
        """Let something happen, where it is possible at all. A restore ends the process."""
        if self.effect(event):
            self.struck += 1
            self.schedule.append(f"{event}@{where}" if where else event)
            if event is Fault.RESTORED_OLD_DATABASE:
                raise Crash

    def calm(self) -> None:
        """The faults stop, and somebody sets our clock right."""
        self.faults = NoFaults()
        self.wrong = timedelta(0)


def _moment(one: tuple[datetime, Request]) -> datetime:
    return one[0]
