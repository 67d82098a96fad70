"""Sound books with one thing touched: which check lines must fail of it, and no others.

What is touched stands in the rows, the memos, the worklist, the roll-forward, the sources or
the comparison between two registers: both sides of every line.
"""

import io
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from functools import reduce
from typing import Any

from python_calamine import CalamineWorkbook

from state.receivables import MemoStatus
from state.worklist import Cause, FlagState
from sync.books import Row, Source
from sync.report.checklines import CheckLine
from sync.report.material import Material

Failed = tuple[int, str, str]  # the line, its leg, its currency
STRIPE, BOOKS, BETWEEN = "core↔stripe", "core↔books", "stripe↔books"


@dataclass(frozen=True)
class Corruption:
    """What is done to which books, and what must be seen of it."""

    touch: Callable[[Material], Material]
    failed: frozenset[Failed]
    two_registers: bool = False


def with_rows(material: Material, rows: tuple[Row, ...]) -> Material:
    return replace(material, run=replace(material.run, rows=rows), rows=lambda: rows)


def changed_row(core: str, target: str = "stripe", **more: Any) -> Callable[..., Material]:
    """Each amount that is named moves by so much; all else is set."""

    def touch(material: Material) -> Material:
        return with_rows(material, tuple(map(change, material.rows())))

    def change(row: Row) -> Row:
        if (row.core_invoice_id, row.target) != (core, target):
            return row
        moved = {
            key: getattr(row, key) + value if isinstance(value, int) else value
            for key, value in more.items()
        }
        return replace(row, **moved)

    return touch


def without_row(core: str) -> Callable[[Material], Material]:
    return lambda m: with_rows(
        m, tuple(row for row in m.rows() if row.core_invoice_id != core)
    )


def one_more_row(**more: Any) -> Callable[[Material], Material]:
    """A row that nothing which was read asks for."""

    def touch(material: Material) -> Material:
        last = tuple(material.rows())[-1]
        blank = Row(last.target, "MATCHED", "cc", "C", "ci_new", "FINALIZED", "GBP", 0, 0)
        rows = (*material.rows(), replace(blank, **more))
        return replace(with_rows(material, rows), count=len(rows))

    return touch


def control(name: str, *totals: tuple[str, int]) -> Callable[[Material], Material]:
    """A source that says another control total."""

    def change(one: Source) -> Source:
        return replace(one, control=totals) if one.name == name else one

    return lambda m: replace(
        m, run=replace(m.run, sources=tuple(map(change, m.run.sources)))
    )


def changed_memo(name: str, **more: Any) -> Callable[[Material], Material]:
    return lambda m: replace(
        m, memos=tuple(replace(one, **more) if one.id == name else one for one in m.memos)
    )


def lost_memo(material: Material) -> Material:
    return replace(material, memos=tuple(m for m in material.memos if m.id != "cn_birch"))


def unlisted(material: Material) -> Material:
    """Detail shows what Unexplained does not: a later reading finds another amount."""
    readings = iter(range(10**6))
    rows = tuple(material.rows())
    moved = tuple(
        replace(r, unexplained=r.unexplained + 1, explained=r.explained - 1)
        if r.core_invoice_id == "ci_hazel"
        else r
        for r in rows
    )
    return replace(material, rows=lambda: rows if next(readings) < 2 else moved)


def moved_ledger(**more: int) -> Callable[[Material], Material]:
    """One movement of one customer in the roll-forward."""
    return lambda m: replace(
        m,
        ledger=tuple(
            replace(row, **{key: getattr(row, key) + minor for key, minor in more.items()})
            if row.customer_id == "cc_acme"
            else row
            for row in m.ledger
        ),
    )


def lost_ledger(material: Material) -> Material:
    return replace(
        material, ledger=tuple(r for r in material.ledger if r.customer_id != "cc_fir")
    )


def lost_flag(material: Material) -> Material:
    return replace(
        material, flags=tuple(f for f in material.flags if f.core_invoice_id != "ci_acme1")
    )


def changed_flag(**more: Any) -> Callable[[Material], Material]:
    return lambda m: replace(
        m,
        flags=tuple(
            replace(f, **more) if f.core_invoice_id == "ci_acme1" else f for f in m.flags
        ),
    )


def more_flags(**more: Any) -> Callable[[Material], Material]:
    """One more flag on the void invoice of the story."""

    def touch(material: Material) -> Material:
        flag = next(one for one in material.flags if one.core_invoice_id == "ci_acme1")
        return replace(material, flags=(*material.flags, replace(flag, id="F-9", **more)))

    return touch


def both(*touches: Callable[[Material], Material]) -> Callable[[Material], Material]:
    return lambda m: reduce(lambda so_far, touch: touch(so_far), touches, m)


def raised_later(material: Material) -> Material:
    return replace(material, raised_later=frozenset({("stripe", "in_acme1")}))


def unread(material: Material) -> Material:
    sources = tuple(one for one in material.run.sources if one.name == "core")
    return replace(material, run=replace(material.run, sources=sources))


def lost_pair(material: Material) -> Material:
    pairs = tuple(p for p in material.run.pairs if p.core_invoice_id != "ci_more")
    return replace(material, run=replace(material.run, pairs=pairs))


def made(touch: Callable[[Material], Material], *failed: Failed) -> Corruption:
    return Corruption(touch, frozenset(failed))


def beside(touch: Callable[[Material], Material], *failed: Failed) -> Corruption:
    return Corruption(touch, frozenset(failed), two_registers=True)


USD_OF_STRIPE = ("JPY", 480_000), ("BHD", 1_234_567)
CORRUPTIONS: dict[str, Corruption] = {
    # 1: the rows of Detail, and how many the run declares
    "the run declares one more": made(lambda m: replace(m, count=m.count + 1), (1, "", "")),
    "a row of nothing is lost": made(
        without_row("ci_gum"), (1, "", ""), (2, STRIPE, "USD"),
    ),
    # 2: the core
    "a core amount moves": made(changed_row("ci_cedar", core_minor=-1), (2, STRIPE, "USD")),
    "a core amount moves in one leg of two": beside(
        changed_row("ci_even", "books", core_minor=1), (2, BOOKS, "USD")
    ),
    "a core amount in another currency moves": beside(
        changed_row("ci_euro", "books", core_minor=1), (2, BOOKS, "USD")
    ),
    "the core has read another total": made(
        control("core", ("USD", 1_104_799), ("BHD", 1_234_567)), (2, STRIPE, "USD")
    ),
    "the core has read no total of a currency": made(
        control("core", ("USD", 1_104_800)), (2, STRIPE, "BHD")
    ),
    "an amount in a currency that the core never had": made(
        one_more_row(core_minor=5), (2, STRIPE, "GBP")
    ),
    # 3: the register
    "a document's amount moves": made(changed_row("ci_cedar", gross_minor=1), (3, STRIPE, "USD")),
    "a register has read another total": made(
        control("stripe", ("USD", 2_343_001), *USD_OF_STRIPE), (3, STRIPE, "USD")
    ),
    "a register has read no total at all": made(
        control("stripe"), *((3, STRIPE, one) for one in ("USD", "JPY", "BHD"))
    ),
    "a register was not read": made(
        unread, *((3, STRIPE, one) for one in ("USD", "JPY", "BHD"))
    ),
    "a document in a currency that the register never had": made(
        one_more_row(gross_minor=5), (3, STRIPE, "GBP")
    ),
    # 4: the memos
    "a memo counts for more in its row": made(
        changed_row("ci_birch", memos_minor=-1), (4, STRIPE, "USD")
    ),
    "a memo is lost from the register": made(lost_memo, (4, STRIPE, "USD")),
    "a memo has another amount in the register": made(
        changed_memo("cn_birch", amount_minor=4_001), (4, STRIPE, "USD")
    ),
    "a memo is taken back in the register": made(
        changed_memo("cn_birch", status=MemoStatus.VOID), (4, STRIPE, "USD")
    ),
    "a memo that was taken back stands in the register": made(
        changed_memo("cn_void9", status=MemoStatus.ISSUED), (4, STRIPE, "USD")
    ),
    "a memo that nobody had approved is": beside(
        changed_memo("bm_memo", approved=False), (4, BOOKS, "USD")
    ),
    "a memo in another currency": made(
        changed_memo("cn_birch", currency="EUR"), (4, STRIPE, "USD")
    ),
    "a memo is not applied any more": made(
        changed_memo("cn_birch", applied=False), (4, STRIPE, "USD")
    ),
    "a memo counted in a currency that has none": made(
        one_more_row(memos_minor=-5), (4, STRIPE, "GBP")
    ),
    # 5: the identity, and what stands between two registers
    "an explained part moves": made(changed_row("ci_birch", explained=1), (5, STRIPE, "USD")),
    "a rounding moves": made(changed_row("ci_birch", rounding=1), (5, STRIPE, "USD")),
    "a timing part moves": made(changed_row("ci_birch", timing=1), (5, STRIPE, "USD")),
    "a net variance moves": made(changed_row("ci_birch", net_variance=1), (5, STRIPE, "USD")),
    "a net moves in one leg of two": beside(
        changed_row("ci_even", "books", net_minor=1), (5, BETWEEN, "USD")
    ),
    "a pair between the registers is lost": beside(lost_pair, (5, BETWEEN, "USD")),
    # 6: what is listed
    "Unexplained lists another amount": made(unlisted, (6, STRIPE, "USD")),
    # 7: the balances
    "an open balance moves": made(changed_row("ci_fir", open_minor=1), (7, STRIPE, "BHD")),
    "a payment moves in the roll-forward": made(moved_ledger(payments=-100), (7, STRIPE, "USD")),
    "an opening balance moves in the roll-forward": made(
        moved_ledger(opening=7), (7, STRIPE, "USD")
    ),
    "what is outside the core moves": made(moved_ledger(outside=7), (7, STRIPE, "USD")),
    "a customer is lost from the roll-forward": made(lost_ledger, (7, STRIPE, "BHD")),
    "a balance in a currency that has none": made(
        one_more_row(open_minor=5), (7, STRIPE, "GBP")
    ),
    # 8: one row for each
    "a document stands in two rows": made(
        changed_row("ci_fir", document_id="in_hazel"), (8, "", "")
    ),
    "a document stands beside another in two rows": made(
        changed_row("ci_cedar", document_id="in_cedar, in_hazel"), (8, "", "")
    ),
    "and the other way round": made(
        changed_row("ci_cedar", document_id="in_hazel, in_cedar"), (8, "", "")
    ),
    "an invoice stands in two rows": made(
        changed_row("ci_cedar", core_invoice_id="ci_hazel"), (8, "", "")
    ),
    # 9: the worklist
    "a flag is lost": made(lost_flag, (9, "", "USD")),
    "a flag asks for less": made(changed_flag(exposure_minor=1), (9, "", "USD")),
    "a flag asks in another currency": made(
        changed_flag(currency="EUR"), (9, "", "USD"), (9, "", "EUR")
    ),
    "a void row shows more than is asked for": made(
        changed_row("ci_acme1", unexplained=5, explained=-5), (9, "", "USD")
    ),
    "a row that asks for nothing is a void": made(
        changed_row("ci_hazel", kind="VOID_PENDING"), (9, "", "USD")
    ),
    # Touched, and in order all the same
    "a void on which nothing is owed": made(changed_row("ci_dogwood", kind="VOID_PENDING")),
    "and a flag on it, of nothing": made(
        both(
            changed_row("ci_dogwood", kind="VOID_PENDING"),
            more_flags(subject="in_dogwood", core_invoice_id="ci_dogwood", exposure_minor=0),
        )
    ),
    "a flag of the same invoice is resolved": made(
        more_flags(subject="in_x", state=FlagState.RESOLVED)
    ),
    "a flag of the same invoice asks for something else": made(
        more_flags(subject="in_x", cause=Cause.CORE_ANOMALY)
    ),
    "a flag of an invoice that is no void": made(more_flags(subject="in_x", core_invoice_id="ci_fir")),
    "two flags on one document": made(more_flags(cause=Cause.DUPLICATE_DOWNSTREAM)),
    "what was done after the cutoff was still to be done at it": made(
        changed_row("ci_acme1", unexplained=-40_000, timing=40_000)
    ),
    "the work was found only after the cutoff": made(both(lost_flag, raised_later)),
    "and done after that": made(
        both(lost_flag, raised_later, changed_row("ci_acme1", unexplained=-40_000, timing=40_000))
    ),
    "nobody ever asked, and it was done since": made(
        both(lost_flag, changed_row("ci_acme1", unexplained=-1_240_000, timing=1_240_000))
    ),
}  # fmt: skip


def failing(lines: Iterable[CheckLine]) -> frozenset[Failed]:
    return frozenset((one.number, one.leg, one.currency) for one in lines if not one.ok)


def only(number: int) -> Corruption:
    """One that touches this line alone."""
    return next(c for c in CORRUPTIONS.values() if {n for n, _, _ in c.failed} == {number})


def checks_of(workbook: bytes) -> frozenset[Failed]:
    """The lines that a workbook shows as failed, as its figures stand."""
    summary = CalamineWorkbook.from_filelike(io.BytesIO(workbook)).get_sheet_by_name(
        "Summary"
    )
    rows = summary.to_python()
    first, head = next((n, row) for n, row in enumerate(rows) if row[0] == "No.")
    leg, currency, result = (head.index(title) for title in ("Leg", "Ccy", "Result"))
    return frozenset(
        (int(float(str(row[0]))), str(row[leg]), str(row[currency]))
        for row in rows[first:]
        if row[result] == "CHECK"
    )
