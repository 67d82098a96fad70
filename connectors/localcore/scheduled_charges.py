"""Scheduled charges: a FIXED product billed on given days, whatever the usage."""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from connectors.localcore import custom_fields, pricing_units, products
from connectors.localcore.checks import (
    ID,
    boolean,
    instant,
    listing,
    not_served,
    number,
    record,
    text,
)
from connectors.localcore.errors import BadRequest
from connectors.localcore.tx import Stored, Tx
from connectors.localcore.words import EXACT

KIND = "scheduled_charge"
WANTED = record(
    {
        "product_id": ID,
        "schedule": record(
            optional={
                "credit_type_id": ID,
                "do_not_invoice": boolean,
                "schedule_items": listing(
                    record(
                        {"timestamp": instant},
                        {"amount": number, "quantity": number, "unit_price": number},
                    ),
                    least=1,
                ),
                "recurring_schedule": not_served(
                    "recurring schedules; list each day in schedule_items"
                ),
            }
        ),
    },
    {"name": text(), "custom_fields": custom_fields.VALUES, "netsuite_sales_order_id": ID},
)
"""The check of one charge in a contract or an edit."""


def add_charge(
    tx: Tx, contract: Stored, wanted: Mapping[str, Any], where: str
) -> dict[str, Any]:
    """Keep a charge of a contract; the charge as Metronome gives it."""
    schedule = wanted["schedule"]
    product = products.need_fixed(tx, wanted["product_id"], f"{where}.product_id")
    unit = pricing_units.unit(
        schedule.get("credit_type_id"), f"{where}.schedule.credit_type_id"
    )
    if not schedule.get("schedule_items"):
        raise BadRequest(f"{where}.schedule.schedule_items is required")
    items = []
    for place, item in enumerate(schedule["schedule_items"]):
        at = f"{where}.schedule.schedule_items[{place}]"
        items.append(
            {"id": tx.new_id(), "timestamp": item["timestamp"], **_amount(item, at)}
        )
    body = {
        "name": wanted.get("name"),
        "product_id": product.id,
        "credit_type_id": unit.id,
        "do_not_invoice": schedule.get("do_not_invoice", False),
        "schedule_items": items,
        "netsuite_sales_order_id": wanted.get("netsuite_sales_order_id"),
        "archived_at": None,
    }
    charge = tx.insert(
        KIND,
        tx.new_id(),
        body,
        customer_id=contract.customer_id,
        parent_id=contract.id,
        state="ACTIVE",
    )
    custom_fields.set_values(tx, KIND, charge.id, wanted.get("custom_fields", {}))
    return answer(tx, charge)


def _amount(item: Mapping[str, Any], where: str) -> dict[str, Decimal]:
    """Amount, quantity and unit price that agree; Metronome takes either form."""
    if "amount" in item:
        if "unit_price" in item or "quantity" in item:
            raise BadRequest(f"{where}.amount stands alone: no unit_price, no quantity")
        return {
            "amount": item["amount"],
            "quantity": Decimal(1),
            "unit_price": item["amount"],
        }
    if "unit_price" not in item or "quantity" not in item:
        raise BadRequest(f"{where}.amount is required, or unit_price and quantity")
    amount = EXACT.multiply(item["unit_price"], item["quantity"])
    return {
        "amount": amount,
        "quantity": item["quantity"],
        "unit_price": item["unit_price"],
    }


def archive_charge(tx: Tx, contract: Stored, identity: str, where: str) -> None:
    """Archive a charge of a contract: what is not billed yet is not billed."""
    charge = tx.need(KIND, identity, where)
    if charge.parent_id != contract.id or charge.state != "ACTIVE":
        raise BadRequest(f"{where}: {identity} is not an active charge of this contract")
    tx.update(KIND, identity, {**charge.body, "archived_at": tx.now}, state="ARCHIVED")


def charges_of(tx: Tx, contract_id: str) -> list[Stored]:
    """The active charges of a contract.

    A charge's body: `product_id`, `credit_type_id`, `do_not_invoice` and
    `schedule_items` (`id`, `timestamp`, `amount`, `quantity`, `unit_price`).
    """
    return tx.find(KIND, parent_id=contract_id, state="ACTIVE")


def answer(tx: Tx, charge: Stored) -> dict[str, Any]:
    """A charge as Metronome gives it."""
    product = tx.need(products.KIND, charge.body["product_id"])
    name = products.product_at(product, tx.now)["name"]
    shown = {
        "id": charge.id,
        "product": {"id": product.id, "name": name},
        "schedule": {
            "credit_type": pricing_units.unit(charge.body["credit_type_id"]).reference(),
            "do_not_invoice": charge.body["do_not_invoice"],
            "schedule_items": charge.body["schedule_items"],
        },
        "custom_fields": custom_fields.values_of(tx, KIND, charge.id),
    }
    if charge.body["name"] is not None:
        shown["name"] = charge.body["name"]
    return shown
