"""What is owed by its age: as the settings had it when the run was made, in every format."""

import io
import json
from collections.abc import Iterator
from dataclasses import replace
from importlib import resources
from typing import Any

import jsonschema
import pytest
from python_calamine import CalamineWorkbook

from sync import reporting
from sync.books import AgedBy, Aging, Run
from sync.report import to_pdf
from sync.report.codec import read_run, run_text
from sync.report.document import Document
from sync.report.rollforward import ages
from sync.settings import Report
from tests.report.company import CUTOFF, Company, seed_story
from tests.report.conftest import rendered

DASH = "\N{EN DASH}"


@pytest.fixture
def company() -> Iterator[Company]:
    made = seed_story()
    yield made
    made.close()


def aged(company: Company, **settings: Any) -> Run:
    """A run of the cutoff with these settings of reports."""
    known = company.parts.settings
    report = Report.model_validate(settings)
    company.parts = replace(
        company.parts, settings=known.model_copy(update={"report": report})
    )
    return company.reconcile(at=CUTOFF.replace(day=5), as_of=CUTOFF)


def built(company: Company, run: Run) -> Document:
    digest = run_text(run)[1]
    material = reporting.of_run(company.store, run, digest, ("rollforward",))
    return reporting.document("rollforward", material)


@pytest.mark.parametrize(
    ("aging", "titles", "keys"),
    [
        (Aging(), "Current 1-30 31-60 61-90 91+", "current days_1_30 days_31_60 days_61_90 days_91"),
        (Aging(AgedBy.INVOICE), "0-30 31-60 61-90 91+", "days_0_30 days_31_60 days_61_90 days_91"),
        (Aging(days=(1, 7)), "Current 1 2-7 8+", "current days_1_1 days_2_7 days_8"),
        (Aging(AgedBy.INVOICE, (1,)), "0-1 2+", "days_0_1 days_2"),
    ],
)  # fmt: skip
def test_buckets_are_named_by_their_days(aging: Aging, titles: str, keys: str) -> None:
    assert [title for _, title in ages(aging)] == titles.replace("-", DASH).split()
    assert [key for key, _ in ages(aging)] == keys.split()


def test_the_same_debts_by_the_date_of_the_invoice(company: Company) -> None:
    """Asked for on 2 and 9 October, due two weeks later; the cutoff is the 3rd of November."""
    totals = {}
    for by, days in (("due", [30, 60, 90]), ("invoice", [7, 31, 40])):
        run = aged(company, aging_by=by, aging_days=days)
        table = built(company, run).table("aging")
        totals[by] = {
            key: minor
            for key, minor in table.totals["stripe", "USD"].items()
            if minor and key.startswith(("current", "days_"))
        }
        assert sum(totals[by].values()) == table.totals["stripe", "USD"]["open"]
    assert set(totals["due"]) == {"days_1_30"}
    assert set(totals["invoice"]) == {"days_8_31", "days_32_40"}


def test_every_format_shows_how_it_was_aged(company: Company) -> None:
    run = aged(company, aging_by="invoice", aging_days=[31, 45])
    document = built(company, run)
    html = rendered(document, "html").decode()
    title = "A/R roll-forward with aging by invoice date and tie-out"
    for words in (title, "the invoice&#39;s date", "31, 45 days", f"32{DASH}45", "46+"):
        assert words in html, words
    assert "days past due" not in html
    body = json.loads(rendered(document, "json"))
    schema = resources.files("sync.report").joinpath("schemas/rollforward.json")
    jsonschema.validate(body, json.loads(schema.read_text(encoding="utf-8")))
    assert body["head"]["title"] == title
    (row, *_) = body["tables"]["aging"]["rows"]
    assert {"days_0_31", "days_32_45", "days_46"} <= row.keys()
    assert "current" not in row
    (chart,) = [one for key, one in body["charts"].items() if key.endswith("usd")]
    assert f"32{DASH}45: " in chart["words"]
    book = CalamineWorkbook.from_filelike(io.BytesIO(rendered(document, "xlsx")))
    cells = [cell for row in book.get_sheet_by_name("Aging").to_python() for cell in row]
    assert {f"0{DASH}31", f"32{DASH}45", "46+"} <= set(map(str, cells))
    table = rendered(document, "csv").decode("utf-8-sig").splitlines()[0]
    assert f"32{DASH}45" in table


def test_a_page_has_room_for_as_many_buckets_as_the_settings_take(company: Company) -> None:
    document = built(company, aged(company, aging_days=[10, 20, 31, 120]))
    heads = [
        block["heads"]
        for section in to_pdf._body(document)["sections"]
        for block in section["blocks"]
        if "Current" in block.get("heads", ())
    ]
    titles = heads[-1]
    assert titles[2:] == [
        *("Ccy", "Current", f"1{DASH}10", f"11{DASH}20", f"21{DASH}31", f"32{DASH}120"),
        *("121+", "Open balance"),
    ]


def test_a_kept_run_is_aged_as_it_was_made(company: Company) -> None:
    first = aged(company)
    before = rendered(built(company, first), "json")
    second = aged(company, aging_by="invoice")
    assert second.run_id != first.run_id
    assert (second.aging.by, second.restated_from) == ("invoice", "")  # no figure moved
    again = read_run(company.store.run(first.run_id)[0])  # type: ignore[index]  # it is kept
    assert rendered(built(company, again), "json") == before
    assert aged(company, aging_by="invoice").run_id == second.run_id


def test_a_run_that_was_kept_before_there_was_a_choice_is_aged_by_due_date() -> None:
    text = run_text(Run("R-1", "acme", outcome="CLEAR", as_of=CUTOFF, made_at=CUTOFF))[0]  # type: ignore[arg-type]
    old = json.loads(text)
    del old["aging"]
    assert read_run(json.dumps(old)).aging == Aging(AgedBy.DUE, (30, 60, 90))
