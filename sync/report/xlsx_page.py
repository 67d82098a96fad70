"""How a sheet meets paper and the screen: its widths, its filter, what stays in sight."""

from typing import Any

from sync.report.cells import printable, time
from sync.report.document import Chart, Document, Section, Table
from sync.report.xlsx_grid import Grid
from sync.report.xlsx_layout import Layout, Place

PAGE_WIDTH = 220  # characters across a sheet of paper that can still be read
FROZEN_MAX = 20  # rows that may stay in sight above the ones that scroll
LONG = 20  # rows, from which a header must stay in sight
FILTERED = 5  # rows, from which a filter is of use
COLOURS = ("#2F6F9F", "#B9472F", "#8A8A8A")
HEADER_MAX = 200  # characters of a page's head


def set_page(sheet: Any, document: Document, section: Section, layout: Layout) -> None:
    """Paper: landscape, its head and foot telling the run. Screen: a header that stays."""
    grid = layout.grids[section.key]
    for number, width in enumerate(grid.widths):
        sheet.set_column(number, number, width)
    sheet.set_landscape()
    sheet.set_paper(9)
    head = document.head
    # What the sheet says on top, for the pages on which its own top is not.
    top = f"{head.title} · {head.entity} · {head.period} · as of {time(head.as_of)}"
    sheet.set_header(f"&L&8{_plain(top)}")
    sheet.set_footer(f"&L&8{_plain(head.run_id)[:60]}&C&8&A&R&8&P / &N")
    _fit(sheet, section, layout, grid)
    if grid.lead is not None:
        _keep_in_sight(sheet, section, layout, grid.lead)


def _plain(text: str) -> str:
    """Text in which `&` begins no command."""
    return printable(text)[:HEADER_MAX].replace("&", "&&")


def _fit(sheet: Any, section: Section, layout: Layout, grid: Grid) -> None:
    """One page wide, unless nobody could read it then. Empty columns need no paper."""
    across = sum(grid.widths)
    tables = [one for one in section.blocks if isinstance(one, Table)]
    if across > PAGE_WIDTH and tables and not any(one.count for one in tables):
        last = kept = 0
        for number, width in enumerate(grid.widths):
            kept += width
            if kept <= PAGE_WIDTH:
                last = number
        sheet.print_area(0, 0, layout.ends[section.key], last)
        across = PAGE_WIDTH
    pages = max(-(-across // PAGE_WIDTH), 1)
    sheet.fit_to_pages(pages, 0)
    if pages > 1:
        sheet.print_across()
        sheet.repeat_columns(0)


def _keep_in_sight(sheet: Any, section: Section, layout: Layout, lead: int) -> None:
    """The widest table's header: it stays while its rows scroll, and filters them."""
    table, place = section.blocks[lead], layout.places[section.key, lead]
    if not isinstance(table, Table):
        return
    alone = len(section.blocks) == 1
    if alone or (table.count >= LONG and place.header <= FROZEN_MAX):
        sheet.freeze_panes(place.first, 0)
        sheet.repeat_rows(place.header)
    if alone or table.count >= FILTERED:
        sheet.autofilter(place.header, 0, place.last, place.columns[-1].start)


def picture(book: Any, chart: Chart, place: Place) -> Any:
    """A chart of the figures that stand above it."""
    kind = {"type": "column", "subtype": "stacked"} if chart.stacked else {"type": "column"}
    made = book.add_chart(kind)
    for number, (span, one) in enumerate(zip(place.columns, chart.series, strict=True)):
        column = span.start
        made.add_series(
            {
                "name": printable(one.name),
                "categories": [place.sheet, place.first, 0, place.last, 0],
                "values": [place.sheet, place.first, column, place.last, column],
                "fill": {"color": COLOURS[number % len(COLOURS)]},
            }
        )
    made.set_title({"name": printable(chart.title), "name_font": {"size": 11}})
    made.set_legend({"position": "bottom"} if len(chart.series) > 1 else {"none": True})
    made.set_size({"width": 760, "height": 300})
    return made
