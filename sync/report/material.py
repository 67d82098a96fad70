"""What a report is made from: a kept run, and the facts that had been seen by then."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from state.audit import AuditLine, Verdict
from state.invoices import CoreInvoice
from state.receivables import CreditMemo, DownstreamInvoice
from state.worklist import Flag
from sync.books import Row, Run
from sync.credit_checks import CreditFinding
from sync.credit_entries import Entry
from sync.report.cells import Calendar
from sync.report.ledger import LedgerRow
from sync.twins import Twins

SIGNED = "signoff.given"  # what the audit log calls it


@dataclass(frozen=True, slots=True)
class Signoff:
    """A person's word on a run. It falls when the run of its period shows other figures."""

    role: str
    who: str
    at: datetime
    comment: str
    content: str  # the content hash that was signed
    stands: bool = True
    why: str = ""  # why it does not stand any more


@dataclass(frozen=True, slots=True)
class Seen:
    """A core invoice and the time of each status, as far as it is known."""

    invoice: CoreInvoice
    first_seen: datetime
    void_seen: datetime | None = None


@dataclass(frozen=True, slots=True)
class Chain:
    """The versions of one invoice, oldest first, with what stands downstream for them."""

    versions: tuple[Seen, ...]
    documents: tuple[DownstreamInvoice, ...]
    memos: tuple[CreditMemo, ...]


@dataclass(frozen=True, slots=True)
class Prior:
    """How the period before closed, as it was known then: by register and currency."""

    run_id: str
    closing: Mapping[tuple[str, str], int]


@dataclass(frozen=True, slots=True)
class Material:
    """A kept run with the facts beside it. The same run gives the same material."""

    run: Run
    digest: str  # sha256 of the kept text
    content: str  # sha256 of what was found, without names and times of the run
    rows: Callable[[], Iterable[Row]]
    count: int
    memos: tuple[CreditMemo, ...] = ()
    documents: Mapping[tuple[str, str], DownstreamInvoice] = field(default_factory=dict)
    twins: Twins = field(default_factory=Twins)  # memos of two registers for one event
    loose: tuple[DownstreamInvoice, ...] = ()  # that name no core invoice, and fit a row
    flags: tuple[Flag, ...] = ()
    raised_later: frozenset[tuple[str, str]] = frozenset()  # (register, document)
    ledger: tuple[LedgerRow, ...] = ()
    chains: tuple[Chain, ...] = ()
    names: Mapping[str, str] = field(default_factory=dict)  # customer id to name
    audit: tuple[AuditLine, ...] = ()
    verdict: Verdict | None = None
    signoffs: tuple[Signoff, ...] = ()
    prior: Prior | None = None
    credits: tuple[Entry, ...] = ()
    credit_findings: tuple[CreditFinding, ...] = ()
    general_ledger: Mapping[str, int] = field(default_factory=dict)  # typed in, by currency

    @property
    def calendar(self) -> Calendar:
        """Days and months as the run's time zone has them."""
        return Calendar(self.run.timezone)
