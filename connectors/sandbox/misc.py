"""The few other resources that a test or an operator needs."""

from connectors.sandbox.books import Body, Tx
from connectors.sandbox.call import Call
from connectors.sandbox.errors import Refusal, missing
from connectors.sandbox.events import emit
from connectors.sandbox.shapes import blank, merge_metadata

ACCOUNT = "acct_sandbox"


def account(tx: Tx, call: Call) -> Body:  # noqa: ARG001 - every handler has this shape
    """GET /v1/account."""
    return {
        "id": tx.account,
        "object": "account",
        "charges_enabled": True,
        "country": "US",
        "default_currency": "usd",
        "email": "sandbox@example.com",
    }


def create_tax_rate(tx: Tx, call: Call) -> Body:
    """POST /v1/tax_rates."""
    params = call.params(
        "TaxRateCreateParams",
        ("display_name", "inclusive", "country", "percentage", "metadata"),
    )
    body = blank("TaxRate", tx, "txr")
    body.update(
        {name: params.get(name) for name in ("display_name", "inclusive", "country")}
    )
    body.update(percentage=str(params["percentage"]), active=True)
    merge_metadata(body, params.get("metadata"))
    return tx.put("tax_rate", body)


def create_refund(tx: Tx, call: Call) -> Body:
    """POST /v1/refunds, of a payment that the stand-in took."""
    params = call.params("RefundCreateParams", ("payment_intent", "amount", "metadata"))
    intent = tx.get("payment_intent", params.get("payment_intent", ""))
    if intent is None:
        raise missing("payment_intent", str(params.get("payment_intent")), in_path=False)
    body = refund(tx, intent, params.get("amount", refundable(tx, intent)))
    merge_metadata(body, params.get("metadata"))
    return tx.put("refund", body)


def refundable(tx: Tx, intent: Body) -> int:
    """What is left of a payment."""
    given = sum(one["amount"] for one in tx.children("refund", intent["id"]))
    return int(intent["amount"] - given)


def refund(tx: Tx, intent: Body, amount: int) -> Body:
    """Give back a part of a payment. Raises Refusal beyond what is left of it."""
    left = refundable(tx, intent)
    if not 0 < amount <= left:
        raise Refusal(
            f"Refund amount ({amount}) must be between 1 and the unrefunded {left}",
            code="charge_already_refunded" if left == 0 else None,
            param="amount",
        )
    body = blank("Refund", tx, "re")
    body.update(
        amount=amount,
        currency=intent["currency"],
        payment_intent=intent["id"],
        status="succeeded",
    )
    tx.put("refund", body, parent=intent["id"])
    emit(tx, "refund.created", body)
    return body


def create_test_clock(tx: Tx, call: Call) -> Body:
    """POST /v1/test_helpers/test_clocks."""
    params = call.params("test_helpers.TestClockCreateParams")
    body: Body = {
        "id": tx.new_id("clock"),
        "object": "test_helpers.test_clock",
        "created": tx.now(),
        "frozen_time": params["frozen_time"],
        "livemode": False,
        "name": params.get("name"),
        "status": "ready",
    }
    return tx.put("test_clock", body)
