"""Xero's traps, each by its name."""

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta

import pytest

from connectors.erp.xero import moment
from connectors.failures import Incomplete, Misconfigured, NotNow
from connectors.ports import PeriodLock
from state.receivables import DocumentStatus
from tests.contracts.registers import seen
from tests.contracts.vendors.desk import replayed
from tests.contracts.vendors.xero import XeroDesk, shown


@pytest.fixture
def desk() -> Iterator[XeroDesk]:
    yield from replayed(XeroDesk)


def test_a_void_keeps_its_total(desk: XeroDesk) -> None:
    name = desk.invoice("core-1", 25_000)
    desk.void(name)
    document = seen(desk.register.sweep())[0][name]
    assert (document.status, document.gross_minor) == (DocumentStatus.VOID, 25_000)
    assert (document.open_minor, document.native_status) == (0, "VOIDED")


def test_a_refunded_credit_note_is_paid_and_applied_to_nothing(desk: XeroDesk) -> None:
    name = desk.invoice("core-1", 25_000)
    memo = desk.credit(name, 5_000, how="unapplied")
    desk.memos[memo].paid = 5_000  # a payment of a credit note is a refund
    (one,) = seen(desk.register.sweep())[1]
    assert (one.native_status, one.explains) == ("PAID", False)


def test_an_allocation_that_was_taken_back_applies_nothing(desk: XeroDesk) -> None:
    name = desk.invoice("core-1", 25_000)
    desk.credit(name, 5_000, how="unapplied")
    desk.undone = [{"Amount": 50.0, "Invoice": {"InvoiceID": name}, "IsDeleted": True}]
    (one,) = seen(desk.register.sweep())[1]
    assert not one.explains


def test_a_prepayment_is_cash_though_xero_counts_it_as_credited(desk: XeroDesk) -> None:
    name = desk.invoice("core-1", 25_000)
    desk.credit(name, 5_000)
    desk.prepaid[name] = 20_000
    document = seen(desk.register.look_again([name]))[0][name]
    assert (document.paid_minor, document.open_minor) == (20_000, 0)
    assert document.status is DocumentStatus.PAID


def test_an_invoice_that_does_not_say_how_much_is_asked_from_its_credit_notes(
    desk: XeroDesk,
) -> None:
    desk.told = False
    name, other = desk.invoice("core-1", 25_000), desk.invoice("core-2", 25_000)
    memo = desk.credit(name, 9_000, how="unapplied")
    desk.apply(memo, name, 5_000)
    desk.apply(memo, other, 4_000)
    documents, memos = seen(desk.register.look_again([name]))
    assert documents[name].open_minor == 20_000
    assert documents[name].paid_minor == 0
    assert {(one.invoice_id, one.amount_minor) for one in memos} == {
        (name, 5_000),
        (other, 4_000),
    }


def test_a_deleted_draft_is_still_told_and_is_deleted_here(desk: XeroDesk) -> None:
    name = desk.invoice("core-1", 100, draft=True)
    desk.dropped.add(int(name[-6:]))
    assert name not in seen(desk.register.sweep())[0]
    document = seen(desk.register.look_again([name]))[0][name]
    assert document.status is DocumentStatus.DELETED


def test_tax_is_taken_off_and_a_memo_s_too(desk: XeroDesk) -> None:
    name = desk.invoice("core-1", 12_000)
    desk.known(name).tax = 2_000
    desk.memos[desk.credit(name, 6_000)].tax = 1_000
    documents, (memo,) = seen(desk.register.look_again([name]))
    assert (documents[name].gross_minor, documents[name].tax_minor) == (10_000, 2_000)
    assert (memo.amount_minor, memo.tax_minor) == (5_000, 1_000)


def test_a_row_that_changes_while_pages_are_read_costs_no_other(desk: XeroDesk) -> None:
    names = desk.many(25)

    def first_changes(asked: int) -> None:
        if asked == 2:
            desk.known(names[0]).stamp = desk.tick()

    desk.on_ask = first_changes
    assert set(seen(desk.register.sweep())[0]) == set(names)


def test_a_used_up_day_is_not_waited_for_in_the_process(desk: XeroDesk) -> None:
    began = desk.clock.now()
    desk.fault("429", times=99)
    desk.more_headers = {"X-Rate-Limit-Problem": "day", "Retry-After": "100"}
    with pytest.raises(NotNow, match="day's quota is used up") as stopped:
        list(desk.register.sweep())
    assert len(desk.asked) == 1
    assert desk.clock.now() == began
    assert stopped.value.retry_after == 12 * 3600  # from noon to midnight


def test_a_used_up_minute_is_waited_for(desk: XeroDesk) -> None:
    began = desk.clock.now()
    desk.fault("429", times=1)
    desk.more_headers = {"X-Rate-Limit-Problem": "minute", "Retry-After": "40"}
    list(desk.register.sweep())
    assert desk.clock.now() - began >= timedelta(seconds=40)


def test_the_later_of_the_two_lock_dates_counts(desk: XeroDesk) -> None:
    assert desk.register.locks() == ()
    desk.locked = tuple(shown(datetime(2026, m, 30, tzinfo=UTC)) for m in (6, 9))  # type: ignore[assignment]  # of two
    assert desk.register.locks() == (PeriodLock(None, date(2026, 9, 30)),)


def test_an_organisation_that_was_not_chosen_is_named_with_those_that_were(
    desk: XeroDesk,
) -> None:
    desk.source.identify()
    other = type(desk.source)(desk.source.wire, "another")
    with pytest.raises(Misconfigured, match="another was not chosen; chosen: Acme"):
        other.identify()


# --- a flag in the history ------------------------------------------------------------
def test_a_flag_is_noted_once_and_keeps_its_key(desk: XeroDesk) -> None:
    name = desk.invoice("core-1", 100)
    first = desk.source.show_flag(
        name, "[Tieout a1 F-000001]", "Please void: see the worklist."
    )
    again = desk.source.show_flag(
        name, "[Tieout a1 F-000001]", "Please void: see the worklist."
    )
    other = desk.source.show_flag(name, "[Tieout a1 F-000002]", "x" * 4000)
    assert (first.made, again.made, other.made) == (True, False, True)
    notes = desk.history[name]
    assert notes[0] == "[Tieout a1 F-000001] Please void: see the worklist."
    assert len(notes) == 2
    assert len(notes[1]) == 2500
    assert desk.keys == ["Tieout-a1-F-000001", "Tieout-a1-F-000002"]


def test_a_note_on_another_flag_that_begins_alike_is_another(desk: XeroDesk) -> None:
    name = desk.invoice("core-1", 100)
    desk.source.show_flag(name, "[Tieout a1 F-10]", "x")
    assert desk.source.show_flag(name, "[Tieout a1 F-1]", "x").made


# --- its times and ids ----------------------------------------------------------------
def test_the_offset_of_a_time_is_only_how_it_was_shown() -> None:
    assert moment("/Date(1539993600000+0000)/") == datetime(2018, 10, 20, tzinfo=UTC)
    assert moment("/Date(1539993600000+1300)/") == datetime(2018, 10, 20, tzinfo=UTC)
    assert moment("/Date(1539993600000)/") == datetime(2018, 10, 20, tzinfo=UTC)
    assert moment(None) is None
    with pytest.raises(Incomplete, match="a time that is none"):
        moment("2018-10-20")


@pytest.mark.parametrize("name", ["x", "", "../Payments", "1,2"])
def test_what_is_no_id_is_never_asked_for(desk: XeroDesk, name: str) -> None:
    with pytest.raises(Incomplete, match="no id of Xero"):
        list(desk.register.look_again([name]))
    assert desk.asked == []
