"""A report as one page: no script, nothing from elsewhere, fit for paper and for a phone."""

import re
from functools import cache
from typing import Any, BinaryIO

from sync.report.cells import printable, readable, time
from sync.report.charts import svg
from sync.report.document import FIGURES, Chart, Column, Document, Facts, Kind, Prose, Table

_UNQUOTED = re.compile(r"[^\w .,:;()/+·–—-]")  # a quote, a backslash, < and their like
ROWS_MAX = 2_000  # rows of one table on a page; the files for programs have them all


def write(document: Document, out: BinaryIO) -> None:
    """Write the page. Every text in it is escaped by the template."""
    stream = _template().stream(
        document=document, head=document.head, as_of=time(document.head.as_of), view=_View()
    )
    stream.enable_buffering(50)
    out.writelines(piece.encode("utf-8", "replace") for piece in stream)


@cache
def _template() -> Any:
    from jinja2 import Environment, PackageLoader, StrictUndefined

    shelf = Environment(
        loader=PackageLoader("sync.report"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return shelf.get_template("report.html")


class _View:
    """What the template asks of a block."""

    rows_max = ROWS_MAX

    def kind(self, block: object) -> str:
        """Which part of the template shows it."""
        return {Facts: "facts", Prose: "prose", Chart: "chart", Table: "table"}[type(block)]

    def picture(self, chart: Chart) -> str:
        """A chart: markup of our own making, its texts escaped there."""
        return svg(chart)

    def columns(self, table: Table[Any]) -> tuple[Column[Any], ...]:
        """The columns of a table on a page."""
        return table.used_columns(ROWS_MAX)

    def lines(self, table: Table[Any], columns: tuple[Column[Any], ...]) -> Any:
        """The rows as text: (line, marked, cells)."""
        for line, row in table.numbered_rows():
            if line > ROWS_MAX:
                return
            currency = table.currency_of(row)
            marked = table.marked is not None and table.marked(row)
            yield (
                line,
                marked,
                [readable(one.of(row), one.kind, currency) for one in columns],
            )

    def total(self, column: Column[Any], sums: dict[str, int], currency: str) -> str:
        """A column's total, or nothing."""
        if not column.total:
            return ""
        return readable(sums.get(column.key, 0), Kind.MONEY, currency)

    def look(self, column: Column[Any]) -> str:
        """The classes of a column's cells; x: not on paper, which is narrow; f: to fill in."""
        look = "n" if column.kind in FIGURES else "t" if column.kind is Kind.TEXT else "i"
        look = f"{look} f" if column.fill else look
        return look if column.brief else f"{look} x"

    def link(self, column: Column[Any], text: str) -> bool:
        """May this cell be a link? Only to where a browser should go."""
        return column.kind is Kind.LINK and text.startswith("https://")

    def quoted(self, text: str) -> Any:
        """A text between the quotes of a style: only signs that end nothing there."""
        from markupsafe import Markup

        return Markup(_UNQUOTED.sub("?", printable(text)))  # noqa: S704 - nothing to escape

    def clean(self, text: str) -> str:
        """A text without signs that steer a reader."""
        return printable(text)
