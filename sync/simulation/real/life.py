"""The life of one real world: passes with faults, then quiet, then the questions."""

from collections.abc import Callable
from pathlib import Path

from state.pushes import SETTLED, PushState
from sync.decide import Policy
from sync.protocol import BACKOFF_LAST, KEY_LIFE
from sync.simulation.core_model import Style
from sync.simulation.faults import Dice, FaultSource
from sync.simulation.life import EVERY, QUIET_CYCLES, QUIET_EVERY, Ended
from sync.simulation.outside import LATE_MAX
from sync.simulation.real.checkers import (
    AT_THE_END,
    LIVENESS,
    SAFETY,
    first_broken,
    voids_are_flagged,
)
from sync.simulation.real.world import Pass, Plot, RealWorld, sound_pass

CHAINS_MAX = 3
RATES = (0.04, 0.1, 0.2)  # a real pass meets many more points than a fast one


def plot_of(dice: Dice) -> Plot:
    """What a seed's real world is made of."""
    roll = dice.random
    styles = tuple(
        Style(
            lines=101 if roll() < 0.05 else 1 + int(roll() * 3),  # noqa: PLR2004 - rarely
            line_minor=100 + int(roll() * 5000),
            backwards=roll() < 0.5,  # noqa: PLR2004 - half
            prefix=f"{name}-",
            customer_id=f"c{1 + int(roll() * CHAINS_MAX)}",
            currency=("USD", "EUR", "JPY")[int(roll() * 3)],
        )
        for name in "xyz"[: 1 + int(roll() * CHAINS_MAX)]
    )
    return Plot(
        styles=styles,
        policy=Policy(
            finalize=roll() < 0.9,  # noqa: PLR2004 - mostly: the default
            hold_replacement_of_paid=roll() < 0.8,  # noqa: PLR2004 - mostly: the default
            create_customers=roll() < 0.7,  # noqa: PLR2004 - mostly
        ),
        cycles=2 + int(roll() * 4),
        every=EVERY[int(roll() * len(EVERY))],
    )


def play_real(
    plot: Plot,
    faults: FaultSource,
    dice: Dice,
    *,
    folder: Path | None = None,
    url: str | None = None,
    entity: str = "sim",
    walk: Pass = sound_pass,
) -> Ended:
    """One real world under one source of faults, lived to its end."""
    world = RealWorld(plot, faults, dice, folder=folder, url=url, entity=entity, walk=walk)
    try:
        for _ in range(plot.cycles):
            broken = checked_cycle(world, sweep=dice.random() < plot.sweeps)
            if broken is not None:
                return _ended(world, broken)
        return _ended(world, settle(world))
    finally:
        world.close()


def checked_cycle(world: RealWorld, *, sweep: bool) -> str | None:
    """One pass, and what it broke. What nothing has touched is not asked again."""
    before = (world.mark(), world.struck)
    world.cycle(sweep=sweep)
    if (world.mark(), world.struck) == before:
        return voids_are_flagged(world)
    return first_broken(world, SAFETY)


def settle(world: RealWorld) -> str | None:
    """Stop the faults, let quiet passes run, and ask everything that must then hold."""
    world.calm()
    world.schedule.append("[calm]")
    world.pass_time(QUIET_EVERY + LATE_MAX + world.wrong_max)
    for late in (False, True):
        if late:
            world.pass_time(KEY_LIFE + BACKOFF_LAST)
        for _ in range(QUIET_CYCLES):
            # By hints alone: what they name must be enough, if no cursor ran ahead.
            before = world.mark()
            broken = checked_cycle(world, sweep=False)
            world.pass_time(QUIET_EVERY)
            if broken is not None:
                return broken
            if world.mark() == before:
                break  # nothing moved, so nothing will before a day has gone by
        if not world.books.pushes(set(PushState) - SETTLED):
            break
    return first_broken(world, LIVENESS) or converged(world)


def converged(world: RealWorld) -> str | None:
    """31: a further whole pass asks for nothing, moves nothing, and audits nothing."""
    world.cycle()
    broken = first_broken(world, SAFETY)
    if broken is not None:
        return broken
    mark, head = world.mark(), world.books.audit_head()
    world.cycle()
    if world.died:
        return f"31: a quiet pass ended with {world.schedule[-1]}"
    if world.mark() != mark:
        return "31: a quiet pass wrote or moved something"
    if world.books.audit_head() != head:
        return "31: a quiet pass was audited as if it had done something"
    return first_broken(world, AT_THE_END)


def _ended(world: RealWorld, broken: str | None) -> Ended:
    return Ended(
        broken=broken,
        schedule=tuple(world.schedule),
        points=world.points,
        struck=world.struck,
        calls=len(world.stripe.trace),
        end=end_state(world),
    )


def end_state(world: RealWorld) -> str:
    """Where everything stands, without times and counts: what a crash may not change."""
    records = [
        f"{core_id} {one.state} {one.document_id} {one.reason}"
        for core_id, one in world.books.pushes_by_id().items()
    ]
    documents = [
        f"{one.id} {one.core_id} {one.status} {one.gross_minor} {len(one.line_keys)}"
        for one in world.stripe.documents.values()
    ]
    flags = [f"{'/'.join(one.key)} {one.state}" for one in world.books.flags()]
    return "\n".join([*sorted(records), *sorted(documents), *sorted(flags)])


NewDice = Callable[[int], Dice]
