"""What a correction needs of the billing core. The walk never sees this port.

Here alone stand the core's own verbs: send usage, void, regenerate, grant. None of them
reaches downstream; voiding in the core voids nothing in Stripe or in an ERP.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Protocol

from connectors.ports import BillingCore
from state.corrections import UsageEvent
from state.invoices import CoreInvoice


@dataclass(frozen=True, slots=True)
class Unit:
    """A pricing unit. `places`: powers of ten from it to minor units; None, 0: no money."""

    id: str
    name: str
    currency: str | None
    places: int


@dataclass(frozen=True, slots=True)
class Property:
    """What a metric asks of one property of an event; None asks nothing."""

    name: str
    exists: bool | None = None
    in_values: tuple[str, ...] | None = None
    not_in_values: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Metric:
    """How usage is counted. Only a SUM goes down by an event of less than nothing."""

    id: str
    aggregation: str
    key: str
    event_types: tuple[str, ...] = ()  # none: every type
    other_types: tuple[str, ...] = ()  # types that are left out
    properties: tuple[Property, ...] = ()


@dataclass(frozen=True, slots=True)
class Product:
    """What stands on an invoice line. `factor` turns the metric's unit into the billed one."""

    id: str
    name: str
    kind: str  # Metronome: USAGE, FIXED ...
    metric: Metric | None = None
    factor: Decimal = Decimal(1)
    divide: bool = False
    archived: bool = False


@dataclass(frozen=True, slots=True)
class Contract:
    """One contract of a customer."""

    id: str
    start: datetime
    end: datetime | None = None
    archived: bool = False


@dataclass(frozen=True, slots=True)
class SeenEvent:
    """An event that the core holds, and whose it is."""

    event: UsageEvent
    core_customer_id: str | None


@dataclass(frozen=True, slots=True)
class Window:
    """One day of an invoice's breakdown, on usage as it is now."""

    start: datetime
    end: datetime
    part: CoreInvoice


@dataclass(frozen=True, slots=True)
class GrantItem:
    """One window of a credit to be granted; the amount in the unit's own scale."""

    amount: Decimal
    start: datetime
    end: datetime


@dataclass(frozen=True, slots=True)
class Grant:
    """A credit to be granted, to a customer or, with `contract_id`, to a contract."""

    customer_id: str
    product_id: str
    unit_id: str
    name: str
    priority: Decimal
    items: tuple[GrantItem, ...]
    key: str  # one grant only under one key
    contract_id: str | None = None
    applies_to: tuple[str, ...] = ()  # product ids; none: every product


class CorrectingCore(BillingCore, Protocol):
    """The billing core with the verbs of a correction."""

    def time(self) -> datetime:
        """The core's own time, on which its 34 days rest."""

    def units(self) -> tuple[Unit, ...]:
        """Every pricing unit."""

    def products(self) -> tuple[Product, ...]:
        """Every product with its metric, archived ones too."""

    def contracts(self, customer_id: str) -> tuple[Contract, ...]:
        """A customer's contracts, archived ones too."""

    def events(self, transaction_ids: Sequence[str]) -> dict[str, SeenEvent]:
        """The events of the last 34 days under these transaction ids."""

    def preview(
        self, customer_id: str, events: Sequence[UsageEvent]
    ) -> tuple[CoreInvoice, ...]:
        """The customer's drafts as they would be with these events; nothing is kept."""

    def breakdown(self, invoice: CoreInvoice) -> Iterator[Window]:
        """An invoice by the day, on usage as it is now. Raises Incomplete."""

    def send(self, events: Sequence[UsageEvent]) -> None:
        """Send usage. An event under a known transaction id changes nothing."""

    def void_in_core(self, invoice_id: str) -> None:
        """Void a finalized invoice, here and nowhere else."""

    def regenerate(self, invoice_id: str) -> str:
        """Bill a void invoice's period again; the new invoice's id."""

    def grant(self, grant: Grant) -> str | None:
        """Grant a credit; its id where the core tells it. Refused under a known key."""
