"""The nine check lines: each holds on sound books, and fails when what it guards is touched."""

import csv
import io
import json
from dataclasses import replace

import pytest

from sync.report import reconciliation, to_csv
from sync.report.checklines import CheckLine, check_table
from sync.report.document import Kind
from sync.report.material import Material
from tests.report.conftest import rendered
from tests.report.corrupted import CORRUPTIONS, changed_row, checks_of, failing, only


def lines_of(material: Material) -> tuple[CheckLine, ...]:
    return tuple(reconciliation.build(material).table("checks").rows())


@pytest.fixture
def sound(material: Material, beside: Material) -> dict[bool, Material]:
    return {False: material, True: beside}


def test_every_line_holds_on_the_story(material: Material) -> None:
    lines = lines_of(material)
    assert {line.number for line in lines} == set(range(1, 10))
    assert failing(lines) == set()
    assert reconciliation.build(material).failed == 0


def test_each_line_is_touched_somewhere() -> None:
    assert {line for one in CORRUPTIONS.values() for line, _, _ in one.failed} == set(
        range(1, 10)
    )


@pytest.mark.parametrize("name", CORRUPTIONS)
def test_a_line_fails_when_what_it_guards_is_touched_and_no_other(
    sound: dict[bool, Material], name: str
) -> None:
    one = CORRUPTIONS[name]
    document = reconciliation.build(one.touch(sound[one.two_registers]))
    assert failing(document.table("checks").rows()) == one.failed
    assert document.failed == len(one.failed)


BY_LEG = "{detail.currency},{currency},{detail.leg},{leg})"
NET = 'SUMIFS({{detail.net}},{{detail.currency}},{{currency}},{{detail.leg}},"core↔{}")'
WORDS = {
    # number: what the line says, and its live formula
    1: ("rows in Detail = rows that the run declares", "ROWS({detail.kind})"),
    2: (
        "Σ core amount = the core's control total",
        f"SUMIFS({{detail.core_amount}},{BY_LEG}+",
    ),
    3: (
        "Σ downstream gross = the register's control total",
        f"SUMIFS({{detail.gross}},{BY_LEG}",
    ),
    4: ("Σ credit memos + the memo register = 0", f"SUMIFS({{detail.memos}},{BY_LEG}"),
    5: (
        "Σ net variance = Σ rounding, explained, timing and unexplained",
        f"SUMIFS({{detail.net_variance}},{BY_LEG}",
    ),
    6: (
        "Σ unexplained = the total of Unexplained",
        f"SUMIFS({{detail.unexplained}},{BY_LEG}",
    ),
    7: (
        "Σ open balance = closing A/R of these documents",
        f"SUMIFS({{detail.open}},{BY_LEG}",
    ),
    8: ("invoices and documents that stand in two rows of one leg", ""),
    9: ("Σ unexplained of voids and surplus duplicates = the worklist's open exposure", ""),
}
BETWEEN = (
    "Σ downstream net of the ERP \u2212 of Stripe = Σ net variance between them",
    f"{NET.format('books')}-{NET.format('stripe')}",
)
STRIPE, BOOKS, BESIDE = "core↔stripe", "core↔books", "stripe↔books"
# Of Stripe and an ERP: the line, its leg and currency, and the figure that meets.
FIGURES = [
    (1, "", "", 16),
    (2, STRIPE, "USD", 80_000), (2, BOOKS, "USD", 80_000),
    (3, STRIPE, "USD", 80_000), (3, BOOKS, "EUR", 10_000), (3, BOOKS, "USD", 60_700),
    (4, BOOKS, "USD", -2_500), (4, STRIPE, "USD", -3_500),
    (5, BOOKS, "EUR", 10_000), (5, BOOKS, "USD", -11_800), (5, STRIPE, "USD", -3_500),
    (5, BESIDE, "EUR", 10_000), (5, BESIDE, "USD", -18_300),
    (6, BOOKS, "EUR", 10_000), (6, BOOKS, "USD", -9_300), (6, STRIPE, "USD", 0),
    (7, BOOKS, "EUR", 10_000), (7, BOOKS, "USD", 58_200), (7, STRIPE, "USD", 76_500),
    (8, "", "", 0),
    (9, "", "EUR", 0), (9, "", "USD", 0),
]  # fmt: skip


def test_each_line_says_what_it_holds_and_is_live_in_a_workbook(beside: Material) -> None:
    lines = lines_of(beside)
    assert [(one.number, one.leg, one.currency, one.left) for one in lines] == FIGURES
    assert all(one.right == one.left for one in lines)
    for one in lines:
        name, formula = BETWEEN if one.leg == BESIDE else WORDS[one.number]
        if one.number == 2:  # the core's amounts of documents in another currency, by hand
            formula += "100.00" if one.leg == BOOKS else "0.00"
        assert (one.name, one.formula) == (name, formula)


def test_core_amounts_beside_documents_in_another_currency_are_added_up(
    beside: Material,
) -> None:
    euros = changed_row("ci_more", "books", currency="EUR", core_currency="USD")(beside)
    (line,) = [one for one in lines_of(euros) if (one.number, one.leg) == (2, BOOKS)]
    assert line.ok
    assert line.formula.endswith("+200.00")


def test_without_stripe_nothing_is_held_between_two_registers(beside: Material) -> None:
    """An ERP alone: its own legs are held, and no pair is asked for."""
    alone = replace(beside, run=replace(beside.run, targets=("books",)))
    assert {one.leg for one in lines_of(alone) if one.number == 5} == {BOOKS, STRIPE}
    assert {one.leg for one in lines_of(alone) if one.number in {2, 3}} == {BOOKS}


def test_an_empty_book_holds(material: Material) -> None:
    run = replace(material.run, rows=(), sources=(), pairs=())
    empty = Material(run, "", "", lambda: (), 0)
    lines = lines_of(empty)
    assert [(one.number, one.currency, one.left, one.formula) for one in lines] == [
        (1, "", 0, ""), (8, "", 0, ""), (9, "", 0, ""),
    ]  # fmt: skip
    assert all(one.ok for one in lines)


def test_the_table_of_lines_shows_both_sides_and_marks_what_does_not_meet() -> None:
    sound = CheckLine(7, "balances", 5, 5, STRIPE, "USD", "SUM(A)")
    made = check_table((sound, CheckLine(9, "worklist", 5, 4)))
    money, text, name = Kind.MONEY, Kind.TEXT, Kind.ID
    assert [(one.key, one.title, one.kind) for one in made.columns] == [
        ("number", "No.", Kind.WHOLE), ("name", "Check", text), ("leg", "Leg", name),
        ("currency", "Ccy", name), ("left", "This report", money), ("right", "Other side", money),
        ("difference", "Difference", money), ("result", "Result", name),
    ]  # fmt: skip
    assert all(one.brief for one in made.columns), "it stands on paper whole"
    shown = [[column.of(row) for column in made.columns] for row in made.rows()]
    assert shown == [
        [7, "balances", STRIPE, "USD", 5, 5, 0, "OK"], [9, "worklist", "", "", 5, 4, 1, "CHECK"],
    ]  # fmt: skip
    assert made.marked is not None
    assert [made.marked(row) for row in made.rows()] == [False, True]
    assert [made.currency_of(row) for row in made.rows()] == ["USD", ""]
    live = [one.formula for one in made.columns if one.formula]
    assert [one(sound) if callable(one) else one for one in live] == [
        "ROUND(SUM(A),{exponent})", "ROUND({left}-{right},{exponent})",
        'IF({difference}=0,"OK","CHECK")',
    ]  # fmt: skip


@pytest.mark.parametrize("number", range(1, 10))
def test_a_failed_line_is_marked_in_every_format(
    sound: dict[bool, Material], number: int
) -> None:
    one = only(number)
    document = reconciliation.build(one.touch(sound[one.two_registers]))
    body = json.loads(rendered(document, "json"))
    assert body["failed_checks"] == len(one.failed)
    lines = body["tables"]["checks"]["rows"]
    assert one.failed == {
        (row["number"], row["leg"], row["currency"])
        for row in lines
        if row["result"] != "OK"
    }
    out = io.BytesIO()
    to_csv.write(document, out, table="checks")
    rows = csv.DictReader(io.StringIO(out.getvalue().decode("utf-8-sig")))
    shown = {
        (int(row["No."]), row["Leg"], row["Ccy"])
        for row in rows
        if row["Result"] == "CHECK"
    }
    assert shown == one.failed
    assert rendered(document, "html").decode().count(">CHECK<") == len(one.failed)
    assert checks_of(rendered(document, "xlsx")) == one.failed
