"""Customers: whom the core bills, under which names their usage arrives."""

from typing import Any

from connectors.localcore import billing_providers, custom_fields, events
from connectors.localcore.checks import (
    ID,
    PAGE,
    boolean,
    comma_list,
    json_object,
    listing,
    nullable,
    one_of,
    record,
    text,
)
from connectors.localcore.errors import BadRequest, Conflict
from connectors.localcore.paging import PAGE_SIZE, scope_of, seq_after, take
from connectors.localcore.tx import Stored, Tx
from connectors.localcore.web import Call, Route

KIND = "customer"
ALIAS = "ingest_alias"
NAME_MAX = 160
ALIASES_MAX = 100


def need_customer(tx: Tx, identity: str, field: str = "customer_id") -> Stored:
    """The customer, active or archived; a 404 names the field."""
    return tx.need(KIND, identity, field)


def need_active(tx: Tx, identity: str, field: str = "customer_id") -> Stored:
    """The customer, who must be active; a 400 says that an archive is final."""
    customer = tx.need(KIND, identity, field)
    if customer.state != "ACTIVE":
        raise BadRequest(f"{field}: customer {identity} is archived, and that is final")
    return customer


def _external_id(customer: Stored) -> str:
    """The first id that events may use (Metronome: deprecated, still answered)."""
    aliases = customer.body["ingest_aliases"]
    return str(aliases[0]) if aliases else customer.id


def _summary(tx: Tx, customer: Stored) -> dict[str, Any]:
    return {
        "id": customer.id,
        "external_id": _external_id(customer),
        "ingest_aliases": customer.body["ingest_aliases"],
        "name": customer.body["name"],
        "custom_fields": custom_fields.values_of(tx, KIND, customer.id),
    }


def detail(tx: Tx, customer: Stored) -> dict[str, Any]:
    """A customer as `retrieve` and `list` give it."""
    return {
        **_summary(tx, customer),
        "customer_config": customer.body["customer_config"],
        "created_at": customer.created_at,
        "updated_at": customer.body["updated_at"],
        "archived_at": customer.body["archived_at"],
    }


def _claim_aliases(tx: Tx, customer_id: str, aliases: list[str]) -> None:
    for alias in aliases:
        if tx.get(KIND, alias) is not None:
            raise Conflict(f"ingest_aliases: {alias} is the id of a customer")
        tx.claim(ALIAS, alias, customer_id, field="ingest_aliases")
        events.match_waiting(tx, alias, customer_id)


def _change(call: Call, customer: Stored, **changed: Any) -> None:
    call.tx.update(KIND, customer.id, {**customer.body, **changed, "updated_at": call.now})
    names = ", ".join(sorted(changed))
    call.tx.audit("update", KIND, customer.id, f"changed: {names}")


# --- calls -----------------------------------------------------------------------------


def _create(call: Call) -> dict[str, Any]:
    tx, body = call.tx, call.body
    given = [body["external_id"]] if "external_id" in body else []
    aliases = list(dict.fromkeys([*given, *body.get("ingest_aliases", [])]))
    customer = tx.insert(
        KIND,
        tx.new_id(),
        {
            "name": body["name"][:NAME_MAX],
            "ingest_aliases": aliases,
            "customer_config": {},
            "revenue_systems": body.get("customer_revenue_system_configurations", []),
            "updated_at": tx.now,
            "archived_at": None,
        },
        state="ACTIVE",
    )
    tx.audit("create", KIND, customer.id)
    _claim_aliases(tx, customer.id, aliases)
    custom_fields.set_values(tx, KIND, customer.id, body.get("custom_fields", {}))
    for place, wanted in enumerate(
        body.get("customer_billing_provider_configurations", [])
    ):
        where = f"customer_billing_provider_configurations[{place}]"
        billing_providers.add_configuration(tx, customer.id, wanted, where)
    return {"data": _summary(tx, customer)}


def _get(call: Call) -> dict[str, Any]:
    return {"data": detail(call.tx, need_customer(call.tx, call.path["customer_id"]))}


def _list(call: Call) -> dict[str, Any]:
    query = call.query
    scope = scope_of("customers", query)
    wanted = set(query["customer_ids"]) if "customer_ids" in query else None
    salesforce = query.get("salesforce_account_ids")
    holder = (
        call.tx.holder(ALIAS, query["ingest_alias"]) if "ingest_alias" in query else None
    )

    def keep(customer: Stored) -> bool:
        account = customer.body["customer_config"].get("salesforce_account_id")
        return (
            (wanted is None or customer.id in wanted)
            and ("ingest_alias" not in query or customer.id == holder)
            and (salesforce is None or account in salesforce)
        )

    page, next_page = take(
        call.tx.scan(
            KIND,
            state="ARCHIVED" if query.get("only_archived") else "ACTIVE",
            after=seq_after(scope, query.get("next_page")),
        ),
        limit=query.get("limit", PAGE_SIZE),
        scope=scope,
        keep=keep,
    )
    return {"data": [detail(call.tx, one) for one in page], "next_page": next_page}


def _set_aliases(call: Call) -> None:
    customer = need_active(call.tx, call.path["customer_id"])
    aliases = list(dict.fromkeys(call.body["ingest_aliases"]))
    for gone in set(customer.body["ingest_aliases"]) - set(aliases):
        call.tx.release(ALIAS, identity=customer.id, key=gone)
    _claim_aliases(call.tx, customer.id, aliases)
    _change(call, customer, ingest_aliases=aliases)


def _set_name(call: Call) -> dict[str, Any]:
    customer = need_active(call.tx, call.path["customer_id"])
    _change(call, customer, name=call.body["name"][:NAME_MAX])
    return {"data": _summary(call.tx, call.tx.need(KIND, customer.id))}


def _update_config(call: Call) -> None:
    customer = need_active(call.tx, call.path["customer_id"])
    config = {**customer.body["customer_config"], **call.body}
    _change(
        call, customer, customer_config={k: v for k, v in config.items() if v is not None}
    )


_NAME = text(longest=1000)
_ALIAS = text(longest=200)
_REVENUE_SYSTEM = record(
    {"provider": one_of("netsuite")},
    {
        "configuration": json_object,
        "delivery_method": one_of(billing_providers.DIRECT),
        "delivery_method_id": ID,
    },
)
_AT_CUSTOMER = "/v1/customers/{customer_id}"
routes: list[Route] = [
    Route(
        "POST",
        "/v1/customers",
        _create,
        body=record(
            {"name": _NAME},
            {
                "ingest_aliases": listing(_ALIAS, most=ALIASES_MAX),
                "external_id": _ALIAS,
                "custom_fields": custom_fields.VALUES,
                "customer_billing_provider_configurations": listing(
                    billing_providers.ON_CUSTOMER
                ),
                "customer_revenue_system_configurations": listing(_REVENUE_SYSTEM),
            },
        ),
        writes=True,
    ),
    Route(
        "GET",
        "/v1/customers",
        _list,
        query=record(
            optional={
                **PAGE,
                "customer_ids": comma_list(ID),
                "ingest_alias": _ALIAS,
                "only_archived": boolean,
                "salesforce_account_ids": comma_list(ID),
            }
        ),
    ),
    Route("GET", _AT_CUSTOMER, _get),
    Route(
        "POST",
        f"{_AT_CUSTOMER}/setIngestAliases",
        _set_aliases,
        body=record({"ingest_aliases": listing(_ALIAS, most=ALIASES_MAX)}),
        writes=True,
    ),
    Route(
        "POST",
        f"{_AT_CUSTOMER}/setName",
        _set_name,
        body=record({"name": _NAME}),
        writes=True,
    ),
    Route(
        "POST",
        f"{_AT_CUSTOMER}/updateConfig",
        _update_config,
        body=record(
            optional={
                "leave_stripe_invoices_in_draft": nullable(boolean),
                "salesforce_account_id": nullable(ID),
            }
        ),
        writes=True,
    ),
]
