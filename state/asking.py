"""One engine, one lock, one entity: the few ways in which the tables are asked."""

import threading
from collections.abc import Collection, Iterator, Mapping
from datetime import UTC, datetime
from typing import Any, TypeVar

from sqlalchemy import func, select
from sqlmodel import col

from state.codec import decode
from state.engine import open_engine, reading
from state.statements import value_of, words
from state.tables import BodyRow, Current

_W = TypeVar("_W")
CHUNK = 1000  # ids in one query


class Asking:
    """The memory of one legal entity, as its readers ask it."""

    def __init__(self, url: str, entity: str) -> None:
        self._engine = open_engine(url)
        self._reads = reading(self._engine)
        self._entity = entity
        self._turn = (
            threading.RLock()
        )  # SQLite has one writer; wait here, not in the driver

    def close(self) -> None:
        """Close every connection."""
        self._engine.dispose()

    @property
    def entity(self) -> str:
        """Whose memory this is."""
        return self._entity

    @property
    def url(self) -> str:
        """Where it is kept, with its password; for another reader of the same database."""
        return self._engine.url.render_as_string(hide_password=False)

    def ask(self, query: Any, about: Mapping[str, Any] | None = None) -> list[Any]:
        """The rows of one query, read whole."""
        with self._turn, self._reads.connect() as connection:
            return list(connection.execute(query, about or {}).all())

    def _scalar(self, query: Any) -> str | None:
        with self._turn, self._reads.connect() as connection:
            value: str | None = connection.execute(query).scalar()
            return value

    def _count(self, kind: str) -> dict[str, int]:
        query = (
            select(col(Current.status), func.count())
            .where(col(Current.entity) == self._entity, col(Current.kind) == kind)
            .group_by(col(Current.status))
        )
        with self._turn, self._reads.connect() as connection:
            return {row[0]: row[1] for row in connection.execute(query)}

    def _in(
        self, word: type[_W], kind: str, column: str, values: Collection[str]
    ) -> list[_W]:
        """Words of a kind whose column holds one of these values, by id."""
        found: list[_W] = []
        with self._turn, self._reads.connect() as connection:
            for some in chunks(sorted(values)):
                many, value = value_of(some)
                about = {"entity": self._entity, "kind": kind, "value": value}
                rows = connection.execute(words(column, many=many), about)
                found.extend(decode(word, row[0]) for row in rows)
        return found

    def _each(self, word: type[_W], kind: str) -> Iterator[_W]:
        """Every word of a kind, by id, a chunk at a time."""
        after = ""
        while True:
            query = (
                select(col(Current.id), col(BodyRow.body))
                .join(BodyRow, col(BodyRow.seq) == col(Current.seq))
                .where(
                    col(Current.entity) == self._entity,
                    col(Current.kind) == kind,
                    col(Current.id) > after,
                )
                .order_by(col(Current.id))
                .limit(CHUNK)
            )
            with self._turn, self._reads.connect() as connection:
                rows = connection.execute(query).all()
            if not rows:
                return
            for row in rows:
                yield decode(word, row[1])
            after = rows[-1][0]


def text_of(moment: datetime) -> str:
    """A time as a text that sorts."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def chunks(values: list[str]) -> Iterator[list[str]]:
    """So many ids at a time as one query takes."""
    for first in range(0, len(values), CHUNK):
        yield values[first : first + CHUNK]
