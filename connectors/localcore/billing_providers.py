"""Billing provider configurations: where a customer's invoices would be delivered.

This core delivers nothing. It keeps the configurations because Tieout reads from them who
delivers, and where the Stripe customer's id stands.
"""

from typing import Any

from connectors.localcore.checks import (
    CURSOR,
    ID,
    Check,
    boolean,
    json_object,
    listing,
    one_of,
    record,
)
from connectors.localcore.errors import BadRequest, NotFound
from connectors.localcore.paging import PAGE_SIZE, scope_of, seq_after, take_all
from connectors.localcore.pricing_units import fixed_id
from connectors.localcore.tx import Stored, Tx
from connectors.localcore.web import Call, Route

KIND = "billing_provider_configuration"
PROVIDERS = (
    "aws_marketplace",
    "stripe",
    "netsuite",
    "custom",
    "azure_marketplace",
    "quickbooks_online",
    "workday",
    "gcp_marketplace",
    "metronome",
)
CONTRACT_PROVIDERS = (
    "aws_marketplace",
    "azure_marketplace",
    "gcp_marketplace",
    "stripe",
    "netsuite",
)
DIRECT = "direct_to_billing_provider"
METHODS = (DIRECT, "aws_sqs", "tackle", "aws_sns")
DELIVERIES: tuple[dict[str, Any], ...] = tuple(
    {
        "billing_provider": provider,
        "delivery_method": DIRECT,
        "delivery_method_configuration": {},
        "delivery_method_id": fixed_id(f"{provider} {DIRECT}"),
    }
    for provider in PROVIDERS
)
_STRIPE = record(
    {"stripe_customer_id": ID},
    {"stripe_collection_method": one_of("charge_automatically", "send_invoice")},
)
_OPTIONAL: dict[str, Check] = {
    "configuration": json_object,
    "delivery_method": one_of(*METHODS),
    "delivery_method_id": ID,
    "tax_provider": one_of("anrok", "avalara", "stripe"),
}
ON_CUSTOMER = record({"billing_provider": one_of(*CONTRACT_PROVIDERS)}, _OPTIONAL)
"""The check of one configuration inside a new customer."""

ON_CONTRACT = record(
    optional={
        "billing_provider_configuration_id": ID,
        "billing_provider": one_of(*CONTRACT_PROVIDERS),
        "delivery_method": one_of(*METHODS),
    }
)
"""The check of a contract's `billing_provider_configuration`."""


def add_configuration(
    tx: Tx, customer_id: str, wanted: dict[str, Any], where: str
) -> dict[str, Any]:
    """Keep a configuration of a customer; its cfg-out."""
    provider = wanted["billing_provider"]
    configuration = wanted.get("configuration", {})
    if provider == "stripe":
        configuration = _STRIPE(f"{where}.configuration", configuration)
    delivery = _delivery(provider, wanted, where)
    identity = tx.new_id()
    body = {
        "billing_provider": provider,
        "configuration": configuration,
        "delivery_method": delivery["delivery_method"],
        "delivery_method_configuration": {},
        "delivery_method_id": delivery["delivery_method_id"],
        "tax_provider": wanted.get("tax_provider"),
        "archived_at": None,
    }
    stored = tx.insert(KIND, identity, body, customer_id=customer_id, state="ACTIVE")
    tx.audit("create", "customer_billing_provider_configuration", identity)
    return answer(stored)


def _delivery(provider: str, wanted: dict[str, Any], where: str) -> dict[str, Any]:
    method, identity = wanted.get("delivery_method"), wanted.get("delivery_method_id")
    if method is None and identity is None:
        raise BadRequest(
            f"{where}.delivery_method is required, or {where}.delivery_method_id"
        )
    for delivery in DELIVERIES:
        if delivery["billing_provider"] == provider and (
            identity == delivery["delivery_method_id"]
            if identity is not None
            else method == delivery["delivery_method"]
        ):
            return delivery
    field = "delivery_method_id" if identity is not None else "delivery_method"
    raise BadRequest(
        f"{where}.{field}: {identity or method} is not set up for {provider};"
        " listConfiguredBillingProviders shows what is"
    )


def answer(stored: Stored) -> dict[str, Any]:
    """A configuration as Metronome gives it."""
    shown = {"id": stored.id, "customer_id": stored.customer_id, **stored.body}
    if shown["tax_provider"] is None:
        del shown["tax_provider"]
    return shown


def chosen(tx: Tx, customer_id: str, wanted: dict[str, Any], where: str) -> Stored:
    """The customer's configuration that a contract names, by id or by provider."""
    identity = wanted.get("billing_provider_configuration_id")
    if identity is not None:
        found = tx.need(KIND, identity, f"{where}.billing_provider_configuration_id")
        if found.customer_id != customer_id or found.state != "ACTIVE":
            raise BadRequest(
                f"{where}.billing_provider_configuration_id: {identity} is not an active"
                f" configuration of customer {customer_id}"
            )
        return found
    provider = wanted.get("billing_provider")
    if provider is None:
        raise BadRequest(
            f"{where} needs billing_provider_configuration_id or billing_provider"
        )
    method = wanted.get("delivery_method", DIRECT)
    for found in tx.find(KIND, customer_id=customer_id, state="ACTIVE"):
        if (found.body["billing_provider"], found.body["delivery_method"]) == (
            provider,
            method,
        ):
            return found
    raise BadRequest(
        f"{where}.billing_provider: customer {customer_id} has no {provider} configuration;"
        " add it with setCustomerBillingProviderConfigurations"
    )


# --- calls -----------------------------------------------------------------------------


def _set(call: Call) -> dict[str, Any]:
    made = []
    for place, wanted in enumerate(call.body["data"]):
        where = f"data[{place}]"
        customer = call.tx.need("customer", wanted["customer_id"], f"{where}.customer_id")
        if customer.state != "ACTIVE":
            raise BadRequest(f"{where}.customer_id: {customer.id} is archived")
        shown = add_configuration(call.tx, customer.id, wanted, where)
        for hidden in ("archived_at", "delivery_method", "delivery_method_configuration"):
            del shown[hidden]
        made.append(shown)
    return {"data": made}


def _get(call: Call) -> dict[str, Any]:
    customer = call.tx.need("customer", call.body["customer_id"], "customer_id")
    state = None if call.body.get("include_archived") else "ACTIVE"
    found = call.tx.find(KIND, customer_id=customer.id, state=state)
    return {"data": [answer(one) for one in found]}


def _archive(call: Call) -> dict[str, Any]:
    customer = call.tx.need("customer", call.body["customer_id"], "customer_id")
    identities = call.body["customer_billing_provider_configuration_ids"]
    for identity in identities:
        found = call.tx.get(KIND, identity)
        if found is None or found.customer_id != customer.id:
            raise NotFound(
                f"customer_billing_provider_configuration_ids: {identity} was not found"
                f" at customer {customer.id}"
            )
        if found.state == "ACTIVE":
            body = {**found.body, "archived_at": call.now}
            call.tx.update(KIND, identity, body, state="ARCHIVED")
            call.tx.audit("archive", "customer_billing_provider_configuration", identity)
    return {
        "data": {
            "customer_id": customer.id,
            "customer_billing_provider_configuration_ids": identities,
        }
    }


def _list(call: Call) -> dict[str, Any]:
    scope = scope_of("billing-providers", {})
    page, next_page = take_all(
        DELIVERIES,
        limit=PAGE_SIZE,
        scope=scope,
        after=seq_after(scope, call.body.get("next_page")),
    )
    return {"data": page, "next_page": next_page}


_ON_CALL = record({"customer_id": ID, "billing_provider": one_of(*PROVIDERS)}, _OPTIONAL)
routes: list[Route] = [
    Route(
        "POST",
        "/v1/setCustomerBillingProviderConfigurations",
        _set,
        body=record({"data": listing(_ON_CALL, least=1)}),
        writes=True,
    ),
    Route(
        "POST",
        "/v1/getCustomerBillingProviderConfigurations",
        _get,
        body=record({"customer_id": ID}, {"include_archived": boolean}),
    ),
    Route(
        "POST",
        "/v1/archiveCustomerBillingProviderConfigurations",
        _archive,
        body=record(
            {
                "customer_id": ID,
                "customer_billing_provider_configuration_ids": listing(ID, least=1),
            }
        ),
        writes=True,
    ),
    Route(
        "POST",
        "/v1/listConfiguredBillingProviders",
        _list,
        body=record(optional={"next_page": CURSOR}),
    ),
]
