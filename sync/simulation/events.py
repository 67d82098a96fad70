"""What time, the core and people do around the worker; each says if it is possible."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta

from state.invoices import CoreStatus
from state.receivables import DocumentStatus
from sync.simulation.core_model import VERSIONS_MAX
from sync.simulation.faults import Fault
from sync.simulation.outside import Outside
from sync.simulation.stripe_model import Document

# Less than a day: a clock that is further ahead ends the 24 hours of a key at once.
AHEAD = timedelta(hours=20)
BEHIND = timedelta(hours=-1)


@dataclass(frozen=True, slots=True)
class Effect:
    """Whether something can happen now, and what it does. Impossible, it does nothing."""

    can: Callable[[Outside], bool]
    act: Callable[[Outside], object]

    def __call__(self, world: Outside) -> bool:
        """Let it happen; False where it is not possible."""
        if not self.can(world):
            return False
        self.act(world)
        return True


def _after(much: timedelta) -> Effect:
    return Effect(lambda _: True, lambda world: world.pass_time(much))


def _clock_goes_wrong(by: timedelta) -> Effect:
    def wrong(world: Outside) -> None:
        world.wrong = by
        world.wrong_max = max(world.wrong_max, by)

    return Effect(lambda _: True, wrong)


Chosen = Callable[[Outside], Document | None]


def _to_the(chosen: Chosen, act: Callable[[Outside, Document], None]) -> Effect:
    """Something that a person does to one document, where there is such a one."""

    def acts(world: Outside) -> None:
        document = chosen(world)
        assert document is not None  # noqa: S101 - asked before
        act(world, document)

    return Effect(lambda world: chosen(world) is not None, acts)


def _newest(*statuses: DocumentStatus) -> Chosen:
    """The newest document in one of these statuses."""

    def chosen(world: Outside) -> Document | None:
        some = [one for one in world.stripe.documents.values() if one.status in statuses]
        return some[-1] if some else None

    return chosen


def _person_sets(to: DocumentStatus, *when: DocumentStatus) -> Effect:
    return _to_the(
        _newest(*when), lambda world, document: world.stripe.person_sets(document, to)
    )


def _with_lines(world: Outside) -> Document | None:
    document = _newest(DocumentStatus.DRAFT)(world)
    return document if document is not None and document.line_keys else None


def _without_memos(world: Outside) -> Document | None:
    document = _newest(DocumentStatus.OPEN, DocumentStatus.PAID)(world)
    return document if document is not None and not document.memos else None


_DRAFT, _OPEN = DocumentStatus.DRAFT, DocumentStatus.OPEN
EFFECTS: Mapping[Fault, Effect] = {
    Fault.CLOCK_MINUTES: _after(timedelta(minutes=7)),
    Fault.CLOCK_HOURS: _after(timedelta(hours=5)),
    Fault.KEY_PRUNED: _after(timedelta(hours=24, minutes=1)),
    Fault.CLOCK_DAYS: _after(timedelta(days=3)),
    Fault.CLOCK_WRONG_AHEAD: _clock_goes_wrong(AHEAD),
    Fault.CLOCK_WRONG_BEHIND: _clock_goes_wrong(BEHIND),
    Fault.CORE_VOID: Effect(
        lambda world: world.chain().leaf().status is not CoreStatus.VOID,
        lambda world: world.chain().void(),
    ),
    Fault.CORE_VOID_REGENERATE: Effect(
        lambda world: len(world.chain().invoices) < VERSIONS_MAX,
        lambda world: world.chain().void_and_regenerate(),
    ),
    Fault.CORE_REMAPS: Effect(lambda _: True, lambda world: world.chain().remap()),
    Fault.PERSON_DELETES_DRAFT: _person_sets(DocumentStatus.DELETED, _DRAFT),
    Fault.PERSON_EDITS_DRAFT: _to_the(
        _newest(_DRAFT), lambda world, document: world.stripe.person_adds_line(document)
    ),
    Fault.PERSON_EMPTIES_DRAFT: _to_the(
        _with_lines, lambda world, document: world.stripe.person_empties(document)
    ),
    Fault.PERSON_FINALIZES: _person_sets(_OPEN, _DRAFT),
    Fault.PERSON_VOIDS: _person_sets(DocumentStatus.VOID, _OPEN),
    Fault.PERSON_PAYS: _person_sets(DocumentStatus.PAID, _OPEN),
    Fault.PERSON_CREDITS: _to_the(
        _without_memos, lambda world, document: world.stripe.person_credits(document)
    ),
}
