"""Candidates: what may stand for an open row, by amount and date; shown, never linked. Pure.

Two kinds are looked for, in the row's own register and currency. A row that no document
stands for, and a document that names no core invoice; a row that is billed too much, and
an issued memo that names no invoice. The amount is equal, before tax or with it.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import chain, islice

from state.receivables import CreditMemo, DocumentStatus, DownstreamInvoice, MemoStatus
from sync.books import Row

DAYS_APART_MAX = 45  # one month's invoice, written late in the next
CANDIDATES_MAX = 3  # of one row
INVOICE, MEMO = "invoice", "memo"

Want = tuple[str, str, str, int]  # invoice or memo, register, currency, minor units


@dataclass(frozen=True, slots=True)
class Candidate:
    """One document or memo that may belong to an open row. Only a person can say so."""

    row: Row
    what: str  # invoice, memo
    id: str
    number: str
    amount_minor: int  # ex tax
    tax_minor: int
    posted_at: datetime
    days_apart: int
    same_customer: bool  # False: one of the two does not name a core customer
    rank: int  # 1 is the best of its row


@dataclass(frozen=True, slots=True)
class _Item:
    what: str
    target: str
    id: str
    number: str
    customer_id: str  # the core's; '' where it is not told
    currency: str
    amount_minor: int
    tax_minor: int
    posted_at: datetime

    @property
    def fits(self) -> set[Want]:
        """What it would settle: its amount before tax, and with it."""
        amounts = (self.amount_minor, self.amount_minor + self.tax_minor)
        return {(self.what, self.target, self.currency, one) for one in amounts}


@dataclass(slots=True)
class _Shelf:
    """Items by what they fit, then customer, then day: a look-up never walks a crowd."""

    days: dict[tuple[Want, str | None], dict[int, list[_Item]]] = field(
        default_factory=dict
    )

    def add(self, item: _Item) -> None:
        """Items come in the order of their ids, so the first of a day are its best."""
        for want in item.fits:
            for customer in (item.customer_id, None):  # None: whoever is named
                by_day = self.days.setdefault((want, customer), {})
                held = by_day.setdefault(_day(item.posted_at), [])
                if len(held) < CANDIDATES_MAX:
                    held.append(item)

    def nearest(self, want: Want, customer: str | None, day: int) -> Iterator[_Item]:
        """The nearest day first; on equal distance the lower id."""
        by_day = self.days.get((want, customer))
        if by_day is None:
            return
        for apart in range(DAYS_APART_MAX + 1):
            found = [one for at in {day - apart, day + apart} for one in by_day.get(at, ())]
            yield from sorted(found, key=lambda one: one.id)


def want_of(row: Row) -> Want | None:
    """What would settle an open row; None where no document or memo alone could."""
    live = DocumentStatus(row.document_status).live
    if row.unexplained < 0 and not live:
        return (INVOICE, row.target, row.currency, -row.unexplained)
    if row.unexplained > 0 and live:
        return (MEMO, row.target, row.currency, row.unexplained)
    return None


def fits_one_of(document: DownstreamInvoice, wants: Iterable[Want]) -> bool:
    """Is its amount one that an open row lacks?"""
    item = _of_document(document)
    return item is not None and not item.fits.isdisjoint(wants)


def candidates(
    rows: Iterable[Row],
    documents: Iterable[DownstreamInvoice],
    memos: Iterable[CreditMemo],
) -> tuple[Candidate, ...]:
    """The best candidates of each open row, the largest amount first.

    `documents` name no core invoice. Ranked: the same customer, then days apart, then id.
    """
    wanted = {row: want for row in rows if (want := want_of(row)) is not None}
    wants = set(wanted.values())
    found = chain(map(_of_document, documents), map(_of_memo, memos))
    items = [one for one in found if one is not None and not one.fits.isdisjoint(wants)]
    shelf = _Shelf()
    for item in sorted(items, key=lambda one: one.id):
        shelf.add(item)
    some = (one for row, want in wanted.items() for one in _of_row(shelf, row, want))
    return tuple(sorted(some, key=_order))


def _of_row(shelf: _Shelf, row: Row, want: Want) -> Iterator[Candidate]:
    """Those of its customer, then those that name none."""
    posted = _posted(row)
    if posted is None:
        return
    customers = (row.customer_id, "") if row.customer_id else (None,)
    day = _day(posted)
    ranked = chain.from_iterable(shelf.nearest(want, one, day) for one in customers)
    for rank, item in enumerate(islice(ranked, CANDIDATES_MAX), 1):
        yield Candidate(
            row=row,
            what=item.what,
            id=item.id,
            number=item.number,
            amount_minor=item.amount_minor,
            tax_minor=item.tax_minor,
            posted_at=item.posted_at,
            days_apart=abs(_day(item.posted_at) - day),
            same_customer=bool(row.customer_id) and item.customer_id == row.customer_id,
            rank=rank,
        )


def _order(one: Candidate) -> tuple[int, str, str, int]:
    return (-abs(one.row.unexplained), one.row.core_invoice_id, one.row.target, one.rank)


def _posted(row: Row) -> datetime | None:
    """When the row's document was posted; without one, when the core invoice was due to be."""
    live = DocumentStatus(row.document_status).live
    return (row.posted_at if live else None) or row.issued_at or row.end


def _of_document(one: DownstreamInvoice) -> _Item | None:
    """A posted document without a core invoice; its date is its posting, else its making."""
    posted = one.posted_at or one.created_at
    if one.core_invoice_id is not None or not one.status.posted or posted is None:
        return None
    return _Item(
        INVOICE, one.target, one.id, one.number or "", one.core_customer_id or "",
        one.currency, one.gross_minor, one.tax_minor, posted,
    )  # fmt: skip


def _of_memo(one: CreditMemo) -> _Item | None:
    """An issued and approved memo without an invoice; a memo names no customer."""
    issued = one.status is MemoStatus.ISSUED and one.approved
    if issued and not one.unapplied_minor:
        return None  # refunded, or used otherwise
    if one.invoice_id is not None or not issued or one.posted_at is None:
        return None
    return _Item(
        MEMO, one.target, one.id, one.number or "", "",
        one.currency, one.amount_minor, one.tax_minor, one.posted_at,
    )  # fmt: skip


def _day(moment: datetime) -> int:
    return moment.astimezone(UTC).toordinal()
