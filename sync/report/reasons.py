"""Why a memo was written, as one of our own codes; other people's are mapped onto them."""

from collections.abc import Mapping
from dataclasses import dataclass

from state.receivables import CreditMemo


@dataclass(frozen=True, slots=True)
class Reason:
    """What a code means for the books."""

    meaning: str
    explains: bool  # may it explain a variance?
    approval: str  # who usually approves


CODES: Mapping[str, Reason] = {
    "USAGE_ERROR": Reason("usage was counted wrongly", True, "manager"),
    "PRICE_ERROR": Reason("the price was wrong", True, "manager"),
    "DUPLICATE_INVOICE": Reason("the invoice was sent twice", True, "manager"),
    "CREDIT_AND_REBILL": Reason(
        "stands for a void; the invoice is billed again", True, "manager"
    ),
    "SLA_CREDIT": Reason(
        "the service was not as agreed", True, "manager; above a limit: director"
    ),
    "SATISFACTION": Reason("goodwill", True, "manager; above a limit: director"),
    "ORDER_CANCELLED": Reason("the order was cancelled", True, "manager"),
    "OUT_OF_WINDOW_34D": Reason("the core can no longer be corrected", True, "manager"),
    "TAX_ONLY": Reason("tax alone", False, "tax"),
    "BAD_DEBT": Reason("a write-off, not a correction", False, "director"),
    "OTHER": Reason("see its text", True, "director"),
}

# Stripe's own four reasons say less than our codes; `order_change` may be any of four.
_STRIPE: Mapping[str, str] = {
    "duplicate": "DUPLICATE_INVOICE",
    "fraudulent": "OTHER",
    "order_change": "OTHER",
    "product_unsatisfactory": "SATISFACTION",
}


def reason_code(memo: CreditMemo) -> str:
    """Our code for a memo; OTHER where its register says nothing that we know."""
    given = memo.reason.strip()
    if given.upper() in CODES:
        return given.upper()
    return _STRIPE.get(given.lower(), "OTHER")
