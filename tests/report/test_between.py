"""The view between Stripe and an ERP: what it lists, counts and foots; nothing else moves."""

from dataclasses import replace

import pytest

from sync.report import reconciliation
from sync.report.document import Document
from sync.report.material import Material
from tests.report.conftest import rendered


@pytest.fixture(scope="module")
def report(beside: Material) -> Document:
    return reconciliation.build(beside)


def test_every_difference_stands_in_it_once_and_the_rest_is_counted(
    report: Document,
) -> None:
    pairs = {pair.core_invoice_id: pair.kind for pair in report.table("pairs").rows()}
    assert pairs == {
        "ci_lost": "ERP_NOT_SYNCED",
        "ci_euro": "CURRENCY_MISMATCH",
        "ci_note": "TWIN_MISSING",
        "ci_memo": "TWIN_MISSING",
        "ci_more": "OVERBILLED",
    }
    sums = {(one.currency, one.kind): one for one in report.table("agreement").rows()}
    agreed = sums["USD", "AGREED"]
    assert (agreed.count, agreed.net) == (3, 28_000)
    assert (
        "another month than in Stripe: stripe↔books: 1, 100.00 USD"
        in report.table("agreement").note
    )


def test_sums_of_two_legs_are_never_added(report: Document) -> None:
    for key in ("detail", "summary", "unexplained", "pairs", "agreement"):
        table = report.table(key)
        assert table.group == "leg"
        assert all(group for group, _ in table.totals)
    totals = report.table("detail").totals
    assert totals["core↔stripe", "USD"]["core_amount"] == 80_000
    # The document in euros is netted with nothing.
    assert totals["core↔books", "USD"]["core_amount"] == 70_000


def test_the_nets_of_the_two_legs_differ_by_what_it_shows(beside: Material) -> None:
    def held(material: Material) -> list[bool]:
        lines = reconciliation.build(material).table("checks").rows()
        return [line.ok for line in lines if line.leg == "stripe↔books"]

    assert held(beside) == [True, True]
    _, *rest = beside.run.pairs
    assert held(replace(beside, run=replace(beside.run, pairs=tuple(rest)))) != [True, True]


def test_every_format_has_it(report: Document) -> None:
    assert "TWIN_MISSING" in rendered(report, "html").decode()
    assert b"%PDF" in rendered(report, "pdf")[:8]
    assert rendered(report, "xlsx")


def test_it_is_not_there_without_an_erp(material: Material) -> None:
    made = reconciliation.build(material)
    assert "between" not in [section.key for section in made.sections]
    assert "pairs" not in [table.key for table in made.tables()]
