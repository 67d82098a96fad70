"""What is counted of the books as they are read, and what each check line says of it."""

from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from state.invoices import CoreStatus
from state.receivables import DocumentStatus
from state.worklist import Cause, Flag, FlagState
from sync.books import Excluded, Matched, Row
from sync.checks import Counted, make_checks, used_rows
from sync.decide import Case, Held
from sync.exposure import Asked
from tests.kept import core, day, document, memo

EUR, USD = "EUR", "USD"
ROW = Row(
    "erp",
    "MATCHED",
    "cc",
    "Acme",
    "a",
    "FINALIZED",
    USD,
    0,
    0,
    "d1",
    document_status="OPEN",
)


# --- what is counted ------------------------------------------------------------------------


def test_the_core_s_total_is_of_what_is_final_and_money() -> None:
    counted = Counted()
    for one in (
        core("a", 100), core("b", 20), core("e", 7, currency=EUR), core("n", -5),
        core("v", 900, status=CoreStatus.VOID), core("d", 900, status=CoreStatus.DRAFT),
        core("u", 900, currency=None),
    ):  # fmt: skip
        counted.core(one)
    assert counted.core_minor == {USD: 115, EUR: 7}
    assert counted.invoices == 7


@pytest.mark.parametrize(
    ("documents", "rows"),
    [
        ((), 1),
        ((("USD", "OPEN"), ("USD", "OPEN")), 1),
        ((("USD", "OPEN"), ("EUR", "VOID")), 1),
        ((("GBP", "VOID"), ("EUR", "VOID")), 1),
        ((("USD", "OPEN"), ("EUR", "DRAFT")), 2),
        ((("USD", "PAID"), ("EUR", "OPEN"), ("GBP", "OPEN"), ("EUR", "OPEN")), 3),
    ],
)
def test_live_documents_in_further_currencies_have_a_row_for_each(
    documents: tuple[tuple[str, str], ...], rows: int
) -> None:
    held = tuple(
        Held(document("erp", "a", id=f"d{n}", currency=ccy, status=DocumentStatus(status)))
        for n, (ccy, status) in enumerate(documents)
    )
    counted = Counted()
    counted.expect(Case("a", core("a"), documents=held), ("stripe", "erp"))
    assert counted.expected == {"stripe": 1, "erp": rows}


def test_a_register_s_totals_are_of_what_is_posted_and_what_is_owed() -> None:
    counted = Counted()
    for status, gross in (
        ("OPEN", 100), ("PAID", 10), ("UNCOLLECTIBLE", 1), ("DRAFT", 900), ("VOID", 900),
    ):  # fmt: skip
        counted.document(
            Held(document("erp", status, gross, status=DocumentStatus(status)))
        )
    part = document("erp", "p", 50, status=DocumentStatus.PART_PAID, open_minor=20)
    counted.document(Held(part))
    counted.document(Held(document("erp", "e", 5, currency=EUR)))
    counted.document(Held(document("stripe", "a", 3)))
    assert counted.gross_minor == {("erp", USD): 161, ("erp", EUR): 5, ("stripe", USD): 3}
    assert +counted.open_minor == {("erp", USD): 120, ("erp", EUR): 5, ("stripe", USD): 3}
    assert counted.documents == 8


def test_a_memo_that_is_met_twice_is_counted_once() -> None:
    counted = Counted()
    one, two = memo("erp", "a", 30), memo("erp", "b", 4)
    counted.memos_of(Held(document("erp", "a"), (one, two)))
    counted.memos_of(Held(document("erp", "a"), (one,)))
    counted.memos_of(Held(document("stripe", "a"), (memo("stripe", "a", 1),)))
    assert counted.memo_minor == {("erp", USD): 34, ("stripe", USD): 1}
    assert len(counted.memos) == 3


@pytest.mark.parametrize(
    ("status", "document_in", "expected"),
    [
        (CoreStatus.FINALIZED, None, {"stripe": 1, "erp": 1}),  # a debt stands in every leg
        (CoreStatus.VOID, None, {"stripe": 1, "erp": 1}),
        (CoreStatus.DRAFT, None, {}),  # nothing is due yet
        (CoreStatus.DRAFT, "erp", {"erp": 1}),  # but something stands already
        (None, "erp", {"erp": 1}),  # the core knows nothing of it
        (None, None, {}),
    ],
)
def test_the_rows_that_an_invoice_must_have(
    status: CoreStatus | None, document_in: str | None, expected: dict[str, int]
) -> None:
    counted = Counted()
    case = Case(
        "a",
        invoice=None if status is None else core("a", status=status),
        documents=(Held(document(document_in, "a")),) if document_in else (),
    )
    for times in (1, 2):
        counted.expect(case, ("stripe", "erp"))
        assert +counted.expected == {key: n * times for key, n in expected.items()}


def test_documents_and_memos_in_a_row_are_used() -> None:
    counted = Counted(memos_used={("erp", "m1"), ("erp", "m2"), ("stripe", "m3")})
    rows = [ROW, replace(ROW, document_id="d2, d3"), replace(ROW, document_id="")]
    matched = [
        Matched("erp", USD, 10, 0, 0, 0, 0, 0, ""),
        Matched("stripe", USD, 7, 0, 0, 0, 0, 0, ""),
    ]
    assert used_rows(rows, matched, counted) == {"erp": 2 + 3 + 10, "stripe": 1 + 7}


# --- what each line says --------------------------------------------------------------------

ONE = Matched("erp", USD, 10, 100, 100, 0, 0, 50, "")


class Books:
    """Sound books by hand: a row of each sort, matched rows, a memo left out, a flag."""

    def __init__(self) -> None:
        self.rows = [
            replace(ROW, core_minor=100, gross_minor=100, open_minor=70, memos_minor=-30,
                    net_variance=-30, explained=-30, kind="EXPLAINED_BY_MEMO"),
            replace(ROW, core_invoice_id="v", document_id="d2", gross_minor=40, open_minor=40,
                    net_variance=40, unexplained=40, kind="VOID_PENDING", core_status="VOID"),
            replace(ROW, core_invoice_id="e", document_id="d3", core_currency=EUR, core_minor=9,
                    gross_minor=8, open_minor=8, net_variance=8, unexplained=8,
                    kind="CURRENCY_MISMATCH"),
            replace(ROW, core_invoice_id="x", document_id="d4, d5", gross_minor=20, open_minor=20,
                    net_variance=20, unexplained=20, kind="DUPLICATE_DOWNSTREAM"),
        ]  # fmt: skip
        self.excluded = [
            Excluded("erp", "memo", "m2", USD, 5, "is a draft"),
            Excluded("erp", "invoice", "d9", USD, 99, "names no core invoice"),
            Excluded("erp", "memo", "m9", USD, 77, "is applied to no invoice yet"),
        ]
        self.matched = [
            ONE,
            replace(ONE, count=1, core_minor=1, gross_minor=1, open_minor=1),
        ]
        self.counted = Counted(
            core_minor=Counter({USD: 201, EUR: 9}),
            gross_minor=Counter({("erp", USD): 269}),
            open_minor=Counter({("erp", USD): 189}),
            memo_minor=Counter({("erp", USD): 35}),
            stood=Counter({"erp": 5 + 11 + 1 + 3 + 2}),
            elsewhere=Counter({"erp": 2}),
            expected=Counter({"erp": 15}),
            memos={("erp", "m1"), ("erp", "m2")},
            memos_used={("erp", "m1")},
        )
        flag = Flag(
            "erp", "d2", Cause.VOIDED_IN_CORE, "v", "cc", FlagState.OPEN, "void it", "void", USD,
            40, 1, day(10, 9),
        )  # fmt: skip
        twice = replace(
            flag,
            subject="d5",
            core_invoice_id="x",
            cause=Cause.DUPLICATE_DOWNSTREAM,
            exposure_minor=20,
        )
        done = replace(flag, subject="d0", state=FlagState.RESOLVED, exposure_minor=5)
        other = replace(flag, subject="d7", cause=Cause.CORE_ANOMALY, exposure_minor=5)
        elsewhere = replace(flag, subject="d8", core_invoice_id="z", exposure_minor=5)
        self.flags = [flag, twice, done, other, elsewhere]
        self.later: frozenset[tuple[str, str]] = frozenset()

    def row(self, n: int, **more: Any) -> None:
        self.rows[n] = replace(self.rows[n], **more)

    def says(self) -> dict[int, str]:
        """The lines that fail, by number, with their figures."""
        made = make_checks(
            iter(self.rows), iter(self.excluded), self.counted,
            Asked(tuple(self.flags), self.later), matched=self.matched,
        )  # fmt: skip
        assert len(made) == 9
        assert all(bool(one.figures) is not one.ok for one in made)
        return {number: one.figures for number, one in enumerate(made, 1) if not one.ok}


def test_sound_books_have_nothing_to_say() -> None:
    assert Books().says() == {}


def test_matched_rows_of_another_register_are_in_no_other_s_total() -> None:
    books = Books()
    books.matched.append(replace(ONE, target="stripe", count=2, core_minor=201))
    books.counted.expected["stripe"] = 2
    assert books.says()[2] == "stripe: {'USD': 201} against {'EUR': 9, 'USD': 201}"


def gone(n: int) -> Callable[[Books], None]:
    return lambda b: b.rows.__delitem__(n)


def row(n: int, **more: Any) -> Callable[[Books], None]:
    return lambda b: b.row(n, **more)


def total(name: str, key: Any, minor: int) -> Callable[[Books], None]:
    return lambda b: getattr(b.counted, name).__setitem__(key, minor)


def flag(n: int, **more: Any) -> Callable[[Books], None]:
    return lambda b: b.flags.__setitem__(n, replace(b.flags[n], **more))


def found_later(n: int) -> Callable[[Books], None]:
    """The flag was raised only after the cutoff."""

    def touch(books: Books) -> None:
        gone = books.flags.pop(n)
        books.later = frozenset({(gone.target, gone.subject)})

    return touch


TOUCHED: dict[str, tuple[Callable[[Books], object], dict[int, str]]] = {
    "a row is asked for that is not there": (
        total("expected", "erp", 16), {1: "erp: 15 rows for 16"},
    ),
    "rows of a register that nothing asks for": (
        total("expected", "stripe", 1), {1: "stripe: 0 rows for 1"},
    ),
    "a document was read and dropped": (
        total("stood", "erp", 23), {1: "erp: 22 of 23 accounted for"},
    ),
    "one of another month was dropped": (
        total("elsewhere", "erp", 1), {1: "erp: 21 of 22 accounted for"},
    ),
    "both, in two registers": (
        lambda b: (total("expected", "erp", 16)(b), total("stood", "stripe", 1)(b))[0],
        {1: "erp: 15 rows for 16; stripe: 0 of 1 accounted for"},
    ),
    "a core amount moves": (
        row(0, core_minor=99), {2: "erp: {'EUR': 9, 'USD': 200} against {'EUR': 9, 'USD': 201}"},
    ),
    "a core amount in a currency of its own moves": (
        row(2, core_minor=8), {2: "erp: {'EUR': 8, 'USD': 201} against {'EUR': 9, 'USD': 201}"},
    ),
    "the core has an amount that no row has": (
        total("core_minor", "GBP", 1),
        {2: "erp: {'EUR': 9, 'USD': 201} against {'EUR': 9, 'GBP': 1, 'USD': 201}"},
    ),
    "a document's amount moves": (row(0, gross_minor=101), {3: "erp USD: 270 against 269"}),
    "a register has an amount that no row has": (
        total("gross_minor", ("stripe", USD), 1), {3: "stripe USD: 0 against 1"},
    ),
    "two registers have": (
        lambda b: (total("gross_minor", ("stripe", USD), 1)(b), row(0, gross_minor=0)(b))[0],
        {3: "erp USD: 169 against 269; stripe USD: 0 against 1"},
    ),
    "a memo counts for more": (row(0, memos_minor=-31), {4: "erp USD: 36 against 35"}),
    "a memo is lost": (lambda b: b.excluded.__delitem__(0), {1: "erp: 21 of 22 accounted for", 4: "m2"}),
    "a memo is used and left out": (
        lambda b: b.counted.memos_used.add(("erp", "m2")),
        {1: "erp: 23 of 22 accounted for", 4: "m2"},
    ),
    "two memos are lost": (
        lambda b: b.counted.memos.update({("erp", "m8"), ("erp", "m7")}), {4: "m7, m8"},
    ),
    "a memo that is left out counts for more": (
        lambda b: b.excluded.__setitem__(0, replace(b.excluded[0], amount_minor=6)),
        {4: "erp USD: 36 against 35"},
    ),
    "a variance does not foot": (row(0, explained=-29), {5: "a"}),
    "and two": (
        lambda b: (row(0, timing=1)(b), row(1, rounding=1)(b))[0], {5: "a, v"},
    ),
    "a row at peace hides an amount": (
        row(2, kind="MATCHED"), {6: "e"},
    ),
    "and two of them": (
        lambda b: (row(2, kind="NOT_DUE")(b), row(0, kind="VOIDED_BOTH", explained=-31, unexplained=1)(b))[0],
        {6: "a, e"},
    ),
    "an open balance moves": (row(0, open_minor=0), {7: "erp USD: 119 against 189"}),
    "a document stands in two rows": (row(0, document_id="d2"), {8: "erp:d2"}),
    "one of two documents stands in another row": (row(0, document_id="d5"), {8: "erp:d5"}),
    "an invoice stands in two rows": (row(2, core_invoice_id="a"), {8: "erp:a"}),
    "both do": (row(2, core_invoice_id="a", document_id="d1"), {8: "erp:a, erp:d1"}),
    "a void asks for nothing": (lambda b: b.flags.__delitem__(0), {9: "USD: rows 60, worklist 20"}),
    "a flag asks for less": (flag(0, exposure_minor=1), {9: "USD: rows 60, worklist 21"}),
    "a duplicate asks for more": (flag(1, exposure_minor=21), {9: "USD: rows 60, worklist 61"}),
    "it is said to be resolved": (flag(0, state=FlagState.RESOLVED), {9: "USD: rows 60, worklist 20"}),
    "it is waived, and still owed": (flag(0, state=FlagState.WAIVED), {}),
    "one that was resolved is open again": (
        flag(0, state=FlagState.REOPENED, exposure_minor=45)
        , {9: "USD: rows 60, worklist 65"},
    ),
    "another flag asks for something of a document in no row": (
        flag(2, state=FlagState.REOPENED), {},
    ),
    "it asks in another currency": (
        flag(0, currency=EUR), {9: "EUR: rows 0, worklist 40; USD: rows 60, worklist 20"},
    ),
    "two flags on one document ask once": (flag(2, state=FlagState.OPEN, subject="d2", exposure_minor=40), {}),
    "a row shows more than is asked for": (
        row(1, unexplained=41, net_variance=41), {9: "USD: rows 61, worklist 60"},
    ),
    "what was done after the cutoff was still to be done": (
        row(1, unexplained=30, timing=10), {},
    ),
    "the work was found only after the cutoff: the row's own figure stands": (
        found_later(0), {},
    ),
    "and what was done after that too": (
        lambda b: (found_later(0)(b), row(1, unexplained=30, timing=10)(b))[0], {},
    ),
    "nobody ever asked, and it was done since": (
        lambda b: (b.flags.pop(0), row(1, unexplained=0, timing=40)(b))[1], {},
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", TOUCHED)
def test_a_line_tells_what_does_not_meet_and_the_others_stay(name: str) -> None:
    touch, expected = TOUCHED[name]
    books = Books()
    touch(books)
    assert books.says() == expected


@pytest.mark.parametrize(
    "kind", ["VOID_PENDING_PARTIAL_MEMO", "VOID_BLOCKED_PAID", "VOID_BLOCKED_PART_PAID"]
)
def test_each_sort_of_void_is_held_against_the_worklist(kind: str) -> None:
    books = Books()
    books.row(1, kind=kind)
    assert books.says() == {}
    books.flags.pop(0)
    assert set(books.says()) == {9}


@pytest.mark.parametrize("kind", ["MATCHED", "VOIDED_BOTH", "NOT_DUE", "VOID_NEVER_PUSHED"])
def test_each_sort_that_is_at_peace_carries_no_amount(kind: str) -> None:
    books = Books()
    books.row(2, kind=kind)
    assert books.says() == {6: "e"}
