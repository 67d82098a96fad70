"""What a person may do: take up work, claim it done, waive it, and restart a stopped push.

None of these resolves a flag. A claim is checked by the next look; a waiver needs a
second person; a retry looks before it asks, like everything else.
"""

from dataclasses import replace

from state.observations import AuditEntry, Changes, Ground
from state.pushes import PushRecord, PushState
from state.store import Overtaken, PushMoved
from state.worklist import UNRESOLVED, Flag, FlagState
from sync.cases import flag_entry, push_entry
from sync.parts import Parts
from sync.persons import person, same
from sync.protocol import retry

RETRIABLE = frozenset(
    {PushState.QUARANTINED, PushState.HELD, PushState.SKIPPED, PushState.ABANDONED}
)


class NotPossible(Exception):
    """What was asked cannot be done to this flag or push; the text says why."""


def assign(parts: Parts, flag_id: str, who: str) -> Flag:
    """Take up a flag: OPEN or REOPENED becomes IN_PROGRESS."""
    seq = parts.store.last_seq()
    flag, who = _unresolved(parts, flag_id), person(who, "WHO")
    taken = replace(flag, state=FlagState.IN_PROGRESS, assignee=who)
    return _keep(parts, taken, who, "", seq)


def claim(parts: Parts, flag_id: str, who: str) -> Flag:
    """Say that the work is done downstream. The next look believes it or reopens it."""
    seq = parts.store.last_seq()
    flag, who = _unresolved(parts, flag_id), person(who)
    claimed = replace(
        flag,
        state=FlagState.AWAITING_VERIFICATION,
        claimed_by=who,
        claimed_at=parts.clock.now(),
    )
    return _keep(parts, claimed, who, "claimed done", seq)


def waive(parts: Parts, flag_id: str, *, by: str, approver: str, reason: str) -> Flag:
    """Let a flag stand undone, for a reason, approved by a second person."""
    seq = parts.store.last_seq()
    flag = _unresolved(parts, flag_id)
    by, approver = person(by), person(approver, "--approver")
    if not reason.strip():
        raise NotPossible("a waiver needs a reason: --reason TEXT")
    if same(approver, by) or same(approver, flag.assignee or ""):
        raise NotPossible(
            f"{approver} cannot approve: a waiver needs a person other than the one who "
            "asks for it and the one who is assigned"
        )
    waived = replace(
        flag,
        state=FlagState.WAIVED,
        waived_by=by,
        waiver_approved_by=approver,
        note=reason,
        closed_at=parts.clock.now(),
    )
    return _keep(parts, waived, by, f"{reason} (approved by {approver})", seq)


def note(parts: Parts, flag_id: str, who: str, text: str) -> Flag:
    """Write a note on a flag; the earlier ones stay in the audit log."""
    seq = parts.store.last_seq()
    flag, who = _flag(parts, flag_id), person(who)
    return _keep(parts, replace(flag, note=text), who, text, seq)


def retry_push(parts: Parts, core_invoice_id: str, *, by: str, reason: str) -> PushRecord:
    """Let a stopped push begin again under a new key, after its look-up.

    Documents that were voided or deleted by hand are accepted as closed by this act.
    """
    record = _push(parts, core_invoice_id)
    if record.state not in RETRIABLE and not _billed_by_nobody(parts, record):
        raise NotPossible(
            f"the push of {core_invoice_id} is {record.state}; "
            "only a stopped one is retried"
        )
    closed = [
        document.id
        for document in parts.store.documents_of([core_invoice_id]).get(core_invoice_id, [])
        if not document.status.live
    ]
    if record.document_id is not None:
        closed.append(record.document_id)
    return _move(parts, record, retry(record, closed), by, reason)


def skip_push(parts: Parts, core_invoice_id: str, *, by: str, reason: str) -> PushRecord:
    """Leave an invoice out of Stripe for good; the reconciliation will show it."""
    record = _push(parts, core_invoice_id)
    if record.state in {PushState.DONE, PushState.CANCELLED}:
        raise NotPossible(f"the push of {core_invoice_id} is {record.state} already")
    if record.state not in RETRIABLE and record.tried > 0:
        raise NotPossible(
            f"the push of {core_invoice_id} is {record.state}: let it end or stop first"
        )
    skipped = replace(record, state=PushState.SKIPPED, reason="BY_HAND", detail=reason)
    return _move(parts, record, skipped, by, reason)


def _billed_by_nobody(parts: Parts, record: PushRecord) -> bool:
    """DONE, but its document was voided or deleted by hand and nothing else is live."""
    documents = parts.store.documents_of([record.core_invoice_id])
    return record.state is PushState.DONE and not any(
        document.status.live for document in documents.get(record.core_invoice_id, [])
    )


def _move(
    parts: Parts, before: PushRecord, after: PushRecord, by: str, reason: str
) -> PushRecord:
    if not reason.strip():
        raise NotPossible("this needs a reason: --reason TEXT")
    entry = replace(push_entry(before, after), actor=person(by), reason=reason)
    try:
        parts.decide_and_record(
            Changes(pushes=(after,), based_on=(before,), audit=(entry,))
        )
    except PushMoved:
        raise NotPossible(
            f"the push of {after.core_invoice_id} has just moved; look at it again, with: "
            "tieout push list --all"
        ) from None
    return parts.store.push(after.core_invoice_id) or after


def _keep(parts: Parts, flag: Flag, who: str, reason: str, seq: int) -> Flag:
    """Keep it, unless it has moved since `seq`: what was just seen is not overwritten."""
    entry: AuditEntry = replace(flag_entry(flag), actor=who, reason=reason)
    ground = Ground(seq, frozenset({flag.core_invoice_id}))
    try:
        parts.record(Changes(flags=(flag,), audit=(entry,), ground=ground))
    except Overtaken:
        raise NotPossible(
            f"{flag.id} has just moved; look at it again, with: "
            f"tieout worklist show {flag.id}"
        ) from None
    return flag


def _flag(parts: Parts, flag_id: str) -> Flag:
    flag = parts.store.flag(flag_id)
    if flag is None:
        raise NotPossible(f"there is no flag {flag_id}; see: tieout worklist list --all")
    return flag


def _unresolved(parts: Parts, flag_id: str) -> Flag:
    flag = _flag(parts, flag_id)
    if flag.state not in UNRESOLVED:
        raise NotPossible(f"{flag_id} is {flag.state}: there is nothing left to do on it")
    return flag


def _push(parts: Parts, core_invoice_id: str) -> PushRecord:
    record = parts.store.push(core_invoice_id)
    if record is None:
        raise NotPossible(f"no push of {core_invoice_id} is known; see: tieout push list")
    return record
