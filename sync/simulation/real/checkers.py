"""The invariants of a real world, over its true database; numbered as the README lists them."""

from collections.abc import Callable
from dataclasses import dataclass

from connectors.failures import Incomplete
from state.invoices import CoreStatus
from state.pushes import PushState
from state.receivables import STRIPE
from state.worklist import UNRESOLVED, Cause, Flag, FlagState
from sync.books import Run
from sync.classify import Kind
from sync.progress import Silent
from sync.reconcile import reconcile
from sync.simulation.checkers import (
    generations_rise_by_rule,
    keys_are_pure,
    moves_follow_edges,
    no_call_without_an_intent,
    one_live_document,
    only_three_verbs,
    posted_amounts_are_the_cores,
)
from sync.simulation.real.erp import ERP
from sync.simulation.real.world import RealWorld
from sync.simulation.stripe_model import asks_for_money

RealChecker = Callable[[RealWorld], str | None]


def done_means_finalized(world: RealWorld) -> str | None:
    """3: a push is DONE only with a document that exists and was seen finalized."""
    for record in world.books.pushes([PushState.DONE]):
        document = world.stripe.documents.get(record.document_id or "")
        if document is None or (world.plot.policy.finalize and not document.finalized):
            return f"3: {record.core_invoice_id} is DONE with {record.document_id}"
    return None


def cancelled_asked_nothing(world: RealWorld) -> str | None:
    """7: CANCELLED means that nothing was ever asked (a restored database forgets)."""
    if world.restored:
        return None
    asked = {request.core_id for request in world.stripe.trace}
    for record in world.books.pushes([PushState.CANCELLED]):
        if record.tried or record.core_invoice_id in asked:
            return f"7: {record.core_invoice_id} is CANCELLED after {record.tried} requests"
    return None


def generations_are_lawful(world: RealWorld) -> str | None:
    """5: a generation rises by a person, or by a standing refusal with nothing in doubt."""
    return generations_rise_by_rule(world.history.moves)


def moves_are_lawful(world: RealWorld) -> str | None:
    """8: a record moves only as the protocol allows."""
    return moves_follow_edges(world.history.moves)


def voids_are_flagged(world: RealWorld) -> str | None:
    """9: after a completed sweep, what we know void and saw live is on the worklist."""
    if not world.sweep:
        return None
    waiting = _waiting(world)
    for core_id, document_id in world.sweep:
        invoice = None if document_id in waiting else world.books.invoice(core_id)
        if invoice is None or invoice.status is not CoreStatus.VOID:
            continue
        known = world.books.documents_by_id("stripe", [document_id]).get(document_id)
        closed = known is None or not known.status.live
        nothing = known is not None and known.status.posted and known.gross_minor == 0
        if closed or nothing or world.books.memos_of("stripe", [document_id]):
            continue
        return f"9: {core_id} is void, {document_id} is live, and nobody is told"
    return None


def resolved_was_seen(world: RealWorld) -> str | None:
    """10: a void flag is resolved only by a document seen closed, or credited in full."""
    for flag in world.books.flags([FlagState.RESOLVED]):
        copied = flag.target == ERP and flag.cause is Cause.VOIDED_IN_CORE
        if copied and not world.erp_shown.get(flag.subject):
            return f"10: the flag on {flag.subject} is RESOLVED and was not seen void"
        document = world.stripe.documents.get(flag.subject)
        if flag.cause is not Cause.VOIDED_IN_CORE or document is None:
            continue
        if asks_for_money(document):
            return f"10: the flag on {flag.subject} is RESOLVED and it is live"
        if not flag.evidence:
            return f"10: the flag on {flag.subject} is RESOLVED without evidence"
    return None


def one_flag_each(world: RealWorld) -> str | None:
    """11: a flag is opened once; whatever comes back is reopened, with its history."""
    if world.restored:
        return None
    opened = [one for one in world.history.flags if one[-1] == FlagState.OPEN]
    fresh: set[tuple[str, ...]] = set()
    for entry in world.history.flags:
        key = entry[:-1]
        if entry[-1] == FlagState.OPEN and key in fresh and opened.count(entry) > 1:
            return f"11: {' '.join(key)} was opened anew"
        if entry[-1] != FlagState.OPEN:
            fresh.add(key)
    return None


def audit_holds(world: RealWorld) -> str | None:
    """19: the audit chain verifies, and every move has its line in its own transaction."""
    if world.history.unaudited:
        return f"19: no audit line for {world.history.unaudited[0]}"
    verdict = world.books.verify_audit()
    return None if verdict.ok else f"19: the audit chain breaks at {verdict.broken_at}"


def stale_workers_keep_nothing(world: RealWorld) -> str | None:
    """24: no commit is kept under a lease that is another's."""
    return f"24: {world.history.stale} stale commits" if world.history.stale else None


def readings_are_whole(world: RealWorld) -> str | None:
    """25: a sweep is on record only where every page of it was read."""
    hollow = world.history.hollow
    return f"25: a broken reading of {hollow[0]} counts as a sweep" if hollow else None


def every_invoice_ends(world: RealWorld) -> str | None:
    """28: a finalized invoice is billed, or a person knows why it is not."""
    records = world.books.pushes_by_id()
    told = {flag.core_invoice_id for flag in world.books.flags() if _stands(flag)}
    live = {
        one.core_id
        for one in world.stripe.documents.values()
        if one.status.live and not one.unseen
    }
    for core_id, invoice in world.invoices().items():
        if invoice.status is not CoreStatus.FINALIZED:
            continue
        record = records.get(core_id)
        if record is None:
            return f"28: {core_id} was never taken up"
        if record.state is PushState.SKIPPED and record.reason == "BY_HAND":
            continue  # a person leaves it out
        ends = {PushState.QUARANTINED, PushState.HELD, PushState.SKIPPED}
        billed = record.state is PushState.DONE and core_id in live
        if not billed and not (core_id in told and record.state in {PushState.DONE, *ends}):
            return f"28: {core_id} is {record.state} and nobody is told"
    return None


def every_void_is_known(world: RealWorld) -> str | None:
    """29: whatever the core voided and a customer may still pay is on the worklist."""
    waiting = _waiting(world)
    invoices = world.invoices()
    for document in world.stripe.documents.values():
        void = invoices[document.core_id].status is CoreStatus.VOID
        if void and asks_for_money(document) and document.id not in waiting:
            return f"29: {document.core_id} is void and {document.id} live, unflagged"
    return None


def doubts_end(world: RealWorld) -> str | None:
    """30: no outcome stays unknown; every record is settled."""
    moving = [
        PushState.PENDING,
        PushState.ATTEMPTED,
        PushState.CREATED,
        PushState.FILLED,
    ]
    for record in world.books.pushes(moving):
        return f"30: {record.core_invoice_id} is still {record.state}"
    return None


@dataclass(frozen=True, slots=True)
class Twice:
    """Two reconciliations of the same books, and what they wrote to other systems."""

    world: RealWorld
    one: Run
    two: Run
    writes: int


TwiceChecker = Callable[[Twice], str | None]


def rows_foot(twice: Twice) -> str | None:
    """12: every row's variance is its rounding, what is explained, and what is not."""
    for row in twice.one.rows:
        if row.net_variance != row.rounding + row.explained + row.unexplained:
            return f"12: {row.core_invoice_id} does not foot"
        stands = row.gross_minor + row.memos_minor - row.core_minor
        if row.kind != Kind.CURRENCY_MISMATCH and row.net_variance != stands:
            return f"12: {row.core_invoice_id} varies by {row.net_variance}, not {stands}"
    return None


def nothing_is_missing(twice: Twice) -> str | None:
    """13: the run's own checks hold, and every core invoice has its row."""
    for check in twice.one.checks:
        if not check.ok:
            return f"13: {check.name}: {check.figures}"
    rows = [
        row
        for row in twice.one.rows
        if row.core_status != "ABSENT" and row.target == STRIPE
    ]
    if len(rows) != len(twice.world.invoices()):
        return f"13: {len(rows)} rows for {len(twice.world.invoices())} invoices"
    return None


def memos_count_once(twice: Twice) -> str | None:
    """14: no row takes off more than the memos that were issued on its documents."""
    for row in twice.one.rows:
        issued = sum(
            memo.amount_minor
            for document in twice.world.stripe.documents.values()
            if document.core_id == row.core_invoice_id and row.target == STRIPE
            for memo in document.memos
        )
        if -row.memos_minor > issued:
            return f"14: {row.core_invoice_id} counts {-row.memos_minor} of {issued}"
    return None


def runs_are_the_same(twice: Twice) -> str | None:
    """15: the same books give the same rows, in the same order."""
    if (twice.one.rows, twice.one.chains) != (twice.two.rows, twice.two.chains):
        return "15: two runs over the same books differ"
    return None


def reading_writes_nothing(twice: Twice) -> str | None:
    """27: a reconciliation asks no other system to change anything."""
    return "27: a reconciliation wrote to another system" if twice.writes else None


def reconciliation_is_true(world: RealWorld) -> str | None:
    """12 to 15 and 27, on two runs over the same books."""
    if world.erp_down:
        return _refused(world)
    writes = world.writes
    one, two = _reconciled(world), _reconciled(world)
    twice = Twice(world, one, two, world.writes - writes)
    return next(filter(None, (checker(twice) for checker in OF_TWO_RUNS)), None)


def _refused(world: RealWorld) -> str | None:
    """25: with an ERP that was not read, nothing is called reconciled."""
    try:
        _reconciled(world)
    except Incomplete:
        return None
    return "25: a run was kept while the ERP could not be read"


OF_TWO_RUNS: tuple[TwiceChecker, ...] = (
    reading_writes_nothing,
    runs_are_the_same,
    rows_foot,
    memos_count_once,
    nothing_is_missing,
)


def _reconciled(world: RealWorld) -> Run:
    return reconcile(world.parts(), progress=Silent(), read_first=False)


def _waiting(world: RealWorld) -> set[str]:
    """Documents with a void flag that stands."""
    return {
        flag.subject
        for flag in world.books.flags()
        if flag.cause is Cause.VOIDED_IN_CORE and _stands(flag)
    }


def _stands(flag: Flag) -> bool:
    return flag.state in UNRESOLVED or flag.state is FlagState.WAIVED


SAFETY: tuple[RealChecker, ...] = (
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
    stale_workers_keep_nothing,
    readings_are_whole,
)
LIVENESS: tuple[RealChecker, ...] = (
    every_invoice_ends,
    every_void_is_known,
    doubts_end,
    audit_holds,
)
# After a whole reading of every source: without one there is no reconciliation.
AT_THE_END: tuple[RealChecker, ...] = (*LIVENESS, reconciliation_is_true)


def first_broken(world: RealWorld, checkers: tuple[RealChecker, ...]) -> str | None:
    """The first invariant that does not hold, by number, or None."""
    for checker in checkers:
        broken = checker(world)
        if broken is not None:
            return broken
    return None
