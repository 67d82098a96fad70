"""A memo is approved, applied and paid out on days of its own: no earlier month shows it."""

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import date, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.erp.shapes import Application, parts
from state.codec import decode
from state.effective import rewound
from state.receivables import CreditMemo, DocumentStatus, Given, MemoStatus, Way
from sync.books import Run
from sync.months import dated
from sync.observe import _dated, parts_left_over
from sync.progress import Silent
from sync.reconcile import How
from sync.report.ledger import LedgerRow
from sync.seen import Gathered
from tests.kept import Kept, broken, core, day, document, kinds, memo

OLD = {
    "amount_minor": 2000, "applied": True, "approved": True, "approved_by": None,
    "currency": "USD", "entity_id": None, "exact": True, "id": "cn_1", "invoice_id": "in_1",
    "native_status": "", "number": None, "post_payment_minor": 0,
    "posted_at": "2026-10-08T12:00:00Z", "raised_by": None, "reason": "", "status": "issued",
    "system": "", "target": "stripe", "tax_minor": 0, "text": "", "url": None,
    "voided_at": None, "whole_minor": None,
}  # fmt: skip
WHOLE = CreditMemo(
    "erp", "m", MemoStatus.ISSUED, "USD", 10_000, invoice_id=None, posted_at=day(10, 1)
)


@pytest.fixture
def kept(either_url: str) -> Iterator[Kept]:
    made = Kept(either_url, targets=("erp",))
    yield made
    made.close()


def test_a_memo_that_was_kept_before_is_still_read() -> None:
    one = decode(CreditMemo, json.dumps(OLD))
    assert (one.amount_minor, one.posted_at) == (2000, day(10, 8))
    assert (one.pre_payment_minor, one.given, one.document_at, one.applied_at) == (
        None,
    ) * 4
    assert [one.given_minor(way) for way in Way] == [None] * len(Way)


DATED = memo(
    "erp", "a", 2000, approved_by="omar", approved_at=day(10, 20), applied_at=day(11, 3),
    given=(Given(Way.REFUND, 300, day(11, 5)), Given(Way.BALANCE, 200)),
)  # fmt: skip


def at(one: CreditMemo, moment: datetime) -> CreditMemo:
    """The memo as it was."""
    was = rewound(one, moment)
    assert isinstance(was, CreditMemo)
    return was


def ledger(kept: Kept, run: Run) -> LedgerRow:
    (row,) = Gathered(kept.store, run, Silent()).ledger()
    return row


def test_an_application_of_november_is_not_in_october(kept: Kept) -> None:
    """Overbilled in October; the memo of October takes it off in November only."""
    one = document("erp", "a", 12_000, open_minor=10_000, customer_id="c9")
    note = memo("erp", "a", 2000, posted=day(10, 20), applied_at=day(11, 3))
    kept.see(day(11, 5), invoices=(core("a"),), documents=(one,), memos=(note,))
    october, now = kept.run(period="2026-10"), kept.run()
    assert kinds(october) == {("erp", "a"): "OVERBILLED"}
    (row,) = october.rows
    assert (row.open_minor, row.unexplained, row.timing) == (12_000, 0, 2000)
    assert [(one.what, one.amount_minor, one.posted_at, one.clears) for one in october.subsequent] == [
        ("memo applied", -2000, day(11, 3), True)
    ]  # fmt: skip
    assert kinds(now) == {("erp", "a"): "CORRECTED_BY_MEMO"}
    for run, closing, unapplied in ((october, 12_000, 2000), (now, 10_000, 0)):
        held = ledger(kept, run)
        assert (held.closing, held.subledger, held.unapplied) == (
            closing,
            closing,
            unapplied,
        )
        assert (held.difference, held.customer_id) == (0, "c9")
    assert broken(october) == broken(now) == []


def test_an_approval_of_november_is_not_in_october(kept: Kept) -> None:
    note = memo("erp", "a", 2000, approved_by="omar", approved_at=day(11, 3))
    one = document("erp", "a", open_minor=8000)
    kept.see(day(11, 5), invoices=(core("a"),), documents=(one,), memos=(note,))
    october, now = kept.run(period="2026-10"), kept.run()
    assert kinds(october) == {("erp", "a"): "MATCHED"}
    assert [(one.id, one.reason) for one in october.excluded] == [
        (note.id, "is not approved")
    ]
    assert [one.what for one in october.subsequent] == ["memo approved"]
    assert kinds(now) == {("erp", "a"): "EXPLAINED_BY_MEMO"}
    for run in (october, now):  # it stood in the ledger all the same
        held = ledger(kept, run)
        assert (held.memos, held.closing, held.subledger) == (-2000, 8000, 8000)


def seen(kept: Kept, at: datetime, *used: Application, **told: Any) -> None:
    """The memo in the parts that an ERP shows on a day."""
    shares = tuple(_dated(one, "UTC") for one in parts(WHOLE, used, **told))
    gone = parts_left_over(kept.store, "erp", shares)
    kept.see(at, memos=(*shares, *gone))


def unapplied(kept: Kept, at: datetime) -> tuple[int, int]:
    """What is on the invoices, and what is left for later, on a day."""
    memos = list(kept.store.as_of(kept.store.last_seq(), at).each_memo())
    taken = sum(one.taken_off_minor for one in memos if one.status is MemoStatus.ISSUED)
    return taken, sum(one.unapplied_minor for one in memos)


def test_parts_that_come_and_go_never_count_twice(kept: Kept) -> None:
    """Read every day or only at the end: each day shows what the dates say."""
    b, a, c = (
        Application("b", 6000, on=date(2026, 10, 10)),
        Application("a", 1500, on=date(2026, 11, 3)),
        Application("c", 2000, on=date(2026, 11, 20)),
    )
    end = Kept("sqlite://", targets=("erp",))
    seen(end, day(12, 1), c, a, b)
    seen(kept, day(10, 2))
    seen(kept, day(10, 11), b)
    seen(kept, day(11, 4), a, b)
    seen(kept, day(11, 21), a, b, c)
    for moment, taken in (
        (day(10, 5), 0), (day(10, 12), 6000), (day(10, 31), 6000), (day(11, 3), 7500),
        (day(11, 10), 7500), (day(11, 20), 9500), (day(12, 1), 9500),
    ):  # fmt: skip
        for books in (kept, end):
            assert unapplied(books, moment) == (taken, 10_000 - taken), moment
    # One application is undone: that, only the reading dates.
    seen(kept, day(12, 3), b, c)
    assert unapplied(kept, day(12, 2)) == (9500, 500)
    assert unapplied(kept, day(12, 4)) == (8000, 2000)
    end.close()


def test_parts_without_dates_are_dated_by_the_reading(kept: Kept) -> None:
    one, two, three = (Application(name, 2000) for name in "xyz")
    seen(kept, day(10, 2))
    seen(kept, day(10, 11), two)
    seen(kept, day(11, 4), one, two, three)
    seen(kept, day(11, 20), three)
    for moment, taken in (
        (day(10, 5), 0), (day(10, 12), 2000), (day(11, 3), 2000), (day(11, 5), 6000),
        (day(11, 21), 2000),
    ):  # fmt: skip
        assert unapplied(kept, moment) == (taken, 10_000 - taken), moment


def test_what_is_paid_out_is_no_credit_any_more(kept: Kept) -> None:
    refunds = (Given(Way.REFUND, 3000, day(11, 3)),)
    seen(kept, day(11, 5), left_minor=5000, refunds=refunds)
    assert unapplied(kept, day(10, 31)) == (0, 10_000 - 2000)
    assert unapplied(kept, day(11, 4)) == (0, 5000)
    (one,) = kept.store.memos_by_id("erp", {"m"}).values()
    assert [one.given_minor(way) for way in (Way.REFUND, Way.OTHER)] == [3000, 2000]
    assert one.given_minor(Way.BALANCE) is None  # what the rest was, nobody says


days = st.dates(date(2026, 10, 2), date(2026, 12, 20))
uses = st.lists(st.tuples(st.sampled_from("abc"), st.integers(1, 2500), days), max_size=4)


@given(uses, days)
def test_at_any_day_a_memo_gives_what_it_is(
    used: list[tuple[str, int, date]], moment: date
) -> None:
    """First read at the end, and looked at from any day before."""
    made = parts(WHOLE, [Application(name, minor, on=on) for name, minor, on in used])
    when = datetime.combine(moment, day(1, 1).timetz())
    were = [at(one, when) for one in made]
    assert sum(one.taken_off_minor + one.unapplied_minor for one in were) == 10_000
    then = sum(minor for _, minor, on in used if on <= moment)
    assert sum(one.taken_off_minor for one in were) == then


def test_days_of_an_erp_are_days_of_the_zone() -> None:
    midnight = day(11, 3, 0)
    told = replace(DATED, document_at=midnight, given=(Given(Way.REFUND, 1, midnight),))
    told = replace(told, approved_at=midnight, applied_at=midnight)
    east = dated(midnight, "America/New_York")
    found = _dated(told, "America/New_York")
    assert {found.document_at, found.approved_at, found.applied_at} == {east}
    assert found.given == (Given(Way.REFUND, 1, east),)
    assert (
        _dated(replace(told, target="stripe"), "America/New_York").document_at == midnight
    )


def test_both_ways_of_comparing_agree_on_it(tmp_path: Any) -> None:
    made = Kept(f"sqlite:///{tmp_path}/state.db", targets=("erp",))
    note = memo("erp", "a", 2000, posted=day(10, 20), applied_at=day(11, 3))
    one = document("erp", "a", 12_000, open_minor=10_000)
    made.see(day(11, 5), invoices=(core("a"),), documents=(one,), memos=(note,))
    for engine in (False, True):
        run = made.run(period="2026-10", how=How(engine=engine))
        assert kinds(run) == {("erp", "a"): "OVERBILLED"}
        assert run.rows[0].document_status == DocumentStatus.OPEN
    made.close()
