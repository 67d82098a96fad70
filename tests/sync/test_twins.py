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
