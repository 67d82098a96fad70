"""Which credit pays first, for what, and what is left of it; pure.

Metronome: a credit applies to positive charges as they come in time order and does not
look forward, so later negative usage is not netted and the credit stays consumed.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime
from decimal import Decimal

from connectors.localcore.words import (
    EXACT,
    ZERO,
    Drawdown,
    LedgerEntry,
    Period,
    Segment,
    sum_exact,
)

START = "CREDIT_SEGMENT_START"
DEDUCTION = "CREDIT_AUTOMATED_INVOICE_DEDUCTION"
CREDITED = "CREDIT_CREDITED"
EXPIRATION = "CREDIT_EXPIRATION"
MANUAL = "CREDIT_MANUAL"
_ALL = 1 << 30  # a credit that is not limited comes after every limited one


def burn_order(
    one: Segment,
) -> tuple[Decimal, bool, int, datetime, datetime, int, int, str]:
    """The order in which segments burn.

    Metronome: priority; on a tie contract before customer; cost basis (a credit's is
    always zero, so it decides nothing here); fewest applicable products, unrestricted
    last; earlier end; earlier start; fewest contracts; then the order of creation.
    """
    scope = len(one.product_ids) + len(one.tags)
    return (
        one.priority,
        not one.contract_level,
        scope or _ALL,
        one.window.end,
        one.window.start,
        _ALL if one.contracts is None else one.contracts,
        one.order,
        one.segment_id,
    )


def may_pay(one: Segment, product_id: str, tags: frozenset[str]) -> bool:
    """Whether a segment may pay for a product at all, whenever."""
    if not one.product_ids and not one.tags:
        return True
    return product_id in one.product_ids or bool(one.tags & tags)


class Purse:
    """What is left of each segment while one draft after another takes its part."""

    def __init__(self, segments: Iterable[Segment]) -> None:
        self._left = {(one.credit_id, one.segment_id): one.left for one in segments}
        self._taken: dict[tuple[str, str], Decimal] = {}

    def pay(self, charge: Decimal, payers: Sequence[Segment]) -> list[tuple[int, Decimal]]:
        """Pay a charge from `payers` in order; (place of the payer, amount) for each.

        A charge that is not above zero is not paid for.
        """
        parts: list[tuple[int, Decimal]] = []
        for place, one in enumerate(payers):
            if charge <= ZERO:
                break
            key = (one.credit_id, one.segment_id)
            part = min(charge, self._left[key])
            if part > ZERO:
                self._left[key] = EXACT.subtract(self._left[key], part)
                self._taken[key] = EXACT.add(self._taken.get(key, ZERO), part)
                charge = EXACT.subtract(charge, part)
                parts.append((place, part))
        return parts

    def drawdowns(self) -> tuple[Drawdown, ...]:
        """What was taken from each segment, in the order in which each was first used."""
        return tuple(Drawdown(*key, amount) for key, amount in self._taken.items())


# --- ledgers ----------------------------------------------------------------------------


def remaining(amount: Decimal, entries: Iterable[LedgerEntry]) -> Decimal:
    """What a segment of `amount` could pay after its entries; never below zero."""
    return max(ZERO, EXACT.add(amount, sum_exact(one.amount for one in entries)))


def ledger(
    segment_id: str,
    amount: Decimal,
    window: Period,
    entries: Sequence[LedgerEntry],
    settled_until: datetime,
) -> list[LedgerEntry]:
    """A segment's ledger, oldest first.

    Its start, what was written to it, and, once its window is over and every period that
    could draw on it is final (`settled_until`), the expiration of what is left. Manual
    entries may overdraw a segment; then nothing expires.
    """
    whole = [LedgerEntry(START, amount, window.start, segment_id), *entries]
    rest = sum_exact(one.amount for one in whole)
    if window.end <= settled_until and rest > ZERO:
        last = max(one.at for one in whole)
        whole.append(
            LedgerEntry(EXPIRATION, rest.copy_negate(), max(window.end, last), segment_id)
        )
    return sorted(whole, key=lambda one: one.at)


def balance(
    ledgers: Iterable[tuple[Period, Sequence[LedgerEntry]]], now: datetime
) -> Decimal:
    """What is accessible now: the sum of the ledgers whose window is open, at least 0.

    Metronome: expired and future segments count nothing.
    """
    total = sum_exact(
        entry.amount
        for window, entries in ledgers
        if window.holds(now)
        for entry in entries
    )
    return max(ZERO, total)


def drawn_by_invoice(entries: Iterable[LedgerEntry]) -> dict[str, Decimal]:
    """What each invoice still holds of a segment; one that was given back holds nothing."""
    held: dict[str, Decimal] = {}
    for one in entries:
        if one.invoice_id is not None:
            held[one.invoice_id] = EXACT.subtract(
                held.get(one.invoice_id, ZERO), one.amount
            )
    return {name: amount for name, amount in held.items() if amount != ZERO}
