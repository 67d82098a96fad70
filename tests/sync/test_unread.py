"""A register whose consent has ended is left out and said; everything else goes on."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import datetime

import pytest

from connectors.failures import Misconfigured, NeedsConsent
from connectors.ports import Hints, Page, PeriodLock, Register
from connectors.sandbox.service import Handle
from sync.cycle import make_plan, one_pass
from sync.daemon import look
from sync.parts import Parts
from sync.progress import LogProgress
from tests.world import MemoryCore, parts_on


class Ended:
    """A register that nobody may read."""

    target = "books"

    def __init__(self, failure: Exception) -> None:
        self.failure = failure

    def locks(self) -> tuple[PeriodLock, ...]:
        raise self.failure

    def changes(self, cursor: str | None, now: datetime) -> Hints:
        raise self.failure

    def sweep(self) -> Iterator[Page]:
        raise self.failure

    def look_again(self, ids: Sequence[str]) -> Iterator[Page]:
        raise self.failure


def parts(sandbox: Handle, failure: Exception) -> Parts:
    core = MemoryCore()
    made = parts_on(sandbox, core)
    core.bill("ci_1", 10_000)
    ended: Register = Ended(failure)  # type: ignore[assignment]  # as much as is asked of it
    return replace(made, registers=(made.stripe, ended))


def quiet(made: Parts) -> LogProgress:
    return LogProgress(made.clock.monotonic)


def test_a_pass_goes_on_and_says_whose_consent_has_ended(sandbox: Handle) -> None:
    made = parts(
        sandbox, NeedsConsent("books: the consent has ended; run: tieout auth books")
    )
    result = one_pass(made, progress=quiet(made))
    assert result.pushed == 1
    assert result.unread == "books: the consent has ended; run: tieout auth books"
    assert look(made, quiet(made)).unread == result.unread
    assert made.store.last_sweep("stripe") is not None
    assert made.store.last_sweep("books") is None
    made.close()


def test_a_wrong_setting_still_ends_the_pass(sandbox: Handle) -> None:
    made = parts(sandbox, Misconfigured("books: set it right"))
    with pytest.raises(Misconfigured):
        one_pass(made, progress=quiet(made))
    made.close()


def test_a_plan_is_made_of_all_that_there_is_or_not_at_all(sandbox: Handle) -> None:
    made = parts(sandbox, NeedsConsent("books: the consent has ended"))
    with pytest.raises(NeedsConsent):
        make_plan(made, progress=quiet(made))
    made.close()
