"""What the walk needs of its memory: one door for every write, and reads in bulk."""

from collections.abc import Collection, Iterator
from datetime import datetime
from typing import Protocol

from state.audit import AuditLine
from state.corrections import Correction
from state.credits import CoreCredit
from state.invoices import CoreCustomer, CoreInvoice
from state.links import Link
from state.observations import AuditEntry, Changes, Sweep, Unread
from state.pushes import PushRecord, PushState
from state.receivables import CreditMemo, DownstreamInvoice
from state.worklist import Flag, FlagState


class LeaseLost(Exception):
    """Another Tieout has taken the lease; nothing of this transaction was kept."""


class PushMoved(Exception):
    """A person has moved this push meanwhile; nothing of this transaction was kept."""


class Overtaken(Exception):
    """More has become known of what was decided; nothing of this transaction was kept."""


class CaseBooks(Protocol):
    """What a case is gathered from: the books as they stand, or as they stood."""

    def customers_by_id(self, ids: Collection[str]) -> dict[str, CoreCustomer]:
        """Core customers by id."""

    def invoices(self, ids: Collection[str]) -> dict[str, CoreInvoice]:
        """Core invoices by id."""

    def children_of(self, ids: Collection[str]) -> dict[str, tuple[str, ...]]:
        """What was regenerated from each of these."""

    def pushes_for(self, ids: Collection[str]) -> dict[str, PushRecord]:
        """The pushes of these core invoices."""

    def documents_of(self, core_ids: Collection[str]) -> dict[str, list[DownstreamInvoice]]:
        """Documents in every register, by the core invoice they name."""

    def memos_of(
        self, target: str, document_ids: Collection[str]
    ) -> dict[str, list[CreditMemo]]:
        """Memos by the document they reduce."""

    def flags_of(self, core_ids: Collection[str]) -> dict[str, list[Flag]]:
        """Flags by core invoice."""

    def documents_by_id(
        self, target: str, ids: Collection[str]
    ) -> dict[str, DownstreamInvoice]:
        """Documents of one register by id."""

    def links_of(self, core_ids: Collection[str]) -> dict[str, list[Link]]:
        """Links that stand, by core invoice."""


class PastBooks(CaseBooks, Protocol):
    """The books at `moment`, as known at the observation `seq`."""

    @property
    def seq(self) -> int:
        """The last observation that counts."""

    @property
    def moment(self) -> datetime:
        """What became so later does not count."""

    def linked_documents(self) -> dict[tuple[str, str], str]:
        """The documents, by register and id, that links name, and for which invoice."""

    def claimed(self, document_ids: Collection[str]) -> dict[str, set[str]]:
        """Which core invoices' pushes claim each of these Stripe documents."""

    def customer_chunks(self) -> Iterator[list[str]]:
        """The customers that have invoices, by id, some at a time."""

    def invoices_of_customers(self, customer_ids: Collection[str]) -> list[CoreInvoice]:
        """These customers' invoices: by customer, date and id."""

    def each_invoice(self) -> Iterator[CoreInvoice]:
        """Every core invoice, by id."""

    def each_document(self) -> Iterator[DownstreamInvoice]:
        """Every document, by register and id."""

    def each_memo(self) -> Iterator[CreditMemo]:
        """Every memo, by register and id."""

    def memos_by_id(self, keys: Collection[str]) -> dict[str, CreditMemo]:
        """Memos by "register|id"."""

    def each_flag(self) -> Iterator[Flag]:
        """Every flag."""

    def wound(self) -> Iterator[tuple[str, DownstreamInvoice]]:
        """Each document whose balance may not be as it was read, by its key."""

    def moved_later(self, kind: str, statuses: Collection[str]) -> Iterator[list[str]]:
        """Ids of a kind that came into one of these statuses only after `moment`."""


class Store(Protocol):
    """The memory of one legal entity. `record` is the only way facts come in."""

    @property
    def instance(self) -> str:
        """The name under which this Tieout writes into Stripe."""

    def fact(self, name: str) -> str | None:
        """A fact kept under a name."""

    def keep_fact(self, name: str, value: str) -> None:
        """Keep a fact; the first write stands, and a different one raises."""

    def take_lease(self, holder: str, *, now: datetime, seconds: int) -> int | None:
        """A fencing token, or None while another holds the lease."""

    def renew_lease(self, token: int, *, now: datetime, seconds: int) -> None:
        """Hold the lease longer; raises LeaseLost."""

    def release_lease(self, token: int) -> None:
        """Give the lease back."""

    def record(self, changes: Changes, *, at: datetime, token: int | None = None) -> None:
        """Facts, decisions, cursor and audit in one transaction.

        Raises LeaseLost, PushMoved where `changes.based_on` stands no longer, and
        Overtaken where `changes.ground` has moved.
        """

    def cursor(self, name: str) -> str | None:
        """Where the next reading of a source resumes."""

    def last_sweep(self, source: str) -> Sweep | None:
        """The last complete reading of a source."""

    def unread(self) -> dict[str, Unread]:
        """The sources whose last reading failed."""

    def customers_by_id(self, ids: Collection[str]) -> dict[str, CoreCustomer]:
        """Core customers by id."""

    def customers_since(self, seq: int) -> set[str]:
        """The core customers that are not as they were at an observation."""

    def invoice(self, core_invoice_id: str) -> CoreInvoice | None:
        """One core invoice with its lines."""

    def invoices(self, ids: Collection[str]) -> dict[str, CoreInvoice]:
        """Core invoices by id."""

    def known_ids(self, ids: Collection[str]) -> set[str]:
        """Which of these core invoices are known."""

    def known_by_prefix(self, prefix: str) -> list[str]:
        """Core invoices whose id begins so, two at most: more than one decides nothing."""

    def iter_invoices(self) -> Iterator[CoreInvoice]:
        """Every core invoice, by id."""

    def invoices_of(self, customer_id: str) -> list[CoreInvoice]:
        """A customer's core invoices."""

    def children_of(self, ids: Collection[str]) -> dict[str, tuple[str, ...]]:
        """What was regenerated from each of these."""

    def count_invoices(self) -> dict[str, int]:
        """How many are known, by status."""

    def credits_of(self, customer_id: str) -> list[CoreCredit]:
        """A customer's credits and its contracts' credits."""

    def iter_credits(self) -> Iterator[CoreCredit]:
        """Every credit as it was last read, by id."""

    def correction(self, correction_id: str) -> Correction | None:
        """One correction."""

    def corrections(self, core_invoice_id: str | None = None) -> list[Correction]:
        """Every correction, or those of one core invoice, the oldest first."""

    def push(self, core_invoice_id: str) -> PushRecord | None:
        """The push of one core invoice."""

    def pushes(self, states: Collection[PushState]) -> list[PushRecord]:
        """The pushes in these states."""

    def pushes_for(self, ids: Collection[str]) -> dict[str, PushRecord]:
        """The pushes of these core invoices."""

    def pushes_because(self, reason: str) -> list[PushRecord]:
        """The pushes that were left out or stopped for this reason."""

    def pushes_by_id(self) -> dict[str, PushRecord]:
        """Every push, by core invoice."""

    def documents_by_id(
        self, target: str, ids: Collection[str]
    ) -> dict[str, DownstreamInvoice]:
        """Documents of one register by id."""

    def documents_of(self, core_ids: Collection[str]) -> dict[str, list[DownstreamInvoice]]:
        """Documents in every register, by the core invoice they name."""

    def iter_documents(self, target: str | None = None) -> Iterator[DownstreamInvoice]:
        """Every document, or those of one register."""

    def tracked_documents(self, target: str) -> list[str]:
        """Documents that may still move: not void, deleted or paid, or with a flag."""

    def standing_documents(self, target: str) -> list[str]:
        """Documents that are not void and not deleted, paid ones among them."""

    def memos_by_id(self, target: str, ids: Collection[str]) -> dict[str, CreditMemo]:
        """Memos of one register by id."""

    def memos_of(
        self, target: str, document_ids: Collection[str]
    ) -> dict[str, list[CreditMemo]]:
        """Memos by the document they reduce."""

    def iter_memos(self, target: str | None = None) -> Iterator[CreditMemo]:
        """Every memo, or those of one register."""

    def flags(self, states: Collection[FlagState] | None = None) -> list[Flag]:
        """Flags, all or in these states."""

    def flag(self, flag_id: str) -> Flag | None:
        """One flag."""

    def flags_of(self, core_ids: Collection[str]) -> dict[str, list[Flag]]:
        """Flags by core invoice."""

    def links(self) -> list[Link]:
        """Every link that was ever made, by number."""

    def links_of(self, core_ids: Collection[str]) -> dict[str, list[Link]]:
        """Links that stand, by core invoice."""

    def last_seq(self) -> int:
        """The number of the last observation."""

    def as_of(self, seq: int, moment: datetime) -> PastBooks:
        """The books at an instant, as known at an observation."""

    def run_at(self, as_of: datetime, *, period: str) -> tuple[str, str] | None:
        """The latest run kept for this cutoff and period: its text and sha256."""

    def keep_run(
        self,
        run_id: str,
        *,
        kind: str,
        period: str,
        at: datetime,
        as_of: datetime,
        body: str,
        sha256: str,
        audit: AuditEntry,
    ) -> None:
        """Keep a reconciliation run with its audit line."""

    def run(
        self, run_id: str | None = None, *, period: str | None = None
    ) -> tuple[str, str] | None:
        """A kept run's text and sha256: the one named, or the latest (of a period)."""

    def audit_lines(
        self, until: int | None = None, *, about: str | None = None
    ) -> Iterator[AuditLine]:
        """The audit log's lines in order, up to a sequence number, about one type."""

    def audit_head(self) -> tuple[int, str]:
        """Sequence and hash of the last audit line."""
