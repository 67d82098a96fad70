"""Open the state database: SQLite by file, PostgreSQL by URL; durable either way."""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, ExceptionContext, create_engine, event, text
from sqlalchemy.exc import DatabaseError, DBAPIError, IntegrityError, ProgrammingError
from sqlalchemy.pool import StaticPool
from sqlmodel import SQLModel

from state import tables

SCHEMA = 1  # of this version
BUSY_SECONDS = 15


class StoreUnusable(Exception):
    """The state database cannot be used; the text names the file and the remedy."""


def open_engine(url: str) -> Engine:
    """An engine with its tables in place. Raises StoreUnusable."""
    options: dict[str, Any] = {}
    if url in {"sqlite://", "sqlite:///:memory:"}:
        options = {"poolclass": StaticPool, "connect_args": {"check_same_thread": False}}
    elif url.startswith("sqlite:///"):
        path = Path(url.removeprefix("sqlite:///"))
        try:
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        except OSError as error:
            raise StoreUnusable(
                f"{path.parent} cannot be made: {error.strerror}"
            ) from error
        options = {"connect_args": {"timeout": BUSY_SECONDS, "check_same_thread": False}}
    engine = create_engine(url, **options)
    event.listen(engine, "handle_error", _on_error)
    if engine.dialect.name == "sqlite":
        event.listen(engine, "connect", _on_connect)
        event.listen(engine, "begin", _on_begin)
    try:
        _set_up(engine)
    except (DBAPIError, sqlite3.Error, StoreUnusable) as error:
        engine.dispose()
        name = engine.url.render_as_string(hide_password=True)
        said = getattr(error, "orig", None) or error
        raise StoreUnusable(f"{name} cannot be opened: {said}") from error
    return engine


@contextmanager
def transaction(engine: Engine) -> Iterator[Connection]:
    """One transaction; its failure is one line for the operator."""
    try:
        with engine.begin() as connection:
            yield connection
    except StoreUnusable as error:
        name = engine.url.render_as_string(hide_password=True)
        raise StoreUnusable(
            f"{name} could not be written and nothing of it was kept: {error}"
        ) from error


def _set_up(engine: Engine) -> None:
    with engine.begin() as connection:
        SQLModel.metadata.create_all(connection)
        kept = connection.execute(
            text("SELECT value FROM facts WHERE entity = '' AND name = 'schema'")
        ).scalar()
        if kept is None:
            connection.execute(
                tables.Fact.__table__.insert(),  # type: ignore[attr-defined]  # SQLModel's
                {"entity": "", "name": "schema", "value": str(SCHEMA)},
            )
        elif int(kept) > SCHEMA:
            raise StoreUnusable("it was written by a newer Tieout; use that version")


def _on_connect(connection: Any, record: Any) -> None:  # noqa: ARG001 - the event's shape
    """Durable to the disk; transactions begun by us, not by the driver."""
    connection.isolation_level = None
    cursor = connection.cursor()
    cursor.execute("PRAGMA journal_mode = WAL")
    cursor.execute("PRAGMA synchronous = FULL")
    cursor.close()


def _on_error(context: ExceptionContext) -> None:
    """A locked, full, damaged or absent database, in a read as in a write, is one thing."""
    failure = context.sqlalchemy_exception
    ours = isinstance(failure, IntegrityError | ProgrammingError)  # a mistake in our SQL
    if isinstance(failure, DatabaseError) and not ours:
        raise StoreUnusable(str(context.original_exception)) from context.original_exception


def _on_begin(connection: Connection) -> None:
    connection.exec_driver_sql("BEGIN IMMEDIATE")
