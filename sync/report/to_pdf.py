"""A report on paper: tagged PDF/A, set by typst from data that it never runs."""

import json
import re
from collections.abc import Iterator
from datetime import datetime
from importlib import resources
from itertools import groupby
from typing import Any, BinaryIO, Literal

from sync.report.cells import printable as clean
from sync.report.cells import readable, shortened, time
from sync.report.charts import svg
from sync.report.document import (
    FIGURES,
    Block,
    Chart,
    Column,
    Document,
    Facts,
    Kind,
    Prose,
    Section,
    Table,
)

COLUMNS_MAX = 10  # more cannot be read on A4
ROWS_MAX = 2_000  # rows of one table that are printed
STANDARD: Literal["a-2a"] = "a-2a"  # archivable, and tagged for who cannot see it
_INK = "#1b1f24"
NO_SIGN = "?"
TEXT_MAX = 1_000  # characters of a cell on paper
NARROW = 26  # characters of a text that its column can hold on one line
WIDE = 80  # beyond it a longer text asks for no more room
WORD_MAX = 24  # characters of a word, after which a line may break within it
_LONG_WORD = re.compile(rf"(\S{{{WORD_MAX}}})(?=\S)")
_BREAK = "\u200b"  # shows nothing; a line may end there
_RARE = re.compile(
    "[^\n -\u052f\u2010-\u2027\u2030-\u205e\u20a0-\u20bf\u2190-\u21ff\u2200-\u22ff]"
)
_PRIVATE = re.compile("[\ue000-\uf8ff\U000f0000-\U0010ffff]")
_NOT_LATIN = re.compile("[^\n -\xff–—…→↔−Σ≤]")


class PdfMissing(Exception):
    """PDF needs the extra `pdf`, which is not installed; pip install 'tieout[pdf]'."""


def write(document: Document, out: BinaryIO) -> None:
    """Write the PDF. The same report gives the same bytes. Raises PdfMissing."""
    try:
        import typst
    except ModuleNotFoundError as error:
        raise PdfMissing(PdfMissing.__doc__ or "") from error
    data = json.dumps(_body(document), ensure_ascii=False)
    # An archived page shows every sign or none: first with the fonts that come along, then
    # with those of this machine, then without the signs that no font here has.
    for fonts_here, clear in ((False, _all), (True, _all), (True, _common), (True, _latin)):
        try:
            made = _set(typst, clear(data), document.head.as_of, fonts_here=fonts_here)
        except typst.TypstError as error:
            if "could not be displayed" not in error.message or clear is _latin:
                raise
        else:
            out.write(made)
            return


def _set(typst: Any, data: str, as_of: datetime, *, fonts_here: bool) -> bytes:
    template = resources.files("sync.report").joinpath("templates/report.typ").read_bytes()
    # Given as an input it stays data: nothing in it is markup.
    made: bytes = typst.compile(
        template,
        format="pdf",
        sys_inputs={"data": data},
        pdf_standards=[STANDARD],
        ignore_system_fonts=not fonts_here,
        timestamp=as_of.replace(microsecond=0),
    )
    return made


def _all(text: str) -> str:
    return text


def _common(text: str) -> str:
    """Without what only a font for one script, or for pictures, can show."""
    return _RARE.sub(NO_SIGN, text)


def _latin(text: str) -> str:
    return _NOT_LATIN.sub(NO_SIGN, text)


def _body(document: Document) -> dict[str, Any]:
    head = document.head
    return {
        "title": _print(head.title),
        "entity": _print(head.entity),
        "period": _print(head.period),
        "as_of": time(head.as_of),
        "run": _print(head.run_id),
        "version": _print(head.version),
        "currencies": head.currencies,
        "restated": _print(head.restated_from),
        "outcome": document.outcome.replace("_", " "),
        "good": document.outcome != "OPEN_ITEMS" and not document.failed,
        "digest": _print(head.digest),
        "audit": _print(head.audit),
        "sections": [
            {
                "title": _print(section.title),
                "blocks": list(_blocks(section)),
            }
            for section in document.sections
            if section.on_paper
        ],
    }


def _blocks(section: Section) -> Iterator[dict[str, Any]]:
    """A section's blocks; charts that follow one another stand side by side."""
    for of_charts, some in groupby(section.blocks, lambda one: isinstance(one, Chart)):
        if of_charts:
            yield {"kind": "charts", "heading": "", "charts": [_block(one) for one in some]}
        else:
            for one in some:
                yield {**_block(one), "heading": _heading(one, section.title)}


def _heading(block: Block, title: str) -> str:
    return "" if block.title == title or isinstance(block, Chart) else _print(block.title)


def _block(block: Block) -> dict[str, Any]:
    match block:
        case Facts():
            pairs = [[_print(name), _print(value)] for name, value in block.pairs]
            return {"kind": "facts", "pairs": pairs}
        case Prose():
            return {"kind": "prose", "lines": [_print(one) for one in block.paragraphs]}
        case Chart():
            words = _print(block.words)
            title = _print(block.title)
            return {"svg": svg(block, ink=_INK), "words": words, "title": title}
        case _:
            return _table(block)


def _table(table: Table[Any]) -> dict[str, Any]:
    """The brief columns of a table, its ids shortened; the files for programs have it all."""
    columns = _columns(table)
    lines = table.numbered and len(columns) < COLUMNS_MAX
    long = table.count > ROWS_MAX
    note = table.note
    if not table.count:
        note = table.empty
    elif long:
        note = (
            f"{table.count:,} rows are too many for paper; they stand in the XLSX, CSV and "
            "JSON of this report. The totals are below."
        )
    rows = []
    for line, row in () if long else table.numbered_rows():
        currency = table.currency_of(row)
        cells = [_text(one.of(row), one.kind, currency) for one in columns]
        cells[:0] = [str(line)] if lines else []
        marked = table.marked is not None and table.marked(row)
        rows.append({"cells": cells, "marked": marked})
    first = [0] if lines else []
    return {
        "kind": "table",
        "note": _print(note),
        "heads": [*(["Line"] if lines else []), *(one.title for one in columns)]
        if table.count
        else [],
        "right": [*(True for _ in first), *(one.kind in FIGURES for one in columns)],
        "weights": [*first, *_weights(columns, rows, len(first))],
        "tall": any(one.fill for one in columns),
        "rows": rows,
        "totals": list(_totals(table, columns)) if table.count else [],
    }


def _totals(
    table: Table[Any], columns: list[Column[Any]]
) -> Iterator[dict[str, str | list[str]]]:
    """The name of each total, which runs over what is not summed, and its sums."""
    before = max(next((n for n, one in enumerate(columns) if one.total), len(columns)), 1)
    for name, currency, sums in table.named_totals():
        cells = [
            readable(sums.get(one.key, 0), Kind.MONEY, currency) if one.total else ""
            for one in columns[before:]
        ]
        yield {"name": name, "cells": cells}


def _weights(
    columns: list[Column[Any]], rows: list[dict[str, Any]], first: int
) -> Iterator[int]:
    """What a column asks of the room that is left: 0 where it takes what it needs."""
    for number, one in enumerate(columns, first):
        if one.fill:
            yield one.width
            continue
        texts = (row["cells"][number] for row in rows) if one.kind is Kind.TEXT else ()
        longest = max((len(text) for text in texts), default=0)
        yield min(longest, WIDE) if longest > NARROW else 0


def _columns(table: Table[Any]) -> list[Column[Any]]:
    """The brief columns; the group first where there is more than one, else nobody sees it."""
    used = [one for one in table.used_columns(ROWS_MAX) if one.brief]
    groups = {group for group, _ in table.totals}
    if len(groups) > 1 and all(one.key != table.group for one in used):
        used = [*(one for one in table.columns if one.key == table.group), *used]
    if len(used) > COLUMNS_MAX:
        used = [one for one in used if not one.spare]
    return used[:COLUMNS_MAX]


def _text(cell: Any, kind: Kind, currency: str) -> str:
    text = _PRIVATE.sub(NO_SIGN, readable(cell, kind, currency))
    if kind is Kind.ID and not text.isupper():
        return shortened(text)
    return _LONG_WORD.sub(rf"\1{_BREAK}", _cut(text)) if kind is Kind.TEXT else _cut(text)


def _print(text: str) -> str:
    """Text of others, as far as paper shows it. Signs of private use have no meaning there."""
    return _cut(_PRIVATE.sub(NO_SIGN, clean(text)))


def _cut(text: str) -> str:
    return text if len(text) <= TEXT_MAX else f"{text[:TEXT_MAX]} … (cut)"
