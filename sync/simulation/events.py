"""What time, the core and people do around the worker; each says if it was possible."""

from collections.abc import Callable, Mapping
from datetime import timedelta

from state.receivables import DocumentStatus
from sync.simulation.faults import Fault
from sync.simulation.outside import Outside
from sync.simulation.stripe_model import Document

Effect = Callable[[Outside], bool]

# Less than a day: a clock that is further ahead ends the 24 hours of a key at once.
AHEAD = timedelta(hours=20)
BEHIND = timedelta(hours=-1)


def _after(much: timedelta) -> Effect:
    def passes(world: Outside) -> bool:
        world.pass_time(much)
        return True

    return passes


def _clock_goes_wrong(by: timedelta) -> Effect:
    def wrong(world: Outside) -> bool:
        world.wrong = by
        world.wrong_max = max(world.wrong_max, by)
        return True

    return wrong


def _some(world: Outside, *statuses: DocumentStatus) -> Document | None:
    """A document in one of these statuses; the newest, where there are few."""
    fitting = [one for one in world.stripe.documents.values() if one.status in statuses]
    return fitting[-1] if fitting else None


def _person_sets(to: DocumentStatus, *when: DocumentStatus) -> Effect:
    def act(world: Outside) -> bool:
        document = _some(world, *when)
        if document is None:
            return False
        world.stripe.person_sets(document, to)
        return True

    return act


def _edits(world: Outside) -> bool:
    document = _some(world, DocumentStatus.DRAFT)
    if document is None:
        return False
    world.stripe.person_adds_line(document)
    return True


def _empties(world: Outside) -> bool:
    document = _some(world, DocumentStatus.DRAFT)
    if document is None or not document.line_keys:
        return False
    world.stripe.person_empties(document)
    return True


def _credits(world: Outside) -> bool:
    document = _some(world, DocumentStatus.OPEN, DocumentStatus.PAID)
    if document is None or document.memos:
        return False
    world.stripe.person_credits(document)
    return True


_DRAFT, _OPEN = DocumentStatus.DRAFT, DocumentStatus.OPEN
EFFECTS: Mapping[Fault, Effect] = {
    Fault.CLOCK_MINUTES: _after(timedelta(minutes=7)),
    Fault.CLOCK_HOURS: _after(timedelta(hours=5)),
    Fault.KEY_PRUNED: _after(timedelta(hours=24, minutes=1)),
    Fault.CLOCK_DAYS: _after(timedelta(days=3)),
    Fault.CLOCK_WRONG_AHEAD: _clock_goes_wrong(AHEAD),
    Fault.CLOCK_WRONG_BEHIND: _clock_goes_wrong(BEHIND),
    Fault.CORE_VOID: lambda world: world.chain().void(),
    Fault.CORE_VOID_REGENERATE: lambda world: world.chain().void_and_regenerate(),
    Fault.CORE_REMAPS: lambda world: world.chain().remap(),
    Fault.PERSON_DELETES_DRAFT: _person_sets(DocumentStatus.DELETED, _DRAFT),
    Fault.PERSON_EDITS_DRAFT: _edits,
    Fault.PERSON_EMPTIES_DRAFT: _empties,
    Fault.PERSON_FINALIZES: _person_sets(_OPEN, _DRAFT),
    Fault.PERSON_VOIDS: _person_sets(DocumentStatus.VOID, _OPEN),
    Fault.PERSON_PAYS: _person_sets(DocumentStatus.PAID, _OPEN),
    Fault.PERSON_CREDITS: _credits,
}
