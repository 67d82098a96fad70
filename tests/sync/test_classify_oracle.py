"""Classification a second time, written from the design as a list of rules, and compared."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sync.classify import CoreSide, Leg, LegResult, Memo, classify, classify_leg

POSTED = ("OPEN", "PART_PAID", "PAID", "UNCOLLECTIBLE")
GONE = ("VOID", "DELETED")
LEGS = ("NOT_CONFIGURED", "ABSENT", "DRAFT", *POSTED, *GONE)
CORES = ("ABSENT", "DRAFT", "FINALIZED", "VOID")


@dataclass
class Facts:
    """The letters of the design, reckoned as it writes them."""

    core: str
    amount: int
    core_currency: str
    doc: str
    gross: int
    currency: str
    m: int
    pending: bool
    tolerance: int

    def __post_init__(self) -> None:
        g = self.gross if self.doc in POSTED else 0
        self.c = self.amount if self.core == "FINALIZED" else 0
        self.gross_var = g - self.c
        self.rounding = 0
        if -self.tolerance <= self.gross_var <= self.tolerance:
            self.rounding = self.gross_var
        self.closed = min(self.m, max(self.gross_var - self.rounding, 0))
        self.explained = -(self.m - self.closed)
        self.unexplained = self.gross_var - self.rounding - self.closed

    @property
    def netted(self) -> tuple[int, ...]:
        return (
            self.gross_var,
            self.gross_var - self.m,
            self.rounding,
            self.closed,
            self.explained,
            self.unexplained,
        )


Rule = tuple[str, Callable[[Facts], bool]]
# First hit wins; each line is a line of the ladder.
LADDER: tuple[Rule, ...] = (
    ("NOT_CONFIGURED", lambda f: f.doc == "NOT_CONFIGURED"),
    ("CURRENCY_MISMATCH", lambda f: f.doc in POSTED and f.core in {"FINALIZED", "VOID"} and f.currency != f.core_currency),
    ("MEMO_ON_VOID", lambda f: f.doc in GONE and f.m > 0),
    ("MEMO_EXCEEDS_INVOICE", lambda f: f.doc in POSTED and f.m > max(f.gross, 0)),
    ("NOT_DUE", lambda f: f.core == "ABSENT" and f.doc == "ABSENT"),
    ("IGNORED_CLOSED", lambda f: f.core == "ABSENT" and f.doc in GONE),
    ("CREDITED_IN_FULL", lambda f: f.core == "ABSENT" and f.doc in POSTED and abs(f.unexplained) <= f.tolerance),
    ("NOT_IN_CORE", lambda f: f.core == "ABSENT"),
    ("NOT_DUE", lambda f: f.core == "DRAFT" and f.doc == "ABSENT"),
    ("IGNORED_CLOSED", lambda f: f.core == "DRAFT" and f.doc in GONE),
    ("PREMATURE", lambda f: f.core == "DRAFT"),
    ("VOID_NEVER_PUSHED", lambda f: f.core == "VOID" and f.doc == "ABSENT"),
    ("VOIDED_BOTH", lambda f: f.core == "VOID" and f.doc in GONE),
    ("VOID_PENDING_DRAFT", lambda f: f.core == "VOID" and f.doc == "DRAFT"),
    ("CREDITED_IN_FULL", lambda f: f.core == "VOID" and f.unexplained <= f.tolerance),
    ("VOID_BLOCKED_PAID", lambda f: f.core == "VOID" and f.doc == "PAID"),
    ("VOID_BLOCKED_PART_PAID", lambda f: f.core == "VOID" and f.doc == "PART_PAID"),
    ("VOID_PENDING_PARTIAL_MEMO", lambda f: f.core == "VOID" and f.m > 0),
    ("VOID_PENDING", lambda f: f.core == "VOID"),
    ("ZERO_NOT_PUSHED", lambda f: f.doc in {"ABSENT", "DELETED"} and f.c == 0),
    ("NEGATIVE_INVOICE", lambda f: f.doc in {"ABSENT", "DELETED"} and f.c < 0),
    ("PUSH_PENDING", lambda f: f.doc == "ABSENT" and f.pending),
    ("MISSING_DOWNSTREAM", lambda f: f.doc in {"ABSENT", "DELETED"}),
    ("AWAITING_FINALIZATION", lambda f: f.doc == "DRAFT" and f.gross == f.c),
    ("DRAFT_MISMATCH", lambda f: f.doc == "DRAFT"),
    ("VOIDED_DOWNSTREAM_ONLY", lambda f: f.doc == "VOID"),
    ("OVER_CREDITED", lambda f: f.unexplained == 0 and f.explained < 0 and f.closed > 0),
    ("EXPLAINED_BY_MEMO", lambda f: f.unexplained == 0 and f.explained < 0),
    ("CORRECTED_BY_MEMO", lambda f: f.unexplained == 0 and f.closed > 0),
    ("ROUNDING", lambda f: f.unexplained == 0 and f.rounding != 0),
    ("MATCHED", lambda f: f.unexplained == 0),
    ("PARTIALLY_CORRECTED", lambda f: f.unexplained > 0 and f.closed > 0),
    ("OVERBILLED", lambda f: f.unexplained > 0),
    ("UNDERBILLED", lambda f: f.unexplained < 0),
)  # fmt: skip
_NOTHING = "NOT_CONFIGURED NOT_DUE IGNORED_CLOSED VOID_NEVER_PUSHED VOIDED_BOTH VOID_PENDING_DRAFT ZERO_NOT_PUSHED"
NOTHING = set(_NOTHING.split())
_WORSE = """
    NOT_CONFIGURED NOT_DUE VOID_NEVER_PUSHED IGNORED_CLOSED ZERO_NOT_PUSHED MATCHED VOIDED_BOTH CREDITED_IN_FULL ROUNDING EXPLAINED_BY_MEMO
    CORRECTED_BY_MEMO PUSH_PENDING AWAITING_FINALIZATION OVER_CREDITED PARTIALLY_CORRECTED NOT_IN_CORE PREMATURE MEMO_EXCEEDS_INVOICE MEMO_ON_VOID
    NEGATIVE_INVOICE UNDERBILLED OVERBILLED DRAFT_MISMATCH VOIDED_DOWNSTREAM_ONLY MISSING_DOWNSTREAM CURRENCY_MISMATCH VOID_PENDING_DRAFT
    VOID_PENDING_PARTIAL_MEMO VOID_PENDING VOID_BLOCKED_PART_PAID VOID_BLOCKED_PAID
"""
WORSE = _WORSE.split()  # from best to worst


def expected(core: CoreSide, leg: Leg, tolerance: int) -> tuple[object, ...]:
    """What the design says of this leg: its kind and its six figures."""
    once: dict[str, int] = {}
    for memo in leg.memos:
        counts = memo.status == "issued" and memo.linked and memo.approved
        if counts and memo.currency == leg.currency:
            once[memo.id] = memo.amount
    facts = Facts(
        core.status, core.amount, core.currency, leg.status, leg.gross, leg.currency,
        sum(once.values()), leg.push_pending, tolerance,
    )  # fmt: skip
    kind = next(name for name, holds in LADDER if holds(facts))
    if kind in NOTHING:
        return (kind, 0, 0, 0, 0, 0, 0)
    if kind == "CURRENCY_MISMATCH":
        return (kind, leg.gross, leg.gross, 0, 0, 0, leg.gross)
    if kind == "MEMO_ON_VOID":
        return (kind, -facts.c, -facts.c - facts.m, 0, 0, 0, -facts.c - facts.m)
    return (kind, *facts.netted)


def found(result: LegResult) -> tuple[object, ...]:
    return (
        str(result.kind), result.gross_variance, result.net_variance, result.rounding,
        result.closed, result.explained, result.unexplained,
    )  # fmt: skip


def every_row() -> Iterator[tuple[CoreSide, Leg, int]]:
    amounts, grosses = (-5, 0, 100), (-5, 0, 1, 99, 100, 101, 130)
    memos = (0, 1, 20, 30, 100, 131)
    for core, amount, doc, gross, m, tolerance, currency, pending in product(
        CORES, amounts, LEGS, grosses, memos, (0, 1, 30), ("USD", "EUR"), (False, True)
    ):
        some = (Memo("m", m, currency),) if m else ()
        yield (
            CoreSide(core, amount, "USD"),
            Leg(doc, gross, currency, some, pending),
            tolerance,
        )


def test_every_combination_is_as_the_design_says() -> None:
    rows = 0
    for core, leg, tolerance in every_row():
        assert found(classify_leg(core, leg, tolerance)) == expected(core, leg, tolerance), (
            core, leg, tolerance,
        )  # fmt: skip
        rows += 1
    assert rows == 54_432


def test_every_rule_of_the_ladder_is_reached() -> None:
    reached = {expected(*row)[0] for row in every_row()}
    assert reached == {name for name, _ in LADDER} == set(WORSE)


memo_lists = st.lists(
    st.builds(
        Memo,
        st.sampled_from("abc"),
        st.integers(0, 200),
        st.sampled_from(["USD", "EUR"]),
        st.sampled_from(["issued", "draft", "void"]),
        st.booleans(),
        st.booleans(),
    ),
    max_size=5,
).map(tuple)
legs = st.builds(
    Leg, st.sampled_from(LEGS), st.integers(-50, 300), st.sampled_from(["USD", "EUR"]),
    memo_lists, st.booleans(),
)  # fmt: skip
cores = st.builds(
    CoreSide, st.sampled_from(CORES), st.integers(-50, 300), st.sampled_from(["USD", "EUR"])
)


@given(cores, legs, st.integers(0, 40))
def test_anything_else_is_as_the_design_says_too(
    core: CoreSide, leg: Leg, tolerance: int
) -> None:
    assert found(classify_leg(core, leg, tolerance)) == expected(core, leg, tolerance)


@given(cores, st.dictionaries(st.sampled_from(["stripe", "erp", "other"]), legs))
def test_an_invoice_is_its_worst_leg(core: CoreSide, some: dict[str, Leg]) -> None:
    result = classify(core, some, 1)
    kinds = [str(expected(core, leg, 1)[0]) for leg in some.values()]
    worst = max(kinds, key=WORSE.index, default="NOT_CONFIGURED")
    assert (result.kind, set(result.legs)) == (worst, set(some))


@pytest.mark.parametrize("status", ["FINALISED", ""])
def test_a_status_that_is_none_is_an_error(status: str) -> None:
    with pytest.raises(ValueError, match="is no status of a core invoice"):
        classify_leg(CoreSide(status, 1, "USD"), Leg("OPEN", 1))
