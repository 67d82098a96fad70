"""What came after the cutoff: not counted, but listed, and told where it clears a row."""

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime

from state.receivables import CreditMemo, DocumentStatus, DownstreamInvoice, MemoStatus
from state.store import PastBooks
from sync.books import Pair, Row, Subsequent
from sync.ledger import CHUNK, Ground, chunks, rows_now
from sync.pairs import order, paired, timed

Key = tuple[str, str, str]  # register, core invoice, currency

_CLOSED = [DocumentStatus.VOID.value, DocumentStatus.DELETED.value]
_MEMOS = [MemoStatus.ISSUED.value, MemoStatus.VOID.value, MemoStatus.DELETED.value]


def after_cutoff(ground: Ground, rows: Iterable[Row]) -> tuple[Subsequent, ...]:
    """Memos and voids of documents that stood at the cutoff, and documents that came late."""
    if ground.later is None:
        return ()
    timed = {
        (row.target, row.core_invoice_id, row.currency): row for row in rows if row.timing
    }
    found = [
        *_voids(ground.books, ground.later, timed),
        *_memos(ground.books, ground.later, timed),
        *_late(ground.later, timed),
    ]
    return tuple(
        sorted(found, key=lambda one: (one.posted_at, one.target, one.what, one.id))
    )


def pairs_with_timing(ground: Ground, pairs: Sequence[Pair]) -> tuple[Pair, ...]:
    """Part of what Stripe and an ERP do not agree on may have been cleared afterwards."""
    names = sorted({pair.core_invoice_id for pair in pairs if pair.unexplained})
    if ground.later is None or not names:
        return tuple(pairs)
    rows: list[Row] = []
    for some in chunks(iter(names), CHUNK):
        rows.extend(rows_now(ground, some))
    now = paired(rows, ground.targets, ground.tolerance, ground.period.zone).pairs
    left = {(one.target, one.core_invoice_id, one.currency): one.unexplained for one in now}
    crossed = {(one.target, one.core_invoice_id, one.stripe_currency) for one in now}
    made = []
    for pair in pairs:
        key = (pair.target, pair.core_invoice_id, pair.currency)
        cleared = pair.unexplained and (key in left or key not in crossed)
        made.append(timed(pair, left.get(key, 0)) if cleared else pair)
    return tuple(sorted(made, key=order))


def _voids(
    books: PastBooks, later: PastBooks, timed: dict[Key, Row]
) -> Iterator[Subsequent]:
    for some in books.moved_later("document", _CLOSED):
        for target, ids in _by_register(some).items():
            before = books.documents_by_id(target, ids)
            for name, now in later.documents_by_id(target, ids).items():
                was = before.get(name)
                if was is None or not was.status.posted or now.status.posted:
                    continue
                yield _event(
                    now, "void", was.gross_minor, now.voided_at, books.moment, timed
                )


def _memos(
    books: PastBooks, later: PastBooks, timed: dict[Key, Row]
) -> Iterator[Subsequent]:
    for some in books.moved_later("memo", _MEMOS):
        before, now = books.memos_by_id(some), later.memos_by_id(some)
        for key in some:
            memo, was = now.get(key), before.get(key)
            if memo is None or memo.invoice_id is None:
                continue
            found = _what_moved(memo, was)
            if found is None:
                continue
            what, stands, when = found
            document = books.documents_by_id(memo.target, [memo.invoice_id]).get(
                memo.invoice_id
            )
            if document is None:
                continue
            core = document.core_invoice_id or ""
            yield Subsequent(
                memo.target,
                what,
                memo.id,
                memo.invoice_id,
                core,
                memo.currency,
                -memo.amount_minor if stands else memo.amount_minor,
                max(when or books.moment, books.moment),
                clears=(memo.target, core, memo.currency) in timed,
            )


def _what_moved(
    memo: CreditMemo, was: CreditMemo | None
) -> tuple[str, bool, datetime | None] | None:
    """What a memo became after the cutoff, whether it counts since, and when.

    None: what it explained it still explains, and nothing more.
    """
    issued = memo.status is MemoStatus.ISSUED
    if was is None or was.status is not MemoStatus.ISSUED:
        return ("memo", True, memo.posted_at) if issued else None
    if not issued:
        return "memo void", False, memo.voided_at
    if memo.explains == was.explains:
        return None
    if memo.approved != was.approved:
        what = "memo approved" if memo.approved else "memo refused"
        return what, memo.approved, memo.approved_at
    return "memo applied" if memo.applied else "memo freed", memo.applied, memo.applied_at


def _late(later: PastBooks, timed: dict[Key, Row]) -> Iterator[Subsequent]:
    """A document that was posted only afterwards clears what was missing."""
    missing = {key: row for key, row in timed.items() if not row.gross_minor}
    documents = later.documents_of({core for _, core, _ in missing})
    for core, some in sorted(documents.items()):
        for document in some:
            row = missing.get((document.target, core, document.currency))
            if row is None or document.id == row.document_id or not document.status.posted:
                continue
            when = document.posted_at or document.created_at or later.moment
            yield _event(document, "invoice", document.gross_minor, when, when, timed)


def _event(
    document: DownstreamInvoice,
    what: str,
    minor: int,
    when: datetime | None,
    cutoff: datetime,
    timed: dict[Key, Row],
) -> Subsequent:
    core = document.core_invoice_id or ""
    return Subsequent(
        document.target,
        what,
        document.id,
        document.id,
        core,
        document.currency,
        -minor if what == "void" else minor,
        max(when or cutoff, cutoff),
        clears=(document.target, core, document.currency) in timed,
    )


def _by_register(keys: Iterable[str]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for key in keys:
        target, _, name = key.partition("|")
        found.setdefault(target, []).append(name)
    return found
