"""A memo in its parts: what is applied, what is left, and tax shared out exactly."""

from hypothesis import given
from hypothesis import strategies as st

from connectors.erp.shapes import Application, cash, parts, posted_status
from state.receivables import CreditMemo, DocumentStatus, MemoStatus


def memo(amount: int, tax: int = 0, status: MemoStatus = MemoStatus.ISSUED) -> CreditMemo:
    return CreditMemo(
        "books", "m", status, "USD", amount, tax_minor=tax, invoice_id="named"
    )


def test_a_memo_on_one_invoice_is_one_and_keeps_its_id() -> None:
    (one,) = parts(memo(300), [Application("i1", 300)])
    assert (one.id, one.invoice_id, one.amount_minor, one.whole_minor) == (
        "m",
        "i1",
        300,
        None,
    )
    assert one.explains


def test_a_memo_on_two_invoices_and_not_used_up_is_three() -> None:
    first, second, left = parts(memo(300), [Application("i2", 100), Application("i1", 50)])
    assert [(p.id, p.invoice_id, p.amount_minor) for p in (first, second, left)] == [
        ("m", "i1", 50),
        ("m#part2", "i2", 100),
        ("m#part3", "named", 150),
    ]
    assert {p.whole_minor for p in (first, second, left)} == {300}
    assert (first.explains, left.explains) == (True, False)


def test_a_memo_used_nowhere_stays_whole_and_explains_nothing() -> None:
    (one,) = parts(memo(300), [])
    assert (one.amount_minor, one.applied, one.explains) == (300, False, False)


def test_applications_of_single_lines_are_one_application() -> None:
    (one,) = parts(memo(300), [Application("i1", 100), Application("i1", 200, exact=False)])
    assert (one.amount_minor, one.exact) == (300, False)


def test_a_draft_and_a_void_one_have_no_parts() -> None:
    for status in (MemoStatus.DRAFT, MemoStatus.VOID):
        (one,) = parts(memo(300, status=status), [Application("i1", 300)])
        assert (one.status, one.applied, one.explains) == (status, False, False)


def test_an_over_applied_memo_is_as_told() -> None:
    (one,) = parts(memo(300), [Application("i1", 400)])
    assert one.amount_minor == 400


amounts = st.integers(0, 10**9)


@given(st.lists(amounts, max_size=5), amounts, amounts)
def test_parts_foot_to_the_memo_with_and_without_tax(
    used: list[int], left: int, tax: int
) -> None:
    total = sum(used) + left
    tax = min(tax, total)
    whole = memo(total - tax, tax)
    shares = parts(whole, [Application(f"i{n}", one) for n, one in enumerate(used)])
    assert sum(one.amount_minor for one in shares) == whole.amount_minor
    assert sum(one.amount_minor + one.tax_minor for one in shares) >= total
    assert len({one.id for one in shares}) == len(shares)
    assert all(one.amount_minor >= 0 for one in shares)


def test_paid_is_told_by_cash_alone() -> None:
    assert cash(total_minor=100, open_minor=0, credited_minor=100) == 0
    assert cash(total_minor=100, open_minor=0, credited_minor=30) == 70
    assert posted_status(paid_minor=0, open_minor=0) is DocumentStatus.OPEN
    assert posted_status(paid_minor=70, open_minor=0) is DocumentStatus.PAID
    assert posted_status(paid_minor=30, open_minor=10) is DocumentStatus.PART_PAID
