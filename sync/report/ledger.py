"""The receivable ledger of a period, twice: from movements, and from balances. Pure.

Movements are what happened in the period, dated by posting. Balances are what the
register itself shows as open at the cutoff. Nothing passes from one to the other, so
that their agreement means something. Amounts are with tax: that is what is owed.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime

from state.receivables import CreditMemo, DocumentStatus, DownstreamInvoice, MemoStatus
from sync.books import AgedBy, Aging
from sync.months import there

MOVEMENTS = (
    "opening",
    "issued",
    "voids_current",
    "voids_prior",
    "memos",
    "payments",
    "write_offs",
    "refunds",
    "other",
)


@dataclass(frozen=True, slots=True)
class Span:
    """A period: from its first instant to the cutoff. Without a start, from the beginning."""

    start: datetime | None
    end: datetime  # what is posted at this instant is in
    today: date | None = None  # balances are so old on this day; None: on the last
    zone: str = "UTC"  # whose days they are
    aging: Aging = field(default_factory=Aging)

    def holds(self, moment: datetime) -> bool:
        """Was it in the period?"""
        return (self.start is None or moment >= self.start) and moment <= self.end


@dataclass(slots=True)
class LedgerRow:
    """One customer in one register and currency; minor units, A/R debit positive."""

    target: str
    currency: str
    customer_id: str
    opening: int = 0
    issued: int = 0
    voids_current: int = 0  # of invoices posted in this period
    voids_prior: int = 0
    memos: int = 0
    payments: int = 0
    write_offs: int = 0
    refunds: int = 0
    other: int = 0
    subledger: int = 0
    buckets: list[int] = field(default_factory=list)  # those of `Aging`, and the last one
    outside: int = 0  # closing of documents that stand in no row of the run
    unapplied: int = 0  # what memos give and no invoice has taken

    @property
    def closing(self) -> int:
        """Opening and every movement."""
        return sum(getattr(self, name) for name in MOVEMENTS)

    @property
    def difference(self) -> int:
        """Computed less sub-ledger; 0 when the two agree."""
        return self.closing - self.subledger


@dataclass(frozen=True, slots=True)
class Version:
    """A document as it was seen, and since when it was so: by its own dates, else as seen."""

    since: datetime
    document: DownstreamInvoice


@dataclass(frozen=True, slots=True)
class MemoVersion:
    """A memo as it was seen, and since when it was so."""

    since: datetime
    memo: CreditMemo


@dataclass(frozen=True, slots=True)
class _Event:
    at: datetime
    kind: str  # one of MOVEMENTS
    minor: int


@dataclass(frozen=True, slots=True)
class _Move:
    at: datetime
    order: int  # among what happened at one instant
    kind: str
    minor: int = 0
    closes: bool | None = None  # from then on nothing is owed, or is again


_CLOSED = {
    DocumentStatus.VOID: "voids",
    DocumentStatus.DELETED: "voids",
    DocumentStatus.UNCOLLECTIBLE: "write_offs",
}


def fold(
    row: LedgerRow,
    versions: Sequence[Version],
    memos: Iterable[Sequence[MemoVersion]],
    span: Span,
    *,
    standing: DownstreamInvoice | None,
    outside: bool = False,
) -> None:
    """Add one document, in all its versions, with its memos, to its customer's row.

    `standing` is the document as it stood at the cutoff: its balance, apart from what is
    told here of how it came to be.
    """
    before = row.closing
    events = list(_events(versions, list(memos)))
    posted = min((one.at for one in events if one.kind == "issued"), default=None)
    for event in events:
        kind = event.kind
        if event.at > span.end:
            continue
        if not span.holds(event.at):
            kind = "opening"
        elif kind == "voids" and posted is not None:
            kind = "voids_current" if span.holds(posted) else "voids_prior"
        setattr(row, kind, getattr(row, kind) + event.minor)
    if outside:
        row.outside += row.closing - before
    row.buckets.extend([0] * (len(span.aging.ends) + 1 - len(row.buckets)))
    if standing is not None:
        row.subledger += standing.owed_minor
        row.buckets[_bucket(standing, span)] += standing.owed_minor


def fold_loose(row: LedgerRow, memo: CreditMemo, span: Span) -> None:
    """Add a memo that is not applied to anything: what is left of it is a credit."""
    if memo.posted_at is not None and memo.posted_at <= span.end:
        row.unapplied += memo.unapplied_minor


def _events(
    versions: Sequence[Version], memos: Iterable[Sequence[MemoVersion]]
) -> Iterable[_Event]:
    """What happened to one document, oldest first, each with its effect on A/R.

    A memo takes off no more than is owed: what it gives beyond is the customer's credit.
    """
    stood = [one for n, one in enumerate(versions) if _stood(one.document, first=n == 0)]
    dates = [one.document.posted_at for one in stood if one.document.posted_at is not None]
    if not dates:
        return
    posted_at = min(dates)  # one that was dated anew stood by the earlier date already
    dated = [_Move(posted_at, 0, "issued", _total(stood[0].document, stood))]
    name = stood[0].document.id
    for one in memos:
        steps = _steps(one, name)
        dated.extend(_Move(max(at, posted_at), 1, "memos", by) for at, by in steps)
    dated.extend(_moves(versions, posted_at))
    asked = balance = 0  # `asked` may fall below zero, what is owed never
    closed = False
    for move in sorted(dated, key=lambda one: (one.at, one.order)):
        before = balance
        asked += move.minor
        closed = closed if move.closes is None else move.closes
        balance = 0 if closed else max(asked, 0)
        if balance != before:
            yield _Event(move.at, move.kind, balance - before)


def _stood(document: DownstreamInvoice, *, first: bool) -> bool:
    """Was it ever in the ledger? A draft that is deleted or cancelled never was."""
    if document.status is DocumentStatus.VOID:
        return first or document.voided_at is not None
    return document.status.posted


def _steps(
    versions: Sequence[MemoVersion], document_id: str
) -> Iterable[tuple[datetime, int]]:
    """What a memo did to one document's balance, from one version to the next."""
    taken = 0
    for number, one in enumerate(versions):
        memo = one.memo
        takes = memo.taken_off_minor if memo.invoice_id == document_id else 0
        if number == 0 and memo.status is MemoStatus.VOID and memo.posted_at is not None:
            if memo.voided_at is None:
                continue  # nobody saw it alive
            yield memo.posted_at, -takes
            taken = takes
        if not _issued(memo):
            takes = 0
        if takes != taken:
            yield _taken_at(one), taken - takes
            taken = takes


def _taken_at(one: MemoVersion) -> datetime:
    """When a memo became so. An approval takes nothing off: it stood in the ledger before."""
    memo = one.memo
    if memo.approved_at is None or memo.approved_at != one.since:
        return one.since
    dates = (memo.posted_at, memo.applied_at)
    return max((at for at in dates if at is not None), default=one.since)


def _moves(versions: Sequence[Version], posted_at: datetime) -> Iterable[_Move]:
    """Payments, voids and write-offs, from one version to the next.

    What a first version already shows, and nothing dates, is held to be as old as its
    posting: nobody saw it otherwise.
    """
    paid, total, before = 0, None, DocumentStatus.DRAFT
    for number, one in enumerate(versions):
        now = one.document
        when = posted_at if number == 0 else max(one.since, posted_at)
        if now.status is not before and before in _CLOSED:
            yield _Move(now.paid_at or when, 2, _CLOSED[before], closes=False)
        if now.status.posted:
            whole = now.gross_minor + now.tax_minor
            if total is not None and whole != total:
                yield _Move(when, 1, "other", whole - total)
            total = whole
        if now.paid_minor != paid:
            kind = "payments" if now.paid_minor > paid else "refunds"
            full = now.status is DocumentStatus.PAID and now.paid_at is not None
            at = now.paid_at if full and now.paid_at else when
            yield _Move(at, 3, kind, paid - now.paid_minor)
            paid = now.paid_minor
        if now.status is not before and now.status in _CLOSED:
            void = now.voided_at if now.status is DocumentStatus.VOID else None
            yield _Move(void or when, 4, _CLOSED[now.status], closes=True)
        before = now.status


def _total(first: DownstreamInvoice, stood: Sequence[Version]) -> int:
    """What was asked for, with tax. Some ERPs set a void document to zero: look further."""
    document = next((one.document for one in stood if one.document.status.posted), first)
    return document.gross_minor + document.tax_minor


def _issued(memo: CreditMemo) -> bool:
    return memo.status is MemoStatus.ISSUED


def _day(moment: datetime | None, zone: str) -> date | None:
    return None if moment is None else there(moment, zone).date()


def _bucket(standing: DownstreamInvoice, span: Span) -> int:
    """Which aging bucket: not yet due, or so many days past; or so many since its date."""
    since = _day(standing.posted_at, span.zone)
    if span.aging.by is AgedBy.DUE and standing.due_on is not None:
        since = standing.due_on
    today = span.today or _day(span.end, span.zone)
    if since is None or today is None:
        return 0
    old, ends = (today - since).days, span.aging.ends
    return next((n for n, last in enumerate(ends) if old <= last), len(ends))
