"""Show flags where people work: in Stripe's metadata, and where an ERP has a place for it.

What people do with such a notice resolves nothing. A to-do that was ticked off is a claim,
in the person's own words; the flag closes when the document is seen void, deleted or
credited in full.
"""

from dataclasses import replace

from connectors.ports import FlagBoard, Shown
from state.observations import Changes, Ground
from state.receivables import STRIPE, seen_again
from state.store import Overtaken
from state.worklist import UNRESOLVED, Cause, Flag, FlagState
from sync.cases import flag_entry
from sync.parts import Parts
from sync.progress import Progress
from sync.unread import Readings

_SHOWN = {Cause.VOIDED_IN_CORE, Cause.DUPLICATE_DOWNSTREAM}


def show_flags(parts: Parts, progress: Progress, readings: Readings) -> None:
    """Every unresolved flag on a document, where the settings ask and what was read."""
    if parts.policy.annotate and not readings.missed({STRIPE}):
        with readings.telling(STRIPE):
            _in_stripe(parts, progress)
    for target, board in parts.boards.items():
        if not readings.missed({target}):
            with readings.telling(target):
                _on_board(parts, target, board, progress)


def _on_board(parts: Parts, target: str, board: FlagBoard, progress: Progress) -> None:
    flags = [
        flag
        for flag in parts.store.flags(UNRESOLVED)
        if flag.target == target and flag.cause in _SHOWN and flag.downstream_id is not None
    ]
    progress.step(f"showing flags in {target}", len(flags))
    for flag in flags:
        tag = f"[Tieout {parts.instance[:8]} {flag.id}]"
        shown = board.show_flag(flag.subject, tag, f"{flag.action} ({flag.why})")
        if shown.done:
            _claimed(parts, flag, shown)
        progress.advance()


def _claimed(parts: Parts, flag: Flag, shown: Shown) -> None:
    """Somebody ticked it off there: a claim, made once, to be verified by the next look."""
    said = f"notice {shown.id} was marked done in {flag.target}"
    seq = parts.store.last_seq()
    now = parts.store.flag(flag.id) or flag
    if said in now.note or now.state not in UNRESOLVED:
        return  # said already, or settled while the notice was asked for
    flag = now
    quoted = f'{said}: "{shown.feedback}"' if shown.feedback else said
    claimed = replace(
        flag,
        state=FlagState.AWAITING_VERIFICATION,
        claimed_by=flag.target,
        claimed_at=parts.clock.now(),
        note=f"{flag.note}; {quoted}" if flag.note else quoted,
    )
    entry = replace(flag_entry(claimed), before=flag.state, reason=quoted)
    ground = Ground(seq, frozenset({flag.core_invoice_id}))
    try:
        parts.record(Changes(flags=(claimed,), audit=(entry,), ground=ground))
    except Overtaken:
        return  # somebody else was at it this very moment; the next pass claims it


def _in_stripe(parts: Parts, progress: Progress) -> None:
    """Show each void flag where the person works: in the Stripe invoice's metadata.

    Stripe: metadata stays editable after finalization. Also names the invoice that
    replaces it, so that the two are linked both ways.
    """
    flags = [
        flag
        for flag in parts.store.flags(UNRESOLVED)
        if flag.target == STRIPE and flag.cause == "VOIDED_IN_CORE"
    ]
    progress.step("showing flags in Stripe", len(flags))
    for flag in flags:
        _annotate(parts, flag)
        progress.advance()


def _annotate(parts: Parts, flag: Flag) -> None:
    document = parts.store.documents_by_id(STRIPE, {flag.subject}).get(flag.subject)
    if document is None:
        return
    replaced_by = None
    if flag.successor is not None:
        record = parts.store.push(flag.successor)
        replaced_by = record.document_id if record is not None else None
    if document.flagged and document.replaced_by == replaced_by:
        return
    metadata = {"tieout_flag": "void_requested"}
    if replaced_by is not None:
        metadata["replaced_by"] = replaced_by
    key = f"{parts.instance}:{flag.core_invoice_id}:flag:{document.id}:{replaced_by or '-'}"
    seen = parts.stripe.annotate(document.id, metadata, key=key)
    parts.record(Changes(documents=(seen_again(document, seen),)))
