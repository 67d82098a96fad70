"""What moved between two runs, told exactly: which row, which amount, from what to what. Pure."""

from collections.abc import Iterable, Mapping
from dataclasses import fields
from typing import Any

from state.money import display
from sync.books import Excluded, Row, Run

NAMED_MAX = 3  # of a sort are told one by one; the others are counted
WORDS: Mapping[str, str] = {
    "kind": "class",
    "core_minor": "core amount",
    "gross_minor": "gross",
    "memos_minor": "memos",
    "unexplained": "unexplained",
    "timing": "timing",
    "paid_minor": "paid",
    "open_minor": "open balance",
    "core_status": "core status",
    "document_id": "document",
    "document_status": "status",
    "posted_at": "posting date",
    "memo_refs": "memo numbers",
    "flag_refs": "flags",
}
_AMOUNTS = frozenset(
    {name for name in WORDS if name.endswith("_minor")} | {"unexplained", "timing"}
)


def difference(before: Run, after: Run) -> str:
    """What moved between two runs, in one line; '' where nothing did."""
    words = [*_rows(before, after), *_excluded(before.excluded, after.excluded)]
    words += _counted(before, after)
    for currency in sorted({row.currency for row in (*before.rows, *after.rows)}):
        sums = [
            sum(row.unexplained for row in run.rows if row.currency == currency)
            for run in (before, after)
        ]
        if sums[0] != sums[1]:
            was, now = (display(minor, currency) for minor in sums)
            words.append(f"unexplained in all {was} to {now} {currency}")
    if before.outcome != after.outcome:
        words.append(f"outcome {before.outcome} to {after.outcome}")
    return "; ".join(words)


def _rows(before: Run, after: Run) -> Iterable[str]:
    then = {row.key: row for row in before.rows}
    now = {row.key: row for row in after.rows}
    moved = sorted(key for key in now.keys() & then.keys() if now[key] != then[key])
    if moved:
        yield _told("changed", [_moved(then[key], now[key]) for key in moved])
    if new := sorted(now.keys() - then.keys()):
        yield _told("new", [_named(now[key]) for key in new])
    if gone := sorted(then.keys() - now.keys()):
        yield _told("gone", [_named(then[key]) for key in gone])


def _told(what: str, rows: list[str]) -> str:
    named = "; ".join(rows[:NAMED_MAX])
    more = f"; and {len(rows) - NAMED_MAX} more" if len(rows) > NAMED_MAX else ""
    count = "1 row" if len(rows) == 1 else f"{len(rows)} rows"
    return f"{count} {what} ({named}{more})"


def _named(row: Row) -> str:
    return f"{row.target} {row.core_invoice_id} {row.kind}"


def _moved(was: Row, now: Row) -> str:
    """The first thing that a reader would see, and how many others there are."""
    names = [one.name for one in fields(Row)]
    names.sort(key=lambda name: list(WORDS).index(name) if name in WORDS else len(WORDS))
    moved = [name for name in names if getattr(was, name) != getattr(now, name)]
    told = [
        f"{WORDS[name]} {_value(was, name)} to {_value(now, name)}"
        for name in moved
        if name in WORDS
    ]
    told = told[:NAMED_MAX] or [f"{moved[0].replace('_', ' ')}"]
    return f"{now.target} {now.core_invoice_id}: {', '.join(told)}"


def _value(row: Row, name: str) -> str:
    value: Any = getattr(row, name)
    if name in _AMOUNTS:
        return display(value, row.currency)
    if isinstance(value, tuple):
        return ", ".join(value) or "none"
    return str(value) or "none"


def _excluded(before: Iterable[Excluded], after: Iterable[Excluded]) -> Iterable[str]:
    """What is left out belongs to the figures: closing A/R and completeness rest on it."""
    then, now = set(before), set(after)
    for what, some in (("newly left out", now - then), ("no longer left out", then - now)):
        named = sorted(some, key=lambda one: (one.target, one.what, one.id))
        if named:
            told = "; ".join(
                f"{one.target} {one.what} {one.id}"
                f" of {display(one.amount_minor, one.currency)} {one.currency}".rstrip()
                + f", as it {one.reason}"
                for one in named[:NAMED_MAX]
            )
            more = len(named) - NAMED_MAX
            yield f"{what}: {told}" + (f"; and {more} more" if more > 0 else "")


def _counted(before: Run, after: Run) -> Iterable[str]:
    """What is counted rather than listed, and what a run says beside its rows."""
    if before.matched != after.matched:
        counts = [sum(one.count for one in run.matched) for run in (before, after)]
        same = "with other figures" if counts[0] == counts[1] else ""
        yield f"plainly matched rows {counts[0]} to {counts[1]} {same}".rstrip()
    if before.chains != after.chains:
        yield f"findings on chains {len(before.chains)} to {len(after.chains)}"
    if (before.pairs, before.agreed) != (after.pairs, after.agreed):
        yield f"pairs of Stripe and an ERP {len(before.pairs)} to {len(after.pairs)}"
    failed = [[one.name for one in run.checks if not one.ok] for run in (before, after)]
    if failed[0] != failed[1]:
        yield f"failed checks: {', '.join(failed[1]) or 'none'}"
