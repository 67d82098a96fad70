"""The worklist as tables: which flags the facts call for, and what becomes of those there are."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import permutations
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from state.invoices import CoreLine, CoreStatus
from state.pushes import PushState
from state.receivables import DocumentStatus, MemoStatus
from state.worklist import UNRESOLVED, Cause, Flag, FlagState
from sync.decide import Case, Held
from sync.flags import decide_flags
from tests.sync.test_decide import (
    a_case,
    a_customer,
    a_document,
    a_memo,
    a_record,
    an_invoice,
)

NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)
P, S = PushState, FlagState
VOID = an_invoice(status=CoreStatus.VOID)
RETRY = "tieout push retry ci_1 (or: tieout push skip ci_1)"


def flags_of(case: Case, *existing: Flag, looked_at: datetime = NOW) -> tuple[Flag, ...]:
    return decide_flags(case, existing, now=NOW, looked_at=looked_at)


def opened(case: Case) -> Flag:
    (flag,) = flags_of(case)
    return flag


def held(status: str = "OPEN", *memos: Any, **what: Any) -> Held:
    return Held(a_document(status, **what), memos)


def a_flag(cause: Cause = Cause.VOIDED_IN_CORE, **what: Any) -> Flag:
    made = Flag(
        target="stripe", subject="in_0", cause=cause, core_invoice_id="ci_1", core_customer_id="cc_1",
        state=S.OPEN, action="Stripe Dashboard → invoice in_0 → More → Void invoice",
        why="core invoice ci_1 is VOID", currency="USD", exposure_minor=1000, priority=2, opened_at=NOW,
    )  # fmt: skip
    return replace(made, **what)


def test_a_voided_invoice_that_stands_downstream_is_flagged_whole() -> None:
    case = a_case(invoice=VOID, documents=(held(url="https://x"),), successor="ci_2")
    assert opened(case) == a_flag(url="https://x", successor="ci_2")


@pytest.mark.parametrize(
    ("document", "live", "priority", "exposure", "twice"),
    [
        (held("OPEN"), (), 2, 1000, False),
        (held("UNCOLLECTIBLE"), (), 2, 1000, False),
        (held("OPEN", auto_charge=True), (), 1, 1000, False),
        (held("PAID"), (), 1, 1000, False),
        (held("PART_PAID"), (), 1, 1000, False),
        (held("OPEN"), ("stripe",), 1, 1000, True),
        (held("OPEN"), ("erp",), 2, 1000, False),
        (held("DRAFT"), ("stripe",), 3, 0, True),
        (held("OPEN", a_memo(300)), (), 2, 700, False),
    ],
)
def test_how_urgent_a_void_is(
    document: Held, live: tuple[str, ...], priority: int, exposure: int, twice: bool
) -> None:
    case = a_case(invoice=VOID, documents=(document,), successor_live=frozenset(live))
    flag = opened(case)
    assert (flag.priority, flag.exposure_minor, flag.double_billed) == (
        priority,
        exposure,
        twice,
    )


@pytest.mark.parametrize(
    "document",
    [held("VOID"), held("DELETED"), held("OPEN", a_memo(1000)), held("PAID", a_memo(1000)), held("OPEN", gross=0)],
)  # fmt: skip
def test_what_asks_for_nothing_calls_for_nothing(document: Held) -> None:
    assert flags_of(a_case(invoice=VOID, documents=(document,))) == ()


@pytest.mark.parametrize("status", ["FINALIZED", "DRAFT", "ABSENT"])
def test_only_a_void_calls_for_a_removal(status: str) -> None:
    invoice = an_invoice(status=CoreStatus(status))
    assert flags_of(a_case(invoice=invoice, documents=(held(),))) == ()
    assert flags_of(Case("ci_1", documents=(held(),))) == ()


def day(number: int) -> datetime:
    return datetime(2026, 11, number, tzinfo=UTC)


@pytest.mark.parametrize(
    ("ours", "kept"),
    [("in_2", "in_2"), (None, "in_1"), ("in_9", "in_1")],
)
def test_of_two_live_documents_all_but_ours_or_the_oldest_are_flagged(
    ours: str | None, kept: str
) -> None:
    three = (
        held(id="in_0", created_at=None),
        held(id="in_2", created_at=day(2)),
        held(id="in_1", created_at=day(1)),
    )
    record = a_record(P.DONE, document_id=ours)
    flags = flags_of(a_case(documents=(*three, held("VOID", id="in_7")), record=record))
    assert {flag.subject for flag in flags} == {"in_0", "in_1", "in_2"} - {kept}
    said = {(f.cause, f.priority, f.double_billed, f.why) for f in flags}
    assert said == {(Cause.DUPLICATE_DOWNSTREAM, 1, True, f"{kept} already bills ci_1")}


def test_documents_of_two_systems_are_no_duplicates() -> None:
    some = (
        held(),
        held(id="i1", target="erp"),
        held("OPEN", a_memo(1000, invoice_id="in_3"), id="in_3"),
    )
    assert flags_of(a_case(documents=some)) == ()
    assert len(flags_of(a_case(documents=(held(id="a"), held(id="b"))))) == 1


RECORD = {"document_id": "in_0"}


@pytest.mark.parametrize(
    ("case", "wanted"),
    [
        (
            a_case(record=a_record(P.QUARANTINED, reason="REFUSED", detail="why", document_id="in_0")),
            a_flag(Cause.QUARANTINED, action=f"Look at why (REFUSED), then: {RETRY}", why="why"),
        ),
        (
            a_case(record=a_record(P.QUARANTINED, reason="CURRENCY", detail="why", total_minor=-5)),
            a_flag(Cause.QUARANTINED, subject="core:ci_1", action=f"Look at why (CURRENCY), then: {RETRY}", why="why", exposure_minor=5),
        ),
        (
            a_case(record=a_record(P.SKIPPED, reason="MISSING_MAPPING", detail="why")),
            a_flag(Cause.MISSING_MAPPING, subject="core:ci_1", action="Name the Stripe customer in the billing core: custom field stripe_customer_id on customer cc_1", why="why"),
        ),
        (
            a_case(record=a_record(P.SKIPPED, reason="NEGATIVE_INVOICE", detail="why", total_minor=-1250)),
            a_flag(Cause.NEGATIVE_INVOICE, subject="core:ci_1", action="Issue a credit memo of 12.50 in A/R", why="why", exposure_minor=1250),
        ),
        (
            a_case(record=a_record(P.SKIPPED, reason="BY_HAND", detail="why", total_minor=-1250)),
            a_flag(Cause.NEGATIVE_INVOICE, subject="core:ci_1", action="Issue a credit memo of 12.50 in A/R", why="why", exposure_minor=1250),
        ),
        (
            a_case(record=a_record(P.HELD, reason="REPLACEMENT_OF_PAID"), ancestors=(held("PAID", number="N-1", url="u"),)),
            a_flag(Cause.REPLACEMENT_OF_PAID, action="Credit N-1 (10.00), or let both stand with: tieout push retry ci_1", why="it replaces in_0, which is PAID", priority=1, url="u"),
        ),
        (
            a_case(record=a_record(P.DONE, document_id="in_0", pushed_minor=990), documents=(held("VOID", url="u"),)),
            a_flag(Cause.VOIDED_DOWNSTREAM_ONLY, action="Void ci_1 in the billing core as well, or bill it again with: tieout push retry ci_1", why="it is VOID there and FINALIZED in the core", exposure_minor=990, url="u"),
        ),
        (
            a_case(anomaly="it moved"),
            a_flag(Cause.CORE_ANOMALY, target="core", subject="core:ci_1", action="Ask the billing core's operator about invoice ci_1", why="it moved", priority=1),
        ),
        (
            Case("ci_1", anomaly="it moved"),
            a_flag(Cause.CORE_ANOMALY, target="core", subject="core:ci_1", action="Ask the billing core's operator about invoice ci_1", why="it moved", priority=1, currency="", exposure_minor=0, core_customer_id=""),
        ),
        (
            a_case(invoice=an_invoice(-500, status=CoreStatus.DRAFT, currency=None, lines=0)),
            a_flag(Cause.NEGATIVE_DRAFT, target="core", subject="core:ci_1", action="Correct its usage before it is final; see: tieout advise ci_1", why="total: (500)", currency="", exposure_minor=500),
        ),
    ],
)  # fmt: skip
def test_each_cause_says_what_to_do(case: Case, wanted: Flag) -> None:
    assert opened(case) == wanted


@pytest.mark.parametrize(
    "case",
    [
        a_case(record=a_record(P.QUARANTINED, reason="x")),
        a_case(record=a_record(P.SKIPPED, reason="MISSING_MAPPING")),
    ],
)
def test_what_is_settled_otherwise_calls_for_nothing(case: Case) -> None:
    assert case.record is not None
    for state in (P.PENDING, P.DONE, P.CANCELLED):
        moved = replace(case, record=replace(case.record, state=state))
        assert flags_of(moved) == ()


@pytest.mark.parametrize(
    "case",
    [
        a_case(invoice=VOID, record=a_record(P.SKIPPED, reason="NEGATIVE_INVOICE")),
        a_case(record=a_record(P.QUARANTINED, reason="NEGATIVE_INVOICE"), invoice=None),
        a_case(record=a_record(P.SKIPPED, reason="BY_HAND", total_minor=0)),
        a_case(record=a_record(P.HELD, reason="REPLACEMENT_OF_PAID")),
        a_case(record=a_record(P.PENDING), ancestors=(held("PAID"),)),
        a_case(record=a_record(P.FILLED, document_id="in_0"), documents=(held("VOID"),)),
        a_case(record=a_record(P.DONE, document_id="in_5"), documents=(held("VOID"),)),
        a_case(record=a_record(P.DONE, document_id="in_0"), documents=(held("VOID"), held(id="in_1"))),
        a_case(record=a_record(P.DONE, document_id="in_0"), documents=(held("OPEN"),)),
        a_case(record=a_record(P.DONE, document_id="in_0"), documents=(held("VOID"),), invoice=VOID),
        a_case(documents=(held("VOID"),)),
        a_case(anomaly=""),
        a_case(invoice=an_invoice(500, status=CoreStatus.DRAFT)),
        a_case(invoice=an_invoice(0, lines=0)),
    ],
)  # fmt: skip
def test_what_calls_for_no_flag_of_another_cause(case: Case) -> None:
    assert [flag for flag in flags_of(case) if flag.cause is not Cause.QUARANTINED] == []


def test_a_draft_below_zero_is_told_line_by_line() -> None:
    lines = (
        CoreLine("a", "Tokens", "usage", Decimal(-300)),
        CoreLine("b", "Seats", "usage", Decimal(900)),
    )
    draft = replace(an_invoice(600, status=CoreStatus.DRAFT), lines=lines)
    flag = opened(a_case(invoice=draft))
    assert (flag.cause, flag.why, flag.exposure_minor) == (
        Cause.NEGATIVE_DRAFT,
        "line Tokens: (3.00)",
        0,
    )
    assert flags_of(a_case(invoice=replace(draft, status=CoreStatus.FINALIZED))) == ()


@pytest.mark.parametrize(
    ("case", "customer"),
    [
        (a_case(invoice=VOID, documents=(held(),)), "cc_1"),
        (Case("ci_1", record=a_record(P.QUARANTINED)), "cc_1"),
        (
            Case("ci_1", documents=(held(id="a"), held(id="b", core_customer_id="cc_7"))),
            "cc_7",
        ),
        (Case("ci_1", documents=(held(id="a"), held(id="b"))), ""),
    ],
)
def test_a_flag_names_the_customer(case: Case, customer: str) -> None:
    assert opened(case).core_customer_id == customer


# --- the life of a flag ---------------------------------------------------------------

STANDING = a_case(invoice=VOID, documents=(held(),))
CLAIMED = a_flag(state=S.AWAITING_VERIFICATION, claimed_by="ada", claimed_at=NOW)
WAIVED = a_flag(state=S.WAIVED, waived_by="ada", waiver_approved_by="bo", closed_at=NOW)
RESOLVED = a_flag(state=S.RESOLVED, closed_at=NOW, evidence="seen")
AFRESH: dict[str, Any] = {"state": S.REOPENED, "reopened": 1, "closed_at": None, "evidence": "", "waived_by": None, "waiver_approved_by": None}  # fmt: skip


@pytest.mark.parametrize(
    ("flag", "looked", "after"),
    [
        (a_flag(), NOW, None),
        (a_flag(state=S.IN_PROGRESS, assignee="ada"), NOW, None),
        (CLAIMED, NOW, None),
        (CLAIMED, NOW - timedelta(hours=1), None),
        (CLAIMED, NOW + timedelta(seconds=1), AFRESH),
        (replace(CLAIMED, claimed_at=None), NOW + timedelta(seconds=1), None),
        (WAIVED, NOW, None),
        (replace(WAIVED, exposure_minor=900), NOW, {**AFRESH, "exposure_minor": 1000}),
        (RESOLVED, NOW, AFRESH),
        (replace(RESOLVED, reopened=2), NOW, {**AFRESH, "reopened": 3}),
        (replace(CLAIMED, core_invoice_id="ci_0", core_customer_id="cc_0"), NOW, {"core_invoice_id": "ci_1", "core_customer_id": "cc_1"}),
        (a_flag(exposure_minor=5, action="a", why="w", priority=1, url="u", successor="s", double_billed=True), NOW, {"exposure_minor": 1000, "action": a_flag().action, "why": a_flag().why, "priority": 2, "url": None, "successor": None, "double_billed": False}),
    ],
)  # fmt: skip
def test_while_the_document_stands(
    flag: Flag, looked: datetime, after: dict[str, Any] | None
) -> None:
    wanted = () if after is None else (replace(flag, **after),)
    assert flags_of(STANDING, flag, looked_at=looked) == wanted


@pytest.mark.parametrize(
    ("case", "flag", "evidence"),
    [
        (a_case(invoice=VOID, documents=(held("VOID"),)), a_flag(double_billed=True), "in_0 was seen VOID"),
        (a_case(invoice=VOID, documents=(held("DELETED"),)), CLAIMED, "in_0 was seen DELETED"),
        (a_case(invoice=VOID, documents=(held("VOID"),)), WAIVED, "in_0 was seen VOID"),
        (a_case(invoice=VOID, documents=(held("PAID", a_memo(400, id="cn_2"), a_memo(600, number="CN-1")),)), a_flag(), "in_0 was seen credited in full by CN-1, cn_2"),
        (a_case(record=a_record(P.DONE, document_id="in_0")), a_flag(Cause.QUARANTINED), "the push was seen DONE"),
        (a_case(record=a_record(P.PENDING)), a_flag(Cause.MISSING_MAPPING, subject="core:ci_1"), "the push was seen PENDING"),
        (a_case(record=a_record(P.DONE, document_id="in_9")), a_flag(Cause.REPLACEMENT_OF_PAID), "core invoice ci_1 was seen FINALIZED"),
        (a_case(invoice=VOID), a_flag(Cause.VOIDED_DOWNSTREAM_ONLY), "core invoice ci_1 was seen VOID"),
        (Case("ci_1"), a_flag(Cause.QUARANTINED), "nothing calls for it any more"),
        (a_case(anomaly=""), a_flag(Cause.CORE_ANOMALY, target="core", subject="core:ci_1"), "core invoice ci_1 was seen FINALIZED"),
        (a_case(documents=(held(),), record=a_record(P.DONE, document_id="in_0")), a_flag(core_invoice_id="ci_0"), "in_0 was seen to stand for ci_1"),
        (Case("ci_1", documents=(held(),)), a_flag(Cause.DUPLICATE_DOWNSTREAM, core_invoice_id="ci_0"), "in_0 was seen to stand for ci_1"),
        (Case("ci_1", documents=(held("VOID"),)), a_flag(core_invoice_id="ci_0"), "in_0 was seen VOID"),
    ],
)  # fmt: skip
def test_a_flag_is_resolved_by_what_is_seen(case: Case, flag: Flag, evidence: str) -> None:
    wanted = replace(flag, state=S.RESOLVED, closed_at=NOW, evidence=evidence, double_billed=False, core_invoice_id="ci_1")  # fmt: skip
    assert flags_of(case, flag) == (wanted,)


@pytest.mark.parametrize(
    ("case", "flag"),
    [
        (a_case(invoice=VOID, documents=(held("VOID"),)), RESOLVED),
        (a_case(), a_flag(Cause.CORE_ANOMALY, target="core", subject="core:ci_1")),
        # its document has been made to name another core invoice
        (a_case(invoice=VOID), a_flag()),
        (a_case(invoice=VOID, documents=(held("VOID", target="erp"),)), a_flag()),
        (a_case(documents=(held(id="in_1"),)), a_flag(Cause.DUPLICATE_DOWNSTREAM)),
    ],
)
def test_what_nobody_has_seen_closed_stays_as_it_is(case: Case, flag: Flag) -> None:
    assert flags_of(case, flag) == ()


def test_a_document_that_names_what_the_core_does_not_know_is_not_closed() -> None:
    flag = a_flag(core_invoice_id="ci_0")
    (moved,) = flags_of(Case("ci_1", documents=(held(),)), flag)
    assert moved == replace(flag, core_invoice_id="ci_1")
    assert flags_of(Case("ci_1", documents=(held(),)), moved) == ()


# --- over everything that may be ------------------------------------------------------

documents = st.builds(
    held,
    st.sampled_from([s for s in DocumentStatus if s not in {"ABSENT", "NOT_CONFIGURED"}]),
    id=st.sampled_from(["in_0", "in_1", "in_2"]),
    target=st.sampled_from(["stripe", "erp"]),
    gross=st.sampled_from([0, 1000]),
)
memos = st.lists(
    st.builds(a_memo, st.sampled_from([400, 1000]), status=st.sampled_from(MemoStatus)),
    max_size=2,
)
credited = st.builds(lambda one, some: replace(one, memos=tuple(some)), documents, memos)
cases = st.builds(
    Case,
    st.just("ci_1"),
    st.sampled_from([None, VOID, an_invoice(), an_invoice(-5, status=CoreStatus.DRAFT)]),
    st.just(a_customer()),
    st.one_of(st.none(), st.builds(a_record, st.sampled_from(PushState), document_id=st.sampled_from([None, "in_0"]), reason=st.sampled_from(["", "MISSING_MAPPING", "NEGATIVE_INVOICE"]))),
    st.lists(credited, max_size=3, unique_by=lambda one: (one.document.target, one.document.id)).map(tuple),
    st.lists(credited, max_size=2).map(tuple),
    anomaly=st.sampled_from([None, "", "odd"]),
)  # fmt: skip
existing = st.lists(
    st.builds(
        a_flag,
        st.sampled_from(Cause),
        subject=st.sampled_from(["in_0", "in_1", "core:ci_1"]),
        state=st.sampled_from(FlagState),
        claimed_at=st.sampled_from([None, NOW - timedelta(hours=1)]),
    ),
    max_size=4,
    unique_by=lambda flag: flag.key,
)


def after(case: Case, flags: list[Flag]) -> dict[Any, Flag]:
    """All the flags, once those that change have changed."""
    return {flag.key: flag for flag in [*flags, *flags_of(case, *flags)]}


@given(cases, existing)
def test_deciding_again_changes_no_flag(case: Case, flags: list[Flag]) -> None:
    settled = after(case, flags)
    assert flags_of(case, *settled.values()) == ()


@given(cases, existing)
def test_the_order_of_flags_and_documents_means_nothing(
    case: Case, flags: list[Flag]
) -> None:
    ended = after(case, flags)
    for order in permutations(case.documents):
        turned = replace(case, documents=order)
        assert after(turned, flags[::-1]) == ended


@given(cases, existing)
def test_only_what_is_seen_resolves_a_void(case: Case, flags: list[Flag]) -> None:
    for flag in flags_of(case, *flags):
        if flag.cause is Cause.VOIDED_IN_CORE and flag.state is S.RESOLVED:
            seen = [one for one in case.on(flag.target) if one.document.id == flag.subject]
            assert seen
            draft = seen[0].document.status is DocumentStatus.DRAFT
            voided = case.invoice is not None and case.invoice.status is CoreStatus.VOID
            assert not voided or (seen[0].exposure_minor == 0 and not draft)
        assert flag.state in UNRESOLVED | {S.RESOLVED, S.WAIVED}
