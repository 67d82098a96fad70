"""Business Central's traps, each by its name."""

from collections.abc import Iterator
from datetime import date

import pytest

from connectors.failures import Incomplete, Misconfigured, Refused, Unknown
from connectors.ports import PeriodLock
from state.receivables import DocumentStatus, MemoStatus
from sync.decide import Held
from tests.contracts.registers import seen
from tests.contracts.vendors.business_central import COMPANIES, BusinessCentralDesk
from tests.contracts.vendors.desk import replayed

US, UK = COMPANIES


@pytest.fixture
def desk() -> Iterator[BusinessCentralDesk]:
    yield from replayed(BusinessCentralDesk)


def test_a_cancelled_invoice_is_void_and_its_corrective_memo_is_part_of_that_void(
    desk: BusinessCentralDesk,
) -> None:
    """It would be a memo on a void otherwise, and somebody would look for a mistake."""
    name = desk.invoice("core-1", 25_000)
    desk.void(name)
    documents, memos = seen(desk.register.sweep())
    assert documents[name].status is DocumentStatus.VOID
    assert documents[name].gross_minor == 25_000
    assert [(one.status, one.native_status) for one in memos] == [
        (MemoStatus.VOID, "Corrective")
    ]
    held = Held(documents[name], tuple(memos))
    assert (held.credited_minor, held.exposure_minor) == (0, 0)


def test_which_memo_pays_which_invoice_is_inferred(desk: BusinessCentralDesk) -> None:
    name = desk.invoice("core-1", 25_000)
    desk.credit(name, 5_000)
    for pages in (desk.register.sweep(), desk.register.look_again([name])):
        (one,) = seen(pages)[1]
        assert (one.invoice_id, one.explains, one.exact) == (name, True, False)


def test_a_memo_that_is_not_used_up_explains_nothing_yet(desk: BusinessCentralDesk) -> None:
    name = desk.invoice("core-1", 25_000)
    memo = desk.credit(name, 5_000)
    desk.uses[0].minor = 0  # it names its invoice and is open
    desk.statuses[desk.inner(memo)] = "Open"
    (one,) = seen(desk.register.sweep())[1]
    assert (one.invoice_id, one.explains) == (name, False)


def test_a_number_with_a_quote_is_asked_for_as_it_is(desk: BusinessCentralDesk) -> None:
    name = desk.invoice("core-1", 25_000)
    desk.known(name).number = "O'BRIEN-1"
    desk.credit(name, 5_000)
    asked: list[str] = []
    desk.on_ask = lambda _: asked.append(desk.asked[-1])
    list(desk.register.look_again([name]))
    assert any("O%27%27BRIEN-1" in one for one in asked)


def test_a_next_page_at_another_host_is_not_followed() -> None:
    for desk in replayed(lambda: BusinessCentralDesk(elsewhere=True)):
        desk.many(25)
        with pytest.raises(Incomplete, match=r"next page is at elsewhere\.example"):
            list(desk.register.sweep())
        assert not any("elsewhere" in one for one in desk.asked)


def test_a_document_that_names_no_currency_is_in_its_company_s(
    desk: BusinessCentralDesk,
) -> None:
    desk.unnamed = True
    here, there = desk.invoice("core-1", 100), desk.invoice("core-2", 100, entity=1)
    documents, _ = seen(desk.register.sweep())
    assert (documents[here].currency, documents[there].currency) == ("USD", "GBP")


def test_the_year_one_is_no_date(desk: BusinessCentralDesk) -> None:
    name = desk.invoice("core-1", 100)
    assert seen(desk.register.sweep())[0][name].due_on is None


def test_a_space_in_a_status_may_come_as_a_code(desk: BusinessCentralDesk) -> None:
    name = desk.invoice("core-1", 100)
    desk.statuses[desk.inner(name)] = "In_x0020_Review"
    assert seen(desk.register.sweep())[0][name].status is DocumentStatus.DRAFT


def test_a_status_that_is_not_known_stops_the_reading(desk: BusinessCentralDesk) -> None:
    desk.statuses[desk.inner(desk.invoice("core-1", 100))] = " "
    with pytest.raises(Incomplete, match="has the status ''"):
        list(desk.register.sweep())


def test_a_core_id_that_is_longer_than_the_field_is_given_cut_short(
    desk: BusinessCentralDesk,
) -> None:
    whole = "3b0c6f0e-9d3a-4a51-8a50-6c1f2f3a9d11"  # 36 characters into 35
    name = desk.invoice(whole, 100)
    assert seen(desk.register.sweep())[0][name].external_ids == (whole[:35],)


@pytest.mark.parametrize("named", ["CRONUS UK", UK])
def test_only_the_companies_that_are_named_are_read(named: str) -> None:
    for desk in replayed(lambda: BusinessCentralDesk(companies=(named,))):
        desk.invoice("core-1", 100)
        ours = desk.invoice("core-2", 100, entity=1)
        assert set(seen(desk.register.sweep())[0]) == {ours}
        entities = desk.register.identify().entities
        assert [(one.id, one.currency) for one in entities] == [(UK, "GBP")]


def test_a_company_that_is_not_seen_is_named_with_those_that_are() -> None:
    for desk in replayed(lambda: BusinessCentralDesk(companies=("Fabrikam",))):
        with pytest.raises(
            Misconfigured, match="Fabrikam is not seen; seen: CRONUS UK, CRONUS US"
        ):
            desk.register.identify()


def test_locks_are_what_lies_before_posting_and_closed_periods(
    desk: BusinessCentralDesk,
) -> None:
    desk.setup = {"allowPostingFrom": "2026-09-01", "allowPostingTo": "0001-01-01"}
    desk.periods = [
        {"startingDate": "2026-07-01", "closed": True, "dateLocked": True},
        {"startingDate": "2026-08-01", "closed": False},
        {"startingDate": "2026-09-01", "closed": False},
    ]
    july = ((date(2026, 7, 1), date(2026, 7, 31)),)
    assert desk.register.locks() == (
        PeriodLock(US, date(2026, 8, 31)), PeriodLock(US, ranges=july),
        PeriodLock(UK, date(2026, 8, 31)), PeriodLock(UK, ranges=july),
    )  # fmt: skip


@pytest.mark.parametrize(
    ("status", "code", "failure", "asked"),
    [
        (400, "Internal_ServerError", Unknown, 6),
        (400, "Application_DialogException", Refused, 1),
        (400, "Authorization_RequestDenied", Misconfigured, 1),
    ],
)
def test_an_error_is_asked_again_by_its_code(
    desk: BusinessCentralDesk, status: int, code: str, failure: type[Exception], asked: int
) -> None:
    desk.bodies = {status: {"error": {"code": code, "message": "no"}}}
    desk.fault(str(status), times=99)
    with pytest.raises(failure):
        list(desk.register.sweep())
    assert len(desk.asked) == asked


def test_a_credit_applied_by_hand_later_is_not_told_by_business_central(
    desk: BusinessCentralDesk,
) -> None:
    """What this system cannot say: the invoice is settled, and no memo names it."""
    name = desk.invoice("core-1", 10_000)
    memo = desk.credit(name, 10_000, how="unapplied")
    desk.statuses[desk.inner(memo)] = "Paid"  # used up, and it does not say where
    desk.known(name).paid = 10_000
    documents, memos = seen(desk.register.sweep())
    assert (documents[name].status, documents[name].paid_minor) == (
        DocumentStatus.PAID,
        10_000,
    )
    assert [(one.invoice_id, one.explains) for one in memos] == [(None, False)]
