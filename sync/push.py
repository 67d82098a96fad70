"""Carry out pushes: one commit before each call, one after, and nothing in between.

The shell of protocol D. It looks, asks and commits as `next_action` says; it decides
nothing. A process may die on any line: the next one reads the record and goes on.
"""

from collections.abc import Collection
from dataclasses import dataclass, replace
from datetime import timedelta

from connectors.failures import (
    ConnectorFailure,
    Incomplete,
    Misconfigured,
    NotNow,
    Refused,
    Unknown,
)
from connectors.ports import DraftLine
from state.codec import fingerprint
from state.invoices import CoreInvoice
from state.observations import AuditEntry, Changes
from state.pushes import SETTLED, PushRecord, PushState
from state.receivables import STRIPE, DocumentStatus, DownstreamInvoice, seen_again
from state.store import PushMoved
from sync.abreast import abreast
from sync.cases import push_entry
from sync.decide import anomaly
from sync.lines import DraftLines, draft_lines
from sync.moves import (
    BATCH_LINES_MAX,
    Answer,
    Ask,
    Denied,
    Done,
    Doubt,
    Later,
    LookUp,
    ReadCore,
    ReadDocument,
    Seen,
    Settle,
    Undertaking,
    Wait,
)
from sync.parts import Parts
from sync.prepare import check_cap, draft_of, prepare
from sync.progress import Progress
from sync.protocol import absorb, next_action

STEPS_MAX = 60  # of one push in one pass; a sound one takes about ten
RECONSIDERED_AT_ONCE = 500
RECONSIDERED = "reconsidered"  # by which rules, and up to which observation
PATIENCE = timedelta(seconds=5)  # a wait up to this long is sat out


@dataclass(frozen=True, slots=True)
class Pushed:
    """What a pass of pushes came to."""

    done: int = 0
    stopped: int = 0  # quarantined
    waiting: int = 0


def push_all(parts: Parts, progress: Progress, *, approved: bool = False) -> Pushed:
    """Move every open push as far as it goes now.

    `approved`: a person has seen the plan, so the cap does not apply. Raises CapReached
    before anything is sent.
    """
    records = due(parts)
    if not approved:
        check_cap(parts, records)
    progress.step("pushing to Stripe", len(records))
    groups = by_customer(records)

    def push_next(record: PushRecord) -> PushRecord:
        ended = _push_or_leave(parts, record, progress)
        progress.advance()
        return ended

    ended = abreast(groups, push_next, threads=parts.writers, stopping=parts.stopping)
    return Pushed(
        done=_count(ended, {PushState.DONE}),
        stopped=_count(ended, {PushState.QUARANTINED}),
        waiting=sum(record.state not in SETTLED for record in ended),
    )


def by_customer(records: Collection[PushRecord]) -> list[list[PushRecord]]:
    """The pushes of each customer, in order.

    One writer per customer: Stripe locks the customer, and balances move in order. Where
    only some pushes of a core customer know their Stripe customer yet, all of them go there.
    """
    told = {one.core_customer_id: one.customer_id for one in records if one.customer_id}
    groups: dict[str, list[PushRecord]] = {}
    for record in records:
        core = record.core_customer_id
        groups.setdefault(record.customer_id or told.get(core) or core, []).append(record)
    return list(groups.values())


def reconsider(parts: Parts) -> None:
    """Decide again about what waits for its first request, by the settings of today.

    Nothing touches an invoice when the settings change, when its customer is given another
    Stripe customer, or when its contract gets a billing provider. So after such a change,
    and only then, what waits is read: all of it, or that of the customers that moved.
    """
    seq = parts.store.last_seq()
    rules = fingerprint(f"{parts.version} {parts.policy}")
    before, _, since = (parts.store.cursor(RECONSIDERED) or "").partition(" ")
    moved = parts.store.customers_since(int(since)) if before == rules else None
    if moved is not None and not moved:
        return
    waiting = [*parts.store.pushes({PushState.PENDING, PushState.HELD}), *_unmapped(parts)]
    names = sorted(
        one.core_invoice_id
        for one in waiting
        if moved is None or one.core_customer_id in moved
    )
    for first in range(0, len(names), RECONSIDERED_AT_ONCE):
        parts.decide_again(names[first : first + RECONSIDERED_AT_ONCE])
    parts.record(Changes(cursors={RECONSIDERED: f"{rules} {seq}"}))


def due(parts: Parts) -> list[PushRecord]:
    """Every push that may have something to do, in the order of their ids."""
    open_states = set(PushState) - SETTLED
    records = parts.store.pushes(open_states)
    return sorted([*records, *_unmapped(parts)], key=lambda record: record.core_invoice_id)


def _unmapped(parts: Parts) -> list[PushRecord]:
    unmapped = parts.store.pushes_because("MISSING_MAPPING")
    return [record for record in unmapped if record.state is PushState.SKIPPED]


def _push_or_leave(parts: Parts, record: PushRecord, progress: Progress) -> PushRecord:
    """Move one push; a look that fails leaves it for the next pass, or for a person."""
    try:
        return _push_or_stop(parts, parts.store.push(record.core_invoice_id) or record)
    except PushMoved as moved:
        progress.note(str(moved))
    except (NotNow, Unknown, Incomplete) as failure:
        progress.note(f"push of {record.core_invoice_id} waits: {failure}")
    return parts.store.push(record.core_invoice_id) or record


def _push_or_stop(parts: Parts, record: PushRecord) -> PushRecord:
    """Move one push; where a look is refused, a person must see why.

    A call that is still on its way stays in doubt: a retry has to wait for its end.
    """
    try:
        return push_one(parts, record)
    except Refused as no:
        now = parts.store.push(record.core_invoice_id) or record
        stopped = replace(
            now,
            state=PushState.QUARANTINED,
            reason="REFUSED",
            detail=str(no),
            in_flight=False,
            in_doubt=now.in_doubt or now.in_flight,
        )
        return _stop(parts, now, stopped)


def push_one(parts: Parts, record: PushRecord) -> PushRecord:
    """Move one push as far as it goes now, and answer with where it stands."""
    unmapped = record.state is PushState.SKIPPED and record.reason == "MISSING_MAPPING"
    if record.state in SETTLED and not record.in_flight and not unmapped:
        return record  # a person, or what was read since, has settled it
    invoice = parts.store.invoice(record.core_invoice_id)
    rule = parts.stripe.currency_rule(record.currency)
    if invoice is None:
        return record
    if rule is None:
        detail = f"Stripe cannot bill in {record.currency or 'this unit'}"
        return _stop(
            parts,
            record,
            replace(record, state=PushState.QUARANTINED, reason="CURRENCY", detail=detail),
        )
    if record.in_flight or unmapped or record.state is PushState.PENDING:
        record = prepare(parts, record, invoice)
    if record.state in SETTLED and not record.in_flight:
        return record
    drafted = draft_lines(invoice, rule)
    undertaking = Undertaking(drafted.keys, finalize=parts.policy.finalize)
    seen = Seen(now=parts.clock.now(), core_status=invoice.status)
    for _ in range(STEPS_MAX):
        if parts.stopping():
            return record  # as it is kept: whoever comes next goes on from it
        seen = replace(seen, now=parts.clock.now())
        action = next_action(record, seen, undertaking)
        match action:
            case LookUp():
                seen = replace(seen, found=_look_up(parts, record))
            case ReadDocument():
                seen = _read_document(parts, record, seen)
            case ReadCore():
                core = _read_core(parts, invoice)
                seen = replace(seen, core=core, core_gone=core is None)
            case Settle(settled):
                _settle(parts, record, settled, invoice, seen)
                record = settled
            case Ask(asked):
                record, seen = _ask(parts, record, asked, seen, invoice, drafted)
            case Wait(until):
                if until is None or until - seen.now > PATIENCE:
                    return record
                parts.clock.sleep((until - seen.now).total_seconds())
                seen = Seen(now=seen.now, core_status=seen.core_status)
    return record


def _look_up(parts: Parts, record: PushRecord) -> tuple[DownstreamInvoice, ...]:
    """Our documents for this core invoice: those listed, and those our books know.

    A list lacks deleted drafts, and whatever stands with another customer: one that the
    invoice was pushed to before a mapping changed, or an old database was put back.
    """
    found = parts.stripe.find(record.customer_id or "", record.core_invoice_id)
    listed = {document.id for document in found}
    known = parts.store.documents_of([record.core_invoice_id])
    missed = [
        document.id
        for document in known.get(record.core_invoice_id, ())
        if document.target == STRIPE and document.id not in listed
    ]
    return (*found, *(_read(parts, name) for name in missed))


def _read_core(parts: Parts, invoice: CoreInvoice) -> CoreInvoice | None:
    """The invoice as the core has it now; whose statement it is stands on another one."""
    core = parts.core.invoice(invoice.customer_id, invoice.id)
    return core and replace(core, consolidated_in=invoice.consolidated_in)


def _read_document(parts: Parts, record: PushRecord, seen: Seen) -> Seen:
    name = record.document_id or ""
    document = _read(parts, name)
    keys = None
    if record.state is PushState.CREATED and document.status is DocumentStatus.DRAFT:
        keys = parts.stripe.line_keys(name)
    return replace(seen, document=document, line_keys=keys)


def _read(parts: Parts, document_id: str) -> DownstreamInvoice:
    (document,) = parts.stripe.read(document_id).documents
    before = parts.store.documents_by_id(STRIPE, [document_id]).get(document_id)
    return document if before is None else seen_again(before, document)


def _ask(
    parts: Parts,
    record: PushRecord,
    asked: PushRecord,
    seen: Seen,
    invoice: CoreInvoice,
    drafted: DraftLines,
) -> tuple[PushRecord, Seen]:
    """Commit the intent, call, commit the answer."""
    if asked.step == "create" and not asked.terms:
        draft = draft_of(parts, asked, invoice, folded=drafted.folded)
        asked = replace(asked, terms=parts.stripe.draft_terms(draft))
    key = asked.key(parts.instance, asked.step)
    parts.record(
        Changes(
            pushes=(asked,),
            based_on=(record,),
            audit=(
                replace(push_entry(None, asked), idempotency_key=key, reason=asked.step),
            ),
        )
    )
    answer, stop = _call(parts, asked, drafted, key)
    answered = absorb(asked, answer, parts.clock.now())
    documents = (answer.document,) if isinstance(answer, Done) else ()
    changes = Changes(
        pushes=(answered,),
        documents=documents,
        audit=(replace(_answer_entry(asked, answered, answer), idempotency_key=key),),
    )
    if answered.state in SETTLED:
        parts.decide_and_record(changes)
    else:
        parts.record(changes)
    if stop is not None:
        raise stop
    return answered, _seen_after(seen, asked, answer)


def _call(
    parts: Parts, asked: PushRecord, drafted: DraftLines, key: str
) -> tuple[Answer, ConnectorFailure | None]:
    """Make the one call of a step.

    A failure that is not about this invoice comes back beside the answer, to be raised
    once the answer is committed.
    """
    document_id = asked.document_id or ""
    try:
        if asked.step == "create":
            document = parts.stripe.create_draft(asked.terms, key=key)
        elif asked.step == "finalize":
            document = parts.stripe.finalize(document_id, key=key)
        else:
            batch = _batch(asked.step, drafted)
            document = parts.stripe.add_lines(document_id, batch, asked.currency, key=key)
    except Refused as no:
        return Denied(no.code, str(no), replayed=no.replayed), None
    except NotNow as later:
        after = None if later.retry_after is None else timedelta(seconds=later.retry_after)
        return Later(str(later), after), None
    except Unknown as doubt:
        return Doubt(str(doubt), replayed=doubt.replayed), None
    except Misconfigured as wrong:
        return Later(str(wrong)), wrong
    return Done(document), None


def _batch(step: str, drafted: DraftLines) -> tuple[DraftLine, ...]:
    """The lines that the step `lines-N` adds."""
    first = int(step.removeprefix("lines-")) * BATCH_LINES_MAX
    return drafted.lines[first : first + BATCH_LINES_MAX]


def _seen_after(seen: Seen, asked: PushRecord, answer: Answer) -> Seen:
    """A new draft is known to be empty; after anything else we look again.

    An answer may be an old one that its key repeats, and a person may have taken the
    lines off since: a total that leads to finalizing is read, never taken from an answer.
    """
    if not isinstance(answer, Done) or asked.step != "create":
        return Seen(now=seen.now, core_status=seen.core_status)
    return Seen(
        now=seen.now, core_status=seen.core_status, document=answer.document, line_keys=()
    )


def _settle(
    parts: Parts, before: PushRecord, after: PushRecord, invoice: CoreInvoice, seen: Seen
) -> None:
    """Commit a move without a call, with what was seen that moved it."""
    documents: tuple[DownstreamInvoice, ...] = seen.found or ()
    if seen.document is not None:
        documents = (seen.document,)
    lawful = seen.core is not None and not anomaly(invoice, seen.core)
    learned = lawful and seen.core != invoice
    changes = Changes(
        invoices=(seen.core,) if learned and seen.core is not None else (),
        documents=documents,
        pushes=(after,),
        based_on=(before,),
        audit=(push_entry(before, after),),
    )
    if after.state in SETTLED:
        parts.decide_and_record(changes)
    else:
        parts.record(replace(changes, invoices=()))


def _stop(parts: Parts, before: PushRecord, after: PushRecord) -> PushRecord:
    """Leave it to a person."""
    parts.decide_and_record(
        Changes(pushes=(after,), based_on=(before,), audit=(push_entry(before, after),))
    )
    return after


def _answer_entry(asked: PushRecord, answered: PushRecord, answer: Answer) -> AuditEntry:
    name = type(answer).__name__.lower()
    return AuditEntry(
        action=f"push.{name}",
        object_type="push",
        object_id=asked.core_invoice_id,
        before=asked.state,
        after=answered.state,
        reason=asked.step
        if isinstance(answer, Done)
        else f"{asked.step}: {answered.detail}",
    )


def _count(records: Collection[PushRecord], states: Collection[PushState]) -> int:
    return sum(record.state in states for record in records)
