"""Defects planted in the worker itself: the real mode sees them within a few worlds."""

from dataclasses import replace

import pytest

from connectors.failures import ConnectorFailure
from state.books import Books
from state.observations import Changes, Unread
from state.worklist import Flag, FlagState
from sync import classify, cycle, poll
from sync.cases import flag_entry
from sync.decide import Policy
from sync.parts import Parts
from sync.progress import Progress
from sync.simulation.core_model import Style
from sync.simulation.faults import Fault, Point, ToldFaults
from sync.simulation.life import EVERY
from sync.simulation.real import world
from sync.simulation.real.erp import Health
from sync.simulation.real.life import play_real
from sync.simulation.real.world import Plot
from sync.simulation.run import dice
from sync.unread import Readings

PLOT = Plot((Style(2, 500, prefix="x-"),), Policy(), cycles=3, every=EVERY[1], sweeps=0)


def broken(*story: tuple[Point, Fault] | tuple[Point, Fault, int]) -> str:
    """What such a world breaks, and that all of its story has happened."""
    ended = play_real(PLOT, ToldFaults(*story), dice(0))
    happened = [entry.partition("@")[0] for entry in ended.schedule if entry[0] != "["]
    assert happened == [one[1] for one in story]
    return ended.broken or "nothing"


def test_a_cursor_saved_before_what_it_stands_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """An invoice is never taken up, for its hint is thought read (7 of 80 worlds)."""
    story = (Point.READ, Fault.CRASH_AFTER_READ, 1)
    assert broken(story) == "nothing"

    def cursor_first(parts: Parts, progress: Progress) -> poll.Polled:
        hints = parts.core.hints(parts.store.cursor(poll.HINTS))
        if hints.cursor is not None:
            parts.record(Changes(cursors={poll.HINTS: hints.cursor}))
        for batch in poll._batches(poll._named(parts, hints.ids), progress):
            poll._take(parts, batch)
        return poll.Polled()

    monkeypatch.setattr(cycle, "poll_core", cursor_first)
    assert broken(story) == "28: x-0 was never taken up"


def test_a_flag_that_a_click_closes(monkeypatch: pytest.MonkeyPatch) -> None:
    """6 of 16 worlds, where voids and claims alone happen."""
    story = (Point.READ, Fault.CORE_VOID, 14), (Point.READ, Fault.PERSON_CLAIMS, 6)
    assert broken(*story) == "nothing"

    def click(parts: Parts, flag_id: str, who: str) -> Flag:
        flag = parts.store.flag(flag_id)
        assert flag is not None
        closed = replace(flag, state=FlagState.RESOLVED, evidence=f"{who} says so")
        parts.record(Changes(flags=(closed,), audit=(flag_entry(closed),)))
        return closed

    monkeypatch.setattr(world, "claim", click)
    assert broken(*story) == "10: the flag on in_1 is RESOLVED and it is live"


def test_a_memo_counted_twice(monkeypatch: pytest.MonkeyPatch) -> None:
    """7 of 16 worlds, where credits alone are issued."""
    story = (Point.AFTER_ANSWER, Fault.PERSON_CREDITS, 2)
    assert broken(story) == "nothing"
    once = classify.counted
    monkeypatch.setattr(classify, "counted", lambda leg: 2 * once(leg))
    assert broken(story) == "12: x-0 varies by -2000, not -1000"


def test_a_commit_that_does_not_ask_whose_lease_it_is(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """11 of 16 worlds, where a lease is lost now and then."""
    story = (Point.BEFORE_SETTLE, Fault.TWO_WORKERS, 1)
    assert broken(story) == "nothing"
    monkeypatch.setattr(Books, "_fence", lambda *_: None)
    assert broken(story).startswith("24:")


def test_a_run_that_rests_on_an_old_reading(monkeypatch: pytest.MonkeyPatch) -> None:
    """The ERP is lost, and nobody keeps that in mind (every such world)."""
    plot = replace(PLOT, erp=Health.LOST, sweeps=1)
    assert play_real(plot, ToldFaults(), dice(0)).broken is None

    def forget(self: Readings, source: str, failure: ConnectorFailure) -> None:
        self.unread.append(Unread(source, str(failure)))

    monkeypatch.setattr(Readings, "_failed", forget)
    ended = play_real(plot, ToldFaults(), dice(0))
    assert ended.broken == "25: a run was kept while the ERP could not be read"


def test_a_pass_that_stops_at_the_first_source_that_fails(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """As before: an ERP that is down keeps every invoice from Stripe (every such world)."""

    def strict(parts: Parts, *, progress: Progress, sweep: bool) -> object:
        with cycle.leased(parts) as acting:
            for register in acting.registers[1:]:
                register.locks()
            return cycle.one_pass(acting, progress=progress, sweep=sweep)

    plot = replace(PLOT, erp=Health.DOWN)
    monkeypatch.setattr(world, "one_pass", strict)
    ended = play_real(plot, ToldFaults(), dice(0))
    assert (ended.broken or "").startswith("28: x-0 was never taken up")
