"""A month begins and ends where its time zone's clocks say so, whatever they do in between."""

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from pathlib import Path
from zoneinfo import ZoneInfo

import duckdb
import pytest
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner

from state.clock import LATEST
from state.credits import CoreCredit, CreditSegment, LedgerEntry
from state.receivables import DocumentStatus
from state.rows import micros
from sync.books import Outcome, Run
from sync.cli import app
from sync.months import (
    dated,
    first_instants,
    last_instant,
    moment_of,
    month_of,
    name_of,
    period_of,
)
from sync.observe import _dated
from sync.pairs import apart
from sync.reconcile import How
from sync.report.cells import Calendar
from sync.report.common import ground_blocks
from sync.report.document import Facts
from sync.report.material import Material
from sync.statements import YEARS, month_number
from tests.kept import Kept, broken, core, document

ZONES = (
    "UTC", "America/New_York", "Europe/Lisbon", "Asia/Tokyo", "Pacific/Auckland",
    "Pacific/Kiritimati", "Etc/GMT+12", "America/St_Johns", "Africa/Cairo", "America/Asuncion",
)  # fmt: skip
zones = st.sampled_from(ZONES)


@pytest.mark.parametrize(
    ("period", "zone", "start", "end"),
    [
        ("2026-10", "UTC", "2026-10-01T00", "2026-11-01T00"),
        (
            "2026-03",
            "America/New_York",
            "2026-03-01T05",
            "2026-04-01T04",
        ),  # clocks go forward
        ("2026-11", "America/New_York", "2026-11-01T04", "2026-12-01T05"),  # and back
        ("2026-10", "Asia/Tokyo", "2026-09-30T15", "2026-10-31T15"),
        ("2026-12", "Europe/Berlin", "2026-11-30T23", "2026-12-31T23"),
    ],
)
def test_where_a_month_lies(period: str, zone: str, start: str, end: str) -> None:
    month = month_of(period, zone)
    assert (month.start, month.end) == tuple(
        datetime.fromisoformat(f"{one}:00").replace(tzinfo=UTC) for one in (start, end)
    )
    assert month.start is not None
    assert month.holds(month.start)
    assert not month.holds(month.end)


@given(zone=zones, year=st.integers(1990, 2040), number=st.integers(1, 12))
def test_months_meet_and_never_overlap(zone: str, year: int, number: int) -> None:
    following = f"{year + number // 12:04d}-{number % 12 + 1:02d}"
    one, other = month_of(f"{year:04d}-{number:02d}", zone), month_of(following, zone)
    assert one.end == other.start
    assert one.end == one.last + timedelta(microseconds=1)


@given(zone=zones, day=st.dates(date(1990, 1, 1), date(2040, 12, 31)))
def test_a_register_s_date_is_that_day_there_and_in_utc(zone: str, day: date) -> None:
    kept = dated(datetime.combine(day, time(), UTC), zone)
    assert kept is not None
    assert {kept.date(), kept.astimezone(ZoneInfo(zone)).date()} == {day}
    assert dated(kept, zone) == kept
    assert kept <= last_instant(day, zone)


def test_what_has_a_time_of_day_is_an_instant_already() -> None:
    posted = datetime(2026, 11, 1, 2, tzinfo=UTC)
    assert dated(posted, "America/New_York") == posted
    assert dated(None, "America/New_York") is None


def test_stripe_tells_instants_itself() -> None:
    midnight = datetime(2026, 11, 1, tzinfo=UTC)
    theirs = _dated(document("erp", "a", posted=midnight), "America/New_York")
    ours = _dated(document("stripe", "a", posted=midnight), "America/New_York")
    assert (theirs.posted_at, ours.posted_at) == (midnight + timedelta(hours=4), midnight)


@pytest.fixture
def kept(tmp_path: Path) -> Iterator[Kept]:
    yield (made := Kept(f"sqlite:///{tmp_path}/state.db", ("stripe",), "America/New_York"))
    made.close()


@pytest.mark.parametrize("how", [How(engine=False), How(engine=True)])
def test_a_run_is_of_the_month_as_its_clocks_show_it(kept: Kept, how: How) -> None:
    """Billed at ten in the evening of the 31st, in New York: that is November in UTC."""
    evening = datetime(2026, 11, 1, 2, tzinfo=UTC)
    kept.see(
        datetime(2026, 11, 2, tzinfo=UTC),
        invoices=(
            core("a", issued=evening),
            core("b", issued=evening + timedelta(hours=3)),
        ),
        documents=(
            document("stripe", "a", posted=evening),
            document("stripe", "b", posted=evening + timedelta(hours=3)),
        ),
    )
    october = kept.run(period="2026-10", how=how)
    november = kept.run(period="2026-11", how=how)
    assert [row.core_invoice_id for row in october.rows] == ["a"]
    assert [row.core_invoice_id for row in november.rows] == ["b"]
    assert october.rows[0].document_status == DocumentStatus.OPEN
    assert october.as_of == datetime(2026, 11, 1, 3, 59, 59, 999_999, tzinfo=UTC)
    assert {october.timezone, november.timezone} == {"America/New_York"}
    assert broken(october) == broken(november) == []


def test_the_zone_stands_in_the_basis_of_every_report(kept: Kept) -> None:
    run = kept.run(period="2026-10")
    material = Material(run=run, digest="", content="", rows=lambda: (), count=0)
    facts = ground_blocks(material)[0]
    assert isinstance(facts, Facts)
    assert ("Time zone of the period", "America/New_York") in facts.pairs


def test_two_documents_of_one_invoice_are_apart_by_the_clocks_of_the_zone() -> None:
    """Stripe's of ten in the evening of the 31st, and the ERP's of the 1st."""
    evening, first = (
        datetime(2026, 11, 1, 2, tzinfo=UTC),
        datetime(2026, 11, 1, 4, tzinfo=UTC),
    )
    assert not apart(evening, first, "UTC")
    assert apart(evening, first, "America/New_York")
    assert not apart(None, first, "America/New_York")
    assert not apart(first, None, "America/New_York")
    dates = Calendar("America/New_York")
    assert (dates.day(evening), dates.month(evening)) == ("2026-10-31", "2026-10")
    assert (dates.day(first), dates.month(first)) == ("2026-11-01", "2026-11")
    assert (dates.day(None), dates.month(None)) == ("", "")


@pytest.mark.parametrize("how", [How(engine=False), How(engine=True)])
@pytest.mark.parametrize("keep_plain", [0, 100])
@pytest.mark.parametrize(("zone", "expected"), [("UTC", 0), ("America/New_York", 1)])
def test_a_run_counts_them_as_apart(
    tmp_path: Path, zone: str, expected: int, how: How, keep_plain: int
) -> None:
    evening, first = (
        datetime(2026, 11, 1, 2, tzinfo=UTC),
        datetime(2026, 11, 1, 4, tzinfo=UTC),
    )
    kept = Kept(f"sqlite:///{tmp_path}/state.db", zone=zone)
    kept.see(
        first,
        invoices=(core("a", issued=evening),),
        documents=(
            document("stripe", "a", posted=evening),
            document("erp", "a", posted=first),
        ),
    )
    (agreed,) = kept.run(how=replace(how, keep_plain=keep_plain)).agreed
    assert (agreed.count, agreed.apart) == (1, expected)
    kept.close()


@pytest.mark.parametrize("zone", ZONES)
def test_the_set_engine_numbers_months_as_the_rule_does(zone: str) -> None:
    """At each first instant of a month, and at the last one before it."""
    begin = first_instants(zone, range(1999, 2040))
    moments = [one + timedelta(microseconds=by) for one in begin for by in (-1, 0)]
    number = month_number("m", zone)
    with duckdb.connect() as db:
        query = f"SELECT {number} FROM (SELECT unnest($some::BIGINT[]) AS m)"
        found = db.execute(query, {"some": [micros(one) for one in moments]}).fetchall()
    names = [name_of(one, zone) for one in moments]
    assert [one for (one,) in found] == [int(n[:4]) * 12 + int(n[5:]) for n in names]
    assert datetime(YEARS.start, 1, 1, tzinfo=UTC).timestamp() == 0


def test_credit_list_takes_the_month_of_the_zone(tmp_path: Path) -> None:
    """A credit that begins at ten in the evening of the 31st, in New York, is October's."""
    evening = datetime(2026, 11, 1, 2, tzinfo=UTC)
    entry = LedgerEntry("CREDIT_SEGMENT_START", Decimal(500), evening, "s1", None, "k1")
    segment = CreditSegment("s1", Decimal(500), evening, datetime(2027, 1, 1, tzinfo=UTC))
    credit = CoreCredit(
        "cr_1", "cc_1", "Goodwill", "p_1", "USD (cents)", Decimal(5), (segment,),
        ledger=(entry,), currency="USD", created_at=evening,
    )  # fmt: skip
    url = f"sqlite:///{tmp_path}/state.db"
    made = Kept(url, targets=("stripe",))
    made.see(evening, credits=(credit,))
    made.close()
    config = tmp_path / "config.yaml"
    config.write_text(
        f"entity: acme\nstate: {{url: '{url}'}}\nschedule: {{timezone: America/New_York}}\n"
    )
    for period, opening, granted in (("2026-10", "0", "500"), ("2026-11", "500", "0")):
        words = ["credit", "list", "--period", period, "--json", "-c", str(config)]
        answer = CliRunner().invoke(app, words)
        (row,) = json.loads(answer.stdout)
        assert (row["opening"], row["granted"]) == (opening, granted), answer.stdout


def test_all_of_time_is_no_month() -> None:
    for period in (None, ""):
        always = month_of(period, "Asia/Tokyo")
        assert (always.name, always.start, always.end, always.zone) == (
            "",
            None,
            None,
            "Asia/Tokyo",
        )
        assert always.holds(datetime(1990, 1, 1, tzinfo=UTC))
        assert always.holds(None)
        assert always.last == LATEST
        assert always.cutoff(datetime(2030, 1, 1, tzinfo=UTC)) is None


def test_a_month_holds_what_was_posted_in_it_and_closes_when_it_is_over() -> None:
    october = month_of("2026-10")
    assert october.name == "2026-10"
    assert october.start is not None
    assert october.end is not None
    tick = timedelta(microseconds=1)
    for moment, held in (
        (october.start - tick, False), (october.start, True), (october.end - tick, True),
        (october.end, False), (None, False),
    ):  # fmt: skip
        assert october.holds(moment) is held
    assert october.cutoff(october.end - tick) is None
    assert october.cutoff(october.end) == october.end - tick
    assert name_of(october.end, "America/New_York") == "2026-10"
    assert name_of(october.end, "UTC") == "2026-11"


AT = datetime(2026, 11, 3, 6, tzinfo=UTC)


@pytest.mark.parametrize(
    ("as_of", "period", "zone", "expected"),
    [
        # A cutoff was named, or is a month's end.
        (datetime(2026, 10, 15, tzinfo=UTC), "", "UTC", datetime(2026, 10, 15, tzinfo=UTC)),
        # None was: all that is known counts, whatever clock dated it.
        (AT, "", "UTC", LATEST),
        # Of a month that is not over, nothing that is dated past it.
        (AT, "2026-11", "UTC", datetime(2026, 11, 30, 23, 59, 59, 999999, tzinfo=UTC)),
        (
            AT,
            "2026-11",
            "Asia/Tokyo",
            datetime(2026, 11, 30, 14, 59, 59, 999999, tzinfo=UTC),
        ),
    ],
)
def test_up_to_when_facts_count_in_a_run(
    as_of: datetime, period: str, zone: str, expected: datetime
) -> None:
    run = Run("R", "acme", Outcome.CLEAR, as_of, AT, period, timezone=zone)
    assert moment_of(run) == expected
    assert period_of(run) == month_of(period, zone)


def test_a_day_ends_with_the_last_instant_that_its_clocks_show() -> None:
    """Where clocks go back at midnight the last hour of the day comes twice."""
    for zone, day, expected in (
        ("UTC", date(2026, 10, 31), datetime(2026, 10, 31, 23, 59, 59, 999999, tzinfo=UTC)),
        ("America/New_York", date(2026, 10, 31), datetime(2026, 11, 1, 3, 59, 59, 999999, tzinfo=UTC)),
        # Asuncion went from midnight back to eleven: the day's last hour came twice.
        ("America/Asuncion", date(2024, 3, 23), datetime(2024, 3, 24, 3, 59, 59, 999999, tzinfo=UTC)),
    ):  # fmt: skip
        assert last_instant(day, zone) == expected


@pytest.mark.parametrize("zone", ZONES)
def test_at_either_end_of_the_calendar_a_document_still_has_a_day(zone: str) -> None:
    """Systems write the first day of the year 1, or the last of 9999, where they mean none."""
    for day, month in ((date(1, 1, 1), 1), (date(9999, 12, 31), 12)):
        posted = datetime.combine(day, time(), UTC)
        on = dated(posted, zone)
        assert on is not None
        assert name_of(on, zone).endswith(f"-{month:02d}")
        assert Calendar(zone).day(on) == day.isoformat()
        assert last_instant(day, zone) >= on
