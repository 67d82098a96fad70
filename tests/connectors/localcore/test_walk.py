"""Every catalogue and contract call, walked with the official client in strict mode."""

import re
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any, Final

import httpx
import pytest
from metronome import Metronome

from connectors.localcore import (
    archiving,
    auditlog,
    billing_providers,
    contract_edits,
    contracts,
    custom_fields,
    customers,
    metrics,
    pricing_units,
    products,
    rate_cards,
    surface,
)
from connectors.localcore.web import Route
from tests.connectors.localcore.conftest import TOKEN, Core

JAN = datetime(2026, 1, 1, tzinfo=UTC)
JUL = datetime(2026, 7, 1, tzinfo=UTC)
DIRECT: Final = "direct_to_billing_provider"
SERVED: list[Route] = [
    *customers.routes,
    *billing_providers.routes,
    *custom_fields.routes,
    *pricing_units.routes,
    *metrics.routes,
    *products.routes,
    *rate_cards.routes,
    *contracts.routes(surface.BILLING),
    *contract_edits.routes(surface.BILLING),
    *archiving.routes(surface.BILLING),
    *auditlog.routes,
]


class Walker:
    """The official client, and what it asked for."""

    def __init__(self, core: Core) -> None:
        self.asked: list[tuple[str, str]] = []
        self.http = httpx.Client(base_url=core.url, event_hooks={"request": [self.note]})
        self.sdk = Metronome(
            bearer_token=TOKEN,
            base_url=core.url,
            max_retries=0,
            http_client=self.http,
            _strict_response_validation=True,
        )

    def note(self, request: httpx.Request) -> None:
        self.asked.append((request.method, request.url.path))

    def missed(self) -> list[str]:
        """The served routes that nobody asked for."""
        return [
            f"{route.method} {route.path}"
            for route in SERVED
            if not any(
                method == route.method
                and re.fullmatch(re.sub(r"{\w+}", "[^/]+", route.path), path)
                for method, path in self.asked
            )
        ]


@pytest.fixture
def walker(core: Core) -> Iterator[Walker]:
    walker = Walker(core)
    yield walker
    walker.http.close()


def walk_customers(sdk: Metronome) -> str:
    sdk.v1.custom_fields.add_key(entity="customer", key="erp", enforce_uniqueness=True)
    sdk.v1.custom_fields.add_key(entity="contract", key="deal", enforce_uniqueness=False)
    customer = sdk.v1.customers.create(name="Acme", custom_fields={"erp": "1"}).data.id
    sdk.v1.customers.set_name(customer_id=customer, name="Acme Inc")
    sdk.v1.customers.set_ingest_aliases(customer_id=customer, ingest_aliases=["acme"])
    sdk.v1.customers.update_config(
        customer_id=customer,
        leave_stripe_invoices_in_draft=True,
        salesforce_account_id="sf",
    )
    sdk.v1.customers.retrieve(customer_id=customer)
    assert len(list(sdk.v1.customers.list())) == 1
    assert len(sdk.v1.settings.billing_providers.list().data) == 9
    (config,) = sdk.v1.customers.set_billing_configurations(
        data=[
            {
                "customer_id": customer,
                "billing_provider": "netsuite",
                "delivery_method": DIRECT,
                "configuration": {"netsuite_customer_id": "7"},
            }
        ]
    ).data
    sdk.v1.customers.retrieve_billing_configurations(customer_id=customer)
    sdk.v1.customers.archive_billing_configurations(
        customer_id=customer,
        customer_billing_provider_configuration_ids=[config.id or ""],
    )
    sdk.v1.custom_fields.set_values(
        entity="customer", entity_id=customer, custom_fields={"erp": "2"}
    )
    sdk.v1.custom_fields.delete_values(entity="customer", entity_id=customer, keys=["erp"])
    assert len(list(sdk.v1.custom_fields.list_keys())) == 2
    sdk.v1.custom_fields.remove_key(entity="customer", key="erp")
    return customer


def walk_prices(sdk: Metronome) -> str:
    units = {unit.name: unit.id or "" for unit in sdk.v1.pricing_units.list()}
    metric = sdk.v1.billable_metrics.create(name="Calls", aggregation_type="COUNT").data.id
    sdk.v1.billable_metrics.retrieve(billable_metric_id=metric)
    assert len(list(sdk.v1.billable_metrics.list())) == 1
    product = sdk.v1.contracts.products.create(
        name="Calls", type="USAGE", billable_metric_id=metric, tags=["api"]
    ).data.id
    sdk.v1.contracts.products.update(product_id=product, starting_at=JUL, tags=["calls"])
    sdk.v1.contracts.products.retrieve(id=product)
    assert len(list(sdk.v1.contracts.products.list())) == 1
    card = sdk.v1.contracts.rate_cards.create(
        name="List", description="2026", fiat_credit_type_id=units["EUR"]
    ).data.id
    sdk.v1.contracts.rate_cards.retrieve(id=card)
    assert len(list(sdk.v1.contracts.rate_cards.list(body={}))) == 1
    sdk.v1.contracts.rate_cards.rates.add(
        rate_card_id=card,
        product_id=product,
        starting_at=JAN,
        entitled=True,
        rate_type="FLAT",
        price=0.5,
        credit_type_id=units["EUR"],
    )
    sdk.v1.contracts.rate_cards.rates.add_many(
        rate_card_id=card,
        rates=[
            {
                "product_id": product,
                "starting_at": JUL,
                "entitled": True,
                "rate_type": "FLAT",
                "price": 0.25,
                "credit_type_id": units["EUR"],
            }
        ],
    )
    (rate,) = sdk.v1.contracts.rate_cards.rates.list(rate_card_id=card, at=JAN)
    assert rate.rate.price == 0.5
    return card


def walk_contracts(sdk: Metronome, customer: str, card: str) -> None:
    contract = sdk.v1.contracts.create(
        customer_id=customer,
        starting_at=JAN,
        rate_card_id=card,
        custom_fields={"deal": "9"},
    ).data.id
    which: Any = {"customer_id": customer, "contract_id": contract}
    sdk.v1.contracts.retrieve(**which)
    assert sdk.v2.contracts.retrieve(**which).data.custom_fields == {"deal": "9"}
    assert len(list(sdk.v1.contracts.list(customer_id=customer))) == 1
    assert len(list(sdk.v2.contracts.list(customer_id=customer))) == 1
    sdk.v2.contracts.edit(**which, update_contract_name="Named")
    assert len(sdk.v2.contracts.get_edit_history(**which).data) == 1
    sdk.v1.contracts.update_end_date(**which, ending_before=JUL)
    sdk.v1.contracts.archive(**which, void_invoices=True)


def test_every_call_is_walked_and_every_change_is_audited(walker: Walker) -> None:
    sdk = walker.sdk
    customer = walk_customers(sdk)
    card = walk_prices(sdk)
    walk_contracts(sdk, customer, card)
    for metric in sdk.v1.billable_metrics.list():
        sdk.v1.billable_metrics.archive(id=metric.id)
    for product in sdk.v1.contracts.products.list():
        sdk.v1.contracts.products.archive(product_id=product.id)
    sdk.v1.contracts.rate_cards.archive(id=card)
    sdk.v1.customers.archive(id=customer)
    audited = sdk.v1.audit_logs.list().data
    assert walker.missed() == []
    changes = [
        (method, path)
        for method, path in walker.asked
        for route in SERVED
        if route.writes
        and method == route.method
        and re.fullmatch(re.sub(r"{\w+}", "[^/]+", route.path), path)
    ]
    requests = {row.request.id for row in audited}
    assert len(requests) == len(changes), "each changing call leaves its own audit rows"
