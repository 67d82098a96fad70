"""One world of the fast mode: the scenario, the time, and what happens at a point."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from state.pushes import PushRecord
from sync.decide import Policy
from sync.moves import Action, Answer, Seen, Undertaking
from sync.protocol import absorb, next_action
from sync.simulation.core_model import START, CoreModel
from sync.simulation.faults import Dice, Fault, FaultSource, NoFaults
from sync.simulation.memory import Memory
from sync.simulation.stripe_model import Request, StripeModel

LATE_MAX = timedelta(minutes=10)  # the client's own deadline is 60 s; proxies may queue
# Less than a day: a clock that is further ahead ends the 24 hours of a key at once.
WRONG_CLOCK = {
    Fault.CLOCK_WRONG_AHEAD: timedelta(hours=20),
    Fault.CLOCK_WRONG_BEHIND: timedelta(hours=-1),
}


@dataclass(frozen=True, slots=True)
class Rules:
    """The decisions under trial. A planted defect replaces one; nothing else differs."""

    next_action: Callable[[PushRecord, Seen, Undertaking], Action] = next_action
    absorb: Callable[[PushRecord, Answer, datetime], PushRecord] = absorb


@dataclass(frozen=True, slots=True)
class Scenario:
    """What the world is made of before anything goes wrong.

    `script` are events that happen at the start of a cycle, faults or not.
    """

    name: str = "plain"
    lines: int = 2
    line_minor: int = 500
    backwards: bool = False  # ids of later versions sort before those of earlier ones
    finalize: bool = True
    hold: bool = True
    cycles: int = 2
    every: timedelta = timedelta(minutes=5)
    script: Mapping[int, tuple[Fault, ...]] = field(default_factory=dict)


SOUND = Rules()


class World:
    """Everything there is: the core, Stripe, our memory, the time, and the faults."""

    def __init__(
        self,
        scenario: Scenario,
        faults: FaultSource,
        dice: Dice,
        rules: Rules = SOUND,
    ) -> None:
        self.scenario = scenario
        self.faults = faults
        self.dice = dice
        self.rules = rules
        self.now = START  # the true time
        self.wrong = timedelta(0)  # by how much our own clock is wrong
        self.wrong_max = timedelta(0)
        self.core = CoreModel(scenario.lines, scenario.line_minor, scenario.backwards)
        self.core.finalize_first()
        self.stripe = StripeModel()
        self.memory = Memory(
            Policy(finalize=scenario.finalize, hold_replacement_of_paid=scenario.hold)
        )
        self.late: list[tuple[datetime, Request]] = []
        self.schedule: list[str] = []  # what happened, in order, by name
        self.died = False  # the last cycle did not come to its end
        self.points = 0
        self.struck = 0
        self.sweep: tuple[tuple[str, str], ...] | None = None  # live (core id, document)

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

    def mark(self) -> tuple[int, int, int]:
        """Equal before and after means that nothing has happened in between."""
        return (self.memory.commits, len(self.stripe.trace), self.struck)

    def calm(self) -> None:
        """The faults stop, and somebody sets our clock right."""
        self.faults = NoFaults()
        self.wrong = timedelta(0)


def _moment(one: tuple[datetime, Request]) -> datetime:
    return one[0]
