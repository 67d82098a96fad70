"""Failures that others have reported of reading Stripe; none of them is ours.

The number of each is that of its row in docs/decisions/0002-protocol-d.md.
"""

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any

import pytest
import responses
import stripe

from connectors.failures import Incomplete, Misconfigured
from connectors.stripe_receivables import StripeReceivables
from state.receivables import DocumentStatus
from state.worklist import Cause
from tests.clocks import StillClock
from tests.sync.stand import Stand

API = "http://127.0.0.1:9"
NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)
RECENTLY = str(int((NOW - timedelta(hours=1)).timestamp()))
DAY = 24 * 3600


@pytest.fixture
def wire() -> Iterator[responses.RequestsMock]:
    """Answers as a test writes them; each request is kept."""
    with responses.RequestsMock() as mock:
        yield mock


@pytest.fixture
def account() -> StripeReceivables:
    return StripeReceivables(
        "sk_test_tieout", clock=StillClock(), rng=Random(1), api_base=API
    )


def page(*rows: dict[str, Any]) -> dict[str, Any]:
    return {"object": "list", "url": "/v1", "has_more": False, "data": list(rows)}


def event(name: str, kind: str, thing: dict[str, Any]) -> dict[str, Any]:
    return {"id": name, "object": "event", "type": kind, "data": {"object": thing}}


def status(stand: Stand) -> DocumentStatus:
    (document,) = stand.parts.store.documents_of(["ci_1"])["ci_1"]
    return document.status


def test_06_what_an_event_shows_is_never_believed(stand: Stand) -> None:
    """Two events of one second, the older read last: a paid invoice stayed open."""
    stand.core.bill("ci_1", 1000)
    stand.passes(2)
    stand.later(120)
    stand.person.invoices.pay(stand.invoice().id, {"paid_out_of_band": True})
    stand.person.invoices.update(stand.invoice().id, {"metadata": {"note": "paid"}})
    stand.later(120)
    stand.hints()
    assert status(stand) is DocumentStatus.PAID


def test_07_a_void_long_after_the_invoice_was_made_is_seen(stand: Stand) -> None:
    """Reading by `created` alone never saw what happened to old invoices."""
    stand.core.bill("ci_1", 1000)
    stand.passes(1)
    stand.later(40 * DAY)
    stand.person.invoices.void_invoice(stand.invoice().id)
    stand.passes(1)
    assert status(stand) is DocumentStatus.VOID
    assert [flag.cause for flag in stand.flags()] == [Cause.VOIDED_DOWNSTREAM_ONLY]


def test_08_a_gap_longer_than_stripes_memory_leads_to_a_sweep(stand: Stand) -> None:
    """Events are kept for 30 days; what fell out of them was never noticed."""
    stand.core.bill("ci_1", 1000)
    stand.passes(1)
    stand.person.invoices.void_invoice(stand.invoice().id)
    before = stand.parts.store.last_sweep("stripe")
    stand.later(31 * DAY)
    stand.hints()
    after = stand.parts.store.last_sweep("stripe")
    assert before is not None
    assert after is not None
    assert after.started_at - before.started_at > timedelta(days=30)
    assert status(stand) is DocumentStatus.VOID


def test_09_an_object_without_an_id_breaks_nothing(
    wire: responses.RequestsMock, account: StripeReceivables
) -> None:
    """invoice.upcoming has no id, and the reading broke on it."""
    upcoming = event("evt_2", "invoice.upcoming", {"object": "invoice", "total": 5})
    paid = event("evt_1", "invoice.paid", {"object": "invoice", "id": "in_1"})
    wire.get(f"{API}/v1/events", json=page(upcoming, paid))
    assert account.changes(RECENTLY, NOW).ids == ("in_1",)
    assert "upcoming" not in str(wire.calls[0].request.url)
    assert "invoice.paid" in str(wire.calls[0].request.url)


def test_10_the_last_minute_is_left_to_the_next_reading_and_windows_overlap(
    wire: responses.RequestsMock, account: StripeReceivables
) -> None:
    """Events become visible late: reading up to now missed some for good."""
    wire.get(f"{API}/v1/events", json=page())
    since = NOW - timedelta(hours=1)
    hints = account.changes(str(int(since.timestamp())), NOW)
    asked = wire.calls[0].request.params  # type: ignore[attr-defined]  # of responses
    begin, end = since - timedelta(minutes=5), NOW - timedelta(seconds=60)
    assert asked["created[gte]"] == str(int(begin.timestamp()))
    assert asked["created[lte]"] == str(int(end.timestamp()))
    assert hints.cursor == str(int(end.timestamp()))


def test_11_the_order_of_event_ids_means_nothing(
    wire: responses.RequestsMock, account: StripeReceivables
) -> None:
    """Ids are not ordered; a cursor made of the last one skipped events."""
    rows = [
        event(name, "invoice.paid", {"object": "invoice", "id": thing})
        for name, thing in (("evt_9", "in_1"), ("evt_1", "in_2"), ("evt_5", "in_1"))
    ]
    wire.get(f"{API}/v1/events", json=page(*rows))
    hints = account.changes(RECENTLY, NOW)
    assert hints.ids == ("in_1", "in_2")
    assert hints.cursor == str(int((NOW - timedelta(seconds=60)).timestamp()))


def test_12_every_line_is_read_not_the_ten_that_are_embedded(stand: Stand) -> None:
    """An invoice shows its first ten lines; the rest were taken not to exist."""
    stand.core.bill("ci_1", 12_000, lines=120)
    stand.passes(1)
    assert len(stand.invoice().lines.data) == 10
    keys = stand.parts.stripe.line_keys(stand.invoice().id)
    assert len(set(keys)) == 120


A_BODY = {
    "id": "in_1",
    "object": "invoice",
    "currency": "usd",
    "total": 1000,
    "status": "open",
    "created": 1763985600,
}


def test_24_the_version_is_pinned_and_what_is_new_breaks_nothing(
    wire: responses.RequestsMock, account: StripeReceivables
) -> None:
    """An upgrade of the API renamed fields, and every reading broke."""
    new = {**A_BODY, "shape": {"of": "things to come"}, "billing_reason": "never_heard_of"}
    wire.get(f"{API}/v1/invoices/in_1", json=new)
    wire.get(f"{API}/v1/credit_notes", json=page())
    (document,) = account.read("in_1").documents
    assert (document.status, document.gross_minor) == (DocumentStatus.OPEN, 1000)
    sent = {call.request.headers["Stripe-Version"] for call in wire.calls}
    assert sent == {stripe.api_version} == {"2026-10-28.endive"}


def test_24_a_status_that_nobody_knows_ends_the_reading_in_one_line(
    wire: responses.RequestsMock, account: StripeReceivables
) -> None:
    wire.get(f"{API}/v1/invoices/in_1", json={**A_BODY, "status": "frozen"})
    with pytest.raises(Incomplete, match=r"in_1 has the status 'frozen'.*update Tieout"):
        account.read("in_1")


def test_25_a_key_without_a_permission_is_told_by_the_permissions_name(
    wire: responses.RequestsMock, account: StripeReceivables
) -> None:
    """A restricted key failed half-way with 403; `doctor` tries each read beforehand."""
    wire.get(f"{API}/v1/invoices", json=page())
    said = "The provided key 'rk_test_' does not have the required permissions. Having the 'rak_credit_note_read' permission would allow this request"
    refusal = {"error": {"type": "invalid_request_error", "message": said}}
    wire.get(f"{API}/v1/credit_notes", body=json.dumps(refusal), status=403)
    with pytest.raises(Misconfigured, match="rak_credit_note_read"):
        account.try_reads()
