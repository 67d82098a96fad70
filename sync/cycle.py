"""The walk of every invoice, on one page. Read this first.

    poll      read the billing core: hints for speed, a sweep for truth
    record    each page's facts, the decisions that follow, and the cursor: one transaction
    observe   read Stripe and the ERPs; flags open and close on what is seen
    push      carry out what was decided: intent committed, call, answer committed
    show      show the flags where people work: in Stripe, in an ERP that has a place
    settle    end the corrections that waited for their push and their flags
    reconcile gather as of an instant, classify, keep the run      (sync/reconcile.py)
    report    from a kept run only                                 (sync/report/)

Data flows one way: a step never calls an earlier one. Each may be stopped at any line;
the next pass goes on from what is recorded.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace

from state.worklist import UNRESOLVED
from sync.correction_books import settle
from sync.observe import Observed, observe, observe_each
from sync.parts import Parts
from sync.plan import Plan, plan_of, refuse_if_moved
from sync.poll import Polled, poll_core, sweep_core
from sync.prepare import CapReached
from sync.progress import Progress
from sync.push import Pushed, due, push_all, reconsider
from sync.showing import show_flags

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
    unread: str = ""  # why a register was not read, when a person must consent anew


def one_pass(parts: Parts, *, progress: Progress, sweep: bool = True) -> PassResult:
    """Take every invoice as far along the walk as it goes now."""
    with leased(parts) as acting:
        before = _flag_states(acting)
        polled = _poll(acting, progress, sweep=sweep)
        observed, unread = observe_each(acting, progress, sweep=sweep)
        halted = ""
        reconsider(acting)
        try:
            pushed = push_all(acting, progress)
        except CapReached as cap:
            pushed, halted = Pushed(), str(cap)
        done = _ended(acting, progress, before, polled, observed, pushed, halted)
        return replace(done, unread=unread)


def look(parts: Parts, progress: Progress, *, sweep: bool) -> tuple[Polled, list[Observed]]:
    """Poll and observe: everything that only reads other systems."""
    polled = _poll(parts, progress, sweep=sweep)
    observed = [
        observe(parts, register, progress, sweep=sweep) for register in parts.registers
    ]
    reconsider(parts)
    return polled, observed


def _poll(parts: Parts, progress: Progress, *, sweep: bool) -> Polled:
    return sweep_core(parts, progress) if sweep else poll_core(parts, progress)


def make_plan(parts: Parts, *, progress: Progress) -> Plan:
    """Look, and say what a pass would do. Nothing outside is written."""
    with leased(parts) as acting:
        look(acting, progress, sweep=True)
        return plan_of(acting.store, due(acting))


def run_plan(parts: Parts, plan_text: str, *, progress: Progress) -> PassResult:
    """Carry out a plan that a person has seen, if the world has not moved since."""
    with leased(parts) as acting:
        before = _flag_states(acting)
        polled, observed = look(acting, progress, sweep=True)
        refuse_if_moved(plan_text, plan_of(acting.store, due(acting)))
        pushed = push_all(acting, progress, approved=True)
        return _ended(acting, progress, before, polled, observed, pushed, "")


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


def _ended(
    parts: Parts,
    progress: Progress,
    before: dict[str, str],
    polled: Polled,
    observed: list[Observed],
    pushed: Pushed,
    halted: str,
) -> PassResult:
    show_flags(parts, progress)
    settle(parts)
    after = _flag_states(parts)
    unresolved = {name for name, state in after.items() if state in UNRESOLVED}
    was_unresolved = {name for name, state in before.items() if state in UNRESOLVED}
    return PassResult(
        polled=polled.rows,
        recorded=polled.recorded,
        observed=sum(one.rows for one in observed),
        pushed=pushed.done,
        quarantined=pushed.stopped,
        waiting=pushed.waiting,
        flags_opened=len(unresolved - was_unresolved),
        flags_closed=len(was_unresolved - unresolved),
        open_flags=len(unresolved),
        halted=halted,
    )


def _flag_states(parts: Parts) -> dict[str, str]:
    return {flag.id: flag.state for flag in parts.store.flags()}
