"""NetSuite's traps, each by its name."""

from collections.abc import Iterator
from datetime import date, timedelta

import pytest

from connectors.failures import Incomplete, Misconfigured
from connectors.ports import PeriodLock
from state.receivables import DocumentStatus, seen_again
from tests.contracts.registers import seen
from tests.contracts.vendors.desk import replayed
from tests.contracts.vendors.netsuite import NetSuiteDesk


@pytest.fixture
def desk() -> Iterator[NetSuiteDesk]:
    yield from replayed(NetSuiteDesk)


def test_a_void_zeroes_the_total_and_what_it_was_is_kept(desk: NetSuiteDesk) -> None:
    name = desk.invoice("core-1", 25_000)
    before = seen(desk.register.sweep())[0][name]
    desk.void(name)
    now = seen(desk.register.look_again([name]))[0][name]
    assert (now.status, now.gross_minor) == (DocumentStatus.VOID, 0)
    assert seen_again(before, now).gross_minor == 25_000


def test_a_link_of_nothing_is_left_by_a_void_and_applies_nothing(
    desk: NetSuiteDesk,
) -> None:
    name = desk.invoice("core-1", 25_000)
    memo = desk.credit(name, 5_000, how="unapplied")
    desk.links = ((name, memo, "0", "Payment"),)
    (one,) = seen(desk.register.sweep())[1]
    assert not one.explains


def test_a_link_to_a_payment_is_no_credit(desk: NetSuiteDesk) -> None:
    name = desk.invoice("core-1", 25_000)
    desk.pay(name, 10_000)
    desk.links = ((name, "77", "100.00", "Payment"),)
    page = next(iter(desk.register.look_again([name])))
    assert page.memos == ()
    assert page.documents[0].paid_minor == 10_000


def test_a_link_of_another_kind_is_no_application(desk: NetSuiteDesk) -> None:
    name = desk.invoice("core-1", 25_000)
    memo = desk.credit(name, 5_000, how="unapplied")
    desk.links = ((name, memo, "50.00", "SaleRet"),)
    (one,) = seen(desk.register.sweep())[1]
    assert not one.explains


def test_a_row_deleted_between_two_pages_costs_no_other(desk: NetSuiteDesk) -> None:
    names = desk.many(25)

    def first_is_deleted(asked: int) -> None:
        if asked == 3 and names[0] in desk.invoices:
            desk.delete(names[0])

    desk.on_ask = first_is_deleted
    documents, _ = seen(desk.register.sweep())
    assert set(documents) >= set(names[1:])


def test_more_rows_than_one_query_gives_are_read(desk: NetSuiteDesk) -> None:
    desk.cap = 15  # NetSuite's own is 100,000, and it says nothing
    names = desk.many(40)
    assert set(seen(desk.register.sweep())[0]) == set(names)


def test_one_memo_on_two_invoices_is_told_in_its_parts(desk: NetSuiteDesk) -> None:
    first, second = desk.invoice("core-1", 10_000), desk.invoice("core-2", 10_000)
    memo = desk.credit(first, 9_000, how="unapplied")
    desk.apply(memo, first, 4_000)
    desk.apply(memo, second, 3_000)
    _, memos = seen(desk.register.sweep())
    told = {(one.id, one.invoice_id, one.amount_minor, one.applied) for one in memos}
    assert told == {
        (memo, first, 4_000, True),
        (f"{memo}#part2", second, 3_000, True),
        (f"{memo}#part3", None, 2_000, False),
    }
    # And from the other side the parts have the same ids.
    assert set(seen(desk.register.look_again([second]))[1]) == set(memos)


def test_tax_is_taken_off_by_its_lines(desk: NetSuiteDesk) -> None:
    name = desk.invoice("core-1", 11_900)
    desk.known(name).tax = 1_900
    document = seen(desk.register.sweep())[0][name]
    assert (document.gross_minor, document.tax_minor) == (10_000, 1_900)
    assert document.open_minor == 11_900


def test_a_cursor_is_their_clock_and_looks_back_over_the_hour_that_comes_twice(
    desk: NetSuiteDesk,
) -> None:
    desk.invoice("core-1", 100)
    cursor = desk.register.changes(None, desk.clock.now()).cursor
    assert cursor == "2026-10-01T05:01:00Z"  # their zone, which they do not name
    again = desk.invoice("core-2", 100)
    desk.known(again).stamp = desk.clock.now() - timedelta(minutes=61)
    hints = desk.register.changes(cursor, desk.clock.now())
    assert again in {one.id for page in hints.pages for one in page.documents}


def test_a_deleted_invoice_is_named_by_the_change_feed(desk: NetSuiteDesk) -> None:
    name = desk.invoice("core-1", 100)
    desk.invoice("core-2", 100)
    cursor = desk.register.changes(None, desk.clock.now()).cursor
    desk.delete(name)
    assert name in desk.register.changes(cursor, desk.clock.now()).ids


def test_a_credit_applied_later_moves_no_stamp_and_is_seen_by_id(
    desk: NetSuiteDesk,
) -> None:
    name = desk.invoice("core-1", 10_000)
    memo = desk.credit(name, 10_000, how="unapplied")
    desk.clock.sleep(86_400)
    cursor = desk.register.changes(None, desk.clock.now()).cursor
    desk.clock.sleep(86_400)
    desk.invoice("core-2", 100)
    cursor = desk.register.changes(None, desk.clock.now()).cursor
    desk.apply(memo, name, 10_000)
    assert name not in desk.register.changes(cursor, desk.clock.now()).ids
    (one,) = seen(desk.register.look_again([name]))[1]
    assert one.explains


def test_closed_and_locked_periods_are_told(desk: NetSuiteDesk) -> None:
    desk.periods = (("2026-08-01", "2026-08-31"), ("2026-09-01", "2026-09-30"))
    ranges = ((date(2026, 8, 1), date(2026, 8, 31)), (date(2026, 9, 1), date(2026, 9, 30)))
    assert desk.register.locks() == (PeriodLock(None, ranges=ranges),)


def test_a_subsidiary_that_the_role_does_not_see_is_no_silence() -> None:
    for desk in replayed(lambda: NetSuiteDesk(subsidiaries=("1", "7"))):
        with pytest.raises(Misconfigured, match="does not see subsidiary 7"):
            desk.register.identify()


def test_only_the_subsidiaries_that_are_named_are_read() -> None:
    for desk in replayed(lambda: NetSuiteDesk(subsidiaries=("2",))):
        desk.invoice("core-1", 100)
        ours = desk.invoice("core-2", 100, entity=1)
        assert set(seen(desk.register.sweep())[0]) == {ours}
        assert [one.id for one in desk.register.identify().entities] == ["2"]


def test_a_status_that_is_not_known_stops_the_reading(desk: NetSuiteDesk) -> None:
    desk.invoice("core-1", 100)
    desk.statuses = "Z"
    with pytest.raises(Incomplete, match="INV-1001 has the status 'Z'"):
        list(desk.register.sweep())


@pytest.mark.parametrize("name", ["1) OR (1=1", "", "12a", "٣"])
def test_what_is_no_internal_id_is_never_asked_for(desk: NetSuiteDesk, name: str) -> None:
    with pytest.raises(Incomplete, match="no internal id"):
        list(desk.register.look_again([name]))
    assert desk.asked == []
