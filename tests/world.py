"""A small world for walks: a core in memory, the real store, the real Stripe stand-in."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from itertools import count
from random import Random

from connectors.ports import Hints, Identity
from connectors.sandbox.service import Handle
from connectors.stripe_receivables import StripeReceivables
from state.books import Books
from state.credits import CoreCredit
from state.invoices import CoreCustomer, CoreInvoice, CoreLine, CoreStatus
from sync.decide import Policy
from sync.parts import Parts
from sync.settings import Settings
from tests.clocks import StillClock


class MemoryCore:
    """A billing core as its port sees it."""

    def __init__(self) -> None:
        self.people: dict[str, CoreCustomer] = {}
        self.books: dict[str, CoreInvoice] = {}

    def identify(self) -> Identity:
        return Identity("memory", "core")

    def customers(self) -> Iterator[tuple[CoreCustomer, ...]]:
        yield tuple(self.people.values())

    def customer(self, customer_id: str) -> CoreCustomer | None:
        return self.people.get(customer_id)

    def invoices(
        self, customer_id: str, status: CoreStatus
    ) -> Iterator[tuple[CoreInvoice, ...]]:
        yield tuple(
            one
            for one in self.books.values()
            if one.customer_id == customer_id and one.status is status
        )

    def invoice(self, customer_id: str, invoice_id: str) -> CoreInvoice | None:
        return self.books.get(invoice_id)

    def credits(self, customer_id: str) -> tuple[CoreCredit, ...]:
        return ()

    def hints(self, cursor: str | None) -> Hints:
        return Hints(tuple(self.books), "1")

    def bill(
        self, name: str, amount: int, *, lines: int = 3, parent: str | None = None
    ) -> None:
        """Finalize an invoice of so many lines."""
        each = Decimal(amount) / lines
        self.books[name] = CoreInvoice(
            id=name,
            customer_id="cc_1",
            status=CoreStatus.FINALIZED,
            kind="USAGE",
            currency="USD",
            exact_minor=Decimal(amount),
            total_minor=amount,
            lines=tuple(
                CoreLine(f"{name}-{n}", f"Line {n}", "usage", each) for n in range(lines)
            ),
            issued_at=datetime(2026, 11, 1, tzinfo=UTC),
            regenerated_from=parent,
        )

    def void(self, name: str) -> None:
        """Void an invoice here, and nowhere else."""
        self.books[name] = replace(self.books[name], status=CoreStatus.VOID)


def parts_on(sandbox: Handle, core: MemoryCore, policy: Policy | None = None) -> Parts:
    """Everything wired: the in-memory core, a fresh store, the stand-in."""
    numbers = count(1)
    clock = StillClock()
    stripe = StripeReceivables(
        sandbox.api_key, clock=clock, rng=Random(1), api_base=sandbox.url
    )
    customer = stripe.create_customer("cc_1", "Acme", email="ap@acme.test", key="customer")
    core.people["cc_1"] = CoreCustomer("cc_1", "Acme", stripe_customer_field=customer)
    return Parts(
        settings=Settings(entity="acme"),
        policy=policy or Policy(),
        store=Books("sqlite://", "acme", new_id=lambda: "tieout-1"),
        core=core,
        stripe=stripe,
        registers=(stripe,),
        clock=clock,
        holder="test",
        new_id=lambda: f"{next(numbers):06d}",
        version="test",
    )
