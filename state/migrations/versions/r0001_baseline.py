"""The baseline: every table of 0.1.0. Until that release it is edited in place."""

from collections.abc import Iterable

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make every table."""
    _table("facts", keys="entity name", texts="value")
    _table("cursors", keys="entity name", texts="value")
    _table("sweeps", keys="entity source", texts="body")
    _table("current", keys="entity kind id", texts="ref parent status fingerprint body")
    for column in ("ref", "parent", "status"):
        op.create_index(f"current_{column}", "current", ["entity", "kind", column])
    op.create_table(
        "observations",
        sa.Column("seq", sa.Integer(), primary_key=True),
        *_texts("entity kind id effective_at observed_at fingerprint body"),
    )
    op.create_index("observation_of", "observations", ["entity", "kind", "id", "seq"])
    op.create_table(
        "audit",
        sa.Column("entity", sa.String(), primary_key=True),
        sa.Column("seq", sa.Integer(), primary_key=True, autoincrement=False),
        *_texts("at body prev hash"),
    )
    _table("runs", keys="entity run_id", texts="kind at as_of sha256 body")
    op.create_table(
        "leases",
        sa.Column("entity", sa.String(), primary_key=True),
        sa.Column("holder", sa.String(), nullable=False),
        sa.Column("token", sa.Integer(), nullable=False),
        sa.Column("expires_at", sa.String(), nullable=False),
    )


def _table(name: str, *, keys: str, texts: str) -> None:
    op.create_table(
        name,
        *(sa.Column(key, sa.String(), primary_key=True) for key in keys.split()),
        *_texts(texts),
    )


def _texts(names: str) -> Iterable[sa.Column[str]]:
    return [sa.Column(name, sa.String(), nullable=False) for name in names.split()]
