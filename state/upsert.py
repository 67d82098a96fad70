"""Insert or replace many rows at once, on SQLite and PostgreSQL alike."""

from typing import Any

from sqlalchemy import Connection
from sqlalchemy.dialects import postgresql, sqlite
from sqlmodel import SQLModel


def upsert(
    connection: Connection, table: type[SQLModel], rows: list[dict[str, Any]]
) -> None:
    """Write rows by primary key in one statement; none is nothing to do."""
    if not rows:
        return
    columns = table.__table__.columns  # type: ignore[attr-defined]  # SQLModel adds it
    keys = [column.name for column in columns if column.primary_key]
    dialect = postgresql if connection.dialect.name == "postgresql" else sqlite
    statement = dialect.insert(table)
    others = {
        column.name: statement.excluded[column.name]
        for column in columns
        if not column.primary_key
    }
    connection.execute(
        statement.on_conflict_do_update(index_elements=keys, set_=others), rows
    )
