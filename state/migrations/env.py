"""Alembic's way in: the caller's connection and its transaction, so all or nothing."""

from alembic import context
from sqlmodel import SQLModel

from state import tables

assert tables.Current.metadata is SQLModel.metadata  # noqa: S101 - the tables are loaded

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=SQLModel.metadata,
    render_as_batch=True,  # SQLite alters a table by copying it
)
with context.begin_transaction():
    context.run_migrations()
