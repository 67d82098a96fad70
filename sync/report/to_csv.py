"""A table as CSV: RFC 4180, CRLF, two columns for each amount.

Text that a spreadsheet would run as a formula gets a leading apostrophe (OWASP: CSV
injection); figures are made from integers only and need none.
"""

import csv
import io
from typing import Any, BinaryIO

from sync.report.cells import decimal_text, safe_cell
from sync.report.document import Cell, Document, Kind, Table

BOM = "\ufeff"


def write(document: Document, out: BinaryIO, *, table: str = "", bom: bool = True) -> None:
    """Write one table of a report, by default its main one.

    Every line ends with the run's id, so that a row cut out of the file still says where
    it comes from. Raises KeyError for a table that is not there.
    """
    chosen = document.table(table or document.main)
    text = io.TextIOWrapper(out, encoding="utf-8", newline="", write_through=True)
    try:
        text.write(BOM if bom else "")
        writer = csv.writer(text, lineterminator="\r\n")
        writer.writerow(_titles(chosen))
        for number, row in chosen.numbered_rows():
            line = [str(number)] if chosen.numbered else []
            writer.writerow([*line, *_cells(chosen, row, document.head.run_id)])
    finally:
        text.detach()


def _titles(chosen: Table[Any]) -> list[str]:
    titles = ["Line"] if chosen.numbered else []
    for column in chosen.columns:
        titles.append(column.title)
        if column.kind is Kind.MONEY:
            titles.append(f"{column.title} (minor)")
    return [*titles, "Run"]


def _cells(chosen: Table[Any], row: Any, run_id: str) -> list[str]:
    currency = chosen.currency_of(row)
    cells: list[str] = []
    for column in chosen.columns:
        cell = column.of(row)
        if column.kind is Kind.MONEY:
            cells.extend(_amount(cell, currency))
        elif column.kind in {Kind.WHOLE, Kind.PERCENT}:
            cells.append("" if cell is None else str(cell))
        else:
            cells.append(safe_cell(_text(cell)))
    return [*cells, safe_cell(_text(run_id))]


def _amount(cell: Cell, currency: str) -> tuple[str, str]:
    if not isinstance(cell, int):
        return "", ""
    return decimal_text(cell, currency), str(cell)


def _text(cell: Cell) -> str:
    """A NUL ends a text in many readers, so none is written."""
    text = "" if cell is None else str(cell)
    return text.replace("\0", "\ufffd").encode("utf-8", "replace").decode("utf-8")
