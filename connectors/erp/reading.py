"""How rows are read from any ERP: so many ids at a time, pages by rising id, and what is gone."""

from collections.abc import Callable, Iterator
from typing import TypeVar

from connectors.failures import Incomplete
from state.receivables import DocumentStatus, DownstreamInvoice

T = TypeVar("T")
R = TypeVar("R")


def in_chunks(names: list[T], size: int) -> Iterator[list[T]]:
    """So many ids at a time as one request takes."""
    for first in range(0, len(names), size):
        yield names[first : first + size]


def by_rising_id(
    ask: Callable[[int], list[R]], id_of: Callable[[R], int], *, size: int, system: str
) -> Iterator[list[R]]:
    """Pages of rows, each asked for by the last id of the one before; a short one ends it.

    Counting rows off would lose some where one is deleted meanwhile.
    """
    after = 0
    while True:
        rows = ask(after)
        if rows:
            yield rows
        if len(rows) < size:
            return
        before, after = after, id_of(rows[-1])
        if after <= before:
            raise Incomplete(f"{system}: a list does not come to an end")


def gone(target: str, name: str, system: str) -> DownstreamInvoice:
    """A document that the system knows no more. Its currency is not told, and moves nothing."""
    return DownstreamInvoice(target, name, DocumentStatus.DELETED, "USD", 0, system=system)
