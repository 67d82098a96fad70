"""Which of several is billed, to whom, and which of several documents stays."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from state.pushes import PushState
from sync.decide import Held
from tests.sync.test_decide import (
    a_case,
    a_customer,
    a_document,
    a_record,
    an_invoice,
    decided,
)

P = PushState


def test_lines_that_are_billed_elsewhere_wait_for_a_person() -> None:
    stopped = decided(a_case(rivals=("ci_8", "ci_9")))
    assert (stopped.state, stopped.reason) == (P.QUARANTINED, "BILLED_ELSEWHERE")
    assert stopped.detail == "its lines are billed already, by ci_8, ci_9"
    for generation in (0, 1):
        waiting = a_record(generation=generation)
        again = decided(a_case(record=waiting, rivals=("ci_8",)))
        assert (again.state, again.reason) == (P.QUARANTINED, "BILLED_ELSEWHERE")


def test_who_pays_is_billed() -> None:
    parent = replace(a_customer(native_contracts=("k",)), stripe_customer_field="cus_p")
    child = an_invoice(payer_id="cc_p", payer_contract_id="kp", contract_id="k")
    fresh = decided(a_case(invoice=child, payer=parent))
    assert (fresh.core_customer_id, fresh.customer_id) == ("cc_p", "cus_p")
    unknown = decided(a_case(invoice=child))
    assert (unknown.core_customer_id, unknown.customer_id) == ("cc_p", None)
    native = replace(child, payer_contract_id="k")
    assert decided(a_case(invoice=native, payer=parent)).reason == "NATIVE_DELIVERY"


def test_of_live_documents_ours_stays_first_and_else_the_oldest() -> None:
    when = datetime(2026, 11, 1, tzinfo=UTC)
    undated = Held(a_document("OPEN", id="in_a"))
    early, late = (
        Held(replace(a_document("OPEN", id=name), created_at=when + timedelta(days=days)))
        for name, days in (("in_c", 0), ("in_b", 1))
    )
    void = Held(replace(a_document("VOID", id="in_0"), created_at=when))
    elsewhere = Held(replace(a_document("OPEN", id="in_d"), target="books"))
    case = a_case(documents=(undated, late, void, early, elsewhere))
    assert case.live_on("stripe") == [early, late, undated]
    ours = replace(case, record=a_record(document_id="in_a"))
    assert ours.live_on("stripe") == [undated, early, late]
    assert case.live_on("books") == [elsewhere]
