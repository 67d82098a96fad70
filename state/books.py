"""The store on SQLAlchemy: every write through one door, every read in bulk."""

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime, timedelta
from typing import TypeAlias

from sqlalchemy import Connection, delete, func, insert, select, text, update
from sqlmodel import col

from state.asking import chunks, text_of
from state.audit import chained
from state.codec import encode
from state.effective import Footing, dated_by_source, taken_back
from state.engine import transaction
from state.observations import AuditEntry, Changes, Ground
from state.reads_credits import CreditReader
from state.receivables import whole_of
from state.rows import WordRow, flag_row, micros, rows_of, stood_between
from state.statements import (
    ADD_AUDIT,
    ADD_BODY,
    ADD_OBSERVATION,
    FOOTING,
    LAST_SEQ,
    MOVED_SINCE,
    NAMED,
    REFERRING,
    TOKEN,
    known_as,
    value_of,
)
from state.store import LeaseLost, Overtaken, PushMoved
from state.tables import Current, CursorRow, Fact, LeaseRow, RunRow, SweepRow, UnreadRow
from state.together import Together
from state.upsert import upsert
from state.worklist import Flag

# A lease that ends later was taken while a clock ran ahead. Should its holder live on a
# machine whose clock is so wrong, the fence keeps it from committing anything.
CLOCK_AHEAD_MAX = timedelta(days=1)
# PostgreSQL: one writer of this database at a time, as SQLite has by nature.
_LOCK = text("SELECT pg_advisory_xact_lock(6204873315570923113)")

# Words by kind and id: fingerprint; date and status; number.
Known: TypeAlias = dict[tuple[str, str], tuple[str, tuple[int | None, str], int]]


class FactDiffers(Exception):
    """A fact that cannot change has changed: another account, another mode."""


class Books(CreditReader):
    """One legal entity's memory. Safe to use from several threads."""

    def __init__(self, url: str, entity: str, *, new_id: Callable[[], str]) -> None:
        super().__init__(url, entity)
        self._together = Together(self._turn, self._writing)
        self._instance = self._first("instance", new_id)

    @property
    def instance(self) -> str:
        """The name under which this Tieout writes into Stripe."""
        return self._instance

    @contextmanager
    def _writing(self) -> Iterator[Connection]:
        """One transaction, and no other writer until it ends.

        SQLite has one writer by nature (BEGIN IMMEDIATE). On PostgreSQL a lock does the
        same, so that sequence numbers are given, and become visible, in one order.
        """
        with self._turn, transaction(self._engine) as connection:
            if connection.dialect.name == "postgresql":
                connection.execute(_LOCK)
            yield connection

    # --- facts and the lease --------------------------------------------------------

    def keep_fact(self, name: str, value: str) -> None:
        """Keep a fact; the first write stands, and a different one raises FactDiffers."""
        with self._writing() as connection:
            query = select(col(Fact.value)).where(
                col(Fact.entity) == self._entity, col(Fact.name) == name
            )
            known = connection.execute(query).scalar()
            if known is None:
                row = {"entity": self._entity, "name": name, "value": value}
                connection.execute(insert(Fact), row)
            elif known != value:
                raise FactDiffers(f"{name} was {known} and is now {value}")

    def _first(self, name: str, make: Callable[[], str]) -> str:
        """A fact that whoever comes first decides."""
        known = self.fact(name)
        if known is not None:
            return known
        made = make()
        try:
            self.keep_fact(name, made)
        except FactDiffers:  # another process was first
            return self.fact(name) or made
        return made

    def take_lease(self, holder: str, *, now: datetime, seconds: int) -> int | None:
        """A fencing token, or None while another holds the lease."""
        with self._writing() as connection:
            query = select(LeaseRow.__table__).where(  # type: ignore[attr-defined]  # SQLModel's
                col(LeaseRow.entity) == self._entity
            )
            held = connection.execute(query).mappings().first()
            # One that runs for days was written by a clock that was wrong: nobody ends it.
            latest = now + timedelta(seconds=seconds) + CLOCK_AHEAD_MAX
            if held is not None and text_of(now) < held["expires_at"] <= text_of(latest):
                return None
            token = 1 if held is None else int(held["token"]) + 1
            row = {
                "entity": self._entity,
                "holder": holder,
                "token": token,
                "expires_at": text_of(now + timedelta(seconds=seconds)),
            }
            upsert(connection, LeaseRow, [row])
            return token

    def renew_lease(self, token: int, *, now: datetime, seconds: int) -> None:
        """Hold the lease longer. Raises LeaseLost."""
        with self._writing() as connection:
            self._fence(connection, token)
            until = text_of(now + timedelta(seconds=seconds))
            self._set_lease(connection, until)

    def release_lease(self, token: int) -> None:
        """Give the lease back, if it is still ours."""
        with self._writing() as connection:
            if self._token(connection) == token:
                self._set_lease(connection, "")

    def _set_lease(self, connection: Connection, expires_at: str) -> None:
        connection.execute(
            update(LeaseRow)
            .where(col(LeaseRow.entity) == self._entity)
            .values(expires_at=expires_at)
        )

    def _token(self, connection: Connection) -> int | None:
        return connection.execute(TOKEN, {"entity": self._entity}).scalar()

    def _fence(self, connection: Connection, token: int) -> None:
        if self._token(connection) != token:
            raise LeaseLost("another Tieout has taken the lease; nothing was kept")

    @staticmethod
    def _unmoved(known: Known, based_on: Iterable[WordRow]) -> None:
        for row in based_on:
            before = known.get((row.kind, row.id))
            if before is None or before[0] != row.fingerprint:
                raise PushMoved(f"the push of {row.id} was moved by a person")

    def _unshaken(self, connection: Connection, ground: Ground) -> None:
        """Has anything about these invoices been observed since?"""
        since = connection.execute(MOVED_SINCE, {"seq": ground.seq})
        for entity, kind, name, ref in since:
            about = name if kind in NAMED else ref if kind in REFERRING else None
            if entity == self._entity and about in ground.core_ids:
                raise Overtaken(f"{kind} {name} has just moved")

    # --- the one door ---------------------------------------------------------------

    def record(self, changes: Changes, *, at: datetime, token: int | None = None) -> None:
        """Facts, decisions, cursor and audit in one transaction. Raises LeaseLost."""
        self._together.write(lambda connection: self._keep(connection, changes, at, token))

    def _keep(
        self, connection: Connection, changes: Changes, at: datetime, token: int | None
    ) -> None:
        if token is not None:
            self._fence(connection, token)
        rows = [*rows_of(changes), *self._flag_rows(connection, changes.flags)]
        based_on = list(rows_of(Changes(pushes=changes.based_on)))
        known = self._known(connection, [*rows, *based_on])
        self._unmoved(known, based_on)
        if changes.ground is not None:
            self._unshaken(connection, changes.ground)
        between = [
            one
            for row in rows
            if (before := known.get((row.kind, row.id))) is not None
            and (one := stood_between(row, before[1][1])) is not None
        ]
        if between:
            self._put(connection, between, known, at, told=True)
            known.update(self._known(connection, between))
        self._put(connection, rows, known, at)
        cursors = [
            {"entity": self._entity, "name": name, "value": value}
            for name, value in changes.cursors.items()
        ]
        upsert(connection, CursorRow, cursors)
        sweeps = [
            {"entity": self._entity, "source": one.source, "body": encode(one)}
            for one in changes.sweeps
        ]
        upsert(connection, SweepRow, sweeps)
        unread = [
            {"entity": self._entity, "source": one.source, "body": encode(one)}
            for one in changes.unread
        ]
        upsert(connection, UnreadRow, unread)
        if changes.read_again:
            connection.execute(
                delete(UnreadRow).where(
                    col(UnreadRow.entity) == self._entity,
                    col(UnreadRow.source).in_(changes.read_again),
                )
            )
        self._audit(connection, changes.audit, at)

    def _put(
        self,
        connection: Connection,
        rows: list[WordRow],
        known: Known,
        at: datetime,
        *,
        told: bool = False,
    ) -> None:
        """Append what has moved, and point to it; no fact twice. `told`: its source dates it."""
        moved = {}
        for row in rows:
            key = (row.kind, row.id)
            if key not in known or known[key][0] != row.fingerprint:
                moved[key] = row
        if not moved:
            return
        last: int = connection.execute(LAST_SEQ).scalar() or 0
        seen = micros(at)
        undone = self._undone(connection, moved.values(), known)
        observations, bodies, current = [], [], []
        for seq, (key, row) in enumerate(moved.items(), last + 1):
            before = known.get(key)
            dated = row.dated_at
            # What its source does not date is dated by the reading. A new part was in its memo.
            stood = before or known.get((row.kind, whole_of(row.id)))
            moved_on = told or dated_by_source(dated, row.status, stood and stood[1])
            first = seq if before is None else before[2]
            effective = dated if moved_on and key not in undone else seen
            born = effective if before is None and stood is not None else row.began_at
            observations.append(
                {
                    "seq": seq,
                    "first": first,
                    "entity": self._entity,
                    "kind": row.kind,
                    "id": row.id,
                    "ref": row.ref,
                    "parent": row.parent,
                    "status": row.status,
                    "currency": row.currency,
                    "minor": row.minor,
                    "tax": row.tax,
                    "paid": row.paid,
                    "open": row.open,
                    "began_at": born,
                    "posted_at": row.posted_at,
                    "paid_at": row.paid_at,
                    "effective_at": effective,
                    "observed_at": seen,
                }
            )
            bodies.append({"seq": seq, "body": row.body})
            current.append(
                {
                    "entity": self._entity,
                    "kind": row.kind,
                    "id": row.id,
                    "ref": row.ref,
                    "parent": row.parent,
                    "status": row.status,
                    "seq": seq,
                    "first": first,
                    "dated_at": dated,
                    "fingerprint": row.fingerprint,
                }
            )
        connection.execute(ADD_OBSERVATION, observations)
        connection.execute(ADD_BODY, bodies)
        upsert(connection, Current, current)

    def _undone(
        self, connection: Connection, rows: Iterable[WordRow], known: Known
    ) -> set[tuple[str, str]]:
        """The memos of which something is taken back that their source had dated."""
        dated = {
            row.id: row
            for row in rows
            if row.kind == "memo"
            and row.dated_at is not None
            and (row.kind, row.id) in known
        }
        found: set[tuple[str, str]] = set()
        for some in chunks(sorted(dated)):
            about = {"entity": self._entity, "kind": "memo", "value": some}
            for name, ref, posted in connection.execute(FOOTING, about):
                row, was = dated[name], known["memo", name][1][0]
                if row.dated_at is None or was is None:
                    continue
                loose = ref == row.parent + "|None"
                before = Footing(ref, loose, posted, was)
                if taken_back(Footing(row.ref, False, row.posted_at, row.dated_at), before):
                    found.add(("memo", name))
        return found

    def _known(self, connection: Connection, rows: list[WordRow]) -> Known:
        """What these words are now."""
        known: Known = {}
        for kind in {row.kind for row in rows}:
            for some in chunks(sorted({row.id for row in rows if row.kind == kind})):
                many, value = value_of(some)
                about = {"entity": self._entity, "kind": kind, "value": value}
                found = connection.execute(known_as(many=many), about)
                for name, print_, dated, status, first in found:
                    known[kind, name] = (print_, (dated, status), first)
        return known

    def _flag_rows(
        self, connection: Connection, flags: Iterable[Flag]
    ) -> Iterator[WordRow]:
        """A new flag gets the next number; a known one keeps its own."""
        count: int | None = None
        for flag in flags:
            key = "|".join(flag.key)
            query = select(col(Current.parent)).where(
                col(Current.entity) == self._entity,
                col(Current.kind) == "flag",
                col(Current.id) == key,
            )
            name = connection.execute(query).scalar()
            if name is None:
                if count is None:
                    query_all = select(func.count()).where(
                        col(Current.entity) == self._entity, col(Current.kind) == "flag"
                    )
                    count = connection.execute(query_all).scalar() or 0
                count += 1
                name = f"F-{count:06d}"
            named = replace(flag, id=name)
            yield flag_row(key, named)

    def _audit(
        self, connection: Connection, entries: Iterable[AuditEntry], at: datetime
    ) -> None:
        lines = []
        seq, head = self._head(connection)
        for entry in entries:
            line = chained(seq + 1, text_of(at), encode(entry), head)
            seq, head = line.seq, line.hash
            lines.append(
                {
                    "entity": self._entity,
                    "seq": line.seq,
                    "at": line.at,
                    "body": line.body,
                    "prev": line.prev,
                    "hash": line.hash,
                }
            )
        if lines:
            connection.execute(ADD_AUDIT, lines)

    def keep_run(
        self,
        run_id: str,
        *,
        kind: str,
        period: str,
        at: datetime,
        as_of: datetime,
        body: str,
        sha256: str,
        audit: AuditEntry,
    ) -> None:
        """Keep a reconciliation run with its audit line."""
        row = {
            "entity": self._entity,
            "run_id": run_id,
            "kind": kind,
            "period": period,
            "at": text_of(at),
            "as_of": text_of(as_of),
            "sha256": sha256,
            "body": body,
        }
        with self._writing() as connection:
            connection.execute(insert(RunRow), row)
            self._audit(connection, [audit], at)
