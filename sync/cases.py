"""Gather what is recorded about core invoices, and complete a change with its decisions.

This is the hinge of the walk: whoever brings a fact calls `decided`, and the fact, the
pushes and the flags that follow from it are committed together.
"""

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime

from connectors.ports import CurrencyRule
from state.invoices import CoreInvoice
from state.observations import AuditEntry, Changes, Ground
from state.pushes import PushRecord
from state.receivables import STRIPE, CreditMemo, DownstreamInvoice
from state.store import CaseBooks, Store
from state.worklist import Flag
from sync.consolidated import billed_already
from sync.decide import Case, Held, Policy, decide_push
from sync.flags import ON_A_DOCUMENT, decide_flags

CHAIN_LENGTH_MAX = 100  # versions of one invoice; more is a loop in the core's links


@dataclass(frozen=True, slots=True)
class Chains:
    """Who was regenerated from whom, for the invoices at hand and all their versions."""

    invoices: Mapping[str, CoreInvoice]
    children: Mapping[str, tuple[str, ...]]

    def ancestors(self, core_id: str) -> list[str]:
        """Earlier versions, nearest first."""
        found: list[str] = []
        here = self.invoices.get(core_id)
        while here is not None and here.regenerated_from is not None:
            if here.regenerated_from in found or len(found) >= CHAIN_LENGTH_MAX:
                break
            found.append(here.regenerated_from)
            here = self.invoices.get(here.regenerated_from)
        return found

    def descendants(self, core_id: str) -> list[str]:
        """Later versions, nearest first."""
        found: list[str] = []
        edge = list(self.children.get(core_id, ()))
        while edge and len(found) < CHAIN_LENGTH_MAX:
            next_id = edge.pop(0)
            if next_id not in found:
                found.append(next_id)
                edge.extend(self.children.get(next_id, ()))
        return found


@dataclass(frozen=True, slots=True)
class Deciding:
    """What decisions rest on besides the books: the policy, Stripe's rules, the times."""

    policy: Policy
    rule_of: Callable[[str], CurrencyRule | None]
    now: datetime
    looked_at: datetime
    anomalies: Mapping[str, str] = field(default_factory=dict)


def decided(
    store: Store, changes: Changes, deciding: Deciding, about: Collection[str] = ()
) -> Changes:
    """The change, completed with every push and flag that follows from it.

    `about` are core invoices to decide again although nothing new is known of them.
    What comes back carries its ground, so that what a person does meanwhile stands.
    """
    seq = store.last_seq()
    touched = _touched(store, changes) | set(about)
    if not touched:
        return changes
    cases, kept = gather(store, touched, changes, deciding.anomalies)
    flags = _with_their_documents(kept, cases)
    pushes: list[PushRecord] = list(changes.pushes)
    moved: list[Flag] = []
    audit: list[AuditEntry] = list(changes.audit)
    for gathered in cases:
        case = gathered
        currency = case.invoice.currency if case.invoice is not None else None
        rule = deciding.rule_of(currency) if currency else None
        record = decide_push(case, deciding.policy, rule)
        if record is not None:
            audit.append(push_entry(case.record, record))
            pushes = [
                one for one in pushes if one.core_invoice_id != record.core_invoice_id
            ]
            pushes.append(record)
            case = replace(gathered, record=record)
        for flag in decide_flags(
            case,
            flags.get(case.core_invoice_id, ()),
            now=deciding.now,
            looked_at=deciding.looked_at,
        ):
            moved.append(flag)
            audit.append(flag_entry(flag))
    return replace(
        changes,
        pushes=tuple(pushes),
        flags=(*changes.flags, *moved),
        audit=tuple(audit),
        ground=Ground(seq, frozenset(case.core_invoice_id for case in cases)),
    )


def gather(
    store: CaseBooks,
    core_ids: Collection[str],
    changes: Changes = Changes(),  # noqa: B008 - frozen, so it can be shared
    anomalies: Mapping[str, str] | None = None,
) -> tuple[list[Case], dict[str, list[Flag]]]:
    """The cases of these invoices and of all their versions, with their flags.

    What `changes` brings stands above what is recorded.
    """
    chains = _chains(store, core_ids, changes)
    ids = sorted({*core_ids, *chains.invoices})
    documents = _documents(store, ids, changes)
    records = {**store.pushes_for(ids)}
    records.update({record.core_invoice_id: record for record in changes.pushes})
    invoices = chains.invoices.values()
    wanted = {one.customer_id for one in invoices} | {one.payer_id for one in invoices}
    customers = store.customers_by_id({name for name in wanted if name is not None})
    customers.update({customer.id: customer for customer in changes.customers})
    rivals = billed_already(store, chains.invoices, changes)
    cases = []
    for core_id in ids:
        invoice = chains.invoices.get(core_id)
        later = chains.descendants(core_id)
        cases.append(
            Case(
                core_invoice_id=core_id,
                invoice=invoice,
                customer=customers.get(invoice.customer_id) if invoice else None,
                record=records.get(core_id),
                documents=tuple(documents.get(core_id, ())),
                ancestors=tuple(
                    held
                    for earlier in chains.ancestors(core_id)
                    for held in documents.get(earlier, ())
                    if held.document.target == STRIPE
                ),
                successor=later[0] if later else None,
                successor_live=frozenset(
                    held.document.target
                    for one in later
                    for held in documents.get(one, ())
                    if held.document.status.live
                ),
                payer=customers.get(invoice.payer_id or "") if invoice else None,
                rivals=rivals.get(core_id, ()),
                anomaly=(anomalies or {}).get(core_id),
            )
        )
    return cases, store.flags_of(ids)


def push_entry(before: PushRecord | None, after: PushRecord) -> AuditEntry:
    """The audit line of a push that moved."""
    return AuditEntry(
        action=f"push.{after.state.lower()}",
        object_type="push",
        object_id=after.core_invoice_id,
        before=before.state if before is not None else "",
        after=after.state,
        reason=after.reason or after.detail,
    )


def flag_entry(flag: Flag) -> AuditEntry:
    """The audit line of a flag that moved."""
    return AuditEntry(
        action=f"flag.{flag.state.lower()}",
        object_type="flag",
        object_id=f"{flag.target}/{flag.subject}/{flag.cause}",
        after=flag.state,
        reason=flag.evidence or flag.why,
    )


def _touched(store: CaseBooks, changes: Changes) -> set[str]:
    """The invoices that a change is about; a document's, before it and after it."""
    touched = {invoice.id for invoice in changes.invoices}
    touched |= {record.core_invoice_id for record in changes.pushes}
    before = _as_kept(store, ((one.target, one.id) for one in changes.documents)).values()
    named = {document.core_invoice_id for document in (*changes.documents, *before)}
    return touched | {core_id for core_id in named if core_id is not None}


def _with_their_documents(
    flags: Mapping[str, list[Flag]], cases: Iterable[Case]
) -> dict[str, list[Flag]]:
    """The flags by core invoice: one on a document that stands for another by now, there.

    Otherwise nobody would look at it again, and it would stay open for ever.
    """
    home = {
        (held.document.target, held.document.id): case.core_invoice_id
        for case in cases
        for held in case.documents
    }
    found: dict[str, list[Flag]] = {}
    for core_id, some in flags.items():
        for flag in some:
            moved = flag.cause in ON_A_DOCUMENT
            to = home.get((flag.target, flag.subject), core_id) if moved else core_id
            found.setdefault(to, []).append(flag)
    return found


def _chains(store: CaseBooks, core_ids: Collection[str], changes: Changes) -> Chains:
    """Read versions upwards and downwards until no new one appears."""
    invoices: dict[str, CoreInvoice] = {}
    children: dict[str, tuple[str, ...]] = {}
    brought = {invoice.id: invoice for invoice in changes.invoices}
    edge = set(core_ids)
    for _ in range(CHAIN_LENGTH_MAX):
        if not edge:
            break
        read = {**store.invoices(edge), **{i: brought[i] for i in edge if i in brought}}
        invoices.update(read)
        below = store.children_of(edge)
        children.update(below)
        for invoice in brought.values():
            parent = invoice.regenerated_from
            if parent is None or parent not in edge:
                continue
            if invoice.id not in children.get(parent, ()):
                children[parent] = (*children.get(parent, ()), invoice.id)
        seen = set(invoices) | edge
        above = {
            i.regenerated_from for i in read.values() if i.regenerated_from is not None
        }
        edge = (
            above | {name for parent in edge for name in children.get(parent, ())}
        ) - seen
    return Chains(invoices, children)


def _documents(
    store: CaseBooks, core_ids: Collection[str], changes: Changes
) -> dict[str, list[Held]]:
    documents: dict[tuple[str, str], DownstreamInvoice] = {
        (document.target, document.id): document
        for some in store.documents_of(core_ids).values()
        for document in some
    }
    documents.update(_linked_by_hand(store, core_ids))
    wanted = set(core_ids)
    for document in changes.documents:
        documents.pop((document.target, document.id), None)
        if document.core_invoice_id in wanted:
            documents[document.target, document.id] = document
    memos = _memos(store, documents.values(), changes)
    held: dict[str, list[Held]] = {}
    for key in sorted(documents):
        document = documents[key]
        assert document.core_invoice_id is not None  # noqa: S101 - selected by it
        held.setdefault(document.core_invoice_id, []).append(
            Held(document, tuple(memos.get(key, {}).values()))
        )
    return held


def _by_register(keys: Iterable[tuple[str, str]]) -> dict[str, list[str]]:
    by_target: dict[str, list[str]] = {}
    for target, name in keys:
        by_target.setdefault(target, []).append(name)
    return by_target


def _as_kept(
    store: CaseBooks, keys: Iterable[tuple[str, str]]
) -> dict[tuple[str, str], DownstreamInvoice]:
    """Documents by register and id, as they were last kept; one reading a register."""
    return {
        (target, name): document
        for target, names in _by_register(keys).items()
        for name, document in store.documents_by_id(target, names).items()
    }


def _linked_by_hand(
    store: CaseBooks, core_ids: Collection[str]
) -> dict[tuple[str, str], DownstreamInvoice]:
    """Documents that name no core invoice, and that two persons have tied to one."""
    links = [link for some in store.links_of(core_ids).values() for link in some]
    kept = _as_kept(store, ((link.target, link.new_document_id) for link in links))
    found = {}
    for link in links:
        document = kept.get((link.target, link.new_document_id))
        if document is not None and document.core_invoice_id is None:
            found[link.target, document.id] = replace(
                document, core_invoice_id=link.core_invoice_id, linked_by=link.rule
            )
    return found


def _memos(
    store: CaseBooks, documents: Iterable[DownstreamInvoice], changes: Changes
) -> dict[tuple[str, str], dict[str, CreditMemo]]:
    keys = ((document.target, document.id) for document in documents)
    memos: dict[tuple[str, str], dict[str, CreditMemo]] = {}
    for target, ids in _by_register(keys).items():
        for document_id, some in store.memos_of(target, ids).items():
            memos[target, document_id] = {memo.id: memo for memo in some}
    for memo in changes.memos:
        if memo.invoice_id is not None:
            memos.setdefault((memo.target, memo.invoice_id), {})[memo.id] = memo
    return memos
