"""What time, the core and people do to a world; each says whether it was possible."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

from state.pushes import PushState
from state.receivables import DocumentStatus
from state.worklist import UNRESOLVED, FlagState
from sync.protocol import retry
from sync.simulation.faults import CRASHES, EVENTS, Crash, Fault, Point
from sync.simulation.stripe_model import Document
from sync.simulation.world import WRONG_CLOCK, World

_EVENTS = frozenset(EVENTS)
_RETRIABLE = frozenset({PushState.QUARANTINED, PushState.HELD, PushState.ABANDONED})


def strike(world: World, point: Point) -> Fault | None:
    """What strikes here. Events happen at once; a crash is raised; the rest is told."""
    world.points += 1
    fault = world.faults.draw(point)
    if fault is None:
        return None
    if fault in _EVENTS:
        happen(world, fault, point)
        return None
    world.struck += 1
    world.schedule.append(f"{fault}@{point}")
    if fault in CRASHES:
        raise Crash
    return fault


def happen(world: World, event: Fault, where: str = "") -> None:
    """Let something happen, where it is possible at all. A restore ends the process."""
    if EFFECTS[event](world):
        world.struck += 1
        world.schedule.append(f"{event}@{where}" if where else event)
        if event is Fault.RESTORED_OLD_DATABASE:
            raise Crash


def _after(much: timedelta) -> Callable[[World], bool]:
    def passes(world: World) -> bool:
        world.pass_time(much)
        return True

    return passes


def _clock_goes_wrong(fault: Fault) -> Callable[[World], bool]:
    def wrong(world: World) -> bool:
        world.wrong = WRONG_CLOCK[fault]
        world.wrong_max = max(world.wrong_max, world.wrong)
        return True

    return wrong


def _newest(world: World, *statuses: DocumentStatus) -> Document | None:
    """The newest document in one of these statuses."""
    for document in reversed(world.stripe.documents.values()):
        if document.status in statuses:
            return document
    return None


def _person_sets(to: DocumentStatus, *when: DocumentStatus) -> Callable[[World], bool]:
    def act(world: World) -> bool:
        document = _newest(world, *when)
        if document is None:
            return False
        world.stripe.person_sets(document, to)
        return True

    return act


def _edits(world: World) -> bool:
    document = _newest(world, DocumentStatus.DRAFT)
    if document is None:
        return False
    world.stripe.person_adds_line(document)
    return True


def _empties(world: World) -> bool:
    document = _newest(world, DocumentStatus.DRAFT)
    if document is None or not document.line_keys:
        return False
    world.stripe.person_empties(document)
    return True


def _credits(world: World) -> bool:
    document = _newest(world, DocumentStatus.OPEN, DocumentStatus.PAID)
    if document is None or document.memos:
        return False
    world.stripe.person_credits(document)
    return True


def _claims(world: World) -> bool:
    """A click: it must close nothing."""
    for flag in world.memory.kept.flags.values():
        if flag.state in UNRESOLVED and flag.downstream_id is not None:
            claimed = replace(
                flag, state=FlagState.AWAITING_VERIFICATION, claimed_at=world.ours()
            )
            world.memory.commit(None, world.ours(), flags=(claimed,))
            return True
    return False


def _retries(world: World) -> bool:
    """As sync.people does it: the documents known to be closed are accepted as closed."""
    kept = world.memory.kept
    for record in kept.records.values():
        if record.state not in _RETRIABLE:
            continue
        closed = [
            document.id
            for document in kept.documents.values()
            if document.core_invoice_id == record.core_invoice_id
            and not document.status.live
        ]
        if record.document_id is not None:
            closed.append(record.document_id)
        world.memory.commit(None, world.ours(), record=retry(record, closed), decide=True)
        return True
    return False


def _restores(world: World) -> bool:
    backups = world.memory.backups
    if not backups:
        return False
    world.sweep = None  # what that sweep had recorded is forgotten
    world.memory.restore(int(world.dice.random() * len(backups)))
    return True


_OPEN, _PAID = DocumentStatus.OPEN, DocumentStatus.PAID
EFFECTS: dict[Fault, Callable[[World], bool]] = {
    Fault.CLOCK_MINUTES: _after(timedelta(minutes=7)),
    Fault.CLOCK_HOURS: _after(timedelta(hours=5)),
    Fault.KEY_PRUNED: _after(timedelta(hours=24, minutes=1)),
    Fault.CLOCK_DAYS: _after(timedelta(days=3)),
    Fault.CLOCK_WRONG_AHEAD: _clock_goes_wrong(Fault.CLOCK_WRONG_AHEAD),
    Fault.CLOCK_WRONG_BEHIND: _clock_goes_wrong(Fault.CLOCK_WRONG_BEHIND),
    Fault.CORE_VOID: lambda world: world.core.void(),
    Fault.CORE_VOID_REGENERATE: lambda world: world.core.void_and_regenerate(),
    Fault.PERSON_DELETES_DRAFT: _person_sets(DocumentStatus.DELETED, DocumentStatus.DRAFT),
    Fault.PERSON_EDITS_DRAFT: _edits,
    Fault.PERSON_EMPTIES_DRAFT: _empties,
    Fault.PERSON_FINALIZES: _person_sets(_OPEN, DocumentStatus.DRAFT),
    Fault.PERSON_VOIDS: _person_sets(DocumentStatus.VOID, _OPEN),
    Fault.PERSON_PAYS: _person_sets(_PAID, _OPEN),
    Fault.PERSON_CREDITS: _credits,
    Fault.PERSON_CLAIMS: _claims,
    Fault.PERSON_RETRIES: _retries,
    Fault.RESTORED_OLD_DATABASE: _restores,
}
