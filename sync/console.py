"""The terminal: answers on standard output; progress and failures on standard error."""

import os
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import Enum
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.markup import escape
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    SpinnerColumn,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
)
from rich.table import Table
from rich.text import Text

from connectors.redaction import one_line, redact
from sync.secrets import resolved

WIDTH_MIN = 20  # below this even a word is broken
PIPE_WIDTH = 200  # a pipe has no width of its own: room, so that no id is broken
WORDS_WIDTH_MIN = 16  # a column of words may be squeezed to this
CELL_MAX = 500  # characters
_GAP = 2  # spaces between two columns


def output(*, stderr: bool = False) -> Console:
    """A console on one of the two streams. NO_COLOR and TERM are respected (rich)."""
    stream = sys.stderr if stderr else sys.stdout
    columns = os.environ.get("COLUMNS", "")
    width = None if stream.isatty() else PIPE_WIDTH
    if columns.isdecimal():
        width = max(int(columns), WIDTH_MIN)  # a terminal may say 0
    return Console(stderr=stderr, width=width, highlight=False)


def say(text: str, *, stderr: bool = False) -> None:
    """One line, as it is: nothing in it is markup, a control code or a secret."""
    indent = len(text) - len(text.lstrip(" "))
    line = Text(" " * indent + shown(text, CELL_MAX * 8))
    output(stderr=stderr).print(line, soft_wrap=True)


def shown(value: object, limit: int = CELL_MAX) -> str:
    """Text of others, fit for a terminal."""
    return redact(one_line(str(value), limit), resolved())


class Kind(Enum):
    """What a column holds, which decides how it may be set."""

    ID = "an id or a word: never broken and never cut"
    WORDS = "a sentence: may run over several lines"
    MONEY = "an amount in the accountant's form: to the right"


@dataclass(frozen=True, slots=True)
class Column:
    """One column of a table."""

    title: str
    kind: Kind = Kind.ID


def show_table(
    columns: Sequence[Column],
    rows: Iterable[Sequence[object]],
    *,
    title: str = "",
) -> None:
    """Print a table; where it does not fit, each row as a card, so that no id is cut."""
    console = output()
    texts = [[shown(cell) for cell in row] for row in rows]
    if title:
        console.print(Text(shown(title), style="bold"), soft_wrap=True)
    if _least_width(columns, texts) > console.width:
        _show_cards(columns, texts, console)
        return
    table = Table(box=None, pad_edge=False, padding=(0, _GAP, 0, 0), header_style="bold")
    table.show_header = any(column.title for column in columns)
    for column in columns:
        right = column.kind is Kind.MONEY
        table.add_column(
            escape(column.title),
            justify="right" if right else "left",
            no_wrap=column.kind is not Kind.WORDS,
            min_width=_needed(column, []) if column.kind is Kind.WORDS else None,
            overflow="fold",
        )
    for row in texts:
        table.add_row(*(Text(cell) for cell in row))
    console.print(table)


def _least_width(columns: Sequence[Column], rows: Sequence[Sequence[str]]) -> int:
    cells = zip(*rows, strict=True) if rows else ([] for _ in columns)
    needed = [_needed(c, list(texts)) for c, texts in zip(columns, cells, strict=True)]
    return sum(needed) + _GAP * len(columns)


def _needed(column: Column, cells: Sequence[str]) -> int:
    whole = max([len(column.title), *(Text(cell).cell_len for cell in cells)])
    return min(whole, WORDS_WIDTH_MIN) if column.kind is Kind.WORDS else whole


def _show_cards(
    columns: Sequence[Column], rows: Sequence[Sequence[str]], console: Console
) -> None:
    indent = max(len(column.title) for column in columns) + _GAP
    for index, row in enumerate(rows):
        if index:
            console.print()
        for column, cell in zip(columns, row, strict=True):
            line = Text(f"{column.title:{indent}}", style="bold").append(
                cell, style="not bold"
            )
            console.print(line, soft_wrap=True)


class Bar:
    """Progress as a bar on a terminal. A context manager: leaving it clears the bar."""

    def __init__(self) -> None:
        self._console = output(stderr=True)
        self._live = Progress(
            SpinnerColumn(),
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            console=self._console,
            transient=True,
        )
        self._task: TaskID | None = None

    def __enter__(self) -> Self:
        self._live.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._live.stop()

    def step(self, name: str, total: int | None) -> None:
        """A new bar takes the place of the last."""
        if self._task is not None:
            self._live.remove_task(self._task)
        self._task = self._live.add_task(escape(shown(name)), total=total)

    def advance(self, count: int = 1) -> None:
        """Move the bar."""
        if self._task is not None:
            self._live.advance(self._task, count)

    def note(self, text: str) -> None:
        """Say it above the bar."""
        self._console.print(Text(shown(text, CELL_MAX * 2), style="yellow"), soft_wrap=True)
