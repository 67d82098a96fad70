"""The walk of every invoice, on one page. Read this first.

    poll      read the billing core: hints for speed, a sweep for truth
    record    each page's facts, the decisions that follow, and the cursor: one transaction
    observe   read Stripe; flags open and close on what is seen
    push      carry out what was decided: intent committed, call, answer committed
    observe   read the ERPs: no push rests on one, so none waits for one that is slow or down
    show      show the flags where people work: in Stripe, in an ERP that has a place
    settle    end the corrections that waited for their push and their flags
    reconcile gather as of an instant, classify, keep the run      (sync/reconcile.py)
    report    from a kept run only                                 (sync/report/)

Data flows one way: a step never calls an earlier one. Each may be stopped at any line;
the next pass goes on from what is recorded. A source that cannot be read is told, and hides
no other (sync/unread.py); without the core or Stripe nothing is pushed.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace

from connectors.ports import Register
from state.observations import CORE, Unread
from state.receivables import STRIPE
from state.worklist import UNRESOLVED
from sync.correction_books import settle
from sync.observe import observe
from sync.parts import Parts
from sync.plan import Plan, plan_of, refuse_if_moved
from sync.poll import Polled, poll_core, sweep_core
from sync.prepare import CapReached
from sync.progress import Progress
from sync.push import Pushed, due, push_all, reconsider
from sync.showing import show_flags
from sync.unread import GROUND, Readings

LEASE_SECONDS = 60


class LeaseHeld(Exception):
    """Another Tieout is at work on these books; stop it, or wait until its lease ends."""


@dataclass(frozen=True, slots=True)
class PassResult:
    """What one pass came to."""

    polled: int = 0
    recorded: int = 0
    observed: int = 0
    pushed: int = 0
    quarantined: int = 0
    waiting: int = 0
    flags_opened: int = 0
    flags_closed: int = 0
    open_flags: int = 0
    halted: str = ""  # why nothing was pushed, when a person is needed first
    unread: tuple[Unread, ...] = ()  # the sources that could not be read


class _Pass:
    """One pass under the lease: what it brought, step by step."""

    def __init__(self, parts: Parts, progress: Progress, *, sweep: bool) -> None:
        self.parts = parts
        self.progress = progress
        self.readings = Readings(parts, sweep=sweep)
        self.polled = Polled()
        self.observed = 0
        self.pushed = Pushed()
        self.halted = ""
        self._before = _flag_states(parts)

    def read_ground(self) -> None:
        """Read what a push rests on: the core, and Stripe where it is the right account."""
        parts, readings = self.parts, self.readings
        self._enter()  # another account ends the pass before anything is recorded
        with readings.reading(CORE):
            take = sweep_core if readings.sweep else poll_core
            self.polled = take(parts, self.progress)
        self.read_stripe()
        if not readings.missed(GROUND):
            reconsider(parts)

    def read_stripe(self) -> None:
        """Read Stripe, where it is the account that the books know."""
        if self._enter():
            self._observe(self.parts.registers[0])

    def read_erps(self) -> None:
        """Read the ERPs, but for those that failed a moment ago."""
        for erp in self.parts.registers[1:]:
            if not self.readings.resting(erp.target):
                self._observe(erp)

    def push(self, *, approved: bool = False) -> None:
        """Carry out what was decided, where its ground was read."""
        if self.readings.missed(GROUND):
            return
        with self.readings.telling(STRIPE):
            self.pushed = push_all(self.parts, self.progress, approved=approved)

    def show(self) -> None:
        """Show the flags where that was read, and end what waited for them."""
        show_flags(self.parts, self.progress, self.readings)
        settle(self.parts)

    def result(self) -> PassResult:
        """What it came to."""
        after = _flag_states(self.parts)
        unresolved = {name for name, state in after.items() if state in UNRESOLVED}
        before = {name for name, state in self._before.items() if state in UNRESOLVED}
        return PassResult(
            polled=self.polled.rows,
            recorded=self.polled.recorded,
            observed=self.observed,
            pushed=self.pushed.done,
            quarantined=self.pushed.stopped,
            waiting=self.pushed.waiting,
            flags_opened=len(unresolved - before),
            flags_closed=len(before - unresolved),
            open_flags=len(unresolved),
            halted=self.halted,
            unread=tuple(self.readings.unread),
        )

    def _enter(self) -> bool:
        if not self.parts.gate.passed and not self.readings.missed({STRIPE}):
            with self.readings.reading(STRIPE, whole=False):
                self.parts.gate.enter(self.parts)
        return self.parts.gate.passed

    def _observe(self, register: Register) -> None:
        sweep = self.readings.sweep
        with self.readings.reading(register.target):
            looked = observe(self.parts, register, self.progress, sweep=sweep)
            self.observed += looked.rows


def one_pass(parts: Parts, *, progress: Progress, sweep: bool = True) -> PassResult:
    """Take every invoice as far along the walk as it goes now."""
    with leased(parts) as acting:
        this = _Pass(acting, progress, sweep=sweep)
        this.read_ground()
        try:
            this.push()
        except CapReached as cap:
            this.halted = str(cap)
        this.read_erps()
        this.show()
        return this.result()


def look(parts: Parts, *, progress: Progress) -> PassResult:
    """See what moved in Stripe and the ERPs; flags open and close on it."""
    with leased(parts) as acting:
        this = _Pass(acting, progress, sweep=False)
        this.read_stripe()
        this.read_erps()
        this.show()
        return this.result()


def read_whole(parts: Parts, *, progress: Progress) -> None:
    """Read every source whole. Raises Incomplete with all that could not be read."""
    with leased(parts) as acting:
        this = _Pass(acting, progress, sweep=True)
        this.read_ground()
        this.read_erps()
        this.readings.require({CORE, *(one.target for one in parts.registers)})


def make_plan(parts: Parts, *, progress: Progress) -> Plan:
    """Read what pushes rest on, and say what a pass would do. Nothing outside is written."""
    with leased(parts) as acting:
        this = _Pass(acting, progress, sweep=True)
        this.read_ground()
        this.readings.require(GROUND)
        return plan_of(acting.store, due(acting))


def run_plan(parts: Parts, plan_text: str, *, progress: Progress) -> PassResult:
    """Carry out a plan that a person has seen, if the world has not moved since."""
    with leased(parts) as acting:
        this = _Pass(acting, progress, sweep=True)
        this.read_ground()
        this.readings.require(GROUND)
        refuse_if_moved(plan_text, plan_of(acting.store, due(acting)))
        this.push(approved=True)
        this.read_erps()
        this.show()
        return this.result()


@contextmanager
def leased(parts: Parts) -> Iterator[Parts]:
    """The parts with the right to act: one Tieout at a time on one set of books."""
    if parts.token is not None:
        yield parts
        return
    now = parts.clock.now()
    token = parts.store.take_lease(parts.holder, now=now, seconds=LEASE_SECONDS)
    if token is None:
        raise LeaseHeld(
            "another Tieout holds the lease on this state database; stop it, or wait "
            f"{LEASE_SECONDS} seconds after it has died"
        )
    try:
        yield replace(parts, token=token)
    finally:
        parts.store.release_lease(token)


def _flag_states(parts: Parts) -> dict[str, str]:
    return {flag.id: flag.state for flag in parts.store.flags()}
