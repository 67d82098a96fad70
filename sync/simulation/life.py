"""The life of one fast world: cycles with faults, then quiet, then the questions."""

from dataclasses import dataclass
from datetime import timedelta

from state.pushes import SETTLED
from sync.protocol import BACKOFF_LAST, KEY_LIFE
from sync.simulation.checkers import LIVENESS, SAFETY, first_broken, voids_are_flagged
from sync.simulation.fast import one_cycle
from sync.simulation.faults import Dice, Fault, FaultSource, RandomFaults
from sync.simulation.outside import LATE_MAX
from sync.simulation.world import SOUND, Rules, Scenario, World

QUIET_CYCLES = 3
RESTARTS_MAX = 4  # of the process within one scene of a scenario
QUIET_EVERY = timedelta(minutes=20)  # longer than the longest backoff


@dataclass(frozen=True, slots=True)
class Ended:
    """What became of one world."""

    broken: str | None  # the first broken invariant
    schedule: tuple[str, ...]  # what happened, in order, by name
    points: int
    struck: int
    calls: int
    end: str  # the whole end state without its times, for comparing worlds


RATES = (0.04, 0.1, 0.2, 0.35)
EVERY = (timedelta(seconds=40), timedelta(minutes=5), timedelta(hours=1))


def scenario_of(dice: Dice) -> Scenario:
    """What a seed's world is made of."""
    roll = dice.random
    many = roll() < 0.03  # noqa: PLR2004 - rarely: two calls for the lines
    return Scenario(
        name="seeded",
        lines=101 if many else 1 + int(roll() * 3),
        line_minor=100 + int(roll() * 5000),
        backwards=roll() < 0.5,  # noqa: PLR2004 - half
        finalize=roll() < 0.9,  # noqa: PLR2004 - mostly: the default
        hold=roll() < 0.8,  # noqa: PLR2004 - mostly: the default
        cycles=2 + int(roll() * 4),
        every=EVERY[int(roll() * len(EVERY))],
    )


@dataclass(frozen=True, slots=True)
class Seeded:
    """What a seed decides beforehand: the scenario, and how its faults are drawn."""

    scenario: Scenario
    faults: RandomFaults


def seeded(dice: Dice, allowed: frozenset[Fault] | None = None) -> Seeded:
    """A seed's world, not yet lived."""
    scenario = scenario_of(dice)
    rate = RATES[int(dice.random() * len(RATES))]
    return Seeded(scenario, RandomFaults(dice, rate, allowed))


def play(
    scenario: Scenario, faults: FaultSource, dice: Dice, rules: Rules = SOUND
) -> Ended:
    """One scenario under one source of faults, lived to its end.

    `dice` decide how a fault turns out (how late a request lands, which backup is put
    back), never whether it strikes: a plan therefore repeats a seeded world.
    """
    return lived(World(scenario, faults, dice, rules))


def lived(world: World) -> Ended:
    """A world that nothing has happened in yet, lived to its end."""
    scenario = world.scenario
    for number in range(scenario.cycles):
        broken = checked_cycle(world, number)
        for _ in range(RESTARTS_MAX if scenario.script else 0):
            if broken is not None or not world.died:
                break
            # The process is started again before the story goes on.
            broken = checked_cycle(world, -1)
        if broken is not None:
            return ended(world, broken)
    return ended(world, settle(world))


def checked_cycle(world: World, number: int) -> str | None:
    """One cycle, and what it broke. What nothing has touched is not asked again."""
    before = world.mark()
    one_cycle(world, number)
    if world.mark() == before:
        return voids_are_flagged(world)
    return first_broken(world, SAFETY)


def settle(world: World) -> str | None:
    """Stop the faults, let quiet cycles run, and ask everything that must then hold."""
    world.calm()
    world.schedule.append("[calm]")
    # A clock that was ahead has left times in the books that are still to come.
    world.pass_time(QUIET_EVERY + LATE_MAX + world.wrong_max)
    for late in (False, True):
        if late:
            # A saved answer may stand under a key for a day.
            world.pass_time(KEY_LIFE + BACKOFF_LAST)
        for _ in range(QUIET_CYCLES):
            before = world.mark()
            broken = checked_cycle(world, -1)
            world.pass_time(QUIET_EVERY)
            if broken is not None:
                return broken
            if world.mark() == before:
                break  # nothing moved, so nothing will before a day has gone by
        if all(one.state in SETTLED for one in world.memory.kept.records.values()):
            break
    return first_broken(world, LIVENESS) or converged(world)


def converged(world: World) -> str | None:
    """31: a further pass over unchanged sources asks for nothing and keeps nothing."""
    calls, commits = len(world.stripe.trace), world.memory.commits
    one_cycle(world, -1)
    if len(world.stripe.trace) != calls:
        return f"31: a quiet pass sent {world.stripe.trace[calls].key}"
    if world.memory.commits != commits:
        return "31: a quiet pass moved what was recorded"
    return None


def ended(world: World, broken: str | None) -> Ended:
    """What became of it."""
    return Ended(
        broken=broken,
        schedule=tuple(world.schedule),
        points=world.points,
        struck=world.struck,
        calls=len(world.stripe.trace),
        end=end_state(world),
    )


def end_state(world: World) -> str:
    """Where everything stands, without times and counts: what a crash may not change."""
    kept = world.memory.kept
    records = sorted(
        f"{core_id} {record.state} {record.document_id} {record.reason}"
        for core_id, record in kept.records.items()
    )
    documents = sorted(
        f"{one.id} {one.core_id} {one.status} {one.gross_minor} {len(one.line_keys)}"
        for one in world.stripe.documents.values()
    )
    flags = sorted(f"{'/'.join(key)} {flag.state}" for key, flag in kept.flags.items())
    return "\n".join([*records, *documents, *flags])
