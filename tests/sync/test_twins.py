"""A credit note and the ERP memo made from it: one event, found by name, else by amount."""

from dataclasses import replace
from typing import Any

import pytest

from state.receivables import CreditMemo, MemoStatus
from sync.twins import Twins, twins_of
from tests.kept import day, document, memo

DOCUMENTS = {
    (one.target, one.id): one
    for one in (
        document("stripe", "a"), document("erp", "a"), document("more", "a"),
        document("stripe", "b"), document("erp", "b"),
    )
}  # fmt: skip
NOTE = memo("stripe", "a", 2000, number="CN-1")
TWIN = memo("erp", "a", 2000, number="BM-1")


def found(*memos: CreditMemo) -> Twins:
    return twins_of(memos, DOCUMENTS)


@pytest.mark.parametrize(
    ("how", "expected"),
    [
        ({}, "erp BM-1 (by amount)"),
        ({"text": "from Stripe: CN-1."}, "erp BM-1 (named)"),
        ({"text": "cn_stripe_a", "amount_minor": 9}, "erp BM-1 (named)"),
        ({"number": "CN-1", "amount_minor": 9}, "erp CN-1 (named)"),
        ({"text": "CN-10", "amount_minor": 9}, ""),
        ({"amount_minor": 1999}, ""),
        ({"currency": "EUR"}, ""),
        ({"status": MemoStatus.VOID}, ""),
        ({"status": MemoStatus.DRAFT, "text": "CN-1"}, ""),
        ({"invoice_id": None, "text": "CN-1"}, ""),
        ({"invoice_id": "erp_b"}, ""),
    ],
)
def test_a_memo_is_known_by_name_else_by_amount(how: Any, expected: str) -> None:
    twins = found(NOTE, replace(TWIN, **how))
    assert "; ".join(map(str, twins.of(NOTE))) == expected


def test_each_memo_has_one_twin_in_each_register_and_is_its_twin_s_twin() -> None:
    again = replace(NOTE, id="cn_2", number="CN-2", posted_at=day(10, 20))
    later = replace(TWIN, id="bm_2", number="BM-2", posted_at=day(10, 21))
    third = memo("more", "a", 2000, number="M-1")
    twins = found(again, NOTE, later, TWIN, third)
    assert {one.id for one in twins.of(again)} == {"bm_2"}
    assert {(one.target, one.id) for one in twins.of(NOTE)} == {
        ("erp", TWIN.id), ("more", third.id),
    }  # fmt: skip
    assert [one.id for one in twins.of(later)] == ["cn_2"]
    assert twins.alone("stripe", "a", ("CN-1", "CN-2"), "more") == ["CN-2"]
    assert [one.id for one in twins.of_refs("stripe", "a", ("CN-2",))] == ["bm_2"]
    assert found(third, TWIN).by_memo == {}


def test_of_two_that_fit_the_nearest_in_time_is_the_twin() -> None:
    """Whichever id comes first, and whichever memo is undated."""
    near = replace(NOTE, id="cn_9", number="CN-9", posted_at=day(10, 20))
    later = replace(TWIN, posted_at=day(10, 21))
    assert [one.number for one in found(NOTE, near, later).of(later)] == ["CN-9"]
    assert [one.number for one in found(NOTE, near, TWIN).of(TWIN)] == ["CN-1"]
    undated = replace(NOTE, id="cn_0", number="CN-0", posted_at=None)
    assert [one.number for one in found(undated, NOTE, TWIN).of(TWIN)] == ["CN-1"]
    assert [one.number for one in found(undated, TWIN).of(TWIN)] == ["CN-0"]


def test_of_two_as_near_the_earlier_is_the_twin_and_the_later_has_none() -> None:
    """Two notes of one amount, a day before and a day after the only memo of the ERP."""
    before = replace(NOTE, id="cn_z", number="CN-Z", posted_at=day(10, 7))
    after = replace(NOTE, id="cn_a", number="CN-A", posted_at=day(10, 9))
    twins = found(after, before, TWIN)
    assert [one.number for one in twins.of(TWIN)] == ["CN-Z"]
    assert twins.of(after) == ()
    assert twins.alone("stripe", "a", ("CN-A", "CN-Z"), "erp") == ["CN-A"]
    assert twins.of_refs("stripe", "a", ("CN-A", "CN-Z")) == twins.of(before)


def test_each_core_invoice_is_looked_at_and_a_memo_without_a_number_is_named_by_its_id() -> (
    None
):
    """One invoice has notes alone, and one has no note: they hide no pair of a third."""
    alone = memo("stripe", "b", 700, number="CN-B")
    bare = replace(TWIN, number=None)
    twins = found(alone, NOTE, bare)
    assert [str(one) for one in twins.of(NOTE)] == [f"erp {bare.id} (by amount)"]
    assert twins.of(NOTE)[0].number == ""
    assert twins.of_refs("erp", "a", (bare.id,)) == twins.of(bare)
    assert twins.of(alone) == ()


def test_a_name_is_found_as_a_word_and_not_within_one() -> None:
    for text, known in {
        "see CN-1.": True,
        "XCN-1": False,
        "CN-1X": False,
        "(CN-1)": True,
    }.items():
        twins = found(NOTE, replace(TWIN, text=text, amount_minor=9))
        assert bool(twins.of(NOTE)) is known, text
