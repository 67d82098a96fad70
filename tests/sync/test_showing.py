"""Flags in an ERP: shown once, claimed by a tick, closed only by what is seen."""

from collections.abc import Iterator
from dataclasses import replace

import pytest

from connectors.ports import Capabilities, Hints, Identity, Page, PeriodLock, Shown
from connectors.sandbox.service import Handle
from connectors.stripe_receivables import StripeReceivables
from state.receivables import DocumentStatus, DownstreamInvoice
from state.worklist import Flag, FlagState
from sync.cycle import one_pass
from sync.parts import Parts
from sync.progress import Silent
from tests.world import MemoryCore, parts_on

QUIET = Silent()


class Board:
    """A register of one invoice, with a place for notices."""

    target = "books"
    capabilities: Capabilities = StripeReceivables.capabilities

    def __init__(self) -> None:
        self.document = DownstreamInvoice(
            "books", "e1", DocumentStatus.OPEN, "USD", 1_000, external_ids=("ci_1",)
        )
        self.notices: dict[str, str] = {}
        self.done: str | None = None

    def identify(self) -> Identity:
        return Identity("memory", "books")

    def sweep(self) -> Iterator[Page]:
        yield Page((self.document,))

    def changes(self, cursor: str | None, now: object) -> Hints:
        return Hints((), "1")

    def look_again(self, ids: object) -> Iterator[Page]:
        yield Page((self.document,), whole=True)

    def locks(self) -> tuple[PeriodLock, ...]:
        return ()

    def show_flag(self, document_id: str, tag: str, text: str) -> Shown:
        made = tag not in self.notices
        self.notices.setdefault(tag, f"{document_id}: {text}")
        done = self.done is not None
        return Shown("12", made=made, done=done, feedback=self.done or "")


@pytest.fixture
def board() -> Board:
    return Board()


@pytest.fixture
def parts(sandbox: Handle, board: Board) -> Iterator[Parts]:
    core = MemoryCore()
    made = parts_on(sandbox, core)
    made = replace(made, registers=(made.stripe, board), boards={"books": board})
    core.bill("ci_1", 1_000)
    one_pass(made, progress=QUIET)
    core.void("ci_1")
    one_pass(made, progress=QUIET)
    yield made
    made.store.close()  # type: ignore[attr-defined]  # the port has no close


def flag_of(parts: Parts) -> Flag:
    (flag,) = [one for one in parts.store.flags() if one.target == "books"]
    return flag


def test_a_notice_says_what_to_do_and_stands_once(parts: Parts, board: Board) -> None:
    one_pass(parts, progress=QUIET)
    ((tag, text),) = board.notices.items()
    assert flag_of(parts).id in tag
    assert "void e1" in text
    assert "core invoice ci_1 is VOID" in text


def test_a_tick_is_a_claim_in_the_persons_words_and_the_look_decides(
    parts: Parts, board: Board
) -> None:
    board.done = "Voided this morning"
    one_pass(parts, progress=QUIET)
    flag = flag_of(parts)
    assert (flag.state, flag.claimed_by) == (FlagState.AWAITING_VERIFICATION, "books")
    assert '"Voided this morning"' in flag.note
    # It was not: the next look reopens it, and the same tick is no second claim.
    parts.clock.sleep(60)
    one_pass(parts, progress=QUIET)
    parts.clock.sleep(60)
    one_pass(parts, progress=QUIET)
    assert flag_of(parts).state is FlagState.REOPENED
    board.document = replace(board.document, status=DocumentStatus.VOID)
    parts.clock.sleep(60)
    one_pass(parts, progress=QUIET)
    assert (flag_of(parts).state, flag_of(parts).evidence) == (
        FlagState.RESOLVED,
        "e1 was seen VOID",
    )


def test_without_a_board_nothing_is_shown(parts: Parts, board: Board) -> None:
    board.notices.clear()
    one_pass(replace(parts, boards={}), progress=QUIET)
    assert board.notices == {}
