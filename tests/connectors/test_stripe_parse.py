"""Stripe's invoices in our words: what is ex tax, and what a refund does not touch."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from connectors.stripe_parse import invoice, memo
from connectors.stripe_receivables import EVENTS
from state.receivables import DocumentStatus, Given, MemoStatus, Way

BODY: dict[str, Any] = {
    "id": "in_1",
    "currency": "usd",
    "status": "paid",
    "total": 1190,
    "total_excluding_tax": 1000,
    "amount_paid": 1190,
    "amount_remaining": 0,
    "metadata": {"core_invoice_id": "ci_1"},
}
NOTE: dict[str, Any] = {
    "id": "cn_1",
    "currency": "usd",
    "status": "issued",
    "total": 119,
    "total_excluding_tax": 100,
    "invoice": "in_1",
}


def test_tax_stands_beside_the_amount_that_is_compared() -> None:
    document = invoice("stripe", BODY)
    assert (document.gross_minor, document.tax_minor, document.paid_minor) == (
        1000,
        190,
        1190,
    )
    untaxed = invoice("stripe", {**BODY, "total_excluding_tax": None})
    assert (untaxed.gross_minor, untaxed.tax_minor) == (1190, 0)
    note = memo("stripe", NOTE)
    assert (note.amount_minor, note.tax_minor, note.invoice_id) == (100, 19, "in_1")


@pytest.mark.parametrize(
    "refunded",
    [
        {"post_payment_credit_notes_amount": 0, "amount_overpaid": 0},
        {"charge": {"id": "ch_1", "refunded": True, "amount_refunded": 1190}},
        {"payments": {"data": [{"status": "paid", "amount_paid": 1190}]}},
    ],
)
def test_a_refund_changes_neither_the_gross_nor_the_memos(refunded: dict[str, Any]) -> None:
    """Invariant 26: money back without a credit note leaves the variance as it was."""
    assert invoice("stripe", {**BODY, **refunded}) == invoice("stripe", BODY)
    told = memo("stripe", {**NOTE, "refunds": [{"amount_refunded": 119}]})
    assert told.given == (Given(Way.REFUND, 119),)
    assert replace(told, given=()) == memo("stripe", NOTE)
    assert not [kind for kind in EVENTS if kind.startswith("refund.")]


@pytest.mark.parametrize(
    ("status", "paid", "ours"),
    [
        ("draft", 0, DocumentStatus.DRAFT),
        ("open", 0, DocumentStatus.OPEN),
        ("open", 1, DocumentStatus.PART_PAID),
        ("paid", 1190, DocumentStatus.PAID),
        ("uncollectible", 0, DocumentStatus.UNCOLLECTIBLE),
        ("void", 0, DocumentStatus.VOID),
    ],
)
def test_each_status_has_our_word(status: str, paid: int, ours: DocumentStatus) -> None:
    assert invoice("stripe", {**BODY, "status": status, "amount_paid": paid}).status is ours
    assert memo("stripe", {**NOTE, "status": "void"}).status is MemoStatus.VOID


@pytest.mark.parametrize(
    "odd",
    [
        {"pre_payment_amount": "12"},
        {"post_payment_amount": -1},
        {"out_of_band_amount": 1.5},
        {"refunds": [{"amount_refunded": True}]},
    ],
)
def test_an_odd_part_of_a_note_is_no_amount(odd: dict[str, Any]) -> None:
    with pytest.raises((TypeError, ValueError), match=r"is no whole number|is below zero"):
        memo("stripe", {**NOTE, **odd})


def test_a_note_is_dated_by_what_is_printed_on_it() -> None:
    made = memo("stripe", {**NOTE, "created": 1_760_000_000})
    dated = memo(
        "stripe", {**NOTE, "created": 1_760_000_000, "effective_at": 1_759_000_000}
    )
    assert made.document_at == datetime.fromtimestamp(1_760_000_000, UTC)
    assert (
        dated.document_at == dated.posted_at == datetime.fromtimestamp(1_759_000_000, UTC)
    )


def test_what_went_to_a_balance_is_what_the_other_ways_leave() -> None:
    parts = {
        "pre_payment_amount": 19, "post_payment_amount": 100, "out_of_band_amount": 30,
        "refunds": [{"amount_refunded": 20}, {"amount_refunded": 10}],
    }  # fmt: skip
    told = memo("stripe", {**NOTE, **parts, "customer_balance_transaction": "cbtxn_1"})
    assert [told.given_minor(way) for way in Way] == [30, 40, 30, 0]
    assert (told.pre_payment_minor, told.taken_off_minor, told.unapplied_minor) == (
        19,
        19,
        0,
    )
    untold = memo("stripe", {**NOTE, **parts})
    assert [untold.given_minor(way) for way in Way] == [30, None, 30, 40]
