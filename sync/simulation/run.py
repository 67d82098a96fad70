"""Run many worlds and say what came of them; a broken one is shrunk to its story."""

# The only place where a seed becomes dice; everything below takes them as an argument.
import random  # noqa: TID251
import signal
from collections import Counter
from collections.abc import Callable, Generator, Iterator, Mapping
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import closing
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
SEEDED: frozenset[Mode] = frozenset({"fast", "real"})  # the others live what is planned
# Seeds, or single faults, in one task: a task is told when it is whole, about a second.
_CHUNK: Mapping[Mode, int] = {
    "fast": 500,
    "real": 4,
    "singles": 100,
    "pairs": 1,
    "real-singles": 5,
}


@dataclass(frozen=True, slots=True)
class Broken:
    """One world in which an invariant did not hold."""

    name: str  # "seed 17", or the scenario with its planned faults
    what: str  # the first broken invariant, by its number
    schedule: tuple[str, ...]  # what happened, in order


@dataclass(slots=True)
class Outcome:
    """What a run of worlds came to.

    `next` is where to go on: a seed, or the number of a single fault in the planned modes.
    """

    next: int = 0
    stopped: bool = False  # by hand, before its end
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
    size: int = 0  # of it: seeds, or single faults
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
    stopping: Callable[[], bool] = lambda: False,
) -> Outcome:
    """Live a world for each seed, or for the planned faults of these numbers.

    `faults` names those that may strike; None means all of them. `state_url` is the
    database of the real mode; None: in memory, and every fourth world in a file. `jobs`
    processes share the worlds; what comes of them does not depend on how many there are.
    The first broken world is told at once. Where it is `stopping`, the task in hand is the
    last. Raises ValueError for a bad name.
    """
    allowed = None if faults is None else frozenset(map(named, faults))
    common = Task(mode, allowed=allowed, rules=rules, state_url=state_url)
    tasks = list(_tasks(common, seeds))
    of_what = "" if mode in SEEDED else ", by their first fault"
    progress.step(f"living {mode} worlds{of_what}", sum(task.size for task in tasks))
    outcome = Outcome(next=seeds.start)
    end = seeds.start + sum(task.size for task in tasks)
    with closing(_lived(tasks, jobs)) as all_lived:
        for task, some in all_lived:
            if some.broken and not outcome.broken:
                progress.note(f"broken: {some.shown[0].name}: {some.shown[0].what}")
            outcome.take_in(some)
            outcome.next += task.size
            progress.advance(task.size)
            if stopping():
                break
    outcome.stopped = outcome.next < end
    return outcome


def _tasks(common: Task, asked: range) -> Iterator[Task]:
    size = _CHUNK[common.mode]
    if common.mode in SEEDED:
        for first in range(0, len(asked), size):
            some = asked[first : first + size]
            yield replace(common, seeds=some, size=len(some))
        return
    number = 0  # of the first single fault of a scenario
    for name, count in _planned_faults(common.mode):
        mine = range(max(asked.start - number, 0), min(asked.stop - number, count))
        for first in range(mine.start, mine.stop, size):
            part = slice(first, min(first + size, mine.stop))
            width = part.stop - part.start
            yield replace(common, scenario=name, part=part, size=width)
        number += count


def _planned_faults(mode: Mode) -> Iterator[tuple[str, int]]:
    """The scenarios of a mode, and how many single faults each has."""
    if mode == "real-singles":
        # Imported here: fast worlds need no database.
        from sync.simulation.real.run import count_real_singles

        yield "one push", count_real_singles(dice)
        return
    for name in PAIRED if mode == "pairs" else SCENARIOS:
        yield name, count_singles(SCENARIOS[name], dice)


def _lived(tasks: list[Task], jobs: int) -> Generator[tuple[Task, Outcome], None, None]:
    if jobs == 1:
        for task in tasks:
            yield task, live(task)
        return
    pool = ProcessPoolExecutor(jobs, initializer=_leave_signals_to_the_first)
    try:
        yield from zip(tasks, pool.map(live, tasks), strict=True)
    except BrokenProcessPool:
        return  # the others were ended: what was told stands
    finally:
        pool.shutdown(cancel_futures=True)


def _leave_signals_to_the_first() -> None:
    """^C reaches every process of a terminal: the others end the task in their hands."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)


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
            outcome.add(_plan_name(task.scenario, one.plan), one.ended)
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

        return real_singles(dice, part=task.part)
    scenario = SCENARIOS[task.scenario]
    if task.mode == "singles":
        return singles(scenario, dice, task.rules, part=task.part)
    return pairs(scenario, dice, task.rules, part=task.part)


def _plan_name(name: str, plan: Mapping[int, Fault]) -> str:
    return " ".join([name, *(f"{index}:{fault}" for index, fault in plan.items())])
