"""Where two people, two customers or two databases meet one push: nobody is billed twice."""

from dataclasses import replace
from decimal import Decimal

import pytest
import stripe

from connectors import stripe_receivables
from connectors.failures import Incomplete, Refused
from connectors.stripe_failures import failure_of
from state.observations import Changes
from state.pushes import PushRecord, PushState
from state.receivables import DownstreamInvoice
from state.store import PushMoved
from state.worklist import Cause
from sync import push, wiring
from sync.cycle import make_plan
from sync.decide import Policy
from sync.parts import Parts
from sync.people import NotPossible, retry_push, skip_push
from sync.progress import Silent
from sync.settings import ConfigError
from tests.sync.stand import Stand

CREATE = "/v1/invoices$"


def rule(kind: str, path: str, **more: object) -> dict[str, object]:
    return {"kind": kind, "method": "POST", "path": path, **more}


def forget(stand: Stand) -> None:
    """The database as it was before the push, and before any look at Stripe."""
    record = stand.push()
    old = replace(
        record, state=PushState.PENDING, document_id=None, tried=0, step="", terms=""
    )
    stand.parts.record(Changes(pushes=(old,)))


def test_a_restored_database_links_what_stands_and_pushes_nothing(stand: Stand) -> None:
    stand.core.bill("ci_1", 1000)
    stand.passes(1)
    before = len(stand.requests())
    forget(stand)
    stand.passes(1)
    assert (stand.push().state, stand.push().tried) == (PushState.DONE, 0)
    assert len(stand.requests()) == before


def test_a_restored_database_finds_what_stands_with_the_customer_of_before(
    stand: Stand,
) -> None:
    """Billed to one customer, mapped to another since: the books know the first invoice."""
    stand.core.bill("ci_1", 1000)
    stand.passes(1)
    before = len(stand.requests())
    other = stand.person.customers.create({"name": "Acme (new)"}).id
    mapped = stand.core.people["cc_1"]
    stand.core.people["cc_1"] = replace(mapped, stripe_customer_field=other)
    forget(stand)
    stand.passes(1)
    assert stand.push().customer_id == other
    assert (stand.push().state, stand.push().document_id) == (
        PushState.DONE,
        stand.invoice().id,
    )
    assert len(stand.requests()) == before + 1, "the person's customer, and no invoice"


@pytest.mark.usefixtures("impatient")
def test_a_draft_deleted_before_its_answer_was_read_is_not_made_anew(stand: Stand) -> None:
    """No list shows a deleted draft, and after a day its key is forgotten too."""
    stand.core.bill("ci_1", 1000)
    stand.faults(rule("drop_after", CREATE))
    stand.passes(1)
    make_plan(stand.parts, progress=Silent())  # looks, and pushes nothing
    stand.person.invoices.delete(stand.invoice().id)
    stand.later(25 * 3600)
    stand.passes(1)
    assert (stand.push().state, stand.push().reason) == (
        PushState.QUARANTINED,
        "DRAFT_DELETED",
    )
    assert stand.invoices() == []
    retry_push(stand.parts, "ci_1", by="ada", reason="deleted by mistake")
    stand.passes(1)
    assert (stand.push().state, stand.invoice().status) == (PushState.DONE, "open")


def test_what_a_person_leaves_out_beside_a_pass_at_work_stays_out(stand: Stand) -> None:
    """The pass had read the push before the person moved it."""
    for name in ("ci_1", "ci_2"):
        stand.core.bill(name, 1000)
    find = stand.parts.stripe.find

    def meanwhile(customer_id: str, core_invoice_id: str) -> tuple[DownstreamInvoice, ...]:
        if stand.push("ci_1").state is PushState.PENDING:
            skip_push(stand.parts, "ci_1", by="ada", reason="billed by hand")
            skip_push(stand.parts, "ci_2", by="ada", reason="billed by hand")
        return find(customer_id, core_invoice_id)

    stand.parts.stripe.find = meanwhile  # type: ignore[method-assign]  # a person acts here
    stand.passes(1)
    assert [stand.push(name).reason for name in ("ci_1", "ci_2")] == ["BY_HAND"] * 2
    assert stand.requests() == []


def test_what_a_person_leaves_out_while_its_customer_is_looked_for_stays_out(
    stand: Stand,
) -> None:
    mapped = stand.core.people["cc_1"]
    stand.core.people["cc_1"] = replace(mapped, stripe_customer_field=None)
    stand.core.bill("ci_1", 1000)

    def meanwhile(core_customer_id: str) -> str | None:
        skip_push(stand.parts, "ci_1", by="ada", reason="billed by hand")
        return mapped.stripe_customer_field if core_customer_id == "cc_1" else None

    stand.parts.stripe.find_customer = meanwhile  # type: ignore[method-assign]  # a person acts here
    stand.passes(1)
    assert (stand.push().state, stand.push().reason) == (PushState.SKIPPED, "BY_HAND")
    assert stand.requests() == []


def test_a_person_does_not_undo_what_the_worker_has_just_asked_for(stand: Stand) -> None:
    stand.core.bill("ci_1", 1000)
    stand.passes(1)
    forget(stand)
    pending = stand.push()
    asked = replace(pending, state=PushState.ATTEMPTED, tried=1, in_flight=True)

    def just_before(core_invoice_id: str) -> PushRecord | None:
        stand.parts.record(Changes(pushes=(asked,)))
        return pending if core_invoice_id == "ci_1" else None

    read, stand.parts.store.push = stand.parts.store.push, just_before  # type: ignore[method-assign]  # the worker acts here
    with pytest.raises(NotPossible, match="the push of ci_1 has just moved"):
        skip_push(stand.parts, "ci_1", by="ada", reason="billed by hand")
    assert read("ci_1") == asked


def test_pushes_that_will_find_one_customer_have_one_writer() -> None:
    def record(name: str, core: str, customer: str | None) -> PushRecord:
        return PushRecord(
            name, core, PushState.PENDING, "USD", 1, 1, 1, customer_id=customer
        )  # fmt: skip

    some = [
        record("1", "a", None),
        record("2", "a", "cus_1"),
        record("3", "b", "cus_1"),
        record("4", "c", None),
        record("5", "c", None),
    ]
    groups = [[one.core_invoice_id for one in group] for group in push.by_customer(some)]
    assert groups == [["1", "2", "3"], ["4", "5"]]


def test_an_intent_that_rests_on_an_old_reading_is_not_kept(stand: Stand) -> None:
    stand.core.bill("ci_1", 1000)
    stand.passes(1)
    record = stand.push()
    moved = replace(record, detail="moved")
    with pytest.raises(PushMoved, match="ci_1 was moved by a person"):
        stand.parts.record(Changes(pushes=(moved,), based_on=(moved,)))
    stand.parts.record(Changes(pushes=(moved,), based_on=(record,)))
    assert stand.push() == moved


@pytest.mark.parametrize(
    ("amount", "currency", "state", "reason"),
    [
        (-500, "USD", PushState.SKIPPED, "NEGATIVE_INVOICE"),
        (500, None, PushState.SKIPPED, "CUSTOM_UNIT"),
        (500, "CLF", PushState.QUARANTINED, "CURRENCY"),
        (10**12, "USD", PushState.QUARANTINED, "OVER_LIMIT"),
        (0, "USD", PushState.QUARANTINED, "LINES_DO_NOT_FOOT"),
    ],
)
def test_what_cannot_be_billed_is_not_let_go_by_a_retry(
    stand: Stand, amount: int, currency: str | None, state: PushState, reason: str
) -> None:
    stand.core.bill("ci_1", amount, lines=2)
    billed = replace(stand.core.books["ci_1"], currency=currency)
    if reason == "LINES_DO_NOT_FOOT":
        billed = replace(billed, exact_minor=Decimal(700), total_minor=700)
    stand.core.books["ci_1"] = billed
    stand.passes(1)
    assert (stand.push().state, stand.push().reason) == (state, reason)
    flags = [(flag.cause, flag.state) for flag in stand.flags()]
    retry_push(stand.parts, "ci_1", by="ada", reason="try it")
    stand.passes(2)
    assert (stand.push().state, stand.push().reason) == (state, reason)
    assert [(flag.cause, flag.state) for flag in stand.flags()] == flags
    assert stand.requests() == []


@pytest.mark.usefixtures("impatient")
def test_a_draft_edited_while_it_was_finalized_is_on_the_worklist(stand: Stand) -> None:
    stand.core.bill("ci_1", 1000)
    finalize = stand.parts.stripe.finalize

    def edited(document_id: str, *, key: str) -> DownstreamInvoice:
        line = {"amount": 77, "description": "by hand"}
        stand.person.invoices.add_lines(document_id, {"lines": [line]})
        return finalize(document_id, key=key)

    stand.parts.stripe.finalize = edited  # type: ignore[method-assign]  # a person acts here
    stand.passes(1)
    assert (stand.push().state, stand.push().reason) == (
        PushState.QUARANTINED,
        "TOTAL_DIFFERS",
    )
    assert [flag.cause for flag in stand.flags()] == [Cause.QUARANTINED]


def test_of_two_customers_with_one_name_none_is_guessed(stand: Stand) -> None:
    stand.person.customers.create({"name": "x", "metadata": {"core_customer_id": "cc_1"}})
    mapped = stand.core.people["cc_1"]
    stand.core.people["cc_1"] = replace(mapped, stripe_customer_field=None)
    stand.parts.policy = Policy(create_customers=True)
    stand.core.bill("ci_1", 1000)
    made = len(stand.requests())
    stand.passes(1)
    assert stand.push().state is PushState.QUARANTINED
    assert "several Stripe customers name cc_1" in stand.flags()[0].why
    assert len(stand.requests()) == made
    stand.core.people["cc_1"] = mapped
    stand.passes(1)
    retry_push(stand.parts, "ci_1", by="ada", reason="named in the core")
    assert stand.passes(1).pushed == 1


def test_books_of_test_mode_are_never_those_of_live_mode(stand: Stand) -> None:
    wiring.same_books(stand.parts)
    live = replace_mode(stand, "test")
    with pytest.raises(ConfigError, match=r"stripe.mode: these books are of another mode"):
        wiring.same_books(live)


def replace_mode(stand: Stand, mode: str) -> Parts:
    settings = stand.parts.settings.model_copy(
        update={"stripe": stand.parts.settings.stripe.model_copy(update={"mode": mode})}
    )
    return replace(stand.parts, settings=settings)


def test_any_429_that_its_key_repeats_needs_a_new_key() -> None:
    """A limit of one resource is stored under the key; that of the account is not."""
    body = {"error": {"code": "rate_limit", "message": "Too many"}}
    stored = stripe.RateLimitError(
        "no", json_body=body, http_status=429, headers={"Idempotent-Replayed": "true"}
    )
    failure = failure_of(stored, "POST invoices")
    assert isinstance(failure, Refused)
    assert (failure.code, failure.replayed) == ("lock_timeout", True)
    fresh = stripe.RateLimitError("no", json_body=body, http_status=429, headers={})
    assert not isinstance(failure_of(fresh, "POST invoices"), Refused)


def test_a_list_that_moves_while_it_is_read_is_no_answer(
    stand: Stand, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The row at which a page ended was deleted meanwhile: look again, conclude nothing."""
    for number in range(3):
        stand.core.bill(f"ci_{number}", 1000)
    stand.passes(1)
    monkeypatch.setattr(stripe_receivables, "PAGE", 2)
    customer = stand.core.people["cc_1"].stripe_customer_field or ""
    assert len(stand.parts.stripe.find(customer, "ci_0")) == 1
    moved = {"kind": "status", "status": 400, "method": "GET", "path": CREATE}
    stand.faults({**moved, "nth": 2})
    with pytest.raises(Incomplete, match="moved while read"):
        stand.parts.stripe.find(customer, "ci_0")
    stand.faults(moved)
    with pytest.raises(Refused):
        stand.parts.stripe.find(customer, "ci_0")
