"""Every live formula, calculated anew by LibreOffice, gives the figure that stands beside it."""

import io
import os
import re
import shutil
import subprocess
import zipfile
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from python_calamine import CalamineWorkbook
from xlsxwriter.utility import xl_col_to_name

from sync import reporting
from sync.report import reconciliation
from sync.report.document import Document
from sync.report.material import Material
from tests.report.conftest import rendered
from tests.report.corrupted import Failed, checks_of, only

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
BESIDE, MUCH = "-beside", "-much"
TOUCHED = {f"line-{number}": number for number in range(1, 8)}  # those that are formulas
LEG = "core↔stripe"
EDITED: dict[str, tuple[str, str, set[Failed]]] = {
    # An amount of Detail that a person types over: its row, its column, and what shows it. The
    # variances beside it are formulas, so they move as well.
    "edit-core": (
        "ci_cedar",
        "Core amount",
        {(2, LEG, "USD"), (5, LEG, "USD"), (6, LEG, "USD")},
    ),
    "edit-gross": (
        "ci_fir",
        "Downstream gross",
        {(3, LEG, "BHD"), (5, LEG, "BHD"), (6, LEG, "BHD")},
    ),
    "edit-memo": (
        "ci_birch",
        "Credit memos",
        {(4, LEG, "USD"), (5, LEG, "USD"), (6, LEG, "USD")},
    ),
    "edit-explained": ("ci_birch", "Explained by memo", {(6, LEG, "USD")}),
    "edit-open": ("ci_fir", "Open balance", {(7, LEG, "BHD")}),
}
TWO_REGISTERS = tuple(
    f"{name}{BESIDE}" for name in ("reconciliation", "rollforward", "credit-memos")
)
BIGGER = tuple(f"{name}{MUCH}" for name in reporting.NAMES)
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


def typed_over(workbook: bytes, core: str, title: str) -> bytes:
    """The workbook with one more unit in an amount of Detail, and nothing calculated anew."""
    book = sheets(workbook)
    rows = book["Detail"]
    head = next(n for n, row in enumerate(rows) if row[0] == "Line")
    row = next(n for n, one in enumerate(rows) if core in one and n > head)
    cell = f"{xl_col_to_name(rows[head].index(title))}{row + 1}"
    part = f"xl/worksheets/sheet{list(book).index('Detail') + 1}.xml"
    amount = re.compile(rf'(<c r="{cell}"[^>]*><v>)([^<]*)(?=</v>)')
    out = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(workbook)) as old, zipfile.ZipFile(out, "w") as new:
        for name in old.namelist():
            body = old.read(name)
            if name == part:
                text, times = amount.subn(
                    lambda found: f"{found[1]}{Decimal(found[2]) + 1}", body.decode()
                )
                assert times == 1, cell
                body = text.encode()
            new.writestr(name, body)
    return out.getvalue()


@pytest.fixture(scope="module")
def calculated(
    documents: dict[str, Document],
    material: Material,
    beside: Material,
    much: Material,
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
    for name, number in TOUCHED.items():
        touched = only(number)
        books = beside if touched.two_registers else material
        written[name] = rendered(reconciliation.build(touched.touch(books)), "xlsx")
    for name, (core, title, _) in EDITED.items():
        written[name] = typed_over(written["reconciliation"], core, title)
    wish = reporting.Wish(closed=True, internal=True)
    for name in BIGGER:  # long columns, and every currency's decimals
        made = reporting.document(name.removesuffix(MUCH), much, wish)
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


@pytest.mark.parametrize("name", [*reporting.NAMES, *TWO_REGISTERS, *BIGGER])
def test_each_formula_gives_the_figure_beside_it(
    calculated: dict[str, tuple[bytes, bytes, int]], name: str
) -> None:
    ours, theirs, formulas = calculated[name]
    assert formulas > 0 or name.removesuffix(MUCH) in {"audit", "worklist", "credits"}
    mine, other = sheets(ours), sheets(theirs)
    assert list(mine) == list(other)
    for title, rows in mine.items():
        for at, row in enumerate(rows):
            for column, cell in enumerate(row):
                again = other[title][at][column] if column < len(other[title][at]) else ""
                assert again == cell, f"{title} row {at + 1} column {column + 1}"


@pytest.mark.parametrize("name", TOUCHED)
def test_a_line_that_fails_is_calculated_to_fail(
    calculated: dict[str, tuple[bytes, bytes, int]], name: str
) -> None:
    """Where a row itself was touched, its live variances break the lines that hang on them."""
    ours, theirs, _ = calculated[name]
    failed = only(TOUCHED[name]).failed
    assert checks_of(ours) == failed
    assert failed <= checks_of(theirs)
    assert {number for number, *_ in checks_of(theirs) - failed} <= {5, 6}


@pytest.mark.parametrize("name", EDITED)
def test_an_amount_that_a_person_types_over_is_seen(
    calculated: dict[str, tuple[bytes, bytes, int]], name: str
) -> None:
    ours, theirs, _ = calculated[name]
    assert checks_of(ours) == set(), "nothing has been calculated yet"
    assert checks_of(theirs) == EDITED[name][2]


def test_a_formula_without_a_figure_is_really_calculated(
    calculated: dict[str, tuple[bytes, bytes, int]],
) -> None:
    """The control: with the figures taken out, our own reader sees nothing there."""
    ours, theirs, _ = calculated["reconciliation"]
    bare, formulas = without_figures(ours)
    assert formulas > 100
    assert sheets(bare)["Summary"] != sheets(theirs)["Summary"]
    assert Path(OFFICE or "").exists()
