"""Contracts: created, read in Metronome's two versions, ended, archived."""

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from connectors.localcore import (
    billing_providers,
    contract_shapes,
    custom_fields,
    customers,
    rate_cards,
    scheduled_charges,
)
from connectors.localcore.checks import (
    CURSOR,
    ID,
    Check,
    boolean,
    instant,
    integer,
    listing,
    not_served,
    number,
    one_of,
    record,
    text,
)
from connectors.localcore.contract_billing import Billing
from connectors.localcore.contract_shapes import KIND, ending_of, need_contract
from connectors.localcore.contract_terms import CREDIT, NET_TERMS
from connectors.localcore.errors import BadRequest
from connectors.localcore.paging import CONTRACTS_PAGE_SIZE, scope_of, seq_after, take
from connectors.localcore.tx import Stored, Tx
from connectors.localcore.web import Call, Route
from state.clock import utc

KEY = "contract_uniqueness_key"
Shape = Callable[[Tx, Stored, Billing, Mapping[str, Any]], dict[str, Any]]


def check_end(
    tx: Tx,
    contract: Stored,
    ending: datetime | None,
    billing: Billing,
    *,
    past_finalized: bool,
    field: str,
) -> None:
    """Refuse an end before the start, or before a finalised invoice unless allowed."""
    if ending is None:
        return
    if ending <= utc(contract.body["starting_at"]):
        raise BadRequest(f"{field} must be after the contract's starting_at")
    finalized = billing.finalized_until(tx, contract)
    if finalized is not None and ending < finalized and not past_finalized:
        raise BadRequest(
            f"{field} is before the end of a finalised invoice ({finalized:%Y-%m-%d}):"
            " allow it explicitly, then void and regenerate that invoice"
        )


def _schedule(wanted: Mapping[str, Any], starting_at: datetime) -> dict[str, Any]:
    """The billing periods: how long, and the instant that they are counted from."""
    day = wanted.get("day", "FIRST_OF_MONTH")
    given = wanted.get("billing_anchor_date")
    if (day == "CUSTOM_DATE") != (given is not None):
        raise BadRequest(
            "usage_statement_schedule.billing_anchor_date goes with day CUSTOM_DATE, and only"
            " with it"
        )
    anchor = {
        "CUSTOM_DATE": given,
        "CONTRACT_START": starting_at,
        "FIRST_OF_MONTH": starting_at.replace(
            day=1, hour=0, minute=0, second=0, microsecond=0
        ),
    }[day]
    return {
        "frequency": wanted.get("frequency", "MONTHLY"),
        "day": day,
        "billing_anchor_date": anchor,
        "invoice_generation_starting_at": wanted.get("invoice_generation_starting_at"),
    }


def _insert(call: Call, customer: Stored) -> Stored:
    tx, body = call.tx, call.body
    ending = body.get("ending_before")
    if ending is not None and ending <= body["starting_at"]:
        raise BadRequest("ending_before must be after starting_at")
    card = None
    if "rate_card_id" in body or "rate_card_alias" in body:
        card = rate_cards.card_by(
            tx, identity=body.get("rate_card_id"), alias=body.get("rate_card_alias")
        )
    configuration = None
    if "billing_provider_configuration" in body:
        configuration = billing_providers.chosen(
            tx,
            customer.id,
            body["billing_provider_configuration"],
            "billing_provider_configuration",
        )
    terms = {
        "since": tx.now,
        "name": body.get("name"),
        "ending_before": ending,
        "net_payment_terms_days": body.get("net_payment_terms_days"),
    }
    stored = {
        "starting_at": body["starting_at"],
        "terms": [terms],
        "schedule": _schedule(
            body.get("usage_statement_schedule", {}), body["starting_at"]
        ),
        "rate_card_id": card.id if card else None,
        "billing_provider_configuration_id": configuration.id if configuration else None,
        "archived_at": None,
        **{name: body.get(name) for name in _KEPT},
    }
    contract = tx.insert(KIND, tx.new_id(), stored, customer_id=customer.id, state="ACTIVE")
    if "uniqueness_key" in body:
        tx.claim(KEY, body["uniqueness_key"], contract.id)
    return contract


def _create(call: Call, billing: Billing) -> dict[str, Any]:
    tx, body = call.tx, call.body
    customer = customers.need_active(tx, body["customer_id"])
    contract = _insert(call, customer)
    custom_fields.set_values(tx, KIND, contract.id, body.get("custom_fields", {}))
    for place, wanted in enumerate(body.get("scheduled_charges", [])):
        scheduled_charges.add_charge(tx, contract, wanted, f"scheduled_charges[{place}]")
    for place, wanted in enumerate(body.get("credits", [])):
        billing.add_credit(tx, contract, wanted, f"credits[{place}]")
    tx.audit("create", KIND, contract.id)
    billing.contract_changed(tx, contract)
    shown = contract_shapes.v2(tx, tx.need(KIND, contract.id), billing, {})
    return {"data": {"id": contract.id, "contract": shown}}


def _get(call: Call, billing: Billing, shape: Shape) -> dict[str, Any]:
    contract = need_contract(call.tx, call.body)
    return {"data": shape(call.tx, contract, billing, call.body)}


def _list(call: Call, billing: Billing, shape: Shape) -> dict[str, Any]:
    body = call.body
    covering, starting = body.get("covering_date"), body.get("starting_at")
    if covering is not None and starting is not None:
        raise BadRequest("covering_date and starting_at exclude each other: send one")
    customer = customers.need_customer(call.tx, body["customer_id"])
    scope = scope_of("contracts", body)

    def keep(contract: Stored) -> bool:
        begins, ends = utc(contract.body["starting_at"]), ending_of(contract)
        if starting is not None and begins < starting:
            return False
        return covering is None or (
            begins <= covering and (ends is None or covering < ends)
        )

    page, cursor = take(
        call.tx.scan(
            KIND,
            customer_id=customer.id,
            state=None if body.get("include_archived") else "ACTIVE",
            after=seq_after(scope, body.get("cursor"), field="cursor"),
        ),
        limit=body.get("limit", CONTRACTS_PAGE_SIZE),
        scope=scope,
        keep=keep,
    )
    data = [shape(call.tx, contract, billing, body) for contract in page]
    return {"data": data, "cursor": cursor}


def _update_end_date(call: Call, billing: Billing) -> dict[str, Any]:
    """Metronome: without `ending_before` the contract runs on."""
    contract = need_contract(call.tx, call.body, active=True)
    ending = call.body.get("ending_before")
    allowed = call.body.get("allow_ending_before_finalized_invoice", False)
    check_end(
        call.tx,
        contract,
        ending,
        billing,
        past_finalized=allowed,
        field="ending_before",
    )
    changed = contract_shapes.change_terms(call.tx, contract, ending_before=ending)
    call.tx.audit("update", KIND, contract.id, "end date changed")
    billing.contract_changed(call.tx, changed)
    return {"data": {"id": contract.id}}


_KEPT = (
    "uniqueness_key",
    "scheduled_charges_on_usage_invoices",
    "netsuite_sales_order_id",
    "salesforce_opportunity_id",
    "total_contract_value",
)
_WHICH: dict[str, Check] = {"customer_id": ID, "contract_id": ID}
_SHOWN: dict[str, Check] = {"include_balance": boolean, "include_ledgers": boolean}
_CREATE = record(
    {"customer_id": ID, "starting_at": instant},
    {
        "rate_card_id": ID,
        "rate_card_alias": ID,
        "ending_before": instant,
        "name": text(),
        "net_payment_terms_days": NET_TERMS,
        "uniqueness_key": text(longest=128),
        "usage_statement_schedule": record(
            {"frequency": one_of("MONTHLY", "QUARTERLY", "ANNUAL", "WEEKLY")},
            {
                "day": one_of("FIRST_OF_MONTH", "CONTRACT_START", "CUSTOM_DATE"),
                "billing_anchor_date": instant,
                "invoice_generation_starting_at": instant,
            },
        ),
        "billing_provider_configuration": billing_providers.ON_CONTRACT,
        "credits": listing(CREDIT),
        "scheduled_charges": listing(scheduled_charges.WANTED),
        "scheduled_charges_on_usage_invoices": one_of("ALL"),
        "custom_fields": custom_fields.VALUES,
        "netsuite_sales_order_id": ID,
        "salesforce_opportunity_id": ID,
        "total_contract_value": number,
        **{
            name: not_served(name.replace("_", " "))
            for name in (
                "commits",
                "discounts",
                "hierarchy_configuration",
                "multiplier_override_prioritization",
                "overrides",
                "package_alias",
                "package_id",
                "prepaid_balance_threshold_configuration",
                "professional_services",
                "recurring_commits",
                "recurring_credits",
                "reseller_royalties",
                "revenue_system_configuration",
                "spend_threshold_configuration",
                "spend_trackers",
                "subscriptions",
                "transition",
                "usage_filter",
            )
        },
    },
)
_LIST = record(
    {"customer_id": ID},
    {
        **_SHOWN,
        "covering_date": instant,
        "starting_at": instant,
        "include_archived": boolean,
        "limit": integer(1, CONTRACTS_PAGE_SIZE),
        "cursor": CURSOR,
    },
)


def routes(billing: Billing) -> list[Route]:
    """The contract calls, over the credits and invoices they are given."""

    def read(path: str, handler: Any, shape: Shape, body: Check) -> Route:
        return Route("POST", path, lambda call: handler(call, billing, shape), body=body)

    def write(path: str, handler: Any, body: Check) -> Route:
        return Route(
            "POST", path, lambda call: handler(call, billing), body=body, writes=True
        )

    one = record(_WHICH, _SHOWN)
    as_of = record(_WHICH, {**_SHOWN, "as_of_date": instant})
    return [
        write("/v1/contracts/create", _create, _CREATE),
        read("/v1/contracts/get", _get, contract_shapes.v1, one),
        read("/v1/contracts/list", _list, contract_shapes.v1, _LIST),
        read("/v2/contracts/get", _get, contract_shapes.v2, as_of),
        read("/v2/contracts/list", _list, contract_shapes.v2, _LIST),
        write(
            "/v1/contracts/updateEndDate",
            _update_end_date,
            record(
                _WHICH,
                {
                    "ending_before": instant,
                    "allow_ending_before_finalized_invoice": boolean,
                },
            ),
        ),
    ]
