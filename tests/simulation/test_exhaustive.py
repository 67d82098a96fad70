"""Every fault at every point of a fixed scenario; pairs by sample."""

import pytest

from sync.simulation.exhaustive import SCENARIOS, Run, run, singles, some_pairs, strikes
from sync.simulation.faults import Fault
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
