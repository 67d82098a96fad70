"""Protocol D: what to do next about one push, decided from what is known and seen.

Pure. The order of every rule here is the safety argument (docs/decisions/0002):

1. An intent is committed before a call goes out, with the key it will carry.
2. Whoever does not know what became of a call looks before asking again, by listing the
   customer's documents; then asks with the same key and the same bytes.
3. A key is given up only when every request under it has answered, the answer is a
   refusal that the other side would repeat, and a look finds nothing.
4. Money is posted only after the total was read back equal and the core was read again.
"""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from state.invoices import CoreStatus
from state.pushes import SETTLED, PushRecord, PushState
from state.receivables import DocumentStatus, DownstreamInvoice
from sync.moves import (
    Action,
    Answer,
    Ask,
    Denied,
    Done,
    Later,
    LookUp,
    ReadCore,
    ReadDocument,
    Seen,
    Settle,
    Undertaking,
    Wait,
)

# Stripe may forget a key after 24 h; the margin covers a request still on its way and
# the two clocks. Hard client deadline: 60 s.
KEY_LIFE = timedelta(hours=24, minutes=15)
# No key waits longer, and no clock that was put right was further wrong than this: a time
# that lies beyond was written by a clock that ran years ahead, and would never come.
CLOCK_AHEAD_MAX = timedelta(days=7)
RETRY_AFTER_MAX = timedelta(hours=1)
GENERATIONS_MAX = 5
BACKOFF_FIRST = timedelta(seconds=2)
BACKOFF_LAST = timedelta(minutes=15)

# Refusals that a new key may cure: the stored answer speaks of the key, not the request.
_CURED_BY_A_NEW_KEY = frozenset({"lock_timeout", "idempotency_error"})
SAVED_5XX = "saved_5xx"


def next_action(record: PushRecord, seen: Seen, undertaking: Undertaking) -> Action:
    """Say the one next thing to do about a push. Total: every state has an answer."""
    if record.in_flight:
        # We died, or were stopped, between the intent and its answer.
        return Settle(replace(record, in_flight=False, in_doubt=True))
    if record.state is PushState.HELD and seen.core_status is CoreStatus.VOID:
        return Settle(replace(record, state=PushState.CANCELLED, reason="", detail=""))
    if record.state in SETTLED:
        return Wait()
    if (redated := _redated(record, seen.now)) is not None:
        return Settle(redated)
    untried = record.state is PushState.PENDING and record.tried == 0
    if untried and seen.core_status is CoreStatus.VOID:
        return Settle(replace(record, state=PushState.CANCELLED))
    if record.not_before is not None and seen.now < record.not_before:
        return Wait(record.not_before)
    if record.state in {PushState.PENDING, PushState.ATTEMPTED}:
        return _place(record, seen)
    if seen.document is None:
        return ReadDocument()
    if (end := _ended_by_what_is_seen(record, seen.document)) is not None:
        return end
    if seen.core_status is CoreStatus.VOID:
        return _abandon(record, "the core voided the invoice; its draft is on the worklist")
    if record.state is PushState.CREATED:
        return _fill(record, seen, seen.document, undertaking)
    return _finish(record, seen, seen.document, undertaking)


def absorb(record: PushRecord, answer: Answer, now: datetime) -> PushRecord:
    """Take the answer to the call that `record.step` names into the record."""
    record = replace(record, in_flight=False)
    match answer:
        case Done(document):
            if record.step == "finalize":
                return _finalized(record, document, now)
            return replace(_answered(record), document_id=document.id)
        case Later(message, after):
            wait = _backoff(record) if after is None else min(after, RETRY_AFTER_MAX)
            return _try_later(record, message, now + wait)
        case Denied(code, message, replayed):
            if code == "lock_timeout" and not replayed:
                return _try_later(record, message, now + _backoff(record))
            return replace(record, refusal=code or "refused", detail=message)
    doubted = replace(record, in_doubt=True)
    if answer.replayed:
        stands = replace(doubted, refusal=SAVED_5XX)
        return _try_later(stands, answer.message, now + KEY_LIFE)
    return _try_later(doubted, answer.message, now + _backoff(record))


def retry(record: PushRecord, seen_closed: Sequence[str]) -> PushRecord:
    """A person asks for another try, having looked: a new generation, from the start.

    `seen_closed` are documents that were voided or deleted by hand and stay so. A create
    that nobody has answered may still land: the new key does not go out before the old
    one has ended.
    """
    lands_by = record.asked_at + KEY_LIFE if record.asked_at is not None else None
    unanswered = (record.in_doubt or record.in_flight) and record.step == "create"
    return replace(
        record,
        state=PushState.PENDING,
        generation=record.generation + 1,
        document_id=None,
        reason="",
        detail="",
        terms="",
        step="",
        in_flight=False,
        in_doubt=False,
        refusal="",
        not_before=lands_by if unanswered else None,
        failures=0,
        accepted=tuple(dict.fromkeys([*record.accepted, *seen_closed])),
    )


def _redated(record: PushRecord, now: datetime) -> PushRecord | None:
    """The record with its impossible times counted from now; None where there are none."""
    latest = now + CLOCK_AHEAD_MAX
    asked, wait = record.asked_at, record.not_before
    asked_ahead = asked is not None and asked > latest
    waits_ahead = wait is not None and wait > latest
    if not asked_ahead and not waits_ahead:
        return None
    return replace(
        record,
        asked_at=now if asked_ahead else asked,
        not_before=now + KEY_LIFE if waits_ahead else wait,
    )


def _answered(record: PushRecord) -> PushRecord:
    """The draft stands, and nothing about it is open."""
    return replace(
        record,
        state=PushState.CREATED,
        in_doubt=False,
        refusal="",
        detail="",
        failures=0,
        not_before=None,
    )


def _finalized(
    record: PushRecord, document: DownstreamInvoice, now: datetime
) -> PushRecord:
    """What was posted is compared too: a draft may be edited while it is finalized."""
    ended = _ended_by_what_is_seen(record, document)
    if ended is None:
        still = f"{document.id} is still {document.status}"
        return _try_later(record, still, now + _backoff(record))
    return ended.record


def _place(record: PushRecord, seen: Seen) -> Action:
    """PENDING and ATTEMPTED: find our document, or ask for it to be created."""
    if seen.found is None:
        return LookUp()
    live = [document for document in seen.found if document.status.live]
    closed = [
        document
        for document in seen.found
        if not document.status.live and document.id not in record.accepted
    ]
    if len(live) > 1:
        names = ", ".join(sorted(document.id for document in live))
        return _quarantine(record, "DUPLICATE_DOWNSTREAM", f"live documents: {names}")
    if live:
        return Settle(replace(_answered(record), document_id=live[0].id))
    if closed:
        return _closed_by_hand(replace(record, document_id=closed[0].id), closed[0])
    if seen.core_status is CoreStatus.VOID:
        return _abandon_when_quiet(record, seen.now)
    return _ask(record, "create", PushState.ATTEMPTED, seen.now)


def _closed_by_hand(record: PushRecord, document: DownstreamInvoice) -> Settle:
    if document.status is DocumentStatus.DELETED:
        return _quarantine(record, "DRAFT_DELETED", f"{document.id} was deleted by hand")
    return _quarantine(record, "VOIDED_DOWNSTREAM", f"{document.id} was voided by hand")


def _ended_by_what_is_seen(
    record: PushRecord, document: DownstreamInvoice
) -> Settle | None:
    """A document that is no longer our draft ends the push, one way or another."""
    if document.status is DocumentStatus.DELETED:
        # First: of what is gone, Stripe shows neither currency nor amount.
        return _closed_by_hand(record, document)
    if document.currency != record.currency:
        return _quarantine(
            record, "CURRENCY_DIFFERS", f"{document.id} is in {document.currency}"
        )
    if document.status is DocumentStatus.DRAFT:
        return None
    if document.status.posted:
        if document.gross_minor == record.pushed_minor:
            return Settle(_finished(record))
        return _quarantine(record, "TOTAL_DIFFERS", _totals(record, document))
    return _closed_by_hand(record, document)


def _fill(
    record: PushRecord, seen: Seen, document: DownstreamInvoice, undertaking: Undertaking
) -> Action:
    """CREATED: add what is missing, a whole batch at a time, until the total is equal."""
    if seen.line_keys is None:
        return ReadDocument()
    present = set(seen.line_keys)
    if len(present) != len(seen.line_keys) or not present <= set(undertaking.line_keys):
        return _quarantine(
            record, "LINES_DIFFER", f"{document.id} carries lines that Tieout did not add"
        )
    for number, batch in enumerate(undertaking.batches()):
        missing = [key for key in batch if key not in present]
        if not missing:
            continue
        if len(missing) != len(batch):
            return _quarantine(
                record, "LINES_DIFFER", f"{document.id} holds a part of one call's lines"
            )
        return _ask(record, f"lines-{number}", PushState.CREATED, seen.now)
    if document.gross_minor != record.pushed_minor:
        return _quarantine(record, "TOTAL_DIFFERS", _totals(record, document))
    return Settle(
        replace(record, state=PushState.FILLED, in_doubt=False, refusal="", failures=0)
    )


def _finish(
    record: PushRecord, seen: Seen, document: DownstreamInvoice, undertaking: Undertaking
) -> Action:
    """FILLED: one last look at both sides, then finalize."""
    if document.gross_minor != record.pushed_minor:
        return _quarantine(record, "TOTAL_DIFFERS", _totals(record, document))
    if seen.core_gone:
        return _quarantine(record, "CORE_CHANGED", "the core no longer knows this invoice")
    if seen.core is None:
        return ReadCore()
    if seen.core.status is CoreStatus.VOID:
        return _abandon(record, "the core voided the invoice; its draft is on the worklist")
    if seen.core.status is not CoreStatus.FINALIZED or (
        (seen.core.total_minor, seen.core.currency) != (record.total_minor, record.currency)
    ):
        return _quarantine(record, "CORE_CHANGED", "the core shows another status or total")
    if seen.core.delivery is not None:
        return _quarantine(record, "CORE_CHANGED", "the core has delivered it itself since")
    if not undertaking.finalize:
        return Settle(_finished(record))
    return _ask(record, "finalize", PushState.FILLED, seen.now)


def _ask(record: PushRecord, step: str, state: PushState, now: datetime) -> Action:
    """Ask for a step, unless a refusal stands under the key it would carry."""
    same_step = record.step == step
    if same_step and record.refusal:
        return _after_refusal(record, now)
    return Ask(
        replace(
            record,
            state=state,
            step=step,
            tried=record.tried + 1,
            in_flight=True,
            in_doubt=record.in_doubt and same_step,
            refusal="",
            asked_at=now,
            not_before=None,
        )
    )


def _after_refusal(record: PushRecord, now: datetime) -> Action:
    """A definite answer stands under the key, and a fresh look found nothing done."""
    key_forgotten = record.asked_at is None or now >= record.asked_at + KEY_LIFE
    # Another create of ours was sent under this key: with the customer of before, by a
    # database that was put back since. A day later our books know what became of it.
    another = record.refusal == "idempotency_error" and record.step == "create"
    waits_for_key = (
        record.refusal == SAVED_5XX
        or another
        or (record.refusal in _CURED_BY_A_NEW_KEY and record.in_doubt)
    )
    if waits_for_key and not key_forgotten and record.asked_at is not None:
        return Wait(record.asked_at + KEY_LIFE)
    if waits_for_key:
        return Settle(replace(record, refusal="", not_before=None))
    if record.refusal in _CURED_BY_A_NEW_KEY and record.generation < GENERATIONS_MAX:
        return Settle(
            replace(
                record,
                generation=record.generation + 1,
                refusal="",
                not_before=now + _backoff(record),
                failures=record.failures + 1,
            )
        )
    return _quarantine(record, "REFUSED", record.detail or record.refusal)


def _abandon_when_quiet(record: PushRecord, now: datetime) -> Action:
    """Voided while an outcome is unknown: nothing is found, but it may yet land."""
    if record.in_doubt and record.asked_at is not None:
        quiet_from = record.asked_at + KEY_LIFE
        if now < quiet_from:
            return Wait(quiet_from)
    return _abandon(record, "the core voided the invoice; nothing reached Stripe")


def _abandon(record: PushRecord, why: str) -> Settle:
    return Settle(
        replace(record, state=PushState.ABANDONED, detail=why, not_before=None, refusal="")
    )


def _quarantine(record: PushRecord, reason: str, detail: str) -> Settle:
    return Settle(
        replace(
            record,
            state=PushState.QUARANTINED,
            reason=reason,
            detail=detail,
            not_before=None,
        )
    )


def _finished(record: PushRecord) -> PushRecord:
    return replace(
        record,
        state=PushState.DONE,
        in_doubt=False,
        refusal="",
        detail="",
        failures=0,
        not_before=None,
    )


def _try_later(record: PushRecord, message: str, until: datetime) -> PushRecord:
    return replace(record, detail=message, not_before=until, failures=record.failures + 1)


def _backoff(record: PushRecord) -> timedelta:
    doubled: timedelta = BACKOFF_FIRST * (1 << min(record.failures, 16))
    return min(doubled, BACKOFF_LAST)


def _totals(record: PushRecord, document: DownstreamInvoice) -> str:
    return (
        f"{document.id} totals {document.gross_minor}, "
        f"the core {record.pushed_minor} ({record.currency}, minor units)"
    )
