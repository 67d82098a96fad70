"""Deciding over everything that may be: total, at rest in the end, heedless of order."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from connectors.ports import CurrencyRule
from connectors.stripe_money import currency_rule
from state.invoices import CoreInvoice, CoreLine, CoreStatus
from state.money import currencies
from state.pushes import PushRecord, PushState
from state.receivables import DocumentStatus
from sync.decide import Case, Delivery, Held, Policy, decide_push
from tests.sync.test_decide import a_customer, a_document, a_memo, a_record, an_invoice

statuses = st.sampled_from([s for s in DocumentStatus if s != "NOT_CONFIGURED"])
held_documents = st.builds(
    Held,
    st.builds(
        a_document,
        statuses,
        st.integers(0, 2000),
        id=st.sampled_from(["in_0", "in_2"]),
        currency=st.sampled_from(["USD", "EUR"]),
    ),
    st.lists(st.builds(a_memo, st.integers(0, 2000)), max_size=2).map(tuple),
)
amounts = st.decimals(-2000, 2000, places=3)
core_lines = st.lists(amounts, max_size=4).map(
    lambda some: tuple(CoreLine(f"l{n}", "x", "usage", one) for n, one in enumerate(some))
)


@st.composite
def invoices(draw: Callable[..., Any]) -> CoreInvoice:
    """Invoices of every currency, most of which foot."""
    lines = draw(core_lines)
    gap = draw(st.sampled_from(["0", "0.95", "-0.99", "1.5"]))
    exact = sum((one.exact_minor for one in lines), Decimal(gap))
    return replace(
        an_invoice(),
        status=draw(st.sampled_from(CoreStatus)),
        currency=draw(st.sampled_from([None, *currencies()])),
        exact_minor=exact,
        total_minor=round(exact),
        lines=lines,
        consolidated_in=draw(st.sampled_from([None, None, "ci_9"])),
        billable=draw(st.booleans()),
        delivery=draw(st.sampled_from([None, "stripe"])),
        contract_id=draw(st.sampled_from([None, "k"])),
    )


push_records = st.builds(
    a_record,
    st.sampled_from(PushState),
    reason=st.sampled_from(["", "MISSING_MAPPING", "REPLACEMENT_OF_PAID", "BY_HAND"]),
    generation=st.integers(0, 2),
    tried=st.integers(0, 2),
    customer_id=st.sampled_from([None, "cus_1", "cus_old"]),
)
cases = st.builds(
    Case,
    st.just("ci_1"),
    invoices(),
    st.sampled_from([None, a_customer(), a_customer(native_contracts=("k",))]),
    st.one_of(st.none(), push_records),
    st.just(()),
    st.lists(held_documents, max_size=3).map(tuple),
)
policies = st.builds(
    Policy,
    st.sampled_from(Delivery),
    skip_zero=st.booleans(),
    hold_replacement_of_paid=st.booleans(),
)


def rule_of(case: Case) -> CurrencyRule | None:
    currency = case.invoice.currency if case.invoice is not None else None
    return currency_rule(currency) if currency else None


def at_rest(case: Case, policy: Policy) -> PushRecord | None:
    """The record when deciding has nothing more to say."""
    for _ in range(4):
        record = decide_push(case, policy, rule_of(case))
        if record is None:
            return case.record
        assert record != case.record
        case = replace(case, record=record)
    raise AssertionError("deciding does not come to rest")


@given(cases, policies)
def test_deciding_always_has_an_answer_and_comes_to_rest(
    case: Case, policy: Policy
) -> None:
    at_rest(case, policy)


@given(cases, policies)
def test_what_is_pushed_is_ours_and_billable(case: Case, policy: Policy) -> None:
    record = decide_push(replace(case, record=None), policy, rule_of(case))
    if record is not None and record.state is PushState.PENDING:
        assert case.invoice is not None
        assert policy.delivery is not Delivery.OBSERVE
        assert case.invoice.delivery is None
        assert case.invoice.consolidated_in is None
        assert record.pushed_minor >= 0
        assert abs(record.pushed_minor - record.total_minor) <= 50


@given(cases, policies)
def test_the_order_of_memos_and_documents_means_nothing(case: Case, policy: Policy) -> None:
    turned = tuple(replace(one, memos=one.memos[::-1]) for one in case.ancestors[::-1])
    ended = [at_rest(one, policy) for one in (case, replace(case, ancestors=turned))]
    # Only which document is the nearest version's is told by its place.
    one, other = (record and replace(record, replaces=None) for record in ended)
    assert one == other


@given(cases, policies, st.lists(held_documents, max_size=3))
def test_no_push_rests_on_what_an_erp_says(
    case: Case, policy: Policy, some: list[Held]
) -> None:
    """So a pass may push beside an ERP that could not be read."""
    said = tuple(
        replace(held, document=replace(held.document, target="books")) for held in some
    )
    rule = currency_rule("USD")
    beside = replace(case, documents=said, successor_live=frozenset({"books"}))
    assert decide_push(beside, policy, rule) == decide_push(case, policy, rule)


def test_of_live_documents_ours_stays_else_the_oldest_else_the_first_by_name() -> None:
    def held(name: str, entered: int | None, status: str = "OPEN") -> Held:
        at = None if entered is None else datetime(2026, 10, entered, tzinfo=UTC)
        return Held(replace(a_document(status), id=name, created_at=at))

    case = Case(
        "ci_1",
        documents=(
            held("in_void", 1, "VOID"), held("in_none2", None), held("in_none1", None),
            held("in_late", 4), held("in_draft", 3, "DRAFT"), held("in_early", 2),
            replace(held("in_books", 1), document=replace(a_document(), target="books")),
        ),
    )  # fmt: skip
    by_age = ["in_early", "in_draft", "in_late", "in_none1", "in_none2"]
    assert [one.document.id for one in case.live_on("stripe")] == by_age
    record = PushRecord(
        "ci_1", "cc_1", PushState.DONE, "USD", 1000, 1000, 1, document_id="in_none2"
    )
    ours = replace(case, record=record).live_on("stripe")
    assert [one.document.id for one in ours] == ["in_none2", *by_age[:-1]]
    assert case.live_on("erp") == []
