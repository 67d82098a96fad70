"""A report as an XLSX workbook: typed cells, live formulas with their figures beside them.

Only the typed writers of xlsxwriter are used: the general one takes text that begins with
`=` for a formula. Viewers that do not calculate show the figures that are given here.
"""

from collections.abc import Callable
from datetime import UTC, date
from decimal import Decimal
from tempfile import TemporaryDirectory
from typing import Any, BinaryIO

import xlsxwriter

from sync.report.cells import places, plain, printable, time
from sync.report.document import (
    FIGURES,
    Cell,
    Chart,
    Column,
    Document,
    Facts,
    Kind,
    Prose,
    Section,
    Table,
)
from sync.report.xlsx_layout import Layout, Place, lay_out, live, sheet_name, total
from sync.report.xlsx_page import picture, set_page
from sync.report.xlsx_pens import Pens

TEXT_MAX = 32_767  # characters of a cell
CUT = " … (cut: the JSON has it whole)"
LINK_MAX = 2_000  # characters of an address
LINKS_MAX = 60_000  # links in one sheet; the format holds 65,530
EXACT_DIGITS = 15
EXACT_MAX = 10**EXACT_DIGITS  # beyond it a spreadsheet's figures are no longer exact
FIRST_DAY = date(1900, 3, 1)  # before it the format's calendar is wrong
PROPERTY_MAX = 250  # characters of a property of the file
LINE_POINTS = 15  # the height of one line of text; viewers do not find it by themselves
LINES_MAX = 8  # lines shown of a long text; the cell has it whole
TICK = 1000  # rows between two words on progress
Told = Callable[[int], None]


def write(document: Document, out: BinaryIO, *, told: Told = lambda _: None) -> None:
    """Write the workbook. The same report gives the same bytes. Raises TooLong."""
    with TemporaryDirectory(prefix="tieout-xlsx-") as scratch:
        book = _book(document, out, scratch)
        try:
            layout, pens = lay_out(document), Pens(book)
            sheets = [
                (section, book.add_worksheet(sheet_name(section)))
                for section in document.sections
            ]
            for section, sheet in sheets:
                _Writer(book, sheet, document, section, layout, pens, told).fill()
            book.close()
        finally:
            for sheet in book.worksheets():
                sheet.row_data_fh.close()  # its rows so far; the folder goes with them


def _book(document: Document, out: BinaryIO, scratch: str) -> Any:
    book = xlsxwriter.Workbook(
        out,
        {
            "constant_memory": True,
            "tmpdir": scratch,
            "strings_to_formulas": False,
            "strings_to_urls": False,
            "strings_to_numbers": False,
        },
    )
    book.set_properties(
        {
            "title": printable(document.head.title),
            "subject": printable(f"{document.head.entity}, {document.head.period}")[
                :PROPERTY_MAX
            ],
            "comments": printable(f"Run {document.head.run_id}, {document.head.digest}")[
                :PROPERTY_MAX
            ],
            # Not the time of writing: the same run gives the same bytes.
            "created": document.head.as_of.astimezone(UTC).replace(tzinfo=None),
        }
    )
    return book


class _Writer:
    """One sheet, from top to bottom."""

    def __init__(
        self,
        book: Any,
        sheet: Any,
        document: Document,
        section: Section,
        layout: Layout,
        pens: Pens,
        told: Told,
    ) -> None:
        self._book, self._sheet, self._document = book, sheet, document
        self._section, self._layout, self._pens = section, layout, pens
        self._told = told
        self._links = 0
        self._widths = layout.grids[section.key].widths

    def fill(self) -> None:
        """Write the sheet."""
        set_page(self._sheet, self._document, self._section, self._layout)
        head = self._document.head
        self._text(0, 0, f"{head.title} — {self._section.title}", self._pens.title)
        restated = f" · restated from {head.restated_from}" if head.restated_from else ""
        self._text(
            1,
            0,
            f"{head.entity} · {head.period} · as of {time(head.as_of)}{restated}",
            self._pens.quiet,
        )
        currencies = f" · {head.currencies}" if head.currencies else ""
        self._text(
            2,
            0,
            f"run {head.run_id} · Tieout {head.version}{currencies} · "
            f"audit log, last line {head.audit}",
            self._pens.quiet,
        )
        for number, block in enumerate(self._section.blocks):
            place = self._layout.places[self._section.key, number]
            if block.title:
                self._text(place.top, 0, block.title, self._pens.heading)
            match block:
                case Facts():
                    self._facts(block, place)
                case Prose():
                    self._prose(block, place)
                case Chart():
                    self._chart(block, place)
                case Table():
                    self._table(block, place)

    def _high_enough(self, at: int, number: int, text: str, lines: int) -> int:
        """Make a row as high as the longest of its texts needs; answers with its lines."""
        needed = min(-(-len(text) // max(self._widths[number] - 1, 1)), LINES_MAX)
        if needed > lines:
            self._check(self._sheet.set_row(at, LINE_POINTS * needed))
        return max(needed, lines)

    def _facts(self, block: Facts, place: Place) -> None:
        first = place.top + (1 if block.title else 0)
        for number, (name, value) in enumerate(block.pairs, first):
            self._text(number, 0, name, self._pens.label)
            self._text(number, place.columns[0].start, value)

    def _prose(self, block: Prose, place: Place) -> None:
        for number, paragraph in enumerate(block.paragraphs, place.top + 1):
            self._text(number, 0, paragraph)

    # --- tables ---------------------------------------------------------------------

    def _table(self, table: Table[Any], place: Place) -> None:
        if table.note:
            self._text(place.top + 1, 0, table.note, self._pens.quiet)
        self._totals(table, place)
        self._sheet.set_row(place.header, LINE_POINTS * self._header_lines(table, place))
        if table.numbered:
            self._text(place.header, 0, "Line", self._pens.top_right)
        for span, column in zip(place.columns, table.columns, strict=True):
            right = column.kind in FIGURES
            over = self._pens.top_over if len(span) > 1 else self._pens.top
            pen = self._pens.top_right if right else over
            self._text(place.header, span.start, column.title, pen)
            self._band(place.header, span, pen)
        if not table.count:
            self._text(place.first, 0, table.empty, self._pens.quiet)
            return
        for line, row in table.numbered_rows():
            self._row(table, place, line, row)
            if line % TICK == 0:
                self._told(TICK)
        self._after(table, place)

    def _header_lines(self, table: Table[Any], place: Place) -> int:
        """How many lines the longest of its titles takes."""
        return max(
            -(-len(one.title) // max(self._room(span) - 1, 1))
            for one, span in zip(table.columns, place.columns, strict=True)
        )

    def _band(self, row: int, span: range, pen: Any) -> None:
        """The other columns that a cell runs over look like its first."""
        for number in span[1:]:
            self._check(self._sheet.write_blank(row, number, None, pen))

    def _totals(self, table: Table[Any], place: Place) -> None:
        """Above the header, so that the rows below can be filtered and sorted."""
        first = place.header - len(table.totals)
        groups = (group for group, _ in table.totals)
        for line, (group, (name, currency, sums)) in enumerate(
            zip(groups, table.named_totals(), strict=True), first
        ):
            decimals = places(currency)
            self._text(line, 0, name, self._pens.label)
            last = line == place.header - 1
            pen = self._pens.of(Kind.MONEY, decimals, marked=True, sums=last, fill=False)
            for span, column in zip(place.columns, table.columns, strict=True):
                if not column.total:
                    continue
                number = span.start
                minor = sums.get(column.key, 0)
                formula = total(column, table, self._layout, (group, currency), decimals)
                if not formula or not table.count or abs(minor) > EXACT_MAX:
                    self._number(line, number, minor, decimals, pen)
                    continue
                self._formula(line, number, formula, _major(minor, decimals), pen)

    def _row(self, table: Table[Any], place: Place, line: int, row: Any) -> None:
        at = place.header + line
        currency = table.currency_of(row)
        decimals = places(currency)
        marked = table.marked is not None and table.marked(row)
        if table.numbered:
            pen = self._pens.of(Kind.WHOLE, 0, marked=marked, sums=False, fill=False)
            self._check(self._sheet.write_number(at, 0, line, pen))
        lines = 1
        for span, column in zip(place.columns, table.columns, strict=True):
            cell, fill, number = column.of(row), column.fill, span.start
            if cell in {None, ""} and not fill:
                continue
            shown = (
                Kind.WHOLE if column.kind is Kind.MONEY and not currency else column.kind
            )
            if shown is Kind.TEXT and cell:
                if len(span) > 1 and len(str(cell)) <= self._room(span):
                    shown = Kind.ID  # on one line, over the empty cells beside it
                else:
                    lines = self._high_enough(at, number, str(cell), lines)
            pen = self._pens.of(shown, decimals, marked=marked, sums=False, fill=fill)
            formula = column.formula(row) if callable(column.formula) else column.formula
            if formula and not (isinstance(cell, int) and abs(cell) > EXACT_MAX):
                text = live(formula, self._layout, table, place, at, decimals)
                value = _value(cell, column.kind, decimals)
                self._formula(at, number, text, value, pen)
            else:
                self._cell(at, number, cell, column, decimals, pen)
            if fill:
                self._band(at, span, pen)

    def _room(self, span: range) -> int:
        """Characters that fit into the columns which a text runs over."""
        return sum(self._widths[number] for number in span) - 1

    def _cell(
        self,
        row: int,
        number: int,
        cell: Cell,
        column: Column[Any],
        decimals: int,
        pen: Any,
    ) -> None:
        kind = column.kind
        if cell is None or cell == "":
            self._check(self._sheet.write_blank(row, number, None, pen))
        elif kind is Kind.MONEY and isinstance(cell, int):
            self._number(row, number, cell, decimals, pen)
        elif kind in {Kind.WHOLE, Kind.PERCENT}:
            self._check(self._sheet.write_number(row, number, cell, pen))
        elif kind is Kind.NUMBER and isinstance(cell, Decimal):
            self._quantity(row, number, cell, pen)
        elif kind is Kind.DAY and (day := date.fromisoformat(str(cell))) >= FIRST_DAY:
            self._check(self._sheet.write_datetime(row, number, day, pen))
        elif kind is Kind.LINK and self._linkable(str(cell)):
            self._links += 1
            self._check(self._sheet.write_url(row, number, str(cell)))
        else:
            self._text(row, number, str(cell), pen)

    def _linkable(self, address: str) -> bool:
        short = len(address) <= LINK_MAX and self._links < LINKS_MAX
        return short and address.startswith("https://") and printable(address) == address

    def _after(self, table: Table[Any], place: Place) -> None:
        """What a person may fill in, and colours for what a check found."""
        for span, column in zip(place.columns, table.columns, strict=True):
            number = span.start
            if column.choices:
                self._check(
                    self._sheet.data_validation(
                        place.first,
                        number,
                        place.last,
                        number,
                        {"validate": "list", "source": list(column.choices)},
                    )
                )
            if column.key == "result":
                for word, pen in (("CHECK", self._pens.wrong), ("OK", self._pens.right)):
                    rule = {
                        "type": "cell",
                        "criteria": "==",
                        "value": f'"{word}"',
                        "format": pen,
                    }
                    self._check(
                        self._sheet.conditional_format(
                            place.first, number, place.last, number, rule
                        )
                    )

    # --- charts ---------------------------------------------------------------------

    def _chart(self, block: Chart, place: Place) -> None:
        """The figures as a small table, and the picture of them below."""
        decimals = places(block.currency)
        pen = self._pens.of(Kind.MONEY, decimals, marked=False, sums=False, fill=False)
        columns = [span.start for span in place.columns]
        self._check(self._sheet.set_row(place.header, 2 * LINE_POINTS))
        for number, one in zip(columns, block.series, strict=True):
            self._text(place.header, number, one.name, self._pens.top_right)
        for line, label in enumerate(block.labels):
            self._text(place.first + line, 0, label)
            for number, one in zip(columns, block.series, strict=True):
                self._number(place.first + line, number, one.minor[line], decimals, pen)
        chart = picture(self._book, block, place)
        options = {"description": printable(block.words)[:TEXT_MAX], "object_position": 1}
        self._check(self._sheet.insert_chart(place.last + 1, 0, chart, options))

    # --- typed writes, each one checked ------------------------------------------------

    def _text(self, row: int, column: int, text: str, pen: Any = None) -> None:
        clean = printable(text)
        if len(clean) > TEXT_MAX:
            clean = clean[: TEXT_MAX - len(CUT)] + CUT
        self._check(self._sheet.write_string(row, column, clean, pen))

    def _number(self, row: int, column: int, minor: int, decimals: int, pen: Any) -> None:
        """An amount; as text where a spreadsheet's figures would no longer be exact."""
        if abs(minor) > EXACT_MAX:
            self._text(row, column, f"{_major(minor, decimals):f}", pen)
        else:
            self._check(self._sheet.write_number(row, column, _major(minor, decimals), pen))

    def _quantity(self, row: int, column: int, cell: Decimal, pen: Any) -> None:
        """A quantity; as text where a spreadsheet's figures would no longer be exact."""
        text = plain(cell)
        if sum(sign.isdigit() for sign in text) > EXACT_DIGITS:
            self._text(row, column, text, pen)
        else:
            self._check(self._sheet.write_number(row, column, cell, pen))

    def _formula(
        self, row: int, column: int, formula: str, value: Decimal | int | str, pen: Any
    ) -> None:
        self._check(self._sheet.write_formula(row, column, formula, pen, value))

    def _check(self, code: int | None) -> None:
        """The library answers with a code and does not raise."""
        if code not in {0, None}:
            raise NotWritten(f"{self._section.title}: xlsxwriter answered {code}")


class NotWritten(Exception):
    """A cell could not be written into the workbook."""


def _major(minor: int, decimals: int) -> Decimal:
    return Decimal(minor).scaleb(-decimals)


def _value(cell: Cell, kind: Kind, decimals: int) -> Decimal | int | str:
    if kind is Kind.MONEY and isinstance(cell, int):
        return _major(cell, decimals)
    return "" if cell is None else cell
