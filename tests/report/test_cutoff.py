"""A report of an old cutoff: its figures tie, and nothing that came later is in it."""

import io
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest

from state.receivables import DocumentStatus
from sync import reporting
from sync.books import Run
from sync.report.codec import run_text
from sync.report.document import Document
from tests.report.company import CUTOFF, MORNING, NOON, Company, seed_story

DAY = timedelta(days=1)


@pytest.fixture(scope="module")
def company() -> Iterator[Company]:
    """The story, and what became of it in November."""
    made = seed_story()
    made.move("in_acme1", status=DocumentStatus.VOID, voided_at=CUTOFF + DAY)
    made.pay("in_birch", made.documents["stripe", "in_birch"].open_minor, CUTOFF + 2 * DAY)
    made.credit("cn_late", "in_hazel", 700, at=CUTOFF + 2 * DAY)
    made.see(CUTOFF + 3 * DAY)
    yield made
    made.close()


def built(company: Company, run: Run, name: str) -> Document:
    material = reporting.of_run(company.store, run, run_text(run)[1], reporting.NAMES)
    return reporting.document(name, material)


CUTOFFS = [
    MORNING + timedelta(hours=1), NOON - timedelta(hours=2), NOON + timedelta(minutes=1),
    datetime(2026, 10, 31, 23, 59, 59, tzinfo=UTC), CUTOFF, CUTOFF + timedelta(hours=36),
]  # fmt: skip


@pytest.mark.parametrize("as_of", CUTOFFS, ids=lambda at: f"{at:%d-%H}")
@pytest.mark.parametrize("period", [None, "2026-10"])
def test_every_check_holds_at_any_cutoff(
    company: Company, as_of: datetime, period: str | None
) -> None:
    run = company.reconcile(at=CUTOFF + 4 * DAY, as_of=as_of, period=period)
    for name, table in (("reconciliation", "checks"), ("rollforward", "ties")):
        rows = list(built(company, run, name).table(table).rows())
        assert rows
        assert [row for row in rows if row.difference] == []


def test_what_came_later_is_not_in_it(company: Company) -> None:
    run = company.reconcile(at=CUTOFF + 4 * DAY, as_of=CUTOFF)
    rows = {
        row.customer_id: row
        for row in built(company, run, "rollforward").table("rollforward").rows()
    }
    assert rows["cc_acme"].voids_current == 0
    assert rows["cc_birch"].payments == 0
    numbers = {
        one.memo.id for one in built(company, run, "credit-memos").table("register").rows()
    }
    assert "cn_late" not in numbers


def test_november_opens_with_what_october_closed(company: Company) -> None:
    october = company.reconcile(at=CUTOFF + 4 * DAY, period="2026-10")
    november = company.reconcile(at=CUTOFF + 5 * DAY, period="2026-11")
    closing = {
        row.customer_id: row.closing
        for row in built(company, october, "rollforward").table("rollforward").rows()
        if row.closing
    }
    document = built(company, november, "rollforward")
    rows = {row.customer_id: row for row in document.table("rollforward").rows()}
    assert {name: rows[name].opening for name in closing} == closing
    assert rows["cc_acme"].voids_prior == -1_240_000
    ties = list(document.table("ties").rows())
    named = [one for one in ties if one.name.endswith(f"({october.run_id})")]
    assert len(named) == 3
    assert [one for one in ties if one.difference] == []


def test_a_kept_run_gives_the_same_bytes_after_later_facts(company: Company) -> None:
    run = company.reconcile(at=CUTOFF + 6 * DAY)
    before = {}
    for name in ("reconciliation", "rollforward", "credit-memos", "corrections"):
        out = io.BytesIO()
        reporting.write(built(company, run, name), "json", out)
        before[name] = out.getvalue()
    company.credit("cn_later", "in_dogwood", 300, at=CUTOFF + 7 * DAY)
    company.see(CUTOFF + 8 * DAY)
    for name, text in before.items():
        out = io.BytesIO()
        reporting.write(built(company, run, name), "json", out)
        assert out.getvalue() == text
