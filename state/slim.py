"""The narrow rows of the observations, out of the database in Arrow batches, by ADBC."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any
from urllib.parse import quote

from sqlalchemy import make_url

from state.asking import Asking

BATCH_ROWS = 65_536


class Slim:
    """A reader of its own beside the store's, for whole books at once."""

    def __init__(self, connection: Any, entity: str, mark: str) -> None:
        self._connection = connection
        self._entity = entity
        self._mark = mark

    @contextmanager
    def read(self, kind: str, columns: Sequence[str], seq: int) -> Iterator[Any]:
        """The observations of a kind up to `seq`, as a reader of Arrow batches."""
        marks = (self._mark.format(number) for number in (1, 2, 3))
        entity, of_kind, until = marks
        statement = (
            f"SELECT {', '.join(columns)} FROM observations WHERE entity = {entity} "  # noqa: S608 - column names of our own
            f"AND kind = {of_kind} AND seq <= {until}"
        )
        with self._connection.cursor() as cursor:
            if self._mark == "?":
                cursor.adbc_statement.set_options(
                    **{"adbc.sqlite.query.batch_rows": str(BATCH_ROWS)}
                )
            cursor.execute(statement, (self._entity, kind, seq))
            yield cursor.fetch_record_batch()

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()


def open_slim(store: Asking) -> Slim | None:
    """Open it beside a store; None for a database in memory, which nobody else can read."""
    url = make_url(store.url)
    if url.get_backend_name() == "postgresql":
        from adbc_driver_postgresql import dbapi as postgres

        plain = url.set(drivername="postgresql").render_as_string(hide_password=False)
        return Slim(postgres.connect(plain), store.entity, "${}")
    if not url.database or url.database == ":memory:":
        return None
    from adbc_driver_sqlite import dbapi as sqlite

    address = f"file:{quote(url.database)}?mode=ro"
    return Slim(sqlite.connect(address), store.entity, "?")
