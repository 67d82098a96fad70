"""Look at the receivables: what stands downstream is seen, never assumed.

Events name what may have moved and each named document is read again; a sweep lists
everything; documents with an open flag are read every time. A flag therefore closes on
what Stripe or the ERP shows, whoever did it and however it became known.
"""

from collections.abc import Collection, Iterable
from dataclasses import dataclass, replace
from typing import TypeVar

from connectors.failures import Incomplete
from connectors.ports import Page, PeriodLock, Register
from state.observations import Changes, Sweep
from state.receivables import (
    PART,
    STRIPE,
    CreditMemo,
    DocumentStatus,
    DownstreamInvoice,
    MemoStatus,
    seen_again,
    whole_of,
)
from state.store import Store
from state.worklist import UNRESOLVED, Flag, FlagState
from sync.linking import Links
from sync.months import dated
from sync.parts import Parts
from sync.progress import Progress

_W = TypeVar("_W", DownstreamInvoice, CreditMemo)
PERIOD_CLOSED = "its period is closed"
# Nothing posted in Stripe can be deleted; in an ERP a person may delete a few, one by one.
DELETED_BY_HAND_MAX = 9


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
    look = _Look(parts, register)
    cursor = parts.store.cursor(cursor_name)
    # The cursor is taken before the sweep: what moves meanwhile is then seen twice.
    hints = register.changes(cursor, parts.clock.now())
    for page in hints.pages:
        look.take(page)
    if sweep or hints.gap or parts.store.last_sweep(target) is None:
        watched = _swept(look, progress)
    else:
        watched = _flagged(parts, target)
    names = [one for one in dict.fromkeys([*hints.ids, *watched]) if one not in look.seen]
    progress.step(f"looking again at {target}", len(names))
    for page in register.look_again(names):
        look.take(page)
        progress.advance(len(page.documents))
    if hints.cursor is not None and hints.cursor != cursor:
        parts.record(Changes(cursors={cursor_name: hints.cursor}))
    return look.total


def _swept(look: "_Look", progress: Progress) -> list[str]:
    """Read everything; answers with the documents to read by id, as they were not in it."""
    parts, target = look.parts, look.register.target
    started = parts.clock.now()
    progress.step(f"reading {target}", None)
    pages = rows = 0
    memos: set[str] = set()
    for page in look.register.sweep():
        pages += 1
        rows += len(page.documents) + len(page.memos)
        memos |= {memo.id for memo in page.memos}
        look.take(page)
        progress.advance(len(page.documents) + len(page.memos))
    if rows == 0:
        _refuse_nothing(parts, target)
    if not memos:
        _refuse_no_memos(parts, target)
    parts.record(Changes(sweeps=(Sweep(target, started, parts.clock.now(), pages, rows),)))
    if target == STRIPE:
        return parts.store.tracked_documents(target)
    ended = {MemoStatus.VOID, MemoStatus.DELETED}
    look.take_memos(
        replace(memo, status=MemoStatus.DELETED)
        for memo in parts.store.iter_memos(target)
        if memo.id not in memos and memo.status not in ended
    )
    return parts.store.standing_documents(target)


def _refuse_nothing(parts: Parts, target: str) -> None:
    """A system that shows nothing where much stood is the wrong one, or half a one."""
    standing = parts.store.standing_documents(target)
    known = parts.store.documents_by_id(target, standing).values()
    posted = sum(one.status is not DocumentStatus.DRAFT for one in known)
    if posted > (0 if target == STRIPE else DELETED_BY_HAND_MAX):
        raise Incomplete(
            f"{target} shows nothing where {posted} posted documents are known; nothing "
            "was concluded. Check that it is the account or company it was"
        )


def _refuse_no_memos(parts: Parts, target: str) -> None:
    """A right to read credit memos that was lost takes away every explanation at once."""
    if target == STRIPE:
        return  # its memos are read with their document, and never concluded to be gone
    issued = sum(one.status is MemoStatus.ISSUED for one in parts.store.iter_memos(target))
    if issued > DELETED_BY_HAND_MAX:
        raise Incomplete(
            f"{target} shows no credit memo where {issued} issued ones are known; nothing "
            "was concluded. Check that its user may still read credit memos"
        )


class _Look:
    """One look at one register: takes pages in, each with what follows from it."""

    def __init__(self, parts: Parts, register: Register) -> None:
        self.parts = parts
        self.register = register
        self.seen: set[str] = set()
        self.total = Observed()
        # What was claimed after this may not be in what is read: no claim has failed by it.
        self._began = parts.clock.now()
        self._links = Links(parts.store)
        self._locks = register.locks()

    def take(self, page: Page) -> None:
        """Record one page with the decisions that follow from it, in one transaction."""
        parts, target = self.parts, self.register.target
        zone = parts.settings.schedule.timezone
        documents = {one.id: _dated(one, zone) for one in page.documents}
        self.seen |= set(documents)
        memos = tuple(_dated(memo, zone) for memo in page.memos)
        if target != STRIPE:
            memos = (*memos, *parts_left_over(parts.store, target, memos))
        if page.whole:
            memos = (*memos, *_taken_off(parts, target, set(documents), memos))
        known = parts.store.documents_by_id(
            target,
            {*documents, *(memo.invoice_id for memo in memos if memo.invoice_id)},
        )
        for name, before in known.items():
            documents[name] = seen_again(before, documents.get(name, before))
        if target != STRIPE:
            linked = self._links.linked(documents.values())
            documents = {one.id: blocked(one, self._locks) for one in linked}
        changes = Changes(documents=tuple(documents.values()), memos=memos)
        whole = parts.decide_and_record(changes, looked_at=self._began)
        self.total = Observed(
            self.total.rows + len(page.documents) + len(page.memos),
            self.total.opened + _count(whole.flags, {FlagState.OPEN, FlagState.REOPENED}),
            self.total.resolved + _count(whole.flags, {FlagState.RESOLVED}),
        )

    def take_memos(self, memos: Iterable[CreditMemo]) -> None:
        """Memos that moved without being in a page."""
        some = tuple(memos)
        if some:
            self.take(Page(memos=some))


def _dated(word: _W, zone: str) -> _W:
    """With the date of an ERP as an instant of that day; Stripe tells instants itself."""
    if word.target == STRIPE:
        return word
    word = replace(word, posted_at=dated(word.posted_at, zone))
    return _memo_dated(word, zone) if isinstance(word, CreditMemo) else word


def _memo_dated(memo: CreditMemo, zone: str) -> CreditMemo:
    given = None
    if memo.given is not None:
        given = tuple(replace(one, at=dated(one.at, zone)) for one in memo.given)
    return replace(
        memo,
        document_at=dated(memo.document_at, zone),
        approved_at=dated(memo.approved_at, zone),
        applied_at=dated(memo.applied_at, zone),
        given=given,
    )


def _taken_off(
    parts: Parts, target: str, documents: set[str], memos: Iterable[CreditMemo]
) -> list[CreditMemo]:
    """Memos that were applied to these documents, and are not in their whole page."""
    here = {memo.id for memo in memos}
    return [
        replace(memo, applied=False, applied_at=None)
        for some in parts.store.memos_of(target, documents).values()
        for memo in some
        if memo.id not in here and memo.applied
    ]


def parts_left_over(
    store: Store, target: str, memos: Collection[CreditMemo]
) -> list[CreditMemo]:
    """Parts of a memo that are known and are not among its parts any more.

    A memo is applied to three invoices, later to one: its second and third part go.
    """
    here = {memo.id for memo in memos}
    gone: list[CreditMemo] = []
    moved = {
        whole_of(one.id): one.applied_at for one in memos if one.applied_at is not None
    }
    edge = {next_part(name) for name in here} - here
    while edge:
        known = store.memos_by_id(target, edge)
        # It went into the others when they were applied, as far as that is told.
        gone += [
            replace(one, status=MemoStatus.VOID, voided_at=moved.get(whole_of(one.id)))
            for one in known.values()
            if one.status is not MemoStatus.VOID
        ]
        edge = {next_part(name) for name in known} - here
    return gone


def next_part(name: str) -> str:
    """The id of the part after this one: M-7, M-7#part2, M-7#part3 ..."""
    whole, _, number = name.rpartition(PART)
    if whole and number.isdigit():
        return f"{whole}{PART}{int(number) + 1}"
    return f"{name}{PART}2"


def blocked(document: DownstreamInvoice, locks: Iterable[PeriodLock]) -> DownstreamInvoice:
    """The document, saying why nobody can void it where its period is closed."""
    if document.void_blocked not in {"", PERIOD_CLOSED} or document.posted_at is None:
        return document
    day = document.posted_at.date()
    closed = any(
        lock.entity_id in {None, document.entity_id} and lock.closes(day) for lock in locks
    )
    return replace(document, void_blocked=PERIOD_CLOSED if closed else "")


def _flagged(parts: Parts, target: str) -> list[str]:
    return [
        flag.subject
        for flag in parts.store.flags(UNRESOLVED)
        if flag.target == target and flag.downstream_id is not None
    ]


def _count(flags: Iterable[Flag], states: set[FlagState]) -> int:
    return sum(flag.state in states for flag in flags)
