"""When a fact became so, as far as its source tells, and what it was before; pure.

A state at an instant is the last one that had become so by then. What was first seen later
is rewound by its own dates: a document voided on the 3rd was open on the 1st.
"""

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from state.invoices import CoreInvoice, CoreStatus
from state.receivables import CreditMemo, DocumentStatus, DownstreamInvoice, MemoStatus
from state.worklist import Flag

_POSTED = frozenset(
    {*(one.value for one in DocumentStatus if one.posted), MemoStatus.ISSUED.value}
)


@dataclass(frozen=True, slots=True)
class Footing:
    """What a memo, or a part of one, stands by: the invoice it is on, and its dates."""

    ref: str
    loose: bool  # on no invoice
    posted_at: int | None
    dated_at: int


def effective_at(word: Any) -> datetime | None:
    """The instant of a word's latest dated change; None: only the reading dates it.

    A core invoice shows no time of its void; the core's audit log may. Where it does not,
    one first seen VOID is held void from its issue on, as nobody saw it alive, and one that
    was seen alive is dated by the reading that found it void.
    """
    match word:
        case CoreInvoice(status=CoreStatus.FINALIZED | CoreStatus.VOID):
            return word.voided_at or word.issued_at
        case DownstreamInvoice():
            # The posting date decides: an ERP may have entered it later, or earlier.
            began = word.posted_at or word.created_at
            times = (began, word.paid_at, word.voided_at)
            return max((one for one in times if one is not None), default=None)
        case CreditMemo():
            issued = word.status is MemoStatus.ISSUED
            return word.voided_at or (_last_of(word) if issued else word.posted_at)
        case _:
            return None


def dated_by_source(
    dated: int | None, status: str, before: tuple[int | None, str] | None
) -> bool:
    """Does the source date this change? `before` is its date and its status until now.

    A payment or a void that is taken back leaves the posting date behind, which dates
    nothing of that; a draft may be posted with an earlier date than its own.
    """
    if dated is None:
        return False
    if before is None or before[0] is None:
        return True
    if before[1].upper() == "DRAFT" and status in _POSTED:
        return True  # a draft carries the date that it will be posted with
    taken_back = dated < before[0] and status != before[1] and before[1].upper() != "DRAFT"
    return dated != before[0] and not taken_back


def rewound(word: Any, moment: datetime) -> Any | None:
    """What a word first seen later was at `moment`; None: it was not there yet."""
    match word:
        case CoreInvoice():
            # Else it is dated by its issue, or by the reading that saw it a draft.
            return _invoice(word, moment)
        case DownstreamInvoice():
            return _document(word, moment)
        case CreditMemo():
            return _memo(word, moment)
        case Flag():
            return word if word.opened_at <= moment else None
        case _:
            return None


def _last_of(memo: CreditMemo) -> datetime | None:
    """When a memo last became more than it was: posted, approved, applied, refunded."""
    given = (one.at for one in memo.given or ())
    times = (memo.posted_at, memo.approved_at, memo.applied_at, *given)
    return max((one for one in times if one is not None), default=None)


def taken_back(now: Footing, before: Footing) -> bool:
    """Is a memo that stands by `now` less than the one that stood by `before`?

    An application that goes to another invoice, or whose date goes while the posting date
    stays, was undone: of that only the reading tells the time.
    """
    moved = now.ref != before.ref and not before.loose
    return moved or (now.posted_at == before.posted_at and now.dated_at < before.dated_at)


def _memo(word: CreditMemo, moment: datetime) -> CreditMemo | None:
    """A memo as it was: not yet void, approved, applied or refunded, as its dates tell."""
    if word.posted_at is None or word.posted_at > moment:
        return None
    if word.voided_at is not None and word.voided_at > moment:
        word = replace(word, status=MemoStatus.ISSUED, voided_at=None)
    if word.approved_at is not None and word.approved_at > moment:
        word = replace(word, approved=False, approved_by=None, approved_at=None)
    if word.applied_at is not None and word.applied_at > moment:
        word = replace(word, applied=False, applied_at=None)
    if any(one.at is not None and one.at > moment for one in word.given or ()):
        given = (one for one in word.given or () if one.at is None or one.at <= moment)
        word = replace(word, given=tuple(given))
    return word


def _invoice(word: CoreInvoice, moment: datetime) -> CoreInvoice | None:
    posted = word.issued_at or word.end
    if word.status is not CoreStatus.VOID or posted is None or posted > moment:
        return None
    return replace(word, status=CoreStatus.FINALIZED, voided_at=None)


def _document(word: DownstreamInvoice, moment: datetime) -> DownstreamInvoice | None:
    posted = word.posted_at or word.created_at
    if posted is None:
        return None
    if posted > moment:
        if word.created_at is None or word.created_at > moment:
            return None
        return replace(
            word,
            status=DocumentStatus.DRAFT,
            paid_minor=0,
            open_minor=0,
            posted_at=None,
            paid_at=None,
            voided_at=None,
        )
    whole = word.gross_minor + word.tax_minor
    if word.paid_at is not None and word.paid_at > moment:
        # It took nothing yet, whatever became of it afterwards. What memos took off stays
        # off: `state.winding` puts back what they took later.
        closed = not word.status.posted
        return replace(
            word,
            status=DocumentStatus.OPEN,
            paid_minor=0,
            open_minor=whole if closed else word.open_minor + word.paid_minor,
            paid_at=None,
            voided_at=None,
        )
    if word.voided_at is not None and word.voided_at > moment:
        paid = word.paid_minor
        status = DocumentStatus.OPEN
        if paid:
            status = DocumentStatus.PAID if paid >= whole else DocumentStatus.PART_PAID
        return replace(word, status=status, open_minor=max(whole - paid, 0), voided_at=None)
    return word
