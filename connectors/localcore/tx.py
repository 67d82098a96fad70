"""One transaction on the core's books: documents, unique keys, the audit log, the time."""

import sqlite3
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from connectors.localcore import exact
from connectors.localcore.errors import Conflict, NotFound
from connectors.localcore.moments import micros, moment

SCHEMA: tuple[str, ...] = (
    """CREATE TABLE IF NOT EXISTS objects (
        seq INTEGER PRIMARY KEY AUTOINCREMENT, kind TEXT NOT NULL, id TEXT NOT NULL,
        customer_id TEXT, parent_id TEXT, state TEXT, at INTEGER,
        created_at INTEGER NOT NULL, body TEXT NOT NULL, UNIQUE (kind, id))""",
    "CREATE INDEX IF NOT EXISTS objects_kind ON objects (kind, seq)",
    "CREATE INDEX IF NOT EXISTS objects_customer ON objects (customer_id, kind, seq)",
    "CREATE INDEX IF NOT EXISTS objects_parent ON objects (parent_id, kind, seq)",
    "CREATE INDEX IF NOT EXISTS objects_state ON objects (kind, state, at)",
    """CREATE TABLE IF NOT EXISTS unique_keys (
        kind TEXT NOT NULL, key TEXT NOT NULL, id TEXT NOT NULL,
        PRIMARY KEY (kind, key)) WITHOUT ROWID""",
    "CREATE INDEX IF NOT EXISTS unique_keys_id ON unique_keys (id, kind)",
    """CREATE TABLE IF NOT EXISTS audit (
        seq INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL, at INTEGER NOT NULL,
        request_id TEXT NOT NULL, actor TEXT NOT NULL, action TEXT NOT NULL,
        resource_type TEXT NOT NULL, resource_id TEXT NOT NULL,
        description TEXT NOT NULL)""",
    "CREATE INDEX IF NOT EXISTS audit_resource ON audit (resource_id, resource_type, seq)",
    "CREATE INDEX IF NOT EXISTS audit_at ON audit (at, seq)",
    """CREATE TABLE IF NOT EXISTS clock (
        one INTEGER PRIMARY KEY CHECK (one = 1), kind TEXT NOT NULL, now INTEGER)""",
)
_COLUMNS = "kind, id, customer_id, parent_id, state, at, seq, created_at, body"
_UNSET: Any = object()


@dataclass(frozen=True, slots=True)
class Stored:
    """One document as the books hold it.

    `state` and `at` are indexed: a status and the instant that the books sort or wait by.
    In `body` a whole number is an int and any other number a Decimal.
    """

    kind: str
    id: str
    customer_id: str | None
    parent_id: str | None
    state: str | None
    at: datetime | None
    seq: int
    created_at: datetime
    body: dict[str, Any]


def _stored(row: Sequence[Any]) -> Stored:
    kind, identity, customer, parent, state, at, seq, created, body = row
    return Stored(
        kind,
        identity,
        customer,
        parent,
        state,
        None if at is None else moment(at),
        seq,
        moment(created),
        exact.recall(body),
    )


class Tx:
    """One transaction on the books. `now` is read once, so all of a call has one time."""

    def __init__(
        self,
        connection: sqlite3.Connection,
        *,
        wall: Callable[[], datetime],
        new_id: Callable[[], str],
        actor: str = "core",
        request_id: str = "",
    ) -> None:
        self._connection = connection
        self.actor = actor
        self.request_id = request_id
        self.new_id = new_id
        self.clock_kind, self.now = _read_clock(connection, wall)

    def execute(
        self, sql: str, values: Sequence[Any] | Mapping[str, Any] = ()
    ) -> sqlite3.Cursor:
        """Run one statement of a module's own tables."""
        return self._connection.execute(sql, values)

    # --- documents -----------------------------------------------------------------

    def insert(
        self,
        kind: str,
        identity: str,
        body: Mapping[str, Any],
        *,
        customer_id: str | None = None,
        parent_id: str | None = None,
        state: str | None = None,
        at: datetime | None = None,
    ) -> Stored:
        """Add a document under a new id."""
        self.execute(
            "INSERT INTO objects (kind, id, customer_id, parent_id, state, at, created_at,"
            " body) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            (
                kind,
                identity,
                customer_id,
                parent_id,
                state,
                None if at is None else micros(at),
                micros(self.now),
                exact.dumps(body),
            ),
        )
        return self.need(kind, identity)

    def update(
        self,
        kind: str,
        identity: str,
        body: Mapping[str, Any] | None = None,
        *,
        state: str | None = _UNSET,
        at: datetime | None = _UNSET,
    ) -> None:
        """Replace the body, the state or the instant of a known document."""
        sets: list[str] = []
        values: list[Any] = []
        if body is not None:
            sets.append("body = ?")
            values.append(exact.dumps(body))
        if state is not _UNSET:
            sets.append("state = ?")
            values.append(state)
        if at is not _UNSET:
            sets.append("at = ?")
            values.append(None if at is None else micros(at))
        statement = f"UPDATE objects SET {', '.join(sets)} WHERE kind = ? AND id = ?"  # noqa: S608 -- fixed column names
        if self.execute(statement, (*values, kind, identity)).rowcount != 1:
            raise NotFound(f"{kind} {identity} was not found")

    def get(self, kind: str, identity: str) -> Stored | None:
        """The document, or None."""
        row = self.execute(
            f"SELECT {_COLUMNS} FROM objects WHERE kind = ? AND id = ?",  # noqa: S608 -- fixed column names
            (kind, identity),
        ).fetchone()
        return None if row is None else _stored(row)

    def need(self, kind: str, identity: str, field: str = "") -> Stored:
        """The document; a 404 that names it (and the field that asked) if there is none."""
        found = self.get(kind, identity)
        if found is None:
            where = f"{field}: " if field else ""
            raise NotFound(f"{where}{kind} {identity} was not found")
        return found

    def find(self, kind: str, **wanted: Any) -> list[Stored]:
        """Documents of a kind as a list; takes what `scan` takes."""
        return list(self.scan(kind, **wanted))

    def scan(
        self,
        kind: str,
        *,
        customer_id: str | None = None,
        parent_id: str | None = None,
        state: str | Sequence[str] | None = None,
        at_or_before: datetime | None = None,
        after: int | None = None,
        limit: int | None = None,
        newest_first: bool = False,
        by_instant: bool = False,
    ) -> Iterator[Stored]:
        """Documents of a kind, one by one, in the order they were added.

        `after` is a seq to go on from; `by_instant` orders by (at, seq) instead. Change
        nothing while you walk it: use `find` for that.
        """
        clauses: list[str] = ["kind = ?"]
        many: list[Any] = [kind]
        for column, wanted in (("customer_id", customer_id), ("parent_id", parent_id)):
            if wanted is not None:
                clauses.append(f"{column} = ?")
                many.append(wanted)
        if state is not None:
            states = [state] if isinstance(state, str) else list(state)
            clauses.append(f"state IN ({', '.join('?' * len(states))})")
            many.extend(states)
        if at_or_before is not None:
            clauses.append("at <= ?")
            many.append(micros(at_or_before))
        if after is not None:
            clauses.append("seq < ?" if newest_first else "seq > ?")
            many.append(after)
        order = "at, seq" if by_instant else "seq DESC" if newest_first else "seq"
        many.append(-1 if limit is None else limit)
        rows = self.execute(
            f"SELECT {_COLUMNS} FROM objects WHERE {' AND '.join(clauses)}"  # noqa: S608 -- fixed column names
            f" ORDER BY {order} LIMIT ?",
            many,
        )
        return map(_stored, rows)

    def delete(self, kind: str, identity: str) -> None:
        """Remove a document (drafts only: what was finalised stays for ever)."""
        self.execute("DELETE FROM objects WHERE kind = ? AND id = ?", (kind, identity))

    # --- keys that must be unique ----------------------------------------------------

    def claim(
        self, kind: str, key: str, identity: str, *, field: str = "uniqueness_key"
    ) -> None:
        """Take a key for a document; a 409 that names the field when another holds it."""
        holder = self.holder(kind, key)
        if holder == identity:
            return
        if holder is not None:
            raise Conflict(f"{field}: {key} is already used by {holder}")
        self.execute("INSERT INTO unique_keys VALUES (?, ?, ?)", (kind, key, identity))

    def holder(self, kind: str, key: str) -> str | None:
        """The id that holds a key, or None."""
        row = self.execute(
            "SELECT id FROM unique_keys WHERE kind = ? AND key = ?", (kind, key)
        ).fetchone()
        return None if row is None else str(row[0])

    def release(self, kind: str, *, identity: str, key: str | None = None) -> None:
        """Give back one key of a document, or all its keys of a kind."""
        self.execute(
            "DELETE FROM unique_keys WHERE id = ? AND kind = ? AND (? IS NULL OR key = ?)",
            (identity, kind, key, key),
        )

    # --- the audit log ----------------------------------------------------------------

    def audit(
        self, action: str, resource_type: str, resource_id: str, description: str = ""
    ) -> None:
        """Write down one change, in the same transaction as the change itself."""
        self.execute(
            "INSERT INTO audit (id, at, request_id, actor, action, resource_type,"
            " resource_id, description) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            (
                self.new_id(),
                micros(self.now),
                self.request_id,
                self.actor,
                action,
                resource_type,
                resource_id,
                description,
            ),
        )


def _read_clock(
    connection: sqlite3.Connection, wall: Callable[[], datetime]
) -> tuple[str, datetime]:
    row = connection.execute("SELECT kind, now FROM clock").fetchone()
    if row is None or row[0] == "real":
        return "real", wall()
    return "manual", moment(row[1])
