"""What was known at a time: observations and the audit log, which are only ever appended."""

from collections.abc import Collection, Iterator
from datetime import datetime
from typing import Any, TypeVar

from sqlalchemy import and_, or_, select
from sqlmodel import col

from state.asking import CHUNK, chunks
from state.audit import AuditLine
from state.codec import decode
from state.reads_downstream import DownstreamReads
from state.rows import micros, moment
from state.tables import AuditRow, BodyRow, Current, ObservationRow

_W = TypeVar("_W")


class Past(DownstreamReads):
    """What can be asked of what was seen and done."""

    def lineage(self) -> list[tuple[str, str]]:
        """Every regenerated core invoice, with the one that it came from."""
        query = select(col(Current.id), col(Current.parent)).where(
            col(Current.entity) == self._entity,
            col(Current.kind) == "invoice",
            col(Current.parent) != "",
        )
        with self._turn, self._reads.connect() as connection:
            return [(row[0], row[1]) for row in connection.execute(query)]

    def history(
        self,
        word: type[_W],
        kind: str,
        until: datetime,
        *,
        ids: Collection[str] | None = None,
    ) -> Iterator[tuple[datetime, _W]]:
        """Every version of every word of a kind (or of these ids) seen until then.

        By id, oldest first.

        With each comes the time at which it was seen. Nothing is ever taken out of what
        was observed, so the same `until` gives the same answer for good.
        """
        when = col(ObservationRow.observed_at)
        seen = when <= micros(until)
        if ids is None:
            yield from self._told(word, kind, when, seen)
            return
        for some in chunks(sorted(ids)):
            yield from self._told(word, kind, when, seen, col(ObservationRow.id).in_(some))

    def lives(self, word: type[_W], kind: str, seq: int) -> Iterator[tuple[datetime, _W]]:
        """Every version of every word of a kind up to an observation, by id, oldest first.

        With each comes the time at which it became so.
        """
        when = col(ObservationRow.effective_at)
        return self._told(word, kind, when, col(ObservationRow.seq) <= seq)

    def _told(
        self, word: type[_W], kind: str, when: Any, *where: Any
    ) -> Iterator[tuple[datetime, _W]]:
        after, number = "", 0
        seen = col(ObservationRow.seq)
        while True:
            query = (
                select(
                    col(ObservationRow.id),
                    seen,
                    when,
                    col(BodyRow.body),
                )
                .join(BodyRow, col(BodyRow.seq) == seen)
                .where(
                    col(ObservationRow.entity) == self._entity,
                    col(ObservationRow.kind) == kind,
                    *where,
                    or_(
                        col(ObservationRow.id) > after,
                        and_(col(ObservationRow.id) == after, seen > number),
                    ),
                )
                .order_by(col(ObservationRow.id), seen)
                .limit(CHUNK)
            )
            with self._turn, self._reads.connect() as connection:
                rows = connection.execute(query).all()
            if not rows:
                return
            for row in rows:
                yield moment(row[2]), decode(word, row[3])
            after, number = rows[-1][0], int(rows[-1][1] or 0)

    def audit_lines(
        self, until: int | None = None, *, about: str | None = None
    ) -> Iterator[AuditLine]:
        """The audit log's lines in order, up to a sequence number, about one type."""
        after = 0
        while True:
            query = (
                select(
                    col(AuditRow.seq),
                    col(AuditRow.at),
                    col(AuditRow.body),
                    col(AuditRow.prev),
                    col(AuditRow.hash),
                )
                .where(col(AuditRow.entity) == self._entity, col(AuditRow.seq) > after)
                .order_by(col(AuditRow.seq))
                .limit(CHUNK)
            )
            if until is not None:
                query = query.where(col(AuditRow.seq) <= until)
            if about is not None:
                mark = f'"object_type":"{about}"'
                query = query.where(col(AuditRow.body).contains(mark, autoescape=True))
            with self._turn, self._reads.connect() as connection:
                rows = connection.execute(query).all()
            if not rows:
                return
            yield from (AuditLine(*row) for row in rows)
            after = rows[-1][0]
