"""The steps of a correction by table: what was seen, and the one thing that follows."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from state.corrections import Correction, CorrectionKind, CorrectionState, Step, UsageEvent
from state.invoices import CoreInvoice, CoreLine, CoreStatus
from state.pushes import PushRecord, PushState
from state.worklist import Cause, Flag, FlagState
from sync.advise_steps import (
    Advance,
    Ask,
    Looked,
    Move,
    Stop,
    Wait,
    next_move,
    resumed,
    voided_already,
)

NOW = datetime(2026, 8, 2, tzinfo=UTC)
REBILL, USAGE = CorrectionKind.REBILL, CorrectionKind.USAGE
NEGATION = UsageEvent("n1", "acme", "tokens", NOW - timedelta(days=10), (("n", "-5"),))
OTHER = replace(NEGATION, transaction_id="n2")
RIGHT = replace(NEGATION, transaction_id="r1", properties=(("n", "3"),))
BASE = Correction(
    id="c1", core_invoice_id="ci_1", core_customer_id="cc_1", kind=REBILL,
    state=CorrectionState.OPEN, step=Step.NEGATE, currency="USD", before_minor=Decimal(1500),
    opened_at=NOW, by="ada", reason="twice", negations=(NEGATION, OTHER), resubmits=(RIGHT,),
)  # fmt: skip


def invoice(
    status: str = "FINALIZED", total: int = 1500, line: int | None = None
) -> CoreInvoice:
    lines = () if line is None else (CoreLine("l", "Tokens", "usage", Decimal(line)),)
    return CoreInvoice(
        id="ci_1", customer_id="cc_1", status=CoreStatus(status), kind="USAGE",
        currency="USD", exact_minor=Decimal(total), total_minor=total, lines=lines,
    )  # fmt: skip


def move(
    step: Step, kind: CorrectionKind = REBILL, *, on: Correction = BASE, **seen: object
) -> Move:
    looked = Looked(NOW, **{"invoice": invoice(), **seen})  # type: ignore[arg-type]  # fields by name
    return next_move(replace(on, kind=kind, step=step), looked)


def told(made: Move) -> tuple[str, str]:
    match made:
        case Advance(correction):
            assert not correction.asked
            return "to", correction.step
        case Ask(correction, events):
            assert correction.asked
            return "ask", " ".join(one.transaction_id for one in events)
        case Stop(correction):
            return correction.state.lower(), correction.detail
        case Wait(text):
            return "wait", text
    raise AssertionError(made)


@pytest.mark.parametrize(
    ("made", "follows"),
    [
        # Negate and resubmit: only what has not landed is asked for.
        (move(Step.NEGATE), ("ask", "n1 n2")),
        (move(Step.NEGATE, landed=frozenset({"n1"})), ("ask", "n2")),
        (move(Step.NEGATE, landed=frozenset({"n1", "n2"})), ("to", "RESUBMIT")),
        (move(Step.NEGATE, on=replace(BASE, asked=True), landed=frozenset({"n1", "n2"})), ("to", "RESUBMIT")),
        (move(Step.NEGATE, on=replace(BASE, negations=())), ("to", "RESUBMIT")),
        (move(Step.RESUBMIT), ("ask", "r1")),
        (move(Step.RESUBMIT, landed=frozenset({"r1"})), ("to", "PREVIEW")),
        (move(Step.RESUBMIT, USAGE, landed=frozenset({"r1"})), ("done", "")),
        (move(Step.NEGATE, invoice=invoice("VOID")), ("ask", "n1 n2")),
        (move(Step.NEGATE, USAGE, invoice=invoice("DRAFT")), ("ask", "n1 n2")),
        # Preview: nothing below zero, and what was expected.
        (move(Step.PREVIEW, preview=invoice(total=700)), ("to", "VOID")),
        (move(Step.PREVIEW, USAGE, preview=invoice("DRAFT", 700)), ("to", "NEGATE")),
        (move(Step.PREVIEW, on=replace(BASE, expected_minor=700), preview=invoice(total=700)), ("to", "VOID")),
        (move(Step.PREVIEW, on=replace(BASE, may_go_negative=True), preview=invoice(total=-5)), ("to", "VOID")),
        # Void and regenerate: asked once, and seen.
        (move(Step.VOID), ("ask", "")),
        (move(Step.VOID, on=replace(BASE, asked=True)), ("ask", "")),
        (move(Step.VOID, invoice=invoice("VOID")), ("to", "REGENERATE")),
        (move(Step.REGENERATE, invoice=invoice("VOID")), ("ask", "")),
        (move(Step.REGENERATE, invoice=invoice("VOID"), successor="ci_2"), ("to", "WATCH")),
    ],
)  # fmt: skip
def test_what_was_seen_decides_what_follows(made: Move, follows: tuple[str, str]) -> None:
    assert told(made) == follows


@pytest.mark.parametrize(
    ("made", "why"),
    [
        (move(Step.NEGATE, invoice=None), "the core does not know the invoice any more"),
        (move(Step.NEGATE, USAGE), "it is FINALIZED by now: 2 of 2 events were not sent"),
        (move(Step.NEGATE, invoice=invoice("DRAFT")), "it is DRAFT by now"),
        (move(Step.RESUBMIT, USAGE, invoice=invoice("VOID")), "it is VOID by now: 1 of 1 events"),
        (move(Step.NEGATE, on=replace(BASE, negations=(replace(NEGATION, at=NOW - timedelta(days=35)),))),
         "event n1 is older than 34 days by now"),
        (move(Step.PREVIEW), "the core shows no preview of it"),
        (move(Step.PREVIEW, preview=invoice(total=-5)), "below zero (total: (0.05))"),
        (move(Step.PREVIEW, preview=invoice(total=5, line=-7)), "below zero (line Tokens: (0.07))"),
        (move(Step.PREVIEW, on=replace(BASE, expected_minor=600), preview=invoice(total=700)),
         "it would come to 7.00, and 6.00 was expected"),
        (move(Step.VOID, invoice=invoice("DRAFT")), "it is DRAFT: only a finalized invoice is voided"),
        (move(Step.REGENERATE), "it is FINALIZED: only a void invoice is regenerated"),
    ],
)  # fmt: skip
def test_what_cannot_go_on_is_stopped_for_a_person(made: Move, why: str) -> None:
    state, detail = told(made)
    assert state == "blocked"
    assert why in detail


def test_a_preview_is_kept_whether_it_was_taken_or_not() -> None:
    blocked = move(Step.PREVIEW, preview=invoice(total=-5))
    passed = move(Step.PREVIEW, preview=invoice(total=700))
    assert isinstance(blocked, Stop)
    assert isinstance(passed, Advance)
    kept = [one.correction.preview_minor for one in (blocked, passed)]
    assert kept == [Decimal(-5), Decimal(700)]


WATCHED = replace(BASE, successor="ci_2")
PUSH = PushRecord("ci_2", "cc_1", PushState.PENDING, "USD", 700, 700, 1)
FLAG = Flag(
    "stripe", "in_1", Cause.VOIDED_IN_CORE, "ci_1", "cc_1", FlagState.OPEN, "void it", "", "USD",
    1500, 1, NOW, id="F-000001",
)  # fmt: skip


@pytest.mark.parametrize(
    ("push", "flags", "follows"),
    [
        (None, (), ("wait", "ci_2: not read into the books yet, see tieout sync")),
        (PushState.PENDING, (), ("wait", "ci_2: its push is PENDING")),
        (PushState.HELD, (), ("wait", "ci_2: its push is HELD")),
        (PushState.DONE, (FlagState.OPEN,), ("wait", "F-000001 (stripe): void it")),
        (PushState.DONE, (FlagState.REOPENED,), ("wait", "F-000001 (stripe): void it")),
        (PushState.DONE, (FlagState.RESOLVED,), ("done", "")),
        (PushState.DONE, (FlagState.WAIVED,), ("done", "")),
        (PushState.SKIPPED, (), ("done", "")),
        (PushState.CANCELLED, (), ("done", "")),
    ],
)
def test_it_ends_when_the_new_is_delivered_and_the_old_is_out_of_the_way(
    push: PushState | None, flags: tuple[FlagState, ...], follows: tuple[str, str]
) -> None:
    made = move(
        Step.WATCH,
        on=WATCHED,
        push=None if push is None else replace(PUSH, state=push),
        flags=tuple(replace(FLAG, state=one) for one in flags),
    )
    assert told(made) == follows


def test_what_is_taken_up_again_is_previewed_again_before_it_is_voided() -> None:
    blocked = replace(BASE, step=Step.VOID, state=CorrectionState.BLOCKED, detail="refused")
    again = resumed(blocked)
    assert (again.step, again.state, again.detail) == (
        Step.PREVIEW,
        CorrectionState.OPEN,
        "",
    )
    assert resumed(replace(blocked, asked=True)).step is Step.VOID
    assert resumed(replace(blocked, step=Step.NEGATE)).step is Step.NEGATE


@pytest.mark.parametrize(
    ("kind", "step", "asked", "over"),
    [
        (REBILL, Step.NEGATE, True, False),
        (REBILL, Step.PREVIEW, False, False),
        (REBILL, Step.VOID, False, False),
        (REBILL, Step.VOID, True, True),
        (REBILL, Step.REGENERATE, False, True),
        (REBILL, Step.WATCH, False, True),
        (USAGE, Step.RESUBMIT, True, False),
    ],
)
def test_a_correction_can_be_given_up_until_the_void_was_asked(
    kind: CorrectionKind, step: Step, asked: bool, over: bool
) -> None:
    one = replace(BASE, kind=kind, step=step, asked=asked)
    assert voided_already(one) is over
    assert not voided_already(replace(one, state=CorrectionState.DONE))
