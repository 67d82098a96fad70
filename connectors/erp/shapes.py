"""What every ERP shares: cash told apart from credit, and a memo in its parts.

"Paid" says nothing about money in any ERP: credits close invoices too. What was paid is
what is left of the total after the open amount and the credits.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import date

from connectors.erp.rows import Standing, midnight
from state.receivables import PART, CreditMemo, DocumentStatus, Given, MemoStatus, Way


@dataclass(frozen=True, slots=True)
class Application:
    """So much of one memo, tax included, was used on one invoice.

    `exact` is False where the system keeps no pairing and the amount was shared out.
    """

    invoice_id: str
    amount_minor: int
    exact: bool = True
    on: date | None = None


MEMO_STATUS = {
    Standing.DRAFT: MemoStatus.DRAFT,
    Standing.POSTED: MemoStatus.ISSUED,
    Standing.VOID: MemoStatus.VOID,
}


def status_of(standing: Standing, *, paid_minor: int, open_minor: int) -> DocumentStatus:
    """The life of an invoice."""
    match standing:
        case Standing.DRAFT:
            return DocumentStatus.DRAFT
        case Standing.VOID:
            return DocumentStatus.VOID
        case Standing.POSTED:
            return posted_status(paid_minor=paid_minor, open_minor=open_minor)


def posted_status(*, paid_minor: int, open_minor: int) -> DocumentStatus:
    """The life of a posted invoice, by its cash alone: a credit in full is no payment."""
    if paid_minor <= 0:
        return DocumentStatus.OPEN
    return DocumentStatus.PART_PAID if open_minor > 0 else DocumentStatus.PAID


def cash(*, total_minor: int, open_minor: int, credited_minor: int) -> int:
    """What was paid, where the system shows only what is still open."""
    return max(total_minor - open_minor - credited_minor, 0)


def parts(
    memo: CreditMemo,
    applications: Iterable[Application],
    *,
    left_minor: int | None = None,
    refunds: tuple[Given, ...] | None = None,
) -> list[CreditMemo]:
    """A memo as the books keep it: a part for each application, and one for what is left.

    `memo` is the whole document; the invoice it names stays on what is left, which is not
    applied. A draft or a void one has no parts. `left_minor` is what the system itself shows
    as unapplied, `refunds` what it paid out; where it tells neither, all that is left counts.
    """
    if memo.status is not MemoStatus.ISSUED:
        return [replace(memo, applied=False)]
    used = [one for one in _summed(applications) if one.amount_minor]
    total = memo.amount_minor + memo.tax_minor
    left = total - sum(one.amount_minor for one in used)
    shares = [
        replace(
            memo,
            invoice_id=one.invoice_id,
            amount_minor=one.amount_minor,
            exact=one.exact,
            applied=True,
            applied_at=midnight(one.on),
            given=None if refunds is None else (),
        )
        for one in used
    ]
    if left > 0 or not shares:
        rest = replace(memo, amount_minor=max(left, 0), applied=False)
        days = [one.on for one in used if one.on is not None]
        applied_at = midnight(max(days, default=None))
        given = _given(left, left_minor, refunds)
        shares.append(replace(rest, applied_at=applied_at, given=given))
    if memo.tax_minor:
        shares = _net(memo, shares)
    if len(shares) == 1:
        return shares
    return [
        replace(
            one,
            id=memo.id if number == 1 else f"{memo.id}{PART}{number}",
            whole_minor=memo.amount_minor,
        )
        for number, one in enumerate(shares, start=1)
    ]


def _given(
    left: int, told: int | None, refunds: tuple[Given, ...] | None
) -> tuple[Given, ...] | None:
    """What became of the rest of a memo: refunds, and what is gone without a word."""
    gone = 0 if told is None else left - told - sum(one.minor for one in refunds or ())
    if gone <= 0:
        return refunds
    return (*(refunds or ()), Given(Way.OTHER, gone))


def _summed(applications: Iterable[Application]) -> list[Application]:
    """One application for each invoice and day: some systems keep one for each line.

    In the order of the days, so that a later application leaves the earlier parts alone.
    """
    found: dict[tuple[date, str], Application] = {}
    for one in applications:
        key = (one.on or date.min, one.invoice_id)
        before = found.get(key, replace(one, amount_minor=0))
        found[key] = replace(
            one,
            amount_minor=before.amount_minor + one.amount_minor,
            exact=before.exact and one.exact,
        )
    return [found[key] for key in sorted(found)]


def _net(memo: CreditMemo, shares: list[CreditMemo]) -> list[CreditMemo]:
    """Shares are told with tax; the books compare ex tax. The last one takes the rounding."""
    total = memo.amount_minor + memo.tax_minor
    net: list[CreditMemo] = []
    for one in shares[:-1]:
        amount = (2 * one.amount_minor * memo.amount_minor + total) // (2 * total)
        net.append(replace(one, amount_minor=amount, tax_minor=one.amount_minor - amount))
    given = sum(one.amount_minor for one in net)
    last = shares[-1]
    amount = memo.amount_minor - given
    net.append(
        replace(last, amount_minor=amount, tax_minor=max(last.amount_minor - amount, 0))
    )
    return net
