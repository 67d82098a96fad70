"""A balance as it was at an instant: what memos did to it afterwards is taken back, no more."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from state.receivables import CreditMemo, DocumentStatus, DownstreamInvoice, MemoStatus
from state.winding import Seen, wound_back

OPEN, PART_PAID, PAID = DocumentStatus.OPEN, DocumentStatus.PART_PAID, DocumentStatus.PAID
VOID, LOST = DocumentStatus.VOID, DocumentStatus.UNCOLLECTIBLE
READ = 10  # by which observation the document was read


def invoice(
    status: DocumentStatus = OPEN, left: int = 110, paid: int = 0
) -> DownstreamInvoice:
    """100 and 10 of tax."""
    return DownstreamInvoice(
        "erp", "i1", status, "USD", 100, tax_minor=10, paid_minor=paid, open_minor=left
    )


def credit(minor: int, name: str = "m1", **more: object) -> CreditMemo:
    made = CreditMemo("erp", name, MemoStatus.ISSUED, "USD", minor, invoice_id="i1")
    return replace(made, **more)  # type: ignore[arg-type]


def void(minor: int, name: str = "m1") -> CreditMemo:
    return credit(minor, name, status=MemoStatus.VOID)


@dataclass(frozen=True)
class Case:
    read: DownstreamInvoice
    then: Sequence[CreditMemo]  # the memos at the instant
    ever: Sequence[Sequence[Seen]]  # each memo with all that was seen of it
    left: int
    status: DocumentStatus
    was: DownstreamInvoice | None = (
        None  # the document rewound by its own dates, if it moved
    )


CASES = {
    "no memo": Case(invoice(), (), (), 110, OPEN),
    "a memo since the instant is in the balance that was read": Case(
        invoice(left=70), (), [[(5, credit(40))]], 110, OPEN
    ),
    "and so with its tax": Case(
        invoice(left=66), (), [[(5, credit(40, tax_minor=4))]], 110, OPEN
    ),
    "of what had been paid it took nothing off": Case(
        invoice(PAID, 0, 110), (), [[(5, credit(40, post_payment_minor=40))]], 0, PAID
    ),
    "credited in full since: it was open": Case(
        invoice(PAID, 0), (), [[(5, credit(100, tax_minor=10))]], 110, OPEN
    ),
    "paid in part and then credited: part paid": Case(
        invoice(PAID, 0, 50), (), [[(5, credit(60))]], 60, PART_PAID
    ),
    "a memo that stood at the instant stays off": Case(
        invoice(left=70), (credit(40),), [[(5, credit(40))]], 70, OPEN
    ),
    "a memo taken back since still stood": Case(
        invoice(), (credit(40),), [[(3, credit(40)), (5, void(40))]], 70, OPEN
    ),
    "paid in part, the rest credited, and the memo taken back since: it was paid": Case(
        invoice(PART_PAID, 60, 50), (credit(60),), [[(3, credit(60)), (5, void(60))]], 0, PAID
    ),
    "a memo dated before the instant, written after the reading": Case(
        invoice(), (credit(40),), [[(READ + 1, credit(40))]], 70, OPEN
    ),
    "the same, read together with it": Case(
        invoice(left=70), (credit(40),), [[(READ, credit(40))]], 70, OPEN
    ),
    "a memo of another document takes nothing off": Case(
        invoice(), (credit(40, invoice_id="i2"),), [[(5, credit(40, invoice_id="i2"))]], 110, OPEN
    ),
    "moved here from another document since": Case(
        invoice(left=70), (credit(40, invoice_id="i2"),),
        [[(3, credit(40, invoice_id="i2")), (5, credit(40))]], 110, OPEN,
    ),
    "a draft memo takes nothing off": Case(
        invoice(), (credit(40, status=MemoStatus.DRAFT),),
        [[(5, credit(40, status=MemoStatus.DRAFT))]], 110, OPEN,
    ),
    "not applied yet: nothing off": Case(
        invoice(), (credit(40, applied=False),), [[(5, credit(40, applied=False))]], 110, OPEN
    ),
    "what no memo can account for stays in the balance": Case(
        invoice(left=63), (), [[(5, credit(40))]], 103, OPEN
    ),
    "more is open than the document asks for: it stays too": Case(
        invoice(left=130), (credit(40),), [[(READ + 1, credit(40))]], 90, OPEN
    ),
    "two memos, one since": Case(
        invoice(left=60), (credit(20),), [[(3, credit(20))], [(5, credit(30, "m2"))]], 90, OPEN
    ),
    "read without it, though the balance is low enough to hold it: it is taken to": Case(
        invoice(left=10), (credit(40),), [[(READ + 1, credit(40))]], 10, OPEN
    ),
    "the register had not taken two memos off when it was read: that stays to be seen": Case(
        invoice(), (), [[(3, credit(40))], [(4, credit(30, "m2"))]], 180, OPEN
    ),
    "first seen when it was void already, and still in the balance": Case(
        invoice(left=70), (credit(40),), [[(5, void(40))]], 70, OPEN
    ),
    "one unit is left open": Case(
        invoice(PAID, 0), (credit(109),), [[(5, credit(110))]], 1, OPEN
    ),
    "credited with more than it asks for: never below nothing": Case(
        invoice(), (credit(140),), [[(READ + 1, credit(140))]], 0, OPEN
    ),
    "a payment taken back by the dates of the document is in its balance": Case(
        invoice(PAID, 0, 70), (), [[(5, credit(40))]], 110, OPEN, invoice(OPEN, 70)
    ),
    "written off, and credited since: it stays written off": Case(
        invoice(LOST, 70), (), [[(5, credit(40))]], 110, LOST
    ),
    "void since: the balance is what was asked for, less what stood against it": Case(
        invoice(VOID, 0), (credit(40),), [[(5, credit(40))]], 70, OPEN, invoice(OPEN, 110)
    ),
    "void since, and paid in part before": Case(
        invoice(VOID, 0, 30), (credit(40),), [[(5, credit(40))]], 40, PART_PAID,
        invoice(PART_PAID, 80, 30),
    ),
    "void since, credited in full before": Case(
        invoice(VOID, 0), (credit(110),), [[(5, credit(110))]], 0, OPEN, invoice(OPEN, 110)
    ),
    "void at the instant already": Case(
        invoice(VOID, 0), (), [[(5, credit(40))]], 0, VOID
    ),
    "a draft at the instant": Case(
        invoice(left=70), (), [[(5, credit(40))]], 0, DocumentStatus.DRAFT,
        invoice(DocumentStatus.DRAFT, 0),
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_the_balance_that_a_document_had(name: str) -> None:
    case = CASES[name]
    was = case.was or case.read
    ever = {versions[0][1].id: versions for versions in case.ever}
    then = wound_back((READ, case.read), was, case.then, ever)
    assert (then.open_minor, then.status) == (case.left, case.status)
    assert replace(then, open_minor=was.open_minor, status=was.status) == was


LIVES = st.lists(
    # amount; seen before or after the reading; how it stood at the instant, and at the reading
    st.tuples(st.integers(0, 30), st.booleans(), st.booleans(), st.booleans()),
    max_size=4,
)


@given(lives=LIVES, paid=st.integers(0, 30), beside=st.integers(0, 5))
def test_an_honest_register_is_wound_back_to_the_unit(
    lives: list[tuple[int, bool, bool, bool]], paid: int, beside: int
) -> None:
    """Whichever memos stood at the instant and at the reading, and whatever else was taken off.

    What is taken off beside memos is told from them only where no memo was moving.
    """
    whole, ever, then, at_reading = 200, {}, [], 0
    moving = False
    for number, (minor, early, stood, stands) in enumerate(lives):
        name = f"m{number}"
        issued, taken_back = credit(minor, name), void(minor, name)
        if stood:
            then.append(issued)
        if not early:  # first seen after the reading, whose balance knew nothing of it
            ever[name] = [(READ + 1 + number, issued)]
            moving |= stood or minor > 0
            continue
        if stands:
            ever[name] = [(number, issued)]
            at_reading += minor
        else:
            ever[name] = [(number, issued), (number + 1, taken_back)]
            moving = True
    extra = 0 if moving else beside
    left = whole - paid - at_reading - extra
    read = DownstreamInvoice(
        "erp",
        "i1",
        PART_PAID if paid else OPEN,
        "USD",
        whole,
        paid_minor=paid,
        open_minor=left,
    )
    was = wound_back((READ, read), read, then, ever)
    assert was.open_minor == whole - paid - sum(one.amount_minor for one in then) - extra
