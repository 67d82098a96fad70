"""Billing periods: from their anchor, whole, without gap or overlap, cut to the contract."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.localcore.invoicing import period_of
from connectors.localcore.tx import Stored

START = datetime(2026, 1, 31, tzinfo=UTC)


def a_contract(frequency: str, anchor: datetime, ending: datetime | None = None) -> Stored:
    body: dict[str, Any] = {
        "schedule": {"frequency": frequency, "billing_anchor_date": anchor.isoformat()},
        "starting_at": START.isoformat(),
        "terms": [
            {
                "since": START.isoformat(),
                "name": None,
                "ending_before": ending.isoformat() if ending else None,
                "net_payment_terms_days": None,
            }
        ],
    }
    return Stored("contract", "k", "c", None, "ACTIVE", None, 1, START, body)


@pytest.mark.parametrize(
    ("frequency", "at", "start", "end"),
    [
        ("MONTHLY", "2026-03-15", "2026-02-28", "2026-03-31"),
        ("MONTHLY", "2026-03-31", "2026-03-31", "2026-04-30"),
        ("QUARTERLY", "2026-03-15", "2026-01-31", "2026-04-30"),
        ("ANNUAL", "2026-03-15", "2026-01-31", "2027-01-31"),
        ("WEEKLY", "2026-02-07", "2026-02-07", "2026-02-14"),
    ],
)
def test_periods_count_from_the_anchor(
    frequency: str, at: str, start: str, end: str
) -> None:
    moment = datetime.fromisoformat(at).replace(tzinfo=UTC)
    found = period_of(a_contract(frequency, START), moment)
    assert [one.date().isoformat() for one in found] == [start, end]


def test_a_period_is_cut_to_the_contract() -> None:
    ending = datetime(2026, 2, 10, tzinfo=UTC)
    contract = a_contract("MONTHLY", datetime(2026, 1, 1, tzinfo=UTC), ending)
    assert period_of(contract, START) == (START, datetime(2026, 2, 1, tzinfo=UTC))
    assert period_of(contract, datetime(2026, 2, 5, tzinfo=UTC))[1] == ending


@given(
    st.sampled_from(["MONTHLY", "QUARTERLY", "ANNUAL", "WEEKLY"]),
    st.integers(1, 31),
    st.integers(0, 2000),
)
def test_periods_hold_their_instant_and_meet(frequency: str, day: int, days: int) -> None:
    contract = a_contract(frequency, datetime(2026, 1, day, tzinfo=UTC))
    at = START + timedelta(days=days)
    start, end = period_of(contract, at)
    assert start <= at < end
    assert period_of(contract, end)[0] == end
