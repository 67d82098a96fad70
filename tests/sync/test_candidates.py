"""Candidates: what amount and date point at, in which order, how many, and nothing moved."""

from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from state.receivables import (
    CreditMemo,
    DocumentStatus,
    DownstreamInvoice,
    Given,
    MemoStatus,
    Way,
)
from sync.books import Row
from sync.candidates import (
    CANDIDATES_MAX,
    DAYS_APART_MAX,
    INVOICE,
    MEMO,
    candidates,
    fits_one_of,
    want_of,
)

ISSUED = datetime(2026, 10, 1, tzinfo=UTC)
DAY = timedelta(days=1)
MISSING = Row(
    "stripe", "MISSING_DOWNSTREAM", "cc_gum", "Gum", "ci_gum", "FINALIZED", "USD", 7_500,
    7_500, net_variance=-7_500, unexplained=-7_500, issued_at=ISSUED,
)  # fmt: skip
VOIDED = replace(
    MISSING, kind="VOIDED_DOWNSTREAM_ONLY", document_id="in_old", document_status="VOID"
)
TOO_MUCH = replace(
    MISSING, kind="OVERBILLED", document_id="in_gum", document_status="OPEN",
    gross_minor=15_000, net_variance=7_500, unexplained=7_500, posted_at=ISSUED + DAY,
)  # fmt: skip
LOOSE = DownstreamInvoice(
    "stripe", "in_stray", DocumentStatus.OPEN, "USD", 7_500, posted_at=ISSUED + 3 * DAY
)
NOTE = CreditMemo(
    "stripe", "cn_loose", MemoStatus.ISSUED, "USD", 7_500, posted_at=ISSUED + 3 * DAY
)

NAMED = replace(LOOSE, core_customer_id="cc_gum")
LAST = ISSUED + DAYS_APART_MAX * DAY
DOCUMENTS = {
    "the amount before tax": (MISSING, LOOSE, True),
    "the amount with tax": (MISSING, replace(LOOSE, gross_minor=7_000, tax_minor=500), True),
    "tax beside the right amount": (MISSING, replace(LOOSE, tax_minor=619), True),
    "another amount": (MISSING, replace(LOOSE, gross_minor=7_501), False),
    "another register": (MISSING, replace(LOOSE, target="netsuite"), False),
    "another currency": (MISSING, replace(LOOSE, currency="EUR"), False),
    "the same customer": (MISSING, NAMED, True),
    "another customer": (MISSING, replace(LOOSE, core_customer_id="cc_fir"), False),
    "a row of nobody": (replace(MISSING, customer_id=""), NAMED, True),
    "the last day": (MISSING, replace(LOOSE, posted_at=LAST), True),
    "a day later": (MISSING, replace(LOOSE, posted_at=LAST + DAY), False),
    "the first day": (MISSING, replace(LOOSE, posted_at=ISSUED - 45 * DAY), True),
    "a day before": (MISSING, replace(LOOSE, posted_at=ISSUED - 46 * DAY), False),
    "dated by its making": (MISSING, replace(LOOSE, posted_at=None, created_at=LAST), True),
    "without a date": (MISSING, replace(LOOSE, posted_at=None), False),
    "a row dated by its period": (replace(MISSING, issued_at=None, end=ISSUED), LOOSE, True),
    "a row without a date": (replace(MISSING, issued_at=None), LOOSE, False),
    "in place of one that was voided": (VOIDED, LOOSE, True),
    "a row that a document stands for": (
        replace(VOIDED, document_status="DRAFT"), LOOSE, False,
    ),
    "a row that is settled": (replace(MISSING, unexplained=0), LOOSE, False),
    "a row that is billed too much": (TOO_MUCH, LOOSE, False),
    "void": (MISSING, replace(LOOSE, status=DocumentStatus.VOID), False),
    "a draft": (MISSING, replace(LOOSE, status=DocumentStatus.DRAFT), False),
    "it names a core invoice": (MISSING, replace(LOOSE, core_invoice_id="ci_fir"), False),
}  # fmt: skip


@pytest.mark.parametrize("case", DOCUMENTS)
def test_a_document_that_names_no_core_invoice(case: str) -> None:
    row, document, found = DOCUMENTS[case]
    got = candidates([row], [document], [])
    assert [(one.what, one.id) for one in got] == [(INVOICE, "in_stray")] * found


MEMOS = {
    "the amount of what is too much": (TOO_MUCH, NOTE, True),
    "the amount with tax": (TOO_MUCH, replace(NOTE, amount_minor=7_000, tax_minor=500), True),
    "a row without a document": (MISSING, NOTE, False),
    "it names an invoice": (TOO_MUCH, replace(NOTE, invoice_id="in_fir"), False),
    "a draft": (TOO_MUCH, replace(NOTE, status=MemoStatus.DRAFT), False),
    "paid out": (TOO_MUCH, replace(NOTE, given=(Given(Way.REFUND, 7_500),)), False),
    "paid out in part": (TOO_MUCH, replace(NOTE, given=(Given(Way.REFUND, 7_499),)), True),
    "not approved": (TOO_MUCH, replace(NOTE, approved=False), False),
    "another amount": (TOO_MUCH, replace(NOTE, amount_minor=7_499), False),
    "46 days from its document": (TOO_MUCH, replace(NOTE, posted_at=LAST + 2 * DAY), False),
    "45 days from its document": (TOO_MUCH, replace(NOTE, posted_at=LAST + DAY), True),
    "nothing is netted on a void": (
        replace(TOO_MUCH, document_status="VOID", unexplained=7_500), NOTE, False,
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", MEMOS)
def test_a_memo_that_names_no_invoice(case: str) -> None:
    row, memo, found = MEMOS[case]
    got = candidates([row], [], [memo])
    assert [(one.what, one.id) for one in got] == [(MEMO, "cn_loose")] * found


def test_the_customer_goes_before_the_date_and_the_date_before_the_id() -> None:
    def at(name: str, days: int, customer: str | None) -> DownstreamInvoice:
        when = ISSUED + days * DAY
        return replace(LOOSE, id=name, posted_at=when, core_customer_id=customer)

    some = [
        at("in_a", 0, None), at("in_b", -2, None), at("in_c", 2, None), at("in_d", 1, None),
        at("in_z", 40, "cc_gum"), at("in_e", 0, "cc_fir"),
    ]  # fmt: skip
    got = candidates([MISSING], some, [])
    assert [(one.rank, one.id, one.days_apart, one.same_customer) for one in got] == [
        (1, "in_z", 40, True), (2, "in_a", 0, False), (3, "in_d", 1, False),
    ]  # fmt: skip
    got = candidates([MISSING], some[1:3], [])
    assert [one.id for one in got] == ["in_b", "in_c"]


def test_a_crowd_of_one_amount_is_not_walked_for_each_row() -> None:
    rows = [replace(MISSING, core_invoice_id=f"ci_{n:04d}") for n in range(2_000)]
    loose = [replace(LOOSE, id=f"in_{n:04d}") for n in range(2_000)]
    got = candidates(rows, loose, [])
    assert len(got) == 2_000 * CANDIDATES_MAX
    assert {one.id for one in got} == {"in_0000", "in_0001", "in_0002"}


# --- anything ------------------------------------------------------------------------

amounts = st.integers(1, 3)
days = st.integers(-60, 60)
named = st.sampled_from(["", "cc_1", "cc_2"])
targets = st.sampled_from(["stripe", "netsuite"])
currencies = st.sampled_from(["USD", "EUR"])
_SHAPES = ((-1, "ABSENT"), (-1, "VOID"), (1, "OPEN"), (0, "PAID"), (-1, "DRAFT"))


@st.composite
def rows_of(draw: st.DrawFn) -> Row:
    sign, status = draw(st.sampled_from(_SHAPES))
    return replace(
        MISSING, core_invoice_id=f"ci_{draw(st.integers(0, 9))}", target=draw(targets),
        currency=draw(currencies), customer_id=draw(named), document_status=status,
        unexplained=sign * draw(amounts), issued_at=ISSUED + draw(days) * DAY,
    )  # fmt: skip


@st.composite
def documents_of(draw: st.DrawFn) -> DownstreamInvoice:
    return replace(
        LOOSE, id=f"in_{draw(st.integers(0, 30))}", target=draw(targets),
        currency=draw(currencies), gross_minor=draw(amounts), tax_minor=draw(st.integers(0, 1)),
        core_customer_id=draw(named) or None, posted_at=ISSUED + draw(days) * DAY,
    )  # fmt: skip


@st.composite
def memos_of(draw: st.DrawFn) -> CreditMemo:
    return replace(
        NOTE, id=f"cn_{draw(st.integers(0, 30))}", target=draw(targets),
        currency=draw(currencies), amount_minor=draw(amounts),
        posted_at=ISSUED + draw(days) * DAY,
    )  # fmt: skip


@given(
    st.lists(
        rows_of(), max_size=8, unique_by=lambda one: (one.target, one.core_invoice_id)
    ),
    st.lists(documents_of(), max_size=20, unique_by=lambda one: (one.target, one.id)),
    st.lists(memos_of(), max_size=12, unique_by=lambda one: (one.target, one.id)),
    st.randoms(use_true_random=False),
)
def test_any_books(
    rows: list[Row],
    documents: list[DownstreamInvoice],
    memos: list[CreditMemo],
    chance: Random,
) -> None:
    """Whatever the order they come in: the same pairs, few, and those of a plain search."""
    before = (tuple(rows), tuple(documents), tuple(memos))
    got = candidates(rows, documents, memos)
    assert (tuple(rows), tuple(documents), tuple(memos)) == before
    assert all(one.row in rows for one in got)
    of_row = Counter((one.row.target, one.row.core_invoice_id) for one in got)
    assert max(of_row.values(), default=0) <= CANDIDATES_MAX
    for row in rows:
        assert [one.id for one in got if one.row == row] == searched(row, documents, memos)
    wants = {want for row in rows if (want := want_of(row))}
    fitting = {one.id for one in documents if fits_one_of(one, wants)}
    assert {one.id for one in got if one.what == INVOICE} <= fitting
    for some in (rows, documents, memos):
        chance.shuffle(some)
    assert candidates(rows, documents, memos) == got


def searched(
    row: Row, documents: list[DownstreamInvoice], memos: list[CreditMemo]
) -> list[str]:
    """Every item looked at for one row: slow, and plain."""
    found = []
    items: list[tuple[DownstreamInvoice | CreditMemo, int, str, bool]] = [
        *((d, d.gross_minor, d.core_customer_id or "", False) for d in documents),
        *((m, m.amount_minor, "", True) for m in memos),
    ]
    for item, amount, customer, memo in items:
        fits = want_of(row) is not None and memo == (row.unexplained > 0)
        fits &= abs(row.unexplained) in {amount, amount + item.tax_minor}
        fits &= (item.target, item.currency) == (row.target, row.currency)
        fits &= not (customer and row.customer_id and customer != row.customer_id)
        assert item.posted_at is not None
        assert row.issued_at is not None
        apart = abs((item.posted_at - row.issued_at).days)
        if fits and apart <= DAYS_APART_MAX:
            same = bool(customer) and customer == row.customer_id
            found.append((not same, apart, item.id))
    return [name for _, _, name in sorted(found)[:CANDIDATES_MAX]]
