"""The narrow rows of the observations, out of the database in Arrow batches, by ADBC."""

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from typing import Any
from urllib.parse import quote

from sqlalchemy import make_url

from state.asking import Asking

BATCH_ROWS = 8_192  # more at once is not faster, and holds a hundred megabytes more
WHOLE = frozenset({"invoice", "document"})


class Slim:
    """A reader of its own beside the store's, for whole books at once."""

    def __init__(self, connection: Any, entity: str, mark: str) -> None:
        self._connection = connection
        self._entity = entity
        self._mark = mark

    def read(
        self, kind: str, columns: Sequence[str], seq: int
    ) -> AbstractContextManager[Any]:
        """The observations of a kind up to `seq`, as a reader of Arrow batches."""
        # The kinds that fill the table are read in its own order, not in that of an index.
        whole = " NOT INDEXED" if self._mark == "?" and kind in WHOLE else ""
        return self._told(f"{', '.join(columns)} FROM observations{whole}", (kind,), seq)

    def read_again(self, kinds: Sequence[str], seq: int) -> AbstractContextManager[Any]:
        """Of words that were seen again, every observation but the first: its three numbers."""
        what = "first, seq, effective_at FROM observations"
        return self._told(what, kinds, seq, "AND first <> seq")

    @contextmanager
    def _told(
        self, what: str, kinds: Sequence[str], seq: int, more: str = ""
    ) -> Iterator[Any]:
        marks = [self._mark.format(number) for number in range(1, len(kinds) + 3)]
        statement = (
            f"SELECT {what} WHERE entity = {marks[0]} AND seq <= {marks[1]} "
            f"AND kind IN ({', '.join(marks[2:])}) {more}"
        )
        with self._connection.cursor() as cursor:
            if self._mark == "?":
                cursor.adbc_statement.set_options(
                    **{"adbc.sqlite.query.batch_rows": str(BATCH_ROWS)}
                )
            cursor.execute(statement, (self._entity, seq, *kinds))
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
