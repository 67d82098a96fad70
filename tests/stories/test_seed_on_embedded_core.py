"""The whole credit-memo document, walked with the official client on the embedded core.

Each test is one of its scenarios. The last one prints how many of the client's methods
were walked, with strict response validation all along.
"""

import ast
import json
import sys
from collections import Counter
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import metronome
import pytest

from tests.stories.living import AUGUST, BEGIN, SEPTEMBER, USD, Story

METHODS_LEAST = 28


@pytest.fixture
def story(tmp_path: Path) -> Iterator[Story]:
    made = Story(tmp_path / "core")
    yield made
    made.stop()


# --- credit future billings ------------------------------------------------------------


def test_a_100_dollar_satisfaction_credit_burns_on_the_next_invoice(story: Story) -> None:
    credit = story.grant(10_000, 5)
    story.use("u1", "8000")
    draft = story.draft()
    assert story.lines(draft) == [
        ("usage", "Tokens", 10_000),
        ("applied_commit_or_credit", "My Credit applied", -10_000),
        ("usage", "Tokens", 6_000),
    ]
    covered, applied, rest = draft.line_items
    assert (covered.quantity, rest.quantity) == (5000, 3000)
    assert covered.commit_id == applied.commit_id == credit
    assert covered.commit_type == "PrepaidCommit"
    assert applied.applied_commit_or_credit.type == "CREDIT"
    assert {line.product_id for line in draft.line_items} == {story.tokens}
    assert draft.total == 6_000
    story.to(AUGUST + timedelta(days=1))
    (final,) = story.invoices("FINALIZED")
    assert (final.id, final.total) == (draft.id, 6_000)
    found = story.credit(credit)
    assert found.product.name == "Customer Satisfaction Credit"
    assert found.balance == 0
    assert [(one.type, one.amount) for one in found.ledger] == [
        ("CREDIT_SEGMENT_START", 10_000),
        ("CREDIT_AUTOMATED_INVOICE_DEDUCTION", -10_000),
    ]
    assert found.ledger[1].invoice_id == final.id


def test_a_recurring_credit_is_one_schedule_item_for_each_period(story: Story) -> None:
    items = [
        {"amount": 500, "starting_at": BEGIN, "ending_before": AUGUST},
        {"amount": 500, "starting_at": AUGUST, "ending_before": SEPTEMBER},
    ]
    story.sdk.v1.customers.credits.create(
        customer_id=story.customer, product_id=story.goodwill, priority=1,
        access_schedule={"schedule_items": items},
    )  # fmt: skip
    story.use("july", "1000")
    story.to(AUGUST + timedelta(days=6))
    story.use("august", "1000", AUGUST + timedelta(days=5))
    assert [one.total for one in story.invoices("FINALIZED")] == [1500]
    assert story.draft().total == 1500


def test_of_two_credits_the_lower_priority_burns_first(story: Story) -> None:
    later, sooner = story.grant(300, 9, "Later"), story.grant(300, 1, "Sooner")
    story.use("u1", "200")
    applied = [line for line in story.draft().line_items if line.applied_commit_or_credit]
    assert [(line.commit_id, line.total) for line in applied] == [
        (sooner, -300),
        (later, -100),
    ]


def test_on_a_tie_the_contract_pays_before_the_customer(story: Story) -> None:
    of_customer = story.grant(300, 5, "Customer")
    story.sdk.v2.contracts.edit(
        customer_id=story.customer, contract_id=story.contract,
        add_credits=[{
            "product_id": story.goodwill, "name": "Contract", "priority": 5,
            "access_schedule": {"schedule_items": [
                {"amount": 300, "starting_at": BEGIN, "ending_before": SEPTEMBER}]},
        }],
    )  # fmt: skip
    contract = story.sdk.v2.contracts.retrieve(
        customer_id=story.customer, contract_id=story.contract
    ).data
    (of_contract,) = [one.id for one in contract.credits]
    story.use("u1", "200")
    applied = [line for line in story.draft().line_items if line.applied_commit_or_credit]
    assert [(line.commit_id, line.total) for line in applied] == [
        (of_contract, -300),
        (of_customer, -100),
    ]


def test_a_credit_can_be_for_chosen_products_only(story: Story) -> None:
    other = story.sdk.v1.contracts.products.create(name="Other", type="FIXED").data.id
    story.grant(500, 1, applicable_product_ids=[other])
    story.use("u1", "100")
    assert story.lines(story.draft()) == [("usage", "Tokens", 200)]


def test_the_documents_own_sample_ends_before_it_starts_and_is_refused(
    story: Story,
) -> None:
    window = {
        "starting_at": "2024-09-01T00:00:00.000Z",
        "ending_before": "2020-09-30T00:00:00.000Z",
    }
    with pytest.raises(metronome.BadRequestError) as refused:
        story.grant(10_000, 5, window=window)
    assert "ending_before 2020-09-30" in str(refused.value)
    assert "starting_at 2024-09-01" in str(refused.value)
    listed = story.sdk.v1.customers.credits.list(customer_id=story.customer)
    assert list(listed) == []


# --- correct usage of the current period ---------------------------------------------------


def test_a_negative_event_corrects_the_draft(story: Story) -> None:
    story.use("wrong", "50")
    before = story.draft()
    story.use("e88c64c4-7b14-4703-8d5b-df514506cba9", "-50")
    after = story.draft()
    assert (before.total, after.total, after.id) == (100, 0, before.id)
    story.use("e88c64c4-7b14-4703-8d5b-df514506cba9", "-50")
    assert story.draft().total == 0
    (found,) = story.sdk.v1.usage.search(
        transaction_ids=["e88c64c4-7b14-4703-8d5b-df514506cba9"]
    )
    assert found.properties["token_count"] == "-50"
    assert found.matched_customer.id == story.customer


def test_negating_too_much_gives_a_negative_line_and_nothing_stops_it(story: Story) -> None:
    story.use("wrong", "50")
    story.use("too much", "-80")
    draft = story.draft()
    assert [(line.quantity, line.total) for line in draft.line_items] == [(-30, -60)]
    assert draft.total == -60


def test_a_correction_can_be_tried_before_it_is_sent(story: Story) -> None:
    story.use("wrong", "50")
    (tried,) = story.sdk.v1.customers.preview_events(
        customer_id=story.customer, mode="merge",
        events=[{"event_type": "output_tokens", "timestamp": "2026-07-05T12:00:00Z",
                 "properties": {"token_count": "-50"}}],
    ).data  # fmt: skip
    assert (tried.total, story.draft().total) == (0, 100)


# --- credit historical billings ------------------------------------------------------------


def test_usage_after_finalization_does_not_move_the_invoice(story: Story) -> None:
    story.use("u1", "1000")
    story.to(AUGUST + timedelta(days=2))
    (final,) = story.invoices("FINALIZED")
    story.use("negation", "-1000")
    (same,) = story.invoices("FINALIZED")
    assert (same.id, same.total, same.line_items) == (final.id, 2000, final.line_items)
    shown = story.sdk.v1.customers.invoices.list_breakdowns(
        customer_id=story.customer, status="FINALIZED",
        starting_on=BEGIN, ending_before=AUGUST,
    )  # fmt: skip
    assert sum(one.total for one in shown) == 0


def test_credit_and_re_bill(story: Story) -> None:
    credit = story.grant(500, 5)
    story.use("wrong", "1000")
    story.to(AUGUST + timedelta(days=2))
    (wrong,) = story.invoices("FINALIZED")
    assert (wrong.total, story.credit(credit).balance) == (1500, 0)
    story.use("negation", "-1000")
    story.use("right", "100")

    assert story.sdk.v1.invoices.void(id=wrong.id).data.id == wrong.id
    (void,) = story.invoices("VOID")
    assert (void.id, void.total, story.lines(void)) == (wrong.id, 1500, story.lines(wrong))
    assert story.credit(credit).balance == 500

    fresh = story.sdk.v1.invoices.regenerate(id=wrong.id).data.id
    (right,) = story.invoices("FINALIZED")
    assert (right.id, right.regenerated_from_invoice_id) == (fresh, wrong.id)
    assert (right.start_timestamp, right.end_timestamp) == (BEGIN, AUGUST)
    assert right.total == 0  # 100 tokens, paid by the credit that came back
    assert [(one.type, one.amount) for one in story.credit(credit).ledger] == [
        ("CREDIT_SEGMENT_START", 500),
        ("CREDIT_AUTOMATED_INVOICE_DEDUCTION", -500),
        ("CREDIT_CREDITED", 500),
        ("CREDIT_AUTOMATED_INVOICE_DEDUCTION", -200),
    ]

    seen = story.sdk.v1.audit_logs.list(limit=100).data
    told = {(row.action, row.resource_type, row.resource_id) for row in seen}
    assert {("void", "invoice", wrong.id), ("regenerate", "invoice", fresh)} <= told


def test_what_cannot_be_voided_or_regenerated_is_refused_with_the_reason(
    story: Story,
) -> None:
    story.use("u1", "10")
    api = story.sdk.v1.invoices
    draft = story.draft().id
    refusals = [(api.void, draft, "DRAFT"), (api.regenerate, draft, "only a VOID")]
    for call, identity, told in refusals:
        with pytest.raises(metronome.BadRequestError, match=told):
            call(id=identity)
    story.to(AUGUST + timedelta(days=2))
    with pytest.raises(metronome.BadRequestError, match="void it first"):
        api.regenerate(id=draft)
    api.void(id=draft)
    with pytest.raises(metronome.BadRequestError, match="VOID already"):
        api.void(id=draft)
    fresh = api.regenerate(id=draft).data.id
    with pytest.raises(metronome.BadRequestError, match=f"already as {fresh}"):
        api.regenerate(id=draft)
    with pytest.raises(metronome.NotFoundError):
        api.void(id="no such invoice")


def test_past_34_days_nothing_of_the_batch_is_taken(story: Story) -> None:
    story.to(AUGUST + timedelta(days=10))
    old = AUGUST + timedelta(days=10) - timedelta(days=34)
    events = [
        {"transaction_id": name, "customer_id": "acme", "event_type": "output_tokens",
         "timestamp": at.isoformat(), "properties": {"token_count": "1"}}
        for name, at in (("fine", AUGUST), ("too old", old - timedelta(microseconds=1)))
    ]  # fmt: skip
    with pytest.raises(metronome.BadRequestError, match=r"event too old.*34 days"):
        story.sdk.v1.usage.ingest(usage=events)
    assert story.sdk.v1.usage.search(transaction_ids=["fine", "too old"]) == []
    story.use("just in time", "1", old)


def test_an_unused_credit_expires_and_its_ledger_says_so(story: Story) -> None:
    credit = story.grant(500, 5, window={"ending_before": AUGUST})
    story.use("u1", "100")
    story.to(AUGUST + timedelta(hours=23))
    assert [one.type for one in story.credit(credit).ledger] == ["CREDIT_SEGMENT_START"]
    story.to(AUGUST + timedelta(days=2))
    assert [(one.type, one.amount) for one in story.credit(credit).ledger] == [
        ("CREDIT_SEGMENT_START", 500),
        ("CREDIT_AUTOMATED_INVOICE_DEDUCTION", -200),
        ("CREDIT_EXPIRATION", -300),
    ]


# --- everything else the client can ask of this half -------------------------------------


def test_the_rest_of_the_clients_methods_answer_in_strict_mode(story: Story) -> None:
    v1, v2 = story.sdk.v1, story.sdk.v2
    credit = story.grant(500, 5)
    segment = story.credit(credit).access_schedule.schedule_items[0].id
    story.use("u1", "100")
    v1.contracts.add_manual_balance_entry(
        id=credit,
        customer_id=story.customer,
        segment_id=segment,
        amount=-100,
        reason="agreed",
    )
    assert story.credit(credit).balance == 400
    for mode, left in (("FINALIZED", 400), ("FINALIZED_AND_DRAFT", 200)):
        net = v1.contracts.get_net_balance(
            customer_id=story.customer, invoice_inclusion_mode=mode
        ).data
        assert (net.balance, net.credit_type_id) == (left, USD)
    rows = v1.contracts.list_balances(customer_id=story.customer, include_balance=True)
    assert [(one.id, one.balance) for one in rows] == [(credit, 400)]
    v2.contracts.edit_credit(customer_id=story.customer, credit_id=credit, priority=2)
    v1.customers.credits.update_end_date(
        customer_id=story.customer, credit_id=credit, access_ending_before=AUGUST
    )
    assert story.credit(credit).access_schedule.schedule_items[0].ending_before == AUGUST
    usage = v1.usage.list(
        starting_on=BEGIN, ending_before=AUGUST, window_size="NONE",
        customer_ids=[story.customer],
    )  # fmt: skip
    assert [one.value for one in usage] == [100]
    groups = v1.usage.list_with_groups(
        customer_id=story.customer, billable_metric_id=story.metric, window_size="DAY",
        starting_on=BEGIN, ending_before=AUGUST, group_key=["project_id"],
    )  # fmt: skip
    assert [one.value for one in groups if one.value] == [100]
    draft = story.draft().id
    ask = {"customer_id": story.customer, "invoice_id": draft}
    assert v1.customers.invoices.retrieve(**ask).data.id == draft
    assert v1.customers.invoices.retrieve_pdf(**ask).read()[:5] == b"%PDF-"
    v1.contracts.update_end_date(
        customer_id=story.customer, contract_id=story.contract, ending_before=AUGUST
    )
    v1.contracts.archive(
        customer_id=story.customer, contract_id=story.contract, void_invoices=True
    )
    assert story.invoices("DRAFT") == []


def test_conformance_figures(
    tmp_path: Path, record_property: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    """Walk the longest scenarios again in one place, and count."""
    walked: Counter[str] = Counter()
    for count, scenario in enumerate(
        (
            test_credit_and_re_bill,
            test_on_a_tie_the_contract_pays_before_the_customer,
            test_a_negative_event_corrects_the_draft,
            test_a_correction_can_be_tried_before_it_is_sent,
            test_the_rest_of_the_clients_methods_answer_in_strict_mode,
        )
    ):
        one = Story(tmp_path / str(count))
        scenario(one)
        one.stop()
        walked.update(one.walked)
    nodes = ast.walk(ast.parse(Path(__file__).read_text()))
    checks = sum(isinstance(node, ast.Assert | ast.With) for node in nodes)
    figures = {"methods": len(walked), "calls": walked.total(), "checks": checks}
    record_property("conformance", json.dumps(figures))
    with capsys.disabled():
        sys.stdout.write(f"\nconformance of the embedded core: {json.dumps(figures)}\n")
    assert figures["methods"] >= METHODS_LEAST
