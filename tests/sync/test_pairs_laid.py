"""Rows of two registers laid side by side by hand: what a pair shows, and what is counted."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest

from sync.books import Agreed, Matched, Pair, Row
from sync.pairs import apart, order, paired, timed
from tests.kept import day

BOTH = ("stripe", "erp")
USD, EUR = "USD", "EUR"


def row(target: str, gross: int = 0, memos: int = 0, **more: Any) -> Row:
    made = Row(
        target, "MATCHED", "cc_1", "Acme", "a", "FINALIZED", USD, 10_000, 10_000, f"{target}_1",
        f"{target}-No", "OPEN" if gross else "ABSENT", gross, memos, gross + memos,
        posted_at=day(10, 6), memo_refs=(f"memo-{target}",),
    )  # fmt: skip
    return replace(made, **more)


STRIPE, ERP = row("stripe", 10_000, -500), row("erp", 10_700, -200, posted_at=day(10, 9))
WHOLE = Pair(
    target="erp", kind="OVERBILLED", customer_id="cc_1", customer="Acme",
    core_invoice_id="a", currency=USD,
    stripe_id="stripe_1", stripe_status="OPEN", stripe_gross_minor=10_000, stripe_memos_minor=-500,
    document_id="erp_1", document_number="erp-No", document_status="OPEN",
    gross_minor=10_700, memos_minor=-200,
    net_variance=1_000, rounding=0, closed=200, explained=0, unexplained=1_000,
    stripe_posted_at=day(10, 6), posted_at=day(10, 9),
    stripe_memo_refs=("memo-stripe",), memo_refs=("memo-erp",),
)  # fmt: skip


def test_a_pair_shows_both_documents_whole() -> None:
    """Stripe asks for 95.00, the ERP for 105.00; 2.00 of the 12.00 are taken back by its memo."""
    (pair,) = paired([STRIPE, ERP], BOTH, 0).pairs
    assert pair == replace(WHOLE, kind="PARTIALLY_CORRECTED")


NO_ERP = {
    "kind": "ERP_NOT_SYNCED", "document_id": "", "document_number": "", "document_status": "ABSENT",
    "gross_minor": 0, "memos_minor": 0, "posted_at": None, "memo_refs": (),
    "net_variance": -9_500, "closed": 0, "unexplained": -9_500,
}  # fmt: skip
NO_STRIPE = {
    "kind": "NOT_IN_STRIPE", "stripe_id": "", "stripe_status": "ABSENT",
    "stripe_gross_minor": 0, "stripe_memos_minor": 0, "stripe_posted_at": None,
    "stripe_memo_refs": (), "net_variance": 10_500, "closed": 200, "unexplained": 10_500,
}  # fmt: skip


@pytest.mark.parametrize(
    ("only", "shown"), [(STRIPE, NO_ERP), (ERP, NO_STRIPE)], ids=["Stripe", "the ERP"]
)
def test_what_one_register_alone_has_a_row_of_is_shown_with_nothing_beside_it(
    only: Row, shown: dict[str, Any]
) -> None:
    (pair,) = paired([only], BOTH, 0).pairs
    assert pair == replace(WHOLE, **shown)


def test_nothing_on_either_side_is_neither_a_pair_nor_counted() -> None:
    for rows in ([row("stripe")], [row("erp")], [row("stripe"), row("erp")]):
        found = paired(rows, BOTH, 0)
        assert (found.pairs, found.agreed()) == ([], ())


def test_a_void_beside_a_document_credited_in_full_is_counted_as_agreed() -> None:
    """One register stands posted at nothing and the other is void: both ask for nothing."""
    void, credited = row("stripe", document_status="VOID"), row("erp", 10_000, -10_000)
    for rows in (
        [void, credited],
        [replace(credited, target="stripe"), replace(void, target="erp")],
    ):
        (agreed,) = paired(rows, BOTH, 0).agreed()
        assert agreed == Agreed("erp", USD, 1, 0, 0, 0)


@pytest.mark.parametrize(
    ("targets", "pairs"),
    [(BOTH, 1), (("stripe", "erp", "more"), 2), (("stripe",), 0), (("erp", "more"), 0)],
)
def test_stripe_is_laid_beside_each_erp(targets: tuple[str, ...], pairs: int) -> None:
    amounts = {"stripe": 100, "erp": 90, "more": 80}
    rows = [row(target, amounts[target]) for target in targets]
    found = paired(rows, targets, 0)
    assert [pair.target for pair in found.pairs] == ["more", "erp"][2 - pairs :]


def test_a_difference_within_the_tolerance_is_rounding() -> None:
    rows = [row("stripe", 10_000), row("erp", 10_002)]
    kinds = {1: ("OVERBILLED", 0, 2), 2: ("ROUNDING", 2, 0)}
    for tolerance, expected in kinds.items():
        (pair,) = paired(rows, BOTH, tolerance).pairs
        assert (pair.kind, pair.rounding, pair.unexplained) == expected
    (alone,) = paired([row("erp", 2)], BOTH, 2).pairs
    assert (alone.rounding, alone.unexplained) == (2, 0)


@pytest.mark.parametrize(
    ("stripe", "erp", "currency", "beside", "unexplained"),
    [
        # Both stand: nothing is netted, and the pair is in the ERP's currency.
        (row("stripe", 700), row("erp", 700, currency=EUR), EUR, USD, 700),
        # Stripe alone stands: its own currency, whatever an empty row says.
        (row("stripe", 700), row("erp", currency=EUR), USD, "", -700),
        (row("stripe", currency=EUR), row("erp", 700), USD, "", 700),
        # Only a memo stands: it is an amount as well.
        (row("stripe", 0, -50), row("erp", 700, currency=EUR), EUR, USD, 700),
    ],
)
def test_currencies_are_never_netted(
    stripe: Row, erp: Row, currency: str, beside: str, unexplained: int
) -> None:
    (pair,) = paired([stripe, erp], BOTH, 0).pairs
    shown = (pair.currency, pair.stripe_currency, pair.unexplained)
    assert shown == (currency, beside, unexplained)


def test_two_that_agree_in_amount_and_not_in_currency_do_not_agree() -> None:
    found = paired([row("stripe", 700), row("erp", 700, currency=EUR)], BOTH, 0)
    assert [pair.kind for pair in found.pairs] == ["CURRENCY_MISMATCH"]
    assert found.agreed() == ()


def test_an_empty_row_in_another_currency_disagrees_with_nothing() -> None:
    credited = row("erp", 700, -700)
    found = paired([row("stripe", currency=EUR), credited], BOTH, 0)
    assert found.agreed() == (Agreed("erp", USD, 1, 0, 0, 0),)


def test_of_two_live_documents_the_last_may_be_a_draft() -> None:
    """A duplicate's row sums what is posted; the status it shows is of the document named last."""
    rows = [row("stripe", 10_000), row("erp", 20_000, document_status="DRAFT")]
    (pair,) = paired(rows, BOTH, 0).pairs
    assert (pair.kind, pair.unexplained) == ("OVERBILLED", 10_000)


def test_counts_add_up_with_those_of_the_rows_that_a_run_only_counts() -> None:
    names = ("a", "b", "c")
    rows = [row(target, 100, core_invoice_id=name) for target in BOTH for name in names]
    rows += [row(target, 7, core_invoice_id="e", currency=EUR) for target in BOTH]
    rows = [
        replace(one, posted_at=day(11, 2)) if one.target == "erp" and one.core_invoice_id in "bc" else one
        for one in rows
    ]  # fmt: skip
    counted = [
        Matched("stripe", USD, 50, 5_000, 5_000, 0, 0, 0, "", 9, 900),
        Matched("erp", USD, 40, 4_000, 4_000, 0, 0, 0, "", 5, 500),
        Matched("erp", USD, 10, 1_000, 1_000, 0, 0, 0, "", 1, 100),
        Matched("more", USD, 1, 10, 10, 0, 0, 0, ""),
    ]
    found = paired(rows, BOTH, 0)
    assert found.agreed() == (
        Agreed("erp", EUR, 1, 7, 0, 0),
        Agreed("erp", USD, 3, 300, 2, 200),
    )
    whole = found.agreed(counted)
    assert whole == (
        Agreed("erp", EUR, 1, 7, 0, 0), Agreed("erp", USD, 53, 5_300, 8, 800), Agreed("more", USD, 1, 10, 0, 0),
    )  # fmt: skip
    assert found.agreed(counted) == whole, "counting twice must not add twice"


def test_the_largest_open_amount_comes_first_then_the_largest_difference_then_names() -> (
    None
):
    def pair(name: str, unexplained: int, net: int, **more: Any) -> Pair:
        return replace(
            WHOLE, core_invoice_id=name, unexplained=unexplained, net_variance=net, **more
        )

    wanted = [
        pair("z", -900, -900, customer_id="cc_9"),
        pair("y", 800, 950),
        pair("x", 800, -820),
        pair("w", 0, 10, customer_id="cc_0"),
        pair("a", 0, 10),
        pair("b", 0, 10, target="a-erp"),
        pair("b", 0, 10),
    ]  # fmt: skip
    for mixed in (wanted[::-1], wanted[3:] + wanted[:3]):
        assert sorted(mixed, key=order) == wanted
    rows = [row("stripe", 100 + n, core_invoice_id=f"i{n}") for n in (1, 3, 2)]
    assert [one.core_invoice_id for one in paired(rows, BOTH, 0).pairs] == [
        "i3",
        "i2",
        "i1",
    ]


@pytest.mark.parametrize(
    ("open_then", "open_now", "kind", "timing", "unexplained"),
    [
        (700, 0, "TIMING", 700, 0),  # cleared whole by what came after the cutoff
        (-700, 0, "TIMING", -700, 0),
        (700, 200, "OVERBILLED", 500, 200),  # in part
        (-700, -1, "OVERBILLED", -699, -1),
        (700, 700, "OVERBILLED", 0, 700),  # nothing came
        (700, 701, "OVERBILLED", 0, 700),  # it grew: not cleared by anything
        (700, -1, "OVERBILLED", 0, 700),  # it turned over: another difference, not this one
        (-700, 1, "OVERBILLED", 0, -700),
        (1, 0, "TIMING", 1, 0),
        (0, 0, "OVERBILLED", 0, 0),
    ],
)
def test_what_was_posted_after_the_cutoff_clears_a_pair(
    open_then: int, open_now: int, kind: str, timing: int, unexplained: int
) -> None:
    pair = timed(replace(WHOLE, unexplained=open_then, net_variance=open_then), open_now)
    assert (pair.kind, pair.timing, pair.unexplained) == (kind, timing, unexplained)
    assert pair.net_variance == open_then


EAST = timezone(timedelta(hours=3))
NEW_YORK = "America/New_York"


@pytest.mark.parametrize(
    ("one", "other", "zone", "expected"),
    [
        (day(10, 31), day(11, 1), "UTC", True),
        (day(10, 1), day(10, 31), "UTC", False),
        (datetime(2025, 10, 6, tzinfo=UTC), day(10, 6), "UTC", True),  # a year between
        (
            datetime(2026, 11, 1, 2, 30, tzinfo=EAST),
            day(10, 31),
            "UTC",
            False,
        ),  # still October
        (day(10, 31), datetime(2026, 11, 1, 2, 30, tzinfo=EAST), "UTC", False),
        (day(11, 1, 2), day(11, 1, 5), NEW_YORK, True),  # ten in the evening of the 31st
        (day(11, 1, 2), day(10, 31), NEW_YORK, False),
        (None, day(10, 6), "UTC", False),
        (day(10, 6), None, "UTC", False),
        (None, None, "UTC", False),
    ],
)
def test_posted_in_two_months(
    one: datetime | None, other: datetime | None, zone: str, expected: bool
) -> None:
    assert apart(one, other, zone) is expected
    rows = [row("stripe", 5, posted_at=one), row("erp", 5, posted_at=other)]
    (agreed,) = paired(rows, BOTH, 0, zone).agreed()
    assert (agreed.apart, agreed.apart_minor) == ((1, 5) if expected else (0, 0))
