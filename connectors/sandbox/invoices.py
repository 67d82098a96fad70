"""Invoices: made, read, changed and listed; what they become is in `invoice_states`."""

from typing import Any

from connectors.sandbox.books import Body, Tx
from connectors.sandbox.call import Call
from connectors.sandbox.customers import DEFAULT_CURRENCY
from connectors.sandbox.customers import found as found_customer
from connectors.sandbox.errors import Refusal, missing, state
from connectors.sandbox.events import emit
from connectors.sandbox.lines import add_items, embed, pending_items
from connectors.sandbox.lists import page, search
from connectors.sandbox.shapes import at_most, blank, merge_metadata
from connectors.sandbox.totals import total_up
from connectors.stripe_money import check_amount

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
    "statement_descriptor",
)
_CREATE = (
    *_COPIED,
    "collection_method",
    "currency",
    "customer",
    "days_until_due",
    "default_tax_rates",
    "due_date",
    "metadata",
    "pending_invoice_items_behavior",
)
_UPDATE = (*_COPIED, "due_date", "metadata")
_CUSTOM_FIELDS_MAX = 4
_CUSTOM_NAME_MAX = 40
_CUSTOM_VALUE_MAX = 140
DAY = 86_400
DAYS_UNTIL_DUE = 30


def create(tx: Tx, call: Call) -> Body:
    """POST /v1/invoices."""
    params = call.params("InvoiceCreateParams", _CREATE)
    _check_texts(params)
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
    return expanded(tx, call, shown)


def _blank(tx: Tx, params: Body, customer: Body) -> Body:
    body = blank("Invoice", tx, "in")
    method = params.get("collection_method", "charge_automatically")
    _check_due(method, params)
    if method == "send_invoice" and not customer.get("email"):
        raise Refusal(
            "Missing email. An invoice that is sent needs a customer with an email address"
        )
    currency = params.get("currency") or customer.get("currency") or DEFAULT_CURRENCY
    if (wrong := check_amount(0, currency)) is not None:
        raise Refusal(f"Invalid currency: {wrong}", param="currency")
    due = params.get("due_date")
    if method == "send_invoice" and due is None:
        due = body["created"] + params.get("days_until_due", DAYS_UNTIL_DUE) * DAY
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
        currency=currency.lower(),
        customer=customer["id"],
        customer_email=customer.get("email"),
        customer_name=customer.get("name"),
        default_tax_rates=[
            _tax_rate(tx, name) for name in params.get("default_tax_rates") or []
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


def _check_texts(params: Body) -> None:
    for name, length in _TEXT_LIMITS.items():
        at_most(params, name, length)
    fields = params.get("custom_fields") or []
    if len(fields) > _CUSTOM_FIELDS_MAX:
        raise Refusal(f"At most {_CUSTOM_FIELDS_MAX} custom fields", param="custom_fields")
    for field in fields:
        at_most(field, "name", _CUSTOM_NAME_MAX)
        at_most(field, "value", _CUSTOM_VALUE_MAX)


def _check_due(method: str, params: Body) -> None:
    """A due date belongs to an invoice that is sent, and is said in one way."""
    given = [name for name in ("due_date", "days_until_due") if name in params]
    if given and method == "charge_automatically":
        raise Refusal(
            "days_until_due and due_date go with collection_method=send_invoice only",
            param=given[0],
        )
    if len(given) > 1:
        raise Refusal("Send due_date or days_until_due, not both", param="due_date")
    if params.get("days_until_due", 0) < 0:
        raise Refusal("Invalid non-negative integer: days_until_due", param=given[0])


def _tax_rate(tx: Tx, name: str) -> Body:
    rate = tx.get("tax_rate", name)
    if rate is None:
        raise missing("tax_rate", name, in_path=False, param="default_tax_rates")
    return rate


def retrieve(tx: Tx, call: Call) -> Body:
    """GET /v1/invoices/{id}."""
    return expanded(tx, call, embed(tx, found(tx, call.names[0])))


def update(tx: Tx, call: Call) -> Body:
    """POST /v1/invoices/{id}: after finalization only metadata and the like may move."""
    params = call.params("InvoiceUpdateParams", _UPDATE)
    _check_texts(params)
    body = found(tx, call.names[0])
    frozen = set(params) - {"metadata", "expand", "auto_advance"}
    if body["status"] != "draft" and frozen:
        raise state(f"This invoice is no longer editable: {', '.join(sorted(frozen))}")
    if params.get("number") and params["number"] != body["number"]:
        _unique_number(tx, params["number"])
    if "due_date" in params:
        _check_due(body["collection_method"], params)
    body.update({name: params[name] for name in _COPIED if name in params})
    if "due_date" in params:
        body["due_date"] = params["due_date"]
    merge_metadata(body, params.get("metadata"))
    tx.put("invoice", body)
    shown = embed(tx, body)
    emit(tx, "invoice.updated", shown)
    return expanded(tx, call, shown)


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


def preview(tx: Tx, call: Call) -> Body:
    """POST /v1/invoices/create_preview: the totals that items would have."""
    params = call.params(
        "InvoiceCreatePreviewParams", ("customer", "currency", "invoice_items")
    )
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


def expanded(tx: Tx, call: Call, body: Body) -> Body:
    """The invoice with what the caller wants to see inside it."""
    shown: dict[str, Any] = dict(body)
    wanted = call.expandable("customer", "payments")
    if "customer" in wanted:
        shown["customer"] = tx.get("customer", body["customer"])
    if "payments" in wanted:
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
