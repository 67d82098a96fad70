"""The verbs of a correction by replays: batches, pages, keys, and what is no whole answer."""

import json
import random
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest

from connectors.correcting import Grant, GrantItem
from connectors.failures import Incomplete, Refused, Unknown
from connectors.metronome_correcting import MetronomeCorrections
from connectors.metronome_parse import USD_CREDIT_TYPE, invoice
from connectors.redaction import Secret
from connectors.wire import Wire
from connectors.wirejson import loads
from state.corrections import UsageEvent
from tests.connectors.test_metronome import RealishClock, Replay, a_row

PRODUCTS = "/v1/contract-pricing/products/list"
JULY, AUGUST = datetime(2026, 7, 1, tzinfo=UTC), datetime(2026, 8, 1, tzinfo=UTC)
EVENT = UsageEvent("t1", "acme", "tokens", JULY, (("n", "-5"),))
GRANT = Grant(
    "c1", "p1", USD_CREDIT_TYPE, "Goodwill", Decimal(5),
    (GrantItem(Decimal("100.5"), JULY, AUGUST),), "key-1",
)  # fmt: skip


@pytest.fixture
def replay() -> Iterator[Replay]:
    made = Replay()
    yield made
    made.close()


@pytest.fixture
def core(replay: Replay) -> MetronomeCorrections:
    url = f"http://127.0.0.1:{replay.server.server_port}"
    wire = Wire(
        url,
        clock=RealishClock(),
        rng=random.Random(1),
        token=Secret("t"),
        log=lambda _: None,
    )
    return MetronomeCorrections(wire)


def sent(replay: Replay, path: str) -> list[Any]:
    return [json.loads(body) for _, asked, body in replay.asked if asked.startswith(path)]


def test_usage_goes_out_by_the_hundred_with_every_property_as_text(
    core: MetronomeCorrections, replay: Replay
) -> None:
    replay.says("/v1/ingest", {})
    core.send([replace(EVENT, transaction_id=f"t{n}") for n in range(250)])
    batches = sent(replay, "/v1/ingest")
    assert [len(one) for one in batches] == [100, 100, 50]
    assert batches[0][0] == {
        "transaction_id": "t0", "customer_id": "acme", "event_type": "tokens",
        "timestamp": "2026-07-01T00:00:00Z", "properties": {"n": "-5"},
    }  # fmt: skip


def test_a_write_is_sent_once_whatever_the_answer(
    core: MetronomeCorrections, replay: Replay
) -> None:
    calls: list[tuple[str, Callable[[], object]]] = [
        ("/v1/ingest", lambda: core.send([EVENT])),
        ("/v1/invoices/void", lambda: core.void_in_core("i1")),
        ("/v1/invoices/regenerate", lambda: core.regenerate("i1")),
        ("/v1/contracts/customerCredits/create", lambda: core.grant(GRANT)),
    ]
    for path, call in calls:
        replay.says(path, {"message": "later"}, status=500)
        with pytest.raises(Unknown):
            call()
        replay.says(path, {"message": "no"}, status=409)
        with pytest.raises(Refused):
            call()
        assert len(sent(replay, path)) == 2


def test_what_the_core_holds_is_told_by_transaction_id(
    core: MetronomeCorrections, replay: Replay
) -> None:
    row = {
        "transaction_id": "t1", "customer_id": "acme", "event_type": "tokens",
        "timestamp": "2026-07-01T00:00:00Z", "is_duplicate": False,
        "properties": {"n": -5, "x": "y", "ok": True, "none": None}, "matched_customer": {"id": "c1"},
    }  # fmt: skip
    twin = {**row, "is_duplicate": True, "event_type": "other"}
    replay.says("/v1/events/search", [twin, row])
    found = core.events(["t1", "t1", *(f"u{n}" for n in range(100))])
    assert [len(one["transactionIds"]) for one in sent(replay, "/v1/events/search")] == [
        100,
        1,
    ]
    assert found["t1"].core_customer_id == "c1"
    assert found["t1"].event.event_type == "tokens"
    assert dict(found["t1"].event.properties) == {"n": "-5", "ok": "true", "x": "y"}
    assert core.events([]) == {}
    replay.says("/v1/events/search", [{**row, "properties": {"a": {"b": 1}}}])
    with pytest.raises(Incomplete, match="its property a is nested"):
        core.events(["t1"])
    replay.says("/v1/events/search", {"data": []})
    with pytest.raises(Incomplete, match="with no list"):
        core.events(["t1"])
    replay.says("/v1/events/search", [{"transaction_id": "t1"}])
    with pytest.raises(Incomplete, match="event t1 has no customer_id"):
        core.events(["t1"])


def test_a_preview_is_of_drafts_and_of_a_hundred_events_at_most(
    core: MetronomeCorrections, replay: Replay
) -> None:
    path = "/v1/customers/c1/previewEvents"
    bare = {name: value for name, value in a_row().items() if name != "status"}
    replay.says(path, {"data": [bare]})
    (draft,) = core.preview("c1", [EVENT])
    assert draft.status == "DRAFT"
    (asked,) = sent(replay, path)
    assert asked["mode"] == "merge"
    with pytest.raises(Incomplete, match="more than the core previews at once"):
        core.preview("c1", [EVENT] * 101)


def test_a_breakdown_is_the_days_of_one_invoice(
    core: MetronomeCorrections, replay: Replay
) -> None:
    day = {"breakdown_start_timestamp": "2026-07-01T00:00:00Z",
           "breakdown_end_timestamp": "2026-07-02T00:00:00Z"}  # fmt: skip
    mine, other = {**a_row(), **day}, {**a_row(), **day, "id": "i2"}
    path = "/v1/customers/c1/invoices/breakdowns"
    replay.says(
        path, {"data": [mine, other], "next_page": "2"}, {"data": [mine], "next_page": None}
    )
    whole = invoice(loads(json.dumps(a_row())))
    whole = replace(whole, customer_id="c1", start=JULY, end=AUGUST)
    windows = list(core.breakdown(whole))
    assert [(one.start.day, one.end.day, one.part.id) for one in windows] == [
        (1, 2, "i1")
    ] * 2
    assert list(core.breakdown(replace(whole, start=None))) == []
    replay.says(path, {"data": [a_row()]})
    with pytest.raises(Incomplete, match="has no breakdown_start_timestamp"):
        list(core.breakdown(whole))


def test_products_come_with_their_metrics_each_read_once(
    core: MetronomeCorrections, replay: Replay
) -> None:
    usage = {"id": "p1", "type": "USAGE", "current": {"name": "Tokens", "billable_metric_id": "m1",
             "quantity_conversion": {"conversion_factor": 1000, "operation": "divide"}}}  # fmt: skip
    twin = {**usage, "id": "p2", "archived_at": "2026-01-01T00:00:00Z"}
    fixed = {"id": "p3", "type": "FIXED", "current": {"name": "Goodwill"}}
    replay.says(PRODUCTS, {"data": [usage, twin], "next_page": "2"}, {"data": [fixed]})
    replay.says("/v1/billable-metrics/m1", {"data": {
        "id": "m1", "name": "tokens", "aggregation_type": "sum", "aggregation_key": "n",
        "event_type_filter": {"in_values": ["tokens"], "not_in_values": ["free"]},
        "property_filters": [{"name": "kind", "in_values": ["a"], "not_in_values": ["b"]},
                             {"name": "by", "exists": True}],
    }})  # fmt: skip
    one, two, three = core.products()
    assert (one.name, str(one.factor), one.divide, one.archived) == (
        "Tokens",
        "1000",
        True,
        False,
    )
    assert (two.archived, three.metric, three.kind) == (True, None, "FIXED")
    assert one.metric == two.metric
    assert one.metric is not None
    assert (one.metric.aggregation, one.metric.key) == ("SUM", "n")
    assert [(p.name, p.exists, p.in_values, p.not_in_values) for p in one.metric.properties] == [
        ("kind", None, ("a",), ("b",)), ("by", True, None, ()),
    ]  # fmt: skip
    assert len([1 for _, path, _ in replay.asked if path.startswith("/v1/billable")]) == 1
    replay.says(PRODUCTS, {"data": [], "next_page": "same"})
    with pytest.raises(Incomplete, match="does not come to an end"):
        core.products()


def test_a_metric_by_query_is_no_sum(core: MetronomeCorrections, replay: Replay) -> None:
    usage = {
        "id": "p1",
        "type": "USAGE",
        "current": {"name": "T", "billable_metric_id": "m9"},
    }
    replay.says(PRODUCTS, {"data": [usage]})
    replay.says("/v1/billable-metrics/m9", {"data": {"id": "m9", "sql": "select 1"}})
    (product,) = core.products()
    assert product.metric is not None
    assert product.metric.aggregation == "SQL"


def test_a_credit_goes_out_under_its_key_and_a_contracts_as_an_edit(
    core: MetronomeCorrections, replay: Replay
) -> None:
    create, edit = "/v1/contracts/customerCredits/create", "/v2/contracts/edit"
    replay.says(create, {"data": {"id": "cr1"}})
    assert core.grant(replace(GRANT, applies_to=("p2",))) == "cr1"
    (body,) = sent(replay, create)
    assert (body["uniqueness_key"], body["applicable_product_ids"]) == ("key-1", ["p2"])
    assert body["access_schedule"] == {
        "credit_type_id": USD_CREDIT_TYPE,
        "schedule_items": [{
            "amount": "100.5", "starting_at": "2026-07-01T00:00:00Z",
            "ending_before": "2026-08-01T00:00:00Z",
        }],
    }  # fmt: skip
    replay.says(edit, {"data": {"id": "e1", "edit": {"add_credits": [{"id": "cr2"}]}}})
    of_contract = replace(GRANT, contract_id="k1")
    assert core.grant(of_contract) == "cr2"
    (body,) = sent(replay, edit)
    assert (body["contract_id"], body["uniqueness_key"]) == ("k1", "key-1")
    assert "uniqueness_key" not in body["add_credits"][0]
    replay.says(edit, {"data": {"id": "e1"}})  # Metronome need not tell the credit's id
    assert core.grant(of_contract) is None
    replay.says(create, {"data": {}})
    with pytest.raises(Unknown, match="names no id"):
        core.grant(GRANT)


def test_contracts_units_and_time(core: MetronomeCorrections, replay: Replay) -> None:
    row = {"id": "k1", "starting_at": "2026-07-01T00:00:00Z"}
    replay.says("/v2/contracts/list",
                {"data": [row], "cursor": "2"},
                {"data": [{**row, "id": "k2", "ending_before": "2026-08-01T00:00:00Z",
                           "archived_at": "2026-08-01T00:00:00Z"}], "cursor": None})  # fmt: skip
    one, two = core.contracts("c1")
    assert (one.end, one.archived, two.end, two.archived) == (None, False, AUGUST, True)
    replay.says("/v2/contracts/list", {"data": [row], "cursor": "same"})
    with pytest.raises(Incomplete, match="does not come to an end"):
        core.contracts("c1")
    units = [{"id": USD_CREDIT_TYPE, "name": "USD (cents)"}, {"id": "e", "name": "EUR"},
             {"id": "t", "name": "Tokens"}]  # fmt: skip
    replay.says("/v1/credit-types/list", {"data": units})
    assert [(one.currency, one.places) for one in core.units()] == [
        ("USD", 0),
        ("EUR", 2),
        (None, 0),
    ]
    # A core that says no time of its own is asked by its Date header.
    assert abs((core.time() - datetime.now(UTC)).total_seconds()) < 60
