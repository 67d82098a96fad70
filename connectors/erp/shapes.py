"""What every ERP shares: cash told apart from credit, and a memo in its parts.

"Paid" says nothing about money in any ERP: credits close invoices too. What was paid is
what is left of the total after the open amount and the credits.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace

from connectors.erp.rows import Standing
from state.receivables import PART, CreditMemo, DocumentStatus, MemoStatus


@dataclass(frozen=True, slots=True)
class Application:
    """So much of one memo, tax included, was used on one invoice.

    `exact` is False where the system keeps no pairing and the amount was shared out.
    """

    invoice_id: str
    amount_minor: int
    exact: bool = True


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


def parts(memo: CreditMemo, applications: Iterable[Application]) -> list[CreditMemo]:
    """A memo as the books keep it: a part for each invoice, and one for what is left.

    `memo` is the whole document; the invoice it names stays on what is left, which is not
    applied. A draft or a void one has no parts.
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
        )
        for one in used
    ]
    if left > 0 or not shares:
        shares.append(replace(memo, amount_minor=max(left, 0), applied=False))
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


def _summed(applications: Iterable[Application]) -> list[Application]:
    """One application for each invoice: some systems keep one for each line."""
    found: dict[str, Application] = {}
    for one in applications:
        before = found.get(one.invoice_id, Application(one.invoice_id, 0))
        found[one.invoice_id] = Application(
            one.invoice_id,
            before.amount_minor + one.amount_minor,
            exact=before.exact and one.exact,
        )
    return [found[name] for name in sorted(found)]


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
