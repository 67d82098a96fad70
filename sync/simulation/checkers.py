"""The invariants that a fast world can state, numbered as the README lists them.

Safety (1-11) must hold after every cycle, crashed or not. Liveness (28-31) must hold once
the faults have stopped and the quiet cycles have run. Each answers with what is broken.
"""

from collections.abc import Callable, Iterable

from state.invoices import CoreStatus
from state.pushes import PushRecord, PushState
from state.worklist import UNRESOLVED, Cause, Flag, FlagState
from sync.simulation.outside import Outside
from sync.simulation.stripe_model import INSTANCE, Document, asks_for_money, live_of
from sync.simulation.world import World

Checker = Callable[[World], str | None]
Move = tuple[PushRecord | None, PushRecord, bool]  # before, after, by a person

_S = PushState
_STOPS = frozenset({_S.QUARANTINED, _S.ABANDONED})
# Every way a record may move by itself; a person may also restart a stopped one.
EDGES: dict[PushState | None, frozenset[PushState]] = {
    None: frozenset({_S.PENDING, _S.HELD, _S.SKIPPED, _S.QUARANTINED}),
    _S.PENDING: frozenset(
        {_S.ATTEMPTED, _S.CREATED, _S.CANCELLED, _S.HELD, _S.SKIPPED, *_STOPS}
    ),
    # Its customer has become known; or it was voided before anything was asked.
    _S.SKIPPED: frozenset({_S.PENDING, _S.CANCELLED}),
    _S.QUARANTINED: frozenset({_S.CANCELLED}),
    _S.ATTEMPTED: frozenset({_S.CREATED, *_STOPS}),
    _S.CREATED: frozenset({_S.FILLED, _S.DONE, *_STOPS}),
    _S.FILLED: frozenset({_S.DONE, *_STOPS}),
    _S.HELD: frozenset({_S.PENDING, _S.CANCELLED, _S.SKIPPED}),
}
_CURED = frozenset({"lock_timeout", "idempotency_error"})


def one_live_document(world: Outside) -> str | None:
    """1: at most one live document of ours for each core invoice."""
    documents = list(world.stripe.documents.values())
    if len(documents) > 1:
        for core_id in world.invoices():
            live = live_of(documents, core_id)
            if len(live) > 1:
                return f"1: {core_id} is billed by {', '.join(d.id for d in live)}"
    return None


def posted_amounts_are_the_cores(world: Outside) -> str | None:
    """2: what we finalized has the core's amount, unless edited after our last look."""
    for document in world.stripe.documents.values():
        if not document.finalized or document.by_hand or document.unseen:
            continue
        invoice = world.invoices()[document.core_id]
        if (document.gross_minor, document.currency) != (
            invoice.total_minor,
            invoice.currency,
        ):
            return (
                f"2: {document.id} was finalized at {document.gross_minor}, "
                f"{document.core_id} is {invoice.total_minor}"
            )
    return None


def done_means_finalized(world: World) -> str | None:
    """3: a push is DONE only with a document that exists and was seen finalized."""
    for record in world.memory.kept.records.values():
        if record.state is not _S.DONE:
            continue
        document = world.stripe.documents.get(record.document_id or "")
        if document is None or (world.scenario.finalize and not document.finalized):
            return f"3: {record.core_invoice_id} is DONE with {record.document_id}"
    return None


def no_call_without_an_intent(world: Outside) -> str | None:
    """4: every request's key stood in a committed intent before it went out."""
    for request in world.stripe.trace:
        if not request.intended:
            return f"4: {request.key} was sent without a committed intent"
    return None


def keys_are_pure(world: Outside) -> str | None:
    """5: a key names instance, invoice, step and generation, and carries one body."""
    bodies: dict[str, tuple[str, ...]] = {}
    for request in world.stripe.trace:
        prefix, _, generation = request.key.rpartition(":")
        if prefix != f"{INSTANCE}:{request.core_id}:{request.step}":
            return f"5: {request.key} is no key for {request.step} of {request.core_id}"
        if not generation.isdigit():
            return f"5: {request.key} has no generation"
        # A restored database may have forgotten which document it had replaced.
        if not world.restored and (
            bodies.setdefault(request.key, request.body) != request.body
        ):
            return f"5: {request.key} was sent with two bodies"
    return None


def generations_rise_by_rule(moves: Iterable[Move]) -> str | None:
    """5: a generation rises by a person, or by a standing refusal with nothing in doubt."""
    for before, after, by_person in moves:
        if before is None or after.generation == before.generation or by_person:
            continue
        if before.in_doubt or before.refusal not in _CURED:
            return f"5: the generation of {after.core_invoice_id} rose by itself"
    return None


def only_three_verbs(world: Outside) -> str | None:
    """6: nothing is ever asked but create, add lines and finalize."""
    for request in world.stripe.trace:
        if request.step not in {"create", "finalize"} and request.step[:6] != "lines-":
            return f"6: {request.step} was asked"
    return None


def cancelled_asked_nothing(world: World) -> str | None:
    """7: CANCELLED means that nothing was ever asked (a restored database forgets)."""
    if world.restored:
        return None
    for record in world.memory.kept.records.values():
        if record.state is _S.CANCELLED and (
            record.tried
            or any(r.core_id == record.core_invoice_id for r in world.stripe.trace)
        ):
            return f"7: {record.core_invoice_id} is CANCELLED after {record.tried} requests"
    return None


def moves_follow_edges(moves: Iterable[Move]) -> str | None:
    """8: a record moves only as the protocol allows; settled ones move by a person."""
    for before, after, by_person in moves:
        old = before.state if before is not None else None
        if by_person or old == after.state:
            continue
        if after.state not in EDGES.get(old, frozenset()):
            return f"8: {after.core_invoice_id} went from {old} to {after.state}"
    return None


def generations_are_lawful(world: World) -> str | None:
    """5: a generation rises by a person, or by a standing refusal with nothing in doubt."""
    return generations_rise_by_rule(world.memory.moves)


def moves_are_lawful(world: World) -> str | None:
    """8: a record moves only as the protocol allows."""
    return moves_follow_edges(world.memory.moves)


def voids_are_flagged(world: World) -> str | None:
    """9: after a completed sweep, what we know void and saw live is on the worklist."""
    if world.sweep is None:
        return None
    kept = world.memory.kept
    for core_id, document_id in world.sweep:
        invoice = kept.invoices.get(core_id)
        if invoice is None or invoice.status is not CoreStatus.VOID:
            continue
        known = kept.documents.get(document_id)
        if known is not None and not known.status.live:
            continue  # the push has seen it closed since
        if known is not None and known.status.posted and known.gross_minor == 0:
            continue  # somebody finalized it empty: there is nothing to void
        if known is not None and known.status.posted and document_id in kept.memos:
            continue  # credited in full since
        flag = kept.flags.get(("stripe", document_id, Cause.VOIDED_IN_CORE))
        if flag is None:
            return f"9: {core_id} is void, {document_id} is live, and nobody is told"
        if flag.state not in UNRESOLVED:
            return f"9: {core_id} is void, {document_id} is live, its flag {flag.state}"
    return None


def resolved_was_seen(world: World) -> str | None:
    """10: a void flag is resolved only by a document seen closed, or credited in full."""
    for flag in world.memory.kept.flags.values():
        if flag.state is FlagState.RESOLVED and flag.cause is Cause.VOIDED_IN_CORE:
            document = world.stripe.documents.get(flag.subject)
            if document is None or asks_for_money(document):
                return f"10: the flag on {flag.subject} is RESOLVED and it is live"
    return None


def one_flag_each(world: World) -> str | None:
    """11: at most one flag is ever opened for one system, document and cause."""
    opened = world.memory.opened
    if len(set(opened)) != len(opened):
        return f"11: a flag was opened twice: {opened}"
    return None


def every_invoice_ends(world: World) -> str | None:
    """28: a finalized invoice is billed, or a person knows why it is not."""
    kept = world.memory.kept
    for core_id, invoice in world.invoices().items():
        if invoice.status is not CoreStatus.FINALIZED:
            continue
        record = kept.records.get(core_id)
        if record is None:
            return f"28: {core_id} was never taken up"
        live = live_of(list(world.stripe.documents.values()), core_id)
        told = any(f.core_invoice_id == core_id and _stands(f) for f in kept.flags.values())
        if record.state is _S.DONE and (told or any(map(_as_it_should, live))):
            continue
        if record.state is _S.SKIPPED and record.reason == "BY_HAND":
            continue  # a person leaves it out
        if record.state in {_S.QUARANTINED, _S.HELD} and told:
            continue
        return f"28: {core_id} is {record.state} with {len(live)} live and told={told}"
    return None


def every_void_is_known(world: World) -> str | None:
    """29: whatever the core voided and a customer may still pay is on the worklist."""
    documents = list(world.stripe.documents.values())
    for core_id, invoice in world.invoices().items():
        if invoice.status is not CoreStatus.VOID:
            continue
        for document in live_of(documents, core_id):
            flag = world.memory.kept.flags.get(
                ("stripe", document.id, Cause.VOIDED_IN_CORE)
            )
            if asks_for_money(document) and (flag is None or not _stands(flag)):
                return f"29: {core_id} is void and {document.id} live, unflagged"
    return None


def doubts_end(world: World) -> str | None:
    """30: no outcome stays unknown; every record is settled."""
    for record in world.memory.kept.records.values():
        if record.state in {_S.PENDING, _S.ATTEMPTED, _S.CREATED, _S.FILLED}:
            return f"30: {record.core_invoice_id} is still {record.state}"
        if record.in_flight:
            return f"30: {record.core_invoice_id} is in flight for ever"
    return None


def _as_it_should(document: Document) -> bool:
    """It is not one that we finalized at another amount than we had read."""
    return not document.unseen


def _stands(flag: Flag) -> bool:
    return flag.state in UNRESOLVED or flag.state is FlagState.WAIVED


SAFETY: tuple[Checker, ...] = (
    one_live_document,
    posted_amounts_are_the_cores,
    done_means_finalized,
    no_call_without_an_intent,
    keys_are_pure,
    only_three_verbs,
    cancelled_asked_nothing,
    generations_are_lawful,
    moves_are_lawful,
    voids_are_flagged,
    resolved_was_seen,
    one_flag_each,
)
LIVENESS: tuple[Checker, ...] = (every_invoice_ends, every_void_is_known, doubts_end)


def first_broken(world: World, checkers: tuple[Checker, ...]) -> str | None:
    """The first invariant that does not hold, by number, or None."""
    for checker in checkers:
        broken = checker(world)
        if broken is not None:
            return broken
    return None
