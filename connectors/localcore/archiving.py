"""The end of contracts and customers: final, and the one way that invoices void in bulk."""

from typing import Any

from connectors.localcore import customers, scheduled_charges
from connectors.localcore.checks import ID, boolean, record
from connectors.localcore.contract_billing import Billing
from connectors.localcore.contract_shapes import KIND, need_contract
from connectors.localcore.tx import Stored, Tx
from connectors.localcore.web import Call, Route


def archive_contract(
    tx: Tx, contract: Stored, billing: Billing, *, void_finalized: bool
) -> None:
    """End a contract for good, with its credits, charges and invoices."""
    billing.close_contract(tx, contract, void_finalized=void_finalized)
    for charge in scheduled_charges.charges_of(tx, contract.id):
        scheduled_charges.archive_charge(tx, contract, charge.id, "scheduled_charges")
    tx.update(KIND, contract.id, {**contract.body, "archived_at": tx.now}, state="ARCHIVED")
    tx.audit("archive", KIND, contract.id)


def _archive_contract(call: Call, billing: Billing) -> dict[str, Any]:
    contract = need_contract(call.tx, call.body, active=True)
    void = call.body["void_invoices"]
    archive_contract(call.tx, contract, billing, void_finalized=void)
    return {"data": {"id": contract.id}}


def _archive_customer(call: Call, billing: Billing) -> dict[str, Any]:
    """Metronome: archives every contract now and voids all corresponding invoices."""
    customer = customers.need_active(call.tx, call.body["id"], "id")
    for contract in call.tx.find(KIND, customer_id=customer.id, state="ACTIVE"):
        archive_contract(call.tx, contract, billing, void_finalized=True)
    body = {**customer.body, "archived_at": call.now, "updated_at": call.now}
    call.tx.update(customers.KIND, customer.id, body, state="ARCHIVED")
    call.tx.audit("archive", customers.KIND, customer.id)
    return {"data": {"id": customer.id}}


def routes(billing: Billing) -> list[Route]:
    """The archive calls, over the credits and invoices they are given."""
    return [
        Route(
            "POST",
            "/v1/contracts/archive",
            lambda call: _archive_contract(call, billing),
            body=record({"customer_id": ID, "contract_id": ID, "void_invoices": boolean}),
            writes=True,
        ),
        Route(
            "POST",
            "/v1/customers/archive",
            lambda call: _archive_customer(call, billing),
            body=record({"id": ID}),
            writes=True,
        ),
    ]
