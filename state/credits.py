"""Credits: value towards future billings, as the core grants and burns them."""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from state.money import EXACT


@dataclass(frozen=True, slots=True)
class CreditSegment:
    """One window of a credit's access schedule; amounts in the credit's own unit."""

    id: str
    amount: Decimal
    start: datetime
    end: datetime


@dataclass(frozen=True, slots=True)
class LedgerEntry:
    """One movement of a credit. `kind` is the core's word, switched on as text.

    Metronome: CREDIT_SEGMENT_START, CREDIT_AUTOMATED_INVOICE_DEDUCTION, CREDIT_CREDITED
    (given back by a void), CREDIT_CANCELED, CREDIT_EXPIRATION, CREDIT_MANUAL ...
    """

    kind: str
    amount: Decimal
    at: datetime
    segment_id: str | None = None
    invoice_id: str | None = None
    contract_id: str | None = None
    reason: str = ""


@dataclass(frozen=True, slots=True)
class CoreCredit:
    """One credit of a customer or, with `contract_id`, of a contract.

    Amounts are in the pricing unit's own scale; `currency` and `places` (powers of ten from
    it to minor units) turn them into money, and are None and 0 for a unit that is no money.
    """

    id: str
    customer_id: str
    name: str
    product_id: str
    unit: str  # the pricing unit's name, as the core writes it
    priority: Decimal
    segments: tuple[CreditSegment, ...]
    ledger: tuple[LedgerEntry, ...] = ()
    balance: Decimal | None = None
    contract_id: str | None = None
    archived: bool = False
    unit_id: str = ""
    currency: str | None = None
    places: int = 0
    product_ids: tuple[str, ...] = ()  # what it may pay for; with `tags` empty, everything
    tags: tuple[str, ...] = ()
    contract_ids: tuple[str, ...] = ()  # a customer's credit for these contracts only
    created_at: datetime | None = None
    uniqueness_key: str | None = None

    def exact_minor(self, amount: Decimal) -> Decimal:
        """An amount of this credit on the scale that invoices are kept in."""
        return amount.scaleb(self.places, EXACT)
