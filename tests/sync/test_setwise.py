"""The set engine and the comparison one by one: the same run to the byte, on any books."""

import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from random import Random
from typing import Any

import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from state.invoices import CoreCustomer, CoreInvoice, CoreStatus
from state.links import Link, LinkState
from state.pushes import PushRecord, PushState
from state.receivables import DocumentStatus, DownstreamInvoice, MemoStatus
from state.worklist import Cause, Flag, FlagState
from sync.books import Run
from sync.detail import rows_of
from sync.reconcile import How
from sync.report.codec import content_sha256
from tests.kept import TARGETS, Kept, broken, core, day, document, memo

ROWS, SETS = How(engine=False, keep_plain=0), How(engine=True, keep_plain=0)
SHOWN = How(engine=True, keep_plain=1000)
STATUSES = tuple(DocumentStatus)[2:]


@dataclass
class Seen:
    """What is seen in one reading."""

    at: Any
    words: dict[str, list[Any]]


def a_book(random: Random, size: int) -> list[Seen]:
    """Readings over two months of some invoices, most of them in order, some not."""
    readings = [Seen(day(10, 7), {}), Seen(day(10, 28), {}), Seen(day(11, 12), {})]

    def see(when: int, kind: str, word: Any) -> None:
        readings[when].words.setdefault(kind, []).append(word)

    customers = [CoreCustomer(f"cc_{n}", f"Customer {n}") for n in range(3)]
    readings[0].words["customers"] = list(customers)
    for n in range(size):
        name = f"i{n:03d}"
        when = random.choice((0, 0, 0, 1, 2))
        issued = day(10, 5) if when < 2 or random.random() < 0.5 else day(11, 9)
        one = core(
            name,
            random.choice((10000, 10000, 12000, 0, -500)),
            issued=issued,
            customer_id=random.choice(customers).id,
            currency=random.choice(("USD",) * 8 + ("EUR", None)),
            status=random.choice((CoreStatus.FINALIZED,) * 8 + (CoreStatus.VOID, CoreStatus.DRAFT)),
            regenerated_from=f"i{random.randrange(n):03d}" if n and random.random() < 0.1 else None,
        )  # fmt: skip
        if one.status is CoreStatus.DRAFT:
            one = replace(one, issued_at=None, end=issued)
        see(when, "invoices", one)
        if when < 2 and random.random() < 0.15:
            later = random.choice((CoreStatus.VOID, CoreStatus.FINALIZED))
            see(2, "invoices", replace(one, status=later, issued_at=issued))
        for target in TARGETS:
            for extra in range(random.choice((1,) * 12 + (0, 2))):
                _a_document(random, see, one, target, when, extra)
    return readings


def _a_document(
    random: Random, see: Any, one: CoreInvoice, target: str, when: int, extra: int
) -> None:
    posted = random.choice((one.issued_at or day(10, 20), day(10, 27), day(11, 2)))
    made = document(
        target,
        one.id,
        one.total_minor if random.random() < 0.9 else 9000,
        status=random.choice((DocumentStatus.OPEN,) * 6 + STATUSES),
        posted=posted,
        currency=one.currency or "USD",
        tax_minor=random.choice((0, 700)),
    )
    if extra:
        made = replace(made, id=f"{made.id}_{extra}")
    if random.random() < 0.05:
        made = replace(made, core_invoice_id=random.choice((None, "nobody")))
    if random.random() < 0.05:
        made = replace(made, created_at=day(10, 3), posted_at=random.choice((None, posted)))
    made = _closed(random, made, posted)
    see(when, "documents", made)
    if random.random() < 0.2:
        moved = replace(
            made,
            status=DocumentStatus.PAID,
            paid_minor=made.gross_minor + made.tax_minor,
            open_minor=0,
            paid_at=random.choice((None, day(11, 5))),
        )
        see(2, "documents", moved)
    if random.random() < 0.15:
        shared = memo(
            target,
            one.id,
            random.choice((500, 2000)),
            posted=random.choice((day(10, 8), day(11, 3))),
        )
        status = random.choice(
            (MemoStatus.ISSUED,) * 3 + (MemoStatus.VOID, MemoStatus.DRAFT)
        )
        voided = day(11, 6) if status is MemoStatus.VOID else None
        loose = None if random.random() < 0.2 else made.id
        see(
            when,
            "memos",
            replace(
                shared,
                status=status,
                voided_at=voided,
                invoice_id=loose,
                approved=random.random() < 0.9,
                applied=random.random() < 0.9,
            ),
        )
    _around(random, see, one, made, when)


def _around(
    random: Random, see: Any, one: CoreInvoice, made: DownstreamInvoice, when: int
) -> None:
    """Links, claims and flags on a document."""
    target = made.target
    if made.core_invoice_id is None and random.random() < 0.7:
        tied = Link(
            f"L-{made.id}-{one.id}", target, one.id, "old", made.id, "34 days", "ann",
            "ben", day(10, 20), random.choice((LinkState.ACTIVE, LinkState.REMOVED)),
        )  # fmt: skip
        see(random.choice((when, 2)), "links", tied)
    if random.random() < 0.05 and target == "stripe":
        record = PushRecord(
            random.choice((one.id, "i000")), one.customer_id, PushState.DONE, "USD",
            one.total_minor, one.total_minor, 1, document_id=made.id,
        )  # fmt: skip
        see(when, "pushes", record)
    if random.random() < 0.05:
        flag = Flag(
            target, made.id, Cause.VOIDED_DOWNSTREAM_ONLY, one.id, one.customer_id,
            random.choice(tuple(FlagState)), "look", "why", "USD", 0, 2,
            random.choice((day(10, 9), day(11, 8))),
        )  # fmt: skip
        see(when, "flags", flag)


def _closed(random: Random, made: DownstreamInvoice, posted: Any) -> DownstreamInvoice:
    whole = made.gross_minor + made.tax_minor
    match made.status:
        case DocumentStatus.PAID:
            paid_at = random.choice((None, posted, day(11, 4)))
            return replace(made, paid_minor=whole, open_minor=0, paid_at=paid_at)
        case DocumentStatus.VOID:
            when = random.choice((None, posted + timedelta(days=1), day(11, 7)))
            return replace(made, open_minor=0, voided_at=when)
        case _:
            return replace(made, open_minor=whole)


def keep(kept: Kept, readings: list[Seen]) -> None:
    for one in readings:
        kept.see(one.at, **{kind: tuple(words) for kind, words in one.words.items()})


CUTOFFS: tuple[dict[str, Any], ...] = (
    {},
    {"period": "2026-10"},
    {"period": "2026-11"},
    {"as_of": day(10, 29)},
)


def same(kept: Kept, how: dict[str, Any]) -> Run:
    rows = kept.run(how=ROWS, **how)
    sets = kept.run(how=SETS, **how)
    assert sets.rows == rows.rows
    assert sets.matched == rows.matched
    assert sets.excluded == rows.excluded
    assert sets.chains == rows.chains
    assert sets.checks == rows.checks
    assert sets.subsequent == rows.subsequent
    assert sets.sources == rows.sources
    assert content_sha256(sets) == content_sha256(rows)
    return sets


@given(seed=st.integers(0, 2**32), size=st.integers(1, 40))
@settings(max_examples=5, phases=(Phase.explicit, Phase.generate))
def test_both_ways_give_the_same_run(seed: int, size: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        kept = Kept(f"sqlite:///{folder}/state.db", tolerance_minor=1)
        keep(kept, a_book(Random(seed), size))
        for how in CUTOFFS:
            run = same(kept, how)
            # The counted rows, made again, are the rows that a run of few would have kept.
            whole = tuple(rows_of(kept.store, run))
            shown = kept.run(how=SHOWN, **how)
            assert shown.matched == ()
            assert whole == shown.rows
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
    known = {}
    for one in some:
        key = getattr(one, "key", None) or getattr(one, "core_invoice_id", "")
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
