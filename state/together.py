"""Many threads, one durable write: what waits while another is written shares the next.

A commit waits for the disk, some milliseconds each. Thirty threads that push would wait
for one another; so whoever gets the turn writes for all who wait. Each work stands for
itself: it is kept whole before its caller goes on, and one that fails takes no other with it.
"""

import threading
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass, field

from sqlalchemy import Connection

from state.engine import StoreUnusable

Work = Callable[[Connection], None]


@dataclass(slots=True, eq=False)
class _Waiting:
    """One work, and how it ended."""

    work: Work
    done: bool = False
    failure: Exception | None = field(default=None)


class Together:
    """One transaction for all who wait for the same turn."""

    def __init__(
        self,
        turn: AbstractContextManager[object],
        writing: Callable[[], AbstractContextManager[Connection]],
    ) -> None:
        """`turn` is a lock that its holder may take again, as `writing` does."""
        self._turn = turn
        self._writing = writing
        self._queue: list[_Waiting] = []
        self._adding = threading.Lock()

    def write(self, work: Work) -> None:
        """Return once the work is kept; raise what it raised, and then nothing of it is."""
        mine = _Waiting(work)
        with self._adding:
            self._queue.append(mine)
        with self._turn:
            if not mine.done:
                self._write_all(mine)
        if mine.failure is not None:
            raise mine.failure

    def _write_all(self, mine: _Waiting) -> None:
        with self._adding:
            batch, self._queue = self._queue, []
        if mine not in batch:  # whoever took it was interrupted before it was kept
            batch.append(mine)
        try:
            with self._writing() as connection:
                if len(batch) == 1:
                    mine.work(connection)
                else:
                    for one in batch:
                        _write_one(one, connection)
        except Exception as failure:  # noqa: BLE001 - nothing is kept: raised by each caller
            for one in batch:
                one.failure = failure
        for one in batch:
            one.done = True


def _write_one(one: _Waiting, connection: Connection) -> None:
    """One of several: its failure is its own, but a database that fails, fails for all."""
    try:
        with connection.begin_nested():
            one.work(connection)
    except StoreUnusable:
        raise
    except Exception as failure:  # noqa: BLE001 - raised by its caller
        one.failure = failure
