"""The seed's story in every report and format, compared with what a person once looked at.

The run is one that was kept once (golden/run.json): a run stays readable, whatever later
versions keep. `pytest tests/report/test_golden.py --update-golden` writes the files anew,
all but that run; then read the difference that git shows.
"""

import io
import json
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from python_calamine import CalamineWorkbook

from sync import reporting
from sync.report import to_pdf
from sync.report.codec import read_run, run_text
from sync.report.document import Document
from tests.report.company import seed_story
from tests.report.conftest import rendered

GOLDEN = Path(__file__).parent / "golden"
BINARY = {"xlsx", "pdf"}


def cells_of(workbook: bytes) -> str:
    """Every cell of a workbook that holds something, sheet by sheet."""
    lines = []
    book = CalamineWorkbook.from_filelike(io.BytesIO(workbook))
    for name in book.sheet_names:
        lines.append(f"== {name}")
        rows: list[list[Any]] = book.get_sheet_by_name(name).to_python(
            skip_empty_area=False
        )
        lines.extend(" | ".join(str(cell) for cell in row).rstrip(" |") for row in rows)
    return "\n".join(lines) + "\n"


def readable(document: Document, form: str, made: bytes) -> str:
    """A report as text that git can show the difference of."""
    if form == "xlsx":
        return cells_of(made)
    if form == "pdf":
        body = json.dumps(to_pdf._body(document), indent=1, ensure_ascii=False)
        return body + "\n"
    return made.decode("utf-8")


@pytest.fixture(scope="module")
def kept(request: pytest.FixtureRequest) -> Iterator[dict[str, Document]]:
    company = seed_story(decided=False)
    path = GOLDEN / "run.json"
    if request.config.getoption("--update-golden") and not path.exists():
        GOLDEN.mkdir(exist_ok=True)
        path.write_text(run_text(company.reconcile())[0] + "\n", encoding="utf-8")
    text = path.read_text(encoding="utf-8").rstrip("\n")
    digest = sha256(text.encode()).hexdigest()
    material = reporting.of_run(company.store, read_run(text), digest, reporting.NAMES)
    wish = reporting.Wish(closed=True, internal=True)
    yield {name: reporting.document(name, material, wish) for name in reporting.NAMES}
    company.close()


@pytest.mark.parametrize("form", reporting.FORMATS)
@pytest.mark.parametrize("name", reporting.NAMES)
def test_the_report_is_as_it_was_looked_at(
    kept: dict[str, Document], name: str, form: str, request: pytest.FixtureRequest
) -> None:
    document = kept[name]
    text = readable(document, form, rendered(document, form))
    path = GOLDEN / (f"{name}.{form}.txt" if form in BINARY else f"{name}.{form}")
    if request.config.getoption("--update-golden"):
        path.write_text(text, encoding="utf-8", newline="")
    assert text == path.read_bytes().decode("utf-8")


@pytest.mark.parametrize("form", reporting.FORMATS)
@pytest.mark.parametrize("name", reporting.NAMES)
def test_the_same_report_gives_the_same_bytes(
    kept: dict[str, Document], name: str, form: str
) -> None:
    first = rendered(kept[name], form)
    assert sha256(rendered(kept[name], form)).hexdigest() == sha256(first).hexdigest()
