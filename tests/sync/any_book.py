"""Books made at random, most of them in order and some not; compared both ways by the hour.

    python -m tests.sync.any_book --books 3000 --first 0      (make books N=3000 SEED=0)

Words come in four readings, before and after the cutoffs: what is seen again has moved on,
been taken back, or come late with dates of its own.
"""

import argparse
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import timedelta
from random import Random
from typing import Any

from state.invoices import CoreCustomer, CoreInvoice, CoreStatus
from state.links import Link, LinkState
from state.pushes import PushRecord, PushState
from state.receivables import (
    CreditMemo,
    DocumentStatus,
    DownstreamInvoice,
    Given,
    MemoStatus,
    Way,
)
from state.worklist import Cause, Flag, FlagState
from sync.books import Run
from sync.reconcile import How
from sync.report.codec import content_sha256
from tests.kept import TARGETS, Kept, core, day, document, memo

ROWS, SETS = How(engine=False, keep_plain=0), How(engine=True, keep_plain=0)
DATES = (None, None, day(10, 9), day(10, 30), day(11, 10))
STATUSES = tuple(DocumentStatus)[2:]
ZONES = ("UTC", "America/New_York", "Asia/Tokyo")
READINGS = (day(10, 7), day(10, 28), day(11, 12), day(11, 25))
LAST = len(READINGS) - 1
CUTOFFS: tuple[dict[str, Any], ...] = (
    {},
    {"period": "2026-10"},
    {"period": "2026-11"},
    {"as_of": day(10, 29)},
)

See = Callable[[int, str, Any], None]


@dataclass
class Seen:
    """What is seen in one reading."""

    at: Any
    words: dict[str, list[Any]] = field(default_factory=dict)


def a_book(random: Random, size: int) -> list[Seen]:
    """Readings over two months of some invoices, with all that may become of them."""
    readings = [Seen(at) for at in READINGS]

    def see(when: int, kind: str, word: Any) -> None:
        readings[min(when, LAST)].words.setdefault(kind, []).append(word)

    customers = [CoreCustomer(f"cc_{n}", f"Customer {n}") for n in range(3)]
    readings[0].words["customers"] = list(customers)
    for n in range(size):
        when = random.choice((0, 0, 0, 1, 2))
        one = _an_invoice(random, see, n, when, random.choice(customers).id)
        for target in TARGETS:
            for extra in range(random.choice((1,) * 12 + (0, 2))):
                _a_document(random, see, one, target, when, extra)
    return readings


def keep(kept: Kept, readings: list[Seen]) -> None:
    """See it all, reading by reading."""
    for one in readings:
        kept.see(one.at, **{kind: tuple(words) for kind, words in one.words.items()})


def same(kept: Kept, how: dict[str, Any]) -> Run:
    """The run of the set engine, held equal to the one made row by row."""
    rows = kept.made(how=ROWS, **how)
    sets = kept.made(how=SETS, **how)
    assert sets.rows == rows.rows
    assert sets.matched == rows.matched
    assert sets.excluded == rows.excluded
    assert sets.chains == rows.chains
    assert sets.checks == rows.checks
    assert sets.subsequent == rows.subsequent
    assert sets.sources == rows.sources
    assert sets.pairs == rows.pairs
    assert sets.agreed == rows.agreed
    assert content_sha256(sets) == content_sha256(rows)
    # The flags of these books are drawn, not decided: the worklist's line shows nothing.
    assert [check for check in sets.checks[:8] if not check.ok] == []
    return sets


# --- the core ------------------------------------------------------------------------


def _an_invoice(
    random: Random, see: See, n: int, when: int, customer_id: str
) -> CoreInvoice:
    issued = day(10, 5) if when < 2 or random.random() < 0.5 else day(11, 9)
    one = core(
        f"i{n:03d}",
        random.choice((10000, 10000, 12000, 0, -500)),
        issued=issued,
        customer_id=customer_id,
        currency=random.choice(("USD",) * 8 + ("EUR", None)),
        status=random.choice((CoreStatus.FINALIZED,) * 8 + (CoreStatus.VOID, CoreStatus.DRAFT)),
        regenerated_from=f"i{random.randrange(n):03d}" if n and random.random() < 0.1 else None,
    )  # fmt: skip
    if one.status is CoreStatus.DRAFT:
        one = replace(one, issued_at=None, end=issued)
    stated = random.random() < 0.06  # a statement of a hierarchy, at once or from later on
    if stated and random.random() < 0.5:
        one = replace(one, consolidated_in="c000")
    see(when, "invoices", one)
    if stated:
        one = replace(one, consolidated_in="c000")
    if one.status is CoreStatus.VOID and random.random() < 0.5:  # its log is read later
        told = replace(one, voided_at=issued + timedelta(days=random.choice((2, 21, 30))))
        see(when + 1, "invoices", told)
        return told
    for later in range(when + 1, len(READINGS)):
        if random.random() < (0.5 if stated else 0.08):
            status = random.choice(
                (CoreStatus.VOID, CoreStatus.FINALIZED, CoreStatus.DRAFT)
            )
            see(later, "invoices", replace(one, status=status, issued_at=issued))
    return one


# --- downstream ----------------------------------------------------------------------


def _a_document(
    random: Random, see: See, one: CoreInvoice, target: str, when: int, extra: int
) -> None:
    posted = random.choice(
        (
            *(one.issued_at or day(10, 20), day(10, 27), day(11, 2)),
            *(day(10, 31, 20), day(11, 1, 3)),  # where months meet, in one zone or another
        )
    )
    made = document(
        target,
        one.id,
        one.total_minor if random.random() < 0.9 else 9000,
        posted=posted,
        currency=one.currency or "USD",
        tax_minor=random.choice((0, 700)),
    )
    if extra:  # a duplicate, of the same amount or another, in the same currency or another
        made = replace(
            made,
            id=f"{made.id}_{extra}",
            currency=random.choice((made.currency, made.currency, "EUR", "GBP")),
            gross_minor=random.choice((made.gross_minor, made.gross_minor, 3000)),
        )
    if random.random() < 0.05:
        made = replace(made, core_invoice_id=random.choice((None, "nobody")))
    if random.random() < 0.05:
        made = replace(made, created_at=day(10, 3), posted_at=random.choice((None, posted)))
    if random.random() < 0.1:
        when = random.randrange(when, len(READINGS))  # a late fact, with dates of its own
    made = _become(
        random, made, random.choice((DocumentStatus.OPEN,) * 6 + STATUSES), posted
    )
    see(when, "documents", made)
    _what_becomes(random, see, made, when)
    if random.random() < 0.15:
        _a_memo(random, see, one, made, when)
    _around(random, see, one, made, when)


def _what_becomes(random: Random, see: See, made: DownstreamInvoice, when: int) -> None:
    """It is seen again: paid, voided, taken back, or naming another core invoice."""
    posted = made.posted_at or made.created_at
    lives = random.choice(
        (
            (),
            (),
            (DocumentStatus.PAID,),
            (DocumentStatus.PAID, DocumentStatus.VOID),
            (DocumentStatus.PART_PAID, DocumentStatus.PAID, DocumentStatus.OPEN),
            (DocumentStatus.VOID, DocumentStatus.OPEN),
            (random.choice(STATUSES), random.choice(STATUSES)),
        )
    )
    for later, status in enumerate(lives, when + 1):
        if later > LAST:
            return
        made = _become(random, made, status, posted)
        if random.random() < 0.06:
            other = random.choice((None, "nobody", "i000", "i001"))
            made = replace(made, core_invoice_id=other)
        see(later, "documents", made)


def _become(
    random: Random, made: DownstreamInvoice, status: DocumentStatus, posted: Any
) -> DownstreamInvoice:
    """The document in another status; the register may date it, or may not."""
    whole = made.gross_minor + made.tax_minor
    now = replace(made, status=status)
    match status:
        case DocumentStatus.PAID | DocumentStatus.PART_PAID:
            paid = whole if status is DocumentStatus.PAID else whole // 2
            when = random.choice((None, posted, day(11, 4), day(11, 14)))
            return replace(now, paid_minor=paid, open_minor=whole - paid, paid_at=when)
        case DocumentStatus.VOID | DocumentStatus.DELETED:
            days = timedelta(days=1)
            gone = random.choice((None, posted and posted + days, day(11, 7), day(11, 20)))
            if random.random() < 0.3:  # it was paid before, maybe only after a cutoff
                paid_at = random.choice((None, day(10, 26), day(11, 4)))
                paid = random.choice((0, whole // 2, whole))
                now = replace(now, paid_minor=paid, paid_at=paid_at)
            return replace(now, open_minor=0, voided_at=gone)
        case _:  # what was paid or voided is taken back
            return replace(
                now, paid_minor=0, open_minor=whole, paid_at=None, voided_at=None
            )


def _a_memo(
    random: Random, see: See, one: CoreInvoice, made: DownstreamInvoice, when: int
) -> None:
    shared = memo(
        made.target,
        one.id,
        random.choice((500, 2000)),
        posted=random.choice((day(10, 8), day(11, 3))),
    )
    status = random.choice((MemoStatus.ISSUED,) * 3 + (MemoStatus.VOID, MemoStatus.DRAFT))
    first: CreditMemo = replace(
        shared,
        status=status,
        voided_at=day(11, 6) if status is MemoStatus.VOID else None,
        invoice_id=None if random.random() < 0.2 else made.id,
        approved=random.random() < 0.9,
        applied=random.random() < 0.9,
        approved_at=random.choice(DATES),
        applied_at=random.choice(DATES),
        given=random.choice((None, (), (Given(Way.REFUND, 100, random.choice(DATES)),))),
        post_payment_minor=random.choice((0, 0, 300)),
    )
    see(when, "memos", first)
    if random.random() < 0.4:
        moved = replace(first, status=random.choice(tuple(MemoStatus)))
        if random.random() < 0.3:
            later = replace(first, applied=not first.applied)
            moved = replace(
                later, applied_at=random.choice(DATES), posted_at=first.posted_at
            )
        if random.random() < 0.3:
            moved = replace(moved, invoice_id=random.choice((None, f"{made.target}_i000")))
        see(when + 1 + random.randrange(2), "memos", moved)


def _around(
    random: Random, see: See, one: CoreInvoice, made: DownstreamInvoice, when: int
) -> None:
    """Links, claims and flags on a document."""
    target = made.target
    if random.random() < (0.7 if made.core_invoice_id is None else 0.05):
        # Where the document names its invoice by itself, the link ties nothing.
        tied = Link(
            f"L-{made.id}-{one.id}", target, random.choice((one.id, one.id, "nobody")),
            "old", made.id, "34 days", "ann", "ben", day(10, 20),
            random.choice((LinkState.ACTIVE, LinkState.REMOVED)),
        )  # fmt: skip
        first = random.choice((when, LAST - 1))
        see(first, "links", tied)
        if random.random() < 0.3:
            state = random.choice(tuple(LinkState))
            see(first + 1, "links", replace(tied, state=state))
    if random.random() < 0.05 and target == "stripe":
        record = PushRecord(
            random.choice((one.id, "i000")), one.customer_id, PushState.DONE, "USD",
            one.total_minor, one.total_minor, 1, document_id=made.id,
        )  # fmt: skip
        see(when, "pushes", record)
        if random.random() < 0.3:
            see(when + 1, "pushes", replace(record, document_id=None))
    if random.random() < 0.05:
        flag = Flag(
            target, made.id, Cause.VOIDED_DOWNSTREAM_ONLY, one.id, one.customer_id,
            random.choice(tuple(FlagState)), "look", "why", "USD", 0, 2,
            random.choice((day(10, 9), day(11, 8))),
        )  # fmt: skip
        see(when, "flags", flag)
        if random.random() < 0.3:
            see(when + 1, "flags", replace(flag, state=random.choice(tuple(FlagState))))


# --- by the hour ---------------------------------------------------------------------


def main() -> None:
    """Compare many books both ways; 1 and the seed where one differs."""
    words = argparse.ArgumentParser(description=__doc__)
    words.add_argument("--books", type=int, default=3000)
    words.add_argument("--first", type=int, default=0)
    asked = words.parse_args()
    for seed in range(asked.first, asked.first + asked.books):
        if seed > asked.first and (seed - asked.first) % 100 == 0:
            sys.stdout.write(f"{seed - asked.first} of {asked.books}\n")
            sys.stdout.flush()
        random = Random(seed)
        size = random.randint(1, 60)
        with tempfile.TemporaryDirectory() as folder:
            zone = random.choice(ZONES)
            kept = Kept(f"sqlite:///{folder}/state.db", zone=zone, tolerance_minor=1)
            keep(kept, a_book(random, size))
            try:
                for how in CUTOFFS:
                    same(kept, how)
            except Exception:
                sys.stderr.write(f"the book of seed {seed} gives two runs\n")
                raise
            finally:
                kept.close()
    sys.stdout.write(f"{asked.books} books from seed {asked.first}: one run each\n")


if __name__ == "__main__":
    main()
