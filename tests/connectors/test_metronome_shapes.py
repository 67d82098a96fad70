"""Each field of Metronome's JSON, made odd in turn: a whole word of ours comes, or Incomplete."""

from collections.abc import Callable
from contextlib import suppress
from copy import deepcopy
from typing import Any

import pytest

from connectors import metronome_correcting as correcting
from connectors import metronome_parse as parse
from connectors.failures import Incomplete
from state.codec import decode, encode
from state.credits import CoreCredit
from state.invoices import CoreCustomer, CoreInvoice
from tests.connectors.erp.test_odd_answers import ODD, places
from tests.connectors.test_metronome import USD, a_row

BEGIN, END = "2026-07-01T00:00:00Z", "2026-08-01T00:00:00Z"
LINE = {
    "credit_type": USD, "name": "Tokens", "type": "usage", "total": 12, "quantity": 5,
    "unit_price": 2, "starting_at": BEGIN, "pricing_group_values": {"region": "eu"},
    "applied_commit_or_credit": {"id": "cr", "type": "CREDIT"}, "tier": {"level": 1},
}  # fmt: skip
INVOICE = a_row(
    total=12, line_items=[LINE], start_timestamp=BEGIN, end_timestamp=END,
    external_invoice={"billing_provider_type": "stripe"},
    breakdown_start_timestamp=BEGIN, breakdown_end_timestamp=END,
)  # fmt: skip
CUSTOMER = {
    "id": "c", "name": "Acme", "custom_fields": {"stripe_customer_id": "cus_1"},
    "billing": {"billing_provider": "stripe", "configuration": {"stripe_customer_id": "cus_2"}},
}  # fmt: skip
CREDIT = {
    "id": "cr", "product": {"id": "p"}, "priority": 5, "balance": 3, "contract": {"id": "k"},
    "ledger": [{"type": "CREDIT_MANUAL", "amount": 3, "timestamp": BEGIN}],
    "access_schedule": {"credit_type": USD, "schedule_items": [
        {"id": "s", "amount": 3, "starting_at": BEGIN, "ending_before": END}]},
    "applicable_product_ids": ["p"],
}  # fmt: skip
CONTRACT = {"id": "k", "starting_at": BEGIN, "ending_before": END}
EVENT = {
    "transaction_id": "t", "customer_id": "c", "event_type": "e", "timestamp": BEGIN,
    "properties": {"n": "1"}, "matched_customer": {"id": "c"},
}  # fmt: skip
METRIC = {
    "aggregation_type": "SUM", "event_type_filter": {"in_values": ["e"]},
    "property_filters": [{"name": "x", "in_values": ["a"], "not_in_values": ["b"]}],
}  # fmt: skip
PRODUCT = {
    "id": "p", "type": "USAGE",
    "current": {"name": "P", "quantity_conversion": {"conversion_factor": 2}},
}  # fmt: skip


def customer(body: dict[str, Any]) -> object:
    billing = body.get("billing")
    return parse.customer(body, [billing] if isinstance(billing, dict) else [], [])


def product(body: dict[str, Any]) -> object:
    return correcting.MetronomeCorrections(None)._product(body)  # type: ignore[arg-type]  # asks nothing


@pytest.mark.parametrize(
    ("body", "read"),
    [
        (INVOICE, parse.invoice),
        (INVOICE, correcting._window),
        (CUSTOMER, customer),
        (CREDIT, lambda body: parse.credit("c", body)),
        (CONTRACT, correcting._contract),
        (EVENT, correcting._seen),
        (METRIC, lambda body: correcting._metric("m", body)),
        (PRODUCT, product),
        (USD, correcting._unit),
    ],
)
def test_no_field_ends_in_a_crash(
    body: dict[str, Any], read: Callable[[dict[str, Any]], object]
) -> None:
    assert read(deepcopy(body)) is not None
    for number in range(len(list(places(body)))):
        for odd in ODD:
            harmed = deepcopy(body)
            here, key = list(places(harmed))[number]
            here[key] = odd
            with suppress(Incomplete):
                found = read(harmed)
                if isinstance(found, CoreInvoice | CoreCustomer | CoreCredit):
                    assert decode(type(found), encode(found)) == found
