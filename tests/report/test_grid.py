"""Tables that share a sheet: none is cut by another's columns, and each header can be found."""

import io
import zipfile
from itertools import pairwise

import pytest

from sync import reporting
from sync.report.document import FIGURES, Kind, Section, Table
from sync.report.material import Material
from sync.report.xlsx_grid import grid_of
from tests.report.conftest import rendered

NEVER_CUT = FIGURES | {Kind.DAY}


@pytest.fixture(scope="module")
def sections(much: Material, beside: Material) -> list[Section]:
    wish = reporting.Wish(closed=True, internal=True)
    return [
        section
        for material in (much, beside)
        for name in reporting.NAMES
        for section in reporting.document(name, material, wish).sections
    ]


def test_columns_follow_one_another_and_a_figure_is_never_cut(
    sections: list[Section],
) -> None:
    for section in sections:
        grid = grid_of(section)
        for block, spans in zip(section.blocks, grid.columns, strict=True):
            assert all(a.stop <= b.start for a, b in pairwise(spans))
            assert all(span.stop <= len(grid.widths) for span in spans)
            if not isinstance(block, Table):
                continue
            for column, span in zip(block.columns, spans, strict=True):
                room = sum(grid.widths[number] for number in span)
                if column.kind in NEVER_CUT:
                    assert len(span) == 1
                    assert room >= column.width, (section.title, column.title)
                elif column.kind is Kind.ID:
                    assert room >= column.width, (section.title, column.title)


def test_a_short_table_leaves_the_widest_one_its_own_columns(
    sections: list[Section],
) -> None:
    for section in sections:
        grid = grid_of(section)
        if section.title != "Summary" or grid.lead is None:
            continue
        lead = section.blocks[grid.lead]
        assert isinstance(lead, Table)
        currency = next(n for n, one in enumerate(lead.columns) if one.key == "currency")
        assert grid.widths[currency] == lead.columns[currency].width
        assert sum(grid.widths) <= 220  # one sheet of paper


def test_a_long_table_keeps_its_header_in_sight_and_can_be_filtered(much: Material) -> None:
    made = reporting.document("credit-memos", much)
    with zipfile.ZipFile(io.BytesIO(rendered(made, "xlsx"))) as pack:
        register = pack.read("xl/worksheets/sheet1.xml").decode()
    assert "<pane " in register
    assert "<autoFilter " in register
