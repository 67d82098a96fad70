"""One real world: the parts that wiring would put together, and a pass that may die."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from itertools import count
from pathlib import Path
from shutil import copyfile

from connectors.failures import ConnectorFailure
from state.backup import back_up
from state.engine import StoreUnusable
from state.pushes import PushState
from state.store import LeaseLost
from state.worklist import UNRESOLVED
from sync.cycle import LEASE_SECONDS, LeaseHeld, PassResult, one_pass
from sync.decide import Policy
from sync.parts import Parts
from sync.people import claim, retry_push, skip_push
from sync.progress import Silent
from sync.settings import Settings
from sync.simulation.core_model import Style
from sync.simulation.faults import Crash, Dice, Fault, FaultSource
from sync.simulation.real.around import Around, ModelClock
from sync.simulation.real.erp import ERP, Health, ModelErp
from sync.simulation.real.memory import History, WatchedBooks
from sync.simulation.real.ports import ModelCore, ModelStripe
from sync.simulation.world import may_be_skipped

ENTITY = "sim"
LOST_AFTER = 2  # cycles
_RETRIABLE = (PushState.QUARANTINED, PushState.HELD, PushState.ABANDONED, PushState.SKIPPED)
Pass = Callable[[Parts, bool], object]


def sound_pass(parts: Parts, sweep: bool) -> object:
    """The worker's own pass, as it stands."""
    return one_pass(parts, progress=Silent(), sweep=sweep)


@dataclass(frozen=True, slots=True)
class Plot:
    """What a real world is made of."""

    styles: tuple[Style, ...]
    policy: Policy
    cycles: int
    every: timedelta
    sweeps: float = 0.5  # the share of passes, before the calm, that read everything
    erp: Health = Health.NONE


class RealWorld(Around):
    """The worker with its own database, among the models.

    `folder` None: the database is in memory, survives the process, and is never put back
    from a backup. `url` names another database, which is used as it is.
    """

    def __init__(
        self,
        plot: Plot,
        faults: FaultSource,
        dice: Dice,
        *,
        folder: Path | None = None,
        url: str | None = None,
        entity: str = ENTITY,
        walk: Pass = sound_pass,
    ) -> None:
        super().__init__(faults, dice, plot.styles)
        self.plot = plot
        self.walk = walk
        self.history = History()
        self._folder = folder
        self._entity = entity
        self._url = url or (f"sqlite:///{folder}/state.db" if folder else "sqlite://")
        self._backups: list[Path] = []
        self._numbers = count(1)
        self._cycles = 0
        self.books = self._open()

    # --- the process ------------------------------------------------------------------

    def cycle(self, *, sweep: bool = True) -> None:
        """One pass of one process. What ends it early is written into the schedule."""
        self.sweep = None
        self.died = True
        self._cycles += 1
        self._start()
        try:
            done = self.walk(self.parts(), sweep)
            unread = done.unread if isinstance(done, PassResult) else ()
            # An ERP that is down for good is no reason why anything should not end.
            self.died = any(one.source != ERP or not self.erp_down for one in unread)
            self.schedule += [f"[unread {one.source}]" for one in unread]
        except (Crash, LeaseLost, LeaseHeld, StoreUnusable, ConnectorFailure) as end:
            self.schedule.append(f"[{type(end).__name__}]")
        self.pass_time(self.plot.every + timedelta(seconds=LEASE_SECONDS))

    def parts(self) -> Parts:
        """What wiring would put together."""
        stripe = ModelStripe(self)
        return Parts(
            settings=Settings(entity=self._entity),
            policy=self.plot.policy,
            store=self.books,
            core=ModelCore(self),
            stripe=stripe,
            registers=(stripe, *self._erps()),
            clock=ModelClock(self),
            holder=f"worker {next(self._numbers)}",
            new_id=lambda: f"{next(self._numbers):06d}",
            version="simulated",
        )

    @property
    def erp_down(self) -> bool:
        """Does the ERP answer to nobody?"""
        lost = self.plot.erp is Health.LOST and self._cycles > LOST_AFTER
        return lost or self.plot.erp is Health.DOWN

    def _erps(self) -> tuple[ModelErp, ...]:
        if self.plot.erp is Health.NONE:
            return ()
        return (ModelErp(self, down=self.erp_down),)

    def close(self) -> None:
        """Let go of the database."""
        self.books.close()

    def mark(self) -> tuple[int, int]:
        """Equal before and after: nothing was asked for, and nothing has moved."""
        return (self.writes, self.history.commits)

    def _open(self) -> WatchedBooks:
        return WatchedBooks(self._url, self._entity, self, self.history)

    def _start(self) -> None:
        """A new process, where the last one died; its database is opened again."""
        if self.dead and self._folder is not None:
            self.books.close()
            self.books = self._open()
        self.dead = self.stalled = self.answered = False
        if self._folder is not None and self.dice.random() < 0.3:  # noqa: PLR2004 - now and then
            to = self._folder / f"backup-{len(self._backups)}.db"
            back_up(self._url, self._entity, to, now=self.ours())
            self._backups.append(to)

    # --- what people do to our own memory ---------------------------------------------

    def effect(self, event: Fault) -> bool:
        """A person at our own worklist, or at our own database."""
        if event is Fault.PERSON_CLAIMS:
            return self._claims()
        if event is Fault.PERSON_RETRIES:
            return self._retries()
        if event is Fault.PERSON_SKIPS:
            return self._skips()
        if event is Fault.RESTORED_OLD_DATABASE:
            return self._restores()
        return super().effect(event)

    def _claims(self) -> bool:
        """Say of any flag that it is done."""
        flags = [one for one in self.books.flags(UNRESOLVED) if one.downstream_id]
        if not flags:
            return False
        claim(self.parts(), flags[int(self.dice.random() * len(flags))].id, "ann")
        return True

    def _retries(self) -> bool:
        """Let any stopped push begin again."""
        stopped = self.books.pushes(_RETRIABLE)
        if not stopped:
            return False
        record = stopped[int(self.dice.random() * len(stopped))]
        retry_push(self.parts(), record.core_invoice_id, by="ann", reason="simulated")
        return True

    def _skips(self) -> bool:
        """Leave any push out that may be."""
        some = [one for one in self.books.pushes(set(PushState)) if may_be_skipped(one)]
        if not some:
            return False
        record = some[int(self.dice.random() * len(some))]
        skip_push(self.parts(), record.core_invoice_id, by="ann", reason="simulated")
        return True

    def _restores(self) -> bool:
        """Put an old backup back; the process that was at work is ended for it."""
        if not self._backups or self._folder is None:
            return False
        backup = self._backups[int(self.dice.random() * len(self._backups))]
        self.books.close()
        for name in ("state.db-wal", "state.db-shm"):
            (self._folder / name).unlink(missing_ok=True)
        copyfile(backup, self._folder / "state.db")
        self.books = self._open()
        self.restored += 1
        self.sweep = None
        self.dead = True
        return True
