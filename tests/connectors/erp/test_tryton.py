"""Tryton's traps: two kinds of cancelled, credits that stay open, stamps that are empty."""

from collections.abc import Iterator
from datetime import UTC, date, datetime
from decimal import Decimal

import pytest
import responses

from connectors.failures import Incomplete
from state.receivables import CreditMemo, DocumentStatus, DownstreamInvoice
from tests.connectors.erp.fake_tryton import URL, FakeTryton
from tests.contracts.registers import seen
from tests.contracts.test_tryton_register import register


@pytest.fixture
def tryton() -> Iterator[FakeTryton]:
    with responses.RequestsMock(assert_all_requests_are_fired=False) as mock:
        yield FakeTryton(mock)


def look(number: int) -> tuple[DownstreamInvoice, list[CreditMemo]]:
    documents, memos = seen(register().look_again([str(number)]))
    return documents[str(number)], memos


def test_cancelled_by_a_credit_note_is_credited_and_no_void(tryton: FakeTryton) -> None:
    number = tryton.invoice(10_000)
    note = tryton.invoice(-10_000, origin=number, state="paid", amount_to_pay=Decimal(0))
    tryton.touch(
        number, state="cancelled", cancel_move=note * 100, amount_to_pay=Decimal(0)
    )
    document, (memo,) = look(number)
    assert document.status is DocumentStatus.OPEN
    assert (document.open_minor, document.paid_minor) == (0, 0)
    assert (memo.invoice_id, memo.amount_minor, memo.explains) == (
        str(number),
        10_000,
        True,
    )


def test_an_invoice_and_its_open_credit_note_are_netted(tryton: FakeTryton) -> None:
    number = tryton.invoice(10_000)
    tryton.invoice(-3_000, origin=number)
    document, _ = look(number)
    assert (document.open_minor, document.paid_minor) == (7_000, 0)


def test_a_credit_note_on_two_invoices_is_shared_out_by_its_lines(
    tryton: FakeTryton,
) -> None:
    first, second = tryton.invoice(10_000), tryton.invoice(5_000)
    note = tryton.invoice(-1_500, origin=first)
    lines = tryton.tables["account.invoice.line"]
    lines[note]["amount"] = Decimal("-10.00")
    lines[99] = {**lines[note], "id": 99, "amount": Decimal("-5.00"),
                 "origin": f"account.invoice.line,{second}"}  # fmt: skip
    _, memos = look(first)
    assert [(m.invoice_id, m.amount_minor, m.exact) for m in memos] == [
        (str(first), 1_000, True),
        (str(second), 500, True),
    ]


def test_closed_periods_are_told(tryton: FakeTryton) -> None:
    for number, state in ((1, "open"), (2, "closed"), (3, "locked")):
        tryton.tables["account.period"][number] = {
            "id": number,
            "state": state,
            "start_date": date(2026, number, 1),
            "end_date": date(2026, number, 28),
            "fiscalyear": {"id": 1, "company": 1},
        }
    (lock,) = register().locks()
    assert lock.entity_id == "1"
    assert [lock.closes(date(2026, month, 15)) for month in (1, 2, 3)] == [
        False,
        True,
        True,
    ]


def test_a_row_that_was_never_changed_is_found_by_its_making(tryton: FakeTryton) -> None:
    cursor = register().changes(None, datetime(2020, 1, 1, tzinfo=UTC)).cursor
    assert cursor is not None
    assert cursor.startswith("2026-11-24T12:00:0")
    number = tryton.invoice(100)
    hints = register().changes(cursor, datetime(2020, 1, 1, tzinfo=UTC))
    assert [one.id for page in hints.pages for one in page.documents] == [str(number)]
    assert hints.cursor is not None
    assert hints.cursor.endswith("123456Z")


@pytest.mark.parametrize("amount", [100, -100])
def test_a_state_that_is_not_known_stops_the_reading(
    tryton: FakeTryton, amount: int
) -> None:
    tryton.invoice(amount, state="proforma")
    with pytest.raises(Incomplete, match="the status 'proforma'"):
        list(register().sweep())


@pytest.mark.parametrize(
    "said",
    ["{}", "[1]", '[{"id": 1}]', '[{"id": {"__class__": "bytes", "base64": ""}}]'],
)
def test_what_is_no_list_of_whole_rows_is_no_answer(said: str) -> None:
    with responses.RequestsMock() as mock:
        path = f"{URL}/acme/rest/model/account.invoice"
        mock.add(responses.GET, path, said, content_type="application/json")
        with pytest.raises(Incomplete):
            list(register().sweep())
