"""What the worklist asked for at a cutoff: each flag worth what its document was worth then."""

from collections.abc import Collection, Iterator
from dataclasses import dataclass, field, replace
from typing import Any, cast

import pytest

from state.receivables import CreditMemo, DocumentStatus, DownstreamInvoice
from state.worklist import Cause, Flag, FlagState
from sync.asked import asked
from sync.exposure import Asked
from tests.kept import day, document, memo

FLAG = Flag(
    "erp", "erp_a", Cause.VOIDED_IN_CORE, "a", "cc", FlagState.OPEN, "void it", "void", "USD",
    9_999, 1, day(10, 9),
)  # fmt: skip
TWICE = replace(
    FLAG, cause=Cause.DUPLICATE_DOWNSTREAM, subject="erp_b", core_invoice_id="b"
)
OTHER = replace(FLAG, cause=Cause.NEGATIVE_INVOICE)
NOWHERE = replace(FLAG, subject="core:c", core_invoice_id="c")


@dataclass
class Shelf:
    """The books of a cutoff, as far as flags need them."""

    flags: tuple[Flag, ...] = ()
    documents: tuple[DownstreamInvoice, ...] = ()
    memos: tuple[CreditMemo, ...] = ()
    moved: list[list[str]] = field(default_factory=list)
    asked_for: list[Any] = field(default_factory=list)

    def each_flag(self) -> Iterator[Flag]:
        yield from self.flags

    def documents_by_id(
        self, target: str, ids: Collection[str]
    ) -> dict[str, DownstreamInvoice]:
        self.asked_for.append((target, set(ids)))
        found = [one for one in self.documents if one.target == target and one.id in ids]
        return {one.id: one for one in found}

    def memos_of(self, target: str, ids: Collection[str]) -> dict[str, list[CreditMemo]]:
        found: dict[str, list[CreditMemo]] = {}
        for one in self.memos:
            if one.target == target and one.invoice_id in ids:
                found.setdefault(str(one.invoice_id), []).append(one)
        return found

    def moved_later(self, kind: str, statuses: Collection[str]) -> Iterator[list[str]]:
        unresolved = ["AWAITING_VERIFICATION", "IN_PROGRESS", "OPEN", "REOPENED"]
        assert (kind, list(statuses)) == ("flag", unresolved)
        yield from self.moved


def at_cutoff(then: Shelf, later: Shelf | None) -> Asked:
    return asked(cast("Any", then), cast("Any", later))


def test_with_all_that_is_known_now_a_flag_says_its_own_worth() -> None:
    then = Shelf((FLAG, OTHER), (document("erp", "a"),))
    assert at_cutoff(then, None) == Asked((FLAG, OTHER))
    assert then.asked_for == []


@pytest.mark.parametrize(
    ("what", "documents", "memos", "worth"),
    [
        ("as billed", (document("erp", "a", 500),), (), 500),
        ("less a memo of it", (document("erp", "a", 500),), (memo("erp", "a", 200),), 300),
        ("no less than nothing", (document("erp", "a", 500),), (memo("erp", "a", 700),), 0),
        ("void by then", (document("erp", "a", 500, status=DocumentStatus.VOID),), (), 0),
        ("in no register then: its own word", (), (), 9_999),
        ("a document of another register is not it", (document("stripe", "a", 500, id="erp_a"),), (), 9_999),
        (
            "nor is its memo", (document("erp", "a", 500),),
            (memo("stripe", "a", 200, invoice_id="erp_a"),), 500,
        ),
    ],
)  # fmt: skip
def test_a_flag_is_worth_what_its_document_was_worth_at_the_cutoff(
    what: str,
    documents: tuple[DownstreamInvoice, ...],
    memos: tuple[CreditMemo, ...],
    worth: int,
) -> None:
    found = at_cutoff(Shelf((FLAG,), documents, memos), Shelf())
    assert found.flags == (replace(FLAG, exposure_minor=worth),), what
    assert found.raised_later == frozenset()


def test_flags_keep_their_order_and_only_what_is_to_be_taken_back_is_looked_up() -> None:
    then = Shelf(
        (OTHER, FLAG, NOWHERE, replace(TWICE, target="stripe"), TWICE),
        (
            document("erp", "a", 500),
            document("erp", "b", 70),
            document("stripe", "b", 6, id="erp_b"),
        ),
        (memo("erp", "b", 20),),
    )
    found = at_cutoff(then, Shelf())
    assert found.flags == (
        OTHER, replace(FLAG, exposure_minor=500), NOWHERE,
        replace(TWICE, target="stripe", exposure_minor=6), replace(TWICE, exposure_minor=50),
    )  # fmt: skip
    assert then.asked_for == [("erp", {"erp_a", "erp_b"}), ("stripe", {"erp_b"})]


def test_what_was_found_only_after_the_cutoff_is_named_by_its_document() -> None:
    keys = ["|".join(one.key) for one in (FLAG, OTHER, TWICE)]
    then = Shelf(moved=[keys[:2], keys[2:]])
    found = at_cutoff(then, Shelf((FLAG, OTHER, TWICE)))
    assert found == Asked((), frozenset({("erp", "erp_a"), ("erp", "erp_b")}))
