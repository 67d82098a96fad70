"""A credit and re-bill that dies at every line ends as one that did not: billed anew, once.

Before each commit and each call that changes the core is a point of failure; dying after one
is dying before the next, for between them is nothing but looking. After the crash a new
process is given the same command, as a person would.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from decimal import Decimal
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from connectors.failures import NotNow, Unknown
from connectors.metronome_correcting import MetronomeCorrections
from connectors.redaction import Secret
from connectors.sandbox.service import Handle
from connectors.sandbox.service import start as start_stripe
from connectors.wire import Wire
from state.books import Books
from state.corrections import Correction, UsageEvent
from state.observations import Changes
from state.worklist import Cause
from sync.advise import Share
from sync.advising import Question, ask, correction_of
from sync.correcting import NotCorrectable, begin, carry_on, standing_of
from sync.cycle import one_pass
from sync.parts import Parts
from sync.progress import Silent
from tests.clocks import StillClock
from tests.stories.living import AUGUST, BEGIN, Story
from tests.world import MemoryCore, parts_on

JULY_20 = BEGIN + timedelta(days=19, hours=12)
RIGHT = UsageEvent(
    "right", "acme", "output_tokens", JULY_20,
    (("project_id", "Project 1"), ("token_count", "600")),
)  # fmt: skip
ASKED = Question(share=Share.WHOLE, negate=("wrong",), resubmits=(RIGHT,))
QUIET = Silent()


class Crash(BaseException):
    """The process died here."""


@dataclass
class Fuse:
    """Dies at the n-th point of failure; `points` counts them all."""

    at: int = -1
    points: int = 0

    def burn(self) -> None:
        self.points += 1
        if self.points == self.at:
            raise Crash


class Mortal(MetronomeCorrections):
    """The real connector, which may die before every changing call."""

    def __init__(self, wire: Wire, fuse: Fuse) -> None:
        super().__init__(wire)
        self.fuse = fuse

    def send(self, events: Sequence[UsageEvent]) -> None:
        self.fuse.burn()
        super().send(events)

    def void_in_core(self, invoice_id: str) -> None:
        self.fuse.burn()
        super().void_in_core(invoice_id)

    def regenerate(self, invoice_id: str) -> str:
        self.fuse.burn()
        return super().regenerate(invoice_id)


class MortalBooks(Books):
    """The real store, which may die before every commit."""

    fuse = Fuse()

    def record(self, changes: Changes, *, at: datetime, token: int | None = None) -> None:
        self.fuse.burn()
        super().record(changes, at=at, token=token)


class World:
    """One wrong invoice on the embedded core, in Stripe, and in the books on a disk."""

    def __init__(self, folder: Path, stripe: Handle) -> None:
        self.folder, self.stripe = folder, stripe
        folder.mkdir()
        self.story = Story(folder / "core")
        self.story.be_reachable()
        self.story.grant(500, 5)
        self.story.use("wrong", "1000", JULY_20)
        self.story.to(AUGUST + timedelta(days=2))
        (self.wrong,) = [one.id for one in self.story.invoices("FINALIZED")]
        self.clock = StillClock()
        parts, _ = self.process(Fuse())
        assert one_pass(parts, progress=QUIET).pushed == 1
        parts.store.close()  # type: ignore[attr-defined]  # the port has no close

    def process(self, fuse: Fuse) -> tuple[Parts, Mortal]:
        """A process that has just been started, on the same disk."""
        wire = Wire(
            self.story.core.url, clock=self.clock, rng=_Still(), token=Secret("t"),
            log=lambda _: None,
        )  # fmt: skip
        core = Mortal(wire, fuse)
        MortalBooks.fuse = fuse
        numbers = count(1)
        parts = parts_on(self.stripe, MemoryCore())
        parts.store.close()  # type: ignore[attr-defined]  # the port has no close
        mapped = replace(parts.policy, create_customers=True)
        store = MortalBooks(
            f"sqlite:///{self.folder}/state.db", "acme", new_id=lambda: self.folder.name
        )
        self.clock.sleep(120)  # a dead process's lease has ended by then
        made = replace(
            parts, core=core, store=store, clock=self.clock, policy=mapped,
            new_id=lambda: f"c{next(numbers)}",
        )  # fmt: skip
        return made, core

    def command(self, fuse: Fuse) -> Correction:
        """`tieout advise INVOICE --apply ...`, as a person types it again and again."""
        parts, core = self.process(fuse)
        try:
            standing = standing_of(parts, self.wrong)
            if standing is None:
                answer = ask(parts, core, self.wrong, ASKED)
                made = correction_of(parts, answer, ASKED, by="ada", reason="twice")
                standing = begin(parts, made)
            return carry_on(parts, core, standing)[0]
        finally:
            parts.store.close()  # type: ignore[attr-defined]  # the port has no close

    def end(self) -> dict[str, Any]:
        """Everything that a finished correction leaves behind, ids left out."""
        parts, core = self.process(Fuse())
        events = self.story.sdk.v1.usage.search(
            transaction_ids=["wrong", "right", *self.negations(parts)]
        )
        (void,) = self.story.invoices("VOID")
        (final,) = self.story.invoices("FINALIZED")
        (credit,) = core.credits(self.story.customer)
        (correction,) = parts.store.corrections(self.wrong)
        result = one_pass(parts, progress=QUIET)
        found = {
            "events": sorted((one.properties["token_count"]) for one in events),
            "void": (void.id, void.total),
            "final": (final.regenerated_from_invoice_id, final.total),
            "ledger": [(one.kind, int(one.amount)) for one in credit.ledger],
            "correction": (correction.state, correction.step, correction.preview_minor),
            "pushed": result.pushed,
            "flags": [(one.cause, one.core_invoice_id) for one in parts.store.flags()],
            "verified": parts.store.verify_audit().ok,  # type: ignore[attr-defined]  # Books'
        }
        parts.store.close()  # type: ignore[attr-defined]  # the port has no close
        return found

    def negations(self, parts: Parts) -> list[str]:
        return [
            one.transaction_id
            for correction in parts.store.corrections(self.wrong)
            for one in correction.negations
        ]

    def stop(self) -> None:
        self.story.stop()


class _Still:
    def uniform(self, _a: float, _b: float, /) -> float:
        return 0.0


@pytest.fixture(scope="module")
def stripe() -> Iterator[Handle]:
    handle = start_stripe()
    yield handle
    handle.stop()


def lived(folder: Path, stripe: Handle, at: int) -> tuple[int, dict[str, Any]]:
    """The points of failure of a whole life that dies at one of them, and its end."""
    world = World(folder, stripe)
    fuse = Fuse(at)
    try:
        try:
            world.command(fuse)
        except Crash:
            world.command(Fuse())
        return fuse.points, world.end()
    finally:
        world.stop()


def test_a_crash_at_each_line_ends_as_no_crash_at_all(
    tmp_path: Path, stripe: Handle
) -> None:
    points, whole = lived(tmp_path / "whole", stripe, -1)
    assert points >= 14
    assert whole["events"] == ["-1000", "1000", "600"]
    assert whole["final"][1] == whole["correction"][2] == Decimal(700)
    assert whole["flags"] == [(Cause.VOIDED_IN_CORE, whole["void"][0])]
    assert [kind for kind, _ in whole["ledger"]].count("CREDIT_CREDITED") == 1
    for at in range(1, points + 1):
        _, end = lived(tmp_path / f"at{at}", stripe, at)
        told = {
            **end,
            "void": end["void"][1],
            "final": end["final"][1],
            "flags": len(end["flags"]),
        }
        same = {**whole, "void": whole["void"][1], "final": whole["final"][1], "flags": 1}
        assert told == same, f"a crash at point {at} of {points}"
        assert end["final"][0] == end["void"][0]


@pytest.mark.parametrize(
    ("failure", "done"), [(Unknown, True), (Unknown, False), (NotNow, False)]
)
@pytest.mark.parametrize("verb", ["send", "void_in_core", "regenerate"])
def test_a_call_in_doubt_is_looked_after_and_done_once(
    tmp_path: Path,
    stripe: Handle,
    monkeypatch: pytest.MonkeyPatch,
    failure: type[Exception],
    verb: str,
    done: bool,
) -> None:
    real = getattr(MetronomeCorrections, verb)
    failed: list[str] = []

    def shaky(core: MetronomeCorrections, argument: Any) -> Any:
        if failed:
            return real(core, argument)
        failed.append(verb)
        if done:
            real(core, argument)
        raise failure("the line went dead")

    world = World(tmp_path / "world", stripe)
    try:
        monkeypatch.setattr(MetronomeCorrections, verb, shaky)
        world.command(Fuse())
        assert failed == [verb]
        end = world.end()
        assert (end["events"], end["final"][1]) == (["-1000", "1000", "600"], 700)
        assert end["correction"][0] == "OPEN"  # waits for the person downstream
    finally:
        world.stop()


def test_two_corrections_of_one_invoice_never_stand_together(
    tmp_path: Path, stripe: Handle
) -> None:
    world = World(tmp_path / "world", stripe)
    try:
        world.command(Fuse())
        parts, core = world.process(Fuse())
        answer = ask(parts, core, world.wrong, Question())
        assert answer.correction is not None
        with pytest.raises(NotCorrectable, match="CREDIT_AND_REBILL is closed"):
            correction_of(parts, answer, ASKED, by="ada", reason="again")
        with pytest.raises(NotCorrectable, match="stands already"):
            begin(parts, replace(answer.correction, id="other"))
        parts.store.close()  # type: ignore[attr-defined]  # the port has no close
    finally:
        world.stop()


def test_beside_a_daemon_the_core_is_corrected_and_the_walk_is_left_to_it(
    tmp_path: Path, stripe: Handle
) -> None:
    world = World(tmp_path / "world", stripe)
    try:
        parts, core = world.process(Fuse())
        daemon = parts.store.take_lease("daemon", now=world.clock.now(), seconds=3600)
        assert daemon is not None
        answer = ask(parts, core, world.wrong, ASKED)
        made = begin(parts, correction_of(parts, answer, ASKED, by="ada", reason="twice"))
        done, waits = carry_on(parts, core, made)
        assert done.successor is not None
        assert "not read into the books yet" in waits
        assert parts.store.push(done.successor) is None  # the daemon's own to write
        assert parts.store.flags() == []
        parts.store.release_lease(daemon)
        parts.store.close()  # type: ignore[attr-defined]  # the port has no close
        end = world.end()
        assert (end["final"][1], end["pushed"], len(end["flags"])) == (700, 1, 1)
    finally:
        world.stop()


def test_of_two_who_begin_at_one_instant_one_does(tmp_path: Path, stripe: Handle) -> None:
    world = World(tmp_path / "world", stripe)
    try:
        parts, core = world.process(Fuse())
        answer = ask(parts, core, world.wrong, ASKED)
        mine = correction_of(parts, answer, ASKED, by="ada", reason="twice")
        theirs = replace(mine, id="theirs", by="grace")
        parts.store.keep_fact(f"correction.{world.wrong}.0", "died")
        assert begin(parts, mine).id == "died"  # of a process that got no further
        with pytest.raises(NotCorrectable, match="stands already"):
            begin(parts, theirs)
        parts.store.close()  # type: ignore[attr-defined]  # the port has no close
    finally:
        world.stop()
