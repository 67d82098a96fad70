"""The stand-in's own books: one SQLite file, one commit for a request and its answer."""

import json
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

Body = dict[str, Any]

_SCHEMA = """
CREATE TABLE IF NOT EXISTS objects (
    seq INTEGER PRIMARY KEY, account TEXT NOT NULL, kind TEXT NOT NULL, id TEXT NOT NULL,
    customer TEXT, parent TEXT, status TEXT, created INTEGER NOT NULL, body TEXT NOT NULL);
CREATE UNIQUE INDEX IF NOT EXISTS object_id ON objects (account, kind, id);
CREATE INDEX IF NOT EXISTS object_list ON objects (account, kind, seq);
CREATE INDEX IF NOT EXISTS object_customer ON objects (account, kind, customer, seq);
CREATE INDEX IF NOT EXISTS object_parent ON objects (account, kind, parent, seq);
CREATE TABLE IF NOT EXISTS keys (
    account TEXT NOT NULL, key TEXT NOT NULL, request TEXT NOT NULL, made INTEGER NOT NULL,
    status INTEGER NOT NULL, body TEXT NOT NULL, PRIMARY KEY (account, key));
CREATE TABLE IF NOT EXISTS settings (name TEXT PRIMARY KEY, value INTEGER NOT NULL);
"""


class Books:
    """One connection and one lock: a request is a transaction, and they take turns."""

    def __init__(self, path: Path | None) -> None:
        name = ":memory:" if path is None else str(path)
        self._db = sqlite3.connect(name, check_same_thread=False, isolation_level=None)
        self._lock = threading.RLock()
        if path is not None:
            self._db.execute("PRAGMA journal_mode = WAL")
            self._db.execute("PRAGMA synchronous = FULL")
        self._db.executescript(_SCHEMA)

    @contextmanager
    def transaction(self, account: str) -> Iterator["Tx"]:
        """All of it or nothing; committed before the caller may answer."""
        with self._lock:
            self._db.execute("BEGIN IMMEDIATE")
            try:
                yield Tx(self._db, account)
            except BaseException:
                self._db.execute("ROLLBACK")
                raise
            self._db.execute("COMMIT")

    def close(self) -> None:
        """Close the file."""
        with self._lock:
            self._db.close()


@dataclass(slots=True)
class Tx:
    """One request's view of the books of one account."""

    db: sqlite3.Connection
    account: str

    def now(self) -> int:
        """The stand-in's time in whole seconds: the machine's, moved by its own clock."""
        real = int(datetime.now(UTC).timestamp())  # noqa: TID251 - the stand-in is a world
        return real + self.setting("clock_offset")

    def setting(self, name: str) -> int:
        """A number kept under a name; 0 when never set."""
        row = self.db.execute(
            "SELECT value FROM settings WHERE name = ?", (name,)
        ).fetchone()
        return 0 if row is None else int(row[0])

    def set(self, name: str, value: int) -> None:
        """Keep a number under a name."""
        self.db.execute("INSERT OR REPLACE INTO settings VALUES (?, ?)", (name, value))

    def next_number(self, name: str) -> int:
        """The next of a sequence, from 1."""
        number = self.setting(f"seq:{name}") + 1
        self.set(f"seq:{name}", number)
        return number

    def new_id(self, prefix: str) -> str:
        """An id in Stripe's form; sequential, so that a world can be replayed."""
        return f"{prefix}_{self.next_number('id'):024d}"

    def put(self, kind: str, body: Body, *, parent: str | None = None) -> Body:
        """Insert an object, or replace it under its id."""
        customer = body.get("customer")
        text = json.dumps(body, separators=(",", ":"))
        changed = self.db.execute(
            "UPDATE objects SET body = ?, status = ?, customer = ? "
            "WHERE account = ? AND kind = ? AND id = ?",
            (text, body.get("status"), customer, self.account, kind, body["id"]),
        ).rowcount
        if not changed:
            self.db.execute(
                "INSERT INTO objects (account, kind, id, customer, parent, status, "
                "created, body) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
                (
                    self.account,
                    kind,
                    body["id"],
                    customer,
                    parent,
                    body.get("status"),
                    body.get("created") or self.now(),
                    text,
                ),
            )
        return body

    def get(self, kind: str, name: str) -> Body | None:
        """One object, or None."""
        row = self.db.execute(
            "SELECT body FROM objects WHERE account = ? AND kind = ? AND id = ?",
            (self.account, kind, name),
        ).fetchone()
        return None if row is None else json.loads(row[0])

    def delete(self, kind: str, name: str) -> None:
        """Forget one object."""
        self.db.execute(
            "DELETE FROM objects WHERE account = ? AND kind = ? AND id = ?",
            (self.account, kind, name),
        )

    def children(self, kind: str, parent: str) -> list[Body]:
        """Every object of a kind under a parent, oldest first."""
        rows = self.db.execute(
            "SELECT body FROM objects WHERE account = ? AND kind = ? AND parent = ? "
            "ORDER BY seq",
            (self.account, kind, parent),
        )
        return [json.loads(row[0]) for row in rows]

    def seq(self, kind: str, name: str) -> int | None:
        """Where an object stands in the order of creation."""
        row = self.db.execute(
            "SELECT seq FROM objects WHERE account = ? AND kind = ? AND id = ?",
            (self.account, kind, name),
        ).fetchone()
        return None if row is None else int(row[0])

    def select(
        self, kind: str, where: str, values: list[Any], *, order: str, limit: int
    ) -> list[Body]:
        """Objects of a kind by a condition; `where` and `order` are never a caller's."""
        rows = self.db.execute(
            "SELECT body FROM objects WHERE account = ? AND kind = ?"  # noqa: S608 - ours
            f"{where} ORDER BY seq {order} LIMIT ?",
            [self.account, kind, *values, limit],
        )
        return [json.loads(row[0]) for row in rows]

    def saved(self, key: str, oldest: int) -> tuple[str, int, str] | None:
        """The answer kept under an idempotency key, unless the key is older than that."""
        self.db.execute("DELETE FROM keys WHERE made < ?", (oldest,))
        row = self.db.execute(
            "SELECT request, status, body FROM keys WHERE account = ? AND key = ?",
            (self.account, key),
        ).fetchone()
        return None if row is None else (row[0], int(row[1]), row[2])

    def save(self, key: str, request: str, status: int, body: str) -> None:
        """Keep an answer under its key."""
        self.db.execute(
            "INSERT OR REPLACE INTO keys VALUES (?, ?, ?, ?, ?, ?)",
            (self.account, key, request, self.now(), status, body),
        )
