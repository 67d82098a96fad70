"""What the embedded core must serve, line by line: every path, and one manner for all."""

import json
import re
from collections.abc import Iterator
from random import Random
from typing import Any, Final
from uuid import uuid4

import httpx
import pytest

from connectors.localcore import service, surface
from tests.connectors.localcore.conftest import BEGIN, TOKEN, Core

AUTHORIZED: Final = {"Authorization": f"Bearer {TOKEN}"}
CATALOGUE: Final = "/v1/contract-pricing"
# Each thing that the core must do, and the path by which the official client asks for it.
MUST: Final = {
    "customers create": "POST /v1/customers",
    "customers get": "GET /v1/customers/{}",
    "customers list": "GET /v1/customers",
    "customers archive": "POST /v1/customers/archive",
    "customers setIngestAliases": "POST /v1/customers/{}/setIngestAliases",
    "billing configurations set": "POST /v1/setCustomerBillingProviderConfigurations",
    "billing configurations get": "POST /v1/getCustomerBillingProviderConfigurations",
    "customFields addKey": "POST /v1/customFields/addKey",
    "customFields setValues": "POST /v1/customFields/setValues",
    "customFields listKeys": "POST /v1/customFields/listKeys",
    "credit types": "GET /v1/credit-types/list",
    "billable metrics create": "POST /v1/billable-metrics/create",
    "billable metrics get": "GET /v1/billable-metrics/{}",
    "billable metrics list": "GET /v1/billable-metrics",
    "products create": f"POST {CATALOGUE}/products/create",
    "products get": f"POST {CATALOGUE}/products/get",
    "products list": f"POST {CATALOGUE}/products/list",
    "rate cards create": f"POST {CATALOGUE}/rate-cards/create",
    "rate cards addRate": f"POST {CATALOGUE}/rate-cards/addRate",
    "rate cards addRates": f"POST {CATALOGUE}/rate-cards/addRates",
    "rate cards getRates": f"POST {CATALOGUE}/rate-cards/getRates",
    "rate cards list": f"POST {CATALOGUE}/rate-cards/list",
    "v1 contracts create": "POST /v1/contracts/create",
    "v1 contracts get": "POST /v1/contracts/get",
    "v1 contracts list": "POST /v1/contracts/list",
    "v1 contracts archive": "POST /v1/contracts/archive",
    "v1 contracts updateEndDate": "POST /v1/contracts/updateEndDate",
    "v2 contracts get": "POST /v2/contracts/get",
    "v2 contracts list": "POST /v2/contracts/list",
    "v2 contracts edit": "POST /v2/contracts/edit",
    "v2 credits edit": "POST /v2/contracts/credits/edit",
    "ingest": "POST /v1/ingest",
    "events search": "POST /v1/events/search",
    "usage": "POST /v1/usage",
    "preview of events": "POST /v1/customers/{}/previewEvents",
    "customer credits create": "POST /v1/contracts/customerCredits/create",
    "customer credits list": "POST /v1/contracts/customerCredits/list",
    "customer credits updateEndDate": "POST /v1/contracts/customerCredits/updateEndDate",
    "balances list": "POST /v1/contracts/customerBalances/list",
    "balances net": "POST /v1/contracts/customerBalances/getNetBalance",
    "manual ledger entry": "POST /v1/contracts/addManualBalanceLedgerEntry",
    "invoices list": "GET /v1/customers/{}/invoices",
    "invoices get": "GET /v1/customers/{}/invoices/{}",
    "invoices pdf": "GET /v1/customers/{}/invoices/{}/pdf",
    "invoices breakdowns": "GET /v1/customers/{}/invoices/breakdowns",
    "invoices void": "POST /v1/invoices/void",
    "invoices regenerate": "POST /v1/invoices/regenerate",
    "audit log": "GET /v1/auditLogs",
}
ROUTES: Final = [(one.method, one.path) for one in surface.routes()]
SERVED: Final = {f"{method} {re.sub('{[^}]+}', '{}', path)}" for method, path in ROUTES}


@pytest.fixture(scope="module")
def standing(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """One core for every question whose answer must be no."""
    handle = service.start(
        tmp_path_factory.mktemp("core"), token=TOKEN, clock_kind="manual", now=BEGIN
    )
    yield handle.url
    handle.stop()


@pytest.fixture
def http(core: Core) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=core.url, headers=AUTHORIZED) as client:
        yield client


@pytest.mark.parametrize("what", MUST)
def test_it_is_served(what: str) -> None:
    assert MUST[what] in SERVED


def with_ids(path: str) -> str:
    return re.sub("{[^}]+}", str(uuid4()), path)


@pytest.mark.parametrize(("method", "path"), ROUTES)
def test_without_the_token_there_is_no_answer(
    standing: str, method: str, path: str
) -> None:
    for given in ({}, {"Authorization": "Bearer wrong"}, {"Authorization": TOKEN}):
        answer = httpx.request(method, standing + with_ids(path), headers=given)
        assert answer.status_code == 401
        assert list(answer.json()) == ["message"]


WORDS: Final[list[Any]] = [
    None, True, 0, -1, 1.5, 10**30, "", "x", "x" * 3000, "\0", "2026-13-01", [], [1], {},
    {"id": None}, [[]], "00000000-0000-0000-0000-000000000000", "2026-01-01T00:00:00",
]  # fmt: skip
FIELDS: Final = [
    "id", "customer_id", "contract_id", "credit_id", "name", "ingest_aliases", "entity",
    "custom_fields", "product_id", "rate_card_id", "starting_at", "ending_before", "price",
    "schedule_items", "access_schedule", "priority", "amount", "limit", "next_page", "data",
    "cursor", "starting_on", "window_size", "billable_metrics", "customer_ids", "events",
    "transactionIds", "type", "aggregation_type", "rates", "credits", "add_credits", "key",
    "usage_statement_schedule", "uniqueness_key", "reason", "segment_id", "entitled",
]  # fmt: skip


@pytest.mark.parametrize(("method", "path"), ROUTES)
def test_nonsense_is_a_4xx_in_the_one_error_form(
    standing: str, method: str, path: str
) -> None:
    dice = Random(path)
    bodies: list[Any] = [b"", b"{", b"[]", b'"x"', b"\xff", b"null", b"1"]
    for _ in range(25):
        body = {dice.choice(FIELDS): dice.choice(WORDS) for _ in range(dice.randrange(9))}
        bodies.append(json.dumps(body).encode())
    client = httpx.Client(
        base_url=standing, headers={**AUTHORIZED, "Content-Type": "application/json"}
    )
    for body in bodies:
        query = {dice.choice(FIELDS): str(dice.choice(WORDS)) for _ in range(2)}
        sent = None if method == "GET" else body
        answer = client.request(method, with_ids(path), content=sent, params=query)
        assert answer.status_code < 500, (body, answer.text)
        if answer.status_code >= 400:
            assert list(answer.json()) == ["message"]
            assert answer.json()["message"]
    client.close()


def test_four_shapes_of_pages_are_walked_by_the_client_itself(sdk: Any) -> None:
    """Cursor in the query of a GET, of a POST, in the body, and under another name."""
    for number in range(3):
        sdk.v1.customers.create(name=f"C{number}")
        sdk.v1.contracts.products.create(name=f"P{number}", type="FIXED")
    first = next(iter(sdk.v1.customers.list(limit=1)))
    fixed = next(iter(sdk.v1.contracts.products.list(limit=1)))
    card = sdk.v1.contracts.rate_cards.create(name="List").data.id
    schedule = {
        "schedule_items": [
            {
                "amount": 100,
                "starting_at": "2026-01-01T00:00:00Z",
                "ending_before": "2026-02-01T00:00:00Z",
            }
        ]
    }
    for _ in range(3):
        sdk.v1.contracts.create(
            customer_id=first.id, starting_at="2026-01-01T00:00:00Z", rate_card_id=card
        )
        sdk.v1.customers.credits.create(
            customer_id=first.id,
            product_id=fixed.id,
            priority=1,
            access_schedule=schedule,
        )
    shapes = {
        "GET, query": sdk.v1.customers.list(limit=1),
        "POST, query": sdk.v1.contracts.products.list(limit=1),
        "body": sdk.v1.customers.credits.list(customer_id=first.id, limit=1),
        "body, cursor": sdk.v2.contracts.list(customer_id=first.id, limit=1),
    }
    for shape, pages in shapes.items():
        if shape == "body, cursor":
            seen = [one.id for one in pages.data]
            while pages.cursor:
                pages = sdk.v2.contracts.list(  # noqa: PLW2901 - the next page
                    customer_id=first.id, limit=1, cursor=pages.cursor
                )
                seen += [one.id for one in pages.data]
        else:
            seen = [one.id for one in pages]
        assert len(seen) == len(set(seen)) == 3, shape


def test_ids_in_a_query_are_one_parameter_with_commas(http: httpx.Client, sdk: Any) -> None:
    names = [sdk.v1.customers.create(name=f"C{n}").data.id for n in range(3)]
    wanted = names[:2]
    found = http.get("/v1/customers", params={"customer_ids": ",".join(wanted)}).json()
    assert {one["id"] for one in found["data"]} == set(wanted)
    assert {one.id for one in sdk.v1.customers.list(customer_ids=wanted)} == set(wanted)


def test_every_conflict_says_that_a_retry_is_useless(http: httpx.Client) -> None:
    body = {"name": "Acme", "ingest_aliases": ["acme"]}
    assert http.post("/v1/customers", json=body).status_code == 200
    key = {"entity": "customer", "key": "k", "enforce_uniqueness": False}
    assert http.post("/v1/customFields/addKey", json=key).status_code == 200
    for path, again in (("/v1/customers", body), ("/v1/customFields/addKey", key)):
        answer = http.post(path, json=again)
        assert (answer.status_code, answer.headers["x-should-retry"]) == (409, "false")
