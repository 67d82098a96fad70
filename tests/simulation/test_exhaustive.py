"""Every fault at every point of a fixed scenario; pairs by sample."""

import pytest

from sync.simulation.exhaustive import (
    SCENARIOS,
    Run,
    count_singles,
    pairs,
    run,
    singles,
    some_pairs,
    strikes,
)
from sync.simulation.faults import EVENTS, SAME_AS, Fault, Point
from sync.simulation.run import dice


def broken(runs: list[Run]) -> list[tuple[object, str | None]]:
    return [(one.plan, one.ended.broken) for one in runs if one.ended.broken is not None]


def test_every_single_fault_at_every_point_of_a_rebilling() -> None:
    runs = list(singles(SCENARIOS["rebilled"], dice))
    assert broken(runs) == []
    assert len(runs) > 900
    assert {fault for one in runs for fault in one.plan.values()} == set(Fault)


@pytest.mark.parametrize("name", ["plain", "rebilled", "paid_then_rebilled"])
def test_pairs_of_faults(name: str) -> None:
    assert broken(list(some_pairs(SCENARIOS[name], 200, dice(1), dice))) == []


def test_a_crash_ends_as_no_crash_does() -> None:
    quiet = run(SCENARIOS["plain"], {}, dice)
    crashes = [
        {index: fault}
        for index, fault in strikes(quiet, after=-1)
        if fault.startswith("crash_")
    ]
    assert len(crashes) > 20
    for plan in crashes:
        assert run(SCENARIOS["plain"], plan, dice).ended.end == quiet.ended.end


def test_an_event_that_is_not_possible_leaves_the_world_as_it_is() -> None:
    """Why pairs may leave it out: what a look beforehand says is what then happens."""
    scenario = SCENARIOS["plain"]
    quiet = run(scenario, {}, dice, watch=True)
    left_out = 0
    for index, fault in strikes(quiet, after=-1):
        if fault in EVENTS:
            one = run(scenario, {index: fault}, dice)
            happened = one.ended.struck > quiet.ended.struck
            assert (fault in quiet.could[index]) is happened, (index, fault)
            assert happened or one.ended == quiet.ended
            left_out += not happened
    assert left_out > 200


def test_faults_that_differ_in_words_alone_make_one_world() -> None:
    """Why pairs may leave one of them out."""
    for name in ("plain", "rebilled"):
        quiet = run(SCENARIOS[name], {}, dice)
        calls = [index for index, point in enumerate(quiet.met) if point is Point.CALL]
        for index in calls:
            for left, right in SAME_AS.items():
                one, other = (
                    run(SCENARIOS[name], {index: fault}, dice) for fault in (left, right)
                )
                assert one.ended.struck > quiet.ended.struck
                assert (one.ended.end, one.ended.calls, one.met) == (
                    other.ended.end, other.ended.calls, other.met,
                )  # fmt: skip


def test_parts_of_the_planned_worlds_are_the_whole() -> None:
    scenario = SCENARIOS["plain"]
    whole = [one.plan for one in singles(scenario, dice)]
    halves = (slice(300), slice(300, None))
    parts = [one.plan for part in halves for one in singles(scenario, dice, part=part)]
    assert parts == whole
    assert len(whole) == count_singles(scenario, dice) + 1
    first = strikes(run(scenario, {}, dice), after=-1)[500]
    single, *some = [one.plan for one in pairs(scenario, dice, part=slice(500, 501))]
    assert list(single.items()) == [first]
    assert {next(iter(plan.items())) for plan in some} == {first}
    assert len(some) > 50
