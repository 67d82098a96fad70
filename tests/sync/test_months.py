"""A month begins and ends where its time zone's clocks say so, whatever they do in between."""

from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from state.receivables import DocumentStatus
from sync.months import dated, last_instant, month_of
from sync.observe import _dated
from sync.reconcile import How
from sync.report.common import ground_blocks
from sync.report.document import Facts
from sync.report.material import Material
from sync.settings import Schedule, Settings
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
    made = Kept(f"sqlite:///{tmp_path}/state.db", targets=("stripe",))
    made.parts.settings = Settings(
        entity="acme", schedule=Schedule(timezone="America/New_York")
    )
    yield made
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
