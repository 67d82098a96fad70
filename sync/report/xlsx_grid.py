"""Which columns of a sheet each block takes, where several tables share one sheet.

The widest table gives the sheet its columns. Every other table is set into them: a text
runs on over as many as it needs, so that a short one makes no wide column narrow, nor a
long one a narrow column wide. No cells are merged.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Any

from sync.report.document import FIGURES, Chart, Column, Facts, Kind, Prose, Section, Table

FIRST_WIDTH = 24  # of a sheet with names and values, which stand in its first column
LINE_WIDTH = 8  # of line numbers
FIGURE_WIDTH = 13  # in which an amount can still be read
SPAN_MAX = 9  # columns that one text runs over
TEXT_WIDTH = 90  # at which a text is broken into lines
LOOKED_AT = 50  # rows that tell how long a text is
_FIGURES = FIGURES | {Kind.DAY}


@dataclass(frozen=True, slots=True)
class Grid:
    """A sheet's columns: their widths, and where each block's columns begin and end."""

    widths: tuple[int, ...]
    columns: tuple[tuple[range, ...], ...]  # by block; of a table without its line numbers
    lead: int | None  # the block that gave the sheet its columns


def grid_of(section: Section) -> Grid:
    """The columns of a section's sheet."""
    tables = [(n, one) for n, one in enumerate(section.blocks) if isinstance(one, Table)]
    lead = max(tables, key=lambda one: (_across(one[1]), -one[0]), default=None)
    widths: list[int] = []
    taken: dict[int, tuple[range, ...]] = {}
    if lead is not None:
        widths = [LINE_WIDTH] * lead[1].numbered + [one.width for one in lead[1].columns]
        taken[lead[0]] = tuple(_single(lead[1].numbered, len(lead[1].columns)))
    if len(tables) < len(section.blocks):  # names and values, a chart, or words
        widths[:1] = [max(FIRST_WIDTH, *widths[:1], 0)]
    for number, one in tables:
        if number not in taken:
            taken[number] = tuple(_set_in(one, widths))
    for number, block in enumerate(section.blocks):
        if isinstance(block, Facts):
            taken[number] = (_after_names(block, widths),)
        elif isinstance(block, Chart):
            taken[number] = tuple(_figures(len(block.series), widths))
        elif isinstance(block, Prose):
            taken[number] = ()
    columns = tuple(taken[number] for number in range(len(section.blocks)))
    return Grid(tuple(widths), columns, None if lead is None else lead[0])


def _across(table: Table[Any]) -> int:
    return len(table.columns) + table.numbered


def _single(first: int, count: int) -> Iterator[range]:
    return (range(at, at + 1) for at in range(first, first + count))


def _set_in(table: Table[Any], widths: list[int]) -> Iterator[range]:
    at = 1 if table.numbered else 0
    for column in table.columns:
        end = _end(column, _wanted(table, column), at, widths)
        yield range(at, end)
        at = end


def _wanted(table: Table[Any], column: Column[Any]) -> int:
    """The width that a column's texts ask for."""
    if column.kind is not Kind.TEXT:
        return column.width
    texts = (str(column.of(row) or "") for row in islice(table.rows(), LOOKED_AT))
    return max(column.width, min(max(map(len, texts), default=0) + 1, TEXT_WIDTH))


def _end(column: Column[Any], wanted: int, at: int, widths: list[int]) -> int:
    """After the last column that this one takes; the sheet grows where it must."""
    if at >= len(widths):
        widths.append(column.width)
        return at + 1
    if column.kind in _FIGURES:  # a figure cannot run on over its neighbour
        widths[at] = max(widths[at], column.width)
        return at + 1
    have, end = widths[at], at + 1
    while have < wanted and end - at < SPAN_MAX:
        if end >= len(widths):
            widths.append(wanted - have)
        have += widths[end]
        end += 1
    return end


def _after_names(facts: Facts, widths: list[int]) -> range:
    """The first column that the longest name does not reach."""
    longest = max((len(name) for name, _ in facts.pairs), default=0)
    have = at = 0
    while have < longest + 1:
        if at >= len(widths):
            widths.append(FIRST_WIDTH)
        have += widths[at]
        at += 1
    return range(at, at + 1)


def _figures(count: int, widths: list[int]) -> Iterator[range]:
    """Columns that are wide enough for a figure, from the second on."""
    at = 1
    for _ in range(count):
        while at < len(widths) and widths[at] < FIGURE_WIDTH:
            at += 1
        if at >= len(widths):
            widths.append(FIGURE_WIDTH)
        yield range(at, at + 1)
        at += 1
