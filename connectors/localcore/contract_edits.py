"""Contract edits (v2): each one is kept, in order, with what it did."""

from collections.abc import Mapping
from typing import Any

from connectors.localcore import billing_providers, contract_shapes, scheduled_charges
from connectors.localcore.checks import (
    ID,
    boolean,
    instant,
    listing,
    not_served,
    nullable,
    one_of,
    record,
    text,
)
from connectors.localcore.contract_billing import Billing
from connectors.localcore.contract_shapes import KIND, need_contract
from connectors.localcore.contract_terms import CREDIT, CREDIT_CHANGES, NET_TERMS
from connectors.localcore.contracts import check_end
from connectors.localcore.errors import BadRequest
from connectors.localcore.tx import Stored, Tx
from connectors.localcore.web import Call, Route

EDIT = "contract_edit"
KEY = "contract_edit_uniqueness_key"
_TERMS: Mapping[str, str] = {
    "update_contract_end_date": "ending_before",
    "update_contract_name": "name",
    "update_net_payment_terms_days": "net_payment_terms_days",
}


def _change_terms(call: Call, contract: Stored, billing: Billing) -> dict[str, Any]:
    """The edit's new name, end or payment days; what of it is told in the answer."""
    tx, body = call.tx, call.body
    changed = {ours: body[name] for name, ours in _TERMS.items() if name in body}
    if "ending_before" in changed:
        check_end(
            tx,
            contract,
            changed["ending_before"],
            billing,
            past_finalized=body.get(
                "allow_contract_ending_before_finalized_invoice", False
            ),
            field="update_contract_end_date",
        )
    if changed:
        contract_shapes.change_terms(tx, contract, **changed)
    told = ("update_contract_end_date", "update_contract_name")
    return {name: body[name] for name in told if body.get(name) is not None}


def _change_credits(call: Call, contract: Stored, billing: Billing) -> dict[str, Any]:
    done: dict[str, Any] = {}
    for place, wanted in enumerate(call.body.get("add_credits", [])):
        made = billing.add_credit(call.tx, contract, wanted, f"add_credits[{place}]")
        done.setdefault("add_credits", []).append(made)
    for place, wanted in enumerate(call.body.get("update_credits", [])):
        billing.change_credit(call.tx, contract, wanted, f"update_credits[{place}]")
        told = {name: value for name, value in wanted.items() if name != "credit_id"}
        done.setdefault("update_credits", []).append({"id": wanted["credit_id"], **told})
    for place, wanted in enumerate(call.body.get("archive_credits", [])):
        where = f"archive_credits[{place}].id"
        billing.archive_credit(call.tx, contract, wanted["id"], where)
        done.setdefault("archive_credits", []).append({"id": wanted["id"]})
    return done


def _change_charges(call: Call, contract: Stored) -> dict[str, Any]:
    done: dict[str, Any] = {}
    for place, wanted in enumerate(call.body.get("add_scheduled_charges", [])):
        where = f"add_scheduled_charges[{place}]"
        made = scheduled_charges.add_charge(call.tx, contract, wanted, where)
        done.setdefault("add_scheduled_charges", []).append(made)
    for place, wanted in enumerate(call.body.get("archive_scheduled_charges", [])):
        where = f"archive_scheduled_charges[{place}].id"
        scheduled_charges.archive_charge(call.tx, contract, wanted["id"], where)
        done.setdefault("archive_scheduled_charges", []).append({"id": wanted["id"]})
    return done


def _change_provider(tx: Tx, contract: Stored, wanted: Mapping[str, Any] | None) -> None:
    if wanted is None:
        return
    where = "add_billing_provider_configuration_update"
    if wanted["schedule"]["effective_at"] != "START_OF_CURRENT_PERIOD":
        raise BadRequest(
            f"{where}.schedule.effective_at: this core serves START_OF_CURRENT_PERIOD only"
        )
    chosen = billing_providers.chosen(
        tx,
        str(contract.customer_id),
        wanted["billing_provider_configuration"],
        f"{where}.billing_provider_configuration",
    )
    body = {**contract.body, "billing_provider_configuration_id": chosen.id}
    tx.update(KIND, contract.id, body)


def _edit(call: Call, billing: Billing) -> dict[str, Any]:
    tx, body = call.tx, call.body
    contract = need_contract(tx, body, active=True)
    identity = tx.new_id()
    if "uniqueness_key" in body:
        tx.claim(KEY, body["uniqueness_key"], identity)
    update = body.get("add_billing_provider_configuration_update")
    _change_provider(tx, contract, update)
    contract = tx.need(KIND, contract.id)
    done = {
        **_change_terms(call, contract, billing),
        **_change_charges(call, contract),
        **_change_credits(call, contract, billing),
    }
    if not done and update is None and not set(_TERMS) & body.keys():
        raise BadRequest("the edit changes nothing: name at least one change")
    if "uniqueness_key" in body:
        done["uniqueness_key"] = body["uniqueness_key"]
    tx.insert(EDIT, identity, done, customer_id=contract.customer_id, parent_id=contract.id)
    tx.audit("update", KIND, contract.id, f"edit {identity}")
    billing.contract_changed(tx, tx.need(KIND, contract.id))
    return {"data": {"id": identity, "edit": _told(tx.need(EDIT, identity))}}


def _told(edit: Stored) -> dict[str, Any]:
    return {"id": edit.id, "timestamp": edit.created_at, **edit.body}


def _history(call: Call) -> dict[str, Any]:
    contract = need_contract(call.tx, call.body)
    edits = call.tx.find(EDIT, parent_id=contract.id)
    return {"data": [_told(edit) for edit in edits]}


_IDS = listing(record({"id": ID}))
_BODY = record(
    {"customer_id": ID, "contract_id": ID},
    {
        "add_credits": listing(CREDIT),
        "update_credits": listing(record({"credit_id": ID}, CREDIT_CHANGES)),
        "archive_credits": _IDS,
        "add_scheduled_charges": listing(scheduled_charges.WANTED),
        "archive_scheduled_charges": _IDS,
        "update_contract_end_date": nullable(instant),
        "update_contract_name": nullable(text()),
        "update_net_payment_terms_days": nullable(NET_TERMS),
        "allow_contract_ending_before_finalized_invoice": boolean,
        "uniqueness_key": text(longest=128),
        "add_billing_provider_configuration_update": record(
            {
                "billing_provider_configuration": billing_providers.ON_CONTRACT,
                "schedule": record(
                    {
                        "effective_at": one_of(
                            "START_OF_CURRENT_PERIOD", "START_OF_NEXT_PERIOD"
                        )
                    }
                ),
            }
        ),
        **{
            name: not_served(name.split("_", 1)[1].replace("_", " "))
            for name in (
                "add_commits",
                "add_discounts",
                "add_overrides",
                "add_prepaid_balance_threshold_configuration",
                "add_professional_services",
                "add_recurring_commits",
                "add_recurring_credits",
                "add_reseller_royalties",
                "add_revenue_system_configuration_update",
                "add_spend_threshold_configuration",
                "add_spend_trackers",
                "add_subscriptions",
                "archive_commits",
                "archive_spend_trackers",
                "remove_overrides",
                "update_commits",
                "update_prepaid_balance_threshold_configuration",
                "update_recurring_commits",
                "update_recurring_credits",
                "update_scheduled_charges",
                "update_spend_threshold_configuration",
                "update_subscriptions",
            )
        },
    },
)


def routes(billing: Billing) -> list[Route]:
    """The edit calls, over the credits and invoices they are given."""
    return [
        Route(
            "POST",
            "/v2/contracts/edit",
            lambda call: _edit(call, billing),
            body=_BODY,
            writes=True,
        ),
        Route(
            "POST",
            "/v2/contracts/getEditHistory",
            _history,
            body=record({"customer_id": ID, "contract_id": ID}),
        ),
    ]
