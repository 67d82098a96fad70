"""The walk against the Stripe stand-in: pushed once, flagged, closed by what is seen."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
import requests
import stripe as sdk

from connectors.sandbox.service import Handle
from state.invoices import CoreCustomer
from state.pushes import PushState
from state.worklist import Cause, FlagState
from sync.classify import Kind
from sync.cycle import LeaseHeld, make_plan, one_pass, run_plan
from sync.decide import Policy
from sync.parts import Parts
from sync.people import NotPossible, assign, claim, retry_push, skip_push, waive
from sync.plan import PlanMoved
from sync.progress import Silent
from sync.reconcile import reconcile
from sync.report.codec import read_run, run_text
from sync.report.tables import summary, worklist_rows
from tests.world import MemoryCore, parts_on

QUIET = Silent()


@pytest.fixture
def parts(sandbox: Handle, core: MemoryCore) -> Iterator[Parts]:
    made = parts_on(sandbox, core)
    yield made
    made.store.close()  # type: ignore[attr-defined]  # the port has no close


def person(handle: Handle) -> Any:
    return sdk.StripeClient(handle.api_key, base_addresses={"api": handle.url}).v1


def faults(handle: Handle, *rules: dict[str, Any]) -> None:
    url = f"{handle.url}/_sandbox/faults"
    requests.post(url, json=list(rules), timeout=5).raise_for_status()


def posts(handle: Handle) -> list[str]:
    return [r["path"] for r in handle.sandbox.faults.requests if r["method"] == "POST"][1:]


@pytest.mark.parametrize(("lines", "calls"), [(1, 3), (100, 3), (250, 5), (600, 3)])
def test_an_invoice_takes_two_posts_and_one_for_each_hundred_lines(
    sandbox: Handle, core: MemoryCore, parts: Parts, lines: int, calls: int
) -> None:
    core.bill("ci_1", 12_345, lines=lines)
    assert one_pass(parts, progress=QUIET).pushed == 1
    assert len(posts(sandbox)) == calls
    document = person(sandbox).invoices.list().data[0]
    assert (document.status, document.total) == ("open", 12_345)
    assert document.metadata["core_invoice_id"] == "ci_1"
    assert document.metadata["tieout_instance"] == "tieout-1"


def test_a_second_pass_writes_nothing_anywhere(
    sandbox: Handle, core: MemoryCore, parts: Parts
) -> None:
    core.bill("ci_1", 1000)
    one_pass(parts, progress=QUIET)
    before, head = posts(sandbox), parts.store.audit_head()
    again = one_pass(parts, progress=QUIET)
    assert (again.pushed, again.recorded, again.flags_opened) == (0, 0, 0)
    assert posts(sandbox) == before
    assert parts.store.audit_head() == head


def test_void_and_regenerate_push_once_flag_once_and_link_both_ways(
    sandbox: Handle, core: MemoryCore, parts: Parts
) -> None:
    core.bill("ci_1", 1000)
    one_pass(parts, progress=QUIET)
    core.void("ci_1")
    core.bill("ci_2", 900, parent="ci_1")
    result = one_pass(parts, progress=QUIET)
    assert (result.pushed, result.flags_opened) == (1, 1)
    (flag,) = parts.store.flags()
    assert (flag.cause, flag.exposure_minor, flag.successor) == (
        Cause.VOIDED_IN_CORE,
        1000,
        "ci_2",
    )
    new, old = person(sandbox).invoices.list().data
    assert new.metadata["replaces"] == old.id
    assert new.metadata["regenerated_from"] == "ci_1"
    assert (old.metadata["tieout_flag"], old.metadata["replaced_by"]) == (
        "void_requested",
        new.id,
    )
    one_pass(parts, progress=QUIET)
    assert parts.store.flags()[0].double_billed
    person(sandbox).invoices.void_invoice(old.id)
    assert one_pass(parts, progress=QUIET).flags_closed == 1
    assert parts.store.flags()[0].evidence == f"{old.id} was seen VOID"


def test_a_claim_resolves_nothing_until_it_is_seen(
    sandbox: Handle, core: MemoryCore, parts: Parts
) -> None:
    core.bill("ci_1", 1000)
    one_pass(parts, progress=QUIET)
    core.void("ci_1")
    one_pass(parts, progress=QUIET)
    assign(parts, "F-000001", "ada")
    with pytest.raises(NotPossible, match="cannot approve"):
        waive(parts, "F-000001", by="grace", approver="Ada", reason="small")
    claim(parts, "F-000001", "ada")
    assert parts.store.flags()[0].state is FlagState.AWAITING_VERIFICATION
    parts.clock.sleep(1)
    one_pass(parts, progress=QUIET)
    flag = parts.store.flags()[0]
    assert (flag.state, flag.reopened) == (FlagState.REOPENED, 1)
    with pytest.raises(NotPossible, match="cannot approve"):
        waive(parts, flag.id, by="ada", approver="Ada", reason="small")
    waive(parts, flag.id, by="ada", approver="grace", reason="small")
    assert one_pass(parts, progress=QUIET).open_flags == 0


def test_a_paid_invoice_is_credited_not_voided_and_its_replacement_waits(
    sandbox: Handle, core: MemoryCore, parts: Parts
) -> None:
    core.bill("ci_1", 1000)
    one_pass(parts, progress=QUIET)
    old = person(sandbox).invoices.list().data[0]
    person(sandbox).invoices.pay(old.id, {"paid_out_of_band": True})
    core.void("ci_1")
    core.bill("ci_2", 900, parent="ci_1")
    assert one_pass(parts, progress=QUIET).pushed == 0
    held = parts.store.push("ci_2")
    assert held is not None
    assert held.state is PushState.HELD
    by_cause = {flag.cause: flag for flag in parts.store.flags()}
    assert set(by_cause) == {Cause.VOIDED_IN_CORE, Cause.REPLACEMENT_OF_PAID}
    assert "credit note of 10.00" in by_cause[Cause.VOIDED_IN_CORE].action
    person(sandbox).credit_notes.create(
        {
            "invoice": old.id,
            "amount": 1000,
            "out_of_band_amount": 1000,
            "email_type": "none",
        }
    )
    assert one_pass(parts, progress=QUIET).pushed == 1
    assert one_pass(parts, progress=QUIET).open_flags == 0


@pytest.mark.parametrize("step", ["/v1/invoices$", "add_lines$", "finalize$"])
@pytest.mark.parametrize(
    "kind", ["drop_before", "drop_after", "html", "truncated", "rate_limit", "redirect"]
)
def test_a_lost_answer_at_any_step_makes_one_invoice(
    sandbox: Handle, core: MemoryCore, parts: Parts, step: str, kind: str
) -> None:
    core.bill("ci_1", 1000, lines=120)
    faults(sandbox, {"kind": kind, "method": "POST", "path": step})
    for _ in range(3):
        one_pass(parts, progress=QUIET)
        parts.clock.sleep(60)
    (document,) = person(sandbox).invoices.list().data
    assert (document.status, document.total) == ("open", 1000)
    lines = person(sandbox).invoices.line_items.list(document.id, {"limit": 100})
    assert len(list(lines.auto_paging_iter())) == 120


def test_a_saved_lock_timeout_is_cured_by_a_new_key_after_a_look(
    sandbox: Handle, core: MemoryCore, parts: Parts
) -> None:
    core.bill("ci_1", 1000)
    faults(sandbox, {"kind": "lock_timeout", "method": "POST", "path": "add_lines$"})
    for _ in range(4):
        one_pass(parts, progress=QUIET)
        parts.clock.sleep(60)
    record = parts.store.push("ci_1")
    assert record is not None
    assert (record.state, record.generation) == (PushState.DONE, 1)
    assert len(person(sandbox).invoices.list().data) == 1


def test_a_missing_customer_stops_one_invoice_and_not_the_others(
    sandbox: Handle, core: MemoryCore, parts: Parts
) -> None:
    core.bill("ci_1", 1000)
    gone = core.people["cc_1"].stripe_customer_field
    person(sandbox).customers.delete(gone)
    result = one_pass(parts, progress=QUIET)
    assert result.quarantined == 1
    (flag,) = parts.store.flags()
    assert flag.cause is Cause.QUARANTINED
    assert "No such customer" in flag.why
    skip_push(parts, "ci_1", by="ada", reason="billed by hand")
    assert one_pass(parts, progress=QUIET).open_flags == 0


def test_a_customer_is_made_only_with_an_address_to_send_to(
    sandbox: Handle, core: MemoryCore
) -> None:
    parts = parts_on(sandbox, core, Policy(create_customers=True))
    person(sandbox).customers.delete(core.people["cc_1"].stripe_customer_field)
    core.people["cc_1"] = CoreCustomer("cc_1", "Acme")
    core.bill("ci_1", 1000)
    assert one_pass(parts, progress=QUIET).pushed == 0
    (flag,) = parts.store.flags()
    assert flag.cause is Cause.MISSING_MAPPING
    assert "billing_email" in flag.why
    assert person(sandbox).customers.list().data == []
    core.people["cc_1"] = CoreCustomer("cc_1", "Acme", email="ap@acme.test")
    assert one_pass(parts, progress=QUIET).pushed == 1
    (made,) = person(sandbox).customers.list().data
    assert made.email == "ap@acme.test"
    assert one_pass(parts, progress=QUIET).open_flags == 0


def test_a_draft_deleted_by_hand_is_pushed_again_only_by_a_person(
    sandbox: Handle, core: MemoryCore, parts: Parts
) -> None:
    core.bill("ci_1", 1000)
    faults(
        sandbox, {"kind": "rate_limit", "method": "POST", "path": "finalize$", "times": 99}
    )
    one_pass(parts, progress=QUIET)
    person(sandbox).invoices.delete(person(sandbox).invoices.list().data[0].id)
    faults(sandbox)
    parts.clock.sleep(3600)
    assert one_pass(parts, progress=QUIET).quarantined == 1
    retry_push(parts, "ci_1", by="ada", reason="deleted by mistake")
    assert one_pass(parts, progress=QUIET).pushed == 1


def test_the_cap_stops_a_runaway_and_a_seen_plan_lets_it_go(
    sandbox: Handle, core: MemoryCore
) -> None:
    parts = parts_on(sandbox, core, Policy(push_cap_count=2))
    for n in range(3):
        core.bill(f"ci_{n}", 1000 + n)
    halted = one_pass(parts, progress=QUIET)
    assert "3 invoices" in halted.halted
    assert person(sandbox).invoices.list().data == []
    plan = make_plan(parts, progress=QUIET)
    assert [action.amount_minor for action in plan.actions] == [1000, 1001, 1002]
    core.bill("ci_9", 5)
    with pytest.raises(PlanMoved):
        run_plan(parts, plan.to_json().replace(plan.hash, "0" * 64), progress=QUIET)
    done = run_plan(parts, make_plan(parts, progress=QUIET).to_json(), progress=QUIET)
    assert done.pushed == 3
    parts.store.close()  # type: ignore[attr-defined]  # the port has no close


def test_a_core_that_loses_invoices_stops_the_run(core: MemoryCore, parts: Parts) -> None:
    core.bill("ci_1", 1000)
    one_pass(parts, progress=QUIET)
    core.books.clear()
    (unread,) = one_pass(parts, progress=QUIET).unread
    assert unread.source == "core"
    assert "shows no finalized and void invoices where 1 are known" in unread.why


def test_what_stopped_before_it_was_asked_ends_with_its_invoice(
    core: MemoryCore, parts: Parts
) -> None:
    core.bill("ci_1", 1000)
    core.books["ci_1"] = replace(core.books["ci_1"], lines=())
    assert one_pass(parts, progress=QUIET).open_flags == 1
    core.void("ci_1")
    assert one_pass(parts, progress=QUIET).open_flags == 0
    (flag,) = parts.store.flags()
    assert (flag.cause, flag.state, flag.evidence) == (
        Cause.QUARANTINED,
        FlagState.RESOLVED,
        "the push was seen CANCELLED",
    )


def test_a_second_worker_is_turned_away(parts: Parts) -> None:
    token = parts.store.take_lease("other", now=parts.clock.now(), seconds=60)
    with pytest.raises(LeaseHeld):
        one_pass(parts, progress=QUIET)
    assert token == 1


def test_an_unmapped_customer_is_flagged_and_pushed_once_mapped(
    sandbox: Handle, core: MemoryCore, parts: Parts
) -> None:
    core.bill("ci_1", 1000)
    mapped = core.people["cc_1"]
    core.people["cc_1"] = type(mapped)("cc_1", "Acme")
    made = mapped.stripe_customer_field
    person(sandbox).customers.update(made, {"metadata": {"core_customer_id": ""}})
    one_pass(parts, progress=QUIET)
    assert parts.store.flags()[0].cause is Cause.MISSING_MAPPING
    core.people["cc_1"] = mapped
    result = one_pass(parts, progress=QUIET)
    assert (result.pushed, result.open_flags) == (1, 0)


def test_a_run_explains_by_memo_and_is_kept_whole(
    sandbox: Handle, core: MemoryCore, parts: Parts
) -> None:
    for name, amount in (("ci_1", 1000), ("ci_2", 2000), ("ci_3", 3000)):
        core.bill(name, amount)
    one_pass(parts, progress=QUIET)
    by_core = {
        i.metadata["core_invoice_id"]: i for i in person(sandbox).invoices.list().data
    }
    person(sandbox).credit_notes.create(
        {"invoice": by_core["ci_2"].id, "amount": 500, "email_type": "none"}
    )
    core.void("ci_3")
    run = reconcile(parts, progress=QUIET)
    assert {row.core_invoice_id: row.kind for row in run.rows} == {
        "ci_1": Kind.MATCHED,
        "ci_2": Kind.EXPLAINED_BY_MEMO,
        "ci_3": Kind.VOID_PENDING,
    }
    assert [check for check in run.checks if not check.ok] == []
    assert not run.clean
    assert run.rows[0].unexplained == 3000
    text, digest = run_text(run)
    assert read_run(text) == run
    assert parts.store.run(run.run_id) == (text, digest)
    assert summary(run)["kinds"]["VOID_PENDING"]["unexplained_minor"] == {"USD": 3000}
    flags = parts.store.flags()
    assert worklist_rows(flags)[0]["downstream_id"] == by_core["ci_3"].id
    assert run_text(run) == run_text(read_run(text))
