"""The nine check lines: each holds on sound books, and fails when what it guards is touched."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from sync.books import Row
from sync.report import reconciliation
from sync.report.checklines import CheckLine
from sync.report.material import Material


def lines_of(material: Material) -> list[CheckLine]:
    return list(reconciliation.build(material).table("checks").rows())


def changed_row(material: Material, core: str, **change: object) -> Material:
    rows = tuple(
        replace(row, **change) if row.core_invoice_id == core else row  # type: ignore[arg-type]
        for row in material.rows()
    )
    return with_rows(material, rows)


def with_rows(material: Material, rows: tuple[Row, ...]) -> Material:
    return replace(material, run=replace(material.run, rows=rows), rows=lambda: rows)


def lost_row(material: Material) -> Material:
    return with_rows(material, tuple(material.rows())[:-1])


def doubled(material: Material) -> Material:
    rows = tuple(material.rows())
    return replace(with_rows(material, (*rows, rows[-1])), count=len(rows) + 1)


def unlisted(material: Material) -> Material:
    """Detail shows what Unexplained does not: its second reading finds another amount."""
    readings = iter(range(10**6))
    rows = tuple(material.rows())
    moved = tuple(replace(r, unexplained=r.unexplained and r.unexplained + 1) for r in rows)
    return replace(material, rows=lambda: rows if next(readings) < 2 else moved)


def paid_more(material: Material) -> Material:
    ledger = tuple(
        replace(row, payments=row.payments - 100) if row.customer_id == "cc_acme" else row
        for row in material.ledger
    )
    return replace(material, ledger=ledger)


def forgotten_flag(material: Material) -> Material:
    return replace(material, flags=material.flags[1:])


def memo_lost(material: Material) -> Material:
    return replace(material, memos=tuple(m for m in material.memos if m.id != "cn_birch"))


CORRUPTIONS: dict[int, Callable[[Material], Material]] = {
    1: lost_row,
    2: lambda m: changed_row(m, "ci_cedar", core_minor=89_999),
    3: lambda m: changed_row(m, "ci_cedar", gross_minor=89_999),
    4: memo_lost,
    5: lambda m: changed_row(m, "ci_birch", explained=-3_999),
    6: unlisted,
    7: paid_more,
    8: doubled,
    9: forgotten_flag,
}


def test_every_line_holds_on_the_story(material: Material) -> None:
    lines = lines_of(material)
    assert {line.number for line in lines} == set(range(1, 10))
    assert [line for line in lines if not line.ok] == []
    assert reconciliation.build(material).failed == 0


@pytest.mark.parametrize("number", CORRUPTIONS)
def test_a_line_fails_when_what_it_guards_is_touched(
    material: Material, number: int
) -> None:
    document = reconciliation.build(CORRUPTIONS[number](material))
    failed = {line.number for line in document.table("checks").rows() if not line.ok}
    assert number in failed
    assert document.failed >= 1


@pytest.mark.parametrize(
    ("core", "change", "number"),
    [
        ("ci_acme1", {"unexplained": 1}, 9),
        ("ci_birch", {"memos_minor": -4_001}, 4),
        ("ci_fir", {"open_minor": 1}, 7),
        ("ci_birch", {"net_variance": -3_999}, 5),
    ],
)
def test_a_line_fails_from_its_other_side_too(
    material: Material, core: str, change: dict[str, int], number: int
) -> None:
    lines = lines_of(changed_row(material, core, **change))
    assert number in {line.number for line in lines if not line.ok}


def test_a_row_in_another_currency_is_not_added_to_either(material: Material) -> None:
    """The core's amount is in its own control total; the document's in the register's."""
    rows = tuple(
        replace(
            row, kind="CURRENCY_MISMATCH", currency="EUR", core_currency="USD",
            net_variance=90_000, unexplained=90_000,
        )
        if row.core_invoice_id == "ci_cedar" else row
        for row in material.rows()
    )  # fmt: skip
    lines = lines_of(with_rows(material, rows))
    (dollars,) = [line for line in lines if line.number == 2 and line.currency == "USD"]
    assert dollars.ok
    assert dollars.formula.endswith("+900.00")
