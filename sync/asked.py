"""What the worklist asked for at a cutoff, in the books of the cutoff.

A flag says what its document was worth when it was last looked at. At a cutoff in the past
more may be known by now, as a memo that was dated before it and written after it: then the
flag is worth what the books of the cutoff say. And the work itself may have been found, or
found again, only afterwards.
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from state.store import PastBooks
from state.worklist import UNRESOLVED, Cause, Flag, FlagState
from sync.books import Ask, Row
from sync.classify import Kind
from sync.decide import Held

TAKEN_BACK = frozenset({Cause.VOIDED_IN_CORE, Cause.DUPLICATE_DOWNSTREAM})
VOIDS = frozenset(
    {
        Kind.VOID_PENDING,
        Kind.VOID_PENDING_PARTIAL_MEMO,
        Kind.VOID_BLOCKED_PAID,
        Kind.VOID_BLOCKED_PART_PAID,
    }
)


@dataclass(frozen=True, slots=True)
class Asked:
    """The flags that stood at a cutoff, and those that were raised only after it."""

    flags: tuple[Flag, ...]
    raised_later: frozenset[tuple[str, str]] = frozenset()  # (register, document)


def asked(books: PastBooks, later: PastBooks | None) -> Asked:
    """The worklist at the cutoff of `books`; `later` is what is known now, if that is more."""
    flags = tuple(books.each_flag())
    if later is None:
        return Asked(flags)
    raised = [
        key
        for some in books.moved_later("flag", sorted(one.value for one in UNRESOLVED))
        for key in some
    ]
    named = {"|".join(flag.key): flag for flag in later.each_flag()}
    return Asked(
        tuple(_restated(books, flags)),
        frozenset(
            (flag.target, flag.subject)
            for key in raised
            for flag in [named[key]]
            if flag.cause in TAKEN_BACK
        ),
    )


def asks_of(row: Row) -> tuple[Ask, ...]:
    """What a void or duplicate row asks a person to take back, document by document."""
    if row.asks or row.kind not in {*VOIDS, Kind.DUPLICATE_DOWNSTREAM}:
        return row.asks
    return (Ask(row.document_id, row.unexplained + row.timing, row.unexplained),)


def wrongly_billed(
    rows: Iterable[Row], work: Asked
) -> tuple[Mapping[str, int], Mapping[str, int]]:
    """By currency: what void and duplicate rows show, and what the worklist asks for.

    Of duplicates that is the rows' unexplained amount without what the document that stays
    differs by on its own. What was done after the cutoff was still to be done at it; but
    where no flag ever asked for it, it was done before anybody looked. Where the work was
    found only after the cutoff, the later flag stands for the row's own figure.
    """
    flags = {
        (flag.target, flag.subject): flag
        for flag in work.flags
        if flag.cause in TAKEN_BACK and flag.state is not FlagState.RESOLVED
    }
    shown: Counter[str] = Counter()
    wanted: Counter[str] = Counter()
    for row in rows:
        asks = asks_of(row)
        figure = row.unexplained + row.timing - row.own_minor if asks else 0
        for ask in asks:
            keys = [(row.target, name) for name in ask.document_id.split(", ")]
            found = [flags[key] for key in keys if key in flags]
            if not ask.minor:
                continue  # it stays, or asks for nothing
            if any(key in work.raised_later for key in keys):
                wanted[row.currency] += ask.minor
            elif not found:
                figure -= ask.minor - ask.left
            else:
                for flag in found:
                    wanted[flag.currency] += flag.exposure_minor
        shown[row.currency] += figure
    return shown, wanted


def _restated(books: PastBooks, flags: Iterable[Flag]) -> Iterable[Flag]:
    """Each flag, worth what its document was worth at the cutoff."""
    some = list(flags)
    by_register: dict[str, set[str]] = {}
    for flag in some:
        if flag.cause in TAKEN_BACK and flag.downstream_id is not None:
            by_register.setdefault(flag.target, set()).add(flag.downstream_id)
    held: dict[tuple[str, str], Held] = {}
    for target, ids in by_register.items():
        memos = books.memos_of(target, ids)
        for name, document in books.documents_by_id(target, ids).items():
            held[target, name] = Held(document, tuple(memos.get(name, ())))
    for flag in some:
        known = held.get((flag.target, flag.downstream_id or ""))
        if flag.cause in TAKEN_BACK and known is not None:
            yield replace(flag, exposure_minor=known.exposure_minor)
        else:
            yield flag
