"""What each ERP tells of a memo beside its amount: dates, persons, what is left, what was paid out."""

from collections.abc import Iterator
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any, cast

import pytest
import responses

from connectors.erp.business_central import BusinessCentral
from connectors.erp.file_rows import Reading, export_of, shared_out
from connectors.erp.file_tables import BadFile
from connectors.erp.intacct import Intacct
from connectors.erp.netsuite import NetSuite
from connectors.erp.quickbooks import QuickBooks, QuickBooksLook, paired
from connectors.erp.register import VendorRegister
from connectors.erp.rows import Applied, Memo
from connectors.erp.shapes import Application, parts
from connectors.erp.xero import Xero, _allocations
from connectors.failures import Incomplete
from state.receivables import CreditMemo, Given, MemoStatus, Way
from tests.connectors.erp.fake_odoo import FakeOdoo
from tests.connectors.erp.fake_tryton import FakeTryton
from tests.connectors.erp.test_odoo import look as odoo_look
from tests.connectors.erp.test_tryton import look as tryton_look

NO_WIRE = cast("Any", None)


def at(month: int, day: int) -> datetime:
    return datetime(2026, month, day, tzinfo=UTC)


@pytest.fixture
def mock() -> Iterator[responses.RequestsMock]:
    with responses.RequestsMock(assert_all_requests_are_fired=False) as made:
        yield made


def words(row: Memo, *applied: Applied) -> list[CreditMemo]:
    return VendorRegister("books", cast("Any", Xero(NO_WIRE, "t")))._parts(row, applied)


# --- the vendors' rows ------------------------------------------------------------------

XERO = {
    "CreditNoteID": "cn", "CreditNoteNumber": "CN-5", "Status": "AUTHORISED",
    "Total": "34.50", "CurrencyCode": "USD", "RemainingCredit": "22.50",
    "Date": "/Date(1760054400000+0000)/",
    "Allocations": [{"Amount": "10.00", "Date": "/Date(1762128000000+0000)/",
                     "Invoice": {"InvoiceID": "i"}}],
    "Payments": [{"Amount": "2.00", "Date": "/Date(1762214400000+0000)/"}, {"PaymentID": "p"}],
}  # fmt: skip


def test_xero_tells_days_refunds_and_what_remains() -> None:
    first, left = words(Xero(NO_WIRE, "t")._memo(XERO), *_allocations(XERO))
    assert (first.invoice_id, first.amount_minor, first.given) == ("i", 1000, ())
    assert first.applied_at == datetime(2025, 11, 3, tzinfo=UTC)
    assert first.document_at == first.posted_at == datetime(2025, 10, 10, tzinfo=UTC)
    assert left.given == (Given(Way.REFUND, 200, datetime(2025, 11, 4, tzinfo=UTC)),)
    assert (left.amount_minor, left.unapplied_minor) == (2450, 2250)
    with pytest.raises(
        Incomplete, match=r"credit note CN-5 has an amount that is none: 'much'"
    ):
        Xero(NO_WIRE, "t")._memo({**XERO, "RemainingCredit": "much"})


def test_quickbooks_tells_what_remains_and_not_where_the_rest_went() -> None:
    book = QuickBooksLook(QuickBooks(NO_WIRE, "r"))
    memo = book._memo(
        {"Id": "150", "DocNumber": "CM-1", "TotalAmt": "300.00", "RemainingCredit": "50.00",
         "CurrencyRef": {"value": "USD"}, "TxnDate": "2026-10-02"}
    )  # fmt: skip
    payment = {
        "Id": "160", "TotalAmt": 0, "TxnDate": "2026-11-03",
        "Line": [{"Amount": "200.00", "LinkedTxn": [{"TxnId": "142", "TxnType": "Invoice"}]},
                 {"Amount": "200.00", "LinkedTxn": [{"TxnId": "150", "TxnType": "CreditMemo"}]}],
    }  # fmt: skip
    used, left = words(memo, *paired(payment, "USD"))
    assert (used.invoice_id, used.applied_at, used.document_at) == (
        "142",
        at(11, 3),
        at(10, 2),
    )
    assert (left.unapplied_minor, left.given) == (5000, (Given(Way.OTHER, 5000),))
    assert left.given_minor(Way.REFUND) is None


@pytest.mark.parametrize(("status", "unapplied"), [("A", 7000), ("B", 0)])
def test_netsuite_s_fully_applied_leaves_nothing(status: str, unapplied: int) -> None:
    row = {
        "id": "9100", "tranid": "CM-1", "status": status, "foreigntotal": "-100.00",
        "currency": "USD", "trandate": "2026-10-02",
    }  # fmt: skip
    memo = NetSuite(NO_WIRE, "1")._memo(row, {})
    _, left = words(memo, Applied("9100", "9001", Decimal("30.00")))
    assert (left.unapplied_minor, left.applied_at, left.document_at) == (
        unapplied,
        None,
        at(10, 2),
    )


def test_intacct_dates_the_document_and_its_posting_apart() -> None:
    row = {
        "key": "7", "adjustmentNumber": "A-7", "state": "partiallyPaid",
        "createdDate": "2026-09-30", "glPostingDate": "2026-10-02", "customer.id": "C1",
        "txnCurrency.totalEntered": "-100.00", "txnCurrency.totalDue": "-40.00",
        "txnCurrency.currency": "USD",
    }  # fmt: skip
    memo = Intacct(NO_WIRE, "c")._memo(row)
    _, left = words(memo, Applied("7", "1", Decimal("50.00"), on=date(2026, 11, 3)))
    assert (left.document_at, left.posted_at, left.applied_at) == (
        at(9, 30),
        at(10, 2),
        at(11, 3),
    )
    assert (left.unapplied_minor, left.given) == (4000, (Given(Way.OTHER, 1000),))
    assert left.customer_id == "C1"
    undated = Intacct(NO_WIRE, "c")._memo({**row, "glPostingDate": None})
    assert undated.posted_on == date(2026, 9, 30)


@pytest.mark.parametrize(("status", "unapplied"), [("Open", 10000), ("Paid", 0)])
def test_business_central_s_paid_is_used_up(status: str, unapplied: int) -> None:
    row = {
        "id": "m", "number": "PCM-1", "status": status, "currencyCode": "USD",
        "totalAmountIncludingTax": "100.00", "postingDate": "2026-10-02",
        "creditMemoDate": "2026-09-30",
    }  # fmt: skip
    (left,) = words(BusinessCentral(NO_WIRE, "b", "t", "e").look()._memo("c", row))
    assert (left.document_at, left.posted_at) == (at(9, 30), at(10, 2))
    assert left.unapplied_minor == unapplied


# --- the ERPs that run here ---------------------------------------------------------------


def test_odoo_tells_who_made_it_its_date_and_when_it_was_used(
    mock: responses.RequestsMock,
) -> None:
    odoo = FakeOdoo(mock)
    number = odoo.post("out_invoice", 10_000)
    note = odoo.post("out_refund", 5_000, reversed_entry_id=[number, "INV"])
    odoo.use(note, number, 3_000)
    payout = odoo.post("entry", 1_500)  # the credit note is paid out
    odoo.use(note, payout, 1_500)
    _, (used, left) = odoo_look(odoo, number)
    assert (used.invoice_id, used.amount_minor) == (str(number), 3_000)
    assert (used.document_at, used.posted_at, used.applied_at) == (
        at(10, 30),
        at(10, 31),
        at(11, 2),
    )
    assert (used.raised_by, used.approved_by, used.customer_id) == ("Mia Roth", None, "9")
    assert (left.unapplied_minor, left.given) == (500, (Given(Way.OTHER, 1_500),))


def test_tryton_tells_who_validated_and_who_posted(mock: responses.RequestsMock) -> None:
    tryton = FakeTryton(mock)
    number = tryton.invoice(10_000)
    tryton.invoice(
        -3_000, origin=number, invoice_date=date(2026, 10, 30),
        accounting_date=date(2026, 10, 31), posted_by={"id": 4, "rec_name": "Omar Diaz"},
    )  # fmt: skip
    _, (memo,) = tryton_look(number)
    assert (memo.raised_by, memo.approved_by) == ("Mia Roth", "Omar Diaz")
    assert (memo.document_at, memo.posted_at) == (at(10, 30), at(10, 31))
    assert memo.given is None  # a refund is not told


# --- files --------------------------------------------------------------------------------

HEAD = (
    "kind,number,date,document_date,currency,total,applied_to,applied_amount,applied_date,"
    "requested_by,approved,approved_by,approved_date,reason,refunded,refunded_date,on_balance,"
    "out_of_band"
)
ROW = (
    "credit memo,CM-1,2026-11-03,2026-10-31,USD,100.00,INV-1,60.00,2026-11-05,"
    "mia,yes,omar,2026-11-02,USAGE_ERROR,10.00,2026-11-06,15.00,5.00"
)


def read(row: str = ROW) -> CreditMemo:
    export = export_of("memos.csv", f"{HEAD}\n{row}\n".encode(), Reading("books"))
    (memo,) = export.memos.values()
    used, left = shared_out(memo, export.applied[memo.id], {}, {})
    assert (used.applied_at, left.applied_at) == (at(11, 5), at(11, 5))
    return left


def test_a_file_tells_all_of_it_in_columns_of_its_own() -> None:
    left = read()
    assert (left.document_at, left.posted_at, left.approved_at) == (
        at(10, 31),
        at(11, 3),
        at(11, 2),
    )
    assert (left.raised_by, left.approved, left.approved_by) == ("mia", True, "omar")
    assert left.given == (
        Given(Way.REFUND, 1000, at(11, 6)),
        Given(Way.BALANCE, 1500, at(11, 6)),
        Given(Way.OUT_OF_BAND, 500, at(11, 6)),
    )
    assert (left.amount_minor, left.unapplied_minor, left.reason) == (
        4000,
        1000,
        "USAGE_ERROR",
    )
    assert not read(ROW.replace(",yes,", ",No,")).approved
    assert read(ROW.replace(",yes,", ",,")).approved


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        (",yes,", ",maybe,", "column 'approved': 'maybe' is neither yes nor no"),
        ("2026-11-02", "soon", "column 'approved_date': 'soon' is no date"),
        ("2026-10-31", "31/10/26", "column 'document_date': '31/10/26' is no date"),
        (",10.00,", ",ten,", "column 'refunded': 'ten' is no amount"),
        (
            ",15.00,",
            ",95.00,",
            "column 'refunded': '10.00' is more than the total of the memo",
        ),
        (
            ",60.00,",
            ",80.00,",
            "column 'applied_amount': '80.00' is more than CM-1 has left",
        ),
    ],
)
def test_an_odd_cell_refuses_the_file_by_its_place(old: str, new: str, said: str) -> None:
    with pytest.raises(BadFile, match=f"memos.csv: row 2, {said}"):
        read(ROW.replace(old, new))


def test_a_file_without_these_columns_tells_nothing_of_them() -> None:
    body = b"kind,number,currency,total\ncredit memo,CM-1,USD,100.00\n"
    (memo,) = export_of("memos.csv", body, Reading("books")).memos.values()
    assert (memo.given, memo.document_at, memo.approved_by, memo.raised_by) == (None,) * 4
    assert memo.approved


def test_two_days_on_one_invoice_are_two_parts() -> None:
    whole = CreditMemo("books", "m", MemoStatus.ISSUED, "USD", 300)
    days = (date(2026, 11, 3), date(2026, 10, 5), date(2026, 10, 5))
    made = parts(whole, [Application("i", 100, on=on) for on in days])
    assert [(one.amount_minor, one.applied_at) for one in made] == [
        (200, at(10, 5)),
        (100, at(11, 3)),
    ]
