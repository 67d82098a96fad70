"""Invoice items and lines: flat amounts, or price times quantity; at most 250."""

from decimal import ROUND_HALF_UP, Decimal
from typing import Any

from connectors.sandbox.books import Body, Tx
from connectors.sandbox.call import Call
from connectors.sandbox.customers import found as found_customer
from connectors.sandbox.errors import Refusal, missing, state
from connectors.sandbox.events import emit
from connectors.sandbox.shapes import at_most, blank, listing, merge_metadata
from connectors.sandbox.totals import total_up
from connectors.stripe_money import check_amount

LINES_MAX = 250
EMBEDDED = 10
DESCRIPTION_MAX = 5000


def create_item(tx: Tx, call: Call) -> Body:
    """POST /v1/invoiceitems: on a draft by id, or pending for the next invoice."""
    params = call.params("InvoiceItemCreateParams")
    customer = found_customer(tx, params.get("customer", ""), in_path=False)
    body = blank("InvoiceItem", tx, "ii")
    at_most(params, "description", DESCRIPTION_MAX)
    invoice = None
    currency = params.get("currency") or "usd"
    if params.get("invoice"):
        invoice = _draft(tx, params["invoice"])
        if params.get("currency") and params["currency"] != invoice["currency"]:
            raise Refusal(
                f"The currency of the item ({currency}) is not that of the invoice "
                f"({invoice['currency']})",
                param="currency",
            )
        currency = invoice["currency"]
    now = tx.now()
    body.update(
        amount=_amount(params, currency),
        currency=currency,
        customer=customer["id"],
        date=now,
        description=params.get("description"),
        discountable=False,
        invoice=invoice["id"] if invoice else None,
        period=params.get("period") or {"start": now, "end": now},
        quantity=int(params.get("quantity", 1)),
        tax_amounts=params.get("tax_amounts"),
    )
    merge_metadata(body, params.get("metadata"))
    status = "attached" if invoice else "pending"
    tx.put("invoiceitem", {**body, "status": status})
    emit(tx, "invoiceitem.created", body)
    if invoice:
        add_items(tx, invoice, [body])
        total_up(tx, invoice)
        tx.put("invoice", invoice)
    return body


def add_lines(tx: Tx, call: Call) -> Body:
    """POST /v1/invoices/{id}/add_lines: all of them or none."""
    params = call.params("InvoiceAddLinesParams")
    invoice = _draft(tx, call.names[0], in_path=True)
    now = tx.now()
    items = []
    for line in params["lines"]:
        at_most(line, "description", DESCRIPTION_MAX)
        items.append(
            {
                "id": tx.new_id("ii"),
                "amount": _amount(line, invoice["currency"]),
                "currency": invoice["currency"],
                "description": line.get("description"),
                "metadata": line.get("metadata") or {},
                "period": line.get("period") or {"start": now, "end": now},
                "quantity": int(line.get("quantity", 1)),
                "tax_amounts": line.get("tax_amounts"),
            }
        )
    add_items(tx, invoice, items)
    merge_metadata(invoice, params.get("invoice_metadata"))
    return _retotalled(tx, invoice)


def update_lines(tx: Tx, call: Call) -> Body:
    """POST /v1/invoices/{id}/update_lines."""
    params = call.params("InvoiceUpdateLinesParams")
    invoice = _draft(tx, call.names[0], in_path=True)
    for change in params["lines"]:
        line = _line(tx, invoice, change["id"])
        if "amount" in change:
            line["amount"] = line["subtotal"] = int(change["amount"])
        if "description" in change:
            line["description"] = change["description"]
        merge_metadata(line, change.get("metadata"))
        tx.put("line_item", line, parent=invoice["id"])
    return _retotalled(tx, invoice)


def remove_lines(tx: Tx, call: Call) -> Body:
    """POST /v1/invoices/{id}/remove_lines."""
    params = call.params("InvoiceRemoveLinesParams")
    invoice = _draft(tx, call.names[0], in_path=True)
    for change in params["lines"]:
        line = _line(tx, invoice, change["id"])
        tx.delete("line_item", line["id"])
    return _retotalled(tx, invoice)


def add_items(tx: Tx, invoice: Body, items: list[Body]) -> None:
    """Turn items into lines of an invoice."""
    if len(lines_of(tx, invoice["id"])) + len(items) > LINES_MAX:
        raise Refusal(f"An invoice holds at most {LINES_MAX} items", param="lines")
    for item in items:
        line = blank("InvoiceLineItem", tx, "il")
        line.pop("created", None)
        line.update(
            amount=item["amount"],
            currency=item["currency"],
            description=item["description"],
            discount_amounts=[],
            discountable=False,
            discounts=[],
            invoice=invoice["id"],
            metadata=item["metadata"],
            parent={
                "type": "invoice_item_details",
                "invoice_item_details": {"invoice_item": item["id"], "proration": False},
                "subscription_item_details": None,
            },
            period=item["period"],
            quantity=item["quantity"],
            subtotal=item["amount"],
            taxes=[
                {"amount": int(tax["amount"]), "tax_behavior": "exclusive"}
                for tax in item.get("tax_amounts") or []
            ],
        )
        tx.put("line_item", line, parent=invoice["id"])


def pending_items(tx: Tx, customer: str, currency: str) -> list[Body]:
    """The customer's items that wait for an invoice; taken off the wait."""
    where = " AND customer = ? AND status = 'pending'"
    items = tx.select("invoiceitem", where, [customer], order="ASC", limit=LINES_MAX)
    items = [item for item in items if item["currency"] == currency]
    for item in items:
        tx.put("invoiceitem", {**item, "status": "attached"})
    return items


def lines_of(tx: Tx, invoice: str) -> list[Body]:
    """Every line, in the order in which they were added."""
    return tx.children("line_item", invoice)


def embed(tx: Tx, invoice: Body) -> Body:
    """The invoice with its first ten lines, as Stripe embeds them."""
    lines = lines_of(tx, invoice["id"])
    url = f"/v1/invoices/{invoice['id']}/lines"
    some = listing(url, lines[:EMBEDDED], more=len(lines) > EMBEDDED)
    some["total_count"] = len(lines)
    return {**invoice, "lines": some}


def _retotalled(tx: Tx, invoice: Body) -> Body:
    total_up(tx, invoice)
    tx.put("invoice", invoice)
    shown = embed(tx, invoice)
    emit(tx, "invoice.updated", shown)
    return shown


def _draft(tx: Tx, name: str, *, in_path: bool = False) -> Body:
    invoice = tx.get("invoice", name)
    if invoice is None:
        raise missing("invoice", name, in_path=in_path)
    if invoice["status"] != "draft":
        raise state("This invoice is no longer editable: it is not a draft")
    return invoice


def _line(tx: Tx, invoice: Body, name: str) -> Body:
    line = tx.get("line_item", name)
    if line is None or line["invoice"] != invoice["id"]:
        raise missing("line_item", name, in_path=False)
    return line


def _amount(params: Body, currency: str) -> int:
    """A flat amount, or unit price times quantity rounded half up."""
    if "amount" in params:
        amount = int(params["amount"])
    else:
        price: dict[str, Any] = params.get("price_data") or params
        unit = price.get("unit_amount_decimal") or price.get("unit_amount")
        if unit is None:
            raise Refusal(
                "Send amount or a price", code="parameter_missing", param="amount"
            )
        quantity = params.get("quantity_decimal") or params.get("quantity") or 1
        exact = Decimal(str(unit)) * Decimal(str(quantity))
        amount = int(exact.quantize(Decimal(1), rounding=ROUND_HALF_UP))
    wrong = check_amount(amount, currency)
    if wrong is not None:
        raise Refusal(
            wrong, code="invalid_charge_amount_no_decimal_compatible", param="amount"
        )
    return amount
