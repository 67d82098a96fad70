"""What a person is asked to take back: as the rows show it, and as the worklist asks; pure."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from state.worklist import Cause, Flag, FlagState
from sync.books import Ask, Row
from sync.classify import Kind

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
