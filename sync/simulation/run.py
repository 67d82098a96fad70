"""Run many worlds and say what came of them; a broken one is shrunk to its story."""

# The only place where a seed becomes dice; everything below takes them as an argument.
import random  # noqa: TID251
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field, replace
from typing import Literal

from sync.progress import Progress
from sync.simulation.exhaustive import SCENARIOS, Run, count_singles, pairs, singles
from sync.simulation.faults import Dice, Fault, PlannedFaults
from sync.simulation.life import Ended, Seeded, play, seeded
from sync.simulation.world import SOUND, Rules

Mode = Literal["fast", "real", "singles", "pairs", "real-singles"]
MODES: tuple[Mode, ...] = ("fast", "real", "singles", "pairs", "real-singles")
PAIRED = ("plain", "rebilled")  # the scenarios small enough for every pair
SHOWN_MAX = 10  # broken worlds kept with their stories
_CHUNK: Mapping[Mode, int] = {"fast": 500, "real": 4}  # seeds in one task
FIRSTS = 8  # single faults in one task, each followed by every second one


@dataclass(frozen=True, slots=True)
class Broken:
    """One world in which an invariant did not hold."""

    name: str  # "seed 17", or the scenario with its planned faults
    what: str  # the first broken invariant, by its number
    schedule: tuple[str, ...]  # what happened, in order


@dataclass(slots=True)
class Outcome:
    """What a run of worlds came to."""

    worlds: int = 0
    points: int = 0
    struck: int = 0
    calls: int = 0
    broken: int = 0
    faults: Counter[str] = field(default_factory=Counter)
    invariants: Counter[str] = field(default_factory=Counter)  # broken, by their number
    shown: list[Broken] = field(default_factory=list)

    def add(self, name: str, ended: Ended) -> None:
        """Count one world in."""
        self.worlds += 1
        self.points += ended.points
        self.struck += ended.struck
        self.calls += ended.calls
        self.faults.update(
            entry.partition("@")[0] for entry in ended.schedule if entry[0] != "["
        )
        if ended.broken is not None:
            self.broken += 1
            self.invariants[ended.broken.partition(":")[0]] += 1
            self.shown.append(Broken(name, ended.broken, ended.schedule))
            del self.shown[SHOWN_MAX:]

    def take_in(self, other: "Outcome") -> None:
        """Count the worlds of another in, after our own."""
        self.worlds += other.worlds
        self.points += other.points
        self.struck += other.struck
        self.calls += other.calls
        self.broken += other.broken
        self.faults.update(other.faults)
        self.invariants.update(other.invariants)
        self.shown += other.shown
        del self.shown[SHOWN_MAX:]


@dataclass(frozen=True, slots=True)
class Task:
    """Some of the worlds: those of these seeds, or a part of a scenario's planned ones."""

    mode: Mode
    seeds: range = range(0)
    scenario: str = ""
    part: slice = field(default_factory=lambda: slice(None))
    allowed: frozenset[Fault] | None = None
    rules: Rules = SOUND
    state_url: str | None = None


def simulate(
    seeds: range,
    *,
    faults: frozenset[str] | None,
    mode: Mode,
    progress: Progress,
    rules: Rules = SOUND,
    state_url: str | None = None,
    jobs: int = 1,
) -> Outcome:
    """Live a world for each seed, or every planned one. Raises ValueError for a bad name.

    `faults` names those that may strike; None means all of them. `state_url` is the
    database of the real mode; None: in memory, and every fourth world in a file. `jobs`
    processes share the worlds; what comes of them does not depend on how many there are.
    """
    allowed = None if faults is None else frozenset(map(named, faults))
    common = Task(mode, allowed=allowed, rules=rules, state_url=state_url)
    tasks = list(_tasks(common, seeds))
    progress.step(f"living {mode} worlds", len(seeds) if mode in _CHUNK else None)
    outcome = Outcome()
    for some in _lived(tasks, jobs):
        outcome.take_in(some)
        progress.advance(some.worlds)
    return outcome


def _tasks(common: Task, seeds: range) -> Iterator[Task]:
    if common.mode in _CHUNK:
        size = _CHUNK[common.mode]
        for first in range(0, len(seeds), size):
            yield replace(common, seeds=seeds[first : first + size])
    elif common.mode == "real-singles":
        yield common
    elif common.mode == "singles":
        for name in SCENARIOS:
            yield replace(common, scenario=name)
    else:
        for name in PAIRED:
            for first in range(0, count_singles(SCENARIOS[name], dice), FIRSTS):
                part = slice(first, first + FIRSTS)
                yield replace(common, scenario=name, part=part)


def _lived(tasks: list[Task], jobs: int) -> Iterator[Outcome]:
    if jobs == 1:
        yield from map(live, tasks)
        return
    with ProcessPoolExecutor(jobs) as pool:
        yield from pool.map(live, tasks)


def live(task: Task) -> Outcome:
    """Live the worlds of one task."""
    outcome = Outcome()
    if task.mode == "fast":
        for seed in task.seeds:
            outcome.add(f"seed {seed}", one_world(seed, task.allowed, task.rules))
    elif task.mode == "real":
        # Imported here: fast worlds need no database.
        from sync.simulation.real.run import real_world

        for seed in task.seeds:
            lived = real_world(seed, task.allowed, dice, url=task.state_url)
            outcome.add(f"seed {seed}", lived)
    else:
        for one in _planned(task):
            name = task.scenario or "one push"
            outcome.add(_plan_name(name, one.plan), one.ended)
    return outcome


def named(text: str) -> Fault:
    """The fault of this name. Raises ValueError with the names there are."""
    try:
        return Fault(text)
    except ValueError:
        names = ", ".join(Fault)
        raise ValueError(f"--fault {text}: no such fault; there are: {names}") from None


def dice(seed: int) -> Dice:
    """A stream of numbers that is always the same for one seed."""
    return random.Random(seed)  # noqa: S311 - a world, not a secret


def one_world(
    seed: int, allowed: frozenset[Fault] | None = None, rules: Rules = SOUND
) -> Ended:
    """The world of one seed; a broken one comes back with the shortest story found."""
    made = seeded(dice(seed), allowed)
    ended = play(made.scenario, made.faults, dice(~seed), rules)
    if ended.broken is None:
        return ended
    return shrunk(made, ended, lambda: dice(~seed), rules)


def shrunk(
    made: Seeded, ended: Ended, new_dice: Callable[[], Dice], rules: Rules = SOUND
) -> Ended:
    """Leave out every fault without which the same invariant still breaks."""
    plan, best = dict(made.faults.plan), ended
    number = (ended.broken or "").partition(":")[0]
    for index in sorted(plan, reverse=True):
        shorter = {at: fault for at, fault in plan.items() if at != index}
        tried = play(made.scenario, PlannedFaults(shorter), new_dice(), rules)
        if (tried.broken or "").partition(":")[0] == number:
            plan, best = shorter, tried
    return best


def _planned(task: Task) -> Iterator[Run]:
    if task.mode == "real-singles":
        # Imported here: fast worlds need no database.
        from sync.simulation.real.run import real_singles

        return real_singles(dice)
    scenario = SCENARIOS[task.scenario]
    if task.mode == "singles":
        return singles(scenario, dice, task.rules)
    return pairs(scenario, dice, task.rules, part=task.part)


def _plan_name(name: str, plan: Mapping[int, Fault]) -> str:
    return " ".join([name, *(f"{index}:{fault}" for index, fault in plan.items())])
