"""The worker itself, its own database, and modelled surroundings: seeded, and none breaks."""

from dataclasses import replace
from pathlib import Path

import pytest

from sync import push
from sync.decide import Policy
from sync.progress import Silent
from sync.simulation.core_model import Style
from sync.simulation.fast import PATIENCE, STEPS_MAX
from sync.simulation.faults import Fault, PlannedFaults, Point, ToldFaults
from sync.simulation.life import EVERY, Ended
from sync.simulation.real.erp import Health
from sync.simulation.real.life import play_real
from sync.simulation.real.run import FILE_EVERY, real_world
from sync.simulation.real.world import Plot
from sync.simulation.run import dice, simulate

PLOT = Plot((Style(2, 500, prefix="x-"),), Policy(), cycles=2, every=EVERY[1])


def lived(
    *story: tuple[Point, Fault] | tuple[Point, Fault, int],
    folder: Path | None = None,
    plot: Plot = PLOT,
) -> Ended:
    return play_real(plot, ToldFaults(*story), dice(0), folder=folder)


def test_two_dozen_worlds_keep_every_invariant() -> None:
    outcome = simulate(range(24), faults=None, mode="real", progress=Silent())
    assert outcome.shown == []
    assert outcome.struck > 60


def test_the_same_seed_is_the_same_world_in_memory_and_in_a_file() -> None:
    for seed in (FILE_EVERY, FILE_EVERY + 1):
        assert real_world(seed, None, dice) == real_world(seed, None, dice)


def test_a_world_ends_the_same_in_postgresql(postgres_url: str) -> None:
    """Several share one database there, each with books of its own."""
    for seed in (FILE_EVERY + 1, FILE_EVERY + 2, FILE_EVERY + 3):
        there = real_world(seed, None, dice, url=postgres_url)
        assert there == real_world(seed, None, dice)


def test_the_small_shell_does_as_the_real_one() -> None:
    assert (STEPS_MAX, PATIENCE) == (push.STEPS_MAX, push.PATIENCE)


def test_a_quiet_world_bills_once() -> None:
    ended = lived()
    assert ended.broken is None
    assert ended.end == "x-0 DONE in_1 \nin_1 x-0 OPEN 1000 2"
    assert ended.calls == 3


@pytest.mark.parametrize(
    ("erp", "copy", "original"),
    [
        (Health.SOUND, "RESOLVED", "RESOLVED"),
        (Health.LOST, "OPEN", "RESOLVED"),
        (Health.DOWN, "", "RESOLVED"),
    ],
)
def test_beside_an_erp_that_is_down_the_rest_ends_as_ever(
    erp: Health, copy: str, original: str
) -> None:
    """Billed, voided in the core, voided by a person: the copy's flag waits to be seen."""
    voids = (Point.AFTER_ANSWER, Fault.CORE_VOID, 2), (Point.READ, Fault.PERSON_VOIDS, 20)
    ended = lived(*voids, plot=replace(PLOT, cycles=7, erp=erp))
    assert ended.broken is None
    flags = [f"erp/e-in_1/VOIDED_IN_CORE {copy}"] * bool(copy)
    flags.append(f"stripe/in_1/VOIDED_IN_CORE {original}")
    assert ended.end.split("\n")[2:] == flags
    assert ("[unread erp]" in ended.schedule) is (erp is not Health.SOUND)


@pytest.mark.parametrize(
    "fault",
    [
        Fault.CRASH_BEFORE_INTENT,
        Fault.CRASH_AFTER_INTENT,
        Fault.CRASH_AFTER_CALL,
        Fault.CRASH_AFTER_ANSWER,
        Fault.CRASH_BEFORE_SETTLE,
        Fault.CRASH_AFTER_SETTLE,
        Fault.CRASH_AFTER_READ,
    ],
)
@pytest.mark.parametrize("let_by", [0, 2])
def test_a_crash_ends_as_no_crash_does(fault: Fault, let_by: int) -> None:
    point = Point.READ if fault is Fault.CRASH_AFTER_READ else Point(fault[6:])
    ended = lived((point, fault, let_by))
    assert ended.broken is None
    assert fault in {entry.partition("@")[0] for entry in ended.schedule}
    assert ended.end == lived().end


def test_a_process_that_died_in_a_file_goes_on_from_it(tmp_path: Path) -> None:
    ended = lived((Point.AFTER_CALL, Fault.CRASH_AFTER_CALL), folder=tmp_path)
    assert ended.broken is None
    assert ended.end == lived().end
    assert (tmp_path / "state.db").exists()


def test_an_old_backup_bills_nothing_twice(tmp_path: Path) -> None:
    plot = Plot(PLOT.styles, PLOT.policy, cycles=12, every=EVERY[1])
    ended = lived((Point.READ, Fault.RESTORED_OLD_DATABASE, 40), folder=tmp_path, plot=plot)
    assert any(entry.startswith("restored_old_database") for entry in ended.schedule)
    assert ended.broken is None
    assert "in_2" not in ended.end


def test_a_stalled_worker_is_overtaken_and_keeps_nothing() -> None:
    ended = lived((Point.AFTER_INTENT, Fault.TWO_WORKERS))
    assert ended.broken is None
    assert "[late create lands]" in ended.schedule
    assert "in_2" not in ended.end


def test_every_single_call_fault_of_one_push() -> None:
    quiet = PlannedFaults({})
    assert play_real(PLOT, quiet, dice(0)).broken is None
    calls = [index for index, point in enumerate(quiet.met) if point is Point.CALL]
    assert len(calls) == 3
    for fault in (Fault.SAVED_500_DONE, Fault.LATE_REQUEST, Fault.LOCK_TIMEOUT):
        for index in calls:
            ended = play_real(PLOT, PlannedFaults({index: fault}), dice(0))
            assert ended.broken is None, (index, fault, ended)
            assert "in_2" not in ended.end


def test_a_draft_deleted_by_hand_is_called_so_in_every_currency() -> None:
    """Of what is gone Stripe shows no currency: it was once called another currency."""
    euros = Style(2, 500, prefix="x-", currency="EUR")
    plot = Plot((euros,), Policy(), cycles=2, every=EVERY[1])
    ended = lived(
        (Point.AFTER_ANSWER, Fault.CRASH_AFTER_ANSWER),
        (Point.READ, Fault.PERSON_DELETES_DRAFT, 1),
        plot=plot,
    )
    assert ended.broken is None
    assert "x-0 QUARANTINED in_1 DRAFT_DELETED" in ended.end
