"""Stripe's invoices and credit notes in our words."""

from datetime import UTC, datetime
from typing import Any

from connectors.stripe_money import from_stripe
from state.receivables import (
    CreditMemo,
    DocumentStatus,
    DownstreamInvoice,
    Given,
    MemoStatus,
    Way,
)

# Ours first; then the keys that Metronome's own integration is known to write.
_CORE_KEYS = ("core_invoice_id", "metronome_invoice_id", "metronome_id")
_STATUS = {
    "draft": DocumentStatus.DRAFT,
    "open": DocumentStatus.OPEN,
    "paid": DocumentStatus.PAID,
    "uncollectible": DocumentStatus.UNCOLLECTIBLE,
    "void": DocumentStatus.VOID,
}


def id_of(body: dict[str, Any]) -> str:
    """An object's id. What is no id must not be kept as one. Raises TypeError."""
    name = body["id"]
    if not isinstance(name, str) or not name:
        raise TypeError("its id is no text")
    return name


def invoice(target: str, body: dict[str, Any]) -> DownstreamInvoice:
    """One invoice. The books compare what is ex tax, never the amount due."""
    currency = str(body["currency"]).upper()
    metadata = body.get("metadata") or {}
    moved = body.get("status_transitions") or {}
    total = int(body["total"])
    net = body.get("total_excluding_tax")
    gross = total if net is None else int(net)
    paid = int(body.get("amount_paid") or 0)
    status = _status(body)
    if status is DocumentStatus.OPEN and paid > 0:
        status = DocumentStatus.PART_PAID
    due = body.get("due_date")
    return DownstreamInvoice(
        target=target,
        id=id_of(body),
        status=status,
        currency=currency,
        gross_minor=from_stripe(gross, currency),
        number=body.get("number"),
        tax_minor=from_stripe(total - gross, currency),
        paid_minor=from_stripe(paid, currency),
        # Stripe goes on showing what remained of an invoice that was voided.
        open_minor=(
            from_stripe(int(body.get("amount_remaining") or 0), currency)
            if status.posted
            else 0
        ),
        customer_id=_id(body.get("customer")),
        core_invoice_id=next((metadata[k] for k in _CORE_KEYS if metadata.get(k)), None),
        core_customer_id=metadata.get("core_customer_id"),
        instance=metadata.get("tieout_instance"),
        regenerated_from=metadata.get("regenerated_from"),
        replaces=metadata.get("replaces"),
        replaced_by=metadata.get("replaced_by"),
        flagged=metadata.get("tieout_flag") == "void_requested",
        auto_charge=body.get("collection_method") == "charge_automatically",
        created_at=_moment(body.get("created")),
        posted_at=_moment(moved.get("finalized_at")),
        paid_at=_moment(moved.get("paid_at")),
        voided_at=_moment(moved.get("voided_at")),
        due_on=None if due is None else datetime.fromtimestamp(int(due), UTC).date(),
        url=f"https://dashboard.stripe.com/invoices/{body['id']}",
    )


def gone(target: str, name: str) -> DownstreamInvoice:
    """A document that Stripe no longer knows: only drafts can be deleted."""
    return DownstreamInvoice(target, name, DocumentStatus.DELETED, "USD", 0)


def memo(target: str, body: dict[str, Any]) -> CreditMemo:
    """One credit note, ex tax."""
    currency = str(body["currency"]).upper()
    total = int(body["total"])
    net = body.get("total_excluding_tax")
    amount = total if net is None else int(net)
    return CreditMemo(
        target=target,
        id=id_of(body),
        status=MemoStatus.VOID if body["status"] == "void" else MemoStatus.ISSUED,
        currency=currency,
        amount_minor=from_stripe(amount, currency),
        number=body.get("number"),
        tax_minor=from_stripe(total - amount, currency),
        customer_id=_id(body.get("customer")),
        invoice_id=_id(body.get("invoice")),
        reason=body.get("reason") or "",
        text=body.get("memo") or "",
        pre_payment_minor=_told(body, "pre_payment_amount", currency),
        post_payment_minor=_told(body, "post_payment_amount", currency) or 0,
        given=_given(body, currency),
        document_at=_moment(body.get("effective_at") or body.get("created")),
        posted_at=_moment(body.get("effective_at") or body.get("created")),
        voided_at=_moment(body.get("voided_at")),
    )


def _given(body: dict[str, Any], currency: str) -> tuple[Given, ...]:
    """What became of the part that fell on money already paid.

    A note names the transaction on the customer's balance without its amount: it is what
    refunds and credits out of band leave of that part.
    """
    post = _told(body, "post_payment_amount", currency) or 0
    refunds = body.get("refunds") or []
    parts = {
        Way.REFUND: sum(_told(one, "amount_refunded", currency) or 0 for one in refunds),
        Way.OUT_OF_BAND: _told(body, "out_of_band_amount", currency) or 0,
    }
    left = max(post - sum(parts.values()), 0)
    way = Way.OTHER if body.get("customer_balance_transaction") is None else Way.BALANCE
    found = [
        (Way.REFUND, parts[Way.REFUND]),
        (way, left),
        (Way.OUT_OF_BAND, parts[Way.OUT_OF_BAND]),
    ]
    return tuple(Given(one, minor) for one, minor in found if minor)


def _told(body: dict[str, Any], name: str, currency: str) -> int | None:
    """An amount that is never below zero; None where it is not there."""
    value = body.get(name)
    if value is None:
        return None
    if not isinstance(value, int) or isinstance(value, bool) or value < 0:
        raise ValueError(f"{name} is no amount: {str(value)[:40]!r}")
    return from_stripe(value, currency)


def _status(body: dict[str, Any]) -> DocumentStatus:
    found = _STATUS.get(body["status"])
    if found is None:
        raise ValueError(
            f"invoice {body['id']} has the status {body['status']!r}, unknown to this "
            "version: update Tieout"
        )
    return found


def _id(value: Any) -> str | None:
    return value.get("id") if isinstance(value, dict) else value


def _moment(seconds: Any) -> datetime | None:
    return None if seconds is None else datetime.fromtimestamp(int(seconds), UTC)
