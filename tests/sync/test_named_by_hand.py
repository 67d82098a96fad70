"""An ERP's document that lacks the core's id: two persons say whose it is, and no amount moves."""

from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from connectors.ports import CurrencyRule
from state.invoices import CoreStatus
from state.links import LinkState
from state.receivables import DocumentStatus
from state.worklist import Cause
from sync import links
from sync.books import Outcome, Run
from sync.reconcile import How
from tests.kept import Kept, broken, core, day, document, kinds, memo

WHO = {"by": "ann", "approver": "ben", "reason": "typed by hand in the ERP"}


@pytest.fixture
def kept(tmp_path: Path) -> Iterator[Kept]:
    made = Kept(f"sqlite:///{tmp_path}/state.db", targets=("erp",))
    made.parts.stripe = cast(
        "Any", SimpleNamespace(currency_rule=lambda _: CurrencyRule(1, 50, 10**8))
    )
    made.see(
        day(10, 7),
        invoices=(core("a"), core("b")),
        documents=(
            document("erp", None, id="INV-7"),
            document("erp", None, 9000, id="INV-8"),
            document("erp", "b"),
        ),
        memos=(memo("erp", "x", 1000, invoice_id="INV-8"),),
    )
    yield made
    made.close()


def name(kept: Kept, invoice: str = "a", **how: str) -> Any:
    return links.name(
        kept.parts, invoice, **{"target": "erp", "document": "INV-7", **WHO, **how}
    )


def both(kept: Kept) -> Run:
    """The run, by either way."""
    rows, sets = (kept.run(how=How(engine=engine)) for engine in (False, True))
    assert (rows.rows, rows.excluded, rows.checks) == (
        sets.rows,
        sets.excluded,
        sets.checks,
    )
    return rows


def test_it_becomes_the_invoice_s_document(kept: Kept) -> None:
    before = both(kept)
    assert kinds(before)["erp", "a"] == "MISSING_DOWNSTREAM"
    made = name(kept)
    assert (made.old_document_id, made.new_document_id) == ("", "INV-7")
    after = both(kept)
    row = next(one for one in after.rows if one.core_invoice_id == "a")
    assert (row.kind, row.document_id, row.gross_minor) == ("MATCHED", "INV-7", 10000)
    assert row.note == "named by hand, L-000001: typed by hand in the ERP"
    assert "INV-7" not in {one.id for one in after.excluded}
    assert (broken(after), after.outcome) == ([], Outcome.CLEAR)


def test_what_it_differs_by_is_not_explained_by_that(kept: Kept) -> None:
    name(kept, document="INV-8")
    row = next(one for one in both(kept).rows if one.core_invoice_id == "a")
    assert (row.kind, row.memos_minor, row.unexplained) == ("UNDERBILLED", -1000, -1000)


def test_taken_back_it_is_missing_again(kept: Kept) -> None:
    made = name(kept)
    gone = links.remove(kept.parts, made.id, **WHO)
    assert gone.state is LinkState.REMOVED
    assert kinds(both(kept))["erp", "a"] == "MISSING_DOWNSTREAM"


def test_voided_in_the_core_it_is_on_the_worklist(kept: Kept) -> None:
    kept.see(day(10, 20), invoices=(core("a", status=CoreStatus.VOID),))
    assert kept.store.flags() == []
    name(kept)
    (flag,) = kept.store.flags()
    assert (flag.cause, flag.downstream_id) == (Cause.VOIDED_IN_CORE, "INV-7")
    assert broken(both(kept)) == []


@pytest.mark.parametrize(
    ("invoice", "how", "says"),
    [
        ("a", {"approver": "Ann"}, "a second person"),
        ("a", {"reason": " "}, "needs a reason"),
        ("nobody", {}, "no core invoice nobody is known"),
        ("a", {"document": "INV-9"}, "erp has no document INV-9"),
        ("a", {"document": "erp_b"}, "erp_b names b itself"),
        ("b", {}, "erp_b stands for b in erp already"),
        ("a", {"target": "stripe"}, "write core_invoice_id=a into the metadata of INV-7"),
    ],
)
def test_what_cannot_be_named_so(
    kept: Kept, invoice: str, how: dict[str, str], says: str
) -> None:
    with pytest.raises(links.NotLinkable, match=says):
        name(kept, invoice, **how)
    assert kept.store.links() == []


def test_one_document_is_named_once(kept: Kept) -> None:
    name(kept)
    kept.see(day(10, 8), invoices=(core("c"),))
    with pytest.raises(links.NotLinkable, match="is linked already, by L-000001"):
        name(kept, "c")
    gone = document("erp", "b", status=DocumentStatus.VOID)
    kept.see(day(10, 9), documents=(gone,))
    name(kept, "b", document="INV-8")  # a void document stands in nobody's way
