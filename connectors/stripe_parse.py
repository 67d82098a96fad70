"""Stripe's invoices and credit notes in our words."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, TypeVar

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
_MEMO_STATUS = {"issued": MemoStatus.ISSUED, "void": MemoStatus.VOID}
_T = TypeVar("_T", str, None)
_W = TypeVar("_W")


def id_of(body: dict[str, Any]) -> str:
    """An object's id. What is no id must not be kept as one. Raises TypeError."""
    name = body["id"]
    if not isinstance(name, str) or not name:
        raise TypeError("its id is no text")
    return name


def invoice(target: str, body: dict[str, Any]) -> DownstreamInvoice:
    """One invoice. The books compare what is ex tax, never the amount due."""
    currency = _text(body, "currency", "").upper()
    metadata = _object(body, "metadata")
    moved = _object(body, "status_transitions")
    total = _whole(body, "total", None)
    gross = _whole(body, "total_excluding_tax", total)
    paid = _whole(body, "amount_paid", 0)
    status = _known(body, _STATUS, "invoice")
    if status is DocumentStatus.OPEN and paid > 0:
        status = DocumentStatus.PART_PAID
    due = _moment(body, "due_date")
    return DownstreamInvoice(
        target=target,
        id=id_of(body),
        status=status,
        currency=currency,
        gross_minor=from_stripe(gross, currency),
        number=_text(body, "number", None),
        tax_minor=from_stripe(total - gross, currency),
        paid_minor=from_stripe(paid, currency),
        # Stripe goes on showing what remained of an invoice that was voided.
        open_minor=(
            from_stripe(_whole(body, "amount_remaining", 0), currency)
            if status.posted
            else 0
        ),
        customer_id=_id(body, "customer"),
        core_invoice_id=_core_id(metadata),
        core_customer_id=_text(metadata, "core_customer_id", None),
        instance=_text(metadata, "tieout_instance", None),
        regenerated_from=_text(metadata, "regenerated_from", None),
        replaces=_text(metadata, "replaces", None),
        replaced_by=_text(metadata, "replaced_by", None),
        flagged=metadata.get("tieout_flag") == "void_requested",
        auto_charge=body.get("collection_method") == "charge_automatically",
        created_at=_moment(body, "created"),
        posted_at=_moment(moved, "finalized_at"),
        paid_at=_moment(moved, "paid_at"),
        voided_at=_moment(moved, "voided_at"),
        due_on=None if due is None else due.date(),
        url=f"https://dashboard.stripe.com/invoices/{body['id']}",
    )


def gone(target: str, name: str) -> DownstreamInvoice:
    """A document that Stripe no longer knows: only drafts can be deleted."""
    return DownstreamInvoice(target, name, DocumentStatus.DELETED, "USD", 0)


def memo(target: str, body: dict[str, Any]) -> CreditMemo:
    """One credit note, ex tax."""
    currency = _text(body, "currency", "").upper()
    total = _whole(body, "total", None)
    amount = _whole(body, "total_excluding_tax", total)
    issued_at = _moment(body, "effective_at") or _moment(body, "created")
    return CreditMemo(
        target=target,
        id=id_of(body),
        status=_known(body, _MEMO_STATUS, "credit note"),
        currency=currency,
        amount_minor=from_stripe(amount, currency),
        number=_text(body, "number", None),
        tax_minor=from_stripe(total - amount, currency),
        customer_id=_id(body, "customer"),
        invoice_id=_id(body, "invoice"),
        reason=_text(body, "reason", ""),
        text=_text(body, "memo", ""),
        pre_payment_minor=_told(body, "pre_payment_amount", currency),
        post_payment_minor=_told(body, "post_payment_amount", currency) or 0,
        given=_given(body, currency),
        document_at=issued_at,
        posted_at=issued_at,
        voided_at=_moment(body, "voided_at"),
    )


def _given(body: dict[str, Any], currency: str) -> tuple[Given, ...]:
    """What became of the part that fell on money already paid.

    A note names the transaction on the customer's balance without its amount: it is what
    refunds and credits out of band leave of that part.
    """
    post = _told(body, "post_payment_amount", currency) or 0
    refunds = body.get("refunds") or []
    if not isinstance(refunds, list):
        raise TypeError("its refunds are no list")
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
    if body.get(name) is None:
        return None
    value = _whole(body, name, None)
    if value < 0:
        raise ValueError(f"its {name} is below zero: {value}")
    return from_stripe(value, currency)


def listed(body: dict[str, Any]) -> tuple[list[dict[str, Any]], bool]:
    """The rows of a page, and whether more follow. Raises TypeError.

    A page that does not say so is no last page: what it left out would count as gone.
    """
    rows, more = body["data"], body["has_more"]
    if not isinstance(rows, list):
        raise TypeError("its data is no list")
    return rows, truth(more, "has_more")


def truth(value: Any, name: str) -> bool:
    """What must be true or false, and is guessed from nothing else. Raises TypeError."""
    if not isinstance(value, bool):
        raise TypeError(f"its {name} is neither true nor false")
    return value


def _known(body: dict[str, Any], words: Mapping[str, _W], what: str) -> _W:
    found = words.get(body["status"])
    if found is None:
        raise ValueError(
            f"{what} {body['id']} has the status {body['status']!r}, unknown to this "
            "version: update Tieout"
        )
    return found


def _whole(body: dict[str, Any], name: str, otherwise: int | None) -> int:
    """Minor units. A fraction is not cut off, and what is no number is none."""
    value = body.get(name)
    value = otherwise if value is None else value
    if not isinstance(value, int) or isinstance(value, bool):
        raise TypeError(f"its {name} is no whole number: {str(value)[:40]!r}")
    return value


def _text(body: dict[str, Any], name: str, otherwise: _T) -> str | _T:
    value = body.get(name)
    if value is None:
        return otherwise
    if not isinstance(value, str):
        raise TypeError(f"its {name} is no text")
    return value


def _object(body: dict[str, Any], name: str) -> dict[str, Any]:
    value = body.get(name)
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise TypeError(f"its {name} is no object")
    return value


def _core_id(metadata: dict[str, Any]) -> str | None:
    """The core invoice that it names; '' names none."""
    names = (_text(metadata, key, None) for key in _CORE_KEYS)
    return next((name for name in names if name), None)


def _id(body: dict[str, Any], name: str) -> str | None:
    """The id under a name, where the object itself may stand instead."""
    value = body.get(name)
    return id_of(value) if isinstance(value, dict) else _text(body, name, None)


def _moment(body: dict[str, Any], name: str) -> datetime | None:
    if body.get(name) is None:
        return None
    return datetime.fromtimestamp(_whole(body, name, None), UTC)
