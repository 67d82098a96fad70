"""Where each table of a report stands in the workbook, known before a cell is written.

A sheet is written from top to bottom and never read back, so a total above its rows, or a
check on another sheet, must know where those rows will be.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from xlsxwriter.utility import xl_col_to_name, xl_rowcol_to_cell

from sync.report.document import (
    Block,
    Chart,
    Column,
    Document,
    Facts,
    Prose,
    Section,
    Table,
)
from sync.report.xlsx_grid import Grid, grid_of

HEAD_ROWS = 4  # title, two lines on the run, and a gap
CHART_ROWS = 17
SHEET_ROWS = 1_048_576
SHEET_NAME_MAX = 31
_PLAIN = re.compile(r"[\w↔ .-]*")
_NAME = re.compile(r"\{([a-z0-9_]+)(?:\.([a-z0-9_]+))?\}")


class TooLong(Exception):
    """More rows than a sheet of XLSX holds; take csv or json."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where a block begins, and where a table's header and rows are."""

    sheet: str
    top: int
    header: int
    first: int
    last: int  # the last row, or `first` where there is none
    columns: tuple[range, ...] = ()  # of the sheet, for each column of the block

    def column(self, table: Table[Any], key: str) -> int:
        """The column's number in the sheet."""
        keys = [one.key for one in table.columns]
        return self.columns[keys.index(key)].start


@dataclass(frozen=True, slots=True)
class Layout:
    """Every block's place, by section and number; every table's, by key."""

    places: Mapping[tuple[str, int], Place]
    tables: Mapping[str, tuple[Table[Any], Place]]
    grids: Mapping[str, Grid]  # of each section's sheet
    ends: Mapping[str, int]  # the last row of each

    def range_of(self, table_key: str, column_key: str) -> str:
        """A whole column of a table, as a formula names it from any sheet."""
        table, place = self.tables[table_key]
        name = xl_col_to_name(place.column(table, column_key))
        return f"'{place.sheet}'!${name}${place.first + 1}:${name}${place.last + 1}"


def lay_out(document: Document) -> Layout:
    """Give each block its rows."""
    places: dict[tuple[str, int], Place] = {}
    tables: dict[str, tuple[Table[Any], Place]] = {}
    grids = {section.key: grid_of(section) for section in document.sections}
    ends: dict[str, int] = {}
    for section in document.sections:
        row = HEAD_ROWS
        for number, block in enumerate(section.blocks):
            place, row = _placed(block, sheet_name(section), row)
            place = replace(place, columns=grids[section.key].columns[number])
            places[section.key, number] = place
            if isinstance(block, Table):
                tables[block.key] = (block, place)
        ends[section.key] = row
        if row > SHEET_ROWS:
            raise TooLong(
                f"--format: {section.title} has more rows than a sheet of XLSX holds; "
                "take csv or json"
            )
    return Layout(places, tables, grids, ends)


def sheet_name(section: Section) -> str:
    """The name of a section's sheet."""
    return section.title[:SHEET_NAME_MAX]


def _placed(block: Block, sheet: str, top: int) -> tuple[Place, int]:
    """A block's place, and the first row after it."""
    heading = 1 if block.title else 0
    match block:
        case Facts():
            end = top + heading + len(block.pairs)
            return Place(sheet, top, top, top, end), end + 1
        case Prose():
            end = top + heading + len(block.paragraphs)
            return Place(sheet, top, top, top, end), end + 1
        case Chart():
            header = top + heading
            last = header + len(block.labels)
            return Place(sheet, top, header, header + 1, last), last + CHART_ROWS + 1
        case Table():
            header = top + heading + (1 if block.note else 0) + len(block.totals)
            first = header + 1
            last = max(first, header + block.count)
            return Place(sheet, top, header, first, last), last + 2


def live(
    formula: str, layout: Layout, table: Table[Any], place: Place, row: int, decimals: int
) -> str:
    """A formula with its names made into cells and ranges."""

    def cell(found: re.Match[str]) -> str:
        name, column = found[1], found[2]
        if column is not None:
            return layout.range_of(name, column)
        if name == "exponent":
            return str(decimals)
        return str(xl_rowcol_to_cell(row, place.column(table, name)))

    return "=" + _NAME.sub(cell, formula)


def total(
    column: Column[Any],
    table: Table[Any],
    layout: Layout,
    key: tuple[str, str],
    decimals: int,
) -> str:
    """A column's total in one group and currency; it follows the filter where that is cheap.

    '' where no formula can tell the group.
    """
    amounts = layout.range_of(table.key, column.key)
    if len(table.totals) == 1:
        return f"=ROUND(SUBTOTAL(109,{amounts}),{decimals})"
    group, currency = key
    if not _PLAIN.fullmatch(group):
        return ""  # a criterion would read signs in it; the figure stands all the same
    wanted = f'{layout.range_of(table.key, "currency")},"{currency}"'
    if table.group:
        wanted += f',{layout.range_of(table.key, table.group)},"{group}"'
    return f"=ROUND(SUMIFS({amounts},{wanted}),{decimals})"
