"""The words of a reconciliation: one row for each core invoice and leg, and the run."""

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

NAMES_NO_INVOICE = "names no core invoice"  # why a document stands in no row


class Outcome(StrEnum):
    """What a run says on its first line."""

    CLEAR = "CLEAR"  # nothing unexplained, every check holds
    WITHIN_THRESHOLD = "WITHIN_THRESHOLD"  # small enough to accept; still listed
    OPEN_ITEMS = "OPEN_ITEMS"  # a person must look


@dataclass(frozen=True, slots=True)
class Ask:
    """What a person is asked to take back of one document: nothing of the one that stays."""

    document_id: str
    minor: int  # at the cutoff
    left: int  # of it, with all that is known now


@dataclass(frozen=True, slots=True)
class Row:
    """One core invoice against one register; minor units of `currency`, ex tax.

    Signs: A/R debit is positive, `memos` is negative, and a positive variance means that
    the customer is billed too much downstream.
    """

    target: str
    kind: str
    customer_id: str
    customer: str
    core_invoice_id: str
    core_status: str
    currency: str
    core_minor: int  # FINALIZED: its amount; otherwise 0
    original_minor: int  # what was or would have been billed
    document_id: str = ""
    document_number: str = ""
    document_status: str = "ABSENT"
    gross_minor: int = 0  # posted documents; otherwise 0
    memos_minor: int = 0
    net_minor: int = 0
    net_variance: int = 0
    rounding: int = 0
    closed: int = 0
    explained: int = 0
    unexplained: int = 0
    tax_minor: int = 0
    paid_minor: int = 0
    open_minor: int = 0
    regenerated_from: str = ""
    replaced_by: str = ""
    issued_at: datetime | None = None
    posted_at: datetime | None = None
    start: datetime | None = None
    end: datetime | None = None
    memo_refs: tuple[str, ...] = ()
    flag_refs: tuple[str, ...] = ()
    memo_tax_minor: int = 0  # tax on the memos counted; 0 or negative
    timing: int = 0  # cleared by what was posted after the cutoff, or in another period
    first_seen: datetime | None = None  # when the first flag on it was opened
    note: str = ""
    core_currency: str = ""  # where it is not `currency`: nothing is netted then
    further: bool = False  # of duplicates in two currencies: the core stands in another row
    asks: tuple[Ask, ...] = ()  # of duplicates, document by document: see `sync.exposure`
    own_minor: int = 0  # of duplicates: what is wrong beside what the worklist asks back

    @property
    def leg(self) -> str:
        """Its leg as reports name it."""
        return f"core↔{self.target}"

    @property
    def key(self) -> tuple[str, str, str]:
        """What only one row of a run has."""
        return (self.target, self.core_invoice_id, self.currency if self.further else "")

    @property
    def netted_core_minor(self) -> int:
        """The core amount as it stands against this row's document."""
        return 0 if self.core_currency else self.core_minor


@dataclass(frozen=True, slots=True)
class Excluded:
    """Something that was read and is not in a row, with the reason."""

    target: str
    what: str  # invoice, memo
    id: str
    currency: str
    amount_minor: int
    reason: str


@dataclass(frozen=True, slots=True)
class Subsequent:
    """Something posted after the cutoff: not counted, and said."""

    target: str
    what: str  # memo, void, payment
    id: str
    document_id: str
    core_invoice_id: str
    currency: str
    amount_minor: int
    posted_at: datetime
    clears: bool = False  # would it clear an item that is open at the cutoff?


@dataclass(frozen=True, slots=True)
class Check:
    """One control that the run made of itself; `figures` show both sides."""

    name: str
    ok: bool
    figures: str = ""


@dataclass(frozen=True, slots=True)
class Source:
    """What was read of one system: the ground the run stands on."""

    name: str
    read_at: datetime | None
    pages: int
    rows_read: int
    rows_used: int
    rows_excluded: int
    started_at: datetime | None = None
    filter: str = ""  # what was asked for: every status, which dates
    control: tuple[tuple[str, int], ...] = ()  # (currency, minor units): its control totals
    sha256: str = ""  # of its rows as they stood at the cutoff: see `sync.canon`
    endpoint: str = ""  # its address, or the folder of its files


@dataclass(frozen=True, slots=True)
class ChainFinding:
    """What is wrong with the versions of one invoice, taken together."""

    kind: str
    root: str
    currency: str
    exposure_minor: int
    text: str
    target: str = ""


@dataclass(frozen=True, slots=True)
class Matched:
    """The plainly matched rows of one register and currency: counted, not kept one by one.

    Plainly matched is an invoice that agrees to the minor unit in every register, with no
    memo, flag, other version or second document. `sync.detail.rows_of` shows each again.
    """

    target: str
    currency: str
    count: int
    core_minor: int
    gross_minor: int
    tax_minor: int
    paid_minor: int
    open_minor: int
    sha256: str  # of their lines in `sync.canon`, by core invoice
    apart: int = 0  # of them, posted in another month than in Stripe
    apart_minor: int = 0


@dataclass(frozen=True, slots=True)
class Pair:
    """One core invoice in Stripe and in an ERP that do not ask for the same.

    The same formula with Stripe's net in the core's place, minor units of `currency`. A
    positive variance means that the ERP asks for more than Stripe.
    """

    target: str  # the ERP
    kind: str
    customer_id: str
    customer: str
    core_invoice_id: str
    currency: str  # of the ERP's document, else of Stripe's
    stripe_id: str
    stripe_status: str
    stripe_gross_minor: int
    stripe_memos_minor: int
    document_id: str  # in the ERP
    document_number: str
    document_status: str
    gross_minor: int
    memos_minor: int
    net_variance: int
    rounding: int
    closed: int
    explained: int
    unexplained: int
    timing: int = 0  # cleared by what was posted after the cutoff
    stripe_currency: str = ""  # where it is not `currency`: nothing is netted then
    stripe_posted_at: datetime | None = None
    posted_at: datetime | None = None
    stripe_memo_refs: tuple[str, ...] = ()
    memo_refs: tuple[str, ...] = ()

    @property
    def leg(self) -> str:
        """Its leg as reports name it."""
        return f"stripe↔{self.target}"

    @property
    def stripe_minor(self) -> int:
        """What Stripe asks for, less its memos."""
        return self.stripe_gross_minor + self.stripe_memos_minor

    @property
    def net_minor(self) -> int:
        """What the ERP asks for, less its memos."""
        return self.gross_minor + self.memos_minor


@dataclass(frozen=True, slots=True)
class Agreed:
    """The invoices on which Stripe and an ERP agree to the minor unit: counted."""

    target: str  # the ERP
    currency: str
    count: int
    net_minor: int
    apart: int  # of them, posted in another month than in Stripe
    apart_minor: int


class AgedBy(StrEnum):
    """From which day a debt is as old as it is."""

    DUE = "due"
    INVOICE = "invoice"


@dataclass(frozen=True, slots=True)
class Aging:
    """How old what is owed is: by which date, and the days at which a bucket ends."""

    by: AgedBy = AgedBy.DUE
    days: tuple[int, ...] = (30, 60, 90)

    @property
    def ends(self) -> tuple[int, ...]:
        """The last day of each bucket but the last. What is not due yet has one of its own."""
        return (0, *self.days) if self.by is AgedBy.DUE else self.days


@dataclass(frozen=True, slots=True)
class Run:
    """One comparison as of an instant. Kept whole; every report is made from it alone."""

    run_id: str
    entity: str
    outcome: Outcome
    as_of: datetime
    made_at: datetime
    period: str = ""  # YYYY-MM, or '' for all
    tolerance_minor: int = 0
    item_threshold_minor: int = 0
    total_threshold_minor: int = 0
    version: str = ""
    targets: tuple[str, ...] = ()
    rows: tuple[Row, ...] = ()
    chains: tuple[ChainFinding, ...] = ()
    excluded: tuple[Excluded, ...] = ()
    checks: tuple[Check, ...] = ()
    sources: tuple[Source, ...] = field(default_factory=tuple)
    audit_seq: int = 0
    audit_head: str = ""
    subsequent: tuple[Subsequent, ...] = ()
    made_by: str = ""  # the machine and process
    timezone: str = "UTC"  # of the period
    config_sha256: str = ""  # of the settings, which hold no secret
    seq: int = 0  # the last observation that the run rests on
    matched: tuple[Matched, ...] = ()  # what stands in the detail beside `rows`
    pairs: tuple[Pair, ...] = ()  # Stripe against each ERP: no part of the outcome
    agreed: tuple[Agreed, ...] = ()
    aging: Aging = Aging()  # as the settings had it; a report is made of the run alone
    restated_from: str = ""  # sha256 of an earlier run of this cutoff, if late facts came

    @property
    def remark(self) -> str:
        """What a reader must know before the outcome: that nothing was there to compare."""
        if self.rows or self.matched:
            return ""
        when = f"in {self.period}" if self.period else f"up to {self.as_of:%Y-%m-%d}"
        left = f"; {len(self.excluded)} were left out" if self.excluded else ""
        return f"no invoice or document {when}: nothing was compared{left}"

    @property
    def unexplained(self) -> dict[tuple[str, str], int]:
        """What is unexplained, by register and currency: legs are never added."""
        sums: dict[tuple[str, str], int] = {}
        for row in self.rows:
            if row.unexplained:
                key = (row.target, row.currency)
                sums[key] = sums.get(key, 0) + row.unexplained
        return sums

    @property
    def needs_approver(self) -> bool:
        """Is more unexplained, in a leg and currency, than the total threshold?"""
        return any(
            abs(one) > self.total_threshold_minor for one in self.unexplained.values()
        )

    @property
    def clean(self) -> bool:
        """Is there nothing that a person must look at?"""
        return self.outcome is Outcome.CLEAR and all(check.ok for check in self.checks)
