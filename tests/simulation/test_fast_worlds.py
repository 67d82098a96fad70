"""Seeded fast worlds: none breaks, and a seed is always the same world."""

import pytest

from sync.progress import Silent
from sync.simulation.exhaustive import SCENARIOS
from sync.simulation.faults import EVENTS, Fault, NoFaults, Point, ToldFaults
from sync.simulation.life import play
from sync.simulation.run import dice, one_world, simulate
from sync.simulation.world import Scenario


def test_two_thousand_worlds_keep_every_invariant() -> None:
    outcome = simulate(range(2000), faults=None, mode="fast", progress=Silent())
    assert outcome.shown == []
    assert outcome.worlds == 2000
    assert set(outcome.faults) >= set(Fault), "every named fault has struck somewhere"


@pytest.mark.parametrize("seed", [3, 17, 2026])
def test_the_same_seed_is_the_same_world(seed: int) -> None:
    assert one_world(seed) == one_world(seed)


def test_seeds_differ() -> None:
    assert len({one_world(seed).schedule for seed in range(40)}) > 20


def test_only_the_named_faults_strike() -> None:
    names = frozenset({"timeout_after", "core_void"})
    outcome = simulate(range(200), faults=names, mode="fast", progress=Silent())
    assert set(outcome.faults) == names


@pytest.mark.parametrize("name", sorted(SCENARIOS))
def test_a_quiet_world_ends_as_its_scenario_says(name: str) -> None:
    ended = play(SCENARIOS[name], NoFaults(), dice(0))
    assert ended.broken is None
    assert ended.end.splitlines()[0].startswith("v0 DONE in_1")
    held = "v1 HELD None REPLACEMENT_OF_PAID" in ended.end
    assert held == (name == "paid_then_rebilled")


def test_a_story_is_told_in_its_order() -> None:
    faults = ToldFaults(
        (Point.CALL, Fault.TIMEOUT_AFTER), (Point.BEFORE_SETTLE, Fault.CORE_VOID, 1)
    )
    ended = play(Scenario(), faults, dice(0))
    assert faults.told()
    assert ended.schedule[:2] == ("timeout_after@call", "core_void@before_settle")


def test_events_can_strike_at_any_point_and_the_rest_at_theirs() -> None:
    assert Fault.CORE_VOID in EVENTS
    assert Fault.TIMEOUT_AFTER not in EVENTS
