"""Text of others is never a formula and never breaks a file, in any format and any field."""

import csv
import io
import json
import re
import subprocess
import zipfile
from collections.abc import Iterator
from dataclasses import fields, replace
from html.parser import HTMLParser
from typing import Any

import pikepdf
import pytest
from python_calamine import CalamineWorkbook

from sync import reporting
from sync.books import ChainFinding, Excluded, Row
from sync.report import to_csv
from sync.report.cells import FORMULA_STARTS, printable
from sync.report.codec import run_text
from sync.report.document import Document, Kind
from sync.report.material import Material, Signoff
from sync.report.xlsx_layout import lay_out
from tests.report.company import CUTOFF, seed_story
from tests.report.conftest import rendered

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


def poisoned(word: Any, text: str, keep: set[str]) -> Any:
    """The same record with the text in every field that holds words of others."""
    change = {
        one.name: text
        for one in fields(word)
        if one.name not in keep and type(getattr(word, one.name)) is str
    }
    return replace(word, **change)


ROW_WORDS = {"customer", "customer_id", "core_invoice_id", "document_id", "document_number",
             "regenerated_from", "replaced_by", "note"}  # fmt: skip


@pytest.fixture(scope="module")
def material() -> Iterator[Material]:
    company = seed_story()
    run = company.reconcile()
    yield reporting.of_run(company.store, run, run_text(run)[1], reporting.NAMES)
    company.close()


def hostile(material: Material, text: str) -> Material:
    """Everything that a system or a person can write, written by an enemy."""
    keep_row = {one.name for one in fields(Row)} - ROW_WORDS
    run = material.run
    rows = tuple(
        replace(poisoned(row, text, keep_row), memo_refs=(text,), flag_refs=(text,))
        for row in run.rows
    )
    excluded = tuple(poisoned(one, text, {"currency"}) for one in run.excluded)
    excluded += (Excluded(text, text, text, "USD", 100, text),)
    chains = (ChainFinding("DOUBLE_BILLED", text, "USD", 100, text),)
    changed = replace(
        run, rows=rows, excluded=excluded, chains=chains, entity=text, made_by=text,
        run_id=text, version=text,
    )  # fmt: skip
    keep_word = {"currency", "status", "kind"}
    audit = tuple(
        replace(
            line, body=json.dumps({**json.loads(line.body), "reason": text, "actor": text})
        )
        for line in material.audit
    )
    return replace(
        material,
        run=changed,
        rows=lambda: rows,
        memos=tuple(poisoned(memo, text, keep_word) for memo in material.memos),
        flags=tuple(
            poisoned(flag, text, {"currency", "id"}) if flag.id else flag
            for flag in material.flags
        ),
        audit=audit,
        names=dict.fromkeys(material.names, text),
        signoffs=(Signoff("preparer", text, CUTOFF, text, text, stands=False, why=text),),
        chains=tuple(
            replace(
                chain,
                documents=tuple(poisoned(d, text, keep_word) for d in chain.documents),
                memos=tuple(poisoned(m, text, keep_word) for m in chain.memos),
            )
            for chain in material.chains
        ),
    )


@pytest.fixture(params=HOSTILE, scope="module")
def enemy(
    request: pytest.FixtureRequest, material: Material
) -> tuple[str, dict[str, Document]]:
    text = HOSTILE[request.param]
    changed = hostile(material, text)
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
            counts = {
                c.title for c in table.columns if c.kind in {Kind.WHOLE, Kind.PERCENT}
            }
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
    assert body["tables"]["detail"]["rows"][0]["customer"] == whole
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
