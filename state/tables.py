"""The tables of the state database: slim typed rows for what is asked, texts apart.

Rows are built from words only, in `state.rows`. `table=True` models do not validate.
A million observations are read for one reconciliation, so theirs are narrow: integers for
money and for times (microseconds since 1970, UTC), and the word's own text in `bodies`.
"""

from typing import Any

from sqlalchemy import BigInteger, Connection, Index, Integer, String, Table, event, text
from sqlmodel import Field, SQLModel

# Ids sort by their bytes everywhere: pages, hashes and reports must not hang on a locale.
Name: Any = String().with_variant(String(collation="C"), "postgresql")
Number: Any = BigInteger().with_variant(Integer(), "sqlite")  # 64 bits on either


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


class UnreadRow(SQLModel, table=True):
    """A source whose last reading failed."""

    __tablename__ = "unread"
    entity: str = Field(primary_key=True)
    source: str = Field(primary_key=True)
    body: str


class Current(SQLModel, table=True):
    """Which observation of a word is the latest: a core invoice, a document, a flag ..."""

    __tablename__ = "current"
    __table_args__ = (
        Index("current_ref", "entity", "kind", "ref"),
        Index("current_parent", "entity", "kind", "parent"),
        Index("current_status", "entity", "kind", "status"),
        {"sqlite_with_rowid": False},
    )
    entity: str = Field(primary_key=True, sa_type=Name)
    kind: str = Field(primary_key=True, sa_type=Name)
    id: str = Field(primary_key=True, sa_type=Name)
    ref: str = Field(sa_type=Name)  # what it is about: the core invoice, the customer ...
    parent: str = Field(sa_type=Name)  # what it came from, or the register it stands in
    status: str = Field(sa_type=Name)
    seq: int = Field(sa_type=Number)
    first: int = Field(sa_type=Number)  # its first observation
    dated_at: int | None = Field(default=None, sa_type=Number)  # by its source
    fingerprint: str


class ObservationRow(SQLModel, table=True):
    """A fact as it was seen; only ever appended."""

    __tablename__ = "observations"
    __table_args__ = (
        Index("observation_of", "entity", "kind", "id", "seq", "effective_at"),
        Index("observation_ref", "entity", "kind", "ref"),
        Index("observation_parent", "entity", "kind", "parent"),
        Index("observation_again", "entity", "kind", "first", "seq", "effective_at"),
    )
    seq: int = Field(
        primary_key=True, sa_type=Number, sa_column_kwargs={"autoincrement": False}
    )
    first: int = Field(sa_type=Number)  # the first observation of the same word: its number
    entity: str = Field(sa_type=Name)
    kind: str = Field(sa_type=Name)
    id: str = Field(sa_type=Name)
    ref: str = Field(sa_type=Name)
    parent: str = Field(sa_type=Name)
    status: str = Field(sa_type=Name)
    currency: str = Field(sa_type=Name)
    minor: int = Field(sa_type=Number)  # total, gross or amount, ex tax
    tax: int = Field(sa_type=Number)
    paid: int = Field(sa_type=Number)
    open: int = Field(sa_type=Number)
    began_at: int | None = Field(default=None, sa_type=Number)  # a draft from then on
    posted_at: int | None = Field(default=None, sa_type=Number)
    paid_at: int | None = Field(default=None, sa_type=Number)
    effective_at: int = Field(sa_type=Number)  # when it became so
    observed_at: int = Field(sa_type=Number)  # when we saw it


def _only_what_was_seen_again(table: Table, connection: Connection, **_: Any) -> None:
    """Most words are seen once: their index holds the others.

    Said in the words of the dialect in use; to name both would load both, and a daemon on
    SQLite would pay 5 MB for PostgreSQL's.
    """
    (index,) = (one for one in table.indexes if one.name == "observation_again")
    index.dialect_options[connection.dialect.name]["where"] = text("first <> seq")


event.listen(
    ObservationRow.__table__,  # type: ignore[attr-defined]  # SQLModel adds it
    "before_create",
    _only_what_was_seen_again,
)


class BodyRow(SQLModel, table=True):
    """The canonical text of one observation."""

    __tablename__ = "bodies"
    seq: int = Field(
        primary_key=True, sa_type=Number, sa_column_kwargs={"autoincrement": False}
    )
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
    period: str  # YYYY-MM, or '' for all
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


class TokenRow(SQLModel, table=True):
    """The rotating token of one connection, and who may renew it now."""

    __tablename__ = "tokens"
    entity: str = Field(primary_key=True)
    name: str = Field(primary_key=True)
    sealed: str = ""
    expires_at: str = ""
    consent_until: str = ""
    renewed_at: str = ""
    refusal: str = ""
    holder: str = ""
    held_until: str = ""
