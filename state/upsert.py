"""Insert or replace many rows at once, on SQLite and PostgreSQL alike."""

from functools import cache
from typing import Any

from sqlalchemy import Connection
from sqlmodel import SQLModel


def upsert(
    connection: Connection, table: type[SQLModel], rows: list[dict[str, Any]]
) -> None:
    """Write rows by primary key in one statement; none is nothing to do."""
    if rows:
        connection.execute(_statement(table, insert_on(connection)), rows)


@cache
def _statement(table: type[SQLModel], insert: Any) -> Any:
    columns = table.__table__.columns  # type: ignore[attr-defined]  # SQLModel adds it
    keys = [column.name for column in columns if column.primary_key]
    statement = insert(table)
    others = {
        column.name: statement.excluded[column.name]
        for column in columns
        if not column.primary_key
    }
    return statement.on_conflict_do_update(index_elements=keys, set_=others)


def insert_on(connection: Connection) -> Any:
    """The dialect's own INSERT. The other dialect is not loaded: 5 MB, for nothing."""
    if connection.dialect.name == "postgresql":
        from sqlalchemy.dialects.postgresql import insert

        return insert
    from sqlalchemy.dialects.sqlite import insert as insert_or_replace

    return insert_or_replace
