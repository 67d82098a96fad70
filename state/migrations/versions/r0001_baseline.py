"""The baseline: every table of 0.1.0. Until that release it is edited in place."""

from collections.abc import Iterable
from typing import Any

import sqlalchemy as sa
from alembic import op

Name = sa.String().with_variant(sa.VARCHAR(collation="C"), "postgresql")
Number = sa.BigInteger().with_variant(sa.Integer(), "sqlite")

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make every table."""
    _table("facts", keys="entity name", texts="value")
    _table("cursors", keys="entity name", texts="value")
    _table("sweeps", keys="entity source", texts="body")
    _table("unread", keys="entity source", texts="body")
    op.create_table(
        "current",
        *(sa.Column(key, Name, primary_key=True) for key in ("entity", "kind", "id")),
        *_columns("ref parent status", Name),
        *_columns("seq first", Number),
        sa.Column("dated_at", Number),
        sa.Column("fingerprint", sa.String(), nullable=False),
        sqlite_with_rowid=False,
    )
    for column in ("ref", "parent", "status"):
        op.create_index(f"current_{column}", "current", ["entity", "kind", column])
    op.create_table(
        "observations",
        sa.Column("seq", Number, primary_key=True, autoincrement=False),
        sa.Column("first", Number, nullable=False),
        *_columns("entity kind id ref parent status currency", Name),
        *_columns("minor tax paid open", Number),
        sa.Column("began_at", Number),
        sa.Column("posted_at", Number),
        sa.Column("paid_at", Number),
        *_columns("effective_at observed_at", Number),
    )
    op.create_index(
        "observation_of", "observations", ["entity", "kind", "id", "seq", "effective_at"]
    )
    for column in ("ref", "parent"):
        op.create_index(f"observation_{column}", "observations", ["entity", "kind", column])
    op.create_index(
        "observation_again",
        "observations",
        ["entity", "kind", "first", "seq", "effective_at"],
        sqlite_where=sa.text("first <> seq"),
        postgresql_where=sa.text("first <> seq"),
    )
    op.create_table(
        "bodies",
        sa.Column("seq", Number, primary_key=True, autoincrement=False),
        sa.Column("body", sa.String(), nullable=False),
    )
    op.create_table(
        "audit",
        sa.Column("entity", sa.String(), primary_key=True),
        sa.Column("seq", sa.Integer(), primary_key=True, autoincrement=False),
        *_columns("at body prev hash", sa.String()),
    )
    _table("runs", keys="entity run_id", texts="kind period at as_of sha256 body")
    op.create_table(
        "leases",
        sa.Column("entity", sa.String(), primary_key=True),
        sa.Column("holder", sa.String(), nullable=False),
        sa.Column("token", sa.Integer(), nullable=False),
        sa.Column("expires_at", sa.String(), nullable=False),
    )
    _table(
        "tokens",
        keys="entity name",
        texts="sealed expires_at consent_until renewed_at refusal holder held_until",
    )


def _table(name: str, *, keys: str, texts: str) -> None:
    op.create_table(
        name,
        *(sa.Column(key, sa.String(), primary_key=True) for key in keys.split()),
        *_columns(texts, sa.String()),
    )


def _columns(names: str, kind: Any) -> Iterable[sa.Column[Any]]:
    return [sa.Column(name, kind, nullable=False) for name in names.split()]
