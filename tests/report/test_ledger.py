"""The roll-forward: movements and balances meet, whatever happens to a document."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from state.effective import rewound
from state.receivables import CreditMemo, DocumentStatus, DownstreamInvoice, MemoStatus
from sync.report.ledger import LedgerRow, MemoVersion, Span, Version, fold, fold_loose

DAY = timedelta(days=1)
BEGIN = datetime(2026, 9, 1, tzinfo=UTC)
OCTOBER = Span(
    datetime(2026, 10, 1, tzinfo=UTC), datetime(2026, 10, 31, 23, 59, tzinfo=UTC)
)
ALL = Span(None, datetime(2027, 1, 1, tzinfo=UTC))


def document(at: datetime, gross: int = 10_000, tax: int = 0) -> DownstreamInvoice:
    return DownstreamInvoice(
        "stripe", "in_1", DocumentStatus.OPEN, "USD", gross, tax_minor=tax,
        open_minor=gross + tax, created_at=at, posted_at=at, due_on=(at + 14 * DAY).date(),
    )  # fmt: skip


def rolled(
    versions: list[Version], memos: tuple[CreditMemo, ...] = (), span: Span = OCTOBER
) -> LedgerRow:
    row = LedgerRow("stripe", "USD", "cc_1")
    lives = [[MemoVersion(m.voided_at or m.posted_at or BEGIN, m)] for m in memos]
    fold(row, versions, lives, span, standing=stood(versions, span.end))
    return row


def stood(versions: list[Version], end: datetime) -> DownstreamInvoice | None:
    """The document at the cutoff; what was first seen later is rewound by its own dates."""
    seen = [one.document for one in versions if one.since <= end]
    word = seen[-1] if seen else rewound(versions[0].document, end)
    assert word is None or isinstance(word, DownstreamInvoice)
    return word


SEPTEMBER_20 = datetime(2026, 9, 20, tzinfo=UTC)
OCTOBER_5 = datetime(2026, 10, 5, tzinfo=UTC)
OCTOBER_9 = datetime(2026, 10, 9, tzinfo=UTC)
OPEN = document(OCTOBER_5, tax=825)
VOID = replace(OPEN, status=DocumentStatus.VOID, voided_at=OCTOBER_9)
PAID = replace(
    OPEN, status=DocumentStatus.PAID, paid_at=OCTOBER_9, paid_minor=10_825, open_minor=0
)
PART = replace(OPEN, status=DocumentStatus.PART_PAID, paid_minor=825, open_minor=10_000)
LOST = replace(OPEN, status=DocumentStatus.UNCOLLECTIBLE)
OLD = document(SEPTEMBER_20)
MEMO = CreditMemo(
    "stripe", "cn_1", MemoStatus.ISSUED, "USD", 4_000, tax_minor=330, invoice_id="in_1",
    posted_at=OCTOBER_9,
)  # fmt: skip

STORIES = {
    "open": ([OPEN], (), {"issued": 10_825}, 10_825),
    "paid": ([OPEN, PAID], (), {"issued": 10_825, "payments": -10_825}, 0),
    "paid when first seen": ([PAID], (), {"issued": 10_825, "payments": -10_825}, 0),
    "part paid": ([OPEN, PART], (), {"issued": 10_825, "payments": -825}, 10_000),
    "void of this period": ([OPEN, VOID], (), {"issued": 10_825, "voids_current": -10_825}, 0),
    "void of another period": (
        [OLD, replace(OLD, status=DocumentStatus.VOID, voided_at=OCTOBER_9)],
        (), {"opening": 10_000, "voids_prior": -10_000}, 0,
    ),
    "written off": ([OPEN, LOST], (), {"issued": 10_825, "write_offs": -10_825}, 0),
    "written off and then paid": (
        [OPEN, LOST, PAID], (),
        {"issued": 10_825, "write_offs": 0, "payments": -10_825}, 0,
    ),
    "memo before payment": (
        [replace(OPEN, open_minor=6_495)], (MEMO,), {"issued": 10_825, "memos": -4_330}, 6_495,
    ),
    "memo after payment reduces nothing that is owed": (
        [PAID], (replace(MEMO, post_payment_minor=4_330),),
        {"issued": 10_825, "payments": -10_825, "memos": 0}, 0,
    ),
    "memo taken back": (
        [OPEN], (replace(MEMO, status=MemoStatus.VOID, voided_at=OCTOBER_9 + DAY),),
        {"issued": 10_825, "memos": 0}, 10_825,
    ),
    "draft": ([replace(OPEN, status=DocumentStatus.DRAFT, posted_at=None)], (), {}, 0),
    "voided by an ERP that sets it to zero": (
        [OPEN, replace(VOID, gross_minor=0, tax_minor=0, open_minor=0)],
        (), {"issued": 10_825, "voids_current": -10_825}, 0,
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", STORIES)
def test_a_document_s_movements_lead_to_its_balance(name: str) -> None:
    words, memos, moved, owed = STORIES[name]
    versions = [Version(word.posted_at or OCTOBER_5, word) for word in words]
    versions = [replace(v, since=v.since + n * DAY) for n, v in enumerate(versions)]
    row = rolled(versions, memos)
    for movement, minor in moved.items():
        assert getattr(row, movement) == minor, movement
    assert (row.closing, row.subledger, row.difference) == (owed, owed, 0)


def test_what_is_posted_after_the_cutoff_is_not_there_yet() -> None:
    november = document(datetime(2026, 11, 2, tzinfo=UTC))
    assert rolled([Version(november.posted_at or BEGIN, november)]).closing == 0


def test_a_payment_after_the_cutoff_leaves_the_balance_open() -> None:
    later = replace(PAID, paid_at=datetime(2026, 11, 4, tzinfo=UTC))
    row = rolled([Version(datetime(2026, 11, 5, tzinfo=UTC), later)])
    assert (row.payments, row.closing, row.subledger) == (0, 10_825, 10_825)


@pytest.mark.parametrize(
    ("due", "bucket"),
    [(None, 2), (date(2026, 10, 31), 0), (date(2026, 10, 30), 1), (date(2026, 10, 1), 1),
     (date(2026, 9, 30), 2), (date(2026, 9, 1), 2), (date(2026, 8, 31), 3), (date(2026, 8, 2), 3),
     (date(2026, 8, 1), 4)],
)  # fmt: skip
def test_a_balance_ages_by_its_due_date(due: date | None, bucket: int) -> None:
    old = replace(document(SEPTEMBER_20), due_on=due)
    row = rolled([Version(SEPTEMBER_20, old)])
    assert row.buckets.index(10_000) == bucket


def test_a_memo_without_an_invoice_is_no_receivable() -> None:
    row = LedgerRow("stripe", "USD", "")
    fold_loose(row, replace(MEMO, invoice_id=None), OCTOBER)
    fold_loose(row, replace(MEMO, invoice_id=None, status=MemoStatus.DRAFT), OCTOBER)
    assert (row.unapplied, row.closing) == (4_330, 0)


# --- whatever happens ---------------------------------------------------------------------

ACTS = st.lists(
    st.sampled_from(
        ["pay_some", "pay_all", "credit", "write_off", "recover", "void", "wait"]
    ),
    max_size=7,
)


@given(
    acts=ACTS,
    gross=st.integers(1, 10**9),
    tax=st.integers(0, 10**6),
    gaps=st.lists(st.integers(1, 25), min_size=8, max_size=8),
)
def test_a_life_seen_step_by_step_always_foots(
    acts: list[str], gross: int, tax: int, gaps: list[int]
) -> None:
    """The register's own balance, and what we make of the events, are the same figure."""
    at = BEGIN + gaps[0] * DAY
    now = document(at, gross, tax)
    versions, memos = [Version(at, now)], list[CreditMemo]()
    for number, act in enumerate(acts, 1):
        at += gaps[number] * DAY
        now, memo = lived(now, act, at, number)
        memos.extend(memo)
        versions.append(Version(at, now))
    whole = rolled(versions, tuple(memos), ALL)
    assert whole.difference == 0
    assert sum(whole.buckets) == whole.subledger
    first = rolled(versions, tuple(memos), Span(None, OCTOBER.start or BEGIN))
    rest = rolled(
        versions, tuple(memos), Span((OCTOBER.start or BEGIN) + DAY / 86400, ALL.end)
    )
    assert rest.opening == first.closing
    assert rest.closing == whole.closing


def lived(
    now: DownstreamInvoice, act: str, at: datetime, number: int
) -> tuple[DownstreamInvoice, tuple[CreditMemo, ...]]:
    """One thing that happens in a register, as the register itself would book it."""
    owed = now.open_minor
    live = now.status in {DocumentStatus.OPEN, DocumentStatus.PART_PAID}
    if act == "pay_some" and live and owed > 1:
        status = DocumentStatus.PART_PAID
        paid = owed // 2
        return replace(
            now, status=status, paid_minor=now.paid_minor + paid, open_minor=owed - paid
        ), ()
    if act == "pay_all" and live and owed:
        return paid_up(now, at), ()
    if act == "credit" and live and owed > 1:
        memo = replace(
            MEMO, id=f"cn_{number}", amount_minor=owed // 3, tax_minor=0, posted_at=at
        )
        return replace(now, open_minor=owed - owed // 3), (memo,)
    if act == "write_off" and live and owed:
        return replace(now, status=DocumentStatus.UNCOLLECTIBLE), ()
    if act == "recover" and now.status is DocumentStatus.UNCOLLECTIBLE:
        return paid_up(now, at), ()
    if act == "void" and now.status in {DocumentStatus.OPEN, DocumentStatus.UNCOLLECTIBLE}:
        return replace(now, status=DocumentStatus.VOID, voided_at=at), ()
    return now, ()


def paid_up(now: DownstreamInvoice, at: datetime) -> DownstreamInvoice:
    return replace(
        now, status=DocumentStatus.PAID, paid_at=at, open_minor=0,
        paid_minor=now.paid_minor + now.open_minor,
    )  # fmt: skip
