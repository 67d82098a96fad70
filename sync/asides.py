"""What was read and stands in no row: each thing with its reason, in an accountant's words. Pure.

Nothing that was read is dropped without a word. What belongs to another month than the run's
is counted; all else is named.
"""

from collections.abc import Sequence

from state.invoices import CoreInvoice
from state.observations import CORE
from state.receivables import CreditMemo, DownstreamInvoice, MemoStatus
from sync.books import NAMES_NO_INVOICE, Excluded

CUSTOM_UNIT = "is in a custom pricing unit"


def custom_unit(invoice: CoreInvoice) -> Excluded:
    """A custom pricing unit is not money."""
    return Excluded(CORE, "invoice", invoice.id, "", invoice.total_minor, CUSTOM_UNIT)


def unnamed(document: DownstreamInvoice) -> Excluded:
    """A document that names no core invoice is not ours to compare."""
    return _document(document, NAMES_NO_INVOICE)


def of_custom_unit(document: DownstreamInvoice) -> Excluded:
    """A document of an invoice that is not money: there is nothing to hold it against."""
    return _document(document, f"its core invoice {CUSTOM_UNIT}")


def superseded(
    document: DownstreamInvoice, core_invoice_id: str, shown: Sequence[str]
) -> Excluded:
    """A document of an invoice for which another one stands."""
    why = f"is {document.status}: {', '.join(shown)} stands for {core_invoice_id}"
    return _document(document, why)


def loose_memo(memo: CreditMemo) -> Excluded:
    """A memo that names no invoice explains nothing."""
    if memo.status is MemoStatus.ISSUED and not memo.unapplied_minor:
        return _memo(memo, "was refunded or used otherwise, and applied to no invoice")
    if memo.status is MemoStatus.ISSUED:
        return _memo(memo, "is applied to no invoice yet")
    return _memo(memo, f"is {memo.status} and names no invoice")


def stray_memo(
    memo: CreditMemo, document: DownstreamInvoice | None, invoice: CoreInvoice | None
) -> Excluded:
    """A memo on a document that stands in no row."""
    name = memo.invoice_id
    if document is None:
        return _memo(memo, f"names invoice {name}, which {memo.target} does not show")
    if invoice is not None and invoice.currency is None:
        return _memo(memo, f"the core invoice of {name} {CUSTOM_UNIT}")
    if invoice is not None or document.core_invoice_id is not None:
        return _memo(memo, f"its invoice {name} is of another month, and compared there")
    return _memo(memo, f"its invoice {name} {NAMES_NO_INVOICE}")


def uncounted(memo: CreditMemo, document: DownstreamInvoice) -> Excluded:
    """A memo on a document that was compared, which explains nothing of it."""
    return _memo(memo, _why_not_counted(memo, document))


def _why_not_counted(memo: CreditMemo, document: DownstreamInvoice) -> str:
    if memo.status is MemoStatus.DRAFT:
        return "is a draft: it explains nothing until it is issued"
    if memo.status is not MemoStatus.ISSUED:
        return f"is {memo.status}"
    if not memo.approved:
        return "is not approved"
    if not memo.applied and document.status.live:
        return f"is not applied to {document.id} yet"
    if memo.currency != document.currency:
        return f"is in {memo.currency}, its invoice in {document.currency}"
    return f"its invoice {document.id} does not stand for the core invoice"


def _document(document: DownstreamInvoice, why: str) -> Excluded:
    amount = document.gross_minor if document.status.posted else 0
    return Excluded(document.target, "invoice", document.id, document.currency, amount, why)


def _memo(memo: CreditMemo, why: str) -> Excluded:
    return Excluded(memo.target, "memo", memo.id, memo.currency, memo.amount_minor, why)
