"""Pricing units, metrics, products, rate cards and custom fields through the official client."""

from datetime import UTC, datetime
from decimal import Decimal

import pytest
from metronome import BadRequestError, ConflictError, Metronome, NotFoundError

from tests.connectors.localcore.conftest import Core

USD = "2714e483-4ff1-48e4-9e25-ac732e8f24f2"
JAN = datetime(2026, 1, 1, tzinfo=UTC)
FEB = datetime(2026, 2, 1, tzinfo=UTC)


def a_metric(sdk: Metronome, name: str = "Tokens") -> str:
    return sdk.v1.billable_metrics.create(
        name=name,
        aggregation_type="SUM",
        aggregation_key="token_count",
        event_type_filter={"in_values": ["output_tokens"]},
        property_filters=[{"name": "token_count", "exists": True}],
        group_keys=[["project_id"]],
    ).data.id


def a_product(sdk: Metronome, name: str = "Output tokens") -> str:
    return sdk.v1.contracts.products.create(
        name=name, type="USAGE", billable_metric_id=a_metric(sdk), tags=["llm"]
    ).data.id


def a_rate_card(sdk: Metronome, alias: str = "list") -> str:
    return sdk.v1.contracts.rate_cards.create(
        name="List", fiat_credit_type_id=USD, aliases=[{"name": alias}]
    ).data.id


def test_the_pricing_units_page_and_know_usd_cents(sdk: Metronome) -> None:
    units = list(sdk.v1.pricing_units.list(limit=2))
    assert [(u.name, u.is_currency) for u in units] == [
        ("USD (cents)", True),
        ("EUR", True),
        ("GBP", True),
        ("JPY", True),
        ("Tokens", False),
    ]
    assert units[0].id == USD


def test_a_metric_is_created_read_listed_and_archived(sdk: Metronome) -> None:
    first, second = a_metric(sdk), a_metric(sdk, "Other")
    read = sdk.v1.billable_metrics.retrieve(billable_metric_id=first).data
    assert (read.name, read.aggregation_type, read.group_keys) == (
        "Tokens",
        "SUM",
        [["project_id"]],
    )
    assert [m.id for m in sdk.v1.billable_metrics.list(limit=1)] == [first, second]
    assert sdk.v1.billable_metrics.archive(id=first).data.id == first
    assert [m.id for m in sdk.v1.billable_metrics.list()] == [second]
    archived = sdk.v1.billable_metrics.list(include_archived=True).data[0]
    assert archived.archived_at is not None
    with pytest.raises(BadRequestError, match="is archived already"):
        sdk.v1.billable_metrics.archive(id=first)


def test_a_sum_needs_the_property_it_sums(core: Core) -> None:
    body = {"name": "Tokens", "aggregation_type": "SUM"}
    assert core.refusal("/v1/billable-metrics/create", body) == (
        400,
        "aggregation_key is required for SUM",
    )


def test_a_product_is_created_updated_read_and_archived(sdk: Metronome, core: Core) -> None:
    product = a_product(sdk)
    credit = sdk.v1.contracts.products.create(name="Goodwill", type="FIXED").data.id
    sdk.v1.contracts.products.update(product_id=product, starting_at=FEB, name="Renamed")
    read = sdk.v1.contracts.products.retrieve(id=product).data
    assert (read.initial.name, read.current.name, len(read.updates)) == (
        "Output tokens",
        "Output tokens",
        1,
    )
    core.to(FEB)
    assert sdk.v1.contracts.products.retrieve(id=product).data.current.name == "Renamed"
    assert [p.id for p in sdk.v1.contracts.products.list(limit=1)] == [product, credit]
    sdk.v1.contracts.products.archive(product_id=credit)
    assert [p.id for p in sdk.v1.contracts.products.list()] == [product]
    archived = list(sdk.v1.contracts.products.list(archive_filter="ARCHIVED"))
    assert [p.id for p in archived] == [credit]
    assert len(list(sdk.v1.contracts.products.list(archive_filter="ALL"))) == 2


def test_quantities_are_converted_and_rounded_by_exact_figures(
    sdk: Metronome, core: Core
) -> None:
    made = sdk.v1.contracts.products.create(
        name="Storage",
        type="USAGE",
        billable_metric_id=a_metric(sdk),
        quantity_conversion={"conversion_factor": 0.1, "operation": "MULTIPLY"},
        quantity_rounding={"rounding_method": "ROUND_HALF_UP", "decimal_places": 2},
    ).data.id
    raw = core.call("POST", "/v1/contract-pricing/products/get", {"id": made}).text
    assert '"conversion_factor":0.1' in raw


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ({"type": "USAGE"}, "billable_metric_id is required for USAGE products"),
        (
            {"type": "FIXED", "pricing_group_key": ["a"]},
            "pricing_group_key is for USAGE products only",
        ),
        (
            {"type": "COMPOSITE"},
            "type: this core serves USAGE and FIXED products, not COMPOSITE",
        ),
    ],
)
def test_a_product_that_could_not_be_billed_is_refused(
    core: Core, body: dict[str, object], message: str
) -> None:
    refused = core.refusal("/v1/contract-pricing/products/create", {"name": "P", **body})
    assert refused == (400, message)


def test_rates_are_added_and_the_latest_in_force_is_shown(sdk: Metronome) -> None:
    card, first, second = a_rate_card(sdk), a_product(sdk), a_product(sdk, "Input tokens")
    added = sdk.v1.contracts.rate_cards.rates.add(
        rate_card_id=card,
        product_id=first,
        starting_at=JAN,
        entitled=True,
        rate_type="FLAT",
        price=2,
    ).data
    assert (added.rate_type, added.price) == ("FLAT", 2)
    sdk.v1.contracts.rate_cards.rates.add_many(
        rate_card_id=card,
        rates=[
            {
                "product_id": first,
                "starting_at": FEB,
                "entitled": True,
                "rate_type": "FLAT",
                "price": 3,
            },
            {
                "product_id": second,
                "starting_at": JAN,
                "entitled": False,
                "rate_type": "TIERED",
                "tiers": [{"price": 5, "size": 100}, {"price": 4}],
            },
        ],
    )
    in_january = list(sdk.v1.contracts.rate_cards.rates.list(rate_card_id=card, at=JAN))
    assert [(r.product_id, r.rate.price) for r in in_january] == [
        (first, 2),
        (second, None),
    ]
    in_february = list(
        sdk.v1.contracts.rate_cards.rates.list(rate_card_id=card, at=FEB, limit=1)
    )
    assert {r.product_id: r.rate.price for r in in_february} == {first: 3, second: None}
    chosen = list(
        sdk.v1.contracts.rate_cards.rates.list(
            rate_card_id=card, at=FEB, selectors=[{"product_id": second}]
        )
    )
    assert [r.product_name for r in chosen] == ["Input tokens"]


def test_a_price_keeps_every_digit(sdk: Metronome, core: Core) -> None:
    card, product = a_rate_card(sdk), a_product(sdk)
    price = "0.123456789012345678901"
    raw = (
        f'{{"rate_card_id":"{card}","product_id":"{product}","starting_at":'
        f'"2026-01-01T00:00:00Z","entitled":true,"rate_type":"FLAT","price":{price}}}'
    )
    answer = core.call("POST", "/v1/contract-pricing/rate-cards/addRate", raw=raw.encode())
    assert f'"price":{price}' in answer.text
    shown = core.call(
        "POST",
        "/v1/contract-pricing/rate-cards/getRates",
        {"rate_card_id": card, "at": "2026-01-01T00:00:00Z"},
    )
    assert f'"price":{Decimal(price)}' in shown.text


def test_a_rate_card_is_read_listed_and_archived(sdk: Metronome) -> None:
    cards = [a_rate_card(sdk, f"alias-{n}") for n in range(3)]
    read = sdk.v1.contracts.rate_cards.retrieve(id=cards[0]).data
    assert read.fiat_credit_type is not None
    assert read.fiat_credit_type.name == "USD (cents)"
    assert [c.id for c in sdk.v1.contracts.rate_cards.list(body={}, limit=2)] == cards
    with pytest.raises(ConflictError, match="aliases: alias-1 is already used"):
        a_rate_card(sdk, "alias-1")
    sdk.v1.contracts.rate_cards.archive(id=cards[1])
    assert [c.id for c in sdk.v1.contracts.rate_cards.list(body={})] == [cards[0], cards[2]]
    assert a_rate_card(sdk, "alias-1")


def test_custom_field_keys_are_declared_listed_and_removed(sdk: Metronome) -> None:
    for key in ("stripe_customer_id", "region", "tier"):
        sdk.v1.custom_fields.add_key(
            entity="customer", key=key, enforce_uniqueness=key == "stripe_customer_id"
        )
    sdk.v1.custom_fields.add_key(entity="contract", key="deal", enforce_uniqueness=False)
    keys = list(
        sdk.v1.custom_fields.list_keys(entities=["customer"], extra_query={"limit": 2})
    )
    assert [(k.key, k.enforce_uniqueness) for k in keys] == [
        ("stripe_customer_id", True),
        ("region", False),
        ("tier", False),
    ]
    with pytest.raises(ConflictError, match="region is already a key of customer"):
        sdk.v1.custom_fields.add_key(
            entity="customer", key="region", enforce_uniqueness=True
        )
    customer = sdk.v1.customers.create(name="Acme", custom_fields={"region": "eu"}).data
    sdk.v1.custom_fields.remove_key(entity="customer", key="region")
    assert sdk.v1.customers.retrieve(customer_id=customer.id).data.custom_fields == {}
    with pytest.raises(NotFoundError, match="region is not a key of customer"):
        sdk.v1.custom_fields.remove_key(entity="customer", key="region")


def test_custom_values_are_merged_deleted_and_unique_where_asked(sdk: Metronome) -> None:
    sdk.v1.custom_fields.add_key(entity="customer", key="erp_id", enforce_uniqueness=True)
    sdk.v1.custom_fields.add_key(entity="customer", key="tier", enforce_uniqueness=False)
    first = sdk.v1.customers.create(
        name="A", custom_fields={"erp_id": "1", "tier": "gold"}
    ).data
    second = sdk.v1.customers.create(name="B").data
    sdk.v1.custom_fields.set_values(
        entity="customer", entity_id=first.id, custom_fields={"tier": "silver"}
    )
    fields = sdk.v1.customers.retrieve(customer_id=first.id).data.custom_fields
    assert fields == {"erp_id": "1", "tier": "silver"}
    with pytest.raises(ConflictError, match=f"1 is already used by customer {first.id}"):
        sdk.v1.custom_fields.set_values(
            entity="customer",
            entity_id=second.id,
            custom_fields={"tier": "gold", "erp_id": "1"},
        )
    assert sdk.v1.customers.retrieve(customer_id=second.id).data.custom_fields == {}
    sdk.v1.custom_fields.delete_values(
        entity="customer", entity_id=first.id, keys=["erp_id", "never"]
    )
    assert sdk.v1.customers.retrieve(customer_id=first.id).data.custom_fields == {
        "tier": "silver"
    }


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        (
            {"unknown": "x"},
            "custom_fields.unknown is not a known key of customer",
        ),
        ({"tier": "x" * 201}, "custom_fields.tier must have at most 200 characters"),
        ({"tier": 5}, "custom_fields.tier must be a string that is not empty"),
    ],
)
def test_a_custom_value_is_refused_by_name(
    core: Core, fields: dict[str, object], message: str
) -> None:
    core.post(
        "/v1/customFields/addKey",
        {"entity": "customer", "key": "tier", "enforce_uniqueness": False},
    )
    customer = core.post("/v1/customers", {"name": "Acme"})["data"]["id"]
    body = {"entity": "customer", "entity_id": customer, "custom_fields": fields}
    status, text = core.refusal("/v1/customFields/setValues", body)
    assert status == 400
    assert text.startswith(message)
