"""A model of the state database: fenced commits, snapshots, and what each commit moved."""

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from functools import cache

from state.invoices import CoreCustomer, CoreInvoice
from state.pushes import PushRecord
from state.receivables import CreditMemo, DownstreamInvoice
from state.worklist import Cause, Flag, FlagState
from sync.decide import Case, Held, Policy, decide_push
from sync.flags import decide_flags
from sync.simulation.core_model import RULE

FlagKey = tuple[str, str, Cause]
_NEVER = timedelta(days=36500)


@cache
def _customer(stripe_customer: str) -> CoreCustomer:
    return CoreCustomer("c1", "Customer", stripe_customer_field=stripe_customer)


class Fenced(Exception):
    """The lease is another's; nothing of this commit was kept."""


class Moved(Exception):
    """A person has moved this push meanwhile; nothing of this commit was kept."""


@dataclass(slots=True)
class Kept:
    """What one database holds. Every value is frozen, so a copy of the maps is a backup."""

    invoices: dict[str, CoreInvoice] = field(default_factory=dict)
    records: dict[str, PushRecord] = field(default_factory=dict)
    documents: dict[str, DownstreamInvoice] = field(default_factory=dict)
    memos: dict[str, tuple[CreditMemo, ...]] = field(default_factory=dict)
    flags: dict[FlagKey, Flag] = field(default_factory=dict)
    stripe_customer: str = "cus_c1"  # as the core named it at the last reading

    def copy(self) -> "Kept":
        """A backup."""
        return Kept(
            dict(self.invoices),
            dict(self.records),
            dict(self.documents),
            dict(self.memos),
            dict(self.flags),
            self.stripe_customer,
        )


@dataclass(slots=True)
class Memory:
    """The database, its backups, and the history that checkers read."""

    policy: Policy
    kept: Kept = field(default_factory=Kept)
    token: int = 0
    backups: list[Kept] = field(default_factory=list)
    commits: int = 0
    moves: list[tuple[PushRecord | None, PushRecord, bool]] = field(default_factory=list)
    opened: list[FlagKey] = field(default_factory=list)
    intents: set[str] = field(default_factory=set)
    _dirty: bool = True
    _backed_up: int = -1

    def take_lease(self) -> int:
        """The right to act; whoever had it before has it no longer."""
        self.token += 1
        return self.token

    def commit(
        self,
        token: int | None,
        now: datetime,
        *,
        record: PushRecord | None = None,
        based_on: PushRecord | None = None,
        invoices: Iterable[CoreInvoice] = (),
        documents: Iterable[DownstreamInvoice] = (),
        memos: Iterable[CreditMemo] = (),
        flags: Iterable[Flag] = (),
        stripe_customer: str | None = None,
        decide: bool = False,
        looked: bool = False,
    ) -> bool:
        """Keep facts, and with `decide` all that follows from them; False: nothing moved.

        `token` None is a person's own transaction. Raises Fenced, and Moved where the
        push is no longer as `based_on` says.
        """
        if token is not None and token != self.token:
            raise Fenced
        kept = self.kept
        if based_on is not None and kept.records[based_on.core_invoice_id] != based_on:
            raise Moved
        before = self.commits
        for invoice in invoices:
            known = kept.invoices.get(invoice.id)
            if known is not invoice and known != invoice:
                kept.invoices[invoice.id] = invoice
                self._moved()
        for document in documents:
            held = kept.documents.get(document.id)
            if held is not document and held != document:
                kept.documents[document.id] = document
                self._moved()
        for memo in memos:
            if kept.memos.get(memo.invoice_id or "") != (memo,):
                kept.memos[memo.invoice_id or ""] = (memo,)
                self._moved()
        if stripe_customer is not None and stripe_customer != kept.stripe_customer:
            kept.stripe_customer = stripe_customer
            self._moved()
        if record is not None:
            self._keep(record, by_person=token is None)
        for flag in flags:
            kept.flags[flag.key] = flag
            self._moved()
        moved = self.commits != before
        if decide and (moved or (looked and (self._dirty or self._claimed()))):
            self._decide(now, now if looked else now - _NEVER)
        return self.commits != before

    def back_up(self) -> None:
        """Keep a backup, if anything has moved since the last one."""
        if self._backed_up != self.commits:
            self._backed_up = self.commits
            self.backups.append(self.kept.copy())

    def restore(self, which: int) -> None:
        """Somebody puts an old backup back: all that was kept since is forgotten."""
        self.kept = self.backups[which].copy()
        self.token += 1
        self._dirty = True
        self.opened.clear()

    def held(self, core_id: str) -> tuple[Held, ...]:
        """The documents of one core invoice as last seen, with their memos."""
        return tuple(
            Held(document, self.kept.memos.get(document.id, ()))
            for document in self.kept.documents.values()
            if document.core_invoice_id == core_id
        )

    def _claimed(self) -> bool:
        """Does a claim wait to be believed or contradicted?"""
        return any(
            flag.state is FlagState.AWAITING_VERIFICATION
            for flag in self.kept.flags.values()
        )

    def _moved(self) -> None:
        self.commits += 1
        self._dirty = True

    def _keep(self, record: PushRecord, *, by_person: bool = False) -> None:
        before = self.kept.records.get(record.core_invoice_id)
        if before == record:
            return
        self.kept.records[record.core_invoice_id] = record
        self.moves.append((before, record, by_person))
        self._moved()

    def _decide(self, now: datetime, looked_at: datetime) -> None:
        """Run the worker's own decisions over every version, as one transaction would."""
        self._dirty = False
        kept = self.kept
        held = {core_id: self.held(core_id) for core_id in kept.invoices}
        names = list(kept.invoices)
        for core_id in sorted(names):
            index = names.index(core_id)
            mine = tuple(f for f in kept.flags.values() if f.core_invoice_id == core_id)
            later = names[index + 1 :]
            case = Case(
                core_invoice_id=core_id,
                invoice=kept.invoices[core_id],
                customer=_customer(kept.stripe_customer),
                record=kept.records.get(core_id),
                documents=held[core_id],
                ancestors=tuple(
                    one for name in reversed(names[:index]) for one in held[name]
                ),
                successor=later[0] if later else None,
                successor_live=frozenset(
                    one.document.target
                    for name in later
                    for one in held[name]
                    if one.document.status.live
                ),
            )
            record = decide_push(case, self.policy, RULE)
            if record is not None:
                self._keep(record)
                case = replace(case, record=record)
            for flag in decide_flags(case, mine, now=now, looked_at=looked_at):
                if flag.key not in kept.flags:
                    self.opened.append(flag.key)
                kept.flags[flag.key] = flag
                self._moved()
