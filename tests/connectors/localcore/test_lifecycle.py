"""Billing periods, the instant a draft becomes final, and what may follow; by table."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.localcore.lifecycle import (
    DRAFT,
    FINALIZED,
    GRACE,
    VOID,
    Terms,
    due_at,
    next_period,
    period_at,
    regenerate_refusal,
    void_refusal,
    window_refusal,
)
from connectors.localcore.words import Period

START = datetime(2026, 1, 31, tzinfo=UTC)


def day(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def terms(frequency: str, anchor: datetime, ending: datetime | None = None) -> Terms:
    return Terms(frequency, anchor, START, ending)


@pytest.mark.parametrize(
    ("frequency", "at", "start", "end"),
    [
        ("MONTHLY", "2026-03-15", "2026-02-28", "2026-03-31"),
        ("MONTHLY", "2026-03-31", "2026-03-31", "2026-04-30"),
        ("MONTHLY", "2028-02-29", "2028-02-29", "2028-03-31"),
        ("QUARTERLY", "2026-03-15", "2026-01-31", "2026-04-30"),
        ("ANNUAL", "2026-03-15", "2026-01-31", "2027-01-31"),
        ("WEEKLY", "2026-02-07", "2026-02-07", "2026-02-14"),
    ],
)
def test_periods_count_from_the_anchor(
    frequency: str, at: str, start: str, end: str
) -> None:
    assert period_at(terms(frequency, START), day(at)) == Period(day(start), day(end))


def test_the_first_and_last_periods_are_cut_to_the_contract() -> None:
    one = terms("MONTHLY", day("2026-01-01"), day("2026-02-10"))
    assert period_at(one, START) == Period(START, day("2026-02-01"))
    assert next_period(one, day("2026-02-01")) == Period(
        day("2026-02-01"), day("2026-02-10")
    )
    assert next_period(one, day("2026-02-10")) is None


def test_a_contract_made_longer_goes_on_where_its_last_invoice_ended() -> None:
    one = terms("MONTHLY", day("2026-01-01"))
    assert next_period(one, day("2026-02-10")) == Period(
        day("2026-02-10"), day("2026-03-01")
    )


@given(
    st.sampled_from(["MONTHLY", "QUARTERLY", "ANNUAL", "WEEKLY"]),
    st.integers(1, 31),
    st.integers(-400, 400),
    st.integers(0, 40_000),
)
def test_periods_hold_their_instant_and_meet(
    frequency: str, anchor_day: int, shift: int, hours: int
) -> None:
    anchor = datetime(2026, 1, anchor_day, 7, tzinfo=UTC) + timedelta(days=shift)
    one = Terms(frequency, anchor, START)
    at = START + timedelta(hours=hours)
    period = period_at(one, at)
    assert period.holds(at)
    after = next_period(one, period.end)
    assert after is not None
    assert after.start == period.end < after.end


def test_a_draft_becomes_final_when_its_grace_is_over() -> None:
    period = Period(day("2026-01-01"), day("2026-02-01"))
    assert due_at(period) - period.end == GRACE == timedelta(hours=24)


@pytest.mark.parametrize(
    ("status", "told"),
    [
        (FINALIZED, None),
        (
            DRAFT,
            "id: invoice in_1 is DRAFT and moves with its usage: send negating events; only a FINALIZED invoice can be voided",
        ),
        (VOID, "id: invoice in_1 is VOID already"),
    ],
)
def test_only_a_final_invoice_can_be_voided(status: str, told: str | None) -> None:
    assert void_refusal("in_1", status) == told


@pytest.mark.parametrize(
    ("status", "successor", "told"),
    [
        (VOID, None, None),
        (
            VOID,
            "in_2",
            "id: invoice in_1 was regenerated already as in_2: void and regenerate that one",
        ),
        (
            FINALIZED,
            None,
            "id: invoice in_1 is FINALIZED; only a VOID invoice can be regenerated: void it first",
        ),
        (
            DRAFT,
            None,
            "id: invoice in_1 is DRAFT; only a VOID invoice can be regenerated: void it first",
        ),
    ],
)
def test_only_a_void_invoice_can_be_regenerated_and_once(
    status: str, successor: str | None, told: str | None
) -> None:
    assert regenerate_refusal("in_1", status, successor) == told


@pytest.mark.parametrize(
    ("start", "end", "told"),
    [
        ("2026-01-01T00:00", "2026-02-01T00:00", None),
        (
            "2024-09-01T00:00",
            "2020-09-30T00:00",
            "2020-09-30T00:00:00Z is not after starting_at 2024-09-01T00:00:00Z",
        ),
        ("2026-01-01T00:00", "2026-01-01T00:00", "is not after"),
        (
            "2026-01-01T00:30",
            "2026-02-01T00:00",
            "starting_at 2026-01-01T00:30:00Z must be on the hour",
        ),
        (
            "2026-01-01T00:00",
            "2026-02-01T00:00:01",
            "ending_before 2026-02-01T00:00:01Z must be on the hour",
        ),
    ],
)
def test_a_window_ends_after_it_starts_and_both_on_the_hour(
    start: str, end: str, told: str | None
) -> None:
    refused = window_refusal("items[0]", Period(day(start), day(end)))
    assert refused is None if told is None else told in (refused or "")
