"""Every live formula, calculated anew by LibreOffice, gives the figure that stands beside it."""

import io
import os
import re
import shutil
import subprocess
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from python_calamine import CalamineWorkbook

from sync import reporting
from sync.report.document import Document
from sync.report.material import Material
from tests.report.conftest import rendered

OFFICE = shutil.which("soffice")
NEEDED = "LibreOffice Calc is not here; on Debian: apt-get install libreoffice-calc-nogui"
# On a machine that builds for others a missing program is a failure, not a skip.
pytestmark = pytest.mark.skipif(OFFICE is None and "CI" not in os.environ, reason=NEEDED)

RECALCULATE = """<?xml version="1.0" encoding="UTF-8"?>
<oor:items xmlns:oor="http://openoffice.org/2001/registry">
<item oor:path="/org.openoffice.Office.Calc/Formula/Load"><prop oor:name="OOXMLRecalcMode"
 oor:op="fuse"><value>0</value></prop></item>
</oor:items>
"""
BESIDE = "-beside"
TWO_REGISTERS = tuple(
    f"{name}{BESIDE}" for name in ("reconciliation", "rollforward", "credit-memos")
)
_FORMULA = re.compile(r"(<c [^>]*><f>[^<]*</f>)<v>[^<]*</v>")


def without_figures(workbook: bytes) -> tuple[bytes, int]:
    """The workbook with its formulas alone, and how many there are."""
    out, found = io.BytesIO(), 0
    with (
        zipfile.ZipFile(io.BytesIO(workbook)) as old,
        zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as new,
    ):
        for name in old.namelist():
            body = old.read(name)
            if name.startswith("xl/worksheets/"):
                text, times = _FORMULA.subn(r"\1", body.decode())
                body, found = text.encode(), found + times
            new.writestr(name, body)
    return out.getvalue(), found


@pytest.fixture(scope="module")
def calculated(
    documents: dict[str, Document],
    beside: Material,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[dict[str, tuple[bytes, bytes, int]]]:
    """By report: as written, as calculated by the other program, and its formulas."""
    assert OFFICE is not None, NEEDED
    folder = tmp_path_factory.mktemp("office")
    profile = folder / "profile"
    (profile / "user").mkdir(parents=True)
    (profile / "user" / "registrymodifications.xcu").write_text(RECALCULATE)
    written = {name: rendered(made, "xlsx") for name, made in documents.items()}
    for name in TWO_REGISTERS:  # totals by leg, and the view between the two
        made = reporting.document(name.removesuffix(BESIDE), beside)
        written[name] = rendered(made, "xlsx")
    formulas = {}
    for name, workbook in written.items():
        bare, formulas[name] = without_figures(workbook)
        (folder / f"{name}.xlsx").write_bytes(bare)
    subprocess.run(
        [
            OFFICE, f"-env:UserInstallation={profile.as_uri()}", "--headless", "--convert-to",
            "xlsx:Calc MS Excel 2007 XML", "--outdir", str(folder / "out"),
            *(str(folder / f"{name}.xlsx") for name in written),
        ],
        check=True,
        capture_output=True,
        timeout=170,
    )  # fmt: skip
    yield {
        name: (workbook, (folder / "out" / f"{name}.xlsx").read_bytes(), formulas[name])
        for name, workbook in written.items()
    }
    shutil.rmtree(folder)


def sheets(workbook: bytes) -> dict[str, list[list[Any]]]:
    book = CalamineWorkbook.from_filelike(io.BytesIO(workbook))
    return {
        name: book.get_sheet_by_name(name).to_python(skip_empty_area=False)
        for name in book.sheet_names
    }


@pytest.mark.parametrize("name", [*reporting.NAMES, *TWO_REGISTERS])
def test_each_formula_gives_the_figure_beside_it(
    calculated: dict[str, tuple[bytes, bytes, int]], name: str
) -> None:
    ours, theirs, formulas = calculated[name]
    assert formulas > 0 or name in {"audit", "worklist"}
    mine, other = sheets(ours), sheets(theirs)
    assert list(mine) == list(other)
    for title, rows in mine.items():
        for at, row in enumerate(rows):
            for column, cell in enumerate(row):
                again = other[title][at][column] if column < len(other[title][at]) else ""
                assert again == cell, f"{title} row {at + 1} column {column + 1}"


def test_a_formula_without_a_figure_is_really_calculated(
    calculated: dict[str, tuple[bytes, bytes, int]],
) -> None:
    """The control: with the figures taken out, our own reader sees nothing there."""
    ours, theirs, _ = calculated["reconciliation"]
    bare, formulas = without_figures(ours)
    assert formulas > 100
    assert sheets(bare)["Summary"] != sheets(theirs)["Summary"]
    assert Path(OFFICE or "").exists()
