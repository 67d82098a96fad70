"""The decision tree against a table that was written without it, and against its own claims.

`advice_table.txt` holds one line for each status, age, downstream document, period lock and
share that is wrong, with the paths that the credit-memo document leaves open.
"""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path as File

import pytest

from state.invoices import CoreInvoice, CoreStatus, NativeDelivery
from state.receivables import DocumentStatus, DownstreamInvoice
from sync.advise import Option, Path, Share, Situation, act_of, advice
from sync.advise_window import (
    WINDOW,
    Reach,
    Span,
    is_taken,
    standing,
)
from sync.decide import Held

JULY, AUGUST = datetime(2026, 7, 1, tzinfo=UTC), datetime(2026, 8, 1, tzinfo=UTC)
SECOND, DAY = timedelta(seconds=1), timedelta(days=1)
LETTERS = {
    "C": Path.CUSTOMER_CREDIT,
    "K": Path.CONTRACT_CREDIT,
    "M": Path.CREDIT_MEMO,
    "N": Path.NEGATE_USAGE,
    "R": Path.CREDIT_AND_REBILL,
    "D": Path.CORRECT_DOWNSTREAM,
}
AGES = {
    "33d": 33 * DAY,
    "34d": 34 * DAY,
    "34d+1s": 34 * DAY + SECOND,
    "65d-1s": 65 * DAY - SECOND,
    "65d": 65 * DAY,
}
TABLE = [
    line.replace("->", " ").replace("|", " ").split()
    for line in File(__file__).with_name("advice_table.txt").read_text().splitlines()
    if line and not line.startswith("#")
]


def invoice(status: str = "FINALIZED", **more: object) -> CoreInvoice:
    made = CoreInvoice(
        id="ci_1", customer_id="cc_1", kind="USAGE", currency="USD", contract_id="k1",
        status=CoreStatus("VOID" if status == "REPLACED" else status),
        exact_minor=Decimal(2000), total_minor=2000, start=JULY, end=AUGUST,
    )  # fmt: skip
    return replace(made, **more)  # type: ignore[arg-type]  # fields by name


def document(status: str) -> tuple[Held, ...]:
    if status == "none":
        return ()
    made = DownstreamInvoice(
        target="stripe", id="in_1", status=DocumentStatus(status), currency="USD",
        gross_minor=2000, core_invoice_id="ci_1",
    )  # fmt: skip
    return (Held(made),)


def case(
    status: str, age: str, held: str, period: str, share: str, **more: object
) -> Situation:
    made = Situation(
        invoice=invoice(status),
        now=JULY + AGES[age],
        share=Share(share),
        documents=document(held),
        successor="ci_2" if status == "REPLACED" else None,
        locked=period == "locked",
        usage=(Span(JULY, AUGUST),),
    )
    return replace(made, **more)  # type: ignore[arg-type]  # fields by name


def opened(situation: Situation) -> str:
    letter = {path: one for one, path in LETTERS.items()}
    found = sorted(letter[one.path] for one in advice(situation) if one.open)
    return "".join(sorted(found, key="CKMNRD".index)) or "-"


def option(situation: Situation, path: Path) -> Option:
    return next(one for one in advice(situation) if one.path is path)


def test_the_table_is_as_large_as_it_must_be() -> None:
    assert len(TABLE) == len({tuple(row[:5]) for row in TABLE}) == 840


def test_every_line_of_the_table_holds() -> None:
    wrong = []
    for status, age, held, period, share, paths, act in TABLE:
        situation = case(status, age, held, period, share)
        acts = {act_of(one, locked=situation.locked) for one in situation.documents}
        said = (opened(situation), next(iter(acts), "NOTHING"))
        if said != (paths, act):
            wrong.append(
                f"{status} {age} {held} {period} {share}: {said}, not {paths} {act}"
            )
    assert wrong == []


@pytest.mark.parametrize("row", TABLE[::7], ids=" ".join)
def test_every_path_is_answered_and_every_answer_says_why(row: list[str]) -> None:
    answer = advice(case(*row[:5]))
    assert [one.path for one in answer] == list(Path)
    for one in answer:
        assert len(one.why) > 15
        assert not one.why.endswith(".")
        assert one.open or (one.deadline, one.downstream) == (None, ())
        assert not one.open or one.downstream
    assert not answer[-1].open  # a refund is never ours
    said = " ".join(line for one in answer for line in one.downstream)
    if answer[4].open and row[2] in {"OPEN", "UNCOLLECTIBLE"} and row[3] == "open":
        assert "void it by hand" in said


# --- the 34 days ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("late", "reach", "taken"),
    [
        (-SECOND, Reach.OPEN, True),
        (timedelta(0), Reach.OPEN, True),
        (timedelta(microseconds=1), Reach.PARTLY, False),
        (SECOND, Reach.PARTLY, False),
        (DAY - SECOND, Reach.PARTLY, False),
        (DAY, Reach.CLOSED, False),
        (DAY + SECOND, Reach.CLOSED, False),
    ],
)
def test_a_day_is_open_until_its_first_second_is_34_days_old(
    late: timedelta, reach: Reach, taken: bool
) -> None:
    now = JULY + WINDOW + late
    found = standing([Span(JULY, JULY + DAY)], now)
    assert found is not None
    assert (found.reach, is_taken(JULY, now)) == (reach, taken)
    assert (found.deadline, found.lost) == (JULY + WINDOW, JULY + DAY + WINDOW)


def test_an_invoice_is_open_in_part_where_some_of_its_days_are_out() -> None:
    days = [Span(JULY + n * DAY, JULY + (n + 1) * DAY) for n in range(31)]
    found = standing(days, JULY + WINDOW + 6 * DAY + timedelta(hours=12))
    assert found is not None
    assert found.reach is Reach.PARTLY
    assert (found.deadline, found.lost) == (JULY + WINDOW, AUGUST + WINDOW)
    assert standing([], JULY) is None


# --- what the table does not say -------------------------------------------------------------


def test_deadlines_are_those_of_the_draft_and_of_its_oldest_wrong_day() -> None:
    draft = case("DRAFT", "33d", "none", "open", "whole")
    assert option(draft, Path.NEGATE_USAGE).deadline == AUGUST + DAY  # final before 34 days
    late = replace(draft, usage=(Span(JULY - 5 * DAY, JULY),), now=JULY)
    assert option(late, Path.NEGATE_USAGE).deadline == JULY - 5 * DAY + WINDOW
    part = case("DRAFT", "34d+1s", "none", "open", "part")
    partly = option(part, Path.NEGATE_USAGE)
    assert partly.deadline == AUGUST + DAY
    assert "only usage of 2026-07-01T00:00:01Z on can still be negated" in partly.why
    rebill = option(
        case("FINALIZED", "33d", "none", "open", "whole"), Path.CREDIT_AND_REBILL
    )
    assert rebill.deadline == JULY + WINDOW
    none_wrong = case("VOID", "65d", "none", "open", "nothing", usage=())
    assert option(none_wrong, Path.CREDIT_AND_REBILL).deadline is None
    endless = replace(draft, invoice=invoice("DRAFT", end=None), usage=())
    assert option(endless, Path.NEGATE_USAGE).deadline is None


@pytest.mark.parametrize(
    ("more", "path", "says"),
    [
        ({"contract_open": False}, Path.CONTRACT_CREDIT, "contract k1 has ended"),
        ({"invoice": invoice(contract_id=None)}, Path.CONTRACT_CREDIT, "names no contract"),
        ({"customer_archived": True}, Path.CUSTOMER_CREDIT, "is archived"),
        ({"customer_archived": True}, Path.CONTRACT_CREDIT, "is archived"),
        ({"not_negatable": "Seats counts by MAX"}, Path.CREDIT_AND_REBILL, "Seats counts by MAX"),
        ({"invoice": invoice(kind="SCHEDULED")}, Path.CREDIT_AND_REBILL, "are scheduled, not metered"),
    ],
)  # fmt: skip
def test_a_path_is_closed_also_by_what_its_usage_and_customer_are(
    more: dict[str, object], path: Path, says: str
) -> None:
    answer = option(case("FINALIZED", "33d", "OPEN", "open", "whole", **more), path)
    assert (answer.open, says in answer.why) == (False, True)


def test_what_cannot_be_negated_is_corrected_downstream() -> None:
    stuck = case(
        "FINALIZED", "33d", "OPEN", "open", "whole", not_negatable="it counts by MAX"
    )
    assert "it counts by MAX" in option(stuck, Path.CORRECT_DOWNSTREAM).why
    assert opened(stuck) == "CKMD"


def test_who_delivers_the_new_invoice_is_said() -> None:
    usual = case("FINALIZED", "33d", "PAID", "open", "whole")
    assert "waits until the paid one is credited" in option(
        usual, Path.CREDIT_AND_REBILL
    ).downstream[1]  # fmt: skip
    pushes = replace(usual, holds_paid=False)
    assert "pushed by the next pass" in option(pushes, Path.CREDIT_AND_REBILL).downstream[1]
    native = replace(usual, invoice=invoice(delivery=NativeDelivery("stripe")))
    assert "own stripe integration" in option(native, Path.CREDIT_AND_REBILL).downstream[1]


def test_the_memo_of_a_closed_period_is_dated_in_the_open_one() -> None:
    memo = option(case("FINALIZED", "33d", "OPEN", "locked", "part"), Path.CREDIT_MEMO)
    assert "The A/R period is closed: date it in the open one." in memo.downstream[0]
    assert "up to 20.00 USD" in memo.downstream[0]


def test_until_when_the_core_can_still_do_it_is_said() -> None:
    inside = case("FINALIZED", "33d", "OPEN", "open", "whole")
    assert option(inside, Path.CORRECT_DOWNSTREAM).why == (
        "the core can still do it until 2026-08-04T00:00:00Z: then both books agree"
    )
    assert option(replace(inside, usage=()), Path.CORRECT_DOWNSTREAM).why == (
        "the core can still do it: then both books agree"
    )
