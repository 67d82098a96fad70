"""The embedded core's own system of record: one SQLite file, one short transaction a call.

A call that was answered is on the disk: WAL with synchronous=FULL, and the answer is sent
only after the commit. The file is the core's alone; the worker never opens it.
"""

import sqlite3
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

from connectors.localcore.errors import CoreUnavailable
from connectors.localcore.tx import SCHEMA, Tx

FILE_NAME = "core.db"
VERSION = 1
BUSY_SECONDS = 30


class Books:
    """The file, opened. Safe for many threads: each has its own connection.

    `wall` gives the real time, `new_id` an unused id. Writers of this process wait in line
    on a lock; writers of another process (the clock command) wait in SQLite.
    """

    def __init__(
        self,
        data_dir: Path,
        *,
        wall: Callable[[], datetime],
        new_id: Callable[[], str],
        schema: Sequence[str] = (),
    ) -> None:
        self.path = data_dir / FILE_NAME
        self._wall = wall
        self._new_id = new_id
        self._local = threading.local()
        self._guard = threading.Lock()
        self._writer = threading.Lock()
        self._connections: list[sqlite3.Connection] = []
        try:
            self._set_up((*SCHEMA, *schema))
        except BaseException:
            self.close()
            raise

    def _set_up(self, schema: Sequence[str]) -> None:
        connection = self._connection()
        try:
            found = connection.execute("PRAGMA user_version").fetchone()[0]
            if found not in {0, VERSION}:
                raise CoreUnavailable(
                    f"{self.path} is version {found} of the core's books, this program"
                    f" reads version {VERSION}: use the program that wrote it"
                )
            connection.execute("BEGIN IMMEDIATE")
            for statement in schema:
                connection.execute(statement)
            connection.execute(f"PRAGMA user_version = {VERSION}")
            connection.execute("COMMIT")
        except sqlite3.DatabaseError as error:
            raise CoreUnavailable(f"{self.path} cannot be used: {error}") from error

    def _connection(self) -> sqlite3.Connection:
        known: sqlite3.Connection | None = getattr(self._local, "connection", None)
        if known is not None:
            return known
        try:
            connection = sqlite3.connect(
                self.path,
                timeout=BUSY_SECONDS,
                isolation_level=None,
                check_same_thread=False,
                cached_statements=64,
            )
        except sqlite3.OperationalError as error:
            raise CoreUnavailable(f"cannot open {self.path}: {error}") from error
        with self._guard:
            self._connections.append(connection)
        try:
            for pragma in (
                "journal_mode = WAL",
                "synchronous = FULL",
                "cache_size = -1024",
            ):
                connection.execute(f"PRAGMA {pragma}")
        except sqlite3.DatabaseError as error:
            raise CoreUnavailable(f"{self.path} cannot be used: {error}") from error
        self._local.connection = connection
        return connection

    @contextmanager
    def write(self, *, actor: str = "core", request_id: str = "") -> Iterator[Tx]:
        """A transaction that may change the books; an exception undoes all of it."""
        with self._writer, self._begun("BEGIN IMMEDIATE", actor, request_id) as tx:
            yield tx

    @contextmanager
    def read(self) -> Iterator[Tx]:
        """A transaction that sees one state of the books."""
        with self._begun("BEGIN", "core", "") as tx:
            yield tx

    @contextmanager
    def _begun(self, begin: str, actor: str, request_id: str) -> Iterator[Tx]:
        connection = self._connection()
        connection.execute(begin)
        try:
            yield Tx(
                connection,
                wall=self._wall,
                new_id=self._new_id,
                actor=actor,
                request_id=request_id,
            )
            connection.execute("COMMIT")
        except BaseException:
            if connection.in_transaction:
                connection.execute("ROLLBACK")
            raise

    def close(self) -> None:
        """Close every connection; no call may be under way."""
        with self._guard:
            for connection in self._connections:
                connection.close()
            self._connections.clear()
        self._local = threading.local()
