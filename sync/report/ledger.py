"""The receivable ledger of a period, twice: from movements, and from balances. Pure.

Movements are what happened in the period, dated by posting. Balances are what the
register itself shows as open at the cutoff. Nothing passes from one to the other, so
that their agreement means something. Amounts are with tax: that is what is owed.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime

from state.receivables import CreditMemo, DocumentStatus, DownstreamInvoice, MemoStatus

BUCKETS = (0, 30, 60, 90)  # days past due at which a bucket ends; the last has no end
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
    buckets: list[int] = field(default_factory=lambda: [0] * (len(BUCKETS) + 1))
    outside: int = 0  # closing of documents that stand in no row of the run
    unapplied: int = 0  # memos that name no invoice
    after_payment: int = 0  # credited on money already paid

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
    """A document as it was seen at a time."""

    seen_at: datetime
    document: DownstreamInvoice


@dataclass(frozen=True, slots=True)
class _Event:
    at: datetime
    kind: str  # one of MOVEMENTS
    minor: int


def fold(
    row: LedgerRow,
    versions: Sequence[Version],
    memos: Iterable[CreditMemo],
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
    if standing is not None:
        due = standing.due_on or _day(standing.posted_at)
        row.subledger += standing.owed_minor
        row.buckets[_bucket(due, span.end)] += standing.owed_minor


def fold_loose(row: LedgerRow, memo: CreditMemo, span: Span) -> None:
    """Add a memo that names no invoice: a credit that is not applied to anything."""
    if _issued(memo) and memo.posted_at is not None and memo.posted_at <= span.end:
        row.unapplied += memo.amount_minor + memo.tax_minor


def _events(versions: Sequence[Version], memos: list[CreditMemo]) -> Iterable[_Event]:
    """What happened to one document, oldest first, each with its effect on A/R."""
    dated: list[tuple[datetime, int, str, int]] = []
    total = _total(versions)
    first = next((one for one in versions if one.document.posted_at is not None), None)
    if first is None or first.document.posted_at is None:
        return
    posted_at = first.document.posted_at
    dated.append((posted_at, 0, "issued", total))
    for memo in memos:
        applied = memo.amount_minor + memo.tax_minor - memo.post_payment_minor
        at = memo.posted_at or posted_at
        counted = memo.status in {MemoStatus.ISSUED, MemoStatus.VOID} and memo.applied
        if not counted or applied == 0:
            continue
        dated.append((at, 1, "memos", -applied))
        if memo.status is MemoStatus.VOID and memo.voided_at is not None:
            dated.append((memo.voided_at, 3, "memos", applied))
    dated.extend(_moves(versions))
    balance, written_off = 0, 0
    for at, _, kind, amount in sorted(dated, key=lambda one: (one[0], one[1])):
        effect = amount
        if kind in {"voids", "write_offs"}:
            effect = -balance
        elif kind == "recovered":
            effect = -written_off
        if kind in {"write_offs", "recovered"}:
            written_off = effect if kind == "write_offs" else 0
        balance += effect
        if effect:
            yield _Event(at, "write_offs" if kind == "recovered" else kind, effect)


def _moves(versions: Sequence[Version]) -> Iterable[tuple[datetime, int, str, int]]:
    """Payments, voids and write-offs, from one version to the next."""
    paid, before = 0, DocumentStatus.DRAFT
    for one in versions:
        now = one.document
        when = one.seen_at
        if before is DocumentStatus.UNCOLLECTIBLE and now.status is not before:
            yield (now.paid_at or when, 2, "recovered", 0)
        if now.paid_minor != paid:
            kind = "payments" if now.paid_minor > paid else "refunds"
            full = now.status is DocumentStatus.PAID and now.paid_at is not None
            yield (
                now.paid_at if full and now.paid_at else when,
                3,
                kind,
                paid - now.paid_minor,
            )
            paid = now.paid_minor
        if now.status is not before:
            if now.status is DocumentStatus.VOID:
                yield (now.voided_at or when, 4, "voids", 0)
            elif now.status is DocumentStatus.UNCOLLECTIBLE:
                yield (when, 4, "write_offs", 0)
        before = now.status


def _total(versions: Sequence[Version]) -> int:
    """What was asked for, with tax. Some ERPs set a void document to zero: look before."""
    posted = [one.document for one in versions if one.document.status.posted]
    last = posted[-1] if posted else versions[-1].document
    return last.gross_minor + last.tax_minor


def _issued(memo: CreditMemo) -> bool:
    return memo.status is MemoStatus.ISSUED


def _day(moment: datetime | None) -> date | None:
    return None if moment is None else moment.astimezone(UTC).date()


def _bucket(due: date | None, end: datetime) -> int:
    """Which aging bucket: not yet due, or so many days past."""
    if due is None:
        return 0
    late = (end.astimezone(UTC).date() - due).days
    return next((n for n, last in enumerate(BUCKETS) if late <= last), len(BUCKETS))
