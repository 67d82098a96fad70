"""What is to be taken back: as the rows show it, and as the worklist asks for it."""

from dataclasses import replace

import pytest

from state.worklist import Cause, Flag, FlagState
from sync.books import Ask, Row
from sync.exposure import Asked, asks_of, wrongly_billed
from tests.kept import day

USD, EUR = "USD", "EUR"
VOID = Row(
    "erp", "VOID_PENDING", "cc", "Acme", "a", "VOID", USD, 0, 0, "d1", unexplained=40,
)  # fmt: skip
TWICE = replace(
    VOID, kind="DUPLICATE_DOWNSTREAM", core_invoice_id="b", document_id="d2, d3", unexplained=105,
    own_minor=5, asks=(Ask("d2", 0, 0), Ask("d3", 100, 100)),
)  # fmt: skip
FLAG = Flag(
    "erp", "d1", Cause.VOIDED_IN_CORE, "a", "cc", FlagState.OPEN, "void it", "void", USD, 40, 1,
    day(10, 9),
)  # fmt: skip
SURPLUS = replace(
    FLAG,
    subject="d3",
    cause=Cause.DUPLICATE_DOWNSTREAM,
    core_invoice_id="b",
    exposure_minor=100,
)
LATER = frozenset({("erp", "d1")})
DONE = replace(VOID, unexplained=0, timing=40)  # by what was posted after the cutoff
PART = replace(VOID, unexplained=30, timing=10)


@pytest.mark.parametrize(
    ("row", "expected"),
    [
        (VOID, (Ask("d1", 40, 40),)),
        (PART, (Ask("d1", 40, 30),)),
        (TWICE, TWICE.asks),
        (replace(TWICE, asks=()), (Ask("d2, d3", 105, 105),)),
        (replace(VOID, kind="VOID_BLOCKED_PAID"), (Ask("d1", 40, 40),)),
        (replace(VOID, kind="VOID_BLOCKED_PART_PAID"), (Ask("d1", 40, 40),)),
        (replace(VOID, kind="VOID_PENDING_PARTIAL_MEMO"), (Ask("d1", 40, 40),)),
        (replace(VOID, kind="OVERBILLED"), ()),  # wrong, and nothing to be taken back whole
        (replace(VOID, kind="VOIDED_BOTH"), ()),
    ],
)
def test_what_a_row_asks_to_be_taken_back(row: Row, expected: tuple[Ask, ...]) -> None:
    assert asks_of(row) == expected


@pytest.mark.parametrize(
    ("what", "rows", "work", "shown", "wanted"),
    [
        ("nothing", (), Asked(()), {}, {}),
        ("a void, and its flag", (VOID,), Asked((FLAG,)), {USD: 40}, {USD: 40}),
        ("a void that nobody asks for", (VOID,), Asked(()), {USD: 40}, {}),
        ("its flag is done", (VOID,), Asked((replace(FLAG, state=FlagState.RESOLVED),)), {USD: 40}, {}),
        ("its flag is waived", (VOID,), Asked((replace(FLAG, state=FlagState.WAIVED),)), {USD: 40}, {USD: 40}),
        ("a flag for another cause", (VOID,), Asked((replace(FLAG, cause=Cause.CORE_ANOMALY),)), {USD: 40}, {}),
        ("of another register", (VOID,), Asked((replace(FLAG, target="stripe"),)), {USD: 40}, {}),
        ("asks for less", (VOID,), Asked((replace(FLAG, exposure_minor=9),)), {USD: 40}, {USD: 9}),
        ("in another currency", (VOID,), Asked((replace(FLAG, currency=EUR),)), {USD: 40}, {EUR: 40}),
        ("of a row that is in order", (replace(VOID, kind="MATCHED", unexplained=0),), Asked((FLAG,)), {}, {}),
        ("only what is wrong by itself", (replace(VOID, kind="OVERBILLED"),), Asked(()), {}, {}),
        # A cutoff in the past.
        ("done since: still to be done at the cutoff", (DONE,), Asked((FLAG,)), {USD: 40}, {USD: 40}),
        ("done in part since", (PART,), Asked((FLAG,)), {USD: 40}, {USD: 40}),
        ("done, and nobody ever asked", (DONE,), Asked(()), {}, {}),
        ("done in part, and nobody ever asked", (PART,), Asked(()), {USD: 30}, {}),
        ("found only afterwards", (VOID,), Asked((), LATER), {USD: 40}, {USD: 40}),
        ("found only afterwards, and done", (DONE,), Asked((), LATER), {USD: 40}, {USD: 40}),
        ("found again afterwards", (VOID,), Asked((replace(FLAG, exposure_minor=9),), LATER), {USD: 40}, {USD: 40}),
        ("another was found afterwards", (VOID,), Asked((), frozenset({("erp", "d9")})), {USD: 40}, {}),
        # Duplicates: what stays is asked for by nobody, and its own difference is another matter.
        ("duplicates", (TWICE,), Asked((SURPLUS,)), {USD: 100}, {USD: 100}),
        ("duplicates that nobody asks for", (TWICE,), Asked(()), {USD: 100}, {}),
        ("the one that stays is asked for", (TWICE,), Asked((SURPLUS, replace(SURPLUS, subject="d2"))), {USD: 100}, {USD: 100}),
        (
            "of three, one is done and two are asked for",
            (replace(TWICE, document_id="d2, d3, d4, d5", unexplained=205, timing=100,
                     asks=(*TWICE.asks, Ask("d4", 100, 100), Ask("d5", 100, 0))),),
            Asked((SURPLUS, replace(SURPLUS, subject="d4"))), {USD: 200}, {USD: 200},
        ),
        (
            "two documents in one ask, each with a flag",
            (replace(TWICE, asks=(Ask("d2, d3", 100, 100),)),),
            Asked((replace(SURPLUS, exposure_minor=60), replace(SURPLUS, subject="d2", exposure_minor=40))),
            {USD: 100}, {USD: 100},
        ),
        (
            "two documents in one ask, one found afterwards",
            (replace(TWICE, asks=(Ask("d2, d3", 100, 100),)),),
            Asked((), frozenset({("erp", "d3")})), {USD: 100}, {USD: 100},
        ),
        (
            "two rows in a currency and one in another",
            (VOID, TWICE, replace(VOID, currency=EUR, document_id="d8", core_invoice_id="e")),
            Asked((FLAG, SURPLUS, replace(FLAG, subject="d8", currency=EUR))),
            {USD: 140, EUR: 40}, {USD: 140, EUR: 40},
        ),
        (
            "two found afterwards", (VOID, replace(VOID, document_id="d9", unexplained=2)),
            Asked((), LATER | {("erp", "d9")}), {USD: 42}, {USD: 42},
        ),
    ],
)  # fmt: skip
def test_what_rows_show_and_what_the_worklist_asks_for(
    what: str,
    rows: tuple[Row, ...],
    work: Asked,
    shown: dict[str, int],
    wanted: dict[str, int],
) -> None:
    found, asked = wrongly_billed(rows, work)
    assert {key: minor for key, minor in found.items() if minor} == shown, what
    assert {key: minor for key, minor in asked.items() if minor} == wanted, what
