"""Stripe against each ERP: do the two registers ask their customers for the same? Pure.

The core is what both are held against, so nothing found here moves an invoice's kind, the
outcome or a control total. It is a view of its own, made of the very rows that the legs of
the core have, with the same formula and Stripe's net in the core's place.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum

from state.invoices import CoreStatus
from state.receivables import STRIPE, DocumentStatus
from sync.books import Agreed, Matched, Pair, Row
from sync.classify import CoreSide, Kind, Leg, Memo, classify_leg
from sync.months import name_of


class PairKind(StrEnum):
    """What only two registers can show. Every other kind is one of `classify`."""

    TIMING = "TIMING"  # cleared by what was posted after the cutoff
    ERP_NOT_SYNCED = "ERP_NOT_SYNCED"  # stands in Stripe, and nowhere in the ERP
    NOT_IN_STRIPE = "NOT_IN_STRIPE"  # and the other way round
    TWIN_MISSING = "TWIN_MISSING"  # the same invoice, with a memo in one of the two alone


@dataclass(slots=True)
class _Sums:
    count: int = 0
    net: int = 0
    apart: int = 0
    apart_minor: int = 0


@dataclass(slots=True)
class Paired:
    """What differs, one by one, and what agrees, counted by ERP and currency."""

    pairs: list[Pair] = field(default_factory=list)
    sums: dict[tuple[str, str], _Sums] = field(default_factory=dict)
    zone: str = "UTC"

    def agreed(self, matched: Iterable[Matched] = ()) -> tuple[Agreed, ...]:
        """The counts, with those of the rows that a run only counts."""
        sums = {key: replace(one) for key, one in self.sums.items()}
        for one in matched:
            if one.target != STRIPE:
                held = sums.setdefault((one.target, one.currency), _Sums())
                held.count += one.count
                held.net += one.gross_minor
                held.apart += one.apart
                held.apart_minor += one.apart_minor
        return tuple(
            Agreed(*key, one.count, one.net, one.apart, one.apart_minor)
            for key, one in sorted(sums.items())
        )


def paired(
    rows: Iterable[Row], targets: Sequence[str], tolerance: int, zone: str = "UTC"
) -> Paired:
    """Lay the rows of Stripe's leg beside those of each ERP's; `zone` is that of months."""
    found = Paired(zone=zone)
    erps = [target for target in targets if target != STRIPE]
    if len(erps) == len(targets) or not erps:
        return found
    sides: dict[str, dict[str, Row]] = {target: {} for target in targets}
    further: dict[str, list[Row]] = {}
    for row in rows:
        if row.further:
            further.setdefault(row.core_invoice_id, []).append(row)
        else:
            sides[row.target][row.core_invoice_id] = row
    stripe = sides[STRIPE]
    for target in erps:
        other = sides[target]
        for name in (*stripe, *(one for one in other if one not in stripe)):
            left, right = stripe.get(name), other.get(name)
            if name not in further:
                _lay(found, target, left, right, tolerance)
                continue
            some = [one for one in (left, right, *further[name]) if one is not None]
            for one, two in _by_currency(some, target):
                _lay(found, target, one, two, tolerance)
    found.pairs.sort(key=order)
    return found


def _by_currency(rows: list[Row], target: str) -> list[tuple[Row | None, Row | None]]:
    """Of documents in two currencies, what stands in each beside what stands there."""
    held = {(row.target, row.currency): row for row in rows}
    currencies = sorted({ccy for of, ccy in held if of in {STRIPE, target}})
    return [(held.get((STRIPE, ccy)), held.get((target, ccy))) for ccy in currencies]


def order(pair: Pair) -> tuple[object, ...]:
    """The largest open amount first, then names: a total order, so bytes are stable."""
    return (
        -abs(pair.unexplained),
        -abs(pair.net_variance),
        pair.customer_id,
        pair.core_invoice_id,
        pair.target,
        pair.currency,
    )


def timed(pair: Pair, left: int) -> Pair:
    """`left` is what the same pair leaves unexplained with all that is known now."""
    same_side = left == 0 or (left > 0) == (pair.unexplained > 0)
    if not same_side or abs(left) >= abs(pair.unexplained):
        return pair
    cleared = pair.unexplained - left
    kind = pair.kind if left else PairKind.TIMING
    return replace(pair, kind=kind, timing=cleared, unexplained=left)


def apart(one: datetime | None, other: datetime | None, zone: str) -> bool:
    """Were both posted, and in different months of the time zone?"""
    if one is None or other is None or one == other:
        return False
    return name_of(one, zone) != name_of(other, zone)


def _lay(
    found: Paired, target: str, left: Row | None, right: Row | None, tolerance: int
) -> None:
    """One invoice: counted where the two agree, a pair where they do not."""
    if left is None or right is None:
        left, right = left or _nothing(right), right or _nothing(left)
    same = left.currency == right.currency or not (_stands(left) and _stands(right))
    if same and left.net_minor == right.net_minor:
        if left.document_status in _POSTED or right.document_status in _POSTED:
            sums = found.sums.setdefault((target, right.currency), _Sums())
            sums.count += 1
            sums.net += right.net_minor
            if apart(left.posted_at, right.posted_at, found.zone):
                sums.apart += 1
                sums.apart_minor += right.net_minor
        return
    found.pairs.append(_pair(target, left, right, tolerance))


def _nothing(beside: Row | None) -> Row:
    """The row of a register in which nothing stands for the invoice."""
    assert beside is not None  # noqa: S101 - one of the two is always there
    return Row(
        target="",
        kind="",
        customer_id=beside.customer_id,
        customer=beside.customer,
        core_invoice_id=beside.core_invoice_id,
        core_status=beside.core_status,
        currency=beside.currency,
        core_minor=0,
        original_minor=0,
    )


def _stands(row: Row) -> bool:
    return row.gross_minor != 0 or row.memos_minor != 0


def _pair(target: str, left: Row, right: Row, tolerance: int) -> Pair:
    shown = right if _stands(right) else left
    crossed = _stands(left) and left.currency != shown.currency
    stripe = CoreSide(
        _as_core(left), left.net_minor, left.currency if crossed else shown.currency
    )
    result = classify_leg(stripe, _leg(right, shown.currency), tolerance)
    return Pair(
        target=target,
        kind=_kind(left, right, result.kind),
        customer_id=right.customer_id,
        customer=right.customer,
        core_invoice_id=right.core_invoice_id,
        currency=shown.currency,
        stripe_id=left.document_id,
        stripe_status=left.document_status,
        stripe_gross_minor=left.gross_minor,
        stripe_memos_minor=left.memos_minor,
        document_id=right.document_id,
        document_number=right.document_number,
        document_status=right.document_status,
        gross_minor=right.gross_minor,
        memos_minor=right.memos_minor,
        net_variance=result.net_variance,
        rounding=result.rounding,
        closed=result.closed,
        explained=result.explained,
        unexplained=result.unexplained,
        stripe_currency=left.currency if crossed else "",
        stripe_posted_at=left.posted_at,
        posted_at=right.posted_at,
        stripe_memo_refs=left.memo_refs,
        memo_refs=right.memo_refs,
    )


def _as_core(left: Row) -> str:
    """Stripe's document in the core's place: what stands with an amount is final."""
    status = DocumentStatus(left.document_status)
    if _stands(left) or status.posted:
        return CoreStatus.FINALIZED
    if status is DocumentStatus.DRAFT:
        return CoreStatus.DRAFT
    return CoreStatus.VOID if status is DocumentStatus.VOID else CoreStatus.ABSENT


def _leg(right: Row, currency: str) -> Leg:
    """The ERP's side as a leg. What its own row counted counts here, once."""
    status = DocumentStatus(right.document_status)
    if right.gross_minor and not status.posted:
        status = DocumentStatus.OPEN  # of two live documents the last may be a draft
    memos = (Memo("counted", -right.memos_minor, currency),) if right.memos_minor else ()
    return Leg(status, right.gross_minor, currency, memos)


_POSTED = frozenset(status.value for status in DocumentStatus if status.posted)
_NOWHERE = frozenset({DocumentStatus.ABSENT.value, DocumentStatus.DELETED.value})


def _kind(left: Row, right: Row, found: Kind) -> str:
    """The word that two registers have for what the one rule has found."""
    if right.document_status in _NOWHERE and _stands(left):
        return PairKind.ERP_NOT_SYNCED
    if left.document_status in _NOWHERE and _stands(right):
        return PairKind.NOT_IN_STRIPE
    if left.gross_minor == right.gross_minor and left.currency == right.currency:
        return PairKind.TWIN_MISSING
    if found is Kind.DRAFT_MISMATCH and right.kind != found:
        return Kind.AWAITING_FINALIZATION  # a row has no amount of a draft, but its kind
    return found
