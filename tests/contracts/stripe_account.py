"""A Stripe account as the contract tests use it: the stand-in, or a user's own sandbox.

What it makes is marked with a name of its own, so that a run disturbs nobody.
"""

import time
from collections.abc import Callable
from typing import Any, TypeVar
from uuid import uuid4

import pytest
import requests
import stripe

_A = TypeVar("_A")
KEY_VARIABLE = "STRIPE_SANDBOX_KEY"
LIVE_URL = "https://api.stripe.com"
PATIENCE_SECONDS = 90  # Stripe's events and search follow after a while


def problem_with(key: str) -> str | None:
    """Why this key must not be used for a test run; None for one of a sandbox."""
    if not key:
        return f"{KEY_VARIABLE} is not set; it takes the key of a Stripe sandbox"
    if "_live_" in key:
        return f"{KEY_VARIABLE} is a live key; these tests make and void invoices"
    if not key.startswith(("sk_test_", "rk_test_")):
        return f"{KEY_VARIABLE} must begin with sk_test_ or rk_test_"
    return None


class Account:
    """The account, by the official client, and the few acts that every test begins with."""

    def __init__(self, key: str, url: str, *, patience: float) -> None:
        self.key = key
        self.url = url
        self.here = url != LIVE_URL
        self.run = uuid4().hex[:10]
        self._patience = patience
        self.v1 = self.client().v1

    def client(self, key: str | None = None) -> Any:
        """The official client, which retries nothing by itself."""
        return stripe.StripeClient(
            key or self.key, base_addresses={"api": self.url}, max_network_retries=0
        )

    def raw(self, path: str, **headers: str) -> requests.Response:
        """A GET without the client, to see what it hides."""
        given = {"Authorization": f"Bearer {self.key}", **headers}
        given.setdefault("Stripe-Version", stripe.api_version)
        return requests.get(self.url + path, headers=given, timeout=30)

    def customer(self, **more: Any) -> Any:
        body = {"name": "Acme", "email": f"ap+{uuid4().hex[:12]}@example.com", **more}
        return self.v1.customers.create(body)

    def draft(self, *amounts: int, **more: Any) -> Any:
        """A draft as the worker makes it, with a line for each amount."""
        body = {
            "collection_method": "send_invoice",
            "days_until_due": 30,
            "auto_advance": False,
            "currency": "usd",
            "pending_invoice_items_behavior": "exclude",
            "metadata": {"run": self.run},
            **more,
        }
        if "customer" not in body:
            body["customer"] = self.customer().id
        made = self.v1.invoices.create(body)
        if not amounts:
            return made
        lines = [{"amount": a, "description": f"Line {n}"} for n, a in enumerate(amounts)]
        return self.v1.invoices.add_lines(made.id, {"lines": lines})

    def opened(self, *amounts: int, **more: Any) -> Any:
        """A finalized invoice."""
        made = self.draft(*(amounts or (10_000,)), **more)
        return self.v1.invoices.finalize_invoice(made.id, {"auto_advance": False})

    def seen(self, look: Callable[[], _A]) -> _A:
        """What a reading shows, once it shows anything: some follow after a while."""
        until = time.monotonic() + self._patience
        while not (found := look()) and time.monotonic() < until:
            time.sleep(2)
        return found


def refused(
    call: Callable[[], Any],
    *,
    status: int = 400,
    code: str | None = None,
    kind: type[stripe.StripeError] = stripe.InvalidRequestError,
) -> stripe.StripeError:
    """The refusal that a call must meet."""
    with pytest.raises(kind) as met:
        call()
    assert met.value.http_status == status
    if code is not None:
        assert met.value.code == code
    return met.value
