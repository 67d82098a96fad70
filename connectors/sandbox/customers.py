"""Customers, their balance, and what else hangs on them."""

from connectors.sandbox.books import Body, Tx
from connectors.sandbox.call import Call
from connectors.sandbox.errors import Refusal, missing
from connectors.sandbox.events import emit
from connectors.sandbox.lists import page, search
from connectors.sandbox.shapes import blank, merge_metadata

_PLAIN = ("name", "email", "description", "phone", "address", "shipping")
_CARRIED = (*_PLAIN, "metadata")
DEFAULT_CURRENCY = "usd"


def create(tx: Tx, call: Call) -> Body:
    """POST /v1/customers."""
    params = call.params("CustomerCreateParams", (*_CARRIED, "balance"))
    body = blank("Customer", tx, "cus")
    body.update({name: params.get(name) for name in _PLAIN})
    body.update(
        balance=0,
        delinquent=False,
        invoice_credit_balance={},
        invoice_prefix=f"T{tx.next_number('prefix'):07d}",
        next_invoice_sequence=1,
        preferred_locales=[],
        tax_exempt="none",
    )
    merge_metadata(body, params.get("metadata"))
    tx.put("customer", body)
    if params.get("balance"):
        move_balance(tx, body, params["balance"], DEFAULT_CURRENCY, "initial", None)
    emit(tx, "customer.created", body)
    return body


def retrieve(tx: Tx, call: Call) -> Body:
    """GET /v1/customers/{id}; a deleted one answers with `deleted: true`."""
    return found(tx, call.names[0], in_path=True, deleted=True)


def update(tx: Tx, call: Call) -> Body:
    """POST /v1/customers/{id}."""
    params = call.params("CustomerUpdateParams", _CARRIED)
    body = found(tx, call.names[0], in_path=True)
    body.update({name: params[name] for name in _PLAIN if name in params})
    merge_metadata(body, params.get("metadata"))
    tx.put("customer", body)
    emit(tx, "customer.updated", body)
    return body


def delete(tx: Tx, call: Call) -> Body:
    """DELETE /v1/customers/{id}."""
    body = found(tx, call.names[0], in_path=True)
    gone = {
        "id": body["id"],
        "object": "customer",
        "deleted": True,
        "created": body["created"],
    }
    tx.put("customer", gone)
    emit(tx, "customer.deleted", body)
    return gone


def list_all(tx: Tx, call: Call) -> Body:
    """GET /v1/customers."""
    params = call.params("CustomerListParams")
    where, values = " AND json_extract(body, '$.deleted') IS NULL", []
    if params.get("email"):
        where += " AND json_extract(body, '$.email') = ?"
        values.append(params["email"])
    return page(tx, "customer", "/v1/customers", params, where=where, values=tuple(values))


def find(tx: Tx, call: Call) -> Body:
    """GET /v1/customers/search."""
    params = call.params("CustomerSearchParams")
    return search(tx, "customer", "/v1/customers/search", params)


def add_balance(tx: Tx, call: Call) -> Body:
    """POST /v1/customers/{id}/balance_transactions: negative is credit to the customer."""
    params = call.params(
        "CustomerCreateBalanceTransactionParams",
        ("amount", "currency", "description", "metadata"),
    )
    customer = found(tx, call.names[0], in_path=True)
    currency = params["currency"].lower()
    body = move_balance(tx, customer, params["amount"], currency, "adjustment", None)
    body["description"] = params.get("description")
    merge_metadata(body, params.get("metadata"))
    return tx.put("customer_balance_transaction", body)


def move_balance(
    tx: Tx, customer: Body, amount: int, currency: str, kind: str, invoice: str | None
) -> Body:
    """Move a customer's balance and keep the transaction.

    Each currency has a balance of its own; `balance` is that of the customer's currency.
    """
    customer["currency"] = customer["currency"] or currency
    balances = customer["invoice_credit_balance"]
    balances[currency] = balance_of(customer, currency) + amount
    customer["balance"] = balance_of(customer, customer["currency"])
    tx.put("customer", customer)
    body = blank("CustomerBalanceTransaction", tx, "cbtxn")
    body.update(
        amount=amount,
        currency=currency,
        customer=customer["id"],
        ending_balance=balances[currency],
        invoice=invoice,
        type=kind,
    )
    return tx.put("customer_balance_transaction", body, parent=customer["id"])


def balance_of(customer: Body, currency: str) -> int:
    """A customer's balance in one currency; negative is credit to the customer."""
    return int(customer["invoice_credit_balance"].get(currency, 0))


def found(tx: Tx, name: str, *, in_path: bool, deleted: bool = False) -> Body:
    """The customer, or Stripe's refusal."""
    body = tx.get("customer", name)
    if body is None or (body.get("deleted") and not deleted):
        raise missing("customer", name, in_path=in_path)
    return body


def attach_payment_method(tx: Tx, call: Call) -> Body:
    """POST /v1/payment_methods/{id}/attach, for Stripe's ready-made test cards."""
    params = call.params("PaymentMethodAttachParams")
    if not call.names[0].startswith("pm_card_"):
        raise Refusal("The stand-in knows only pm_card_... payment methods", param="id")
    customer = found(tx, params["customer"], in_path=False)
    body = blank("PaymentMethod", tx, "pm")
    body.update(
        type="card", customer=customer["id"], card={"brand": "visa", "last4": "4242"}
    )
    return tx.put("payment_method", body)
