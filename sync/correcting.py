"""Carry out a correction in the core: look, commit the intent, ask, look again.

Every step is kept in the state database before it is taken and after it was seen, so a
crash at any line loses nothing: the same command goes on from there. Downstream nothing is
touched; the worklist asks a person.
"""

from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from decimal import Decimal, localcontext

from connectors.correcting import CorrectingCore
from connectors.failures import Incomplete, NotNow, Refused, Unknown
from state.books import FactDiffers
from state.corrections import (
    STANDING,
    Correction,
    CorrectionKind,
    CorrectionState,
    Step,
    UsageEvent,
)
from state.invoices import CoreInvoice, CoreLine, CoreStatus
from state.money import EXACT, round_minor
from state.observations import Changes
from sync.advise_steps import (
    Advance,
    Ask,
    Looked,
    Move,
    Stop,
    Wait,
    next_move,
    resumed,
    voided_already,
)
from sync.correction_books import entry_of, keep, watched
from sync.cycle import LeaseHeld, leased
from sync.parts import Parts
from sync.poll import record_customer

LOOKS_MAX = 5  # of one step, after its call; an event may take a while to be found
PAUSE_SECONDS = 2.0


class NotCorrectable(Exception):
    """What was asked cannot be done to this invoice; the text says why."""


def begin(parts: Parts, correction: Correction) -> Correction:
    """Keep a new correction, before anything is asked. One stands at a time."""
    with _acting(parts) as (acting, _):
        standing = standing_of(acting, correction.core_invoice_id)
        if standing is not None:
            raise NotCorrectable(
                f"a correction of {correction.core_invoice_id} stands already "
                f"({standing.state} at {standing.step}): go on with --apply alone, or give it "
                "up with --cancel"
            )
        begun = _first(acting, correction)
        keep(acting, begun, "begun")
        return begun


def _first(parts: Parts, correction: Correction) -> Correction:
    """The correction under the one id that its turn has: of two persons, one begins.

    An id that was taken and has no correction is of a process that died between the two.
    """
    name = correction.core_invoice_id
    fact = f"correction.{name}.{len(parts.store.corrections(name))}"
    taken = parts.store.fact(fact)
    if taken is not None:
        return replace(correction, id=taken)
    try:
        parts.store.keep_fact(fact, correction.id)
    except FactDiffers as error:
        raise NotCorrectable(
            f"a correction of {name} is just being begun by someone else; see: "
            f"tieout advise {name}"
        ) from error
    return correction


def standing_of(parts: Parts, core_invoice_id: str) -> Correction | None:
    """The correction of an invoice that is neither done nor given up."""
    return next(
        (one for one in parts.store.corrections(core_invoice_id) if one.state in STANDING),
        None,
    )


def carry_on(
    parts: Parts, core: CorrectingCore, correction: Correction
) -> tuple[Correction, str]:
    """Take a correction as far as it goes now; it, and what it waits for ('' : nothing)."""
    with _acting(parts) as (acting, alone):
        current = resumed(correction)
        asked = 0
        while True:
            move = next_move(current, _look(acting, core, current, alone=alone))
            match move:
                case Wait():
                    return current, move.text
                case Stop():
                    keep(acting, move.correction, str(move.correction.state).lower())
                    return move.correction, ""
                case Advance():
                    keep(acting, move.correction, f"{current.step.lower()} seen done")
                    current, asked = move.correction, 0
                case Ask():
                    if asked == LOOKS_MAX:
                        return (
                            current,
                            "what was asked is not seen yet; the same command goes on",
                        )
                    if asked:
                        acting.clock.sleep(PAUSE_SECONDS)
                    current = _asked(acting, core, move, first=asked == 0)
                    asked += 1
                    if current.state is CorrectionState.BLOCKED:
                        return current, ""


def cancel(parts: Parts, correction: Correction, *, by: str, reason: str) -> Correction:
    """Give a correction up. What was sent stands; once void, it can only go on."""
    if voided_already(correction):
        raise NotCorrectable(
            f"{correction.core_invoice_id} is void in the core, or was asked to be: giving up "
            "now would leave it billed by nobody; go on with --apply"
        )
    given_up = replace(correction, state=CorrectionState.CANCELLED, detail=reason)
    with _acting(parts) as (acting, _):
        keep(acting, given_up, "cancelled", by=by)
    return given_up


# --- looking -------------------------------------------------------------------------------


@contextmanager
def _acting(parts: Parts) -> Iterator[tuple[Parts, bool]]:
    """With the lease where it is free, and whether it was.

    Beside a daemon, which holds it, the core's steps go on all the same: they are safe by
    their looks. Only the walk's own facts are left for the daemon to read.
    """
    with ExitStack() as stack:
        try:
            acting, alone = stack.enter_context(leased(parts)), True
        except LeaseHeld:
            acting, alone = parts, False
        yield acting, alone


def _look(
    parts: Parts, core: CorrectingCore, correction: Correction, *, alone: bool
) -> Looked:
    """What the step needs to see, read just now."""
    if correction.step is Step.WATCH:
        if alone:
            record_customer(parts, correction.core_customer_id)
        return watched(parts, correction)
    now = core.time()
    invoice = core.invoice(correction.core_customer_id, correction.core_invoice_id)
    seen = Looked(now, invoice)
    if invoice is None:
        return seen
    match correction.step:
        case Step.NEGATE | Step.RESUBMIT:
            events = _events_of(correction)
            return replace(seen, landed=_landed(core, events))
        case Step.PREVIEW:
            return replace(seen, preview=_preview(core, correction, invoice))
        case Step.REGENERATE:
            return replace(seen, successor=_successor(core, correction))
        case _:
            return seen


def _events_of(correction: Correction) -> tuple[UsageEvent, ...]:
    return correction.negations if correction.step is Step.NEGATE else correction.resubmits


def _landed(core: CorrectingCore, events: Iterable[UsageEvent]) -> frozenset[str]:
    """Which of these the core holds, as they were sent: the proof that they landed."""
    wanted = {one.transaction_id: one for one in events}
    found = core.events(list(wanted)) if wanted else {}
    for name, seen in found.items():
        sent = wanted[name]
        if (seen.event.at, seen.event.event_type) != (sent.at, sent.event_type):
            raise NotCorrectable(
                f"the core holds another event under {name}: someone used its transaction id"
            )
    return frozenset(found)


def _preview(
    core: CorrectingCore, correction: Correction, invoice: CoreInvoice
) -> CoreInvoice | None:
    """What the invoice would come to.

    A draft is previewed by the core. A final one is not, so its breakdown on usage as it is
    now is added up: that is what a regeneration bills.
    """
    if correction.kind is CorrectionKind.USAGE:
        landed = _landed(core, (*correction.negations, *correction.resubmits))
        events = [
            one
            for one in (*correction.negations, *correction.resubmits)
            if one.transaction_id not in landed
        ]
        if not events:
            return invoice
        drafts = core.preview(correction.core_customer_id, events)
        return next((one for one in drafts if one.id == invoice.id), None)
    return rebilled(core, invoice)


def rebilled(core: CorrectingCore, invoice: CoreInvoice) -> CoreInvoice | None:
    """A final invoice as it would be billed again now; None where the core shows no day."""
    windows = list(core.breakdown(invoice))
    if not windows:
        return None
    with localcontext(EXACT):
        lines = _merged(line for one in windows for line in one.part.lines)
        exact = sum((one.part.exact_minor for one in windows), start=Decimal(0))
    return replace(invoice, lines=lines, exact_minor=exact, total_minor=round_minor(exact))


def _merged(lines: Iterable[CoreLine]) -> tuple[CoreLine, ...]:
    """The lines of every day as an invoice has them: one for each product, price and credit."""
    found: dict[tuple[object, ...], CoreLine] = {}
    for line in lines:
        place = (
            line.product_id,
            line.kind,
            line.description,
            line.groups,
            line.credit_id,
            line.segment_id,
            line.unit_price_minor,
        )
        known = found.get(place)
        if known is None:
            found[place] = line
            continue
        quantity = None
        if line.quantity is not None and known.quantity is not None:
            quantity = known.quantity + line.quantity
        exact = known.exact_minor + line.exact_minor
        found[place] = replace(known, exact_minor=exact, quantity=quantity, end=line.end)
    return tuple(found.values())


def _successor(core: CorrectingCore, correction: Correction) -> str | None:
    """What was regenerated from the invoice: the core names it on the new one alone."""
    for status in (CoreStatus.FINALIZED, CoreStatus.DRAFT, CoreStatus.VOID):
        for page in core.invoices(correction.core_customer_id, status):
            for one in page:
                if one.regenerated_from == correction.core_invoice_id:
                    return one.id
    return None


# --- asking --------------------------------------------------------------------------------


def _asked(parts: Parts, core: CorrectingCore, move: Ask, *, first: bool) -> Correction:
    """Commit the intent, then make the one call of its step."""
    correction = move.correction
    if first:
        keep(parts, correction, f"{correction.step.lower()} asked")
    try:
        match correction.step:
            case Step.NEGATE | Step.RESUBMIT:
                core.send(move.events)
            case Step.VOID:
                core.void_in_core(correction.core_invoice_id)
            case Step.REGENERATE:
                core.regenerate(correction.core_invoice_id)
            case _:
                raise AssertionError(f"{correction.step} asks for nothing")
    except (Unknown, NotNow, Incomplete) as doubt:
        # It may or may not have been done: the next look tells.
        parts.record(Changes(audit=(entry_of(correction, "in doubt", reason=str(doubt)),)))
    except Refused as no:
        seen: Move = next_move(correction, _look(parts, core, correction, alone=False))
        if isinstance(seen, Ask):
            blocked = replace(correction, state=CorrectionState.BLOCKED, detail=str(no))
            keep(parts, blocked, "refused")
            return blocked
    return correction
