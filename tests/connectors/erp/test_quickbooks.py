"""QuickBooks' traps, each by its name."""

from collections.abc import Iterator
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.erp.quickbooks import paired
from connectors.erp.rows import Applied
from connectors.failures import Incomplete
from connectors.ports import PeriodLock
from state.receivables import DocumentStatus
from tests.contracts.registers import seen
from tests.contracts.vendors.desk import replayed
from tests.contracts.vendors.quickbooks import QuickBooksDesk, payment

INVOICE, MEMO = "Invoice", "CreditMemo"


@pytest.fixture
def desk() -> Iterator[QuickBooksDesk]:
    yield from replayed(QuickBooksDesk)


def of(*links: tuple[str, str]) -> list[dict[str, str]]:
    return [{"TxnType": kind, "TxnId": name} for kind, name in links]


def told(*lines: tuple[int, list[dict[str, str]]]) -> list[tuple[str, str, int, bool]]:
    row = payment("9", "58", QuickBooksDesk().clock.now(), list(lines))
    return [
        (one.memo, one.invoice, int(one.amount * 100), one.exact)
        for one in paired(row, "USD")
    ]


# --- which memo pays which invoice ----------------------------------------------------
def test_one_line_with_both_is_a_pair() -> None:
    assert told((15_000, of((MEMO, "151"), (INVOICE, "143")))) == [
        ("151", "143", 15_000, True)
    ]


def test_two_lines_of_one_each_are_a_pair() -> None:
    lines = [(30_000, of((INVOICE, "142"))), (30_000, of((MEMO, "150")))]
    assert told(*lines) == [("150", "142", 30_000, True)]


def test_cash_beside_a_memo_on_one_invoice_is_still_a_pair() -> None:
    """A payment of 10 in cash: 20 to the invoice, 10 of it from the memo."""
    assert told((2_000, of((INVOICE, "1"))), (1_000, of((MEMO, "2")))) == [
        ("2", "1", 1_000, True)
    ]


def test_one_memo_that_pays_several_invoices_whole_pays_each_line() -> None:
    lines = [
        (3_000, of((INVOICE, "1"))),
        (2_000, of((INVOICE, "2"))),
        (5_000, of((MEMO, "9"))),
    ]
    assert told(*lines) == [("9", "1", 3_000, True), ("9", "2", 2_000, True)]


def test_several_of_both_are_shared_out_and_said_to_be_inferred() -> None:
    lines = [
        (6_000, of((INVOICE, "1"))), (3_000, of((INVOICE, "2"))),
        (4_500, of((MEMO, "8"))), (1_000, of((MEMO, "9"))),
    ]  # fmt: skip
    assert told(*lines) == [
        ("8", "1", 3_000, False), ("8", "2", 1_500, False),
        ("9", "1", 667, False), ("9", "2", 333, False),
    ]  # fmt: skip


def test_cash_on_several_invoices_makes_one_memo_inferred_too() -> None:
    lines = [
        (3_000, of((INVOICE, "1"))),
        (2_000, of((INVOICE, "2"))),
        (1_000, of((MEMO, "9"))),
    ]
    assert {one[3] for one in told(*lines)} == {False}


def test_a_payment_in_cash_alone_applies_no_memo() -> None:
    assert told((3_000, of((INVOICE, "1"))), (500, of(("Deposit", "7")))) == []


amounts = st.integers(min_value=1, max_value=10**7)


@given(st.lists(amounts, min_size=1, max_size=5), st.lists(amounts, min_size=1, max_size=5))
def test_no_cent_of_a_memo_is_lost_or_made(invoices: list[int], memos: list[int]) -> None:
    lines = [(minor, of((INVOICE, str(n)))) for n, minor in enumerate(invoices)]
    lines += [(minor, of((MEMO, str(n)))) for n, minor in enumerate(memos)]
    row: Any = payment("9", "58", QuickBooksDesk().clock.now(), lines)
    for line in row["Line"]:
        line["Amount"] = Decimal(str(line["Amount"]))
    found: list[Applied] = paired(row, "USD")
    for n, minor in enumerate(memos):
        assert (
            sum(one.amount for one in found if one.memo == str(n)) == Decimal(minor) / 100
        )


# --- through the register -------------------------------------------------------------
def test_a_void_is_a_total_of_nothing_and_the_note_that_says_so(
    desk: QuickBooksDesk,
) -> None:
    void, zero = desk.invoice("core-1", 100), desk.invoice("core-2", 0)
    desk.void(void)
    documents, _ = seen(desk.register.sweep())
    assert documents[void].status is DocumentStatus.VOID
    assert documents[zero].status is DocumentStatus.OPEN  # a zero total of its own


def test_a_mixed_payment_is_told_as_inferred(desk: QuickBooksDesk) -> None:
    names = [desk.invoice(f"core-{n}", 10_000) for n in range(2)]
    memos = [desk.credit(names[0], 3_000, how="unapplied") for _ in range(2)]
    lines = [(3_000, of((INVOICE, name))) for name in names]
    lines += [(3_000, of((MEMO, name))) for name in memos]
    desk.payments.append(payment("7000", "58", desk.tick(), lines))
    _, found = seen(desk.register.look_again([names[0]]))
    ours = [one for one in found if one.invoice_id == names[0]]
    assert [(one.amount_minor, one.exact) for one in ours] == [(1_500, False)] * 2


def test_a_parent_s_payment_pays_its_job_s_invoice(desk: QuickBooksDesk) -> None:
    name = desk.invoice("core-1", 10_000)
    memo = desk.credit(name, 4_000, how="unapplied")
    desk.known(name).customer, desk.memos[memo].customer = "581", "60"
    lines = [(4_000, of((INVOICE, name))), (4_000, of((MEMO, memo)))]
    desk.payments.append(payment("7000", "60", desk.tick(), lines))
    (one,) = seen(desk.register.look_again([name]))[1]
    assert (one.invoice_id, one.amount_minor) == (name, 4_000)


def test_a_changed_payment_names_the_invoices_it_pays(desk: QuickBooksDesk) -> None:
    name = desk.invoice("core-1", 10_000)
    desk.clock.sleep(86_400)
    cursor = desk.register.changes(None, desk.clock.now()).cursor
    desk.payments.append(
        payment("7000", "58", desk.tick(), [(100, of((INVOICE, name)))], 100)
    )
    assert name in desk.register.changes(cursor, desk.clock.now()).ids


def test_a_company_with_one_currency_names_none(desk: QuickBooksDesk) -> None:
    desk.multicurrency = False
    name = desk.invoice("core-1", 100)
    assert seen(desk.register.sweep())[0][name].currency == "USD"


def test_a_row_deleted_while_its_list_is_read_makes_it_no_whole_answer(
    desk: QuickBooksDesk,
) -> None:
    names = desk.many(25)

    def tenth_is_deleted(asked: int) -> None:
        if asked == 3 and names[9] in desk.invoices:
            desk.delete(names[9])

    desk.on_ask = tenth_is_deleted
    with pytest.raises(Incomplete, match="moved while it was read"):
        list(desk.register.sweep())


def test_a_row_that_enters_the_list_while_it_is_read_costs_no_other(
    desk: QuickBooksDesk,
) -> None:
    names = desk.many(25)
    old = desk.invoices.pop(names[3])

    def one_comes_in(asked: int) -> None:
        if asked == 3:
            desk.invoices[names[3]] = old

    desk.on_ask = one_comes_in
    documents, _ = seen(desk.register.sweep())
    assert set(documents) >= set(names) - {names[3]}


def test_a_deletion_is_told_by_the_change_feed(desk: QuickBooksDesk) -> None:
    name = desk.invoice("core-1", 100)
    cursor = desk.register.changes(None, desk.clock.now()).cursor
    desk.delete(name)
    assert name in desk.register.changes(cursor, desk.clock.now()).ids


def test_a_change_feed_that_is_cut_off_asks_for_a_sweep(desk: QuickBooksDesk) -> None:
    cursor = desk.register.changes(None, desk.clock.now()).cursor
    desk.feed_more = 1000
    assert desk.register.changes(cursor, desk.clock.now()).gap


def test_a_cursor_older_than_the_feed_remembers_asks_for_a_sweep(
    desk: QuickBooksDesk,
) -> None:
    cursor = desk.register.changes(None, desk.clock.now()).cursor
    desk.clock.time += timedelta(days=29, hours=1)
    hints = desk.register.changes(cursor, desk.clock.now())
    assert hints.gap
    assert hints.cursor != cursor
    desk.clock.time += timedelta(days=27)
    assert not desk.register.changes(hints.cursor, desk.clock.now()).gap


def test_the_day_on_which_the_books_were_closed_is_told(desk: QuickBooksDesk) -> None:
    assert desk.register.locks() == ()
    desk.closed = "2026-09-30"
    assert desk.register.locks() == (PeriodLock(None, date(2026, 9, 30)),)


def test_a_429_without_a_time_is_given_a_minute(desk: QuickBooksDesk) -> None:
    began = desk.clock.now()
    desk.fault("429", times=1)
    list(desk.register.sweep())
    assert desk.clock.now() - began >= timedelta(seconds=60)


@pytest.mark.parametrize("name", ["1' OR '1'='1", "", "12a"])
def test_what_is_no_id_is_never_asked_for(desk: QuickBooksDesk, name: str) -> None:
    with pytest.raises(Incomplete, match="no id of QuickBooks"):
        list(desk.register.look_again([name]))
    assert desk.asked == []
