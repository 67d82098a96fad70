"""Corrections in the books: each move with its audit line, and the end of those that wait."""

from state.corrections import Correction, CorrectionState, Step
from state.observations import AuditEntry, Changes
from sync.advise_steps import Looked, Stop, next_move
from sync.parts import Parts


def settle(parts: Parts) -> list[Correction]:
    """End the corrections that waited for their push and their flags alone."""
    ended = []
    for one in parts.store.corrections():
        if one.state is not CorrectionState.OPEN or one.step is not Step.WATCH:
            continue
        move = next_move(one, watched(parts, one))
        if isinstance(move, Stop):
            keep(parts, move.correction, str(move.correction.state).lower())
            ended.append(move.correction)
    return ended


def watched(parts: Parts, correction: Correction) -> Looked:
    """What the books say of a correction whose steps in the core are done."""
    store, name = parts.store, correction.core_invoice_id
    return Looked(
        parts.clock.now(),
        invoice=store.invoice(name),
        successor=correction.successor,
        push=None if correction.successor is None else store.push(correction.successor),
        flags=tuple(store.flags_of([name]).get(name, ())),
    )


def keep(parts: Parts, correction: Correction, what: str, *, by: str = "") -> None:
    """Commit a correction as it is now, with its audit line."""
    entry = entry_of(correction, what, by=by or correction.by, reason=correction.detail)
    parts.record(Changes(corrections=(correction,), audit=(entry,)))


def entry_of(
    correction: Correction, what: str, *, by: str = "worker", reason: str = ""
) -> AuditEntry:
    """The audit line of a correction."""
    return AuditEntry(
        action=f"correction.{what.replace(' ', '_')}",
        object_type="correction",
        object_id=correction.id,
        after=f"{correction.step} {correction.state}",
        reason=reason or correction.core_invoice_id,
        actor=by,
    )
