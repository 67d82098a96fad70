"""What the worklist asked for at a cutoff, in the books of the cutoff.

A flag says what its document was worth when it was last looked at. At a cutoff in the past
more may be known by now, as a memo that was dated before it and written after it: then the
flag is worth what the books of the cutoff say. And the work itself may have been found, or
found again, only afterwards.
"""

from collections.abc import Iterable
from dataclasses import replace

from state.store import PastBooks
from state.worklist import UNRESOLVED, Flag
from sync.decide import Held
from sync.exposure import TAKEN_BACK, Asked


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
