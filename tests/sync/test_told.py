"""What a run says of itself, to a person at a terminal and to a program."""

from collections.abc import Iterator
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
    """The later one stands for the row; the other is named, and the run is not clear."""
    euros = document(
        "stripe", "a", 9000, id="stripe_eur", currency="EUR", created_at=day(10, 9)
    )
    kept.see(day(10, 10), invoices=(core("a"),), documents=(document("stripe", "a"), euros))
    run = kept.run()
    (row,) = run.rows
    assert (row.kind, row.currency, row.core_currency) == (
        "DUPLICATE_DOWNSTREAM", "EUR", "USD",
    )  # fmt: skip
    assert (row.gross_minor, row.unexplained, row.open_minor) == (9000, 9000, 9000)
    assert "stripe_a asks for 100.00 USD: not netted" in row.note
    assert run.outcome is Outcome.OPEN_ITEMS
