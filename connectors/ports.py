"""What the walk needs of other systems. There is no verb here for void, pay or refund.

What the program must never do, it cannot say: a receivables port creates drafts, adds
lines, finalizes and annotates, and otherwise reads.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from state.credits import CoreCredit
from state.invoices import CoreCustomer, CoreInvoice, CoreStatus
from state.receivables import CreditMemo, DownstreamInvoice


@dataclass(frozen=True, slots=True)
class Identity:
    """Who answered: shown by `doctor`, and compared so that two books are never mixed."""

    system: str  # "Metronome", "Stripe", "file drop" ...
    account: str
    livemode: bool | None = None
    skew_seconds: int = 0  # their clock minus ours, from the Date header
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Hints:
    """Names that may have changed; each is re-read, none is believed."""

    ids: tuple[str, ...]
    cursor: str | None
    gap: bool = False  # the source no longer remembers that far: sweep


class BillingCore(Protocol):
    """The upstream system of record for usage and invoices. Only ever read."""

    def identify(self) -> Identity:
        """Who answers at this address with this token. Raises Misconfigured."""

    def customers(self) -> Iterator[tuple[CoreCustomer, ...]]:
        """Every customer, active and archived, page by page. Raises Incomplete."""

    def customer(self, customer_id: str) -> CoreCustomer | None:
        """One customer, or None when the core knows no such id."""

    def invoices(
        self, customer_id: str, status: CoreStatus
    ) -> Iterator[tuple[CoreInvoice, ...]]:
        """A customer's invoices in one status, page by page. Raises Incomplete."""

    def invoice(self, customer_id: str, invoice_id: str) -> CoreInvoice | None:
        """One invoice as it is now, or None when the core knows no such id."""

    def credits(self, customer_id: str) -> tuple[CoreCredit, ...]:
        """A customer's credits and its contracts' credits, with ledgers."""

    def hints(self, cursor: str | None) -> Hints:
        """Resource ids from the audit log since `cursor`; an empty page ends it."""


@dataclass(frozen=True, slots=True)
class Draft:
    """What a new downstream draft says, besides its lines."""

    customer_id: str
    currency: str
    metadata: Mapping[str, str]
    auto_charge: bool  # charge_automatically instead of send_invoice
    days_until_due: int | None
    description: str = ""
    effective_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class DraftLine:
    """One line to add: an exact amount in our minor units, and what it is for."""

    key: str
    description: str
    amount_minor: int
    start: datetime | None = None
    end: datetime | None = None


@dataclass(frozen=True, slots=True)
class CurrencyRule:
    """What a receivables system can say in one currency; all in our minor units."""

    step_minor: int  # every amount must be a multiple of this
    minimum_minor: int  # a charge below it is booked to the customer's balance instead
    maximum_minor: int


@dataclass(frozen=True, slots=True)
class Page:
    """One page of a receivables reading."""

    documents: tuple[DownstreamInvoice, ...] = ()
    memos: tuple[CreditMemo, ...] = ()


class Register(Protocol):
    """A book of receivables that is read: Stripe, or an ERP."""

    @property
    def target(self) -> str:
        """The name by which the configuration, the worklist and the reports know it."""

    def identify(self) -> Identity:
        """Who answers, in which mode. Raises Misconfigured."""

    def sweep(self, since: datetime | None) -> Iterator[Page]:
        """Every document and memo made since then (None: all), page by page."""

    def changes(self, cursor: str | None, now: datetime) -> Hints:
        """Ids of documents that may have changed since `cursor`."""

    def read(self, document_id: str) -> Page:
        """One document (status DELETED when it is gone) with all its memos."""


class Receivables(Register, Protocol):
    """The register we may also post to: drafts, their lines, finalization, notes."""

    def find(self, customer_id: str, core_invoice_id: str) -> tuple[DownstreamInvoice, ...]:
        """Our documents for one core invoice, by listing the customer's invoices.

        Never by search, whose index lags behind what was just written.
        """

    def line_keys(self, document_id: str) -> tuple[str, ...]:
        """The `core_line_key` of every line of a document ('' for a line not ours)."""

    def currency_rule(self, currency: str) -> CurrencyRule | None:
        """Its rule for a currency; None when it cannot bill in it at all."""

    def find_customer(self, core_customer_id: str) -> str | None:
        """The customer whose metadata names this core customer."""

    def create_customer(self, core_customer_id: str, name: str, *, key: str) -> str:
        """Make a customer for this core customer and return its id."""

    def create_draft(self, terms: str, *, key: str) -> DownstreamInvoice:
        """Create the draft that `draft_terms` wrote, with no lines and nothing pending."""

    def draft_terms(self, draft: Draft) -> str:
        """The create request as canonical JSON, to be frozen with the intent."""

    def add_lines(
        self, document_id: str, lines: Sequence[DraftLine], currency: str, *, key: str
    ) -> DownstreamInvoice:
        """Add up to 100 lines; answers with the document and its new total."""

    def finalize(self, document_id: str, *, key: str) -> DownstreamInvoice:
        """Finalize: from here it is a receivable, and only a person may undo it."""

    def annotate(
        self, document_id: str, metadata: Mapping[str, str], *, key: str
    ) -> DownstreamInvoice:
        """Write metadata; this is how a flag shows where the person works."""
