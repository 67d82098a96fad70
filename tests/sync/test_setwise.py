"""The set engine and the comparison one by one: the same run to the byte, on any books."""

import tempfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from random import Random
from typing import Any

import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from state.links import Link, LinkState
from state.pushes import PushRecord
from state.receivables import DocumentStatus
from sync.books import Run
from sync.detail import rows_of
from sync.reconcile import How
from tests.kept import TARGETS, Kept, broken, core, day, document, memo
from tests.sync.any_book import CUTOFFS, ROWS, SETS, ZONES, a_book, keep, same

SHOWN = How(engine=True, keep_plain=1000)


@given(seed=st.integers(0, 2**32), size=st.integers(1, 40), zone=st.sampled_from(ZONES))
@settings(max_examples=5, phases=(Phase.explicit, Phase.generate))
def test_both_ways_give_the_same_run(seed: int, size: int, zone: str) -> None:
    with tempfile.TemporaryDirectory() as folder:
        kept = Kept(f"sqlite:///{folder}/state.db", zone=zone, tolerance_minor=1)
        keep(kept, a_book(Random(seed), size))
        for how in CUTOFFS:
            run = same(kept, how)
            # The counted rows, made again, are the rows that a run of few would have kept.
            whole = tuple(rows_of(kept.store, run))
            shown = kept.run(how=SHOWN, **how)
            assert shown.matched == ()
            assert whole == shown.rows
            assert (run.pairs, run.agreed) == (shown.pairs, shown.agreed)
            assert len(whole) == len(run.rows) + sum(one.count for one in run.matched)
        kept.close()


@given(seed=st.integers(0, 2**32))
@settings(max_examples=8, phases=(Phase.explicit, Phase.generate))
def test_neither_order_nor_repetition_of_what_is_read_matters(seed: int) -> None:
    readings = a_book(Random(seed), 15)
    runs = []
    for turn in range(2):
        kept = Kept()
        shuffled = Random(turn)
        for one in readings:
            words = {kind: list(some) for kind, some in one.words.items()}
            if turn:
                for some in words.values():
                    _once(some)
                    some.extend(some)
                    shuffled.shuffle(some)
            else:
                for some in words.values():
                    _once(some)
            kept.see(one.at, **{kind: tuple(some) for kind, some in words.items()})
        flags = [replace(one, id="") for one in kept.store.flags()]
        runs.append(
            [_without_numbers(kept.run(**how)) for how in CUTOFFS]
            + [sorted(map(str, flags))]
        )
        kept.close()
    assert runs[0] == runs[1]


def _once(some: list[Any]) -> None:
    """One reading tells one thing once; which of two is the later nobody could say."""
    known: dict[Any, Any] = {}
    for one in some:
        if isinstance(one, PushRecord):
            known["push", one.core_invoice_id] = one
        else:
            key = getattr(one, "key", None)
            known[getattr(one, "target", ""), getattr(one, "id", "") or key] = one
    some[:] = list(known.values())


def _without_numbers(run: Run) -> Any:
    """Flags are numbered as they come."""
    return tuple(replace(row, flag_refs=()) for row in run.rows), run.excluded, run.checks


@pytest.fixture
def on_postgresql(postgres_url: str) -> Iterator[Kept]:
    kept = Kept(postgres_url)
    yield kept
    kept.close()


def test_both_ways_are_one_on_postgresql_too(on_postgresql: Kept) -> None:
    keep(on_postgresql, a_book(Random(7), 60))
    for how in CUTOFFS:
        assert same(on_postgresql, how).seq > 60


def test_a_database_in_memory_is_compared_one_by_one() -> None:
    kept = Kept()
    keep(kept, a_book(Random(3), 10))
    assert kept.run(how=SETS).rows == kept.run(how=ROWS).rows
    kept.close()


def test_a_currency_with_nothing_posted_has_no_control_total(tmp_path: Path) -> None:
    kept = Kept(f"sqlite:///{tmp_path}/state.db")
    draft = document("stripe", "a", status=DocumentStatus.DRAFT, currency="EUR")
    nothing = core("b", 0, currency="GBP")
    kept.see(day(10, 7), invoices=(core("a", currency="EUR"), nothing), documents=(draft,))
    run = same(kept, {})
    assert {one.name: one.control for one in run.sources} == {
        "core": (("EUR", 10000),),
        "stripe": (),
        "erp": (),
    }
    kept.close()


@pytest.mark.parametrize("status", [DocumentStatus.VOID, DocumentStatus.DELETED])
@pytest.mark.parametrize("paid", [0, 4000, 10700])
def test_what_was_paid_after_the_cutoff_and_closed_since_is_open_at_it(
    tmp_path: Path, status: DocumentStatus, paid: int
) -> None:
    kept = Kept(f"sqlite:///{tmp_path}/state.db")
    closed = document("stripe", "a", status=status, tax_minor=700, paid_minor=paid)
    closed = replace(closed, paid_at=day(11, 4), voided_at=day(11, 7))
    before = replace(document("erp", "a", status=status), paid_minor=paid, tax_minor=700)
    before = replace(before, paid_at=day(10, 20), voided_at=day(11, 7))
    kept.see(day(11, 12), invoices=(core("a"),), documents=(closed, before))
    run = same(kept, {"as_of": day(10, 29)})
    assert {one.target: (one.paid_minor, one.open_minor) for one in run.matched} == {
        "stripe": (0, 10700),
        "erp": (paid, 10700 - paid if paid < 10700 else 0),
    }
    kept.close()


def test_a_link_that_ties_nothing_leaves_its_invoice_plain(tmp_path: Path) -> None:
    kept = Kept(f"sqlite:///{tmp_path}/state.db")
    named = (document("stripe", "a"), document("erp", "a"))
    loose = replace(document("stripe", None), id="new")
    kept.see(day(10, 7), invoices=(core("a"),), documents=(*named, loose))
    tied = Link(
        "L-1", "stripe", "a", "old", "stripe_a", "34 days", "ann", "ben", day(10, 20)
    )
    gone = replace(tied, id="L-2", new_document_id="new", state=LinkState.REMOVED)
    nobody = replace(tied, id="L-3", core_invoice_id="nobody", new_document_id="new")
    kept.see(day(10, 20), links=(tied, gone))
    assert [one.count for one in same(kept, {}).matched] == [1, 1]
    kept.see(day(11, 20), links=(nobody,))  # not in force at the end of October
    assert same(kept, {"period": "2026-10"}).excluded[0].id == "new"
    assert [row.core_invoice_id for row in same(kept, {}).rows] == ["nobody"]
    kept.close()


def test_a_folder_may_have_any_name(tmp_path: Path) -> None:
    folder = tmp_path / "books #1, of Acme"
    folder.mkdir()
    kept = Kept(f"sqlite:///{folder}/state.db")
    keep(kept, a_book(Random(3), 10))
    same(kept, {})
    kept.close()


def test_a_large_run_counts_what_is_plain_and_its_checks_hold(tmp_path: Path) -> None:
    kept = Kept(f"sqlite:///{tmp_path}/state.db")
    names = [f"i{n:04d}" for n in range(300)]
    kept.see(
        day(10, 7),
        invoices=tuple(core(name) for name in names),
        documents=tuple(document(target, name) for target in TARGETS for name in names[3:]),
        memos=(memo("erp", "i0007", 500),),
    )
    run = kept.run(how=How(engine=True, keep_plain=50))
    assert {(one.target, one.count, one.core_minor) for one in run.matched} == {
        ("stripe", 296, 2_960_000),
        ("erp", 296, 2_960_000),
    }
    assert len(run.rows) == 8
    assert broken(run) == []
    kept.close()
