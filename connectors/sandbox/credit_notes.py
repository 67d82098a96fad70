"""Credit notes: first what is still due, then what was paid; and back when voided."""

from connectors.sandbox.books import Body, Tx
from connectors.sandbox.call import Call
from connectors.sandbox.credit_lines import drawn_lines
from connectors.sandbox.customers import found as found_customer
from connectors.sandbox.customers import move_balance
from connectors.sandbox.errors import Refusal, missing, state
from connectors.sandbox.events import emit
from connectors.sandbox.invoice_states import settle_if_credited
from connectors.sandbox.invoices import found as found_invoice
from connectors.sandbox.lines import EMBEDDED, embed
from connectors.sandbox.lists import page
from connectors.sandbox.misc import refund
from connectors.sandbox.shapes import blank, listing, merge_metadata

_FINALIZED = {"open", "paid"}
_POST = ("credit_amount", "refund_amount", "out_of_band_amount")
_CARRIED = (
    *_POST,
    "amount",
    "effective_at",
    "email_type",
    "invoice",
    "lines",
    "memo",
    "metadata",
    "reason",
    "refunds",
)


def create(tx: Tx, call: Call) -> Body:
    """POST /v1/credit_notes: reduce a finalized invoice."""
    params = call.params("CreditNoteCreateParams", _CARRIED)
    note, invoice, lines = _drawn(tx, params)
    note["out_of_band_amount"] = params.get("out_of_band_amount")
    note["refunds"] = _refunds(tx, invoice, params)
    if params.get("credit_amount"):
        customer = found_customer(tx, invoice["customer"], in_path=False)
        moved = move_balance(
            tx,
            customer,
            -params["credit_amount"],
            invoice["currency"],
            "credit_note",
            invoice["id"],
        )
        note["customer_balance_transaction"] = moved["id"]
    number = tx.next_number(f"notes:{invoice['id']}")
    note["number"] = f"{invoice['number']}-CN-{number:02d}"
    tx.put("credit_note", note, parent=invoice["id"])
    for line in lines:
        tx.put("credit_note_line_item", line, parent=note["id"])
    _apply(tx, invoice, note, 1)
    emit(tx, "credit_note.created", note)
    settle_if_credited(tx, invoice)
    return _shown(tx, note)


def preview(tx: Tx, call: Call) -> Body:
    """GET /v1/credit_notes/preview: the same figures, kept nowhere."""
    note, _, lines = _drawn(tx, call.params("CreditNotePreviewParams", _CARRIED))
    return {**note, "lines": listing("/v1/credit_notes/preview/lines", lines, more=False)}


def _drawn(tx: Tx, params: Body) -> tuple[Body, Body, list[Body]]:
    """A credit note drawn up and checked against its invoice; beside it, its lines."""
    invoice = tx.get("invoice", params["invoice"])
    if invoice is None:
        raise missing("invoice", params["invoice"], in_path=False)
    if invoice["status"] not in _FINALIZED:
        raise state(f"Credit notes need an open or paid invoice, not {invoice['status']}")
    lines = drawn_lines(tx, invoice, params.get("lines") or [])
    amount = _amount_of(params, lines)
    left = invoice["total"] - (
        invoice["pre_payment_credit_notes_amount"]
        + invoice["post_payment_credit_notes_amount"]
    )
    if not 0 < amount <= left:
        raise Refusal(f"The credit note must be between 1 and {left}", param="amount")
    pre = min(amount, invoice["amount_remaining"])
    post = amount - pre
    _check_post(params, post)
    tax = sum(one["amount"] for one in invoice["total_taxes"] or [])
    tax_part = tax * amount // invoice["total"] if invoice["total"] else 0
    note = blank("CreditNote", tx, "cn")
    note.update(
        amount=amount,
        amount_shipping=0,
        currency=invoice["currency"],
        customer=invoice["customer"],
        discount_amount=0,
        discount_amounts=[],
        effective_at=params.get("effective_at") or tx.now(),
        invoice=invoice["id"],
        memo=params.get("memo"),
        post_payment_amount=post,
        pre_payment_amount=pre,
        reason=params.get("reason"),
        refunds=[],
        status="issued",
        subtotal=amount - tax_part,
        subtotal_excluding_tax=amount - tax_part,
        total=amount,
        total_excluding_tax=amount - tax_part,
        total_taxes=[{"amount": tax_part, "tax_behavior": "exclusive"}] if tax_part else [],
        type="mixed" if pre and post else "pre_payment" if pre else "post_payment",
    )
    merge_metadata(note, params.get("metadata"))
    return note, invoice, lines


def _amount_of(params: Body, lines: list[Body]) -> int:
    """One of `amount` and `lines` says how much; both must say the same."""
    summed = sum(line["amount"] for line in lines)
    if not lines and "amount" not in params:
        raise Refusal("Send amount or lines", code="parameter_missing", param="amount")
    amount: int = params.get("amount", summed)
    if lines and amount != summed:
        raise Refusal(f"The lines sum to {summed}, not to {amount}", param="amount")
    return amount


def _check_post(params: Body, post: int) -> None:
    """What was paid already must go back in full, and in named ways."""
    linked = sum(one.get("amount_refunded", 0) for one in params.get("refunds") or [])
    parts = {name: params.get(name, 0) for name in _POST}
    if negative := [name for name, amount in parts.items() if amount < 0]:
        raise Refusal(f"Invalid non-negative integer: {negative[0]}", param=negative[0])
    if sum(parts.values()) + linked != post:
        raise Refusal(
            f"refund_amount, credit_amount and out_of_band_amount must sum to {post}, "
            "the part of the credit note that was paid already",
            param="credit_amount",
        )


def _refunds(tx: Tx, invoice: Body, params: Body) -> list[Body]:
    """The refunds of a note: those it names, and the one that it makes."""
    named = []
    for one in params.get("refunds") or []:
        if tx.get("refund", one.get("refund", "")) is None:
            raise missing("refund", str(one.get("refund")), in_path=False)
        named.append(_refunded(one["refund"], one["amount_refunded"]))
    wanted = params.get("refund_amount", 0)
    if not wanted:
        return named
    payments = tx.children("invoice_payment", invoice["id"])
    if not payments:
        raise Refusal(
            "The invoice has no payment to refund; say credit_amount or out_of_band_amount",
            param="refund_amount",
        )
    intent = tx.get("payment_intent", payments[-1]["payment"]["payment_intent"]) or {}
    made = refund(tx, intent, wanted)
    return [*named, _refunded(made["id"], wanted)]


def _refunded(name: str, amount: int) -> Body:
    return {
        "amount_refunded": amount,
        "payment_record_refund": None,
        "refund": name,
        "type": "refund",
    }


def update(tx: Tx, call: Call) -> Body:
    """POST /v1/credit_notes/{id}: its memo and metadata."""
    params = call.params("CreditNoteUpdateParams", ("memo", "metadata"))
    note = found(tx, call.names[0])
    if "memo" in params:
        note["memo"] = params["memo"]
    merge_metadata(note, params.get("metadata"))
    tx.put("credit_note", note)
    emit(tx, "credit_note.updated", note)
    return _shown(tx, note)


def void(tx: Tx, call: Call) -> Body:
    """POST /v1/credit_notes/{id}/void: what it took off the invoice comes back."""
    call.params("CreditNoteVoidCreditNoteParams")
    note = found(tx, call.names[0])
    invoice = found_invoice(tx, note["invoice"])
    if note["status"] != "issued" or invoice["status"] != "open":
        raise state("A credit note can be voided only while its invoice is open")
    note["status"] = "void"
    note["voided_at"] = tx.now()
    tx.put("credit_note", note)
    _apply(tx, invoice, note, -1)
    emit(tx, "credit_note.voided", note)
    return _shown(tx, note)


def retrieve(tx: Tx, call: Call) -> Body:
    """GET /v1/credit_notes/{id}."""
    return _shown(tx, found(tx, call.names[0]))


def list_all(tx: Tx, call: Call) -> Body:
    """GET /v1/credit_notes; there is no filter by status."""
    params = call.params("CreditNoteListParams")
    where, values = "", []
    if params.get("invoice"):
        where = " AND parent = ?"
        values.append(params["invoice"])
    rows = page(
        tx, "credit_note", "/v1/credit_notes", params, where=where, values=tuple(values)
    )
    rows["data"] = [_shown(tx, note) for note in rows["data"]]
    return rows


def list_lines(tx: Tx, call: Call) -> Body:
    """GET /v1/credit_notes/{id}/lines."""
    note = found(tx, call.names[0])
    params = call.params("CreditNoteLineItemListParams")
    return page(
        tx,
        "credit_note_line_item",
        f"/v1/credit_notes/{note['id']}/lines",
        params,
        where=" AND parent = ?",
        values=(note["id"],),
        oldest_first=True,
    )


def found(tx: Tx, name: str) -> Body:
    """The credit note, or Stripe's 404."""
    note = tx.get("credit_note", name)
    if note is None:
        raise missing("credit_note", name, in_path=True)
    return note


def _apply(tx: Tx, invoice: Body, note: Body, sign: int) -> None:
    pre = sign * note["pre_payment_amount"]
    invoice["pre_payment_credit_notes_amount"] += pre
    invoice["post_payment_credit_notes_amount"] += sign * note["post_payment_amount"]
    invoice["amount_remaining"] -= pre
    invoice["amount_due"] -= pre
    tx.put("invoice", invoice)
    emit(tx, "invoice.updated", embed(tx, invoice))


def _shown(tx: Tx, note: Body) -> Body:
    lines = tx.children("credit_note_line_item", note["id"])
    url = f"/v1/credit_notes/{note['id']}/lines"
    return {**note, "lines": listing(url, lines[:EMBEDDED], more=len(lines) > EMBEDDED)}
