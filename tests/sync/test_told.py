"""What a run says of itself, to a person at a terminal and to a program."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime

import pytest

from connectors.failures import Incomplete
from state.invoices import CoreStatus
from state.pushes import PushRecord, PushState
from state.receivables import DocumentStatus
from sync.books import Outcome
from sync.commands.walk import show_run
from sync.report.tables import summary
from tests.kept import Kept, core, day, document, memo


@pytest.fixture
def kept() -> Iterator[Kept]:
    made = Kept(targets=("stripe",))
    yield made
    made.close()


def test_what_is_cleared_later_has_its_amount(
    kept: Kept, capsys: pytest.CaptureFixture[str]
) -> None:
    kept.see(
        day(11, 9),
        invoices=(core("a"),),
        documents=(document("stripe", "a", 12000),),
        memos=(memo("stripe", "a", 1500, posted=day(11, 8)),),
    )
    run = kept.run(period="2026-10")
    assert summary(run)["kinds"] == {
        "OVERBILLED": {
            "count": 1,
            "unexplained_minor": {"USD": 500},
            "timing_minor": {"USD": 1500},
        }
    }
    show_run(run)
    said = capsys.readouterr().out
    assert "Timing" in said
    assert "15.00" in said
    show_run(kept.run())
    assert "Timing" not in capsys.readouterr().out


def test_a_month_in_which_nothing_was_says_so(
    kept: Kept, capsys: pytest.CaptureFixture[str]
) -> None:
    kept.see(day(10, 7), invoices=(core("a"),), documents=(document("stripe", "a"),))
    assert summary(kept.run(period="2026-10"))["remark"] == ""
    run = kept.run(period="2026-09")
    said = "no invoice or document in 2026-09: nothing was compared"
    assert (run.outcome, summary(run)["remark"]) == (Outcome.CLEAR, said)
    show_run(run)
    assert said in capsys.readouterr().out


def test_a_month_that_has_not_begun_is_refused(kept: Kept) -> None:
    with pytest.raises(Incomplete, match=r"^--period: 2027-01 has not begun"):
        kept.run(period="2027-01")
    assert kept.store.run(period="2027-01") is None
    # What a clock ahead of ours has dated in it is compared all the same.
    ahead = datetime(2027, 1, 5, tzinfo=day(1, 1).tzinfo)
    kept.see(day(12, 1), invoices=(core("a", issued=ahead),))
    assert len(kept.run(period="2027-01").rows) == 1


def test_a_document_that_another_push_claims_is_never_clear(kept: Kept) -> None:
    """The amounts agree; whose invoice it is does not."""
    claim = PushRecord(
        "b", "cc_1", PushState.DONE, "USD", 10000, 10000, 1, document_id="stripe_a"
    )
    kept.see(
        day(10, 7),
        invoices=(core("a"), core("b", status=CoreStatus.DRAFT)),
        documents=(document("stripe", "a"),),
        pushes=(claim,),
    )
    run = kept.run()
    assert [(row.kind, row.unexplained) for row in run.rows] == [("LINK_CONFLICT", 0)]
    assert run.outcome is Outcome.OPEN_ITEMS


def test_a_second_draft_beside_an_invoice_is_never_clear(kept: Kept) -> None:
    """It asks for nothing, until somebody finalizes it."""
    draft = document("stripe", "a", status=DocumentStatus.DRAFT, id="stripe_draft")
    kept.see(day(10, 7), invoices=(core("a"),), documents=(document("stripe", "a"), draft))
    run = kept.run()
    assert [(row.kind, row.unexplained) for row in run.rows] == [
        ("DUPLICATE_DOWNSTREAM", 0)
    ]
    assert run.outcome is Outcome.OPEN_ITEMS


def test_duplicates_in_two_currencies_are_never_netted(kept: Kept) -> None:
    """Each currency has a row of its own; the core's amount stands in one of them."""
    euros = document(
        "stripe", "a", 9000, id="stripe_eur", currency="EUR", created_at=day(10, 9)
    )
    kept.see(day(10, 10), invoices=(core("a"),), documents=(document("stripe", "a"), euros))
    run = kept.run()
    assert [
        (row.kind, row.currency, row.core_minor, row.gross_minor, row.unexplained)
        for row in run.rows
    ] == [
        ("DUPLICATE_DOWNSTREAM", "EUR", 0, 9000, 9000),
        ("DUPLICATE_DOWNSTREAM", "USD", 10000, 10000, 0),
    ]
    assert [(row.further, row.open_minor, row.note) for row in run.rows] == [
        (True, 9000, "not netted with USD"),
        (False, 10000, "also billed in EUR: in a row of its own"),
    ]
    assert run.outcome is Outcome.OPEN_ITEMS
    assert [check.name for check in run.checks[:8] if not check.ok] == []


def test_duplicates_of_which_none_has_the_currency_of_the_core(kept: Kept) -> None:
    """The core's amount stands once, beside the newest of them, and is netted with none."""
    some = tuple(
        document("stripe", "a", 9000, id=f"in_{ccy}", currency=ccy, created_at=day(10, at))
        for at, ccy in ((6, "GBP"), (7, "EUR"), (8, "EUR"))
    )
    some = (*some[:2], replace(some[2], id="in_EUR2"))
    kept.see(day(10, 10), invoices=(core("a"),), documents=some)
    run = kept.run()
    assert [
        (row.currency, row.core_currency, row.core_minor, row.unexplained, row.document_id)
        for row in run.rows
    ] == [
        ("EUR", "USD", 10000, 18000, "in_EUR, in_EUR2"),
        ("GBP", "", 0, 9000, "in_GBP"),
    ]
    assert [check.name for check in run.checks[:8] if not check.ok] == []


def test_duplicates_of_two_amounts_tell_what_the_one_that_stays_differs_by(
    kept: Kept,
) -> None:
    kept.see(
        day(10, 10),
        invoices=(core("a"),),
        documents=(
            document("stripe", "a", 9000),
            document("stripe", "a", 12000, id="in_b", created_at=day(10, 9)),
        ),
    )
    (row,) = kept.run().rows
    assert (row.unexplained, row.own_minor) == (11000, -1000)
    assert [(ask.document_id, ask.minor) for ask in row.asks] == [
        ("in_b", 12000),
        ("stripe_a", 0),
    ]
    assert row.note == "stripe_a stays, and differs by (10.00)"
