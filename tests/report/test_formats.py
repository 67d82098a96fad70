"""What each format promises beyond its content."""

import ast
import csv
import io
import json
import re
import sys
import zipfile
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import pikepdf
import pytest
import xlsxwriter
from python_calamine import CalamineWorkbook

from sync import reporting
from sync.report import to_csv, to_html, to_jsonl, to_pdf, to_xlsx
from sync.report.cells import decimal_text
from sync.report.document import Column, Document, Head, Kind, Section, table
from sync.report.material import Material
from sync.report.xlsx_layout import TooLong, lay_out
from tests.report.company import CUTOFF
from tests.report.conftest import rendered

ROOT = Path(__file__).parent.parent.parent
HEAD = Head("acme", "T", "2026-10", CUTOFF, "R-1", "1", "d" * 64, "1 h", "USD")


def one_table(rows: list[tuple[str, int]], currency: str = "USD") -> Document:
    columns: tuple[Column[tuple[str, int]], ...] = (
        Column("currency", "Ccy", Kind.ID, lambda _: currency, brief=True),
        Column("name", "Name", Kind.TEXT, lambda row: row[0], brief=True),
        Column("amount", "Amount", Kind.MONEY, lambda row: row[1], brief=True, total=True),
    )
    made = table("t", "Rows", columns, rows, lambda _: currency)
    return Document("reconciliation", HEAD, (Section("t", "Rows", (made,)),), main="t")


# --- CSV --------------------------------------------------------------------------------


def test_csv_is_rfc_4180_with_a_mark_for_excel() -> None:
    text = rendered(one_table([('a,"b"\nc', -1234)]), "csv")
    assert text.startswith(b"\xef\xbb\xbf")
    assert text.endswith(b"\r\n")
    assert b'"a,""b""\nc"' in text
    out = io.BytesIO()
    to_csv.write(one_table([("a", 1)]), out, dialect=to_csv.Dialect(bom=False))
    assert out.getvalue().startswith(b"Ccy,")


def test_csv_for_a_european_excel_has_semicolons_and_decimal_commas() -> None:
    out = io.BytesIO()
    euro = to_csv.Dialect(bom=False, semicolon=True)
    to_csv.write(one_table([("a;b, c", -123456)]), out, dialect=euro)
    assert out.getvalue() == (
        b'Ccy;Name;Amount;Amount (minor);Run\r\nUSD;"a;b, c";-1234,56;-123456;R-1\r\n'
    )


@pytest.mark.parametrize("internal", [True, False])
def test_each_report_names_the_last_line_of_the_audit_log(
    material: Material, internal: bool
) -> None:
    """Every format that holds a whole report; a table alone names its run."""
    for name in reporting.NAMES:
        made = reporting.document(name, material, reporting.Wish(internal=internal))
        said = f"{material.run.audit_seq} {material.run.audit_head}"
        book = CalamineWorkbook.from_filelike(io.BytesIO(rendered(made, "xlsx")))
        for sheet in book.sheet_names:
            assert said in str(book.get_sheet_by_name(sheet).to_python()[2][0])
        assert said in rendered(made, "html").decode()
        assert json.loads(rendered(made, "json"))["head"]["audit"] == said
        assert to_pdf._body(made)["audit"] == said
        for form in ("csv", "jsonl"):
            lines = rendered(made, form).decode().splitlines()
            assert all(material.run.run_id in line for line in lines[form == "csv" :])


@pytest.mark.parametrize(
    ("quantity", "file", "page"),
    [
        ("1E+4", "10000", "10,000"),
        ("-2500.50", "-2500.5", "-2,500.5"),
        ("0.0000025", "0.0000025", "0.0000025"),
        ("12345678901234567.25", "12345678901234567.25", "12,345,678,901,234,567.25"),
    ],
)
def test_a_quantity_is_exact_in_every_format(quantity: str, file: str, page: str) -> None:
    column: Column[Decimal] = Column(
        "q", "Quantity", Kind.NUMBER, lambda one: one, brief=True
    )
    made = table("t", "T", (column,), (Decimal(quantity),), lambda _: "USD")
    whole = one_table([])
    document = replace(whole, sections=(Section("s", "S", (made,)),), main="t")
    assert rendered(document, "csv").decode().splitlines()[1].startswith(f"{file},")
    assert json.loads(rendered(document, "json"))["tables"]["t"]["rows"] == [{"q": file}]
    assert f">{page}</td>" in rendered(document, "html").decode()
    assert to_pdf._table(made)["rows"][0]["cells"] == [page]
    book = CalamineWorkbook.from_filelike(io.BytesIO(rendered(document, "xlsx")))
    cells = [cell for row in book.get_sheet_by_name("S").to_python() for cell in row]
    assert (float(quantity) if len(file) < 15 else file) in cells


def test_json_lines_are_the_rows_of_the_json(documents: dict[str, Document]) -> None:
    for document in documents.values():
        whole = json.loads(rendered(document, "json"))["tables"]
        for one in document.tables():
            out = io.BytesIO()
            to_jsonl.write(document, out, table=one.key)
            rows = [json.loads(line) for line in out.getvalue().splitlines()]
            assert {row.pop("run") for row in rows} <= {document.head.run_id}
            assert rows == whole[one.key]["rows"]


@pytest.mark.parametrize(
    ("currency", "minor", "text"),
    [
        ("USD", -123456, "-1234.56"),
        ("JPY", 5, "5"),
        ("BHD", -7, "-0.007"),
        ("CLF", 1, "0.0001"),
    ],
)
def test_an_amount_is_two_columns_that_agree(currency: str, minor: int, text: str) -> None:
    lines = list(
        csv.DictReader(
            io.StringIO(rendered(one_table([("a", minor)], currency), "csv").decode()[1:])
        )
    )
    assert lines[0]["Amount"] == text
    assert int(lines[0]["Amount (minor)"]) == minor
    assert lines[0]["Run"] == "R-1"


def test_every_table_of_a_report_can_be_had_as_csv(documents: dict[str, Document]) -> None:
    for document in documents.values():
        for one in document.tables():
            out = io.BytesIO()
            to_csv.write(document, out, table=one.key)
            assert out.getvalue().count(b"\r\n") >= one.count + 1


# --- XLSX -------------------------------------------------------------------------------


def test_no_report_code_uses_a_writer_that_guesses_types() -> None:
    """Xlsxwriter's .write() and .write_row() take text with = for a formula."""
    wrong = []
    for path in (ROOT / "sync").rglob("*.py"):
        if "xlsxwriter" not in path.read_text(encoding="utf-8"):
            continue
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
                sheet = "sheet" in ast.dump(node.func.value)
                if sheet and node.func.attr in {
                    "write",
                    "write_row",
                    "write_column",
                    "write_rich_string",
                }:
                    wrong.append(f"{path.name}:{node.lineno}")
    assert wrong == []


def test_every_write_is_checked(monkeypatch: pytest.MonkeyPatch) -> None:
    """The library answers -1, -2 ... and raises nothing."""
    monkeypatch.setattr(
        xlsxwriter.worksheet.Worksheet, "write_number", lambda *_a, **_k: -1
    )
    with pytest.raises(to_xlsx.NotWritten, match="answered -1"):
        rendered(one_table([("a", 1)]), "xlsx")


def test_more_rows_than_a_sheet_holds_are_refused_in_words() -> None:
    long = one_table([("a", 1)])
    (section,) = long.sections
    many = replace(section, blocks=(replace(long.table("t"), count=1_048_577),))
    with pytest.raises(TooLong, match="take csv or json"):
        lay_out(replace(long, sections=(many,)))


def test_a_workbook_carries_no_macro_no_link_out_and_no_hidden_sheet(
    documents: dict[str, Document],
) -> None:
    for document in documents.values():
        with zipfile.ZipFile(io.BytesIO(rendered(document, "xlsx"))) as pack:
            names = pack.namelist()
            assert not [n for n in names if "vba" in n or "externalLink" in n]
            assert b'state="hidden"' not in pack.read("xl/workbook.xml")
            assert b"mergeCell" not in b"".join(
                pack.read(n) for n in names if n.startswith("xl/worksheets/")
            )
            core = pack.read("docProps/core.xml").decode()
            assert "2026-11-03T06:00:00Z" in core  # the cutoff, not the time of writing


def test_a_workbook_has_its_charts_its_choices_and_its_totals(
    documents: dict[str, Document],
) -> None:
    with zipfile.ZipFile(io.BytesIO(rendered(documents["reconciliation"], "xlsx"))) as pack:
        sheets = {
            n: pack.read(n).decode() for n in pack.namelist() if "worksheets/sheet" in n
        }
        assert any("xl/charts/" in name for name in pack.namelist())
    text = "".join(sheets.values())
    assert "<dataValidation " in text
    assert "Voided downstream" in text
    assert "conditionalFormatting" in text
    assert "autoFilter" in text
    assert '<pane ySplit="' in text
    assert "SUMIFS(" in text


def test_an_amount_past_the_exact_figures_of_a_spreadsheet_is_text() -> None:
    huge = 10**17 + 1
    with zipfile.ZipFile(io.BytesIO(rendered(one_table([("a", huge)]), "xlsx"))) as pack:
        sheet = pack.read("xl/worksheets/sheet1.xml").decode()
    assert decimal_text(huge, "USD") in sheet
    assert "E+" not in sheet


# --- JSON -------------------------------------------------------------------------------


def test_json_amounts_are_texts_that_agree_with_their_minor_units(
    documents: dict[str, Document],
) -> None:
    def amounts(body: Any) -> Any:
        if isinstance(body, dict):
            if set(body) == {"amount", "currency", "exponent", "minor"}:
                yield body
            for one in body.values():
                yield from amounts(one)
        elif isinstance(body, list):
            for one in body:
                yield from amounts(one)

    found = 0
    for document in documents.values():
        for one in amounts(json.loads(rendered(document, "json"), parse_float=Decimal)):
            found += 1
            assert Decimal(one["amount"]).scaleb(one["exponent"]) == one["minor"]
    assert found > 100


# --- HTML -------------------------------------------------------------------------------


@pytest.mark.parametrize("name", reporting.NAMES)
def test_a_page_stands_alone(documents: dict[str, Document], name: str) -> None:
    page = rendered(documents[name], "html").decode()
    assert "default-src 'none'" in page
    assert not re.search(r"<(?:script|img|link|iframe)\b", page)
    assert not re.search(r"@import|url\(", page)
    assert '<html lang="en">' in page
    assert page.count("<h1") == 1
    assert '<th scope="col"' in page
    ids = re.findall(r' id="([^"]+)"', page)
    assert len(ids) == len(set(ids))
    for target in re.findall(r'href="#([^"]+)"', page):
        assert target in ids


def test_a_chart_says_in_words_what_it_shows(documents: dict[str, Document]) -> None:
    page = rendered(documents["reconciliation"], "html").decode()
    assert re.search(r'<svg role="img" aria-label="[^"]*12,478.00 unexplained', page)
    assert "2026-10: 130.00 explained, 12,478.00 unexplained." in page


def test_a_long_table_is_cut_on_a_page_and_says_so() -> None:
    rows = [(f"row {n}", n) for n in range(to_html.ROWS_MAX + 5)]
    page = rendered(one_table(rows), "html").decode()
    assert page.count("<tr>") < to_html.ROWS_MAX + 10
    assert "2,005 rows; the first 2,000 stand here" in page


# --- PDF --------------------------------------------------------------------------------


@pytest.mark.parametrize("name", reporting.NAMES)
def test_paper_is_tagged_pdf_a(documents: dict[str, Document], name: str) -> None:
    with pikepdf.open(io.BytesIO(rendered(documents[name], "pdf"))) as pdf:
        meta = pdf.open_metadata()
        assert (meta["pdfaid:part"], meta["pdfaid:conformance"]) == ("2", "A")
        assert meta["dc:title"] == documents[name].head.title
        assert pdf.Root.MarkInfo.Marked
        assert "/StructTreeRoot" in pdf.Root
        assert str(pdf.Root.Lang) == "en"
        assert pdf.Root.OutputIntents[0].S == "/GTS_PDFA1"
        for page in pdf.pages:
            for font in page.resources.get("/Font", {}).values():
                assert embedded(font), "every font stands in the file"
            assert "/AA" not in page
        assert "/OpenAction" not in pdf.Root


def embedded(font: Any) -> bool:
    inner = font.DescendantFonts[0] if "/DescendantFonts" in font else font
    return any(
        key in inner.FontDescriptor for key in ("/FontFile", "/FontFile2", "/FontFile3")
    )


def test_ten_columns_at_most_are_set_on_paper(documents: dict[str, Document]) -> None:
    for document in documents.values():
        for one in document.tables():
            assert len(to_pdf._table(one)["heads"]) <= to_pdf.COLUMNS_MAX


def test_a_long_table_is_not_printed_and_says_where_it_is() -> None:
    rows = [(f"row {n}", n) for n in range(to_pdf.ROWS_MAX + 1)]
    body = to_pdf._table(one_table(rows).table("t"))
    assert body["rows"] == []
    assert "too many for paper" in body["note"]
    assert body["totals"] == [{"name": "Total USD", "cells": ["20,010.00"]}]


def test_paper_breaks_a_long_word_and_gives_room_to_long_texts() -> None:
    hash_of_something = "0123456789abcdef" * 4
    body = to_pdf._table(one_table([("short", 1)]).table("t"))
    assert body["weights"] == [0, 0, 0]
    body = to_pdf._table(one_table([(hash_of_something, 1)]).table("t"))
    assert body["weights"][1] > 0
    cell = body["rows"][0]["cells"][1]
    assert cell.replace("\u200b", "") == hash_of_something
    assert max(map(len, cell.split("\u200b"))) <= to_pdf.WORD_MAX
    assert rendered(one_table([(hash_of_something, 1)]), "pdf").startswith(b"%PDF-")


def test_a_missing_extra_is_one_line_with_its_remedy(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "typst", None)
    with pytest.raises(to_pdf.PdfMissing, match=r"pip install 'tieout\[pdf\]'"):
        rendered(one_table([("a", 1)]), "pdf")


@pytest.mark.parametrize(
    "name", ["株式会社エルム", "👩🏽‍💻 Gum", "\ue000 private", "שלום مرحبا"]
)
def test_a_name_in_any_script_can_be_printed(name: str) -> None:
    """Signs that no font here has are left out; the page is still to be archived."""
    with pikepdf.open(io.BytesIO(rendered(one_table([(name, 1)]), "pdf"))) as pdf:
        assert pdf.open_metadata()["pdfaid:conformance"] == "A"


@pytest.mark.parametrize("name", reporting.NAMES)
def test_a_page_on_paper_has_no_more_columns_than_can_be_read(
    documents: dict[str, Document], name: str
) -> None:
    page = rendered(documents[name], "html").decode()
    assert "nav, .x { display: none; }" in page
    for header in re.findall(r"<thead>(.*?)</thead>", page):
        titles = re.findall(r'<th scope="col" class="(\w+)">(?!Line)', header)
        assert len(titles) <= to_pdf.COLUMNS_MAX
