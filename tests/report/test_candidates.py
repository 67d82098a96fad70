"""Candidates in the report: read from the books, said with what to do, and moving nothing."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from state.receivables import DocumentStatus
from sync import reporting
from sync.books import Run
from sync.report.cells import day
from sync.report.codec import run_text
from sync.report.document import Document
from tests.report.company import NOON, OCTOBER, Company
from tests.report.conftest import rendered


@pytest.fixture(scope="module")
def company() -> Iterator[Company]:
    """In Stripe and the ERP: one voided and written anew, one written by hand, one memo."""
    made = Company("acme-us", ("stripe", "netsuite"), decided=False)
    made.customer("cc_gum", "Gum")
    for name, amount in (("ci_old", 7_500), ("ci_hand", 8_100), ("ci_much", 5_000)):
        made.bill(name, "cc_gum", amount)
        made.post(f"ns_{name}", name, amount, target="netsuite")
    made.post("in_old", "ci_old", 7_500)
    made.post("in_much", "ci_much", 5_600)
    made.see(OCTOBER + timedelta(days=1))
    made.move("in_old", status=DocumentStatus.VOID, voided_at=NOON)
    made.post("in_new", None, 7_500, at=NOON, customer_id="cus_gum")
    made.post("in_hand", None, 7_500, tax=600, at=NOON, core_customer_id="cc_gum")
    made.post("ns_other", None, 7_500, target="netsuite", at=NOON)
    made.credit("cn_much", None, 600, at=NOON)
    made.see(NOON)
    yield made
    made.close()


def report(company: Company, run: Run) -> Document:
    material = reporting.of_run(company.store, run, run_text(run)[1], ["reconciliation"])
    return reporting.document("reconciliation", material)


def shown(document: Document) -> list[tuple[Any, ...]]:
    table = document.table("candidates")
    wanted = ("core_invoice", "rank", "candidate", "same_customer", "act")
    columns = {one.key: one for one in table.columns}
    return [tuple(columns[key].of(row) for key in wanted) for row in table.rows()]


def test_each_comes_with_how_a_person_ties_it(company: Company) -> None:
    link = "tieout link add ci_old --in stripe --old in_old --new {} --reason TEXT --approver NAME"
    assert shown(report(company, company.reconcile())) == [
        (
            "ci_hand", 1, "in_hand", "yes",
            "Write ci_hand into its metadata, as core_invoice_id, in stripe.",
        ),
        ("ci_old", 1, "in_hand", "yes", link.format("in_hand")),
        ("ci_old", 2, "in_new", "not told", link.format("in_new")),
        ("ci_much", 1, "cn_much", "not told", "Apply it in stripe to in_much."),
    ]  # fmt: skip


@pytest.mark.parametrize("form", ["json", "html"])
def test_they_stand_in_the_file(company: Company, form: str) -> None:
    made = rendered(report(company, company.reconcile()), form).decode()
    assert "tieout link add ci_old --in stripe --old in_old --new in_new" in made


def test_what_came_after_the_cutoff_is_no_candidate(company: Company) -> None:
    run = company.reconcile(as_of=NOON - timedelta(days=1))
    assert day(run.as_of) < day(NOON)
    assert shown(report(company, run)) == []


def test_a_report_that_knows_of_candidates_leaves_the_run_as_it_is(
    company: Company,
) -> None:
    run = company.reconcile()
    before = run_text(run)
    made = report(company, run)
    assert run_text(run) == before
    without = reporting.document(
        "reconciliation",
        replace(
            reporting.of_run(company.store, run, before[1], ["reconciliation"]), loose=()
        ),
    )
    assert made.outcome == without.outcome
    assert made.failed == without.failed
    for one in made.tables():
        if one.key != "candidates":
            other = without.table(one.key)
            assert (one.totals, one.count) == (other.totals, other.count)
            assert list(one.rows()) == list(other.rows())
