"""What a person does between the worker's reading and its writing stands."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from datetime import datetime

import pytest

from connectors.failures import Refused
from connectors.ports import Page
from state.observations import Changes
from state.pushes import PushState
from state.receivables import DownstreamInvoice
from state.store import Overtaken
from state.worklist import Cause, FlagState
from sync.people import NotPossible, assign, claim, retry_push, skip_push, waive
from sync.progress import Silent
from sync.push import push_all
from tests.sync.stand import Stand


def just_before(stand: Stand, act: Callable[[], object], times: int = 1) -> None:
    """A person acts just before the worker's next commits are written."""
    record, left = stand.parts.store.record, [act] * times

    def after_the_act(changes: Changes, *, at: datetime, token: int | None = None) -> None:
        if token is not None and left and (changes.flags or changes.pushes):
            left.pop()()
        record(changes, at=at, token=token)

    stand.parts.store.record = after_the_act  # type: ignore[method-assign]  # a person acts here


def voided_and_flagged(stand: Stand) -> str:
    """An invoice that Stripe still shows after its void; the flag's number."""
    stand.core.bill("ci_1", 1000)
    stand.passes(1)
    stand.core.void("ci_1")
    stand.passes(1)
    (flag,) = stand.flags()
    return flag.id


def test_a_waiver_beside_a_look_stands(stand: Stand) -> None:
    """A partial credit moves the flag's exposure; the waiver came first, and is outgrown."""
    name = voided_and_flagged(stand)
    how = {"by": "ada", "approver": "bo", "reason": "under the threshold"}
    just_before(stand, lambda: waive(stand.parts, name, **how))
    stand.person.credit_notes.create(
        {"invoice": stand.invoice().id, "amount": 400, "email_type": "none"}
    )
    stand.passes(1)
    (flag,) = stand.flags()
    assert (flag.state, flag.reopened, flag.note, flag.exposure_minor) == (
        FlagState.REOPENED, 1, "under the threshold", 600,
    )  # fmt: skip


def test_a_claim_beside_a_look_is_checked_by_the_next_one(stand: Stand) -> None:
    name = voided_and_flagged(stand)
    just_before(stand, lambda: claim(stand.parts, name, "ada"))
    stand.person.credit_notes.create(
        {"invoice": stand.invoice().id, "amount": 400, "email_type": "none"}
    )
    stand.hints()
    (flag,) = stand.flags()
    assert (flag.claimed_by, flag.exposure_minor) == ("ada", 600)


def test_a_claim_made_while_stripe_is_read_is_not_contradicted_by_what_was_read(
    stand: Stand,
) -> None:
    """The page was read; then a person voids it and says so; then the page is taken in."""
    name = voided_and_flagged(stand)
    read = stand.parts.stripe.look_again

    def then_a_person_acts(ids: Sequence[str]) -> Iterator[Page]:
        for page in list(read(ids)):
            stand.person.invoices.void_invoice(stand.invoice().id)
            claim(stand.parts, name, "ada")
            stand.parts.clock.sleep(5)
            yield page

    stand.parts.stripe.look_again = then_a_person_acts  # type: ignore[method-assign]  # a person acts here
    stand.hints()
    (flag,) = stand.flags()
    assert (flag.state, flag.reopened) == (FlagState.AWAITING_VERIFICATION, 0)
    stand.parts.stripe.look_again = read  # type: ignore[method-assign]
    stand.passes(1)
    (flag,) = stand.flags()
    assert (flag.state, flag.reopened) == (FlagState.RESOLVED, 0)


def test_what_was_just_seen_closed_is_not_taken_up_again(stand: Stand) -> None:
    name = voided_and_flagged(stand)
    read = stand.parts.store.flag

    def then_it_closes(flag_id: str) -> object:
        flag = read(flag_id)
        stand.person.invoices.void_invoice(stand.invoice().id)
        stand.passes(1)
        return flag

    stand.parts.store.flag = then_it_closes  # type: ignore[method-assign, assignment]  # the worker acts here
    with pytest.raises(NotPossible, match=f"{name} has just moved; look at it again"):
        assign(stand.parts, name, "ada")
    assert stand.flags()[0].state is FlagState.RESOLVED


def test_what_a_person_leaves_out_beside_a_poll_stays_out(stand: Stand) -> None:
    """The worker had read it as waiting, and gave it the customer that the core names now."""
    stand.parts.policy = replace(stand.parts.policy, push_cap_count=0)
    stand.core.bill("ci_1", 1000)
    stand.passes(1)
    mapped = stand.core.people["cc_1"]
    stand.core.people["cc_1"] = replace(mapped, stripe_customer_field="cus_other")
    just_before(
        stand, lambda: skip_push(stand.parts, "ci_1", by="ada", reason="billed by hand")
    )
    stand.passes(1)
    assert (stand.push().state, stand.push().reason) == (PushState.SKIPPED, "BY_HAND")


def test_a_decision_that_is_always_overtaken_ends(stand: Stand) -> None:
    stand.core.bill("ci_1", 1000)
    stand.passes(1)

    def overtaken(changes: Changes, *, at: datetime, token: int | None = None) -> None:
        raise Overtaken(f"{changes.pushes} at {at} by {token}")

    stand.parts.store.record = overtaken  # type: ignore[method-assign]  # somebody is always faster
    with pytest.raises(Exception, match="the books move faster than they are read"):
        stand.parts.decide_and_record(Changes(pushes=(stand.push(),)))


def test_one_push_that_a_person_moves_while_its_look_is_refused_is_left_alone(
    stand: Stand,
) -> None:
    """It used to end the pass, and with it every push behind it."""
    for name in ("ci_1", "ci_2"):
        stand.core.bill(name, 1000)
    find = stand.parts.stripe.find

    def refused(customer_id: str, core_invoice_id: str) -> tuple[DownstreamInvoice, ...]:
        if core_invoice_id == "ci_2":
            return find(customer_id, core_invoice_id)
        skip = {"by": "ada", "reason": "billed by hand"}
        just_before(stand, lambda: skip_push(stand.parts, "ci_1", **skip))
        raise Refused("No such customer")

    stand.parts.stripe.find = refused  # type: ignore[method-assign]  # Stripe says no
    assert stand.passes(1).pushed == 1
    assert stand.push("ci_1").reason == "BY_HAND"
    assert stand.push("ci_2").state is PushState.DONE


def test_a_retry_waits_for_a_call_whose_answer_was_never_heard(stand: Stand) -> None:
    """We died in the create of a replacement; then the look at what it replaces is refused."""
    stand.core.bill("ci_0", 1000)
    stand.passes(1)
    stand.core.void("ci_0")
    stand.core.bill("ci_1", 900, parent="ci_0")
    stand.faults(
        {"kind": "drop_before", "method": "POST", "path": "/v1/invoices$", "times": 9}
    )
    stand.passes(1)
    now = stand.parts.clock.now()
    died = replace(stand.push(), in_flight=True, in_doubt=False, asked_at=now)
    stand.parts.record(Changes(pushes=(replace(died, not_before=None),)))

    def refused(customer_id: str, core_invoice_id: str) -> tuple[DownstreamInvoice, ...]:
        raise Refused(f"No such customer: {customer_id}, for {core_invoice_id}")

    find, stand.parts.stripe.find = stand.parts.stripe.find, refused  # type: ignore[method-assign]  # Stripe says no
    stand.passes(1)
    stand.faults()
    stand.parts.stripe.find = find  # type: ignore[method-assign]
    stopped = stand.push()
    assert (stopped.state, stopped.in_flight, stopped.in_doubt) == (
        PushState.QUARANTINED, False, True,
    )  # fmt: skip
    retry_push(stand.parts, "ci_1", by="ada", reason="the customer is back")
    before = len(stand.requests())
    stand.passes(2)
    assert len(stand.requests()) == before, "no new key beside an unanswered one"
    stand.later(25 * 3600)
    assert stand.passes(1).pushed == 1


def test_a_document_that_names_another_invoice_takes_its_flag_along(stand: Stand) -> None:
    """Moved to an invoice that stands, it is settled; to a void one, it is still to do."""
    name = voided_and_flagged(stand)
    stand.core.bill("ci_2", 1000)
    stand.core.bill("ci_3", 1000)
    stand.core.void("ci_3")
    stand.parts.policy = replace(stand.parts.policy, push_cap_count=0)
    document = stand.invoice().id

    def names(core_id: str) -> None:
        stand.person.invoices.update(document, {"metadata": {"core_invoice_id": core_id}})
        stand.passes(1)

    names("ci_3")
    (flag,) = stand.flags()
    assert (flag.id, flag.core_invoice_id, flag.state) == (name, "ci_3", FlagState.OPEN)
    names("ci_2")
    (flag,) = stand.flags()
    assert (flag.state, flag.evidence) == (
        FlagState.RESOLVED, f"{document} was seen to stand for ci_2",
    )  # fmt: skip
    names("ci_1")
    (flag,) = [one for one in stand.flags() if one.cause is Cause.VOIDED_IN_CORE]
    assert (flag.id, flag.core_invoice_id, flag.state) == (name, "ci_1", FlagState.REOPENED)


def test_the_settings_of_today_decide_about_what_still_waits(stand: Stand) -> None:
    """The core delivers by itself from today on: what waited yesterday is not billed twice."""
    stand.parts.policy = replace(stand.parts.policy, push_cap_count=0)
    stand.core.bill("ci_1", 1000)
    stand.core.books["ci_1"] = replace(stand.core.books["ci_1"], contract_id="k")
    assert stand.passes(1).halted
    mapped = stand.core.people["cc_1"]
    stand.core.people["cc_1"] = replace(mapped, native_contracts=("k",))
    stand.parts.policy = replace(stand.parts.policy, push_cap_count=5)
    stand.passes(1)
    assert (stand.push().state, stand.push().reason) == (
        PushState.SKIPPED, "NATIVE_DELIVERY",
    )  # fmt: skip
    assert stand.requests() == []
    push_all(stand.parts, Silent())
    assert stand.requests() == []
