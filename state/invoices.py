"""The billing core's side: its customers and invoices, in our words."""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from enum import StrEnum

APPLIED = "applied_commit_or_credit"
"""Metronome: the kind of the line that applies a credit."""


class CoreStatus(StrEnum):
    """Life of a core invoice. ABSENT is ours: a complete sweep did not find it."""

    ABSENT = "ABSENT"
    DRAFT = "DRAFT"
    FINALIZED = "FINALIZED"
    VOID = "VOID"


@dataclass(frozen=True, slots=True)
class CoreCustomer:
    """One customer of the core and every way it names its Stripe customer.

    `native_contracts` are the contracts that name a billing provider of their own:
    the core delivers their invoices itself, so we only observe them.
    """

    id: str
    name: str
    archived: bool = False
    stripe_customer_field: str | None = None  # custom field `stripe_customer_id`
    stripe_billing_customer: str | None = None  # the Stripe billing configuration
    native_contracts: tuple[str, ...] = ()
    email: str | None = None  # custom field `billing_email`


@dataclass(frozen=True, slots=True)
class CoreLine:
    """One line of a core invoice.

    `key` is ours, stable across reads: the core's lines have no id (Metronome: line
    items), so it is a hash of what tells lines apart, with an ordinal for true twins.
    Amounts are exact minor units, fractions kept.
    """

    key: str
    description: str
    kind: str
    exact_minor: Decimal
    product_id: str | None = None
    quantity: Decimal | None = None
    unit_price_minor: Decimal | None = None
    start: datetime | None = None
    end: datetime | None = None
    credit_id: str | None = None  # the credit that pays for it, or that it applies
    segment_id: str | None = None
    groups: tuple[tuple[str, str], ...] = ()  # what it is priced and shown by

    @property
    def applies_credit(self) -> bool:
        """Is it the line that takes a credit off, and so below zero by nature?"""
        return self.kind == APPLIED


@dataclass(frozen=True, slots=True)
class NativeDelivery:
    """What the core says of its own delivery (Metronome: `external_invoice`)."""

    provider: str
    invoice_id: str | None = None
    status: str | None = None
    error: str | None = None


@dataclass(frozen=True, slots=True)
class CoreInvoice:
    """One invoice of the core.

    `currency` is None for a custom pricing unit, which is never pushed. `exact_minor`
    keeps the core's fractions; `total_minor` is it rounded once (half to even).
    `lines` hold only what counts toward the total, so they foot to `exact_minor`.
    """

    id: str
    customer_id: str
    status: CoreStatus
    kind: str
    currency: str | None
    exact_minor: Decimal
    total_minor: int
    lines: tuple[CoreLine, ...] = ()
    contract_id: str | None = None
    start: datetime | None = None
    end: datetime | None = None
    issued_at: datetime | None = None
    regenerated_from: str | None = None
    delivery: NativeDelivery | None = None
    billable: bool = True
    net_terms_days: int | None = None
    voided_at: datetime | None = None  # where the core's audit log tells it
    payer_id: str | None = None  # another customer that pays for it
    payer_contract_id: str | None = None
    constituents: tuple[tuple[str, str], ...] = ()  # what it consolidates: customer and id
    copies: tuple[tuple[str, str], ...] = ()  # provider and id of copies for revenue
    consolidated_in: str | None = None  # what bills its lines, where it is a statement

    @property
    def due_minor(self) -> int:
        """What is to be receivable of it: nothing of a statement, which another one bills."""
        return 0 if self.consolidated_in is not None else self.total_minor
