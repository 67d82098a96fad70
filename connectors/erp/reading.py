"""How rows are read from any ERP: so many ids at a time, pages by rising id, and what is gone."""

from collections.abc import Callable, Iterator
from functools import wraps
from inspect import isgeneratorfunction
from typing import Any, TypeVar, cast

from connectors.failures import Incomplete
from connectors.redaction import one_line
from state.receivables import DocumentStatus, DownstreamInvoice

T = TypeVar("T")
R = TypeVar("R")
F = TypeVar("F", bound=Callable[..., Any])
_ODD = (LookupError, TypeError, ValueError, AttributeError, ArithmeticError)


def understood(method: F) -> F:
    """A reading of a register; an answer that is not of its shape makes it incomplete.

    Of such an answer nothing is concluded, and the next turn may bring a better one.
    """

    @wraps(method)
    def whole(register: Any, *words: Any, **more: Any) -> Any:
        try:
            return method(register, *words, **more)
        except _ODD as odd:
            raise _incomplete(register, odd) from odd

    @wraps(method)
    def pages(register: Any, *words: Any, **more: Any) -> Any:
        try:
            yield from method(register, *words, **more)
        except _ODD as odd:
            raise _incomplete(register, odd) from odd

    return cast("F", pages if isgeneratorfunction(method) else whole)


def _incomplete(register: Any, odd: Exception) -> Incomplete:
    return Incomplete(
        f"{register.target}: an answer is not of the shape that its system documents "
        f"({type(odd).__name__}: {one_line(str(odd), 100)}); nothing was concluded. "
        "Where it stays so, update Tieout"
    )


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
