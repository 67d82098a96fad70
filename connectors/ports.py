"""What the walk needs of other systems. There is no verb here for void, pay or refund.

What the program must never do, it cannot say: a receivables port creates drafts, adds
lines, finalizes and annotates, and otherwise reads.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from enum import StrEnum
from typing import Protocol, runtime_checkable

from state.credits import CoreCredit
from state.invoices import CoreCustomer, CoreInvoice, CoreStatus
from state.receivables import CreditMemo, DownstreamInvoice


@dataclass(frozen=True, slots=True)
class Entity:
    """One company inside a system: subsidiary, realm, tenant, entity or company."""

    id: str
    name: str
    currency: str | None = None  # of its own books, where the system tells


@dataclass(frozen=True, slots=True)
class Identity:
    """Who answered: shown by `doctor`, and compared so that two books are never mixed."""

    system: str  # "Metronome", "Stripe", "Odoo 19.0" ...
    account: str
    livemode: bool | None = None
    skew_seconds: int = 0  # their clock minus ours, from the Date header
    notes: tuple[str, ...] = ()
    entities: tuple[Entity, ...] = ()  # those whose receivables this key can see
    warnings: tuple[str, ...] = ()  # too many rights, a key that ends soon


@dataclass(frozen=True, slots=True)
class Page:
    """One page of a receivables reading.

    `whole`: it holds every memo of each of its documents, so a memo that is known and
    not here has been taken off.
    """

    documents: tuple[DownstreamInvoice, ...] = ()
    memos: tuple[CreditMemo, ...] = ()
    whole: bool = False


@dataclass(frozen=True, slots=True)
class Hints:
    """What may have changed: names to be read again, and pages that told it in full."""

    ids: tuple[str, ...]
    cursor: str | None
    gap: bool = False  # the source no longer remembers that far: sweep
    pages: tuple[Page, ...] = ()  # of a register; what stands here is not read again
    voided: Mapping[str, datetime] = field(
        default_factory=dict
    )  # of a core: when, by its log


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


class Voiding(StrEnum):
    """What is left of an invoice that was voided in a system."""

    STATUS = "status"  # its total stays, its status says so
    ZEROED = "zeroed"  # its total becomes 0: what it was stands only in our books
    REVERSAL = "reversal"  # a second document takes it back
    CREDIT_MEMO = "credit memo"  # it cannot be voided: a credit memo closes it
    AS_GIVEN = "as given"  # whatever the export says


class Pairing(StrEnum):
    """How exactly a system says which credit memo pays which invoice."""

    EXACT = "exact"
    SOMETIMES = "exact or inferred"  # one payment with several of both keeps no pairing
    INFERRED = "inferred"


@dataclass(frozen=True, slots=True)
class Capabilities:
    """What a register can tell, as data: printed by `doctor`, relied on by nobody else.

    None says that there is no void, pay or delete among them: no port has such a verb.
    """

    voiding: Voiding
    cursor: str  # what `changes` follows, and how far it reaches back
    deletions: str  # how a document that vanished is found out
    pairing: Pairing
    currencies: bool  # more than one
    entities: bool  # more than one behind one key
    locks: bool  # tells which periods or journals are closed
    flags: bool  # can show a flag where people work (see FlagBoard)
    page: int  # rows asked for at once
    concurrency: int  # requests in flight at most


@dataclass(frozen=True, slots=True)
class PeriodLock:
    """Days whose documents can no longer be voided, in one entity.

    `through` closes everything up to and on that day. `ranges` are single closed periods.
    """

    entity_id: str | None  # None: every entity
    through: date | None = None
    ranges: tuple[tuple[date, date], ...] = ()

    def closes(self, day: date) -> bool:
        """Is a document posted on that day beyond a void?"""
        if self.through is not None and day <= self.through:
            return True
        return any(first <= day <= last for first, last in self.ranges)


class Register(Protocol):
    """A book of receivables that is read: Stripe, or an ERP."""

    @property
    def target(self) -> str:
        """The name by which the configuration, the worklist and the reports know it."""

    @property
    def capabilities(self) -> Capabilities:
        """What this register can tell."""

    def identify(self) -> Identity:
        """Who answers, with which entities in sight. Raises Misconfigured."""

    def sweep(self) -> Iterator[Page]:
        """Every document and memo there is. Raises Incomplete."""

    def changes(self, cursor: str | None, now: datetime) -> Hints:
        """What may have changed since `cursor`, by the other side's own clock.

        The window reaches back behind the cursor: rows become visible late. Without a
        cursor nothing is read; the answer is where the next call begins.
        """

    def look_again(self, ids: Sequence[str]) -> Iterator[Page]:
        """Documents by id as they are now, each with all its memos; DELETED when gone.

        A credit that is applied to an invoice need not touch the invoice's own modified
        stamp, so documents with an open flag are read this way every time.
        """

    def locks(self) -> tuple[PeriodLock, ...]:
        """The periods that are closed now."""


@dataclass(frozen=True, slots=True)
class Shown:
    """A flag as it stands where people work."""

    id: str
    made: bool  # just now; False: it stood there already
    done: bool = False  # a person ticked it off, which resolves nothing
    feedback: str = ""  # in the person's own words


@runtime_checkable
class FlagBoard(Protocol):
    """A register that can show a flag where people work; optional, and off by default."""

    def show_flag(self, document_id: str, tag: str, text: str) -> Shown:
        """Show it once: what stands there under the same tag is found, not doubled."""


class Receivables(Register, Protocol):
    """The register we may also post to: drafts, their lines, finalization, notes."""

    def read(self, document_id: str) -> Page:
        """One document (status DELETED when it is gone) with all its memos."""

    def find(self, customer_id: str, core_invoice_id: str) -> tuple[DownstreamInvoice, ...]:
        """Our documents for one core invoice, by listing the customer's invoices.

        Never by search, whose index lags behind what was just written.
        """

    def line_keys(self, document_id: str) -> tuple[str, ...]:
        """The `core_line_key` of every line of a document ('' for a line not ours)."""

    def currency_rule(self, currency: str) -> CurrencyRule | None:
        """Its rule for a currency; None when it cannot bill in it at all."""

    def find_customer(self, core_customer_id: str) -> str | None:
        """The customer whose metadata names this core customer. Raises Refused for two."""

    def create_customer(
        self, core_customer_id: str, name: str, *, email: str | None, key: str
    ) -> str:
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
