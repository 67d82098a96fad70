"""Sage Intacct's traps, each by its name."""

from collections.abc import Iterator
from datetime import timedelta

import pytest

from connectors.failures import Incomplete, Misconfigured, Unauthorized
from state.receivables import DocumentStatus
from tests.contracts.registers import seen
from tests.contracts.vendors.desk import replayed
from tests.contracts.vendors.intacct import IntacctDesk


@pytest.fixture
def desk() -> Iterator[IntacctDesk]:
    yield from replayed(IntacctDesk)


def test_an_adjustment_above_zero_is_a_debit_memo_and_no_credit(desk: IntacctDesk) -> None:
    name = desk.invoice("core-1", 25_000)
    desk.credit(name, 5_000, how="unapplied")
    desk.more = [{
        "key": "900", "adjustmentNumber": "DM-1", "state": "posted", "entity.id": "US",
        "txnCurrency.totalEntered": "40.00", "txnCurrency.totalDue": "40.00",
        "txnCurrency.currency": "USD", "audit.modifiedDateTime": "2026-10-01T12:00:00Z",
    }]  # fmt: skip
    _, memos = seen(desk.register.sweep())
    assert [one.amount_minor for one in memos] == [5_000]


def test_applications_are_told_by_the_line_and_summed(desk: IntacctDesk) -> None:
    name = desk.invoice("core-1", 30_000)
    desk.credit(name, 10_001)
    (one,) = seen(desk.register.look_again([name]))[1]
    assert (one.invoice_id, one.amount_minor, one.exact) == (name, 10_001, True)


def test_a_reversal_is_two_documents_and_neither_is_owed(desk: IntacctDesk) -> None:
    name = desk.invoice("core-1", 25_000)
    desk.void(name)
    back = desk.invoice("core-1", -25_000)
    desk.states[back] = "reversal"
    documents, memos = seen(desk.register.sweep())
    assert {one.status for one in documents.values()} == {DocumentStatus.VOID}
    assert {one.open_minor for one in documents.values()} == {0}
    assert memos == []


def test_a_key_that_moves_is_one_document_deleted_and_another_made(
    desk: IntacctDesk,
) -> None:
    """Order entry deletes its invoice and makes it anew when its source changes."""
    old = desk.invoice("core-1", 25_000)
    number = desk.known(old).number
    desk.delete(old)
    new = desk.invoice("core-1", 25_000)
    desk.known(new).number = number  # the number is used again
    documents, _ = seen(desk.register.look_again([old, new]))
    assert documents[old].status is DocumentStatus.DELETED
    assert documents[new].status is DocumentStatus.OPEN
    assert (documents[new].number, documents[new].external_ids[0]) == (number, "core-1")


@pytest.mark.parametrize("state", ["partiallyPaid", "partially_paid", "Partially Paid"])
def test_a_state_is_known_however_it_is_spelt(desk: IntacctDesk, state: str) -> None:
    name = desk.invoice("core-1", 25_000)
    desk.pay(name, 100)
    desk.states[name] = state
    document = seen(desk.register.sweep())[0][name]
    assert document.status is DocumentStatus.PART_PAID


def test_a_state_that_is_not_known_stops_the_reading(desk: IntacctDesk) -> None:
    desk.states[desk.invoice("core-1", 25_000)] = "onHold"
    with pytest.raises(Incomplete, match="INV-1001 has the status 'onhold'"):
        list(desk.register.sweep())


def test_a_list_that_shrinks_while_it_is_read_is_no_whole_answer(desk: IntacctDesk) -> None:
    names = desk.many(25)

    def first_is_deleted(asked: int) -> None:
        if asked == 3 and names[0] in desk.invoices:
            desk.delete(names[0])

    desk.on_ask = first_is_deleted
    with pytest.raises(Incomplete, match="moved while it was read"):
        list(desk.register.sweep())


def test_a_list_that_shrinks_and_grows_while_it_is_read_is_none_either(
    desk: IntacctDesk,
) -> None:
    """Its total stays as it was, and a row has gone over the edge of a page all the same."""
    names = desk.many(25)

    def one_goes_and_one_comes(asked: int) -> None:
        if asked == 3 and names[0] in desk.invoices:
            desk.delete(names[0])
            desk.invoice("core-new", 100)

    desk.on_ask = one_goes_and_one_comes
    with pytest.raises(Incomplete, match="moved while it was read"):
        list(desk.register.sweep())


def test_a_page_that_overlaps_the_one_before_gives_no_row_twice(desk: IntacctDesk) -> None:
    names = desk.many(25)
    pages = [[one.id for one in page.documents] for page in desk.register.sweep()]
    assert len([page for page in pages if page]) > 1
    assert sorted(name for page in pages for name in page) == sorted(names)


def test_a_changed_payment_detail_names_its_invoice(desk: IntacctDesk) -> None:
    name = desk.invoice("core-1", 25_000)
    memo = desk.credit(name, 5_000, how="unapplied")
    desk.clock.sleep(86_400)
    cursor = desk.register.changes(None, desk.clock.now()).cursor
    desk.apply(memo, name, 5_000)
    assert name in desk.register.changes(cursor, desk.clock.now()).ids


def test_only_the_entities_that_are_named_are_read() -> None:
    for desk in replayed(lambda: IntacctDesk(entities=("UK",))):
        desk.invoice("core-1", 100)
        ours = desk.invoice("core-2", 100, entity=1)
        assert set(seen(desk.register.sweep())[0]) == {ours}
        assert [one.id for one in desk.register.identify().entities] == ["UK"]


def test_an_entity_that_the_user_does_not_see_is_no_silence() -> None:
    for desk in replayed(lambda: IntacctDesk(entities=("UK", "FR"))):
        with pytest.raises(Misconfigured, match="does not see entity FR"):
            desk.register.identify()


def test_a_token_that_is_not_valid_comes_as_a_400_and_is_a_login(desk: IntacctDesk) -> None:
    desk.bodies = {
        400: {
            "ia::error": {
                "code": "x",
                "errorId": "REST-2102",
                "message": "Token is not valid",
            }
        }
    }
    desk.fault("400", times=9)
    with pytest.raises(Unauthorized, match="give Tieout its own user"):
        list(desk.register.sweep())


def test_a_throttled_answer_says_in_its_own_header_how_long(desk: IntacctDesk) -> None:
    began = desk.clock.now()
    desk.fault("429", times=1)
    desk.more_headers = {"X-IA-Throttle-Limit-RetryAfter": "17"}
    list(desk.register.sweep())
    assert desk.clock.now() - began >= timedelta(seconds=17)


def test_no_period_is_told_as_closed(desk: IntacctDesk) -> None:
    assert desk.register.locks() == ()
