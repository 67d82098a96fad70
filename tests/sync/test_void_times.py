"""When the core voided an invoice: by its audit log where that tells, else by our reading."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any, cast

import pytest

from connectors.failures import ConnectorFailure
from connectors.ports import CurrencyRule, Hints
from state.invoices import CoreCustomer, CoreStatus
from sync.poll import HINTS, poll_core, sweep_core
from sync.progress import Silent
from tests.kept import Kept, broken, core, day, document, kinds
from tests.world import MemoryCore

VOIDED = datetime(2026, 11, 2, 9, tzinfo=UTC)
QUIET = Silent()


class Telling(MemoryCore):
    """A core whose audit log tells of voids, or is not to be read."""

    def __init__(self) -> None:
        super().__init__()
        self.told: dict[str, datetime] = {}
        self.refuses = False

    def hints(self, cursor: str | None) -> Hints:
        if self.refuses:
            raise ConnectorFailure("the billing core refuses its audit log (403)")
        return Hints(tuple(self.told), "7", voided=self.told)


class Noting(Silent):
    def __init__(self) -> None:
        self.notes: list[str] = []

    def note(self, text: str) -> None:
        self.notes.append(text)


@pytest.fixture
def theirs() -> Telling:
    made = Telling()
    made.people["cc_1"] = CoreCustomer("cc_1", "Acme")
    made.bill("ci_1", 5000)
    return made


@pytest.fixture
def kept(theirs: Telling) -> Iterator[Kept]:
    made = Kept(targets=("stripe",))
    made.parts.core = theirs
    made.parts.stripe = cast(
        "Any", SimpleNamespace(currency_rule=lambda _: CurrencyRule(1, 50, 10**8))
    )
    yield made
    made.close()


def void(theirs: Telling, *, told: bool) -> None:
    theirs.books["ci_1"] = replace(theirs.books["ci_1"], status=CoreStatus.VOID)
    theirs.told = {"ci_1": VOIDED} if told else {}


def stood(kept: Kept, at: datetime) -> CoreStatus:
    return kept.store.as_of(kept.store.last_seq(), at).invoices(["ci_1"])["ci_1"].status


@pytest.mark.parametrize("read", [sweep_core, poll_core])
def test_a_void_counts_from_the_time_that_the_log_tells(
    kept: Kept, theirs: Telling, read: Any
) -> None:
    kept.clock.time = day(11, 1, 18)
    sweep_core(kept.parts, QUIET)
    void(theirs, told=True)
    kept.clock.time = day(11, 9)
    read(kept.parts, QUIET)
    assert stood(kept, day(11, 1, 20)) is CoreStatus.FINALIZED
    assert stood(kept, day(11, 3)) is CoreStatus.VOID  # a week before we saw it
    assert kept.store.cursor(HINTS) == "7"
    # Told once, it is kept: the same reading without the log moves nothing.
    theirs.told = {}
    seq = kept.store.last_seq()
    sweep_core(kept.parts, QUIET)
    assert kept.store.last_seq() == seq


def test_a_void_that_nobody_tells_counts_from_our_reading(
    kept: Kept, theirs: Telling
) -> None:
    kept.clock.time = day(11, 1, 18)
    sweep_core(kept.parts, QUIET)
    void(theirs, told=False)
    kept.clock.time = day(11, 9)
    sweep_core(kept.parts, QUIET)
    assert stood(kept, day(11, 8)) is CoreStatus.FINALIZED
    assert stood(kept, day(11, 10)) is CoreStatus.VOID


@pytest.mark.parametrize("seen_alive", [False, True])
def test_a_log_that_is_read_only_later_dates_the_void_all_the_same(
    kept: Kept, theirs: Telling, *, seen_alive: bool
) -> None:
    """What was concluded before it was read is as it was; the books of that day move."""
    kept.clock.time = day(11, 1, 18)
    if seen_alive:
        sweep_core(kept.parts, QUIET)
    void(theirs, told=False)
    kept.clock.time = day(11, 9)
    sweep_core(kept.parts, QUIET)
    before = kept.store.last_seq()
    void(theirs, told=True)
    kept.clock.time = day(11, 12)
    sweep_core(kept.parts, QUIET)
    assert stood(kept, day(11, 1, 20)) is CoreStatus.FINALIZED
    assert stood(kept, day(11, 3)) is CoreStatus.VOID
    assert stood(kept, day(11, 20)) is CoreStatus.VOID
    alive = CoreStatus.FINALIZED if seen_alive else CoreStatus.VOID  # as it was held then
    known = kept.store.as_of(before, day(11, 1, 20)).invoices(["ci_1"])["ci_1"]
    assert known.status is alive


def test_without_the_log_a_sweep_is_whole_all_the_same_and_says_so(
    kept: Kept, theirs: Telling
) -> None:
    theirs.refuses = True
    progress = Noting()
    assert sweep_core(kept.parts, progress).rows == 1
    (said,) = progress.notes
    assert said.startswith("voids are dated by this reading, as no audit log was read: ")


def test_one_first_seen_void_was_alive_until_the_log_says(kept: Kept) -> None:
    """October is closed with it; that November voided it is a later fact."""
    gone = core("a", status=CoreStatus.VOID, voided_at=VOIDED)
    kept.see(day(11, 20), invoices=(gone,), documents=(document("stripe", "a"),))
    october, now = kept.run(period="2026-10"), kept.run()
    assert kinds(october) == {("stripe", "a"): "MATCHED"}
    assert kinds(now) == {("stripe", "a"): "VOID_PENDING"}
    assert broken(october) == []
