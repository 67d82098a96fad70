"""A file as rows of cells: CSV as people's programs write it, and XLSX by calamine."""

import csv
import io
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

BYTES_MAX = 64 * 1024 * 1024
ROWS_MAX = 1_000_000
DELIMITERS = ",;\t|"
_ZIP, _OLE = b"PK\x03\x04", b"\xd0\xcf\x11\xe0"


class BadFile(ValueError):
    """A file that cannot be taken in: one line with file, row, column and remedy."""


@dataclass(frozen=True, slots=True)
class Row:
    """One row, with its number as a spreadsheet shows it."""

    number: int
    cells: tuple[Any, ...]


def tables(name: str, body: bytes) -> Iterator[list[Row]]:
    """Every way to see a file as a table: its sheets, or its likely delimiters.

    The reader takes the first in which it finds its headings. Raises BadFile.
    """
    if not body.strip():
        raise BadFile(f"{name}: is empty; export it again")
    if len(body) > BYTES_MAX:
        raise BadFile(f"{name}: is over {BYTES_MAX // 2**20} MB; export fewer days at once")
    if body.startswith(_ZIP):
        yield from _sheets(name, body)
    elif body.startswith(_OLE):
        raise BadFile(f"{name}: is an old .xls workbook; save it as .xlsx or .csv")
    else:
        text = _decoded(name, body)
        for delimiter in _likely(text):
            yield _rows(name, text, delimiter)


def _decoded(name: str, body: bytes) -> str:
    marked = body[:2] in {b"\xff\xfe", b"\xfe\xff"}
    for encoding in ("utf-16" if marked else "utf-8-sig", "cp1252"):
        text = _text(body, encoding)
        if text is not None and "\0" not in text:
            return text
    raise BadFile(f"{name}: is no text and no workbook; export it as CSV or XLSX")


def _text(body: bytes, encoding: str) -> str | None:
    try:
        return body.decode(encoding)
    except UnicodeDecodeError:
        return None


def _likely(text: str) -> list[str]:
    """Delimiters by how often they stand in the first lines."""
    head = "\n".join(text.splitlines()[:20])
    return sorted(
        (one for one in DELIMITERS if one in head), key=head.count, reverse=True
    ) or [","]


def _rows(name: str, text: str, delimiter: str) -> list[Row]:
    rows: list[Row] = []
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    try:
        for cells in reader:
            rows.append(Row(reader.line_num, tuple(cells)))
            if len(rows) > ROWS_MAX:
                raise BadFile(f"{name}: has over {ROWS_MAX} rows; export fewer days")
    except csv.Error as error:
        raise BadFile(
            f"{name}: row {reader.line_num}: {error}; is it cut off? export it again"
        ) from None
    return rows


def _sheets(name: str, body: bytes) -> Iterator[list[Row]]:
    try:
        import python_calamine
    except ImportError:
        raise BadFile(
            f"{name}: workbooks need the extra erp: pip install 'tieout[erp]'; "
            "or save it as .csv"
        ) from None
    try:
        book = python_calamine.CalamineWorkbook.from_filelike(io.BytesIO(body))
        for sheet_name in book.sheet_names:
            sheet = book.get_sheet_by_name(sheet_name)
            top = sheet.start[0] if sheet.start is not None else 0
            values = sheet.to_python(skip_empty_area=True)
            yield [Row(top + n, tuple(cells)) for n, cells in enumerate(values, start=1)]
    except (python_calamine.CalamineError, OSError, ValueError) as error:
        raise BadFile(f"{name}: is no readable workbook ({error}); save it again") from None


def read(path: Path) -> bytes:
    """A file's bytes, never more than the limit. Raises BadFile."""
    try:
        with path.open("rb") as file:
            return file.read(BYTES_MAX + 1)
    except OSError as error:
        raise BadFile(f"{path.name}: cannot be read: {error.strerror}") from None
