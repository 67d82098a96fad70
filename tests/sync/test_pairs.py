"""Stripe against an ERP: what differs is named by the one rule, what agrees is counted."""

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from state.receivables import DocumentStatus, MemoStatus
from sync.books import Pair, Row, Run
from sync.pairs import paired
from sync.reconcile import How
from sync.report.codec import content_sha256, read_run, run_text
from tests.kept import Kept, broken, core, day, document, memo

VOID, DRAFT, PAID = DocumentStatus.VOID, DocumentStatus.DRAFT, DocumentStatus.PAID


def run_of(
    stripe: list[Any], erp: list[Any], memos: tuple[Any, ...] = (), **how: Any
) -> tuple[Kept, Run]:
    kept = Kept()
    kept.see(day(10, 7), invoices=(core("a"),), documents=(*stripe, *erp), memos=memos)
    return kept, kept.run(**how)


def one(target: str, minor: int = 10000, **more: Any) -> list[Any]:
    return [document(target, "a", minor, **more)]


def twin(target: str, minor: int = 2000, **more: Any) -> Any:
    return memo(target, "a", minor, **more)


NOTHING: list[Any] = []
CASES: dict[str, tuple[list[Any], list[Any], tuple[Any, ...], tuple[Any, ...] | None]] = {
    "equal": (one("stripe"), one("erp"), (), None),
    "twins": (one("stripe"), one("erp"), (twin("stripe"), twin("erp")), None),
    "both void": (one("stripe", status=VOID), one("erp", status=VOID), (), None),
    "void here, credited in full there": (
        one("stripe", status=VOID), one("erp"), (twin("erp", 10000),), None,
    ),
    "not synced": (one("stripe"), NOTHING, (), ("ERP_NOT_SYNCED", -10000, 0, -10000)),
    "deleted": (
        one("stripe"), one("erp", status=DocumentStatus.DELETED), (),
        ("ERP_NOT_SYNCED", -10000, 0, -10000),
    ),
    "not in Stripe": (NOTHING, one("erp"), (), ("NOT_IN_STRIPE", 10000, 0, 10000)),
    "a memo in Stripe alone": (
        one("stripe"), one("erp"), (twin("stripe"),), ("TWIN_MISSING", 2000, 0, 2000),
    ),
    "a memo in the ERP alone": (
        one("stripe"), one("erp"), (twin("erp"),), ("TWIN_MISSING", -2000, -2000, 0),
    ),
    "memos of two amounts": (
        one("stripe"), one("erp"), (twin("stripe"), twin("erp", 500)),
        ("TWIN_MISSING", 1500, 0, 1500),
    ),
    "a memo that does not count": (
        one("stripe"), one("erp"), (twin("erp", status=MemoStatus.VOID),), None,
    ),
    "more in the ERP": (one("stripe"), one("erp", 10700), (), ("OVERBILLED", 700, 0, 700)),
    "less in the ERP": (one("stripe"), one("erp", 9900), (), ("UNDERBILLED", -100, 0, -100)),
    "another currency": (
        one("stripe"), one("erp", currency="EUR"), (),
        ("CURRENCY_MISMATCH", 10000, 0, 10000),
    ),
    "a draft in the ERP": (
        one("stripe"), one("erp", status=DRAFT), (),
        ("AWAITING_FINALIZATION", -10000, 0, -10000),
    ),
    "a draft in Stripe": (
        one("stripe", status=DRAFT), one("erp"), (), ("PREMATURE", 10000, 0, 10000),
    ),
    "void in Stripe alone": (
        one("stripe", status=VOID), one("erp", status=PAID), (),
        ("VOID_BLOCKED_PAID", 10000, 0, 10000),
    ),
    "void in the ERP alone": (
        one("stripe"), one("erp", status=VOID), (),
        ("VOIDED_DOWNSTREAM_ONLY", -10000, 0, -10000),
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES)
def test_the_two_registers_laid_side_by_side(case: str) -> None:
    stripe, erp, memos, expected = CASES[case]
    kept, run = run_of(stripe, erp, memos)
    if expected is None:
        assert run.pairs == ()
    else:
        (pair,) = run.pairs
        found = (pair.kind, pair.net_variance, pair.explained, pair.unexplained)
        assert found == expected
    kept.close()


def test_what_agrees_is_counted_and_what_was_posted_in_another_month_beside_it() -> None:
    late = day(11, 1)
    kept = Kept()
    kept.see(
        day(11, 2),
        invoices=tuple(core(name) for name in "abc"),
        documents=(
            *(document("stripe", name) for name in "abc"),
            document("erp", "a"),
            document("erp", "b", posted=late),
            document("erp", "c", 500),
        ),
    )
    for keep_plain in (0, 100):
        run = kept.run(how=How(keep_plain=keep_plain))
        (agreed,) = run.agreed
        assert (agreed.target, agreed.count, agreed.net_minor) == ("erp", 2, 20000)
        assert (agreed.apart, agreed.apart_minor) == (1, 10000)
        assert [pair.core_invoice_id for pair in run.pairs] == ["c"]
    kept.close()


def test_what_the_erp_posted_after_the_cutoff_is_timing() -> None:
    kept, run = run_of(one("stripe"), one("erp", posted=day(11, 1)), as_of=day(10, 31))
    (pair,) = run.pairs
    assert (pair.kind, pair.timing, pair.unexplained) == ("TIMING", -10000, 0)
    assert pair.net_variance == -10000
    kept.close()


def test_duplicates_in_two_currencies_are_laid_beside_what_stands_in_each() -> None:
    euros = document("stripe", "a", 9000, id="in_eur", currency="EUR")
    kept, run = run_of([*one("stripe"), euros], one("erp"))
    (pair,) = run.pairs
    assert (pair.kind, pair.currency, pair.stripe_id, pair.net_variance) == (
        "ERP_NOT_SYNCED", "EUR", "in_eur", -9000,
    )  # fmt: skip
    (agreed,) = run.agreed
    assert (agreed.currency, agreed.count, agreed.net_minor) == ("USD", 1, 10000)
    assert read_run(run_text(run)[0]) == run
    kept.close()


def test_what_was_cleared_in_another_currency_is_timing_in_its_own() -> None:
    """The euros went after the cutoff; what stands in the core's currency is as it was."""
    kept = Kept()
    euros = document("stripe", "a", 9000, id="in_eur", currency="EUR")
    kept.see(
        day(10, 7),
        invoices=(core("a"),),
        documents=(*one("stripe"), euros, *one("erp", 9500)),
    )
    gone = replace(euros, status=VOID, open_minor=0, voided_at=day(11, 3))
    kept.see(day(11, 4), documents=(gone,))
    run = kept.run(as_of=day(10, 31))
    assert [
        (row.currency, row.target, row.timing, row.unexplained) for row in run.rows
    ] == [
        ("USD", "stripe", 0, 0),
        ("EUR", "stripe", 9000, 0),
        ("USD", "erp", 0, -500),
    ]
    assert [(pair.currency, pair.timing, pair.unexplained) for pair in run.pairs] == [
        ("USD", 0, -500),
        ("EUR", -9000, 0),
    ]
    assert [(one.what, one.id, one.clears) for one in run.subsequent] == [
        ("void", "in_eur", True)
    ]
    assert broken(run) == []
    kept.close()


def test_it_moves_neither_the_outcome_nor_a_row_nor_a_control_total() -> None:
    with_memo, run = run_of(one("stripe"), one("erp"), (twin("stripe"),))
    assert run.pairs
    assert run.outcome == "CLEAR"
    assert {row.kind for row in run.rows} == {"MATCHED", "EXPLAINED_BY_MEMO"}
    assert all(check.ok for check in run.checks)
    with_memo.close()


def test_there_is_none_without_an_erp_and_a_run_is_read_back_whole() -> None:
    alone = Kept(targets=("stripe",))
    alone.see(day(10, 7), invoices=(core("a"),), documents=one("stripe"))
    run = alone.run()
    assert (run.pairs, run.agreed) == ((), ())
    alone.close()
    kept, made = run_of(one("stripe"), NOTHING)
    again = read_run(run_text(made)[0])
    assert again == made
    assert content_sha256(again) == content_sha256(made)
    kept.close()


SIDE = st.tuples(
    st.sampled_from(list(DocumentStatus)[1:]), st.integers(0, 500), st.integers(0, 600)
)


@given(left=SIDE, right=SIDE, same=st.booleans(), tolerance=st.integers(0, 3))
def test_every_pair_is_the_difference_of_two_nets(
    left: Any, right: Any, same: bool, tolerance: int
) -> None:
    rows = [_row("stripe", left, "USD"), _row("erp", right, "USD" if same else "EUR")]
    found = paired(rows, ("stripe", "erp"), tolerance)
    assert len(found.pairs) + sum(one.count for one in found.agreed()) <= 1
    for pair in found.pairs:
        _foots(pair)
    nets = [row.net_minor for row in rows]
    if not found.pairs:
        assert nets[0] == nets[1]


def _row(target: str, side: tuple[str, int, int], currency: str) -> Row:
    status, gross, memos = side
    posted = DocumentStatus(status).posted
    gross = gross if posted else 0
    memos = 0 if status in {"ABSENT", "DRAFT"} else -memos
    return Row(
        target, "MATCHED", "cc_1", "Acme", "a", "FINALIZED", currency, 0, 0, f"{target}_a",
        document_status=status, gross_minor=gross, memos_minor=memos, net_minor=gross + memos,
    )  # fmt: skip


def _foots(pair: Pair) -> None:
    parts = pair.rounding + pair.explained + pair.timing + pair.unexplained
    assert pair.net_variance == parts
    if not pair.stripe_currency:
        assert pair.net_variance == pair.net_minor - pair.stripe_minor
