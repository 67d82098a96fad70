"""The receivables side: downstream invoices and credit memos, in our words."""

from dataclasses import dataclass, replace
from datetime import date, datetime
from enum import StrEnum

STRIPE = "stripe"  # the name of Stripe's register, in every configuration


class DocumentStatus(StrEnum):
    """Life of a downstream invoice, one set for Stripe and every ERP.

    NOT_CONFIGURED and ABSENT are ours: no such system, and not found by a complete read.
    """

    NOT_CONFIGURED = "NOT_CONFIGURED"
    ABSENT = "ABSENT"
    DRAFT = "DRAFT"
    OPEN = "OPEN"
    PART_PAID = "PART_PAID"
    PAID = "PAID"
    UNCOLLECTIBLE = "UNCOLLECTIBLE"
    VOID = "VOID"
    DELETED = "DELETED"

    @property
    def posted(self) -> bool:
        """Does the document stand in the receivable ledger with its amount?"""
        return self in _POSTED

    @property
    def live(self) -> bool:
        """Can a customer still be asked to pay it, now or once finalized?"""
        return self in _POSTED or self is DocumentStatus.DRAFT


_POSTED = frozenset(
    {
        DocumentStatus.OPEN,
        DocumentStatus.PART_PAID,
        DocumentStatus.PAID,
        DocumentStatus.UNCOLLECTIBLE,
    }
)


PART = "#part"  # between a memo id and the number of its part, from the second part on


def whole_of(name: str) -> str:
    """The id of the memo that a part belongs to; any other id is its own."""
    return name.partition(PART)[0]


class MemoStatus(StrEnum):
    """Only an issued memo explains a difference."""

    DRAFT = "draft"
    ISSUED = "issued"
    VOID = "void"
    DELETED = "deleted"


@dataclass(frozen=True, slots=True)
class DownstreamInvoice:
    """One document in Stripe or an ERP; amounts in minor units of `currency`.

    `gross_minor` is ex tax and is what the books compare. Never the amount due: Stripe
    nets customer balance into it, and shows 0 below the minimum charge.
    """

    target: str  # "stripe", or the name of an ERP in the configuration
    id: str
    status: DocumentStatus
    currency: str
    gross_minor: int
    number: str | None = None
    tax_minor: int = 0
    paid_minor: int = 0
    open_minor: int = 0
    customer_id: str | None = None
    core_invoice_id: str | None = None
    core_customer_id: str | None = None
    instance: str | None = None  # which Tieout wrote it, if one did
    regenerated_from: str | None = None
    replaces: str | None = None  # the downstream invoice this one stands for
    replaced_by: str | None = None  # and the other way round, once that is known
    flagged: bool = False  # carries tieout_flag=void_requested
    auto_charge: bool = False
    created_at: datetime | None = None
    posted_at: datetime | None = None
    paid_at: datetime | None = None
    voided_at: datetime | None = None
    due_on: date | None = None
    url: str | None = None
    system: str = ""  # the kind of ERP, whose own words an action is written in
    entity_id: str | None = None  # the company inside the ERP
    native_status: str = ""  # in the system's own words
    external_ids: tuple[str, ...] = ()  # its reference fields, where a core id may stand
    linked_by: str = ""  # which of its fields named the core invoice
    void_blocked: str = ""  # why nobody can void it: "its journal is locked"

    @property
    def owed_minor(self) -> int:
        """What is still asked for, with tax; nothing of a draft, a void or a write-off."""
        asked = self.status in {DocumentStatus.OPEN, DocumentStatus.PART_PAID}
        return self.open_minor if asked else 0


def seen_again(before: DownstreamInvoice, now: DownstreamInvoice) -> DownstreamInvoice:
    """A deleted document shows nothing any more, and an ERP zeroes what it voids.

    Keep what it was: the exposure that was closed is part of the evidence. So with the
    core invoice it stood for, where the field that named it has been emptied.
    """
    if now.status is DocumentStatus.DELETED:
        return replace(before, status=DocumentStatus.DELETED, open_minor=0)
    if now.core_invoice_id is None and before.core_invoice_id is not None:
        now = replace(now, core_invoice_id=before.core_invoice_id)
        now = replace(now, linked_by=before.linked_by)
    if now.status is DocumentStatus.VOID and now.gross_minor == 0:
        return replace(now, gross_minor=before.gross_minor, tax_minor=before.tax_minor)
    return now


class Way(StrEnum):
    """How a customer gets what a memo gives without taking it off an invoice."""

    REFUND = "refund"
    BALANCE = "balance"  # put on the customer's balance, for later invoices
    OUT_OF_BAND = "out of band"  # credited outside of the register
    OTHER = "other"  # used up, and the register does not say for what


@dataclass(frozen=True, slots=True)
class Given:
    """A part of a memo, with tax, that was given in such a way."""

    way: Way
    minor: int
    at: datetime | None = None  # None: with the memo itself


@dataclass(frozen=True, slots=True)
class CreditMemo:
    """One document that reduces a past invoice (Stripe: credit note).

    `amount_minor` is ex tax and never negative. Without `invoice_id` it is unlinked and
    explains nothing. A memo of an ERP that is applied to several invoices, or only in
    part, is kept as several of these: one for each invoice, and one for what is left.
    """

    target: str
    id: str
    status: MemoStatus
    currency: str
    amount_minor: int
    number: str | None = None
    tax_minor: int = 0
    invoice_id: str | None = None  # the downstream invoice it reduces
    customer_id: str | None = None
    reason: str = ""
    text: str = ""
    approved: bool = True
    approved_by: str | None = None
    raised_by: str | None = None  # who asked for it, where the register tells
    pre_payment_minor: int | None = None  # with tax: off what was still asked for
    post_payment_minor: int = 0  # with tax: the part that fell on money already paid
    given: tuple[Given, ...] | None = None  # None: the register does not tell
    document_at: datetime | None = None  # the date that is printed on it
    posted_at: datetime | None = None
    approved_at: datetime | None = None
    applied_at: datetime | None = None  # of what is left over: when the rest was
    voided_at: datetime | None = None
    url: str | None = None
    system: str = ""
    entity_id: str | None = None
    native_status: str = ""
    whole_minor: int | None = None  # the whole memo, where this is a part of it
    applied: bool = True  # False: posted, and not applied to its invoice (yet)
    exact: bool = True  # False: which invoice it pays is inferred, not told

    @property
    def explains(self) -> bool:
        """Does it take off what its invoice asks for? A draft or a loose one does not."""
        return self.issued_to_an_invoice and self.applied

    @property
    def taken_off_minor(self) -> int:
        """What it takes off its invoice's open balance, with tax, while it is issued.

        What fell on money already paid was refunded or put on the customer's balance.
        """
        if self.invoice_id is None or not self.applied:
            return 0
        return self.amount_minor + self.tax_minor - self.post_payment_minor

    @property
    def unapplied_minor(self) -> int:
        """What of it, with tax, is credit that the customer may still use."""
        used = self.applied and self.invoice_id is not None
        if used or self.status is not MemoStatus.ISSUED:
            return 0
        given = sum(one.minor for one in self.given or ())
        return max(self.amount_minor + self.tax_minor - given, 0)

    def given_minor(self, way: Way) -> int | None:
        """What of it was given in this way; None where the register does not tell."""
        told = self.given is not None and all(
            one.way is not Way.OTHER for one in self.given
        )
        found = [one.minor for one in self.given or () if one.way is way]
        return sum(found) if found or told else None

    @property
    def issued_to_an_invoice(self) -> bool:
        """Does it stand in the ledger and name its invoice, applied or not?"""
        issued = self.status is MemoStatus.ISSUED
        return issued and self.approved and self.invoice_id is not None
