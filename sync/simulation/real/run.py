"""One real world of a seed, in memory or in a file; a broken one is shrunk to its story."""

import tempfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from sync.decide import Policy
from sync.simulation.core_model import Style
from sync.simulation.exhaustive import Run, judged, strikes
from sync.simulation.faults import Fault, FaultSource, PlannedFaults, RandomFaults
from sync.simulation.life import EVERY, Ended
from sync.simulation.real.erp import Health
from sync.simulation.real.life import RATES, NewDice, play_real, plot_of
from sync.simulation.real.world import Pass, Plot, sound_pass

FILE_EVERY = 4  # every so many worlds live in a file, and are reopened and restored


def real_world(
    seed: int,
    allowed: frozenset[Fault] | None,
    new_dice: NewDice,
    *,
    url: str | None = None,
    walk: Pass = sound_pass,
) -> Ended:
    """The real world of one seed, lived to its end; with `url`, in that database."""
    dice = new_dice(seed)
    erps = tuple(Health)
    plot = replace(plot_of(dice), erp=erps[seed // FILE_EVERY % len(erps)])
    faults = RandomFaults(dice, RATES[int(dice.random() * len(RATES))], allowed)
    one = _Seed(seed, plot, new_dice, url, walk)
    ended = one.live(faults)
    if ended.broken is None:
        return ended
    number = ended.broken.partition(":")[0]
    plan, best = dict(faults.plan), ended
    for index in sorted(plan, reverse=True):
        shorter = {at: fault for at, fault in plan.items() if at != index}
        tried = one.live(PlannedFaults(shorter))
        if (tried.broken or "").partition(":")[0] == number:
            plan, best = shorter, tried
    return best


ONE_PUSH = Plot((Style(2, 500, prefix="x-"),), Policy(), cycles=2, every=EVERY[1])


def real_singles(new_dice: NewDice, *, part: slice = slice(None)) -> Iterator[Run]:
    """Every fault at every point of one invoice's push, by the real worker.

    A crash must leave the end as it is without one (invariant 32). `part` takes some of
    them; the world without any goes with the first.
    """
    baseline = _one_push({}, new_dice)
    if not part.start:
        yield baseline
    for index, fault in strikes(baseline, after=-1)[part]:
        yield judged(_one_push({index: fault}, new_dice), baseline)


def count_real_singles(new_dice: NewDice) -> int:
    """How many single faults there are."""
    return len(strikes(_one_push({}, new_dice), after=-1))


def _one_push(plan: dict[int, Fault], new_dice: NewDice) -> Run:
    faults = PlannedFaults(plan)
    ended = play_real(ONE_PUSH, faults, new_dice(0))
    return Run(plan, ended, tuple(faults.met))


class _Seed:
    """Lives the same world again, under other faults."""

    def __init__(
        self, seed: int, plot: Plot, new_dice: NewDice, url: str | None, walk: Pass
    ) -> None:
        self._seed = seed
        self._plot = plot
        self._new_dice = new_dice
        self._url = url
        self._walk = walk
        self._lives = 0

    def live(self, faults: FaultSource) -> Ended:
        self._lives += 1
        dice = self._new_dice(~self._seed)
        if self._url is not None or self._seed % FILE_EVERY:
            entity = f"sim-{self._seed}-{self._lives}"  # several share one database
            return play_real(
                self._plot, faults, dice, url=self._url, entity=entity, walk=self._walk
            )
        with tempfile.TemporaryDirectory(prefix="tieout-sim-") as name:
            return play_real(self._plot, faults, dice, folder=Path(name), walk=self._walk)
