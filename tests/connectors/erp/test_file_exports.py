"""Exports of five systems and our template, as those systems write them; and bad files."""

import io
from datetime import date
from pathlib import Path
from typing import Any

import pytest
import xlsxwriter

from connectors.erp.file_drop import FileDrop
from connectors.erp.file_rows import Export, Reading, export_of
from connectors.erp.file_tables import BadFile
from connectors.failures import Incomplete
from state.receivables import CreditMemo, DocumentStatus, DownstreamInvoice, MemoStatus
from tests.contracts.test_file_register import Later

XERO = """\
*ContactName,EmailAddress,InvoiceNumber,Reference,InvoiceDate,DueDate,Total,TaxTotal,InvoiceAmountPaid,InvoiceAmountDue,Description,LineAmount,Currency,Type,Sent,Status
Acme,,INV-1001,in_1001,2026-09-01,2026-10-01,550.00,50.00,0,550.00,usage,500.00,USD,Sales Invoice,Sent,Awaiting Payment
Acme,,INV-1001,in_1001,2026-09-01,2026-10-01,550.00,50.00,0,550.00,=1+1,0,USD,Sales Invoice,Sent,Awaiting Payment
Acme,,INV-1002,in_1002,2026-09-01,2026-10-01,250.00,0,0,0,usage,250.00,USD,Sales Invoice,Sent,Voided
Acme,,INV-1003,in_1003,2026-09-01,2026-10-01,300.00,0,0,0,usage,300.00,USD,Sales Invoice,Sent,Paid
Acme,,INV-1004,in_1004,2026-09-01,2026-10-01,400.00,0,150.00,250.00,usage,400.00,USD,Sales Invoice,Sent,Awaiting Payment
Acme,,INV-1005,in_1005,2026-09-01,2026-10-01,9.00,0,0,9.00,usage,9.00,USD,Sales Invoice,,Draft
Acme,,CN-2003,,2026-09-20,,-75.00,0,0,-75.00,credit,-75,USD,Sales Credit Note,Sent,Awaiting Payment
"""
NETSUITE = """\
Internal ID,Type,Document Number,External ID,Name,Date,Amount (Foreign Currency),Amount Remaining,Currency,Status,Subsidiary,Memo,Applied To Transaction,Applied To Link Amount
9000,Invoice,INV-1001,in_1001,Acme,9/1/2026,"1,500.00","1,500.00",USD,Open,US,,,
9001,Invoice,INV-1002,in_1002,Acme,9/1/2026,0.00,0,USD,Voided,US,VOID,,
9002,Invoice,INV-1003,in_1003,Acme,9/1/2026,300.00,0,USD,Paid In Full,US,,,
9003,Invoice,INV-1004,in_1004,Acme,9/1/2026,400.00,250.00,USD,Open,UK,,,
9100,Credit Memo,CM-2001,,Acme,9/20/2026,(450.00),0,USD,Fully Applied,US,,Invoice #INV-1003,300.00
9100,Credit Memo,CM-2001,,Acme,9/20/2026,(450.00),0,USD,Fully Applied,US,,Invoice #INV-1004,150.00
9102,Credit Memo,CM-2003,cn_1,Acme,9/20/2026,75.00-,75.00,USD,Open,US,,,
9200,Payment,PMT-1,,Acme,9/20/2026,10.00,,USD,,US,,,
"""
QUICKBOOKS = """\
Acme Metering Inc;;;;;;;;
Transaction List by Customer;;;;;;;;
"January 1 - October 31, 2026";;;;;;;;
;;;;;;;;
Date;Transaction type;Num;Customer;Memo/Description;Due date;Amount;Open balance;Currency
Globex;;;;;;;;
01/09/2026;Invoice;INV-1001;Globex;;01/10/2026;500,00;500,00;USD
01/09/2026;Invoice;INV-1002;Globex;Voided - usage in Aug;01/10/2026;0,00;0,00;USD
20/09/2026;Credit Memo;CM-2003;Globex;;;-1.075,00;-1.075,00;USD
21/09/2026;Payment;;Globex;;;-10,00;;USD
Total for Globex;;;;;;"-575,00";;
TOTAL;;;;;;"-575,00";;
"""
INTACCT = """\
RECORDNO,RECORDID,CUSTOMERID,CUSTOMERNAME,STATE,CURRENCY,TOTALENTERED,TOTALPAID,TOTALDUE,WHENCREATED,WHENPOSTED,WHENDUE,DOCNUMBER,MEGAENTITYID
290,INV-1001,C-1,Acme,Posted,USD,500.00,0.00,500.00,2026-09-01,2026-09-02,2026-10-01,in_1001,US
291,INV-1002,C-1,Acme,Reversed,USD,250.00,0.00,0.00,2026-09-01,2026-09-02,2026-10-01,in_1002,US
390,CM-2003,C-1,Acme,Posted,USD,-75.00,0.00,-75.00,2026-09-20,2026-09-20,,,US
"""
BUSINESS_CENTRAL = """\
Posted Sales Invoices,,,,,,,,,,,
No.,Customer No.,Customer Name,Currency Code,Due Date,Amount,Amount Including VAT,Remaining Amount,Posting Date,External Document No.,Closed,Cancelled
PS-INV1001,C1,Acme,,2026-10-01,400.00,500.00,500.00,2026-09-01,in_1001,No,No
PS-INV1002,C1,Acme,EUR,2026-10-01,250.00,250.00,0.00,2026-09-01,in_1002,Yes,Yes
"""
D = DocumentStatus


def read(text: str, name: str = "export.csv", **settings: Any) -> Export:
    return export_of(name, text.encode(), Reading("books", **settings))


def figures(one: DownstreamInvoice) -> tuple[Any, ...]:
    return (one.number, one.status, one.gross_minor, one.paid_minor, one.open_minor)


def test_xero_one_row_a_line_and_a_credit_note_with_no_target() -> None:
    export = read(XERO)
    assert export.system == "xero"
    assert [figures(one) for one in export.invoices.values()] == [
        ("INV-1001", D.OPEN, 50_000, 0, 55_000),
        ("INV-1002", D.VOID, 25_000, 0, 0),
        ("INV-1003", D.OPEN, 30_000, 0, 0),  # paid by credits alone: no cash
        ("INV-1004", D.PART_PAID, 40_000, 15_000, 25_000),
        ("INV-1005", D.DRAFT, 900, 0, 0),
    ]
    first = export.invoices["INV-1001"]
    assert (first.tax_minor, first.external_ids) == (5_000, ("in_1001",))
    assert (first.due_on, first.native_status) == (date(2026, 10, 1), "Awaiting Payment")
    (memo,) = export.memos.values()
    assert (memo.amount_minor, memo.invoice_id, memo.explains) == (7_500, None, False)


def test_netsuite_one_memo_on_two_invoices() -> None:
    export = read(NETSUITE, dates="mdy")
    assert [figures(one)[:3] for one in export.invoices.values()] == [
        ("INV-1001", D.OPEN, 150_000),
        ("INV-1002", D.VOID, 0),
        ("INV-1003", D.PAID, 30_000),  # until its memos are shared out
        ("INV-1004", D.PART_PAID, 40_000),
    ]
    assert export.invoices["9003"].entity_id == "UK"
    used = [(one.invoice_id, one.amount_minor) for one in export.applied["9100"]]
    assert used == [("US INV-1003", 30_000), ("US INV-1004", 15_000)]
    assert export.memos["9102"].amount_minor == 7_500
    assert export.left_out == 1


def test_quickbooks_titles_groups_totals_and_a_decimal_comma() -> None:
    export = read(QUICKBOOKS, dates="dmy")
    assert [figures(one)[:3] for one in export.invoices.values()] == [
        ("INV-1001", D.OPEN, 50_000),
        ("INV-1002", D.VOID, 0),
    ]
    assert [one.amount_minor for one in export.memos.values()] == [107_500]
    assert export.left_out == 4


def test_intacct_and_business_central() -> None:
    intacct = read(INTACCT)
    assert [figures(one)[:3] for one in intacct.invoices.values()] == [
        ("INV-1001", D.OPEN, 50_000),
        ("INV-1002", D.VOID, 25_000),
    ]
    assert [one.amount_minor for one in intacct.memos.values()] == [7_500]
    central = read(BUSINESS_CENTRAL, currency="USD")
    assert [(*figures(one)[:3], one.tax_minor, one.currency) for one in central.invoices.values()] == [
        ("PS-INV1001", D.OPEN, 40_000, 10_000, "USD"),
        ("PS-INV1002", D.VOID, 25_000, 0, "EUR"),
    ]  # fmt: skip
    notes = read(
        BUSINESS_CENTRAL.replace("Invoices", "Credit Memos").replace("INV", "CR"),
        name="Posted Sales Credit Memos.csv",
        currency="USD",
    )
    assert len(notes.memos) == 2
    assert notes.invoices == {}


def test_the_template_that_ships_is_understood() -> None:
    text = (Path(__file__).parents[3] / "docs/erp/template.csv").read_text()
    export = read(text)
    assert export.system == "file"
    assert figures(export.invoices["INV-1001"]) == (
        "INV-1001",
        D.PART_PAID,
        50_000,
        15_000,
        35_000,
    )
    assert export.applied["CM-2001"][0].exact


def test_headings_of_another_language_by_a_map() -> None:
    text = "Belegnr;Betrag;Offen;Art;Waehrung\nR-1;1.000,50;0,50;Invoice;EUR\n"
    names = {
        "number": "Belegnr",
        "total": "Betrag",
        "balance": "Offen",
        "kind": "Art",
        "currency": "Waehrung",
    }
    (one,) = read(text, columns=names).invoices.values()
    assert (one.gross_minor, one.open_minor, one.currency) == (100_050, 50, "EUR")


# --- workbooks ---------------------------------------------------------------------------
def workbook(rows: list[list[Any]], title: str = "Sheet1") -> bytes:
    body = io.BytesIO()
    with xlsxwriter.Workbook(body, {"in_memory": True}) as book:
        book.add_worksheet("Cover")
        sheet = book.add_worksheet(title)
        dates = book.add_format({"num_format": "yyyy-mm-dd"})
        for y, row in enumerate(rows):
            for x, cell in enumerate(row):
                if isinstance(cell, date):
                    sheet.write_datetime(y + 2, x, cell, dates)
                else:
                    sheet.write(y + 2, x, cell)
    return body.getvalue()


def test_a_workbook_with_a_cover_real_dates_and_binary_fractions() -> None:
    head = [
        "Date",
        "Transaction type",
        "Num",
        "Customer",
        "Due date",
        "Amount",
        "Open balance",
        "Currency",
    ]
    row = [
        date(2026, 9, 1),
        "Invoice",
        1001,
        "Globex",
        date(2026, 10, 1),
        1234.565 - 0.005,
        0.1 + 0.2,
        "USD",
    ]
    export = export_of("aging.xlsx", workbook([head, row]), Reading("books"))
    (one,) = export.invoices.values()
    assert (one.id, one.gross_minor, one.open_minor) == ("1001", 123_456, 30)
    assert one.due_on == date(2026, 10, 1)


def test_a_workbook_names_the_row_as_a_spreadsheet_does() -> None:
    head = ["kind", "number", "currency", "total"]
    body = workbook(
        [head, ["invoice", "I-1", "USD", 1.5], ["invoice", "I-2", "USD", 1.234]]
    )
    with pytest.raises(BadFile, match=r"x\.xlsx: row 5, column 'total': '1\.234' has more"):
        export_of("x.xlsx", body, Reading("books"))


# --- what is refused ------------------------------------------------------------------------
HEAD = "kind,number,currency,total,balance,date\n"
WHO = "kind,number,currency,total,customer\n"
USES = "kind,number,currency,total,applied_to,applied_amount\n"
BAD = [
    ("", "is empty"),
    ("\0\0", "no text and no workbook"),
    ("hello\n", "row 1: none of its headings are known (hello)"),
    ("a,b,c\n1,2,3\n", "(a, b, c)"),
    (HEAD, "holds no invoice"),
    (HEAD + "Total,,,1,,\n", "holds no invoice"),
    (HEAD + "invoice,I-1,USD,ten,,\n", "row 2, column 'total': 'ten' is no amount"),
    (HEAD + "invoice,I-1,USD,=1+1,,\n", "'=1+1' is no amount"),
    (HEAD + "invoice,I-1,USD,1.234,,\n", "more decimals than USD has"),
    (HEAD + "invoice,I-1,USD,100000000000001,,\n", "column 'total': '100000000000001' is no amount that a document has"),
    (HEAD + f"invoice,I-1,USD,{'9' * 40},,\n", "is no amount that a document has"),
    (HEAD + "invoice,I-1,USD,1.00,,\ninvoice,,USD,2.00,,\n", "row 3, column 'number': '' is empty"),
    (HEAD + "credit memo,,USD,2.00,,\n", "row 2, column 'number': '' is empty"),
    (WHO + "invoice,I-1,USD,1.00,Acme\ninvoice,I-1,USD,1.00,Birch\n", "row 3, column 'customer': 'Birch' is another one than in an earlier row of I-1"),
    (USES + "credit memo,C-1,USD,5.00,I-1,50.00\n", "row 2, column 'applied_amount': '50.00' is more than C-1 has left"),
    (USES + "credit memo,C-1,USD,5.00,I-1,3.00\ncredit memo,C-1,USD,5.00,I-2,2.01\n", "row 3, column 'applied_amount': '2.01' is more than"),
    (HEAD + 'invoice,I-1,USD,"1,2,3",,\n', "is no amount"),
    (HEAD + "invoice,I-1,ZZZ,1.00,,\n", "no ISO 4217"),
    (HEAD + "invoice,I-1,,1.00,,\n", "column 'currency': '' names no currency"),
    (HEAD + "bill,I-1,USD,1.00,,\n", "'bill' is neither an invoice nor a credit memo"),
    (HEAD + "invoice,I-1,USD,1.00,,03/04/2026\n", "could be two different days; set dates"),
    (HEAD + "invoice,I-1,USD,1.00,,2026-02-30\n", "no day of the calendar"),
    (HEAD + "invoice,I-1,USD,1.00,,soon\n", "is no date"),
    (HEAD + "invoice,I-1,USD,1.00,,\ninvoice,I-1,USD,2.00,,\n", "row 3, column 'total': '2.00' differs"),
    (HEAD + 'invoice,I-1,USD,"1,50",,\ninvoice,I-2,USD,1.50,,\n', "both a decimal point and a decimal comma"),
    (HEAD + 'invoice,I-1,USD,"1.00,,\n', "is it cut off"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "why"), BAD, ids=[why for _, why in BAD])
def test_a_bad_file_is_one_line_with_the_remedy(text: str, why: str) -> None:
    with pytest.raises(BadFile) as said:
        read(text)
    assert why in str(said.value)
    assert str(said.value).startswith("export.csv: ")
    assert "\n" not in str(said.value)


def test_a_workbook_that_is_cut_off_is_refused() -> None:
    body = workbook([["kind", "number", "currency", "total"], ["invoice", "I", "USD", 1]])
    for cut in (body[:200], body[: len(body) // 2]):
        with pytest.raises(BadFile, match="no readable workbook"):
            export_of("x.xlsx", cut, Reading("books"))
    with pytest.raises(BadFile, match="save it as"):
        export_of("x.xls", b"\xd0\xcf\x11\xe0" + b"\0" * 600, Reading("books"))


def test_old_code_pages_and_utf_16_are_read() -> None:
    text = HEAD + "invoice,Ü-1,USD,1.00,,\n"
    for encoding in ("utf-8-sig", "cp1252", "utf-16"):
        export = export_of("x.csv", text.encode(encoding), Reading("books"))
        assert list(export.invoices) == ["Ü-1"]


# --- the folder --------------------------------------------------------------------------------
@pytest.fixture
def drop(tmp_path: Path) -> FileDrop:
    return FileDrop(tmp_path, Reading("books"), clock=Later())


def swept(drop: FileDrop) -> tuple[dict[str, DownstreamInvoice], list[CreditMemo]]:
    pages = list(drop.sweep())
    documents = {one.id: one for page in pages for one in page.documents}
    return documents, [memo for page in pages for memo in page.memos]


def test_a_file_moves_to_the_archive_by_number_and_hash(
    drop: FileDrop, tmp_path: Path
) -> None:
    (tmp_path / "oct.csv").write_text(HEAD + "invoice,I-1,USD,1.00,,\n")
    (tmp_path / ".hidden.csv").write_text("x")
    (tmp_path / "~$lock.xlsx").write_text("x")
    (tmp_path / "notes.md").write_text("x")
    swept(drop)
    (kept,) = (tmp_path / "archive").iterdir()
    assert kept.name.startswith("000001-")
    assert kept.name.endswith("-oct.csv")
    assert not (tmp_path / "oct.csv").exists()
    assert (tmp_path / "notes.md").exists()


def test_the_same_file_twice_changes_nothing(drop: FileDrop, tmp_path: Path) -> None:
    first = HEAD + "invoice,I-1,USD,1.00,1.00,\n"
    second = HEAD + "invoice,I-1,USD,1.00,0.00,\n"
    for number, text in enumerate((first, second, first)):
        (tmp_path / f"{number}.csv").write_text(text)
        documents, _ = swept(drop)
    assert documents["I-1"].paid_minor == 100
    assert len(list((tmp_path / "archive").iterdir())) == 2
    assert not list(tmp_path.glob("*.csv"))


def test_what_a_later_file_leaves_out_is_not_deleted(
    drop: FileDrop, tmp_path: Path
) -> None:
    (tmp_path / "1.csv").write_text(HEAD + "invoice,I-1,USD,1.00,1.00,\n")
    cursor = drop.changes(None, Later().now()).cursor
    (tmp_path / "2.csv").write_text(HEAD + "invoice,I-2,USD,2.00,2.00,\n")
    hints = drop.changes(cursor, Later().now())
    assert [one.id for page in hints.pages for one in page.documents] == ["I-2"]
    assert set(swept(drop)[0]) == {"I-1", "I-2"}


def test_a_bad_file_stays_and_the_good_one_beside_it_waits(
    drop: FileDrop, tmp_path: Path
) -> None:
    (tmp_path / "a.csv").write_text(HEAD + "invoice,I-1,USD,1.00,1.00,\n")
    (tmp_path / "b.csv").write_text(HEAD + "invoice,I-2,USD,x,1.00,\n")
    with pytest.raises(Incomplete, match=r"books: b\.csv: row 2, column 'total'"):
        drop.changes(None, Later().now())
    assert {path.name for path in tmp_path.iterdir()} == {"a.csv", "b.csv"}
    (tmp_path / "b.csv").write_text(HEAD + "invoice,I-2,USD,2.00,1.00,\n")
    assert set(swept(drop)[0]) == {"I-1", "I-2"}


def test_no_file_at_all_is_no_clean_reading(drop: FileDrop) -> None:
    with pytest.raises(Incomplete, match="no export was dropped"):
        list(drop.sweep())


def test_an_archive_that_was_tampered_with_is_refused(
    drop: FileDrop, tmp_path: Path
) -> None:
    for number in (1, 2):
        (tmp_path / f"{number}.csv").write_text(
            HEAD + f"invoice,I-{number},USD,1.00,1.00,\n"
        )
        swept(drop)
    first, second = sorted((tmp_path / "archive").iterdir())
    cursor = drop.changes(None, Later().now()).cursor
    fresh = FileDrop(tmp_path, Reading("books"), clock=Later())
    second.write_text(second.read_text().replace("1.00", "9.00"))
    with pytest.raises(Incomplete, match="was changed after it was taken in"):
        list(fresh.sweep())
    second.unlink()
    with pytest.raises(Incomplete, match="2 files were read before and 1 are there now"):
        FileDrop(tmp_path, Reading("books"), clock=Later()).changes(cursor, Later().now())
    assert first.exists()


def test_a_draft_memo_and_a_memo_without_a_target_explain_nothing(
    drop: FileDrop, tmp_path: Path
) -> None:
    head = "kind,number,currency,total,balance,status,applied_to,applied_amount\n"
    (tmp_path / "1.csv").write_text(
        head
        + "invoice,I-1,USD,100.00,70.00,,,\n"
        + "credit memo,C-1,USD,10.00,,draft,I-1,10.00\n"
        + "credit memo,C-2,USD,20.00,20.00,,,\n"
        + "credit memo,C-3,USD,30.00,0.00,,I-1,\n"
    )
    documents, memos = swept(drop)
    assert [(m.id, m.status, m.explains, m.exact) for m in memos] == [
        ("C-1", MemoStatus.DRAFT, False, True),
        ("C-2", MemoStatus.ISSUED, False, True),
        ("C-3", MemoStatus.ISSUED, True, False),
    ]
    assert (documents["I-1"].paid_minor, documents["I-1"].status) == (0, D.OPEN)


def test_netsuite_memos_find_their_invoices_by_number(tmp_path: Path) -> None:
    (tmp_path / "search.csv").write_text(NETSUITE.replace(",UK,", ",US,"))
    drop = FileDrop(tmp_path, Reading("books", dates="mdy"), clock=Later())
    documents, memos = swept(drop)
    assert [(m.id, m.invoice_id, m.amount_minor, m.applied) for m in memos] == [
        ("9100", "9002", 30_000, True),
        ("9100#part2", "9003", 15_000, True),
        ("9102", None, 7_500, False),
    ]
    assert {one.number: one.status for one in documents.values()} == {
        "INV-1001": D.OPEN,
        "INV-1002": D.VOID,
        "INV-1003": D.OPEN,
        "INV-1004": D.OPEN,
    }
    (again,) = drop.look_again(["9003"])
    assert [m.amount_minor for m in again.memos if m.invoice_id == "9003"] == [15_000]
    assert {one.system for one in again.documents} == {"netsuite"}
