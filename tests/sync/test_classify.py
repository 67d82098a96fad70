"""Classification as the design writes it: the matrix, the amounts, the ladder, the identity."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from state.invoices import CoreStatus
from state.receivables import DocumentStatus, MemoStatus
from sync.classify import (
    SEVERITY,
    CoreSide,
    Kind,
    Leg,
    LegResult,
    Memo,
    classify,
    classify_leg,
)

CORES = ("ABSENT", "DRAFT", "FINALIZED", "VOID")
MATRIX = {
    "ABSENT": ("NOT_DUE", "NOT_DUE", "MISSING_DOWNSTREAM", "VOID_NEVER_PUSHED"),
    "DRAFT": ("NOT_IN_CORE", "PREMATURE", "AWAITING_FINALIZATION", "VOID_PENDING_DRAFT"),
    "OPEN": ("NOT_IN_CORE", "PREMATURE", "MATCHED", "VOID_PENDING"),
    "PART_PAID": ("NOT_IN_CORE", "PREMATURE", "MATCHED", "VOID_BLOCKED_PART_PAID"),
    "PAID": ("NOT_IN_CORE", "PREMATURE", "MATCHED", "VOID_BLOCKED_PAID"),
    "UNCOLLECTIBLE": ("NOT_IN_CORE", "PREMATURE", "MATCHED", "VOID_PENDING"),
    "VOID": ("IGNORED_CLOSED", "IGNORED_CLOSED", "VOIDED_DOWNSTREAM_ONLY", "VOIDED_BOTH"),
    "DELETED": ("IGNORED_CLOSED", "IGNORED_CLOSED", "MISSING_DOWNSTREAM", "VOIDED_BOTH"),
}


def leg(status: str, gross: int = 100, *memos: int, **more: object) -> Leg:
    written = tuple(Memo(f"m{n}", amount) for n, amount in enumerate(memos))
    return Leg(status, gross, memos=written, **more)  # type: ignore[arg-type]  # a table


def core(status: str, amount: int = 100) -> CoreSide:
    return CoreSide(status, amount, "USD")


@pytest.mark.parametrize("status", MATRIX)
@pytest.mark.parametrize("where", range(4))
def test_the_matrix_without_memos(status: str, where: int) -> None:
    assert classify_leg(core(CORES[where]), leg(status)).kind == MATRIX[status][where]


@pytest.mark.parametrize(
    ("gross", "memos", "tolerance", "kind", "closed", "explained", "unexplained"),
    [
        (100, (), 0, "MATCHED", 0, 0, 0),
        (101, (), 1, "ROUNDING", 0, 0, 0),
        (101, (), 0, "OVERBILLED", 0, 0, 1),
        (100, (20,), 0, "EXPLAINED_BY_MEMO", 0, -20, 0),
        (120, (), 0, "OVERBILLED", 0, 0, 20),
        (120, (20,), 0, "CORRECTED_BY_MEMO", 20, 0, 0),
        (120, (15,), 0, "PARTIALLY_CORRECTED", 15, 0, 5),
        (120, (25,), 0, "OVER_CREDITED", 20, -5, 0),
        (80, (), 0, "UNDERBILLED", 0, 0, -20),
        (80, (20,), 0, "UNDERBILLED", 0, -20, -20),
        (100, (101,), 0, "MEMO_EXCEEDS_INVOICE", 0, -101, 0),
    ],
)
def test_by_amount(
    gross: int,
    memos: tuple[int, ...],
    tolerance: int,
    kind: str,
    closed: int,
    explained: int,
    unexplained: int,
) -> None:
    found = classify_leg(core("FINALIZED"), leg("OPEN", gross, *memos), tolerance)
    assert (found.kind, found.closed, found.explained, found.unexplained) == (
        kind, closed, explained, unexplained,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("side", "downstream", "kind"),
    [
        (core("VOID"), leg("NOT_CONFIGURED"), "NOT_CONFIGURED"),
        (core("FINALIZED"), leg("OPEN", currency="EUR"), "CURRENCY_MISMATCH"),
        (core("VOID"), leg("PAID", currency="EUR"), "CURRENCY_MISMATCH"),
        (core("FINALIZED"), leg("VOID", 100, 30), "MEMO_ON_VOID"),
        (core("VOID"), leg("DELETED", 100, 30), "MEMO_ON_VOID"),
        (core("ABSENT"), leg("OPEN", 100, 100), "CREDITED_IN_FULL"),
        (core("VOID"), leg("PAID", 100, 100), "CREDITED_IN_FULL"),
        (core("VOID"), leg("OPEN", 100, 40), "VOID_PENDING_PARTIAL_MEMO"),
        (core("VOID"), leg("PAID", 100, 40), "VOID_BLOCKED_PAID"),
        (core("FINALIZED", 0), leg("ABSENT"), "ZERO_NOT_PUSHED"),
        (core("FINALIZED", -5), leg("ABSENT"), "NEGATIVE_INVOICE"),
        (core("FINALIZED"), leg("ABSENT", push_pending=True), "PUSH_PENDING"),
        (core("FINALIZED"), leg("DELETED", push_pending=True), "MISSING_DOWNSTREAM"),
        (core("FINALIZED"), leg("DRAFT", 99), "DRAFT_MISMATCH"),
    ],
)
def test_the_other_rungs(side: CoreSide, downstream: Leg, kind: str) -> None:
    assert classify_leg(side, downstream).kind == kind


def test_a_mismatched_currency_nets_nothing_and_a_memo_on_a_void_counts_twice() -> None:
    mismatched = classify_leg(core("FINALIZED"), leg("OPEN", 70, 20, currency="EUR"))
    assert mismatched == LegResult(Kind.CURRENCY_MISMATCH, 70, 70, 0, 0, 0, 70)
    credited = classify_leg(core("FINALIZED"), leg("VOID", 100, 30))
    assert credited == LegResult(Kind.MEMO_ON_VOID, -100, -130, 0, 0, 0, -130)


@pytest.mark.parametrize(
    "memo",
    [
        Memo("m", 20, status="void"),
        Memo("m", 20, status="draft"),
        Memo("m", 20, linked=False),
        Memo("m", 20, approved=False),
        Memo("m", 20, currency="EUR"),
    ],
)
def test_a_memo_that_may_not_count_changes_nothing(memo: Memo) -> None:
    found = classify_leg(core("FINALIZED"), Leg("OPEN", 120, memos=(memo,)))
    assert (found.kind, found.unexplained) == (Kind.OVERBILLED, 20)


def test_an_invoice_is_as_good_as_its_worst_leg() -> None:
    legs = {"stripe": leg("OPEN"), "erp": leg("PAID", 130)}
    assert classify(core("FINALIZED"), legs).kind is Kind.OVERBILLED
    assert classify(core("FINALIZED"), {}).kind is Kind.NOT_CONFIGURED


def test_severity_runs_from_best_to_worst() -> None:
    named = (
        "MATCHED EXPLAINED_BY_MEMO NOT_IN_CORE OVERBILLED VOID_PENDING VOID_BLOCKED_PAID"
    )
    ranks = [SEVERITY[name] for name in named.split()]
    assert ranks == sorted(ranks)
    assert SEVERITY["DUPLICATE_DOWNSTREAM"] > SEVERITY["VOID_BLOCKED_PAID"]


def test_a_status_that_is_none_is_an_error() -> None:
    with pytest.raises(ValueError, match="ODD"):
        classify_leg(core("ODD"), leg("OPEN"))


memos = st.lists(
    st.builds(
        Memo,
        st.sampled_from(["a", "b", "c"]),
        st.integers(0, 150),
        st.sampled_from(["USD", "EUR"]),
        st.sampled_from(MemoStatus),
        st.booleans(),
        st.booleans(),
    ),
    max_size=4,
    unique_by=lambda memo: memo.id,
)
legs = st.builds(
    Leg,
    st.sampled_from(DocumentStatus),
    st.integers(-50, 200),
    st.just("USD"),
    memos.map(tuple),
)
sides = st.builds(
    CoreSide,
    st.sampled_from(CoreStatus),
    st.integers(-50, 200),
    st.sampled_from(["USD", "EUR"]),
)


@given(sides, legs, st.integers(0, 2))
def test_the_identity_holds_always(side: CoreSide, downstream: Leg, tolerance: int) -> None:
    found = classify_leg(side, downstream, tolerance)
    assert found.net_variance == found.rounding + found.explained + found.unexplained


@given(sides, legs)
def test_order_and_repetition_of_memos_do_not_matter(
    side: CoreSide, downstream: Leg
) -> None:
    twice = (*reversed(downstream.memos), *downstream.memos)
    again = Leg(downstream.status, downstream.gross, downstream.currency, twice)
    assert classify_leg(side, again) == classify_leg(side, downstream)


@given(legs, st.integers(1, 100))
def test_another_memo_never_raises_what_is_overbilled(downstream: Leg, amount: int) -> None:
    side = core("FINALIZED")
    extra = (*downstream.memos, Memo("new", amount))
    more = Leg(downstream.status, downstream.gross, downstream.currency, extra)
    before, after = classify_leg(side, downstream), classify_leg(side, more)
    assert max(after.unexplained, 0) <= max(before.unexplained, 0)
