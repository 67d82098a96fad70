"""The lines of a credit note: a part of an invoice's line, or a line of its own."""

from connectors.sandbox.books import Body, Tx
from connectors.sandbox.call import only
from connectors.sandbox.errors import Refusal, missing
from connectors.sandbox.shapes import blank, merge_metadata

_OF_INVOICE = ("type", "invoice_line_item", "amount", "quantity", "metadata")
_CUSTOM = ("type", "description", "quantity", "unit_amount", "metadata")


def drawn_lines(tx: Tx, invoice: Body, wanted: list[Body]) -> list[Body]:
    """The lines drawn up, each checked against what is left of its invoice line."""
    earlier = _credited(tx, invoice)
    drawn: list[Body] = []
    for index, one in enumerate(wanted):
        where = f"lines[{index}][{{}}]"
        if one["type"] == "custom_line_item":
            only(one, _CUSTOM, where)
            drawn.append(_own(tx, one))
        else:
            only(one, _OF_INVOICE, where)
            drawn.append(_part(tx, invoice, one, [*earlier, *drawn]))
    return drawn


def _own(tx: Tx, params: Body) -> Body:
    quantity = params.get("quantity", 1)
    amount = params.get("unit_amount", 0) * quantity
    line = blank("CreditNoteLineItem", tx, "cnli")
    line.update(
        amount=amount,
        description=params.get("description"),
        quantity=quantity,
        type="custom_line_item",
    )
    merge_metadata(line, params.get("metadata"))
    return line


def _part(tx: Tx, invoice: Body, params: Body, earlier: list[Body]) -> Body:
    """A part of an invoice line: by amount or by quantity, never both over time."""
    source = tx.get("line_item", params.get("invoice_line_item", ""))
    if source is None or source["invoice"] != invoice["id"]:
        raise missing("line_item", str(params.get("invoice_line_item")), in_path=False)
    same = [one for one in earlier if one["invoice_line_item"] == source["id"]]
    by_quantity = "quantity" in params
    if by_quantity and "amount" in params:
        raise Refusal("Credit a line by amount or by quantity, not both", param="lines")
    if any((one["quantity"] is not None) != by_quantity for one in same):
        raise Refusal(
            "This line was credited in the other way before: by amount or by quantity",
            param="lines",
        )
    if by_quantity:
        amount = source["amount"] * params["quantity"] // (source["quantity"] or 1)
    else:
        amount = params.get("amount", source["amount"])
    left = source["amount"] - sum(one["amount"] for one in same)
    if not 0 < amount <= left:
        raise Refusal(
            f"A line can be credited by 1 to {left}, not by {amount}", param="lines"
        )
    line = blank("CreditNoteLineItem", tx, "cnli")
    line.update(
        amount=amount,
        description=source["description"],
        invoice_line_item=source["id"],
        quantity=params.get("quantity"),
        type="invoice_line_item",
    )
    merge_metadata(line, params.get("metadata"))
    return line


def _credited(tx: Tx, invoice: Body) -> list[Body]:
    """The lines of the invoice's standing notes."""
    return [
        line
        for note in tx.children("credit_note", invoice["id"])
        if note["status"] == "issued"
        for line in tx.children("credit_note_line_item", note["id"])
    ]
