"""Twins: a Stripe credit note and the ERP memo that was made from it are one event; pure.

Each leg counts its own memo, once, and two legs are never added, so no figure hangs on what
is found here. It is shown, so that a person sees which memo of one register has none in the
other. A memo that names the other, by number or id, is its twin; else one on the same core
invoice of the same amount is taken for it, the nearest in time, and said to be.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime

from state.receivables import STRIPE, CreditMemo, DownstreamInvoice, MemoStatus

NAMED, BY_AMOUNT = "named", "by amount"
_STANDS = frozenset({MemoStatus.ISSUED, MemoStatus.VOID})
_WORD = re.compile(r"[\w.#/-]+")
_LONG_AGO = datetime(1970, 1, 1, tzinfo=UTC)
Key = tuple[str, str]  # register, and the memo's id in it


@dataclass(frozen=True, slots=True)
class Twin:
    """A memo of another register that stands for the same event."""

    target: str
    id: str
    number: str
    how: str  # NAMED or BY_AMOUNT

    def __str__(self) -> str:
        """As a report shows it."""
        return f"{self.target} {self.number or self.id} ({self.how})"


@dataclass(frozen=True, slots=True)
class Twins:
    """The twins of each memo, one at most in each other register."""

    by_memo: Mapping[Key, tuple[Twin, ...]] = field(default_factory=dict)
    by_ref: Mapping[tuple[str, str, str], tuple[Twin, ...]] = field(default_factory=dict)

    def of(self, memo: CreditMemo) -> tuple[Twin, ...]:
        """A memo's twins."""
        return self.by_memo.get((memo.target, memo.id), ())

    def of_refs(self, target: str, core_id: str, refs: Iterable[str]) -> tuple[Twin, ...]:
        """The twins of the memos that a row names."""
        return tuple(
            twin for ref in refs for twin in self.by_ref.get((target, core_id, ref), ())
        )

    def alone(
        self, target: str, core_id: str, refs: Iterable[str], other: str
    ) -> list[str]:
        """The memos that a row names and that have no twin in the other register."""
        return [
            ref
            for ref in refs
            if all(
                twin.target != other for twin in self.by_ref.get((target, core_id, ref), ())
            )
        ]


def twins_of(
    memos: Iterable[CreditMemo], documents: Mapping[Key, DownstreamInvoice]
) -> Twins:
    """Pair the memos of Stripe with those of each other register, by core invoice."""
    by_core: dict[str, list[CreditMemo]] = {}
    for memo in memos:
        document = documents.get((memo.target, memo.invoice_id or ""))
        core = document.core_invoice_id if document is not None else None
        if core is not None and memo.status in _STANDS:
            by_core.setdefault(core, []).append(memo)
    by_memo: dict[Key, tuple[Twin, ...]] = {}
    by_ref: dict[tuple[str, str, str], tuple[Twin, ...]] = {}
    for core, some in by_core.items():
        notes = [memo for memo in some if memo.target == STRIPE]
        if not notes or len(notes) == len(some):
            continue
        for one, other, how in _paired(notes, some):
            for memo, twin in ((one, other), (other, one)):
                made = (Twin(twin.target, twin.id, twin.number or "", how),)
                key = (memo.target, memo.id)
                by_memo[key] = by_memo.get(key, ()) + made
                by_ref[memo.target, core, memo.number or memo.id] = by_memo[key]
    return Twins(by_memo, by_ref)


def _paired(
    notes: list[CreditMemo], some: list[CreditMemo]
) -> Iterable[tuple[CreditMemo, CreditMemo, str]]:
    for target in sorted({memo.target for memo in some} - {STRIPE}):
        left = sorted(notes, key=_when)
        others = sorted((memo for memo in some if memo.target == target), key=_when)
        for fits, how in ((_names, NAMED), (_alike, BY_AMOUNT)):
            for other in list(others):
                found = [note for note in left if fits(note, other)]
                if found:
                    note = min(found, key=lambda one: (_apart(one, other), _when(one)))
                    left.remove(note)
                    others.remove(other)
                    yield note, other, how


def _names(one: CreditMemo, other: CreditMemo) -> bool:
    """Does one of them hold the other's number or id as a word?"""
    return bool(_called(one) & _words(other) or _called(other) & _words(one))


def _called(memo: CreditMemo) -> set[str]:
    return {name for name in (memo.id, memo.number) if name}


def _words(memo: CreditMemo) -> set[str]:
    texts = (memo.number, memo.text, memo.reason)
    return {word.strip(".") for text in texts if text for word in _WORD.findall(text)}


def _alike(one: CreditMemo, other: CreditMemo) -> bool:
    return (one.status, one.currency, one.amount_minor) == (
        other.status,
        other.currency,
        other.amount_minor,
    )


def _apart(one: CreditMemo, other: CreditMemo) -> int:
    gap = (one.posted_at or _LONG_AGO) - (other.posted_at or _LONG_AGO)
    return abs(int(gap.total_seconds()))


def _when(memo: CreditMemo) -> tuple[datetime, str]:
    return (memo.posted_at or _LONG_AGO, memo.id)
