"""Look at the receivables: what stands downstream is seen, never assumed.

Events name what may have moved and each named document is read again; a sweep lists
everything; documents with an open flag are read every time. A flag therefore closes on
what Stripe or the ERP shows, whoever did it and however it became known.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

from connectors.ports import Page, Register
from state.observations import Changes, Sweep
from state.receivables import DocumentStatus, DownstreamInvoice
from state.worklist import UNRESOLVED, Flag, FlagState
from sync.flags import STRIPE
from sync.parts import Parts
from sync.progress import Progress


@dataclass(frozen=True, slots=True)
class Observed:
    """What a look brought."""

    rows: int = 0
    opened: int = 0
    resolved: int = 0


def observe(
    parts: Parts, register: Register, progress: Progress, *, sweep: bool
) -> Observed:
    """Read one register: what changed, what is flagged, and on a sweep everything."""
    target = register.target
    cursor_name = f"{target}.changes"
    started = parts.clock.now()
    cursor = parts.store.cursor(cursor_name)
    # The cursor is taken before the sweep: what moves meanwhile is then seen twice.
    hints = register.changes(cursor, started)
    swept: set[str] = set()
    total = Observed()
    if sweep or hints.gap or parts.store.last_sweep(target) is None:
        progress.step(f"reading {target}", None)
        pages = 0
        for page in register.sweep(None):
            pages += 1
            swept |= {document.id for document in page.documents}
            total = _add(total, _take(parts, target, page))
            progress.advance(len(page.documents) + len(page.memos))
        finished = parts.clock.now()
        parts.record(Changes(sweeps=(Sweep(target, started, finished, pages, total.rows),)))
        watched: Iterable[str] = parts.store.tracked_documents(target)
    else:
        watched = _flagged(parts, target)
    names = [name for name in dict.fromkeys([*hints.ids, *watched]) if name not in swept]
    progress.step(f"looking again at {target}", len(names))
    for name in names:
        total = _add(total, _take(parts, target, register.read(name)))
        progress.advance()
    if hints.cursor is not None and hints.cursor != cursor:
        parts.record(Changes(cursors={cursor_name: hints.cursor}))
    return total


def _take(parts: Parts, target: str, page: Page) -> Observed:
    """Record one page with the decisions that follow from it, in one transaction."""
    looked_at = parts.clock.now()
    documents = {document.id: document for document in page.documents}
    known = parts.store.documents_by_id(
        target,
        {*documents, *(memo.invoice_id for memo in page.memos if memo.invoice_id)},
    )
    for name, before in known.items():
        documents[name] = _merged(before, documents.get(name, before))
    if target != STRIPE:
        documents = {one.id: one for one in _linked(parts, documents.values())}
    changes = Changes(documents=tuple(documents.values()), memos=page.memos)
    whole = parts.decide_and_record(changes, looked_at=looked_at)
    return Observed(
        rows=len(page.documents) + len(page.memos),
        opened=_count(whole.flags, {FlagState.OPEN, FlagState.REOPENED}),
        resolved=_count(whole.flags, {FlagState.RESOLVED}),
    )


def _merged(before: DownstreamInvoice, now: DownstreamInvoice) -> DownstreamInvoice:
    """A deleted document shows nothing any more, and an ERP zeroes what it voids.

    Keep what it was: the exposure that was closed is part of the evidence.
    """
    if now.status is DocumentStatus.DELETED:
        return replace(before, status=DocumentStatus.DELETED, open_minor=0)
    if now.status is DocumentStatus.VOID and now.gross_minor == 0:
        return replace(now, gross_minor=before.gross_minor, tax_minor=before.tax_minor)
    return now


def _linked(
    parts: Parts, documents: Iterable[DownstreamInvoice]
) -> Iterator[DownstreamInvoice]:
    """An ERP document may name the Stripe invoice it was copied from: follow it."""
    some = list(documents)
    names = {one.core_invoice_id for one in some if one.core_invoice_id is not None}
    through = parts.store.documents_by_id(STRIPE, names)
    for document in some:
        stripe = through.get(document.core_invoice_id or "")
        if stripe is not None and stripe.core_invoice_id is not None:
            yield replace(document, core_invoice_id=stripe.core_invoice_id)
        else:
            yield document


def annotate(parts: Parts, progress: Progress) -> int:
    """Show each void flag where the person works: in the Stripe invoice's metadata.

    Stripe: metadata stays editable after finalization. Also names the invoice that
    replaces it, so that the two are linked both ways.
    """
    flags = [
        flag
        for flag in parts.store.flags(UNRESOLVED)
        if flag.target == STRIPE and flag.cause == "VOIDED_IN_CORE"
    ]
    progress.step("showing flags in Stripe", len(flags))
    written = 0
    for flag in flags:
        written += _annotate(parts, flag)
        progress.advance()
    return written


def _annotate(parts: Parts, flag: Flag) -> int:
    document = parts.store.documents_by_id(STRIPE, {flag.subject}).get(flag.subject)
    if document is None:
        return 0
    replaced_by = None
    if flag.successor is not None:
        record = parts.store.push(flag.successor)
        replaced_by = record.document_id if record is not None else None
    if document.flagged and document.replaced_by == replaced_by:
        return 0
    metadata = {"tieout_flag": "void_requested"}
    if replaced_by is not None:
        metadata["replaced_by"] = replaced_by
    key = f"{parts.instance}:{flag.core_invoice_id}:flag:{document.id}:{replaced_by or '-'}"
    seen = parts.stripe.annotate(document.id, metadata, key=key)
    parts.record(Changes(documents=(_merged(document, seen),)))
    return 1


def _flagged(parts: Parts, target: str) -> list[str]:
    return [
        flag.subject
        for flag in parts.store.flags(UNRESOLVED)
        if flag.target == target and flag.downstream_id is not None
    ]


def _count(flags: Iterable[Flag], states: set[FlagState]) -> int:
    return sum(flag.state in states for flag in flags)


def _add(one: Observed, other: Observed) -> Observed:
    return Observed(
        one.rows + other.rows, one.opened + other.opened, one.resolved + other.resolved
    )
