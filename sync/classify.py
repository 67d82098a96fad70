"""Classify one core invoice against what stands downstream, with memos as explanation.

Pure and total. Amounts are integers in the document's currency, ex tax; a positive
variance means that the customer is billed too much downstream. A memo has two uses, told
apart here: it *closes* an over-billing, or it *explains* being below the core.

    gross_variance = G - C        G the gross of a posted document, C a finalized amount
    net_variance   = gross_variance - memos == rounding + explained + unexplained
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from state.invoices import CoreStatus
from state.receivables import DocumentStatus, MemoStatus


class Kind(StrEnum):
    """What a leg, an invoice or a chain is found to be; from best to worst."""

    NOT_CONFIGURED = "NOT_CONFIGURED"
    NOT_DUE = "NOT_DUE"
    VOID_NEVER_PUSHED = "VOID_NEVER_PUSHED"
    IGNORED_CLOSED = "IGNORED_CLOSED"
    ZERO_NOT_PUSHED = "ZERO_NOT_PUSHED"
    MATCHED = "MATCHED"
    VOIDED_BOTH = "VOIDED_BOTH"
    CREDITED_IN_FULL = "CREDITED_IN_FULL"
    ROUNDING = "ROUNDING"
    EXPLAINED_BY_MEMO = "EXPLAINED_BY_MEMO"
    CORRECTED_BY_MEMO = "CORRECTED_BY_MEMO"
    PUSH_PENDING = "PUSH_PENDING"
    AWAITING_FINALIZATION = "AWAITING_FINALIZATION"
    OVER_CREDITED = "OVER_CREDITED"
    PARTIALLY_CORRECTED = "PARTIALLY_CORRECTED"
    NOT_IN_CORE = "NOT_IN_CORE"
    PREMATURE = "PREMATURE"
    MEMO_EXCEEDS_INVOICE = "MEMO_EXCEEDS_INVOICE"
    MEMO_ON_VOID = "MEMO_ON_VOID"
    NEGATIVE_INVOICE = "NEGATIVE_INVOICE"
    UNDERBILLED = "UNDERBILLED"
    OVERBILLED = "OVERBILLED"
    DRAFT_MISMATCH = "DRAFT_MISMATCH"
    VOIDED_DOWNSTREAM_ONLY = "VOIDED_DOWNSTREAM_ONLY"
    MISSING_DOWNSTREAM = "MISSING_DOWNSTREAM"
    CURRENCY_MISMATCH = "CURRENCY_MISMATCH"
    VOID_PENDING_DRAFT = "VOID_PENDING_DRAFT"
    VOID_PENDING_PARTIAL_MEMO = "VOID_PENDING_PARTIAL_MEMO"
    VOID_PENDING = "VOID_PENDING"
    VOID_BLOCKED_PART_PAID = "VOID_BLOCKED_PART_PAID"
    VOID_BLOCKED_PAID = "VOID_BLOCKED_PAID"
    # Found before the ladder: the books themselves are crossed.
    LINK_CONFLICT = "LINK_CONFLICT"
    DUPLICATE_DOWNSTREAM = "DUPLICATE_DOWNSTREAM"
    # Found across the versions of one invoice.
    VOIDED_NOT_REBILLED = "VOIDED_NOT_REBILLED"
    REPLACEMENT_OF_PAID = "REPLACEMENT_OF_PAID"
    BROKEN_LINEAGE = "BROKEN_LINEAGE"
    DOUBLE_BILLED = "DOUBLE_BILLED"


SEVERITY: Mapping[str, int] = {kind.value: rank for rank, kind in enumerate(Kind)}


@dataclass(frozen=True, slots=True)
class Memo:
    """One credit memo as it may count: `amount` is positive and ex tax."""

    id: str
    amount: int
    currency: str = "USD"
    status: str = MemoStatus.ISSUED
    linked: bool = True
    approved: bool = True


@dataclass(frozen=True, slots=True)
class CoreSide:
    """The core invoice: a status of CoreStatus, its amount in minor units."""

    status: str
    amount: int
    currency: str


@dataclass(frozen=True, slots=True)
class Leg:
    """What stands downstream: a status of DocumentStatus, gross ex tax, its memos."""

    status: str
    gross: int = 0
    currency: str = "USD"
    memos: tuple[Memo, ...] = ()
    push_pending: bool = False


@dataclass(frozen=True, slots=True)
class LegResult:
    """One leg, classified. `net_variance == rounding + explained + unexplained`, always."""

    kind: Kind
    gross_variance: int = 0
    net_variance: int = 0
    rounding: int = 0
    closed: int = 0
    explained: int = 0
    unexplained: int = 0


@dataclass(frozen=True, slots=True)
class InvoiceResult:
    """One invoice: its worst leg, and each leg by name."""

    kind: Kind
    legs: Mapping[str, LegResult]


_POSTED = frozenset(status.value for status in DocumentStatus if status.posted)
_CLOSED = frozenset({DocumentStatus.VOID.value, DocumentStatus.DELETED.value})


def classify(core: CoreSide, legs: Mapping[str, Leg], tolerance: int = 0) -> InvoiceResult:
    """Classify every leg; the invoice is as good as its worst one."""
    results = {name: classify_leg(core, leg, tolerance) for name, leg in legs.items()}
    kinds = [result.kind for result in results.values()]
    worst = max(kinds, key=SEVERITY.__getitem__, default=Kind.NOT_CONFIGURED)
    return InvoiceResult(worst, results)


def classify_leg(core: CoreSide, leg: Leg, tolerance: int = 0) -> LegResult:
    """Classify one leg: down the ladder, first hit wins."""
    if leg.status == DocumentStatus.NOT_CONFIGURED:
        return LegResult(Kind.NOT_CONFIGURED)
    posted = leg.status in _POSTED
    if (
        posted
        and core.status in {CoreStatus.FINALIZED, CoreStatus.VOID}
        and (leg.currency != core.currency)
    ):
        # Amounts of two currencies do not net: the whole document stands unexplained.
        return LegResult(
            Kind.CURRENCY_MISMATCH,
            gross_variance=leg.gross,
            net_variance=leg.gross,
            unexplained=leg.gross,
        )
    memos = counted(leg)
    due = core.amount if core.status == CoreStatus.FINALIZED else 0
    if leg.status in _CLOSED and memos > 0:
        # Voided and credited: the customer was given the amount twice.
        return LegResult(
            Kind.MEMO_ON_VOID,
            gross_variance=-due,
            net_variance=-due - memos,
            unexplained=-due - memos,
        )
    gross = leg.gross if posted else 0
    figures = _net(gross - due, memos, tolerance)
    kind = _kind(core, leg, figures, memos, tolerance)
    return LegResult(kind) if kind in _CARRIES_NOTHING else _named(figures, kind)


def counted(leg: Leg) -> int:
    """Sum of the memos that may count: issued, linked, approved, same currency, once."""
    amounts = {
        memo.id: memo.amount
        for memo in leg.memos
        if memo.status == MemoStatus.ISSUED
        and memo.linked
        and memo.approved
        and memo.currency == leg.currency
    }
    return sum(amounts.values())


_CARRIES_NOTHING = frozenset(
    {
        Kind.NOT_DUE,
        Kind.IGNORED_CLOSED,
        Kind.VOID_NEVER_PUSHED,
        Kind.VOIDED_BOTH,
        Kind.VOID_PENDING_DRAFT,
        Kind.ZERO_NOT_PUSHED,
    }
)


def _net(gross_variance: int, memos: int, tolerance: int) -> LegResult:
    """Split a variance into what is rounding, closed, explained and left."""
    rounding = gross_variance if abs(gross_variance) <= tolerance else 0
    closed = min(memos, max(gross_variance - rounding, 0))
    return LegResult(
        Kind.MATCHED,
        gross_variance=gross_variance,
        net_variance=gross_variance - memos,
        rounding=rounding,
        closed=closed,
        explained=closed - memos,
        unexplained=gross_variance - rounding - closed,
    )


def _kind(core: CoreSide, leg: Leg, figures: LegResult, memos: int, tolerance: int) -> Kind:
    if leg.status in _POSTED and memos > max(leg.gross, 0):
        return Kind.MEMO_EXCEEDS_INVOICE
    match core.status:
        case CoreStatus.ABSENT:
            return _without_core(leg, figures, tolerance)
        case CoreStatus.DRAFT:
            return _before_finalization(leg)
        case CoreStatus.VOID:
            return _voided(leg, figures, memos, tolerance)
        case CoreStatus.FINALIZED:
            return _finalized(core, leg, figures)
        case unknown:
            raise ValueError(f"{unknown!r} is no status of a core invoice")


def _without_core(leg: Leg, figures: LegResult, tolerance: int) -> Kind:
    if leg.status == DocumentStatus.ABSENT:
        return Kind.NOT_DUE
    if leg.status in _CLOSED:
        return Kind.IGNORED_CLOSED
    if leg.status in _POSTED and abs(figures.unexplained) <= tolerance:
        return Kind.CREDITED_IN_FULL
    return Kind.NOT_IN_CORE


def _before_finalization(leg: Leg) -> Kind:
    if leg.status == DocumentStatus.ABSENT:
        return Kind.NOT_DUE
    return Kind.IGNORED_CLOSED if leg.status in _CLOSED else Kind.PREMATURE


def _voided(leg: Leg, figures: LegResult, memos: int, tolerance: int) -> Kind:
    """The core cancelled it; downstream somebody must, or a memo must stand for it."""
    if leg.status == DocumentStatus.ABSENT:
        return Kind.VOID_NEVER_PUSHED
    if leg.status in _CLOSED:
        return Kind.VOIDED_BOTH
    if leg.status == DocumentStatus.DRAFT:
        return Kind.VOID_PENDING_DRAFT
    if figures.unexplained <= tolerance:
        return Kind.CREDITED_IN_FULL
    if leg.status == DocumentStatus.PAID:
        return Kind.VOID_BLOCKED_PAID
    if leg.status == DocumentStatus.PART_PAID:
        return Kind.VOID_BLOCKED_PART_PAID
    return Kind.VOID_PENDING_PARTIAL_MEMO if memos > 0 else Kind.VOID_PENDING


def _finalized(core: CoreSide, leg: Leg, figures: LegResult) -> Kind:
    """The core bills it: is it there, and is the amount right?"""
    if leg.status in {DocumentStatus.ABSENT, DocumentStatus.DELETED}:
        if core.amount == 0:
            return Kind.ZERO_NOT_PUSHED
        if core.amount < 0:
            return Kind.NEGATIVE_INVOICE
        waiting = leg.status == DocumentStatus.ABSENT and leg.push_pending
        return Kind.PUSH_PENDING if waiting else Kind.MISSING_DOWNSTREAM
    if leg.status == DocumentStatus.DRAFT:
        equal = leg.gross == core.amount
        return Kind.AWAITING_FINALIZATION if equal else Kind.DRAFT_MISMATCH
    if leg.status == DocumentStatus.VOID:
        return Kind.VOIDED_DOWNSTREAM_ONLY
    return _by_amount(figures)


def _by_amount(figures: LegResult) -> Kind:
    if figures.unexplained > 0:
        return Kind.PARTIALLY_CORRECTED if figures.closed > 0 else Kind.OVERBILLED
    if figures.unexplained < 0:
        return Kind.UNDERBILLED
    if figures.explained < 0:
        return Kind.OVER_CREDITED if figures.closed > 0 else Kind.EXPLAINED_BY_MEMO
    if figures.closed > 0:
        return Kind.CORRECTED_BY_MEMO
    return Kind.ROUNDING if figures.rounding else Kind.MATCHED


def _named(figures: LegResult, kind: Kind) -> LegResult:
    return LegResult(
        kind,
        figures.gross_variance,
        figures.net_variance,
        figures.rounding,
        figures.closed,
        figures.explained,
        figures.unexplained,
    )
