"""What a person does in the Stripe Dashboard, for the demo: Tieout itself never does."""

from typing import Any

import stripe

from connectors.stripe_failures import failure_of


class Operator:
    """A person with the Dashboard of the stand-in."""

    def __init__(self, url: str, api_key: str) -> None:
        client = stripe.StripeClient(api_key, base_addresses={"api": url})
        self._v1: Any = client.v1

    def add_customer(self, name: str) -> str:
        """Make a customer; without an email address Stripe sends it no invoice.

        Raises Unknown where nothing answers there.
        """
        email = f"{name.split(maxsplit=1)[0].lower()}@example.com"
        try:
            made = self._v1.customers.create({"name": name, "email": email})
        except stripe.StripeError as error:
            raise failure_of(error, "POST customers") from error
        return str(made.id)

    def void(self, invoice_id: str) -> None:
        """Void an open invoice."""
        self._v1.invoices.void_invoice(invoice_id)

    def credit(self, invoice_id: str, amount: int, memo: str) -> None:
        """Issue a credit note on an open invoice."""
        body = {"invoice": invoice_id, "amount": amount, "memo": memo, "email_type": "none"}
        self._v1.credit_notes.create(body)
