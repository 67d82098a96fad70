"""What stands in no row is named with its reason: nothing that was read is dropped."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from state.receivables import DocumentStatus
from sync.books import Run
from sync.reconcile import How
from tests.kept import Kept, broken, core, day, document, memo

BOTH = pytest.mark.parametrize("how", [How(engine=False), How(engine=True)])


@pytest.fixture
def kept(tmp_path: Path) -> Iterator[Kept]:
    made = Kept(f"sqlite:///{tmp_path}/state.db")
    yield made
    made.close()


def left_out(run: Run) -> dict[str, str]:
    return {f"{one.target} {one.id}": one.reason for one in run.excluded}


def accounted(run: Run) -> dict[str, int]:
    """Rows used and excluded, by register."""
    return {
        one.name: one.rows_used + one.rows_excluded
        for one in run.sources
        if one.name != "core"
    }


@BOTH
def test_a_memo_on_a_document_in_no_row_has_a_reason(kept: Kept, how: How) -> None:
    stray = replace(document("stripe", None), id="stripe_stray")
    kept.see(
        day(10, 7),
        invoices=(core("units", currency=None),),
        documents=(stray, document("stripe", "units")),
        memos=(
            memo("stripe", "stray", 500),
            memo("stripe", "gone", 500),
            memo("stripe", "units", 500),
        ),
    )
    run = kept.run(how=how)
    assert left_out(run) == {
        "core units": "is in a custom pricing unit",
        "stripe stripe_stray": "names no core invoice",
        "stripe stripe_units": "its core invoice is in a custom pricing unit",
        "stripe cn_stripe_stray": "its invoice stripe_stray names no core invoice",
        "stripe cn_stripe_gone": "names invoice stripe_gone, which stripe does not show",
        "stripe cn_stripe_units": "the core invoice of stripe_units is in a custom pricing unit",
    }
    assert accounted(run) == {"stripe": 5, "erp": 0}
    assert broken(run) == []


@BOTH
def test_a_document_for_which_another_stands_has_a_reason(kept: Kept, how: How) -> None:
    old = replace(document("erp", "a", status=DocumentStatus.VOID), id="erp_old")
    kept.see(day(10, 7), invoices=(core("a"),), documents=(document("erp", "a"), old))
    run = kept.run(how=how)
    assert left_out(run) == {"erp erp_old": "is VOID: erp_a stands for a"}
    assert accounted(run) == {"stripe": 0, "erp": 2}
    assert broken(run) == []


@BOTH
def test_what_is_of_another_month_is_counted_and_its_memo_of_this_month_named(
    kept: Kept, how: How
) -> None:
    kept.see(
        day(11, 12),
        invoices=(core("early"), core("units", currency=None, issued=day(11, 2))),
        documents=(
            document("stripe", "early"),
            document("stripe", "units"),
            replace(document("stripe", None), id="stripe_loose"),
            replace(document("stripe", "nobody", posted=day(10, 3)), id="stripe_nobody"),
        ),
        memos=(
            memo("stripe", "early", 300, posted=day(11, 5)),
            memo("stripe", "nobody", 300, posted=day(10, 5)),
        ),
    )
    run = kept.run(period="2026-11", how=how)
    assert left_out(run) == {
        "core units": "is in a custom pricing unit",
        "stripe stripe_units": "its core invoice is in a custom pricing unit",
        "stripe cn_stripe_early": "its invoice stripe_early is of another month, and compared there",
    }
    # Beside these two: three documents and a memo of October.
    assert accounted(run) == {"stripe": 6, "erp": 0}
    assert broken(run) == []


@BOTH
def test_what_is_lost_on_the_way_fails_the_first_line(
    kept: Kept, how: How, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept.see(day(10, 7), memos=(memo("stripe", "gone", 500),))
    monkeypatch.setattr("sync.reconcile.set_strays_aside", lambda *_: None)
    monkeypatch.setattr("sync.rest.set_strays_aside", lambda *_: None)
    run = kept.run(how=how)
    assert broken(run) == [
        "the rows are as many as what was read asks for: stripe: 0 of 1 accounted for"
    ]
