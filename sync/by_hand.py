"""What a person must do with one document that should no longer stand, in exact words.

Pure. Each system has its own name for things and its own way there. Stripe: only drafts
are deleted, only open and uncollectible invoices are voided. Where a void is impossible,
because money was taken, a period is closed or a journal is locked, it is a credit memo.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from state.money import display
from state.receivables import STRIPE, DocumentStatus
from sync.decide import Held


@dataclass(frozen=True, slots=True)
class Words:
    """How one system calls its parts; `{name}` is the document's number."""

    label: str
    void: str
    delete: str
    memo: str  # its word for a credit memo
    credit: str  # the way to one


_FILE = Words(
    label="",
    void="void {name}",
    delete="delete the draft {name}",
    memo="credit memo",
    credit="issue a credit memo",
)
WORDS: Mapping[str, Words] = {
    STRIPE: Words(
        label="Stripe",
        void="Stripe Dashboard → invoice {name} → More → Void invoice",
        delete="Stripe Dashboard → invoice {name} → Delete draft",
        memo="credit note",
        credit="issue a credit note",
    ),
    "odoo": Words(
        label="Odoo",
        void="Invoicing → Customers → Invoices → {name} → Reset to Draft → Cancel",
        delete="Invoicing → Customers → Invoices → {name} → Actions → Delete",
        memo="credit note",
        credit="Credit Note → Reverse",
    ),
    "tryton": Words(
        label="Tryton",
        void="Financial → Invoices → Customer Invoices → {name} → Cancel",
        delete="Financial → Invoices → Customer Invoices → {name} → Delete",
        memo="credit note",
        credit="Launch action → Credit",
    ),
    "netsuite": Words(
        label="NetSuite",
        void="Transactions → Sales → Invoices → {name} → Edit → Actions → Void",
        delete="Transactions → Sales → Invoices → {name} → Edit → Actions → Delete",
        memo="credit memo",
        credit="Credit",
    ),
    "quickbooks": Words(
        label="QuickBooks",
        void="Sales → Invoices → {name} → More → Void",
        delete="Sales → Invoices → {name} → More → Delete",
        memo="credit memo",
        credit="+ New → Credit memo",
    ),
    "xero": Words(
        label="Xero",
        void="Sales → Invoices → {name} → Invoice options → Void",
        delete="Sales → Invoices → {name} → Invoice options → Delete",
        memo="credit note",
        credit="Invoice options → Add credit note",
    ),
    "intacct": Words(
        label="Sage Intacct",
        void="Accounts Receivable → Invoices → {name} → More actions → Reverse",
        delete="Accounts Receivable → Invoices → {name} → Delete",
        memo="adjustment (credit memo)",
        credit="Accounts Receivable → Adjustments → Add",
    ),
    "business_central": Words(
        label="Business Central",
        void="Posted Sales Invoices → {name} → Correct → Cancel",
        delete="Sales Invoices → {name} → Delete",
        memo="corrective credit memo",
        credit="Correct → Create Corrective Credit Memo",
    ),
}


def void_action(held: Held) -> str:
    """The exact thing to do with one document that should no longer stand."""
    document = held.document
    system = STRIPE if document.target == STRIPE else document.system
    words = WORDS.get(system, _FILE)
    name = document.number or document.id
    place = "" if document.target == STRIPE else f"{document.target}: "
    why = _why_not(held, place or "Stripe ")
    if why:
        amount = display(held.exposure_minor, document.currency)
        return f"{why}: {_credit(words, amount, dated=bool(document.void_blocked))}"
    if document.status is DocumentStatus.DRAFT:
        return place + words.delete.format(name=name)
    said = place + words.void.format(name=name)
    if words is _FILE:
        amount = display(held.exposure_minor, document.currency)
        said += f", or issue a credit memo of {amount} where its period is closed"
    return said


def _why_not(held: Held, place: str) -> str:
    """Why a void is impossible; '' where it is not."""
    document = held.document
    name = f"{place}invoice {document.number or document.id}"
    if document.status in {DocumentStatus.PAID, DocumentStatus.PART_PAID}:
        money = "paid" if document.status is DocumentStatus.PAID else "part-paid"
        return f"{name} is {money} and cannot be voided"
    if document.void_blocked and document.status.posted:
        return f"{name} cannot be voided, as {document.void_blocked}"
    return ""


def _credit(words: Words, amount: str, *, dated: bool) -> str:
    """The credit memo that closes it, dated where the books are open."""
    when = ", dated in an open period" if dated else ""
    if words.credit.startswith("issue"):
        return f"{words.credit} of {amount}{when}"
    return f"issue a {words.memo} of {amount}{when} ({words.credit})"
