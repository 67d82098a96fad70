"""A table as CSV: RFC 4180, CRLF, two columns for each amount.

Text that a spreadsheet would run as a formula gets a leading apostrophe (OWASP: CSV
injection); figures are made from integers only and need none.
"""

import csv
import io
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, BinaryIO

from sync.report.cells import decimal_text, plain, safe_cell
from sync.report.document import FIGURES, Cell, Document, Kind, Table

BOM = "\ufeff"


@dataclass(frozen=True, slots=True)
class Dialect:
    """How the file is written: for whom, and for which Excel."""

    bom: bool = True  # Excel takes UTF-8 without the mark for something else
    semicolon: bool = False  # `;` between cells and a decimal comma, as in most of Europe


PLAIN = Dialect()


def write(
    document: Document, out: BinaryIO, *, table: str = "", dialect: Dialect = PLAIN
) -> None:
    """Write one table of a report, by default its main one.

    Every line ends with the run's id, so that a row cut out of the file still says where
    it comes from. Raises KeyError for a table that is not there.
    """
    chosen = document.table(table or document.main)
    text = io.TextIOWrapper(out, encoding="utf-8", newline="", write_through=True)
    try:
        text.write(BOM if dialect.bom else "")
        between = ";" if dialect.semicolon else ","
        writer = csv.writer(text, delimiter=between, lineterminator="\r\n")
        writer.writerow(_titles(chosen))
        for number, row in chosen.numbered_rows():
            line = [str(number)] if chosen.numbered else []
            cells = _cells(chosen, row, document.head.run_id, comma=dialect.semicolon)
            writer.writerow([*line, *cells])
    finally:
        text.detach()


def _titles(chosen: Table[Any]) -> list[str]:
    titles = ["Line"] if chosen.numbered else []
    for column in chosen.columns:
        titles.append(column.title)
        if column.kind is Kind.MONEY:
            titles.append(f"{column.title} (minor)")
    return [*titles, "Run"]


def _cells(chosen: Table[Any], row: Any, run_id: str, *, comma: bool) -> list[str]:
    currency = chosen.currency_of(row)
    cells: list[str] = []
    for column in chosen.columns:
        cell = column.of(row)
        if column.kind is Kind.MONEY:
            amount, minor = _amount(cell, currency)
            cells.extend((_decimal(amount, comma=comma), minor))
        elif column.kind in FIGURES:
            cells.append(_decimal(_figure(cell, column.kind), comma=comma))
        else:
            cells.append(safe_cell(_text(cell)))
    return [*cells, safe_cell(_text(run_id))]


def _figure(cell: Cell, kind: Kind) -> str:
    if kind is Kind.NUMBER and isinstance(cell, Decimal):
        return plain(cell)
    return "" if cell is None else str(cell)


def _amount(cell: Cell, currency: str) -> tuple[str, str]:
    if not isinstance(cell, int):
        return "", ""
    return decimal_text(cell, currency), str(cell)


def _decimal(figure: str, *, comma: bool) -> str:
    return figure.replace(".", ",") if comma else figure


def _text(cell: Cell) -> str:
    """A NUL ends a text in many readers, so none is written."""
    text = "" if cell is None else str(cell)
    return text.replace("\0", "\ufffd").encode("utf-8", "replace").decode("utf-8")
