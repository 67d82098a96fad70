"""Each of the nine check lines fails when what it guards is corrupted, and only then."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from state.invoices import CoreStatus
from state.receivables import MemoStatus
from state.worklist import Cause, Flag, FlagState
from sync import reconcile as reconciling
from sync.books import Check, Excluded, Matched, Row
from sync.checks import Counted, make_checks
from sync.exposure import Asked
from sync.reconcile import How
from tests.kept import Kept, broken, core, day, document, memo

NAMES = (
    "the rows are as many as what was read asks for",
    "core amounts equal the core control total",
    "downstream gross equals the downstream control total",
    "credit memos equal the memo register: each counted once, or excluded with a reason",
    "net variance equals rounding, explained, timing and unexplained",
    "no matched row carries an unexplained amount",
    "open balances equal the sum of the open documents",
    "no invoice and no document stands in two rows of one leg",
    "the worklist's exposure equals what the rows show as wrongly billed",
)
Material = tuple[list[Row], list[Excluded], Counted, list[Flag], list[Matched]]


@pytest.fixture
def material(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Material:
    """What a real run hands to its checks, plainly matched rows counted."""
    kept = Kept(f"sqlite:///{tmp_path}/state.db", targets=("stripe",))
    names = ("a", "b", "c", "void", "memo", "loose")
    flag = Flag(
        "stripe", "stripe_void", Cause.VOIDED_IN_CORE, "void", "cc_1", FlagState.OPEN,
        "void it", "void in core", "USD", 10000, 2, day(10, 9),
    )  # fmt: skip
    kept.see(
        day(10, 7),
        invoices=tuple(core(name) for name in names),
        documents=tuple(document("stripe", name) for name in names),
        memos=(
            memo("stripe", "memo", 500),
            memo("stripe", "loose", 300, status=MemoStatus.DRAFT),
        ),
    )
    voided = core("void", status=CoreStatus.VOID)
    kept.see(day(10, 9), invoices=(voided,), flags=(flag,))
    taken: list[Material] = []

    def spy(
        rows: Any,
        excluded: Any,
        counted: Any,
        worklist: Any,
        *,
        matched: Any,
    ) -> tuple[Check, ...]:
        some = list(worklist.flags)
        taken.append((list(rows), list(excluded), counted, some, list(matched)))
        return make_checks(rows, excluded, counted, worklist, matched=matched)

    monkeypatch.setattr(reconciling, "make_checks", spy)
    assert broken(kept.run(how=How(engine=True, keep_plain=0))) == []
    kept.close()
    return taken[0]


def checked(material: Material) -> tuple[Check, ...]:
    rows, excluded, counted, flags, matched = material
    return make_checks(rows, excluded, counted, Asked(tuple(flags)), matched=matched)


def test_there_are_nine_and_they_hold(material: Material) -> None:
    made = checked(material)
    assert tuple(check.name for check in made) == NAMES
    assert [check for check in made if not check.ok] == []


def the(rows: list[Row], name: str) -> int:
    return next(n for n, row in enumerate(rows) if row.core_invoice_id == name)


def change(rows: list[Row], name: str, **values: object) -> None:
    n = the(rows, name)
    rows[n] = replace(rows[n], **values)  # type: ignore[arg-type]


def a_row_is_lost(material: Material) -> None:
    del material[0][the(material[0], "loose")]


def a_matched_row_is_lost(material: Material) -> None:
    material[4][0] = replace(material[4][0], count=2)


def a_core_amount_moves(material: Material) -> None:
    change(material[0], "memo", core_minor=9999)


def a_matched_core_amount_moves(material: Material) -> None:
    material[4][0] = replace(material[4][0], core_minor=1)


def a_document_is_halved(material: Material) -> None:
    change(material[0], "memo", gross_minor=5000)


def a_memo_is_counted_twice(material: Material) -> None:
    change(material[0], "memo", memos_minor=-1000)


def a_memo_is_lost(material: Material) -> None:
    material[1].clear()


def a_variance_does_not_foot(material: Material) -> None:
    change(material[0], "memo", explained=-400)


def something_hides_among_the_matched(material: Material) -> None:
    change(material[0], "loose", kind="MATCHED", unexplained=7, rounding=-7)


def an_open_balance_is_lost(material: Material) -> None:
    change(material[0], "loose", open_minor=0)


def a_document_stands_twice(material: Material) -> None:
    change(material[0], "memo", document_id="stripe_loose")


def a_flag_is_gone(material: Material) -> None:
    material[3].clear()


def a_flag_asks_for_less(material: Material) -> None:
    material[3][0] = replace(material[3][0], exposure_minor=1)


CORRUPTIONS: tuple[tuple[Callable[[Material], None], int], ...] = (
    (a_row_is_lost, 0),
    (a_matched_row_is_lost, 0),
    (a_core_amount_moves, 1),
    (a_matched_core_amount_moves, 1),
    (a_document_is_halved, 2),
    (a_memo_is_counted_twice, 3),
    (a_memo_is_lost, 3),
    (a_variance_does_not_foot, 4),
    (something_hides_among_the_matched, 5),
    (an_open_balance_is_lost, 6),
    (a_document_stands_twice, 7),
    (a_flag_is_gone, 8),
    (a_flag_asks_for_less, 8),
)


@pytest.mark.parametrize(
    ("corrupt", "guard"), CORRUPTIONS, ids=[one.__name__ for one, _ in CORRUPTIONS]
)
def test_a_corrupted_run_fails_the_check_that_guards_it(
    material: Material, corrupt: Callable[[Material], None], guard: int
) -> None:
    corrupt(material)
    made = checked(material)
    assert not made[guard].ok
    assert made[guard].figures
