"""Every fault at every point of a few fixed scenarios, alone and in pairs."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace

from sync.simulation.faults import (
    CRASHES,
    EVENTS,
    SAME_AS,
    Dice,
    Fault,
    PlannedFaults,
    Point,
    fits,
)
from sync.simulation.life import Ended, lived
from sync.simulation.world import SOUND, Rules, Scenario, World

SCENARIOS: Mapping[str, Scenario] = {
    one.name: one
    for one in (
        Scenario("plain", cycles=2),
        Scenario("two_batches", lines=101, cycles=2),
        Scenario("rebilled", cycles=2, script={1: (Fault.CORE_VOID_REGENERATE,)}),
        Scenario(
            "paid_then_rebilled",
            cycles=3,
            script={1: (Fault.PERSON_PAYS,), 2: (Fault.CORE_VOID_REGENERATE,)},
        ),
    )
}
# Faults after which the end must be the very one of a world without them.
HARMLESS = CRASHES | {Fault.TWO_WORKERS, Fault.DISK_REFUSES}
_EVENTS = frozenset(EVENTS)


@dataclass(frozen=True, slots=True)
class Run:
    """One planned world and what became of it."""

    plan: Mapping[int, Fault]
    ended: Ended
    met: tuple[Point, ...]
    could: tuple[frozenset[Fault], ...] = ()  # which events were possible at each point


def run(
    scenario: Scenario,
    plan: Mapping[int, Fault],
    new_dice: Callable[[int], Dice],
    rules: Rules = SOUND,
    *,
    watch: bool = False,
) -> Run:
    """One scenario with these faults at these points. `watch`: also learn what could be."""
    faults = PlannedFaults(plan)
    world = World(scenario, faults, new_dice(0), rules)
    faults.possible = world.possible if watch else None
    return Run(plan, lived(world), tuple(faults.met), tuple(faults.could))


def singles(
    scenario: Scenario,
    new_dice: Callable[[int], Dice],
    rules: Rules = SOUND,
    *,
    part: slice = slice(None),
) -> Iterator[Run]:
    """Every fault at every point where it can strike, one world each.

    A crash must leave the end as it is without one (invariant 32). `part` takes some of
    them; the world without any goes with the first.
    """
    baseline = run(scenario, {}, new_dice, rules)
    if not part.start:
        yield baseline
    for index, fault in strikes(baseline, after=-1)[part]:
        one = run(scenario, {index: fault}, new_dice, rules)
        yield judged(one, baseline)


def count_singles(scenario: Scenario, new_dice: Callable[[int], Dice]) -> int:
    """How many single faults there are; each begins its pairs."""
    return len(strikes(run(scenario, {}, new_dice), after=-1))


def pairs(
    scenario: Scenario,
    new_dice: Callable[[int], Dice],
    rules: Rules = SOUND,
    *,
    part: slice = slice(None),
) -> Iterator[Run]:
    """Every single fault, then each followed by every fault at every later point it leads to.

    `part` takes some of the first ones only. Left out is what is a world of this run again:
    a second event that is not possible where it would happen leaves the world of the first
    alone, a first one leaves a single, and a fault that is answered like another (SAME_AS)
    is that other. What is left out is proved by tests to be the same.
    """
    baseline = run(scenario, {}, new_dice, rules, watch=True)
    if not part.start:
        yield baseline
    for index, fault in strikes(baseline, after=-1)[part]:
        first = run(scenario, {index: fault}, new_dice, rules, watch=True)
        yield judged(first, baseline)
        if not _tells_more(baseline, index, fault):
            continue
        for second, other in strikes(first, after=index):
            if _tells_more(first, second, other):
                both = {index: fault, second: other}
                yield judged(run(scenario, both, new_dice, rules), baseline)


def _tells_more(base: Run, index: int, fault: Fault) -> bool:
    """Does this fault at this point make a world that no other plan makes?"""
    return fault not in SAME_AS and (fault not in _EVENTS or fault in base.could[index])


def some_pairs(
    scenario: Scenario, count: int, dice: Dice, new_dice: Callable[[int], Dice]
) -> Iterator[Run]:
    """A sample of the pairs."""
    baseline = run(scenario, {}, new_dice)
    firsts = strikes(baseline, after=-1)
    for _ in range(count):
        index, fault = firsts[int(dice.random() * len(firsts))]
        later = strikes(run(scenario, {index: fault}, new_dice), after=index)
        if not later:
            continue
        second, other = later[int(dice.random() * len(later))]
        both = {index: fault, second: other}
        yield judged(run(scenario, both, new_dice), baseline)


def strikes(base: Run, *, after: int) -> list[tuple[int, Fault]]:
    """Where, and with what, a world like this one can still be struck."""
    return [
        (index, fault)
        for index, point in enumerate(base.met)
        if index > after
        for fault in Fault
        if fits(fault, point)
    ]


def judged(one: Run, baseline: Run) -> Run:
    """32: where the process merely died, everything ends as if it had not."""
    only_crashes = set(one.plan.values()) <= HARMLESS
    if one.ended.broken is None and only_crashes and one.ended.end != baseline.ended.end:
        return replace(one, ended=replace(one.ended, broken="32: a crash changed the end"))
    return one
