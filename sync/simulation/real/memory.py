"""The real store, watched: each commit is a point, and what it moved is written down."""

from datetime import datetime, timedelta

from state.books import Books
from state.engine import StoreUnusable
from state.observations import Changes
from state.pushes import PushRecord
from sync.simulation.checkers import Move
from sync.simulation.faults import Fault, Point
from sync.simulation.real.around import Around
from sync.simulation.stripe_model import INSTANCE

LEASE_ENDS = timedelta(days=400)  # past every lease, by anybody's clock


class History:
    """What the commits of one world have done, over every restart of the process."""

    def __init__(self) -> None:
        self.moves: list[Move] = []
        self.flags: list[tuple[str, ...]] = []  # core id, key and state, as committed
        self.commits = 0  # that moved a push or a flag
        self.stale = 0  # kept although the lease was another's
        self.hollow: list[str] = []  # sweeps kept of a reading that was not whole
        self.unaudited: list[str] = []  # moves kept without their audit line


class WatchedBooks(Books):
    """The store of sync.parts, with a fault before and after each of its commits."""

    def __init__(self, url: str, entity: str, around: Around, history: History) -> None:
        super().__init__(url, entity, new_id=lambda: INSTANCE)
        self._around = around
        self._history = history

    def record(self, changes: Changes, *, at: datetime, token: int | None = None) -> None:
        """Commit, unless the process dies before it; and perhaps die after it."""
        around = self._around
        around.must_live()
        before, after = self._points(changes)
        by_person = token is None
        fault = None if by_person else around.strike_here(before)
        if fault is Fault.TWO_WORKERS:
            self.seize()
        if fault is Fault.DISK_REFUSES:
            raise StoreUnusable("the disk is full and nothing of it was kept")
        olds = self.pushes_for([one.core_invoice_id for one in changes.pushes])
        super().record(changes, at=at, token=token)
        self._write_down(changes, olds, by_person=by_person, token=token)
        if by_person:
            return
        if around.strike_here(after) is Fault.TWO_WORKERS:
            self.seize()
            around.stalled = True

    def take_lease(self, holder: str, *, now: datetime, seconds: int) -> int | None:
        """As the store does; a dead process takes nothing."""
        self._around.must_live()
        return super().take_lease(holder, now=now, seconds=seconds)

    def release_lease(self, token: int) -> None:
        """A dead process gives nothing back: its lease must run out."""
        self._around.must_live()
        super().release_lease(token)

    def seize(self) -> None:
        """Another worker takes the lease, and is done with it at once."""
        now = self._around.ours() + LEASE_ENDS
        token = super().take_lease("another", now=now, seconds=0)
        if token is not None:
            super().release_lease(token)

    def _points(self, changes: Changes) -> tuple[Point, Point]:
        if any(one.in_flight for one in changes.pushes):
            return Point.BEFORE_INTENT, Point.AFTER_INTENT
        if self._around.answered:
            self._around.answered = False
            return Point.AFTER_CALL, Point.AFTER_ANSWER
        return Point.BEFORE_SETTLE, Point.AFTER_SETTLE

    def _write_down(
        self,
        changes: Changes,
        olds: dict[str, PushRecord],
        *,
        by_person: bool,
        token: int | None,
    ) -> None:
        history = self._history
        for one in changes.pushes:
            if one.in_flight:
                self._around.intents.add(one.key(self.instance, one.step))
            history.moves.append((olds.get(one.core_invoice_id), one, by_person))
            history.commits += olds.get(one.core_invoice_id) != one
        for flag in changes.flags:
            history.flags.append((flag.core_invoice_id, *map(str, flag.key), flag.state))
            history.commits += 1
        history.unaudited += _unaudited(changes, olds)
        for sweep in changes.sweeps:
            if sweep.source not in self._around.whole:
                history.hollow.append(sweep.source)
            if sweep.source == "stripe":
                self._around.sweep = tuple(self._around.listed)
        if token is not None and self._holds() != token:
            history.stale += 1

    def _holds(self) -> int | None:
        with self._engine.connect() as connection:
            return self._token(connection)


def _unaudited(changes: Changes, olds: dict[str, PushRecord]) -> list[str]:
    """What moved in this transaction and has no line in the audit log of its own."""
    said = {(one.object_type, one.object_id, one.after) for one in changes.audit}
    moved = [
        ("push", one.core_invoice_id, str(one.state))
        for one in changes.pushes
        if one.core_invoice_id not in olds or olds[one.core_invoice_id].state != one.state
    ]
    moved += [
        ("flag", f"{one.target}/{one.subject}/{one.cause}", str(one.state))
        for one in changes.flags
    ]
    return [" ".join(one) for one in moved if one not in said]
