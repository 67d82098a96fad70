"""Text of others is never a formula and never breaks a file, in any format and any field."""

import csv
import io
import json
import re
import subprocess
import zipfile
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from html.parser import HTMLParser
from typing import Any

import pikepdf
import pytest
from python_calamine import CalamineWorkbook

from state.invoices import NativeDelivery
from sync import reporting
from sync.books import Ask, Subsequent
from sync.credit_checks import Breach, CreditFinding
from sync.report import to_csv, to_pdf
from sync.report.cells import FORMULA_STARTS, printable
from sync.report.codec import run_text
from sync.report.document import FIGURES, Document, Kind
from sync.report.material import Material, Prior, Signoff
from sync.report.xlsx_layout import lay_out
from tests.report.company import CUTOFF, seed_story, two_registers
from tests.report.conftest import rendered
from tests.report.poison import Poison, text_fields

HOSTILE = {
    "formula": "=cmd|'/c calc'!A0",
    "sum": "@SUM(1+1)*cmd|' /C calc'!A0",
    "plus": "+1-1",
    "minus": "-2+3+cmd|' /C calc'!A0",
    "lines": "one\r\ntwo\ttab\x0bvertical",
    "tab": "\t=1+1",
    "nul": "nul\x00nul \x01\x1f\x7f\x85",
    "right to left": "\u202egnp.exe \u2067abc\u2069 \u05e9\u05dc\u05d5\u05dd \u0645\u0631\u062d\u0628\u0627",
    "emoji": "👩🏽‍💻🇺🇳 \U0001f9fe ́combining",
    "long": "=" + "x" * 33_000,
    "markup": "<script>alert(1)</script><b onload=x>&amp;\"'`</td>",
    "typst": '#panic("x") *bold* $x^2$ @ref <label> // comment \\ [',
    "escape": "_x0041_ {current} {detail.kind} %s {{ 7*7 }} {% raw %}",
    "half": "\ud83d half a character \ufffe",
    "quotes": 'a,"b";c',
}


@pytest.fixture(scope="module")
def base() -> Iterator[Material]:
    """A run that has something of everything that a report can show."""
    company, two = seed_story(), two_registers()
    run, other = company.reconcile(), two.reconcile(at=CUTOFF + timedelta(hours=1))
    made = reporting.of_run(company.store, run, run_text(run)[1], reporting.NAMES)
    beside = reporting.of_run(two.store, other, run_text(other)[1], reporting.NAMES)
    later = Subsequent(
        "stripe", "memo", "cn_late", "in_acme1", "ci_acme1", "USD", 5, CUTOFF
    )
    native = NativeDelivery("stripe", "in_acme1", "SENT")
    chains = [
        replace(
            one, versions=(replace(v, invoice=replace(v.invoice, delivery=native)), *more)
        )
        for one in made.chains
        for v, *more in (one.versions,)
    ]
    finding = CreditFinding(
        Breach.BALANCE_DIFFERS, "cr_goodwill", "ci_acme1", "it does not add up"
    )
    yield replace(
        made,
        run=replace(
            run, pairs=other.pairs, agreed=other.agreed, subsequent=(later,),
            matched=other.matched,
            rows=(replace(run.rows[0], asks=(Ask("in_acme1", 5, 5),)), *run.rows[1:]),
        ),
        twins=beside.twins,
        chains=tuple(chains),
        signoffs=(Signoff("preparer", "mia", CUTOFF, "Looked", "abc", stands=False, why="moved"),),
        prior=Prior("R-1", {("stripe", "USD"): 5}),
        credit_findings=(finding,),
        general_ledger={"USD": 5},
    )  # fmt: skip
    company.close()
    two.close()


def test_an_enemy_reaches_every_text_field(base: Material) -> None:
    """A field that is added is poisoned by itself; a new word must stand in the base."""
    poison = Poison("=1")
    poison.into(base)
    assert text_fields(Material) - poison.reached == set()


def test_a_key_that_somebody_wrote_down_stands_in_no_report(base: Material) -> None:
    key = "sk_" + "live_" + "a1B2" * 6
    changed = Poison(f"paid with {key}").into(base)
    for name in reporting.NAMES:
        wish = reporting.Wish(closed=True, internal=True)
        made = reporting.document(name, changed, wish)
        for form in ("csv", "json", "jsonl", "html", "xlsx"):
            assert key.encode() not in unzipped(rendered(made, form)), (name, form)
        assert key not in json.dumps(to_pdf._body(made))


def unzipped(file: bytes) -> bytes:
    """What a file says: the parts of a workbook, one after the other."""
    if not zipfile.is_zipfile(io.BytesIO(file)):
        return file
    with zipfile.ZipFile(io.BytesIO(file)) as pack:
        return b"".join(pack.read(name) for name in pack.namelist())


@pytest.fixture(params=HOSTILE, scope="module")
def enemy(
    request: pytest.FixtureRequest, base: Material
) -> tuple[str, dict[str, Document]]:
    text = HOSTILE[request.param]
    changed = Poison(text).into(base)
    wish = reporting.Wish(closed=True, internal=True)
    made = {name: reporting.document(name, changed, wish) for name in reporting.NAMES}
    return text, made


def test_a_workbook_holds_it_as_text(enemy: tuple[str, dict[str, Document]]) -> None:
    text, made = enemy
    for document in made.values():
        workbook = rendered(document, "xlsx")
        with zipfile.ZipFile(io.BytesIO(workbook)) as pack:
            for name in pack.namelist():
                if name.startswith("xl/worksheets/sheet"):
                    body = pack.read(name).decode()
                    assert all(ours(found) for found in re.findall(r"<f>([^<]*)</f>", body))
        book = CalamineWorkbook.from_filelike(io.BytesIO(workbook))
        assert len(book.sheet_names) == len(document.sections)
        if document.name == "reconciliation":
            shown = [
                cell for row in book.get_sheet_by_name("Detail").to_python() for cell in row
            ]
            whole = printable(text)
            start = whole[:30_000]
            assert any(isinstance(c, str) and c.startswith(start) for c in shown)


def ours(formula: str) -> bool:
    """Only the shapes that the layout writes."""
    names = re.sub(r"'[^']*'!|&quot;[^&]*&quot;", "", formula)
    return re.fullmatch(r"[A-Z]+\(.*\)", names) is not None and set(
        re.findall(r"[A-Z]{3,}(?=\()", names)
    ) <= {"ROUND", "SUMIFS", "SUBTOTAL", "COUNTIFS", "ROWS"}


def test_a_csv_cell_never_begins_a_formula(enemy: tuple[str, dict[str, Document]]) -> None:
    _, made = enemy
    for document in made.values():
        for table in document.tables():
            out = io.BytesIO()
            to_csv.write(document, out, table=table.key)
            lines = list(csv.reader(io.StringIO(out.getvalue().decode()[1:], newline="")))
            assert len(lines) == table.count + 1
            assert {len(line) for line in lines} == {len(lines[0])}
            money = {
                at for at, title in enumerate(lines[0]) if f"{title} (minor)" in lines[0]
            } | {at for at, title in enumerate(lines[0]) if title.endswith("(minor)")}
            counts = {c.title for c in table.columns if c.kind in FIGURES - {Kind.MONEY}}
            for line in lines[1:]:
                for at, cell in enumerate(line):
                    assert "\0" not in cell
                    if at in money or lines[0][at] in counts:
                        assert re.fullmatch(r"-?[0-9.]*", cell)
                    else:
                        assert not cell.startswith(FORMULA_STARTS)


def test_json_gives_it_back_whole(enemy: tuple[str, dict[str, Document]]) -> None:
    text, made = enemy
    body = json.loads(rendered(made["reconciliation"], "json"))
    whole = text.encode("utf-8", "replace").decode()
    assert body["tables"]["detail"]["rows"][0]["customer"].startswith(whole)
    for document in made.values():
        json.loads(rendered(document, "json"))


class Reader(HTMLParser):
    """The tags of a page, and its text."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.said: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.said.append(data)


def test_a_page_runs_nothing_and_shows_it(enemy: tuple[str, dict[str, Document]]) -> None:
    text, made = enemy
    for document in made.values():
        page = rendered(document, "html").decode()
        reader = Reader()
        reader.feed(page)
        tags = {tag for tag, _ in reader.tags}
        assert not tags & {"script", "iframe", "object", "embed", "img", "form", "base"}
        assert not [
            name for _, attrs in reader.tags for name in attrs if name.startswith("on")
        ]
        for _, attrs in reader.tags:
            assert (attrs.get("href") or "#").startswith(("#", "https://"))
        assert not set(page) & set("\x00\u202e\u2067")
        if document.name == "reconciliation":
            shown = " ".join(printable(text).split())
            assert (
                shown
                in " ".join(" ".join(reader.said).split())
                .replace("\ufffd", "?")
                .replace("?", "\ufffd")
                or "\ufffd" in shown
            )


def test_paper_takes_it(enemy: tuple[str, dict[str, Document]], tmp_path: Any) -> None:
    text, made = enemy
    if len(text) > 1000 or "👩" in text:
        made = {"worklist": made["worklist"]}  # many pages; every font of this machine
    for document in made.values():
        with pikepdf.open(io.BytesIO(rendered(document, "pdf"))) as pdf:
            assert len(pdf.pages) >= 1
            assert pdf.Root.MarkInfo.Marked


def test_a_sheet_knows_where_it_ends(enemy: tuple[str, dict[str, Document]]) -> None:
    _, made = enemy
    for document in made.values():
        places = [place for _, place in lay_out(document).tables.values()]
        assert all(place.first <= place.last for place in places)


def test_what_a_terminal_program_reads_of_the_csv_is_text(
    enemy: tuple[str, dict[str, Document]], tmp_path: Any
) -> None:
    """`file` and friends take a NUL for a binary: none is written."""
    _, made = enemy
    out = io.BytesIO()
    to_csv.write(made["audit"], out)
    path = tmp_path / "audit.csv"
    path.write_bytes(out.getvalue())
    counted = subprocess.run(["grep", "-c", "", str(path)], capture_output=True, check=True)
    assert int(counted.stdout) >= 1
