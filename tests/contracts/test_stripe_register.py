"""The Stripe connector against the stand-in, as one register among others."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any

import pytest
import stripe as sdk

from connectors.ports import Register
from connectors.sandbox.service import Handle, start
from connectors.stripe_receivables import StripeReceivables
from tests.clocks import StillClock
from tests.contracts.registers import (
    DELETE,
    DRAFT_MEMO,
    ENTITIES,
    FAULTS,
    LATE,
    UNAPPLIED,
    Desk,
    RegisterContract,
)


class Dashboard:
    """The Stripe Dashboard, by the official client. Stripe's faults have tests of their own."""

    lacks = frozenset({DELETE, ENTITIES, UNAPPLIED, DRAFT_MEMO, LATE, FAULTS})

    def __init__(self, handle: Handle) -> None:
        client = sdk.StripeClient(handle.api_key, base_addresses={"api": handle.url})
        self._v1: Any = client.v1
        address: Any = {"name": "Acme", "email": "ap@acme.test"}
        self._customer = self._v1.customers.create(address).id
        self.register: Register = StripeReceivables(
            handle.api_key, clock=StillClock(), rng=Random(1), api_base=handle.url
        )

    def invoice(
        self,
        reference: str,
        minor: int,
        *,
        currency: str = "USD",
        entity: int = 0,
        draft: bool = False,
    ) -> str:
        made = self._v1.invoices.create(
            {
                "customer": self._customer,
                "currency": currency.lower(),
                "collection_method": "send_invoice",
                "days_until_due": 30,
                "auto_advance": False,
                "pending_invoice_items_behavior": "exclude",
                "metadata": {"core_invoice_id": reference},
            }
        )
        line = {"amount": minor, "description": "Usage"}
        self._v1.invoices.add_lines(made.id, {"lines": [line]})
        if not draft:
            self._v1.invoices.finalize_invoice(made.id)
        return str(made.id)

    def many(self, count: int) -> list[str]:
        return [self.invoice(f"core-many-{n}", 100) for n in range(count)]

    def void(self, document_id: str) -> None:
        self._v1.invoices.void_invoice(document_id)

    def pay(self, document_id: str, minor: int) -> None:
        whole = self._v1.invoices.retrieve(document_id).amount_remaining == minor
        if not whole:
            pytest.skip("the stand-in pays an invoice whole")
        self._v1.invoices.pay(document_id, {"paid_out_of_band": True})

    def credit(self, document_id: str, minor: int, *, how: str = "applied") -> str:
        body = {"invoice": document_id, "amount": minor, "email_type": "none"}
        return str(self._v1.credit_notes.create(body).id)

    def delete(self, document_id: str) -> None:
        raise NotImplementedError

    def late(self, reference: str, minor: int) -> str:
        raise NotImplementedError

    def fault(self, kind: str, times: int) -> None:
        raise NotImplementedError


class TestStripe(RegisterContract):
    pages_of = 120

    @pytest.fixture
    def desk(self) -> Iterator[Desk]:
        handle = start()
        yield Dashboard(handle)
        handle.stop()

    def now(self, desk: Desk) -> datetime:
        return datetime.now(UTC) + timedelta(minutes=2)  # past the lag of its events
