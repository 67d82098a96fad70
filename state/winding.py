"""The balance of a document, wound back by what memos did to it after an instant; pure.

A register shows what is open when it is read. A memo of the 3rd that is in that balance had
taken nothing off yet on the 1st; one that was taken back on the 3rd still had; and one that
was written afterwards with the date of the 1st is not in a balance read on the 2nd.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from state.receivables import CreditMemo, DocumentStatus, DownstreamInvoice, MemoStatus

_ASKED = frozenset({DocumentStatus.OPEN, DocumentStatus.PART_PAID, DocumentStatus.PAID})
Seen = tuple[int, CreditMemo]  # by which observation it stands, and as it was seen


def wound_back(
    kept: tuple[int, DownstreamInvoice],
    was: DownstreamInvoice,
    then: Iterable[CreditMemo],
    ever: Mapping[str, Sequence[Seen]],
) -> DownstreamInvoice:
    """`was`, with the balance it had.

    `kept` is the document as it was read and `was` the same rewound by its own dates; `then`
    are its memos at the instant, and `ever` every memo that was ever on it, in all that was
    seen of it. The balance moves by no more than memos can account for: whatever else is in
    it stays there to be seen.
    """
    if not was.status.posted:
        return was
    credited = {memo.id: _taken(memo, was) for memo in then}
    off = sum(credited.values())
    seq, read = kept
    whole = read.gross_minor + read.tax_minor
    if read.status.posted:
        least = most = 0
        for name, versions in ever.items():
            taken = [_taken(memo, was) for _, memo in versions]
            if versions[0][0] > seq:
                taken.append(0)  # not known yet when the document was read
            low, high = min(taken), max(taken)
            least += min(low, credited.get(name, low))
            most += max(high, credited.get(name, high))
        held = whole - read.paid_minor - read.open_minor
        within = min(max(held, least), most)
        left = was.open_minor + within - off
    else:  # a void shows no balance any more
        left = whole - was.paid_minor - off
    left = max(left, 0)
    return was if left == was.open_minor else _standing(replace(was, open_minor=left))


def _standing(document: DownstreamInvoice) -> DownstreamInvoice:
    """A balance that is open again is not paid."""
    if document.status not in _ASKED:
        return document
    status = document.status
    if document.open_minor > 0:
        status = DocumentStatus.PART_PAID if document.paid_minor else DocumentStatus.OPEN
    elif status is DocumentStatus.PART_PAID:
        status = DocumentStatus.PAID
    return replace(document, status=status)


def _taken(memo: CreditMemo, document: DownstreamInvoice) -> int:
    named = memo.status is MemoStatus.ISSUED and memo.invoice_id == document.id
    return memo.taken_off_minor if named else 0
