"""What one transaction takes in: facts as read, what was decided, and the cursor."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from state.clock import iso
from state.corrections import Correction
from state.credits import CoreCredit
from state.invoices import CoreCustomer, CoreInvoice
from state.links import Link
from state.pushes import PushRecord
from state.receivables import CreditMemo, DownstreamInvoice
from state.worklist import Flag


@dataclass(frozen=True, slots=True)
class AuditEntry:
    """One line for the audit log; the store adds sequence, time and the hash chain."""

    action: str  # push.attempted, flag.resolved, run.kept ...
    object_type: str  # push, flag, run, source
    object_id: str
    before: str = ""
    after: str = ""
    reason: str = ""
    actor: str = "worker"
    request_id: str = ""
    idempotency_key: str = ""


CORE = "core"  # the name of the billing core among the sources, in every configuration


@dataclass(frozen=True, slots=True)
class Sweep:
    """One complete reading of a source: the only ground on which absence is concluded."""

    source: str  # core, stripe, or the ERP's name
    started_at: datetime
    finished_at: datetime
    pages: int
    rows: int


@dataclass(frozen=True, slots=True)
class Unread:
    """A source that was asked and gave no whole answer; nothing was concluded from it."""

    source: str  # core, stripe, or the ERP's name
    why: str
    since: datetime | None = None  # None: it was read, and could not be written to
    hinted: bool = False  # only hints were followed: a sweep was not what failed
    hopeless: bool = False  # a key or a setting is wrong: no later turn goes better

    @property
    def text(self) -> str:
        """One line for a person."""
        if self.since is None:
            return f"{self.source}: {self.why}"
        since = iso(self.since.replace(microsecond=0))
        why = self.why.removeprefix(f"{self.source}: ")
        return f"{self.source} could not be read (since {since}): {why}"


@dataclass(frozen=True, slots=True)
class Ground:
    """What decisions were made from: what was known of these core invoices at `seq`."""

    seq: int  # the last observation that counted
    core_ids: frozenset[str]


@dataclass(frozen=True, slots=True)
class Changes:
    """All that one transaction writes: facts, decisions and cursor, together or not.

    `based_on` are pushes as they must still stand: if a person has moved one of them
    meanwhile, nothing is kept. Nor is it where `ground` has moved: a decision never
    overwrites what a person did between its reading and its writing.
    """

    customers: tuple[CoreCustomer, ...] = ()
    invoices: tuple[CoreInvoice, ...] = ()
    credits: tuple[CoreCredit, ...] = ()
    documents: tuple[DownstreamInvoice, ...] = ()
    memos: tuple[CreditMemo, ...] = ()
    pushes: tuple[PushRecord, ...] = ()
    flags: tuple[Flag, ...] = ()
    corrections: tuple[Correction, ...] = ()
    links: tuple[Link, ...] = ()
    cursors: Mapping[str, str] = field(default_factory=dict)
    sweeps: tuple[Sweep, ...] = ()
    unread: tuple[Unread, ...] = ()
    read_again: tuple[str, ...] = ()  # sources that were unread until now
    audit: tuple[AuditEntry, ...] = ()
    based_on: tuple[PushRecord, ...] = ()
    ground: Ground | None = None
