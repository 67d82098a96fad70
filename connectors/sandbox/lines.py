"""Invoice items and lines: flat amounts, or price times quantity; at most 250."""

from decimal import ROUND_HALF_UP, Decimal
from typing import Any

from connectors.sandbox.books import Body, Tx
from connectors.sandbox.call import Call, only
from connectors.sandbox.customers import DEFAULT_CURRENCY
from connectors.sandbox.customers import found as found_customer
from connectors.sandbox.errors import Refusal, missing, state
from connectors.sandbox.events import emit
from connectors.sandbox.shapes import at_most, blank, listing, merge_metadata
from connectors.sandbox.totals import total_up
from connectors.stripe_money import check_amount

LINES_MAX = 250
EMBEDDED = 10
DESCRIPTION_MAX = 5000
TAX_AMOUNTS_MAX = 20
_PRICED = ("amount", "price_data", "quantity", "quantity_decimal")
_LINE = (*_PRICED, "description", "metadata", "period", "tax_amounts")
_CHANGE = ("id", "amount", "description", "metadata")
_ITEM = (
    *_PRICED,
    "unit_amount_decimal",
    "currency",
    "customer",
    "description",
    "invoice",
    "metadata",
    "period",
)


def create_item(tx: Tx, call: Call) -> Body:
    """POST /v1/invoiceitems: on a draft by id, or pending for the next invoice."""
    params = call.params("InvoiceItemCreateParams", _ITEM)
    customer = found_customer(tx, params.get("customer", ""), in_path=False)
    body = blank("InvoiceItem", tx, "ii")
    at_most(params, "description", DESCRIPTION_MAX)
    invoice = None
    currency = (params.get("currency") or customer["currency"] or DEFAULT_CURRENCY).lower()
    if params.get("invoice"):
        invoice = _draft(tx, params["invoice"])
        if invoice["customer"] != customer["id"]:
            raise Refusal("The invoice belongs to another customer", param="invoice")
        if params.get("currency"):
            _same_currency(currency, invoice)
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
        quantity=params.get("quantity", 1),
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
    for index, line in enumerate(params["lines"]):
        only(line, _LINE, f"lines[{index}][{{}}]")
    add_items(tx, invoice, [_item(tx, line, invoice) for line in params["lines"]])
    merge_metadata(invoice, params.get("invoice_metadata"))
    return _retotalled(tx, invoice)


def _item(tx: Tx, line: Body, invoice: Body) -> Body:
    """The invoice item that stands behind a line sent to a draft."""
    at_most(line, "description", DESCRIPTION_MAX)
    taxes = line.get("tax_amounts") or []
    if len(taxes) > TAX_AMOUNTS_MAX:
        raise Refusal(f"At most {TAX_AMOUNTS_MAX} tax amounts a line", param="tax_amounts")
    if line.get("price_data"):
        _same_currency(line["price_data"]["currency"].lower(), invoice)
    now = tx.now()
    item: Body = {
        "id": tx.new_id("ii"),
        "amount": _amount(line, invoice["currency"]),
        "currency": invoice["currency"],
        "description": line.get("description"),
        "metadata": {},
        "period": line.get("period") or {"start": now, "end": now},
        "quantity": line.get("quantity", 1),
        "tax_amounts": taxes,
    }
    merge_metadata(item, line.get("metadata"))
    return item


def _same_currency(currency: str, invoice: Body) -> None:
    if currency != invoice["currency"]:
        raise Refusal(
            f"The currency of the item ({currency}) is not that of the invoice "
            f"({invoice['currency']})",
            param="currency",
        )


def update_lines(tx: Tx, call: Call) -> Body:
    """POST /v1/invoices/{id}/update_lines."""
    params = call.params("InvoiceUpdateLinesParams")
    invoice = _draft(tx, call.names[0], in_path=True)
    for index, change in enumerate(params["lines"]):
        only(change, _CHANGE, f"lines[{index}][{{}}]")
        line = _line(tx, invoice, change["id"])
        if "amount" in change:
            line["amount"] = line["subtotal"] = _amount(change, invoice["currency"])
        at_most(change, "description", DESCRIPTION_MAX)
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
        if change["behavior"] == "unassign":
            raise Refusal("The stand-in deletes lines; it unassigns none", param="behavior")
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
    if Decimal(str(params.get("quantity", 0))) < 0:
        raise Refusal("Invalid non-negative integer: quantity", param="quantity")
    if Decimal(str(params.get("quantity_decimal", 0))) < 0:
        raise Refusal("Invalid non-negative decimal: quantity", param="quantity_decimal")
    if "amount" in params:
        if priced := {"price_data", "unit_amount_decimal"} & set(params):
            raise Refusal(f"Send amount or {priced.pop()}, not both", param="amount")
        amount = int(params["amount"])
    else:
        price: dict[str, Any] = params.get("price_data") or params
        unit = price.get("unit_amount_decimal") or price.get("unit_amount")
        if unit is not None and "price_data" in params and Decimal(str(unit)) < 0:
            raise Refusal("A price is not negative", param="price_data[unit_amount]")
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
