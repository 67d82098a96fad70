"""The books as of a cutoff: rebuilt, repeated to the byte, and restated when facts come late."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from state.invoices import CoreStatus
from state.receivables import DocumentStatus, MemoStatus
from sync.books import Outcome
from sync.report.codec import run_text
from tests.kept import Kept, broken, core, day, document, kinds, memo

OPEN, PAID, VOID = DocumentStatus.OPEN, DocumentStatus.PAID, DocumentStatus.VOID


@pytest.fixture
def kept(either_url: str) -> Iterator[Kept]:
    made = Kept(either_url, targets=("stripe",))
    yield made
    made.close()


def test_a_month_is_as_it_stood_at_its_end(kept: Kept) -> None:
    kept.see(day(10, 7), invoices=(core("a"), core("b")))
    kept.see(day(10, 7), documents=(document("stripe", "a"), document("stripe", "b")))
    # In November the core voids one, and Stripe follows.
    kept.see(day(11, 3), invoices=(core("a", status=CoreStatus.VOID),))
    voided = document("stripe", "a", status=VOID, voided_at=day(11, 4))
    kept.see(day(11, 5), documents=(voided,))
    october, now = kept.run(period="2026-10"), kept.run()
    assert kinds(october) == {("stripe", "a"): "MATCHED", ("stripe", "b"): "MATCHED"}
    assert kinds(now) == {("stripe", "a"): "VOIDED_BOTH", ("stripe", "b"): "MATCHED"}
    assert october.as_of == day(11, 1, 0) - timedelta(microseconds=1)
    assert [(one.what, one.id, one.amount_minor) for one in october.subsequent] == [
        ("void", "stripe_a", -10000)
    ]
    assert (october.outcome, broken(october), broken(now)) == (Outcome.CLEAR, [], [])


def test_what_is_first_seen_later_is_rewound_by_its_own_dates(kept: Kept) -> None:
    names = ("open", "paid", "void", "late", "draft")
    kept.see(day(11, 20), invoices=tuple(core(name) for name in names))
    kept.see(
        day(11, 20),
        documents=(
            document("stripe", "open"),
            document("stripe", "paid", status=PAID, paid_minor=10000, paid_at=day(11, 2)),
            document("stripe", "void", status=VOID, voided_at=day(11, 3)),
            document("stripe", "late", posted=day(11, 1)),
            document("stripe", "draft", posted=day(11, 2), created_at=day(10, 6)),
        ),
    )
    october = kept.run(period="2026-10")
    rows = {row.core_invoice_id: row for row in october.rows}
    assert {name: (row.kind, row.document_status) for name, row in rows.items()} == {
        "open": ("MATCHED", "OPEN"),
        "paid": ("MATCHED", "OPEN"),
        "void": ("MATCHED", "OPEN"),
        "late": ("MISSING_DOWNSTREAM", "ABSENT"),
        "draft": ("AWAITING_FINALIZATION", "DRAFT"),
    }
    assert (rows["paid"].paid_minor, rows["paid"].open_minor) == (0, 10000)
    assert (rows["late"].timing, rows["late"].unexplained) == (-10000, 0)
    assert ("invoice", "stripe_late", True) in [
        (one.what, one.id, one.clears) for one in october.subsequent
    ]
    assert broken(october) == []


def test_a_later_memo_is_timing_and_a_subsequent_event(kept: Kept) -> None:
    kept.see(day(10, 7), invoices=(core("a"), core("b"), core("c")))
    kept.see(
        day(10, 7),
        documents=(
            document("stripe", "a", 12000),
            document("stripe", "b", 12000),
            document("stripe", "c"),
        ),
        memos=(memo("stripe", "c", 500),),
    )
    kept.see(
        day(11, 9),
        memos=(
            memo("stripe", "a", 2000, posted=day(11, 8)),
            memo("stripe", "b", 1500, posted=day(11, 8)),
            memo("stripe", "c", 500, status=MemoStatus.VOID, voided_at=day(11, 9)),
        ),
    )
    october = kept.run(period="2026-10")
    found = {
        row.core_invoice_id: (row.kind, row.timing, row.unexplained) for row in october.rows
    }
    assert found == {
        "a": ("OVERBILLED", 2000, 0),
        "b": ("OVERBILLED", 1500, 500),
        "c": ("EXPLAINED_BY_MEMO", 0, 0),
    }
    assert [(one.what, one.core_invoice_id, one.amount_minor, one.clears) for one in october.subsequent] == [
        ("memo", "a", -2000, True),
        ("memo", "b", -1500, True),
        ("memo void", "c", 500, False),
    ]  # fmt: skip
    assert broken(october) == []
    assert kinds(kept.run()) == {
        ("stripe", "a"): "CORRECTED_BY_MEMO",
        ("stripe", "b"): "PARTIALLY_CORRECTED",
        ("stripe", "c"): "MATCHED",
    }


def test_the_same_cutoff_later_is_the_same_run_to_the_byte(kept: Kept) -> None:
    kept.see(day(10, 7), invoices=(core("a"),), documents=(document("stripe", "a"),))
    kept.clock.time = day(11, 2)
    first = kept.run(period="2026-10")
    kept.see(day(11, 15), invoices=(core("b", issued=day(11, 10)),))
    paid = document("stripe", "a", status=PAID, paid_minor=10000, paid_at=day(11, 20))
    kept.see(day(11, 21), documents=(paid,))
    kept.clock.time = day(12, 2)
    again = kept.run(period="2026-10")
    assert run_text(again) == run_text(first)


def test_a_late_fact_restates_the_month_and_names_the_run_before(kept: Kept) -> None:
    kept.see(day(10, 7), invoices=(core("a"),), documents=(document("stripe", "a"),))
    kept.clock.time = day(11, 2)
    first = kept.run(period="2026-10")
    kept.see(day(11, 9), memos=(memo("stripe", "a", 300, posted=day(10, 31)),))
    kept.clock.time = day(12, 2)
    again = kept.run(period="2026-10")
    assert kinds(again) == {("stripe", "a"): "EXPLAINED_BY_MEMO"}
    assert again.restated_from == run_text(first)[1]
    assert first.restated_from == ""


def test_an_instant_may_be_named(kept: Kept) -> None:
    kept.see(day(10, 7), invoices=(core("a"),), documents=(document("stripe", "a"),))
    gone = document("stripe", "a", status=DocumentStatus.DELETED)
    kept.see(day(10, 20), documents=(gone,))
    assert kinds(kept.run(as_of=day(10, 10))) == {("stripe", "a"): "MATCHED"}
    assert kinds(kept.run(as_of=day(10, 21))) == {("stripe", "a"): "MISSING_DOWNSTREAM"}


def test_a_change_without_a_date_is_dated_by_the_reading(kept: Kept) -> None:
    kept.see(day(10, 7), invoices=(core("a"),), documents=(document("stripe", "a"),))
    moved = replace(document("stripe", "a"), gross_minor=9000)
    kept.see(day(10, 25), documents=(moved,))
    assert kinds(kept.run(as_of=day(10, 24))) == {("stripe", "a"): "MATCHED"}
    assert kinds(kept.run(as_of=day(10, 26))) == {("stripe", "a"): "UNDERBILLED"}


@pytest.mark.parametrize(
    ("closed", "stood"),
    [
        ({"status": PAID, "paid_minor": 10000, "paid_at": day(10, 20)}, "MATCHED"),
        ({"status": VOID, "voided_at": day(10, 20)}, "VOIDED_DOWNSTREAM_ONLY"),
    ],
)
def test_what_is_taken_back_later_still_stood_at_the_cutoff(
    kept: Kept, closed: dict[str, Any], stood: str
) -> None:
    kept.see(day(10, 7), invoices=(core("a"),), documents=(document("stripe", "a"),))
    kept.see(day(10, 21), documents=(document("stripe", "a", **closed),))
    kept.see(day(11, 12), documents=(document("stripe", "a"),))  # taken back in November
    october, now = kept.run(period="2026-10"), kept.run()
    (row,) = october.rows
    assert (row.kind, row.document_status) == (stood, closed["status"])
    assert [row.document_status for row in now.rows] == ["OPEN"]


def test_a_draft_that_is_posted_with_an_earlier_date_counts_from_that_date(
    kept: Kept,
) -> None:
    kept.see(day(11, 3), invoices=(core("a"),))
    draft = document(
        "stripe", "a", status=DocumentStatus.DRAFT, posted_at=None, created_at=day(11, 3)
    )
    kept.see(day(11, 3), documents=(draft,))
    posted = document("stripe", "a", posted=day(10, 30), created_at=day(11, 3))
    kept.see(day(11, 4), documents=(posted,))
    (row,) = kept.run(period="2026-10").rows
    assert (row.kind, row.document_status) == ("MATCHED", "OPEN")


@pytest.mark.parametrize(
    "closed",
    [
        {"status": PAID, "paid_minor": 10000, "open_minor": 0, "paid_at": day(11, 3)},
        {"status": VOID, "open_minor": 0, "voided_at": day(11, 3)},
    ],
)
def test_a_draft_that_is_next_seen_closed_was_open_in_between(
    kept: Kept, closed: dict[str, Any]
) -> None:
    """Posted after the last reading of October, and closed before the next one."""
    draft = document(
        "stripe", "a", status=DocumentStatus.DRAFT, posted_at=None, created_at=day(10, 30)
    )
    kept.see(day(10, 31, 6), invoices=(core("a"),), documents=(draft,))
    late = {"posted": day(10, 31, 18), "created_at": day(10, 30), **closed}
    kept.see(day(11, 4), documents=(document("stripe", "a", **late),))
    october, noon = kept.run(period="2026-10"), kept.run(as_of=day(10, 31))
    assert [(r.kind, r.document_status, r.open_minor) for r in october.rows] == [
        ("MATCHED", "OPEN", 10000)
    ]
    assert kinds(noon) == {("stripe", "a"): "AWAITING_FINALIZATION"}
    assert [row.document_status for row in kept.run().rows] == [closed["status"]]
    assert broken(october) == broken(noon) == []
