"""Contracts as the books keep them and as Metronome's two versions show them.

The terms that an edit may change (name, end, payment days) are kept as a list with the
instant of each change, so that a contract can be shown as of a day.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from connectors.localcore import billing_providers, custom_fields, scheduled_charges
from connectors.localcore.contract_billing import Billing
from connectors.localcore.errors import BadRequest, NotFound
from connectors.localcore.products import CREATED_BY
from connectors.localcore.tx import Stored, Tx
from state.clock import utc

KIND = "contract"
TERMS = ("name", "ending_before", "net_payment_terms_days")
_PLAIN = (
    "rate_card_id",
    "uniqueness_key",
    "scheduled_charges_on_usage_invoices",
    "netsuite_sales_order_id",
    "salesforce_opportunity_id",
    "total_contract_value",
)


def need_contract(tx: Tx, body: Mapping[str, Any], *, active: bool = False) -> Stored:
    """The contract that a body names by `customer_id` and `contract_id`."""
    tx.need("customer", body["customer_id"], "customer_id")
    contract = tx.need(KIND, body["contract_id"], "contract_id")
    if contract.customer_id != body["customer_id"]:
        raise NotFound(
            f"contract_id: contract {contract.id} was not found at customer"
            f" {body['customer_id']}"
        )
    if active and contract.state != "ACTIVE":
        raise BadRequest(
            f"contract_id: contract {contract.id} is archived, and that is final"
        )
    return contract


def terms_at(contract: Stored, at: datetime) -> dict[str, Any]:
    """The changeable terms that held at an instant; the first ones before that."""
    history = contract.body["terms"]
    begun = [terms for terms in history if utc(terms["since"]) <= at]
    return dict(begun[-1] if begun else history[0])


def terms_now(contract: Stored) -> dict[str, Any]:
    """The terms after the latest change: `name`, `ending_before`, `net_payment_terms_days`."""
    return dict(contract.body["terms"][-1])


def ending_of(contract: Stored) -> datetime | None:
    """When the contract ends, exclusive, or None."""
    ending = terms_now(contract)["ending_before"]
    return None if ending is None else utc(ending)


def change_terms(tx: Tx, contract: Stored, **changed: Any) -> Stored:
    """Keep new terms from now on; the contract as it then stands."""
    terms = {**terms_now(contract), **changed, "since": tx.now}
    tx.update(
        KIND, contract.id, {**contract.body, "terms": [*contract.body["terms"], terms]}
    )
    return tx.need(KIND, contract.id)


def _common(
    tx: Tx,
    contract: Stored,
    terms: Mapping[str, Any],
    billing: Billing,
    options: Mapping[str, Any],
) -> dict[str, Any]:
    shown: dict[str, Any] = {
        "created_at": contract.created_at,
        "created_by": CREATED_BY,
        "starting_at": contract.body["starting_at"],
        "commits": [],
        "overrides": [],
        "transitions": [],
        "scheduled_charges": [
            scheduled_charges.answer(tx, charge)
            for charge in scheduled_charges.charges_of(tx, contract.id)
        ],
        "credits": billing.credits_of(
            tx,
            contract,
            include_balance=options.get("include_balance", False),
            include_ledgers=options.get("include_ledgers", False),
        ),
        "usage_statement_schedule": {
            "billing_anchor_date": contract.body["schedule"]["billing_anchor_date"],
            "frequency": contract.body["schedule"]["frequency"],
        },
    }
    for name in TERMS:
        if terms[name] is not None:
            shown[name] = terms[name]
    for name in _PLAIN:
        if contract.body[name] is not None:
            shown[name] = contract.body[name]
    return shown


def _envelope(tx: Tx, contract: Stored) -> dict[str, Any]:
    shown: dict[str, Any] = {
        "id": contract.id,
        "customer_id": contract.customer_id,
        "custom_fields": custom_fields.values_of(tx, KIND, contract.id),
    }
    configuration = contract.body["billing_provider_configuration_id"]
    if configuration is not None:
        shown["customer_billing_provider_configuration"] = billing_providers.answer(
            tx.need(billing_providers.KIND, configuration)
        )
    if contract.body["archived_at"] is not None:
        shown["archived_at"] = contract.body["archived_at"]
    return shown


def v2(
    tx: Tx, contract: Stored, billing: Billing, options: Mapping[str, Any]
) -> dict[str, Any]:
    """A contract as v2 shows it: flat, `usage_filter` a list."""
    terms = terms_at(contract, options.get("as_of_date", tx.now))
    return {
        **_common(tx, contract, terms, billing, options),
        **_envelope(tx, contract),
        "usage_filter": [],
    }


def v1(
    tx: Tx, contract: Stored, billing: Billing, options: Mapping[str, Any]
) -> dict[str, Any]:
    """A contract as v1 shows it: `initial`, `current`, and no `usage_filter` at all."""
    shown = {
        **_envelope(tx, contract),
        "amendments": [],
        "initial": _common(tx, contract, contract.body["terms"][0], billing, options),
        "current": _common(tx, contract, terms_now(contract), billing, options),
    }
    for name in ("uniqueness_key", "scheduled_charges_on_usage_invoices"):
        if contract.body[name] is not None:
            shown[name] = contract.body[name]
    return shown
