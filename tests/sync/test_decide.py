"""What should be pushed, and what the core may not do: as tables."""

from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from connectors.ports import CurrencyRule
from connectors.stripe_money import currency_rule
from state.invoices import (
    CoreCustomer,
    CoreInvoice,
    CoreLine,
    CoreStatus,
    NativeDelivery,
)
from state.pushes import PushRecord, PushState
from state.receivables import CreditMemo, DocumentStatus, DownstreamInvoice, MemoStatus
from sync.decide import (
    Case,
    Delivery,
    Held,
    Policy,
    anomaly,
    decide_push,
    mapped_customer,
    paid_ancestor,
)

USD = CurrencyRule(step_minor=1, minimum_minor=50, maximum_minor=99_999_999)
P = PushState


def an_invoice(total: str | int = 1000, *, lines: int = 2, **what: Any) -> CoreInvoice:
    exact = Decimal(total)
    made = CoreInvoice(
        id="ci_1",
        customer_id="cc_1",
        status=CoreStatus.FINALIZED,
        kind="USAGE",
        currency="USD",
        exact_minor=exact,
        total_minor=round(exact),
        lines=tuple(CoreLine(f"l{n}", f"Line {n}", "usage", exact / lines) for n in range(lines)),
    )  # fmt: skip
    return replace(made, **what)


def a_customer(**what: Any) -> CoreCustomer:
    return replace(CoreCustomer("cc_1", "Acme", stripe_customer_field="cus_1"), **what)


def a_document(status: str = "OPEN", gross: int = 1000, **what: Any) -> DownstreamInvoice:
    made = DownstreamInvoice("stripe", "in_0", DocumentStatus(status), "USD", gross)
    return replace(made, **what)


def a_memo(amount: int = 1000, **what: Any) -> CreditMemo:
    made = CreditMemo("stripe", "cn_1", MemoStatus.ISSUED, "USD", amount, invoice_id="in_0")
    return replace(made, **what)


def a_case(**what: Any) -> Case:
    return replace(Case("ci_1", an_invoice(), a_customer()), **what)


def a_record(state: PushState = P.PENDING, **what: Any) -> PushRecord:
    made = PushRecord("ci_1", "cc_1", state, "USD", 1000, 1000, 2, customer_id="cus_1")
    return replace(made, **what)


def decided(
    case: Case, policy: Policy | None = None, rule: CurrencyRule | None = USD
) -> PushRecord:
    record = decide_push(case, policy or Policy(), rule)
    assert record is not None
    return record


PAID = Held(a_document("PAID"))
OBSERVE, PUSH = Policy(delivery=Delivery.OBSERVE), Policy(delivery=Delivery.PUSH)


class TestAnInvoiceNobodyHasDecidedOn:
    def test_it_is_pushed_as_the_core_has_it(self) -> None:
        case = a_case(invoice=an_invoice("1000.4", regenerated_from="ci_0"))
        assert decided(case) == PushRecord(
            core_invoice_id="ci_1",
            core_customer_id="cc_1",
            state=P.PENDING,
            currency="USD",
            total_minor=1000,
            pushed_minor=1000,
            lines=2,
            customer_id="cus_1",
            regenerated_from="ci_0",
        )

    @pytest.mark.parametrize("status", ["DRAFT", "VOID", "ABSENT"])
    def test_only_what_is_finalized_is_taken_up(self, status: str) -> None:
        case = a_case(invoice=an_invoice(status=CoreStatus(status)))
        assert decide_push(case, Policy(), USD) is None
        assert decide_push(Case("ci_1"), Policy(), USD) is None

    def test_three_decimals_are_pushed_as_stripe_can_say_them(self) -> None:
        rule = currency_rule("KWD")
        record = decided(a_case(invoice=an_invoice(5124, currency="KWD")), rule=rule)
        assert (record.total_minor, record.pushed_minor) == (5124, 5120)

    def test_an_unmapped_customer_is_left_to_the_push(self) -> None:
        assert decided(a_case(customer=None)).customer_id is None

    @pytest.mark.parametrize(
        ("what", "policy", "rule", "state", "reason", "detail"),
        [
            ({}, OBSERVE, USD, P.SKIPPED, "OBSERVED", ""),
            ({"invoice": an_invoice(delivery="stripe")}, PUSH, USD, P.SKIPPED, "NATIVE_DELIVERY", ""),
            ({"invoice": an_invoice(billable=False)}, None, USD, P.SKIPPED, "UNBILLABLE", ""),
            ({"invoice": an_invoice(consolidated_in="ci_9")}, None, USD, P.SKIPPED, "CONSOLIDATED", ""),
            ({"invoice": an_invoice(contract_id="k"), "customer": a_customer(native_contracts=("k",))}, None, USD, P.SKIPPED, "NATIVE_DELIVERY", ""),
            ({"invoice": an_invoice(currency=None)}, None, None, P.SKIPPED, "CUSTOM_UNIT", "a custom pricing unit is not money"),
            ({"invoice": an_invoice(-1)}, None, USD, P.SKIPPED, "NEGATIVE_INVOICE", "the core owes the customer: credit memo in A/R"),
            ({"invoice": an_invoice(currency="CLF")}, None, None, P.QUARANTINED, "CURRENCY", "Stripe cannot bill in CLF"),
            ({"invoice": an_invoice(0)}, None, USD, P.SKIPPED, "ZERO_TOTAL", ""),
            ({"invoice": an_invoice("-0.3")}, None, USD, P.SKIPPED, "ZERO_TOTAL", ""),
            ({"invoice": an_invoice(1)}, None, USD, P.SKIPPED, "BELOW_MINIMUM", ""),
            ({"invoice": an_invoice(49)}, None, USD, P.SKIPPED, "BELOW_MINIMUM", ""),
            ({"invoice": an_invoice(100_000_000)}, None, USD, P.QUARANTINED, "OVER_LIMIT", "Stripe bills at most 99999999 minor units"),
            ({"invoice": an_invoice(total_minor=2000, exact_minor=Decimal(2000))}, None, USD, P.QUARANTINED, "LINES_DO_NOT_FOOT", "the core's lines do not sum to its total"),
            ({"invoice": an_invoice(lines=0)}, None, USD, P.QUARANTINED, "LINES_DO_NOT_FOOT", "the core's lines do not sum to its total"),
            ({"ancestors": (PAID,)}, None, USD, P.HELD, "REPLACEMENT_OF_PAID", ""),
        ],
    )  # fmt: skip
    def test_what_is_not_pushed_says_why(
        self,
        what: dict[str, Any],
        policy: Policy | None,
        rule: CurrencyRule | None,
        state: PushState,
        reason: str,
        detail: str,
    ) -> None:
        record = decided(a_case(**what), policy, rule)
        assert (record.state, record.reason, record.detail) == (state, reason, detail)

    @pytest.mark.parametrize(
        ("what", "policy"),
        [
            ({"invoice": an_invoice(50)}, None),
            ({"invoice": an_invoice(99_999_999)}, None),
            ({"invoice": an_invoice(0)}, Policy(skip_zero=False)),
            ({"invoice": an_invoice(1)}, Policy(skip_zero=False)),
            ({"invoice": an_invoice(contract_id="k"), "customer": a_customer(native_contracts=("k",))}, PUSH),
            ({"invoice": an_invoice(contract_id="k"), "customer": a_customer(native_contracts=("x",))}, None),
            ({"invoice": an_invoice(), "customer": a_customer(native_contracts=("k",))}, None),
            ({"ancestors": (PAID,)}, Policy(hold_replacement_of_paid=False)),
            ({"ancestors": (Held(a_document("OPEN")),)}, None),
            ({"ancestors": (Held(a_document("PAID"), (a_memo(),)),)}, None),
        ],
    )  # fmt: skip
    def test_what_is_pushed(self, what: dict[str, Any], policy: Policy | None) -> None:
        record = decided(a_case(**what), policy)
        assert (record.state, record.reason) == (P.PENDING, "")

    def test_a_currency_without_a_minimum_is_left_out_at_zero_only(self) -> None:
        rule = CurrencyRule(step_minor=1, minimum_minor=0, maximum_minor=10**8)
        assert decided(a_case(invoice=an_invoice(0)), rule=rule).reason == "ZERO_TOTAL"
        assert decided(a_case(invoice=an_invoice(1)), rule=rule).state is P.PENDING

    def test_it_names_the_document_of_the_version_before_it(self) -> None:
        nearest, older = Held(a_document("VOID", id="in_2")), Held(a_document("VOID"))
        assert decided(a_case(ancestors=(nearest, older))).replaces == "in_2"


class TestAnInvoiceDecidedBefore:
    @pytest.mark.parametrize("state", [s for s in P if s not in {"HELD", "PENDING"}])
    def test_what_is_under_way_or_settled_is_left_alone(self, state: PushState) -> None:
        for invoice in (an_invoice(), an_invoice(status=CoreStatus.VOID)):
            record = a_record(state, tried=1)
            case = a_case(record=record, ancestors=(PAID,), invoice=invoice)
            assert decide_push(case, Policy(), USD) is None

    @pytest.mark.parametrize(
        ("state", "reason"),
        [(P.QUARANTINED, "LINES_DO_NOT_FOOT"), (P.SKIPPED, "MISSING_MAPPING")],
    )
    def test_what_was_never_asked_is_cancelled_with_its_invoice(
        self, state: PushState, reason: str
    ) -> None:
        """Nobody has to look any more; but where anything may stand, a person does."""
        record = a_record(state, reason=reason, detail="why", customer_id=None)
        case = a_case(
            record=record, invoice=an_invoice(status=CoreStatus.VOID), customer=None
        )
        assert decided(case) == replace(record, state=P.CANCELLED, reason="", detail="")
        in_the_erp = Held(replace(a_document("OPEN"), target="books"))
        beside = replace(case, documents=(in_the_erp,))
        assert decided(beside).state is P.CANCELLED
        for stands in (
            replace(case, invoice=an_invoice()),
            replace(case, record=replace(record, tried=1)),
            replace(case, record=replace(record, document_id="in_0")),
            replace(case, record=replace(record, state=P.SKIPPED, reason="BY_HAND")),
            replace(case, documents=(Held(a_document("VOID")),)),
        ):
            assert decide_push(stands, Policy(), USD) is None

    def test_a_held_one_is_let_go_once_nothing_paid_stands_against_it(self) -> None:
        held = a_record(P.HELD, reason="REPLACEMENT_OF_PAID")
        assert decide_push(a_case(record=held, ancestors=(PAID,)), Policy(), USD) is None
        let_go = replace(held, state=P.PENDING, reason="")
        assert decided(a_case(record=held)) == let_go
        lenient = Policy(hold_replacement_of_paid=False)
        assert decided(a_case(record=held, ancestors=(PAID,)), lenient) == let_go

    def test_a_held_one_is_cancelled_with_its_invoice(self) -> None:
        held = a_record(P.HELD, reason="REPLACEMENT_OF_PAID", detail="why")
        voided = an_invoice(status=CoreStatus.VOID)
        case = a_case(record=held, invoice=voided, ancestors=(PAID,))
        assert decided(case) == replace(held, state=P.CANCELLED, reason="", detail="")

    @pytest.mark.parametrize(
        ("what", "policy", "reason"),
        [
            ({"invoice": an_invoice(delivery=NativeDelivery("stripe", "in_7"))}, PUSH, "NATIVE_DELIVERY"),
            ({"invoice": an_invoice(contract_id="k"), "customer": a_customer(native_contracts=("k",))}, Policy(), "NATIVE_DELIVERY"),
            ({"invoice": an_invoice(consolidated_in="ci_9")}, Policy(), "CONSOLIDATED"),
            ({}, OBSERVE, "OBSERVED"),
        ],
    )  # fmt: skip
    def test_what_waits_is_left_to_whom_it_belongs_by_now(
        self, what: dict[str, Any], policy: Policy, reason: str
    ) -> None:
        """Its contract, the core or the settings have moved since it was decided."""
        some = (
            a_record(detail="d"),
            a_record(P.HELD, reason="REPLACEMENT_OF_PAID", detail="d"),
            a_record(P.SKIPPED, reason="MISSING_MAPPING", detail="d", customer_id=None),
        )
        for record in some:
            after = replace(record, state=P.SKIPPED, reason=reason, detail="")
            assert decided(a_case(record=record, **what), policy) == after
            let_go = a_case(record=replace(record, generation=1), **what)
            again = decide_push(let_go, policy, USD)
            assert (again is not None and again.reason == reason) is (policy is OBSERVE)
        for state, named in ((P.SKIPPED, "BY_HAND"), (P.CREATED, "MISSING_MAPPING")):
            other = a_record(state, reason=named)
            assert decide_push(a_case(record=other, **what), policy, USD) is None

    def test_an_unmapped_one_goes_on_once_the_core_names_its_customer(self) -> None:
        waiting = a_record(
            P.SKIPPED, reason="MISSING_MAPPING", detail="d", customer_id=None
        )
        assert decide_push(a_case(record=waiting, customer=None), Policy(), USD) is None
        after = decided(a_case(record=waiting))
        assert after == replace(
            waiting, state=P.PENDING, reason="", detail="", customer_id="cus_1"
        )
        other = replace(waiting, reason="BY_HAND")
        assert decide_push(a_case(record=other), Policy(), USD) is None

    def test_before_anything_is_asked_the_terms_follow_the_facts(self) -> None:
        record = a_record(customer_id="cus_old")
        assert decided(a_case(record=record)).customer_id == "cus_1"
        case = a_case(record=a_record(), ancestors=(Held(a_document("VOID")),))
        assert decided(case) == a_record(replaces="in_0")
        assert decide_push(a_case(record=a_record()), Policy(), USD) is None
        kept = a_case(record=record, customer=None)
        assert decide_push(kept, Policy(), USD) is None

    def test_a_payment_meanwhile_holds_it_unless_a_person_let_it_go(self) -> None:
        case = a_case(record=a_record(replaces="in_0"), ancestors=(PAID,))
        held = decided(case)
        assert (held.state, held.reason) == (P.HELD, "REPLACEMENT_OF_PAID")
        lenient = Policy(hold_replacement_of_paid=False)
        assert decide_push(case, lenient, USD) is None
        released = a_case(record=a_record(generation=1, replaces="in_0"), ancestors=(PAID,))
        assert decide_push(released, Policy(), USD) is None

    @pytest.mark.parametrize(
        ("invoice", "rule", "state", "reason"),
        [
            (an_invoice(-5), USD, P.SKIPPED, "NEGATIVE_INVOICE"),
            (an_invoice(currency=None), None, P.SKIPPED, "CUSTOM_UNIT"),
            (an_invoice(currency="CLF"), None, P.QUARANTINED, "CURRENCY"),
            (an_invoice(lines=0), USD, P.QUARANTINED, "LINES_DO_NOT_FOOT"),
        ],
    )
    def test_a_person_cannot_let_go_what_cannot_be_billed(
        self,
        invoice: CoreInvoice,
        rule: CurrencyRule | None,
        state: PushState,
        reason: str,
    ) -> None:
        record = a_record(generation=1, customer_id="cus_1")
        after = decided(a_case(record=record, invoice=invoice), rule=rule)
        fresh = decided(a_case(invoice=invoice), rule=rule)
        assert (after.state, after.reason) == (state, reason)
        assert (after.detail, after.generation) == (fresh.detail, 1)

    def test_a_person_can_let_go_what_the_policy_had_left_out(self) -> None:
        small = a_record(generation=1, pushed_minor=20)
        case = a_case(record=small, invoice=an_invoice(20))
        assert decide_push(case, Policy(), USD) is None


class TestWhatIsCreditedAndExposed:
    @pytest.mark.parametrize(
        ("memos", "credited"),
        [
            ((a_memo(100), a_memo(200, id="cn_2")), 300),
            ((a_memo(100), a_memo(100)), 100),
            ((a_memo(currency="EUR"),), 0),
            ((a_memo(status=MemoStatus.VOID),), 0),
            ((a_memo(approved=False),), 0),
        ],
    )
    def test_a_memo_counts_once_if_it_may(
        self, memos: tuple[CreditMemo, ...], credited: int
    ) -> None:
        held = Held(a_document(gross=1000), memos)
        assert (held.credited_minor, held.exposure_minor) == (credited, 1000 - credited)

    def test_a_draft_asks_for_nothing_and_nothing_is_owed_below_zero(self) -> None:
        assert Held(a_document("DRAFT")).exposure_minor == 0
        assert Held(a_document("VOID")).exposure_minor == 0
        assert Held(a_document(), (a_memo(1500),)).exposure_minor == 0

    @pytest.mark.parametrize("status", list(DocumentStatus))
    def test_money_was_taken_by_what_is_paid_or_part_paid(
        self, status: DocumentStatus
    ) -> None:
        held = Held(a_document(status))
        found = paid_ancestor(a_case(ancestors=(Held(a_document("OPEN")), held)))
        assert (found is held) == (status in {"PAID", "PART_PAID"})

    def test_the_cores_own_field_comes_before_its_billing(self) -> None:
        both = a_customer(stripe_billing_customer="cus_2")
        assert mapped_customer(both) == "cus_1"
        assert mapped_customer(replace(both, stripe_customer_field=None)) == "cus_2"
        assert mapped_customer(CoreCustomer("cc_1", "Acme")) is None
        assert mapped_customer(None) is None

    def test_documents_are_told_apart_by_their_system(self) -> None:
        ours, theirs = Held(a_document()), Held(a_document(target="erp"))
        assert a_case(documents=(ours, theirs)).on("erp") == (theirs,)


S = CoreStatus


class TestWhatTheCoreMayNotDo:
    @pytest.mark.parametrize(
        ("before", "after", "said"),
        [
            (None, an_invoice(), ""),
            (an_invoice(status=S.DRAFT), an_invoice(5, status=S.DRAFT), ""),
            (an_invoice(status=S.ABSENT), an_invoice(), ""),
            (an_invoice(), an_invoice(), ""),
            (an_invoice(), an_invoice(status=S.VOID), ""),
            (an_invoice(status=S.VOID), an_invoice(status=S.VOID), ""),
            (an_invoice(status=S.VOID), an_invoice(), "it was VOID and is now FINALIZED"),
            (an_invoice(), an_invoice(status=S.DRAFT), "it was FINALIZED and is now DRAFT"),
            (an_invoice(), an_invoice(customer_id="cc_2"), "it moved from customer cc_1 to cc_2"),
            (an_invoice(), an_invoice(900), "its total was 1000 USD and is now 900 USD (minor units)"),
            (an_invoice(), an_invoice(currency="EUR"), "its total was 1000 USD and is now 1000 EUR (minor units)"),
        ],
    )  # fmt: skip
    def test_it_is_told_in_one_line(
        self, before: CoreInvoice | None, after: CoreInvoice, said: str
    ) -> None:
        assert anomaly(before, after) == said
