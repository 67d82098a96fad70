"""What an invoice may become: draft, open, paid, uncollectible, void; and what it moves."""

from connectors.sandbox.books import Body, Tx
from connectors.sandbox.call import Call
from connectors.sandbox.customers import balance_of, move_balance
from connectors.sandbox.customers import found as found_customer
from connectors.sandbox.errors import Refusal, state
from connectors.sandbox.events import emit
from connectors.sandbox.invoices import expanded, found
from connectors.sandbox.lines import embed
from connectors.sandbox.shapes import blank
from connectors.sandbox.totals import minimum_charge

_BALANCE = ("applied_to_invoice", "invoice_too_small")


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
    return expanded(tx, call, embed(tx, body))


def _net_balance(tx: Tx, body: Body, customer: Body) -> None:
    """The customer's balance is applied by itself, so amount due is not the total.

    What is due below the smallest charge, or nothing, or less, is booked to the balance;
    else the balance is used up.
    """
    currency = body["currency"]
    balance, total = balance_of(customer, currency), body["total"]
    due = total + balance
    too_small = due < minimum_charge(currency)
    moved = total if too_small else -balance
    if moved:
        kind = "invoice_too_small" if too_small and due > 0 else "applied_to_invoice"
        move_balance(tx, customer, moved, currency, kind, body["id"])
    body["starting_balance"] = balance
    body["ending_balance"] = balance + moved
    body["amount_due"] = body["amount_remaining"] = 0 if too_small else due


def _give_back_balance(tx: Tx, body: Body) -> None:
    """A void undoes what finalizing booked to the customer's balance."""
    customer = tx.get("customer", body["customer"])
    moves = tx.children("customer_balance_transaction", body["customer"])
    applied = sum(
        one["amount"]
        for one in moves
        if one["invoice"] == body["id"] and one["type"] in _BALANCE
    )
    if applied and customer is not None and not customer.get("deleted"):
        move_balance(
            tx, customer, -applied, body["currency"], "unapplied_from_invoice", body["id"]
        )


def void(tx: Tx, call: Call) -> Body:
    """POST /v1/invoices/{id}/void: a person's act; open and uncollectible only."""
    call.params("InvoiceVoidInvoiceParams")
    body = found(tx, call.names[0])
    if body["status"] not in {"open", "uncollectible"}:
        raise state(
            f"You can only void open and uncollectible invoices, not {body['status']}"
        )
    _give_back_balance(tx, body)
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
    params = call.params("InvoicePayParams", ("paid_out_of_band", "payment_method"))
    body = found(tx, call.names[0])
    if body["status"] not in {"open", "uncollectible"}:
        raise state(
            f"Invoice is {body['status']} and cannot be paid", "invoice_not_payable"
        )
    amount = body["amount_remaining"]
    if params.get("paid_out_of_band"):
        body["amount_paid_off_stripe"] = amount
    elif (method := tx.get("payment_method", params.get("payment_method", ""))) is None:
        raise Refusal(
            "There is no payment method to charge; name one, or say paid_out_of_band",
            param="payment_method",
        )
    elif method["customer"] != body["customer"]:
        raise Refusal("The payment method is another customer's", param="payment_method")
    else:
        _charge(tx, body, amount)
    _pay(tx, body, amount)
    return expanded(tx, call, embed(tx, body))


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
