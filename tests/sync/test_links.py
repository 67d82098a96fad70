"""Two persons tie a new document to what the core can correct no more; nothing else does."""

import json
from collections.abc import Iterator
from dataclasses import replace
from types import SimpleNamespace
from typing import Any, cast

import pytest

from connectors.ports import CurrencyRule
from state.invoices import CoreStatus
from state.observations import Changes
from state.pushes import PushRecord, PushState
from state.receivables import DocumentStatus
from state.worklist import Cause, FlagState
from sync import links
from sync.books import Outcome
from sync.reconcile import How
from tests.kept import Kept, broken, core, day, document, kinds, memo

VOID = DocumentStatus.VOID
WHO = {"by": "ann", "approver": "ben", "reason": "OUT_OF_WINDOW_34D"}


@pytest.fixture
def kept(tmp_path: Any) -> Iterator[Kept]:
    made = Kept(f"sqlite:///{tmp_path}/state.db", targets=("stripe",))
    made.parts.stripe = cast(
        "Any", SimpleNamespace(currency_rule=lambda _: CurrencyRule(1, 50, 10**8))
    )
    pushed = PushRecord(
        "a", "cc_1", PushState.DONE, "USD", 10000, 10000, 1, document_id="stripe_a"
    )
    made.see(
        day(10, 7),
        invoices=(core("a"),),
        documents=(document("stripe", "a"),),
        pushes=(pushed,),
    )
    made.clock.time = day(11, 20)
    gone = document("stripe", "a", status=VOID, voided_at=day(11, 18))
    new = document("stripe", None, 8500, posted=day(11, 18), id="in_new")
    made.parts.decide_and_record(Changes(documents=(gone, new)))
    made.clock.time = day(12, 1)
    yield made
    made.close()


def link(kept: Kept, **how: Any) -> Any:
    asked = {"target": "stripe", "old": "stripe_a", "new": "in_new", **WHO, **how}
    return links.add(kept.parts, "a", **asked)


def test_unlinked_it_is_a_question_and_linked_it_is_explained(kept: Kept) -> None:
    before = kept.run()
    assert kinds(before) == {("stripe", "a"): "VOIDED_DOWNSTREAM_ONLY"}
    assert [(one.id, one.reason) for one in before.excluded] == [
        ("in_new", "names no core invoice")
    ]
    assert [flag.cause for flag in kept.store.flags()] == [Cause.VOIDED_DOWNSTREAM_ONLY]
    made = link(kept)
    for engine in (False, True):
        after = kept.run(how=How(engine=engine))
        row = after.rows[0]
        assert (row.document_id, row.net_variance, row.explained, row.unexplained) == (
            "in_new",
            -1500,
            -1500,
            0,
        )
        assert "L-000001: OUT_OF_WINDOW_34D" in row.note
        assert (broken(after), after.outcome) == ([], Outcome.CLEAR)
        assert [(one.id, one.reason) for one in after.excluded] == [
            ("stripe_a", "is VOID: in_new stands for a")
        ]
    assert [flag.state for flag in kept.store.flags()] == [FlagState.RESOLVED]
    entry = [json.loads(one.body) for one in kept.store.audit_lines(about="link")][-1]
    assert (entry["action"], entry["actor"], entry["after"]) == (
        "link.added",
        "ann",
        "in_new",
    )
    assert "approved by ben" in entry["reason"]
    # A month that was closed before the link was made shows what was known at its end.
    assert kinds(kept.run(as_of=day(11, 25))) == {("stripe", "a"): "VOIDED_DOWNSTREAM_ONLY"}
    links.remove(kept.parts, made.id, **WHO)
    assert kinds(kept.run()) == {("stripe", "a"): "VOIDED_DOWNSTREAM_ONLY"}
    assert [one.state for one in kept.store.links()] == ["REMOVED"]


def test_what_the_core_voids_afterwards_is_not_explained_by_the_link(kept: Kept) -> None:
    """The new document is billed for nothing any more: a person must void it too."""
    link(kept)
    voided = replace(core("a"), status=CoreStatus.VOID)
    kept.parts.decide_and_record(Changes(invoices=(voided,)))
    run = kept.run()
    (row,) = run.rows
    assert (row.kind, row.document_id, row.explained, row.unexplained) == (
        "VOID_PENDING", "in_new", 0, 8500,
    )  # fmt: skip
    assert "L-000001: OUT_OF_WINDOW_34D" in row.note
    assert (broken(run), run.outcome) == ([], Outcome.OPEN_ITEMS)
    wanted = [
        (one.subject, one.exposure_minor)
        for one in kept.store.flags()
        if one.cause is Cause.VOIDED_IN_CORE
    ]
    assert wanted == [("in_new", 8500)]


@pytest.mark.parametrize(
    ("how", "says"),
    [
        ({"approver": "Ann"}, "second person"),
        ({"reason": " "}, "needs a reason"),
        ({"new": "in_none"}, "no document in_none"),
        ({"old": "in_new", "new": "stripe_a"}, "does not stand for a"),
        ({"new": "stripe_a"}, "names a itself"),
    ],
)
def test_a_link_that_cannot_be_is_refused(
    kept: Kept, how: dict[str, str], says: str
) -> None:
    with pytest.raises(links.NotLinkable, match=says):
        link(kept, **how)
    assert kept.store.links() == []


def test_a_live_document_is_not_replaced_and_nothing_is_linked_twice(kept: Kept) -> None:
    kept.see(day(11, 21), invoices=(core("b"),), documents=(document("stripe", "b"),))
    with pytest.raises(links.NotLinkable, match="void it in stripe first"):
        links.add(kept.parts, "b", target="stripe", old="stripe_b", new="in_new", **WHO)
    with pytest.raises(links.NotLinkable, match="no core invoice nobody"):
        links.add(
            kept.parts, "nobody", target="stripe", old="stripe_b", new="in_new", **WHO
        )
    link(kept)
    with pytest.raises(links.NotLinkable, match="linked already, by L-000001"):
        link(kept)
    with pytest.raises(links.NotLinkable, match="no link that stands"):
        links.remove(kept.parts, "L-000009", **WHO)


def test_twins_are_counted_once_in_each_leg() -> None:
    kept = Kept(targets=("stripe", "erp"))
    kept.see(
        day(10, 7),
        invoices=(core("a"),),
        documents=(document("stripe", "a"), document("erp", "a")),
        memos=(memo("stripe", "a", 2000), memo("erp", "a", 2000)),
    )
    run = kept.run()
    assert {(row.target, row.memos_minor, row.explained) for row in run.rows} == {
        ("stripe", -2000, -2000),
        ("erp", -2000, -2000),
    }
    assert broken(run) == []
    kept.close()
