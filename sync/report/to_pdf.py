"""A report on paper: tagged PDF/A, set by typst from data that it never runs."""

import json
from importlib import resources
from typing import Any, BinaryIO, Literal

from sync.report.cells import printable, readable, shortened, time
from sync.report.charts import svg
from sync.report.document import Block, Chart, Document, Facts, Kind, Prose, Table

COLUMNS_MAX = 10  # more cannot be read on A4
ROWS_MAX = 2_000  # rows of one table that are printed
STANDARD: Literal["a-2a"] = "a-2a"  # archivable, and tagged for who cannot see it
_RIGHT = frozenset({Kind.MONEY, Kind.WHOLE, Kind.PERCENT})
_INK = "#1b1f24"


class PdfMissing(Exception):
    """PDF needs the extra `pdf`, which is not installed; pip install 'tieout[pdf]'."""


def write(document: Document, out: BinaryIO) -> None:
    """Write the PDF. The same report gives the same bytes. Raises PdfMissing."""
    try:
        import typst
    except ModuleNotFoundError as error:
        raise PdfMissing(PdfMissing.__doc__ or "") from error
    template = resources.files("sync.report").joinpath("templates/report.typ").read_bytes()
    # Given as an input it stays data: nothing in it is markup.
    data = json.dumps(_body(document), ensure_ascii=False)
    made = typst.compile(
        template,
        format="pdf",
        sys_inputs={"data": data},
        pdf_standards=[STANDARD],
        ignore_system_fonts=True,
        timestamp=document.head.as_of.replace(microsecond=0),
    )
    out.write(made)


def _body(document: Document) -> dict[str, Any]:
    head = document.head
    return {
        "title": printable(head.title),
        "entity": printable(head.entity),
        "period": printable(head.period),
        "as_of": time(head.as_of),
        "run": printable(head.run_id),
        "version": printable(head.version),
        "currencies": head.currencies,
        "restated": head.restated_from,
        "outcome": document.outcome.replace("_", " "),
        "good": document.outcome != "OPEN_ITEMS" and not document.failed,
        "digest": head.digest,
        "audit": head.audit,
        "sections": [
            {
                "title": printable(section.title),
                "blocks": [
                    {**_block(block), "heading": _heading(block, section.title)}
                    for block in section.blocks
                ],
            }
            for section in document.sections
            if section.on_paper
        ],
    }


def _heading(block: Block, title: str) -> str:
    return (
        "" if block.title == title or isinstance(block, Chart) else printable(block.title)
    )


def _block(block: Block) -> dict[str, Any]:
    match block:
        case Facts():
            pairs = [[printable(name), printable(value)] for name, value in block.pairs]
            return {"kind": "facts", "pairs": pairs}
        case Prose():
            return {"kind": "prose", "lines": [printable(one) for one in block.paragraphs]}
        case Chart():
            words = printable(block.words)
            title = printable(block.title)
            return {
                "kind": "chart",
                "svg": svg(block, ink=_INK),
                "words": words,
                "title": title,
            }
        case _:
            return _table(block)


def _table(table: Table[Any]) -> dict[str, Any]:
    """The brief columns of a table, its ids shortened; the files for programs have it all."""
    columns = [one for one in table.used_columns(ROWS_MAX) if one.brief][:COLUMNS_MAX]
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
    for row in () if long else table.rows():
        currency = table.currency_of(row)
        cells = [_text(one.of(row), one.kind, currency) for one in columns]
        marked = table.marked is not None and table.marked(row)
        rows.append({"cells": cells, "marked": marked})
    totals = [
        [
            f"Total {currency}".strip()
            if number == 0
            else readable(sums.get(one.key, 0), Kind.MONEY, currency)
            if one.total
            else ""
            for number, one in enumerate(columns)
        ]
        for currency, sums in table.totals.items()
    ]
    return {
        "kind": "table",
        "note": printable(note),
        "heads": [one.title for one in columns] if table.count else [],
        "right": [one.kind in _RIGHT for one in columns],
        "wide": [one.kind is Kind.TEXT for one in columns],
        "rows": rows,
        "totals": totals if table.count else [],
    }


def _text(cell: Any, kind: Kind, currency: str) -> str:
    text = readable(cell, kind, currency)
    return shortened(text) if kind is Kind.ID and not text.isupper() else text
