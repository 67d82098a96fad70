"""The tables of the state database: one row for each word, its text beside what is asked.

Rows are built from words only, in `state.books`. `table=True` models do not validate.
"""

from sqlalchemy import Index
from sqlmodel import Field, SQLModel


class Fact(SQLModel, table=True):
    """Something learned once: the instance's name, the Stripe account."""

    __tablename__ = "facts"
    entity: str = Field(primary_key=True)
    name: str = Field(primary_key=True)
    value: str


class CursorRow(SQLModel, table=True):
    """Where the next reading of a source resumes."""

    __tablename__ = "cursors"
    entity: str = Field(primary_key=True)
    name: str = Field(primary_key=True)
    value: str


class SweepRow(SQLModel, table=True):
    """The last complete reading of a source."""

    __tablename__ = "sweeps"
    entity: str = Field(primary_key=True)
    source: str = Field(primary_key=True)
    body: str


class Current(SQLModel, table=True):
    """A word as it is now: a core invoice, a document, a push, a flag ..."""

    __tablename__ = "current"
    __table_args__ = (
        Index("current_ref", "entity", "kind", "ref"),
        Index("current_parent", "entity", "kind", "parent"),
        Index("current_status", "entity", "kind", "status"),
    )
    entity: str = Field(primary_key=True)
    kind: str = Field(primary_key=True)
    id: str = Field(primary_key=True)
    ref: str = ""  # what it is about: the core invoice, the customer, the document
    parent: str = ""  # what it came from, or the register it stands in
    status: str = ""
    fingerprint: str
    body: str


class ObservationRow(SQLModel, table=True):
    """A fact as it was seen; only ever appended."""

    __tablename__ = "observations"
    __table_args__ = (Index("observation_of", "entity", "kind", "id", "seq"),)
    seq: int | None = Field(default=None, primary_key=True)
    entity: str
    kind: str
    id: str
    effective_at: str  # when it became so, as far as its source tells
    observed_at: str  # when we saw it
    fingerprint: str
    body: str


class AuditRow(SQLModel, table=True):
    """One line of the audit log, chained to the one before."""

    __tablename__ = "audit"
    entity: str = Field(primary_key=True)
    seq: int = Field(primary_key=True)
    at: str
    body: str
    prev: str
    hash: str


class RunRow(SQLModel, table=True):
    """A kept reconciliation run."""

    __tablename__ = "runs"
    entity: str = Field(primary_key=True)
    run_id: str = Field(primary_key=True)
    kind: str
    at: str
    as_of: str
    sha256: str
    body: str


class LeaseRow(SQLModel, table=True):
    """Who may act. The token rises with each holder and fences off the one before."""

    __tablename__ = "leases"
    entity: str = Field(primary_key=True)
    holder: str
    token: int
    expires_at: str
