"""From when on a fact holds, as its source dates it, and what stood at an instant before."""

from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest

from state.effective import Footing, dated_by_source, effective_at, rewound, taken_back
from state.invoices import CoreCustomer, CoreInvoice, CoreStatus
from state.receivables import (
    CreditMemo,
    DocumentStatus,
    DownstreamInvoice,
    Given,
    MemoStatus,
    Way,
)
from state.worklist import Cause, Flag, FlagState

OPEN, PART_PAID, PAID = DocumentStatus.OPEN, DocumentStatus.PART_PAID, DocumentStatus.PAID
VOID, DRAFT, LOST = DocumentStatus.VOID, DocumentStatus.DRAFT, DocumentStatus.UNCOLLECTIBLE


def day(number: int) -> datetime:
    return datetime(2026, 10, number, 12, tzinfo=UTC)


INVOICE = CoreInvoice(
    "ci", "cc", CoreStatus.FINALIZED, "USAGE", "USD", Decimal(100), 100,
    end=day(1), issued_at=day(2),
)  # fmt: skip
DOCUMENT = DownstreamInvoice(
    "erp", "i1", OPEN, "USD", 100, tax_minor=10, open_minor=110,
    created_at=day(3), posted_at=day(5),
)  # fmt: skip
MEMO = CreditMemo(
    "erp", "m1", MemoStatus.ISSUED, "USD", 40, invoice_id="i1", posted_at=day(6)
)
FLAG = Flag(
    "erp", "i1", Cause.VOIDED_IN_CORE, "ci", "cc", FlagState.OPEN, "void it", "void", "USD",
    100, 2, day(8),
)  # fmt: skip
CUSTOMER = CoreCustomer("cc", "Acme")


@pytest.mark.parametrize(
    ("word", "expected"),
    [
        # The core dates its issue; the audit log may date a void.
        (INVOICE, day(2)),
        (replace(INVOICE, status=CoreStatus.VOID), day(2)),
        (replace(INVOICE, status=CoreStatus.VOID, voided_at=day(9)), day(9)),
        (replace(INVOICE, status=CoreStatus.DRAFT), None),
        (replace(INVOICE, issued_at=None), None),
        # A document: the last of what happened to it; its posting date before its entry's.
        (DOCUMENT, day(5)),
        (replace(DOCUMENT, created_at=day(9)), day(5)),
        (replace(DOCUMENT, posted_at=None), day(3)),
        (replace(DOCUMENT, paid_at=day(7)), day(7)),
        (replace(DOCUMENT, paid_at=day(7), voided_at=day(8)), day(8)),
        (replace(DOCUMENT, paid_at=day(4)), day(5)),
        (replace(DOCUMENT, posted_at=None, created_at=None), None),
        # A memo: taken back, else posted.
        (MEMO, day(6)),
        (replace(MEMO, voided_at=day(9)), day(9)),
        (replace(MEMO, posted_at=None), None),
        (replace(MEMO, approved_at=day(8)), day(8)),
        (replace(MEMO, approved_at=day(8), applied_at=day(9)), day(9)),
        (replace(MEMO, applied_at=day(4)), day(6)),
        (
            replace(MEMO, given=(Given(Way.REFUND, 1, day(7)), Given(Way.BALANCE, 1))),
            day(7),
        ),
        (replace(MEMO, status=MemoStatus.DRAFT, approved_at=day(8)), day(6)),
        (
            replace(MEMO, status=MemoStatus.VOID, applied_at=day(9), voided_at=day(8)),
            day(8),
        ),
        # What has no date of its own is dated by the reading.
        (FLAG, None),
        (CUSTOMER, None),
    ],
)
def test_the_date_that_a_source_gives(word: Any, expected: datetime | None) -> None:
    assert effective_at(word) == expected


@pytest.mark.parametrize(
    ("why", "dated", "status", "before", "expected"),
    [
        ("the source has no date", None, "OPEN", (5, "OPEN"), False),
        ("seen for the first time", 5, "OPEN", None, True),
        ("it had no date until now", 5, "OPEN", (None, "OPEN"), True),
        ("a later date", 7, "PAID", (5, "OPEN"), True),
        ("the same date dates no change", 5, "PAID", (5, "OPEN"), False),
        (
            "a payment is taken back: the posting date is left behind",
            5,
            "OPEN",
            (7, "PAID"),
            False,
        ),
        ("the date itself is corrected", 5, "OPEN", (7, "OPEN"), True),
        ("a draft is posted with an earlier date", 5, "OPEN", (7, "DRAFT"), True),
        ("a draft carries the date that it is posted with", 7, "OPEN", (7, "DRAFT"), True),
        ("a memo as well, whatever the case of its word", 7, "issued", (7, "draft"), True),
        ("a draft that is voided with its old date", 7, "VOID", (7, "DRAFT"), False),
        ("a draft that is voided with an earlier date", 5, "VOID", (7, "DRAFT"), True),
        ("a draft memo dropped", 5, "deleted", (7, "draft"), True),
    ],
)
def test_does_the_source_date_this_change(
    why: str,
    dated: int | None,
    status: str,
    before: tuple[int | None, str] | None,
    expected: bool,
) -> None:
    assert dated_by_source(dated, status, before) is expected, why


VOIDED = replace(INVOICE, status=CoreStatus.VOID, voided_at=day(9))


@pytest.mark.parametrize(
    ("word", "at", "expected"),
    [
        # A core invoice that is found void was alive from its issue on.
        (VOIDED, 1, None),
        (VOIDED, 2, INVOICE),
        (VOIDED, 8, INVOICE),
        (replace(VOIDED, issued_at=None), 1, replace(INVOICE, issued_at=None)),
        (replace(VOIDED, issued_at=None, end=None), 8, None),
        # Any other state is dated by its issue, so before it there was none.
        (INVOICE, 1, None),
        (INVOICE, 8, None),
        # A memo counts from its posting, and until it is taken back.
        (MEMO, 5, None),
        (MEMO, 6, MEMO),
        (replace(MEMO, posted_at=None), 8, None),
        (replace(MEMO, status=MemoStatus.VOID, voided_at=day(9)), 8, MEMO),
        (
            replace(MEMO, status=MemoStatus.VOID, voided_at=day(8)), 8,
            replace(MEMO, status=MemoStatus.VOID, voided_at=day(8)),
        ),
        # A flag stood from when it was opened.
        (FLAG, 7, None),
        (FLAG, 8, FLAG),
        (CUSTOMER, 8, None),
    ],
)  # fmt: skip
def test_what_was_first_seen_later_as_it_stood(word: Any, at: int, expected: Any) -> None:
    assert rewound(word, day(at)) == expected


BLANK = replace(DOCUMENT, status=DRAFT, open_minor=0, posted_at=None)
PAID_7 = replace(DOCUMENT, status=PAID, paid_minor=110, open_minor=0, paid_at=day(7))
VOID_9 = replace(DOCUMENT, status=VOID, open_minor=0, voided_at=day(9))
PAID_THEN_VOID = replace(VOID_9, paid_minor=110, paid_at=day(7))


@pytest.mark.parametrize(
    ("what", "word", "at", "expected"),
    [
        ("not there yet", DOCUMENT, 2, None),
        ("entered, and not posted: a draft", DOCUMENT, 3, BLANK),
        ("still a draft, which nobody had paid or voided",
         replace(PAID_7, voided_at=day(9), status=VOID), 4, BLANK),
        ("posted", DOCUMENT, 5, DOCUMENT),
        ("posted, and nothing says when it was entered",
         replace(DOCUMENT, created_at=None), 4, None),
        ("dated by its entry where it has no posting", replace(DOCUMENT, posted_at=None), 4,
         replace(DOCUMENT, posted_at=None)),
        ("no date at all", replace(DOCUMENT, posted_at=None, created_at=None), 9, None),
        ("paid afterwards: it was open", PAID_7, 6, DOCUMENT),
        ("paid by then", PAID_7, 7, PAID_7),
        ("paid afterwards; a memo took 40 off, and that stays off", replace(PAID_7, paid_minor=70), 6,
         replace(DOCUMENT, open_minor=70)),
        ("paid in part afterwards, with a balance left",
         replace(DOCUMENT, status=PART_PAID, paid_minor=30, open_minor=80, paid_at=day(7)), 6,
         DOCUMENT),
        ("written off, and paid afterwards",
         replace(DOCUMENT, status=LOST, paid_minor=30, open_minor=80, paid_at=day(7)), 6, DOCUMENT),
        ("void afterwards: it was open", VOID_9, 8, DOCUMENT),
        ("void by then", VOID_9, 9, VOID_9),
        ("paid in part, and void afterwards", replace(VOID_9, paid_minor=30), 8,
         replace(DOCUMENT, status=PART_PAID, paid_minor=30, open_minor=80)),
        ("paid in full, and void afterwards", replace(VOID_9, paid_minor=110), 8,
         replace(DOCUMENT, status=PAID, paid_minor=110, open_minor=0)),
        ("overpaid, and void afterwards", replace(VOID_9, paid_minor=120), 8,
         replace(DOCUMENT, status=PAID, paid_minor=120, open_minor=0)),
        ("paid and then void, both afterwards", PAID_THEN_VOID, 6, DOCUMENT),
        ("paid, and void afterwards", PAID_THEN_VOID, 8, PAID_7),
    ],
)  # fmt: skip
def test_a_document_first_seen_later_as_it_stood(
    what: str, word: DownstreamInvoice, at: int, expected: DownstreamInvoice | None
) -> None:
    assert rewound(word, day(at)) == expected, what


GIVEN = (Given(Way.REFUND, 9, day(12)), Given(Way.BALANCE, 5))
GROWN = replace(
    MEMO,
    approved_by="omar",
    approved_at=day(8),
    applied_at=day(10),
    given=GIVEN,
    tax_minor=4,
)
APPROVED = replace(GROWN, applied=False, applied_at=None, given=GIVEN[1:])
RAISED = replace(APPROVED, approved=False, approved_by=None, approved_at=None)


@pytest.mark.parametrize(
    ("what", "at", "expected", "unapplied"),
    [
        ("not posted yet", 5, None, 0),
        ("posted, and not approved yet", 7, RAISED, 39),
        ("approved, and not applied yet", 8, APPROVED, 39),
        ("still not applied", 9, APPROVED, 39),
        ("applied, and nothing refunded yet", 10, replace(GROWN, given=GIVEN[1:]), 0),
        ("refunded on that day", 12, GROWN, 0),
    ],
)
def test_a_memo_first_seen_later_as_it_had_become(
    what: str, at: int, expected: CreditMemo | None, unapplied: int
) -> None:
    was = rewound(GROWN, day(at))
    assert was == expected, what
    assert was is None or was.unapplied_minor == unapplied, what


def test_a_void_memo_was_what_it_had_become_before() -> None:
    void = replace(GROWN, status=MemoStatus.VOID, voided_at=day(9))
    assert rewound(void, day(8)) == APPROVED
    assert rewound(void, day(9)) == replace(
        void, applied=False, applied_at=None, given=GIVEN[1:]
    )
    plain = replace(GROWN, given=None)
    assert rewound(plain, day(10)) == plain


@pytest.mark.parametrize(
    ("what", "now", "before", "expected"),
    [
        ("applied", Footing("b", False, 1, 9), Footing("", True, 1, 1), False),
        ("applied to another", Footing("b", False, 1, 9), Footing("a", False, 1, 5), True),
        (
            "not applied any more",
            Footing("a", False, 1, 1),
            Footing("a", False, 1, 9),
            True,
        ),
        ("dated anew", Footing("a", False, 0, 0), Footing("a", False, 1, 1), False),
        ("paid out since", Footing("a", False, 1, 9), Footing("a", False, 1, 5), False),
        ("as it was", Footing("a", False, 1, 5), Footing("a", False, 1, 5), False),
    ],
)
def test_what_is_taken_back_only_the_reading_dates(
    what: str, now: Footing, before: Footing, expected: bool
) -> None:
    assert taken_back(now, before) is expected, what
