"""Open the state database: SQLite by file, PostgreSQL by URL; durable either way."""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import (
    Connection,
    Engine,
    ExceptionContext,
    create_engine,
    event,
    inspect,
    text,
)
from sqlalchemy.exc import DatabaseError, DBAPIError, IntegrityError, ProgrammingError
from sqlalchemy.pool import StaticPool
from sqlmodel import SQLModel

from state import tables  # noqa: F401 - fills SQLModel.metadata

HEAD = "0001"  # the revision that `state.tables` describes
SCHEMA_LOCK = 8_431_706_522_140_871  # PostgreSQL: one process at a time looks at the schema
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


def reading(engine: Engine) -> Engine:
    """The same database, for reads: they see one moment and hold up no writer."""
    return engine.execution_options(reads=True)


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
    """Make the tables of an empty database, or bring an older one up to this version.

    An empty one needs no Alembic, which costs a daemon memory: a test holds the tables
    and the revisions equal.
    """
    with engine.begin() as connection:
        if engine.dialect.name == "postgresql":
            connection.execute(
                text("SELECT pg_advisory_xact_lock(:key)"), {"key": SCHEMA_LOCK}
            )
        found = set(inspect(connection).get_table_names())
        if "alembic_version" in found:
            query = text("SELECT version_num FROM alembic_version")
            stored = connection.execute(query).scalar()
            if stored == HEAD:
                return
            from state.upgrade import upgrade

            if not upgrade(connection, stored):
                raise StoreUnusable("it was written by a newer Tieout; use that version")
        elif found & set(SQLModel.metadata.tables):
            raise StoreUnusable(
                "it was made before Tieout 0.1.0 and carries no version; use the Tieout "
                "that made it, or name a new file in state.url"
            )
        else:
            SQLModel.metadata.create_all(connection)
            connection.execute(
                text(
                    "CREATE TABLE alembic_version (version_num VARCHAR(32) NOT NULL, "
                    "CONSTRAINT alembic_version_pkc PRIMARY KEY (version_num))"
                )
            )
            connection.execute(
                text("INSERT INTO alembic_version VALUES (:head)"), {"head": HEAD}
            )


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
    reads = connection.get_execution_options().get("reads")
    connection.exec_driver_sql("BEGIN" if reads else "BEGIN IMMEDIATE")
