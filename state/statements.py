"""Statements that are asked often, built once: to build one takes longer than to run it.

Each is one object for good, so that SQLAlchemy finds what it compiled of it at once.
"""

from functools import cache
from typing import Any

from sqlalchemy import bindparam, func, insert, select
from sqlalchemy.orm import aliased
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
    .where(*_OF_KIND, among(col(Current.id), "value"))
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


def _known(seen: Any) -> tuple[Any, ...]:
    """What was observed of a kind by now."""
    return (
        col(seen.entity) == _ENTITY,
        col(seen.kind) == bindparam("kind"),
        col(seen.seq) <= bindparam("until"),
    )


_KNOWN = _known(_O)
_LATER = aliased(_O)


@cache
def ever_held(column: str) -> Any:
    """Which words of a kind ever held one of these values in a column.

    Not DISTINCT: SQLite would then walk the whole kind in the order of its ids.
    """
    return select(col(_O.id)).where(*_KNOWN, among(getattr(_O, column), "some"))


@cache
def standing(column: str) -> Any:
    """The words of a kind that ever held one of these values, as they may stand at a cutoff.

    By id: the last observation that had become so by then, and those that became so later.
    """
    named = among(col(_O.id), "some")
    if column != "id":
        held = aliased(_O)
        named = col(_O.id).in_(
            select(col(held.id)).where(*_known(held), among(getattr(held, column), "some"))
        )
    passed = (
        select(col(_LATER.seq))
        .where(
            *_known(_LATER),
            col(_LATER.id) == col(_O.id),
            col(_LATER.seq) > col(_O.seq),
            col(_LATER.effective_at) <= bindparam("cut"),
        )
        .exists()
    )
    told = (_O.id, _O.seq, _O.effective_at, _O.began_at, BodyRow.body)
    return (
        select(*map(col, told))
        .join(BodyRow, col(BodyRow.seq) == col(_O.seq))
        .where(*_KNOWN, named, ~passed)
        .order_by(col(_O.id), col(_O.seq))
    )


def value_of(some: list[str]) -> tuple[bool, Any]:
    """Whether these are many, and the value that stands for them."""
    return (True, some) if len(some) != 1 else (False, some[0])
