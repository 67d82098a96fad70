"""The credit-memo document, lived on the embedded core by its official client, strictly."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from random import Random
from typing import Any

import metronome
import pytest

from connectors.localcore import service
from connectors.metronome import Metronome
from connectors.redaction import Secret
from connectors.sandbox.service import start as start_stripe
from connectors.wire import Wire
from state.worklist import Cause
from sync.classify import Kind
from sync.cycle import one_pass
from sync.progress import Silent
from sync.reconcile import reconcile
from tests.connectors.test_metronome import RealishClock
from tests.sync.test_walk import person
from tests.world import MemoryCore, parts_on

USD = "2714e483-4ff1-48e4-9e25-ac732e8f24f2"


class Story:
    """One customer with tokens at 2 cents, from November 2026 on."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.core = service.start(
            folder, token="t", clock_kind="manual", now=datetime(2026, 11, 1, tzinfo=UTC)
        )
        self.sdk: Any = metronome.Metronome(
            bearer_token="t", base_url=self.core.url, _strict_response_validation=True
        )
        v1 = self.sdk.v1
        v1.custom_fields.add_key(
            entity="customer", key="billing_email", enforce_uniqueness=False
        )
        self.customer = v1.customers.create(
            name="Acme",
            ingest_aliases=["acme"],
            custom_fields={"billing_email": "ap@acme.test"},
        ).data.id
        metric = v1.billable_metrics.create(
            name="tokens",
            aggregation_type="SUM",
            aggregation_key="count",
            event_type_filter={"in_values": ["tokens"]},
        ).data.id
        products = v1.contracts.products
        self.tokens = products.create(
            name="Tokens", type="USAGE", billable_metric_id=metric
        ).data.id
        self.goodwill = products.create(name="Goodwill", type="FIXED").data.id
        card = v1.contracts.rate_cards.create(name="List").data.id
        v1.contracts.rate_cards.rates.add(
            rate_card_id=card,
            product_id=self.tokens,
            starting_at="2026-01-01T00:00:00Z",
            entitled=True,
            rate_type="FLAT",
            price=2,
        )
        self.contract = v1.contracts.create(
            customer_id=self.customer, starting_at="2026-11-01T00:00:00Z", rate_card_id=card
        ).data.id
        self.to("2026-11-21T00:00:00")

    def use(self, name: str, count: str, day: int = 5, month: int = 11) -> None:
        at = f"2026-{month:02d}-{day:02d}T12:00:00Z"
        event = {"transaction_id": name, "customer_id": "acme", "event_type": "tokens",
                 "timestamp": at, "properties": {"count": count}}  # fmt: skip
        self.sdk.v1.usage.ingest(usage=[event])

    def grant(self, amount: int, priority: int, name: str, **more: Any) -> str:
        window = {
            "starting_at": "2026-11-01T00:00:00Z",
            "ending_before": "2026-12-01T00:00:00Z",
        }
        item = {"amount": amount, **more.pop("window", window)}
        made = self.sdk.v1.customers.credits.create(
            customer_id=self.customer,
            product_id=self.goodwill,
            priority=priority,
            name=name,
            access_schedule={"credit_type_id": USD, "schedule_items": [item]},
            **more,
        )
        return str(made.data.id)

    def to(self, text: str) -> int:
        return service.set_clock(
            self.folder, datetime.fromisoformat(text).replace(tzinfo=UTC)
        )

    def invoices(self, status: str) -> list[Any]:
        return list(
            self.sdk.v1.customers.invoices.list(customer_id=self.customer, status=status)
        )

    def balance(self, credit: str) -> float:
        rows = self.sdk.v1.customers.credits.list(
            customer_id=self.customer,
            credit_id=credit,
            include_balance=True,
            include_ledgers=True,
        )
        return float(next(iter(rows)).balance)


@pytest.fixture
def story(tmp_path: Path) -> Iterator[Story]:
    made = Story(tmp_path / "core")
    yield made
    made.sdk.close()
    made.core.stop()


def test_a_satisfaction_credit_burns_on_the_next_invoice_by_priority(story: Story) -> None:
    story.use("u1", "1000")
    later = story.grant(10_000, 9, "Later")
    first = story.grant(500, 1, "First")
    (draft,) = story.invoices("DRAFT")
    assert [(line.type, line.total) for line in draft.line_items] == [
        ("usage", 500),
        ("applied_commit_or_credit", -500),
        ("usage", 1500),
        ("applied_commit_or_credit", -1500),
    ]
    assert draft.total == 0
    assert story.balance(first) == 500
    assert story.to("2026-11-30T00:00:00") == 0
    story.to("2026-12-02T00:00:00")
    (final,) = story.invoices("FINALIZED")
    assert (final.id, final.total) == (draft.id, 0)
    ledger = story.sdk.v1.customers.credits.list(
        customer_id=story.customer, credit_id=later, include_ledgers=True
    )
    assert [entry.type for entry in next(iter(ledger)).ledger] == [
        "CREDIT_SEGMENT_START",
        "CREDIT_AUTOMATED_INVOICE_DEDUCTION",
        "CREDIT_EXPIRATION",
    ]


def test_the_documents_own_sample_schedule_is_refused_by_both_dates(story: Story) -> None:
    window = {
        "starting_at": "2024-09-01T00:00:00Z",
        "ending_before": "2020-09-30T00:00:00Z",
    }
    with pytest.raises(metronome.BadRequestError, match=r"2020-09-30.*2024-09-01"):
        story.grant(10_000, 5, "My Credit", window=window)


def test_negative_usage_moves_a_draft_and_may_drive_it_below_zero(story: Story) -> None:
    story.use("u1", "100")
    story.use("u2", "-50")
    assert story.invoices("DRAFT")[0].total == 100
    story.use("u2", "-50")
    assert story.invoices("DRAFT")[0].total == 100
    story.use("u3", "-80")
    assert story.invoices("DRAFT")[0].total == -60


def test_past_34_days_a_correction_is_refused_and_the_batch_with_it(story: Story) -> None:
    story.to("2026-12-20T00:00:00")
    with pytest.raises(metronome.BadRequestError, match="34 days"):
        story.use("late", "5", day=10)
    story.use("in-time", "5", day=20)


def test_credit_and_re_bill_end_to_end(story: Story) -> None:
    """Void and regenerate in the core; the new one is pushed, the old one flagged."""
    credit = story.grant(500, 1, "Goodwill")
    story.use("u1", "1000", day=20)
    story.to("2026-12-02T00:00:00")
    (wrong,) = story.invoices("FINALIZED")
    assert wrong.total == 1500
    stripe = start_stripe()
    parts = parts_on(stripe, MemoryCore())
    wire = Wire(story.core.url, clock=RealishClock(), rng=Random(1), token=Secret("t"))
    parts = replace(
        parts, core=Metronome(wire), policy=replace(parts.policy, create_customers=True)
    )
    assert one_pass(parts, progress=Silent()).pushed == 1
    story.use("negated", "-1000", day=20)
    story.use("right", "600", day=20)
    story.sdk.v1.invoices.void(id=wrong.id)
    fresh = story.sdk.v1.invoices.regenerate(id=wrong.id).data.id
    with pytest.raises(metronome.BadRequestError, match="regenerated already"):
        story.sdk.v1.invoices.regenerate(id=wrong.id)
    result = one_pass(parts, progress=Silent())
    assert (result.pushed, result.flags_opened) == (1, 1)
    (flag,) = parts.store.flags()
    assert (flag.cause, flag.exposure_minor, flag.successor) == (
        Cause.VOIDED_IN_CORE,
        1500,
        fresh,
    )
    new = person(stripe).invoices.retrieve(parts.store.push(fresh).document_id)  # type: ignore[union-attr]  # pushed
    assert (new.total, new.metadata["regenerated_from"]) == (700, wrong.id)
    before = reconcile(parts, progress=Silent())
    assert {row.core_invoice_id: row.kind for row in before.rows} == {
        wrong.id: Kind.VOID_PENDING,
        fresh: Kind.MATCHED,
    }
    assert [one.kind for one in before.chains] == [Kind.DOUBLE_BILLED]
    person(stripe).invoices.void_invoice(flag.subject)
    assert one_pass(parts, progress=Silent()).flags_closed == 1
    assert reconcile(parts, progress=Silent()).clean
    ledgers = [e.kind for e in parts.core.credits(story.customer)[0].ledger]
    assert ledgers.count("CREDIT_CREDITED") == 1
    assert credit == parts.core.credits(story.customer)[0].id
    stripe.stop()


def test_where_a_void_is_impossible_a_credit_memo_stands_for_it(story: Story) -> None:
    """Paid downstream: nobody can void it there. A memo in full does what the void would have."""
    story.use("u1", "1000", day=20)
    story.to("2026-12-02T00:00:00")
    (wrong,) = story.invoices("FINALIZED")
    stripe = start_stripe()
    parts = parts_on(stripe, MemoryCore())
    wire = Wire(story.core.url, clock=RealishClock(), rng=Random(1), token=Secret("t"))
    policy = replace(parts.policy, create_customers=True)
    parts = replace(parts, core=Metronome(wire), policy=policy)
    one_pass(parts, progress=Silent())
    pushed = parts.store.push(wrong.id).document_id  # type: ignore[union-attr]  # pushed
    person(stripe).invoices.pay(pushed, {"paid_out_of_band": True})
    story.use("negated", "-1000", day=20)
    story.use("right", "600", day=20)
    story.sdk.v1.invoices.void(id=wrong.id)
    fresh = story.sdk.v1.invoices.regenerate(id=wrong.id).data.id
    held = one_pass(parts, progress=Silent())
    assert held.pushed == 0, "a replacement of a paid invoice waits"
    asked = {flag.cause: flag for flag in parts.store.flags()}
    assert set(asked) == {Cause.VOIDED_IN_CORE, Cause.REPLACEMENT_OF_PAID}
    assert "credit note" in asked[Cause.VOIDED_IN_CORE].action
    kinds = {
        row.core_invoice_id: row.kind for row in reconcile(parts, progress=Silent()).rows
    }
    assert kinds[wrong.id] == Kind.VOID_BLOCKED_PAID
    person(stripe).credit_notes.create(
        {
            "invoice": pushed,
            "amount": 2000,
            "out_of_band_amount": 2000,
            "reason": "order_change",
        }
    )
    credited = one_pass(parts, progress=Silent())
    assert credited.flags_closed >= 1
    assert one_pass(parts, progress=Silent()).pushed + credited.pushed == 1
    run = reconcile(parts, progress=Silent())
    assert {row.core_invoice_id: row.kind for row in run.rows} == {
        wrong.id: Kind.CREDITED_IN_FULL,
        fresh: Kind.MATCHED,
    }
    assert run.clean
    stripe.stop()


def test_void_and_regenerate_refuse_what_they_cannot_do(story: Story) -> None:
    story.use("u1", "10")
    draft = story.invoices("DRAFT")[0]
    with pytest.raises(metronome.BadRequestError, match="negating"):
        story.sdk.v1.invoices.void(id=draft.id)
    story.to("2026-12-02T00:00:00")
    with pytest.raises(metronome.BadRequestError):
        story.sdk.v1.invoices.regenerate(id=draft.id)
    story.sdk.v1.invoices.void(id=draft.id)
    with pytest.raises(metronome.BadRequestError):
        story.sdk.v1.invoices.void(id=draft.id)
    log = [row.action for row in story.sdk.v1.audit_logs.list(limit=100).data]
    assert {"finalize", "void"} <= set(log)
