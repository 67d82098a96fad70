"""A hierarchy in which the parent pays: one of two invoices with the same lines is billed."""

from collections.abc import Iterator
from dataclasses import replace

import pytest

from connectors.sandbox.service import Handle
from state.invoices import CoreCustomer
from state.pushes import PushRecord, PushState
from sync.classify import Kind
from sync.cycle import one_pass
from sync.parts import Parts
from sync.people import retry_push, skip_push
from sync.progress import Silent
from sync.reconcile import reconcile
from tests.world import MemoryCore, parts_on

QUIET = Silent()
P = PushState


class Hierarchy:
    """A parent that pays, a child, their statements, and the invoice that has both."""

    def __init__(self, sandbox: Handle) -> None:
        self.core = MemoryCore()
        self.parts: Parts = parts_on(sandbox, self.core)
        stripe = self.parts.stripe.create_customer(
            "cc_2", "Child", email="c@x.test", key="c"
        )
        self.core.people["cc_2"] = CoreCustomer(
            "cc_2", "Child", stripe_customer_field=stripe
        )
        self.core.bill("own", 1_000)
        self.core.bill("child", 2_000)
        self.core.books["child"] = replace(
            self.core.books["child"], customer_id="cc_2", payer_id="cc_1"
        )

    def consolidate(self) -> None:
        self.core.bill("both", 3_000)
        self.core.books["both"] = replace(
            self.core.books["both"],
            kind="USAGE_CONSOLIDATED",
            constituents=(("cc_1", "own"), ("cc_2", "child")),
        )

    def pass_(self) -> dict[str, tuple[str, str]]:
        """One pass, and where each push stands."""
        one_pass(self.parts, progress=QUIET)
        records = self.parts.store.pushes(set(PushState))
        return {one.core_invoice_id: (str(one.state), one.reason) for one in records}

    def push(self, name: str) -> PushRecord:
        record = self.parts.store.push(name)
        assert record is not None
        return record

    def person_voids(self, name: str) -> None:
        document = self.push(name).document_id or ""
        self.parts.stripe._client.v1.invoices.void_invoice(document)  # type: ignore[attr-defined]


@pytest.fixture
def firm(sandbox: Handle) -> Iterator[Hierarchy]:
    made = Hierarchy(sandbox)
    yield made
    made.parts.store.close()  # type: ignore[attr-defined]  # the port has no close


LEFT_OUT = ("SKIPPED", "CONSOLIDATED")
DONE = ("DONE", "")


def test_the_consolidated_invoice_goes_out_and_its_constituents_do_not(
    firm: Hierarchy,
) -> None:
    firm.consolidate()
    assert firm.pass_() == {"both": DONE, "own": LEFT_OUT, "child": LEFT_OUT}
    run = reconcile(firm.parts, progress=QUIET)
    rows = {row.core_invoice_id: row for row in run.rows}
    assert {name: row.kind for name, row in rows.items()} == {
        "both": Kind.MATCHED,
        "own": Kind.ZERO_NOT_PUSHED,
        "child": Kind.ZERO_NOT_PUSHED,
    }
    assert rows["child"].note == "a statement: both bills its lines"
    assert (rows["child"].core_minor, rows["child"].original_minor) == (0, 2_000)
    assert run.clean
    assert firm.pass_()["child"] == LEFT_OUT


def test_what_a_parent_pays_alone_goes_to_its_stripe_customer(firm: Hierarchy) -> None:
    assert firm.pass_() == {"own": DONE, "child": DONE}
    parent = firm.core.people["cc_1"].stripe_customer_field
    assert {firm.push(name).customer_id for name in ("own", "child")} == {parent}


def test_what_was_billed_before_it_was_consolidated_is_not_billed_twice(
    firm: Hierarchy,
) -> None:
    firm.pass_()
    firm.consolidate()
    stands = firm.pass_()
    assert stands == {
        "both": ("QUARANTINED", "BILLED_ELSEWHERE"),
        "own": DONE,
        "child": DONE,
    }
    assert firm.push("both").detail == "its lines are billed already, by own, child"
    retry_push(firm.parts, "both", by="ada", reason="try it")
    assert firm.pass_()["both"] == ("QUARANTINED", "BILLED_ELSEWHERE")
    run = reconcile(firm.parts, progress=QUIET)
    kinds = {row.core_invoice_id: row.kind for row in run.rows}
    assert kinds == {
        "both": Kind.MISSING_DOWNSTREAM,
        "own": Kind.OVERBILLED,
        "child": Kind.OVERBILLED,
    }
    assert all(check.ok for check in run.checks)
    for name in ("own", "child"):
        firm.person_voids(name)
    firm.pass_()  # what is void is seen
    retry_push(firm.parts, "both", by="ada", reason="both are void")
    assert firm.pass_()["both"] == DONE
    assert reconcile(firm.parts, progress=QUIET).clean


def test_a_person_may_bill_the_constituents_instead_and_never_both(firm: Hierarchy) -> None:
    firm.consolidate()
    firm.pass_()
    retry_push(firm.parts, "child", by="ada", reason="the child pays")
    assert firm.push("child").reason == "BILLED_ELSEWHERE"
    assert firm.pass_()["child"] == ("QUARANTINED", "BILLED_ELSEWHERE")


def test_one_that_a_person_let_go_before_keeps_the_other_back(firm: Hierarchy) -> None:
    firm.core.bill("both", 3_000)
    firm.consolidate()
    live = firm.core.people.pop("cc_1")
    firm.core.people["cc_1"] = replace(live, stripe_customer_field="cus_nobody")
    firm.pass_()  # Stripe refuses such a customer: nothing has gone out
    assert firm.push("both").state is P.QUARANTINED
    skip_push(firm.parts, "both", by="ada", reason="each pays its own")
    retry_push(firm.parts, "child", by="ada", reason="each pays its own")
    assert firm.push("child").state is P.PENDING
    retry_push(firm.parts, "both", by="bob", reason="no, together")
    assert firm.push("both").reason == "BILLED_ELSEWHERE"


def test_a_consolidated_invoice_that_is_void_gives_way_to_the_next(firm: Hierarchy) -> None:
    firm.consolidate()
    firm.pass_()
    firm.core.void("both")
    firm.core.books["both2"] = replace(
        firm.core.books["both"],
        id="both2",
        status=firm.core.books["own"].status,
        regenerated_from="both",
    )
    assert firm.pass_()["both2"] == DONE
    invoice = firm.parts.store.invoice("child")
    assert invoice is not None
    assert invoice.consolidated_in == "both2"
    (flag,) = [one for one in firm.parts.store.flags() if one.core_invoice_id == "both"]
    assert flag.cause == "VOIDED_IN_CORE"


def test_a_constituent_is_marked_by_hints_too(firm: Hierarchy) -> None:
    firm.pass_()
    firm.consolidate()
    one_pass(firm.parts, progress=QUIET, sweep=False)
    for name in ("own", "child"):
        invoice = firm.parts.store.invoice(name)
        assert invoice is not None
        assert (invoice.consolidated_in, invoice.due_minor) == ("both", 0)
    assert firm.push("both").reason == "BILLED_ELSEWHERE"
