"""Invoices: draft, open, paid, uncollectible, void; who may become what."""

from typing import Any

from connectors.sandbox.books import Body, Tx
from connectors.sandbox.call import Call
from connectors.sandbox.customers import found as found_customer
from connectors.sandbox.customers import move_balance
from connectors.sandbox.errors import Refusal, missing, state
from connectors.sandbox.events import emit
from connectors.sandbox.lines import add_items, embed, lines_of, pending_items
from connectors.sandbox.lists import page, search
from connectors.sandbox.shapes import at_most, blank, merge_metadata
from connectors.sandbox.totals import minimum_charge, total_up

_TEXT_LIMITS = {
    "description": 1500,
    "footer": 5000,
    "number": 26,
    "statement_descriptor": 22,
}
_COPIED = (
    "description",
    "footer",
    "number",
    "effective_at",
    "custom_fields",
    "auto_advance",
)
DAY = 86_400


def create(tx: Tx, call: Call) -> Body:
    """POST /v1/invoices."""
    params = call.params("InvoiceCreateParams")
    for name, length in _TEXT_LIMITS.items():
        at_most(params, name, length)
    if "customer" not in params:
        raise Refusal(
            "Missing required param: customer.", code="parameter_missing", param="customer"
        )
    customer = found_customer(tx, params["customer"], in_path=False)
    body = _blank(tx, params, customer)
    if params.get("number"):
        _unique_number(tx, params["number"])
    tx.put("invoice", body)
    if params.get("pending_invoice_items_behavior", "exclude") == "include":
        add_items(tx, body, pending_items(tx, customer["id"], body["currency"]))
    total_up(tx, body)
    tx.put("invoice", body)
    shown = embed(tx, body)
    emit(tx, "invoice.created", shown)
    return _expanded(tx, call, shown)


def _blank(tx: Tx, params: Body, customer: Body) -> Body:
    body = blank("Invoice", tx, "in")
    method = params.get("collection_method", "charge_automatically")
    due = params.get("due_date")
    days = params.get("days_until_due")
    if method == "charge_automatically" and (due is not None or days is not None):
        raise Refusal(
            "days_until_due and due_date go with collection_method=send_invoice only",
            param="days_until_due" if days is not None else "due_date",
        )
    if due is not None and days is not None:
        raise Refusal("Send due_date or days_until_due, not both", param="due_date")
    if method == "send_invoice" and due is None:
        due = body["created"] + (30 if days is None else days) * DAY
    for amount in [
        "amount_due",
        "amount_overpaid",
        "amount_paid",
        "amount_paid_off_stripe",
        "amount_remaining",
        "amount_shipping",
        "attempt_count",
        "subtotal",
        "total",
        "post_payment_credit_notes_amount",
        "pre_payment_credit_notes_amount",
        "starting_balance",
    ]:
        body[amount] = 0
    body.update({name: params[name] for name in _COPIED if name in params})
    body.update(
        attempted=False,
        automatic_tax={"enabled": False, "liability": None, "status": None},
        auto_advance=bool(params.get("auto_advance", False)),
        billing_reason="manual",
        collection_method=method,
        currency=params.get("currency") or customer.get("currency") or "usd",
        customer=customer["id"],
        customer_email=customer.get("email"),
        customer_name=customer.get("name"),
        default_tax_rates=[
            tx.get("tax_rate", rate) for rate in params.get("default_tax_rates") or []
        ],
        discounts=[],
        due_date=due,
        period_start=body["created"],
        period_end=body["created"],
        status="draft",
        status_transitions={
            "finalized_at": None,
            "marked_uncollectible_at": None,
            "paid_at": None,
            "voided_at": None,
        },
        total_discount_amounts=[],
        total_taxes=[],
    )
    merge_metadata(body, params.get("metadata"))
    return body


def retrieve(tx: Tx, call: Call) -> Body:
    """GET /v1/invoices/{id}."""
    return _expanded(tx, call, embed(tx, found(tx, call.names[0])))


def update(tx: Tx, call: Call) -> Body:
    """POST /v1/invoices/{id}: after finalization only metadata and the like may move."""
    params = call.params("InvoiceUpdateParams")
    for name, length in _TEXT_LIMITS.items():
        at_most(params, name, length)
    body = found(tx, call.names[0])
    frozen = set(params) - {"metadata", "expand", "auto_advance", "default_source"}
    if body["status"] != "draft" and frozen:
        raise state(f"This invoice is no longer editable: {', '.join(sorted(frozen))}")
    body.update({name: params[name] for name in _COPIED if name in params})
    if "due_date" in params:
        body["due_date"] = params["due_date"]
    merge_metadata(body, params.get("metadata"))
    tx.put("invoice", body)
    shown = embed(tx, body)
    emit(tx, "invoice.updated", shown)
    return _expanded(tx, call, shown)


def delete(tx: Tx, call: Call) -> Body:
    """DELETE /v1/invoices/{id}: drafts only."""
    body = found(tx, call.names[0])
    if body["status"] != "draft":
        raise state("You can only delete draft invoices")
    shown = embed(tx, body)
    tx.delete("invoice", body["id"])
    emit(tx, "invoice.deleted", shown)
    return {"id": body["id"], "object": "invoice", "deleted": True}


def list_all(tx: Tx, call: Call) -> Body:
    """GET /v1/invoices."""
    params = call.params("InvoiceListParams")
    where, values = "", []
    if params.get("collection_method"):
        where = " AND json_extract(body, '$.collection_method') = ?"
        values.append(params["collection_method"])
    rows = page(tx, "invoice", "/v1/invoices", params, where=where, values=tuple(values))
    rows["data"] = [embed(tx, one) for one in rows["data"]]
    return rows


def find(tx: Tx, call: Call) -> Body:
    """GET /v1/invoices/search."""
    params = call.params("InvoiceSearchParams")
    rows = search(tx, "invoice", "/v1/invoices/search", params)
    rows["data"] = [embed(tx, one) for one in rows["data"]]
    return rows


def finalize(tx: Tx, call: Call) -> Body:
    """POST /v1/invoices/{id}/finalize: number it, net the customer's balance, open it."""
    params = call.params("InvoiceFinalizeInvoiceParams")
    body = found(tx, call.names[0])
    if body["status"] != "draft":
        raise state("This invoice is already finalized")
    customer = found_customer(tx, body["customer"], in_path=False)
    if not body["number"]:
        body["number"] = (
            f"{customer['invoice_prefix']}-{customer['next_invoice_sequence']:04d}"
        )
        customer["next_invoice_sequence"] += 1
    tx.put("customer", customer)
    if "auto_advance" in params:
        body["auto_advance"] = params["auto_advance"]
    body["status"] = "open"
    body["status_transitions"]["finalized_at"] = tx.now()
    if body["effective_at"] is None:
        body["effective_at"] = tx.now()
    _net_balance(tx, body, customer)
    body["hosted_invoice_url"] = f"https://invoice.stripe.invalid/{body['id']}"
    tx.put("invoice", body)
    shown = embed(tx, body)
    emit(tx, "invoice.finalized", shown)
    if body["amount_due"] == 0:
        _pay(tx, body, 0)
    return _expanded(tx, call, embed(tx, body))


def _net_balance(tx: Tx, body: Body, customer: Body) -> None:
    """Customer balance is applied by itself, so amount due is not the total."""
    balance, total = customer["balance"], body["total"]
    body["starting_balance"] = balance
    due = total + balance
    if due < 0:
        moved = -total if balance <= 0 and total > 0 else total
        due = 0
    elif due < minimum_charge(body["currency"]) and due > 0 and total > 0:
        moved, due = total, 0  # below the minimum charge: booked to the balance
    else:
        moved = -balance
    if total <= 0:
        moved, due = total, 0
    elif due == 0 and balance < 0 and total + balance <= 0:
        moved = total
    if moved:
        move_balance(
            tx, customer, moved, body["currency"], "applied_to_invoice", body["id"]
        )
    body["ending_balance"] = customer["balance"]
    body["amount_due"] = body["amount_remaining"] = due


def void(tx: Tx, call: Call) -> Body:
    """POST /v1/invoices/{id}/void: a person's act; open and uncollectible only."""
    call.params("InvoiceVoidInvoiceParams")
    body = found(tx, call.names[0])
    if body["status"] not in {"open", "uncollectible"}:
        raise state(
            f"You can only void open and uncollectible invoices, not {body['status']}"
        )
    return _move(tx, body, "void", "voided_at", "invoice.voided")


def mark_uncollectible(tx: Tx, call: Call) -> Body:
    """POST /v1/invoices/{id}/mark_uncollectible."""
    call.params("InvoiceMarkUncollectibleParams")
    body = found(tx, call.names[0])
    if body["status"] != "open":
        raise state(f"You can only mark open invoices, not {body['status']}")
    event = "invoice.marked_uncollectible"
    return _move(tx, body, "uncollectible", "marked_uncollectible_at", event)


def pay(tx: Tx, call: Call) -> Body:
    """POST /v1/invoices/{id}/pay, by a ready-made test card or out of band."""
    params = call.params("InvoicePayParams")
    body = found(tx, call.names[0])
    if body["status"] not in {"open", "uncollectible"}:
        raise state(
            f"Invoice is {body['status']} and cannot be paid", "invoice_not_payable"
        )
    amount = body["amount_remaining"]
    if params.get("paid_out_of_band"):
        body["amount_paid_off_stripe"] = amount
    else:
        _charge(tx, body, amount)
    _pay(tx, body, amount)
    return _expanded(tx, call, embed(tx, body))


def _charge(tx: Tx, body: Body, amount: int) -> None:
    intent = blank("PaymentIntent", tx, "pi")
    intent.update(amount=amount, amount_received=amount, currency=body["currency"])
    intent.update(customer=body["customer"], status="succeeded")
    tx.put("payment_intent", intent)
    payment = blank("InvoicePayment", tx, "inpay")
    payment.update(
        amount_paid=amount,
        amount_requested=amount,
        currency=body["currency"],
        invoice=body["id"],
        is_default=True,
        payment={"type": "payment_intent", "payment_intent": intent["id"]},
        status="paid",
    )
    tx.put("invoice_payment", payment, parent=body["id"])


def _pay(tx: Tx, body: Body, amount: int) -> None:
    body["amount_paid"] += amount
    body["amount_remaining"] = 0
    body["attempted"] = True
    _move(tx, body, "paid", "paid_at", "invoice.paid")


def _move(tx: Tx, body: Body, status: str, stamp: str, event: str) -> Body:
    body["status"] = status
    body["status_transitions"][stamp] = tx.now()
    tx.put("invoice", body)
    shown = embed(tx, body)
    emit(tx, event, shown)
    return shown


def settle_if_credited(tx: Tx, body: Body) -> None:
    """An open invoice credited down to nothing is paid."""
    if body["status"] == "open" and body["amount_remaining"] == 0:
        _pay(tx, body, 0)


def preview(tx: Tx, call: Call) -> Body:
    """POST /v1/invoices/create_preview: the totals that items would have."""
    params = call.params("InvoiceCreatePreviewParams")
    customer = found_customer(tx, params.get("customer", ""), in_path=False)
    body = _blank(tx, {"currency": params.get("currency")}, customer)
    body["id"] = f"upcoming_{body['id']}"
    amount = sum(int(item.get("amount", 0)) for item in params.get("invoice_items") or [])
    body["subtotal"] = body["total"] = body["amount_due"] = amount
    body["lines"] = {"object": "list", "data": [], "has_more": False, "url": ""}
    return body


def found(tx: Tx, name: str) -> Body:
    """The invoice, or Stripe's 404."""
    body = tx.get("invoice", name)
    if body is None:
        raise missing("invoice", name, in_path=True)
    return body


def _unique_number(tx: Tx, number: str) -> None:
    where = " AND json_extract(body, '$.number') = ?"
    if tx.select("invoice", where, [number], order="ASC", limit=1):
        raise Refusal(f"Invoice number {number} is in use", param="number")


def _expanded(tx: Tx, call: Call, body: Body) -> Body:
    shown: dict[str, Any] = dict(body)
    if "customer" in call.expand:
        shown["customer"] = tx.get("customer", body["customer"])
    if "payments" in call.expand:
        payments = tx.children("invoice_payment", body["id"])
        url = f"/v1/invoice_payments?invoice={body['id']}"
        shown["payments"] = {
            "object": "list",
            "data": payments,
            "has_more": False,
            "url": url,
        }
    return shown


def list_lines(tx: Tx, call: Call) -> Body:
    """GET /v1/invoices/{id}/lines, oldest first."""
    body = found(tx, call.names[0])
    params = call.params("InvoiceLineItemListParams")
    url = f"/v1/invoices/{body['id']}/lines"
    where = " AND parent = ?"
    return page(
        tx, "line_item", url, params, where=where, values=(body["id"],), oldest_first=True
    )


__all__ = ["create", "found", "lines_of", "settle_if_credited"]
