"""One world of the fast mode: what surrounds the worker, its memory, and its rules."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from state.invoices import CoreInvoice
from state.pushes import PushRecord, PushState
from state.worklist import UNRESOLVED, Flag, FlagState
from sync.decide import Policy
from sync.moves import Action, Answer, Seen, Undertaking
from sync.protocol import absorb, next_action, retry
from sync.simulation.core_model import CoreModel, Style
from sync.simulation.events import EFFECTS
from sync.simulation.faults import Dice, Fault, FaultSource
from sync.simulation.memory import Memory
from sync.simulation.outside import Outside

_RETRIABLE = frozenset(
    {PushState.QUARANTINED, PushState.HELD, PushState.ABANDONED, PushState.SKIPPED}
)


@dataclass(frozen=True, slots=True)
class Rules:
    """The decisions under trial. A planted defect replaces one; nothing else differs."""

    next_action: Callable[[PushRecord, Seen, Undertaking], Action] = next_action
    absorb: Callable[[PushRecord, Answer, datetime], PushRecord] = absorb


@dataclass(frozen=True, slots=True)
class Scenario:
    """What the world is made of before anything goes wrong.

    `script` are events that happen at the start of a cycle, faults or not.
    """

    name: str = "plain"
    lines: int = 2
    line_minor: int = 500
    backwards: bool = False  # ids of later versions sort before those of earlier ones
    finalize: bool = True
    hold: bool = True
    cycles: int = 2
    every: timedelta = timedelta(minutes=5)
    script: Mapping[int, tuple[Fault, ...]] = field(default_factory=dict)


SOUND = Rules()


def may_be_skipped(record: PushRecord) -> bool:
    """May a person leave this one out now?"""
    if record.state is PushState.PENDING:
        return record.tried == 0
    return record.state in _RETRIABLE and record.reason != "BY_HAND"


class World(Outside):
    """One chain of invoices, a modelled memory, and the worker's own decisions."""

    def __init__(
        self,
        scenario: Scenario,
        faults: FaultSource,
        dice: Dice,
        rules: Rules = SOUND,
    ) -> None:
        super().__init__(faults, dice)
        self.scenario = scenario
        self.rules = rules
        self.core = CoreModel(
            Style(scenario.lines, scenario.line_minor, scenario.backwards)
        )
        self.core.finalize_first()
        self.memory = Memory(
            Policy(finalize=scenario.finalize, hold_replacement_of_paid=scenario.hold)
        )

    def chain(self) -> CoreModel:
        """The only one there is."""
        return self.core

    def invoices(self) -> dict[str, CoreInvoice]:
        """Every version as it truly is."""
        return self.core.invoices

    def mark(self) -> tuple[int, int, int]:
        """Equal before and after means that nothing has happened in between."""
        return (self.memory.commits, len(self.stripe.trace), self.struck)

    def possible(self, event: Fault) -> bool:
        """Could it happen now? What could not leaves the world as it is."""
        match event:
            case Fault.PERSON_CLAIMS:
                return self._claimable() is not None
            case Fault.PERSON_RETRIES:
                return self._stopped() is not None
            case Fault.PERSON_SKIPS:
                return self._left_out() is not None
            case Fault.RESTORED_OLD_DATABASE:
                return bool(self.memory.backups)
        return EFFECTS[event].can(self)

    def effect(self, event: Fault) -> bool:
        """What happens to our own memory is done here, the rest outside."""
        if not self.possible(event):
            return False
        match event:
            case Fault.PERSON_CLAIMS:
                self._claims()
            case Fault.PERSON_RETRIES:
                self._retries()
            case Fault.PERSON_SKIPS:
                self._skips()
            case Fault.RESTORED_OLD_DATABASE:
                self._restores()
            case _:
                EFFECTS[event].act(self)
        return True

    def _claimable(self) -> Flag | None:
        for flag in self.memory.kept.flags.values():
            if flag.state in UNRESOLVED and flag.downstream_id is not None:
                return flag
        return None

    def _claims(self) -> None:
        """A click: it must close nothing."""
        flag = self._claimable()
        assert flag is not None  # noqa: S101 - asked before
        claimed = replace(
            flag, state=FlagState.AWAITING_VERIFICATION, claimed_at=self.ours()
        )
        self.memory.commit(None, self.ours(), flags=(claimed,))

    def _stopped(self) -> PushRecord | None:
        for record in self.memory.kept.records.values():
            if record.state in _RETRIABLE:
                return record
        return None

    def _retries(self) -> None:
        """As sync.people does it: documents known to be closed are accepted as closed."""
        record = self._stopped()
        assert record is not None  # noqa: S101 - asked before
        closed = [
            document.id
            for document in self.memory.kept.documents.values()
            if document.core_invoice_id == record.core_invoice_id
            and not document.status.live
        ]
        if record.document_id is not None:
            closed.append(record.document_id)
        again = retry(record, closed)
        self.memory.commit(None, self.ours(), record=again, decide=True)

    def _left_out(self) -> PushRecord | None:
        for record in self.memory.kept.records.values():
            if may_be_skipped(record):
                return record
        return None

    def _skips(self) -> None:
        """As sync.people does it: only what is stopped, or has asked nothing yet."""
        record = self._left_out()
        assert record is not None  # noqa: S101 - asked before
        left = replace(record, state=PushState.SKIPPED, reason="BY_HAND")
        self.memory.commit(None, self.ours(), record=left, decide=True)

    def _restores(self) -> None:
        self.restored += 1
        self.sweep = None  # what that sweep had recorded is forgotten
        self.memory.restore(int(self.dice.random() * len(self.memory.backups)))
