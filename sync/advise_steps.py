"""The steps of a correction, decided: from what was just looked at to the next move.

Pure. As in protocol D, nothing is asked without a look, an intent is committed before each
call, and after a doubt the look is taken again: so a correction may stop at any line and
end the same.

    USAGE    preview, negate, resubmit                            (a draft moves with its usage)
    REBILL   negate, resubmit, preview, void, regenerate, watch   (nothing is voided unseen)
"""

from dataclasses import dataclass, replace
from datetime import datetime
from typing import TypeAlias

from state.corrections import Correction, CorrectionKind, CorrectionState, Step, UsageEvent
from state.invoices import CoreInvoice, CoreStatus
from state.money import display, round_minor
from state.pushes import PushRecord, PushState
from state.worklist import UNRESOLVED, Flag
from sync.advise_window import is_taken
from sync.drafts import below_zero

ORDER: dict[CorrectionKind, tuple[Step, ...]] = {
    CorrectionKind.USAGE: (Step.PREVIEW, Step.NEGATE, Step.RESUBMIT),
    CorrectionKind.REBILL: (
        Step.NEGATE,
        Step.RESUBMIT,
        Step.PREVIEW,
        Step.VOID,
        Step.REGENERATE,
        Step.WATCH,
    ),
}
_DELIVERED = frozenset({PushState.DONE, PushState.SKIPPED, PushState.CANCELLED})


@dataclass(frozen=True, slots=True)
class Looked:
    """What was seen just now, as far as the step needs it."""

    now: datetime
    invoice: CoreInvoice | None = None
    landed: frozenset[str] = frozenset()  # transaction ids that the core holds
    preview: CoreInvoice | None = None  # what it would come to
    successor: str | None = None  # what was regenerated from it
    push: PushRecord | None = None  # of the successor
    flags: tuple[Flag, ...] = ()  # of the invoice


@dataclass(frozen=True, slots=True)
class Advance:
    """The step is seen to be done: commit this, and look for the next one."""

    correction: Correction


@dataclass(frozen=True, slots=True)
class Ask:
    """Commit this intent, then make the one call of its step, for these events."""

    correction: Correction
    events: tuple[UsageEvent, ...] = ()


@dataclass(frozen=True, slots=True)
class Stop:
    """Commit this and stop: blocked for a person, or done."""

    correction: Correction


@dataclass(frozen=True, slots=True)
class Wait:
    """Nothing can be done now; the text says for what it waits."""

    text: str


Move: TypeAlias = Advance | Ask | Stop | Wait


def next_move(correction: Correction, seen: Looked) -> Move:
    """What follows for this step from what was seen."""
    if seen.invoice is None:
        return _blocked(correction, "the core does not know the invoice any more")
    match correction.step:
        case Step.PREVIEW:
            return _preview(correction, seen)
        case Step.NEGATE:
            return _events(correction, seen, seen.invoice, correction.negations)
        case Step.RESUBMIT:
            return _events(correction, seen, seen.invoice, correction.resubmits)
        case Step.VOID:
            return _void(correction, seen.invoice.status)
        case Step.REGENERATE:
            return _regenerate(correction, seen, seen.invoice.status)
        case Step.WATCH:
            return _watch(correction, seen)


def resumed(correction: Correction) -> Correction:
    """A correction as it is taken up again: what was previewed is previewed anew.

    Time has passed, and usage with it; a void that was asked already is not gone back on.
    """
    fresh = replace(correction, state=CorrectionState.OPEN, detail="")
    if correction.step is Step.VOID and not correction.asked:
        return replace(fresh, step=Step.PREVIEW)
    return fresh


def voided_already(correction: Correction) -> bool:
    """Has the core been asked to void? From there it can only go on."""
    return (
        correction.kind is CorrectionKind.REBILL
        and correction.state is not CorrectionState.DONE
        and (
            correction.step in {Step.REGENERATE, Step.WATCH}
            or (correction.step is Step.VOID and correction.asked)
        )
    )


def _preview(correction: Correction, seen: Looked) -> Move:
    preview = seen.preview
    if preview is None:
        return _blocked(
            correction, "the core shows no preview of it: is it of another period?"
        )
    kept = replace(correction, preview_minor=preview.exact_minor)
    below = below_zero(preview)
    if below and not correction.may_go_negative:
        told = "; ".join(below)
        return _blocked(
            kept, f"it would be below zero ({told}); correct the events, or say --negative"
        )
    came = round_minor(preview.exact_minor)
    if correction.expected_minor is not None and came != correction.expected_minor:
        wanted = display(correction.expected_minor, correction.currency)
        return _blocked(
            kept,
            f"it would come to {display(came, correction.currency)}, and {wanted} was expected",
        )
    return _on(kept)


def _events(
    correction: Correction,
    seen: Looked,
    invoice: CoreInvoice,
    events: tuple[UsageEvent, ...],
) -> Move:
    missing = tuple(one for one in events if one.transaction_id not in seen.landed)
    if not missing:
        return _on(correction)
    wanted = {
        CorrectionKind.USAGE: {CoreStatus.DRAFT},
        CorrectionKind.REBILL: {CoreStatus.FINALIZED, CoreStatus.VOID},
    }[correction.kind]
    if invoice.status not in wanted:
        return _blocked(
            correction,
            f"it is {invoice.status} by now: {len(missing)} of {len(events)} events were not "
            "sent; ask for advice again",
        )
    late = [one for one in missing if not is_taken(one.at, seen.now)]
    if late:
        return _blocked(
            correction,
            f"event {late[0].transaction_id} is older than 34 days by now; what was sent "
            "before stands: ask for advice again",
        )
    return Ask(replace(correction, asked=True), missing)


def _void(correction: Correction, status: CoreStatus) -> Move:
    if status is CoreStatus.VOID:
        return _on(correction)
    if status is CoreStatus.FINALIZED:
        return Ask(replace(correction, asked=True))
    return _blocked(correction, f"it is {status}: only a finalized invoice is voided")


def _regenerate(correction: Correction, seen: Looked, status: CoreStatus) -> Move:
    if seen.successor is not None:
        return _on(replace(correction, successor=seen.successor))
    if status is CoreStatus.VOID:
        return Ask(replace(correction, asked=True))
    return _blocked(correction, f"it is {status}: only a void invoice is regenerated")


def _watch(correction: Correction, seen: Looked) -> Move:
    waits = [
        f"{flag.id} ({flag.target}): {flag.action}"
        for flag in seen.flags
        if flag.state in UNRESOLVED
    ]
    if seen.push is None:
        waits.append(
            f"{correction.successor}: not read into the books yet, see tieout sync"
        )
    elif seen.push.state not in _DELIVERED:
        waits.append(f"{correction.successor}: its push is {seen.push.state}")
    if waits:
        return Wait("; ".join(waits))
    return Stop(replace(correction, state=CorrectionState.DONE, asked=False, detail=""))


def _on(correction: Correction) -> Move:
    """The step is done: on to the next, or to the end."""
    order = ORDER[correction.kind]
    place = order.index(correction.step) + 1
    if place == len(order):
        return Stop(replace(correction, state=CorrectionState.DONE, asked=False))
    return Advance(replace(correction, step=order[place], asked=False))


def _blocked(correction: Correction, why: str) -> Move:
    return Stop(replace(correction, state=CorrectionState.BLOCKED, detail=why))
