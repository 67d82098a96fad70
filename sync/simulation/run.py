"""Run many worlds and say what came of them; a broken one is shrunk to its story."""

# The only place where a seed becomes dice; everything below takes them as an argument.
import random  # noqa: TID251
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Literal

from sync.progress import Progress
from sync.simulation.exhaustive import SCENARIOS, Run, pairs, singles
from sync.simulation.faults import Dice, Fault, PlannedFaults
from sync.simulation.life import Ended, Seeded, play, seeded
from sync.simulation.world import SOUND, Rules

Mode = Literal["fast", "real", "singles", "pairs", "real-singles"]
MODES: tuple[Mode, ...] = ("fast", "real", "singles", "pairs", "real-singles")
PAIRED = ("plain", "rebilled")  # the scenarios small enough for every pair
SHOWN_MAX = 10  # broken worlds kept with their stories
STEP = 500  # worlds between two words of progress


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
            if len(self.shown) < SHOWN_MAX:
                self.shown.append(Broken(name, ended.broken, ended.schedule))


def simulate(
    seeds: range,
    *,
    faults: frozenset[str] | None,
    mode: Mode,
    progress: Progress,
    rules: Rules = SOUND,
    state_url: str | None = None,
) -> Outcome:
    """Live a world for each seed, or every planned one. Raises ValueError for a bad name.

    `faults` names those that may strike; None means all of them. `state_url` is the
    database of the real mode; None: in memory, and every fourth world in a file.
    """
    allowed = None if faults is None else frozenset(map(named, faults))
    outcome = Outcome()
    if mode == "fast":
        progress.step("living fast worlds", len(seeds))
        for seed in seeds:
            outcome.add(f"seed {seed}", one_world(seed, allowed, rules))
            if seed % STEP == 0:
                progress.advance(STEP)
    elif mode == "real":
        # Imported here: fast worlds need no database.
        from sync.simulation.real.run import real_world

        progress.step("living real worlds", len(seeds))
        for seed in seeds:
            outcome.add(f"seed {seed}", real_world(seed, allowed, dice, url=state_url))
            progress.advance()
    else:
        progress.step("living planned worlds", None)
        for name, one in _planned(mode):
            outcome.add(_plan_name(name, one.plan), one.ended)
            if outcome.worlds % STEP == 0:
                progress.advance(STEP)
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


def _planned(mode: Mode) -> Iterator[tuple[str, Run]]:
    if mode == "real-singles":
        # Imported here: fast worlds need no database.
        from sync.simulation.real.run import real_singles

        for one in real_singles(dice):
            yield "one push", one
        return
    some = SCENARIOS if mode == "singles" else PAIRED
    every = singles if mode == "singles" else pairs
    for name in some:
        for one in every(SCENARIOS[name], dice):
            yield name, one


def _plan_name(name: str, plan: Mapping[int, Fault]) -> str:
    return " ".join([name, *(f"{index}:{fault}" for index, fault in plan.items())])
