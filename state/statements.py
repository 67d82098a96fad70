"""Statements that are asked often, built once: to build one takes longer than to run it.

Each is one object for good, so that SQLAlchemy finds what it compiled of it at once.
"""

from functools import cache
from typing import Any

from sqlalchemy import bindparam, func, insert, select
from sqlmodel import col

from state.among import among
from state.tables import AuditRow, BodyRow, Current, LeaseRow, ObservationRow

# What decisions rest on: words that carry a core invoice's id, and words that refer to it.
NAMED = frozenset({"push", "invoice"})
REFERRING = frozenset({"flag", "document", "link"})

_ENTITY: Any = bindparam("entity")
_OF_KIND = (col(Current.entity) == _ENTITY, col(Current.kind) == bindparam("kind"))

TOKEN = select(col(LeaseRow.token)).where(col(LeaseRow.entity) == _ENTITY)
LAST_SEQ = select(func.max(col(ObservationRow.seq)))
HEAD = (
    select(col(AuditRow.seq), col(AuditRow.hash))
    .where(col(AuditRow.entity) == _ENTITY)
    .order_by(col(AuditRow.seq).desc())
    .limit(1)
)
# By the sequence alone: what came since is next to nothing, but asked for kinds as well
# SQLite walks every word of them there ever was.
MOVED_SINCE = select(
    col(ObservationRow.entity),
    col(ObservationRow.kind),
    col(ObservationRow.id),
    col(ObservationRow.ref),
).where(col(ObservationRow.seq) > bindparam("seq"))
ADD_OBSERVATION = insert(ObservationRow)
ADD_BODY = insert(BodyRow)
ADD_AUDIT = insert(AuditRow)


# On which invoice memos stood, and as of when they were posted.
FOOTING = (
    select(col(Current.id), col(Current.ref), col(ObservationRow.posted_at))
    .join(ObservationRow, col(ObservationRow.seq) == col(Current.seq))
    .where(*_OF_KIND, col(Current.id).in_(bindparam("value", expanding=True)))
)


@cache
def known_as(*, many: bool) -> Any:
    """What words of a kind are now: id, fingerprint, date, status and number."""
    return select(
        col(Current.id),
        col(Current.fingerprint),
        col(Current.dated_at),
        col(Current.status),
        col(Current.first),
    ).where(*_OF_KIND, _holds("id", many=many))


@cache
def words(column: str, *, many: bool) -> Any:
    """The texts of a kind's words whose column holds one of these values, by id."""
    return (
        select(col(BodyRow.body))
        .join(Current, col(Current.seq) == col(BodyRow.seq))
        .where(*_OF_KIND, _holds(column, many=many))
        .order_by(col(Current.id))
    )


def _holds(column: str, *, many: bool) -> Any:
    """One value is asked for by far the most often."""
    named = getattr(Current, column)
    return among(named, "value") if many else named == bindparam("value")


# The books as of an instant: what is asked for every few hundred core invoices.
_O = ObservationRow
_KNOWN = (
    col(_O.entity) == _ENTITY,
    col(_O.kind) == bindparam("kind"),
    col(_O.seq) <= bindparam("until"),
)
SEEN = (
    select(col(_O.id), col(_O.seq), col(_O.effective_at), col(_O.began_at))
    .where(*_KNOWN, among(col(_O.id), "some"))
    .order_by(col(_O.id), col(_O.seq))
)
BODIES = select(col(BodyRow.seq), col(BodyRow.body)).where(among(col(BodyRow.seq), "some"))


@cache
def ever_held(column: str) -> Any:
    """Which words of a kind ever held one of these values in a column."""
    return select(col(_O.id)).where(*_KNOWN, among(getattr(_O, column), "some"))


def value_of(some: list[str]) -> tuple[bool, Any]:
    """Whether these are many, and the value that stands for them."""
    return (True, some) if len(some) != 1 else (False, some[0])
