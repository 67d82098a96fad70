"""A company and a customer on the embedded core, driven by the official client, strictly."""

from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import metronome

from connectors.localcore import service

USD = "2714e483-4ff1-48e4-9e25-ac732e8f24f2"
BEGIN = datetime(2026, 7, 1, tzinfo=UTC)
AUGUST, SEPTEMBER = (datetime(2026, month, 1, tzinfo=UTC) for month in (8, 9))


def path_of(request: httpx.Request) -> str:
    """The verb and path of a call, ids left out."""
    parts = ["{id}" if "-" in part else part for part in request.url.path.split("/")]
    return f"{request.method} {'/'.join(parts)}"


class Story:
    """An AI vendor and one customer: tokens at 2 cents, billed by the month from July."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.walked: Counter[str] = Counter()
        self.core = service.start(folder, token="t", clock_kind="manual", now=BEGIN)
        self.http = httpx.Client(
            base_url=self.core.url,
            event_hooks={"request": [lambda one: self.walked.update([path_of(one)])]},
        )
        self.sdk: Any = metronome.Metronome(
            bearer_token="t",
            base_url=self.core.url,
            max_retries=0,
            http_client=self.http,
            _strict_response_validation=True,
        )
        v1 = self.sdk.v1
        self.customer = v1.customers.create(name="Acme", ingest_aliases=["acme"]).data.id
        self.metric = v1.billable_metrics.create(
            name="Output tokens",
            aggregation_type="SUM",
            aggregation_key="token_count",
            event_type_filter={"in_values": ["output_tokens"]},
        ).data.id
        make = v1.contracts.products.create
        self.tokens = make(
            name="Tokens", type="USAGE", billable_metric_id=self.metric
        ).data.id
        self.goodwill = make(name="Customer Satisfaction Credit", type="FIXED").data.id
        self.card = v1.contracts.rate_cards.create(name="List").data.id
        v1.contracts.rate_cards.rates.add(
            rate_card_id=self.card, product_id=self.tokens, starting_at=BEGIN,
            entitled=True, rate_type="FLAT", price=2,
        )  # fmt: skip
        self.contract = v1.contracts.create(
            customer_id=self.customer, starting_at=BEGIN, rate_card_id=self.card
        ).data.id
        self.to(BEGIN + timedelta(days=20))

    def be_reachable(self) -> None:
        """Give the customer an address, without which Stripe sends it no invoice."""
        fields = self.sdk.v1.custom_fields
        fields.add_key(entity="customer", key="billing_email", enforce_uniqueness=False)
        fields.set_values(
            entity="customer",
            entity_id=self.customer,
            custom_fields={"billing_email": "ap@acme.example"},
        )

    def stop(self) -> None:
        self.sdk.close()
        self.core.stop()

    def to(self, moment: datetime) -> None:
        service.set_clock(self.folder, moment)

    def use(self, name: str, count: str, at: datetime | None = None) -> None:
        """Send one event as the document shows it; by default on 5 July at noon."""
        event = {
            "timestamp": (at or datetime(2026, 7, 5, 12, tzinfo=UTC)).isoformat(),
            "transaction_id": name,
            "customer_id": "acme",
            "event_type": "output_tokens",
            "properties": {"project_id": "Project 1", "token_count": count},
        }
        self.sdk.v1.usage.ingest(usage=[event])

    def grant(
        self, amount: int, priority: int, name: str = "My Credit", **more: Any
    ) -> str:
        item = {"amount": amount, "starting_at": BEGIN, "ending_before": SEPTEMBER}
        item |= more.pop("window", {})
        made = self.sdk.v1.customers.credits.create(
            customer_id=self.customer, name=name, priority=priority, product_id=self.goodwill,
            access_schedule={"credit_type_id": USD, "schedule_items": [item]}, **more,
        )  # fmt: skip
        return str(made.data.id)

    def invoices(self, status: str) -> list[Any]:
        rows = self.sdk.v1.customers.invoices.list(customer_id=self.customer, status=status)
        return list(rows)

    def draft(self) -> Any:
        return self.invoices("DRAFT")[0]

    def credit(self, identity: str) -> Any:
        (found,) = self.sdk.v1.customers.credits.list(
            customer_id=self.customer, credit_id=identity, include_balance=True,
            include_ledgers=True, include_contract_credits=True,
        )  # fmt: skip
        return found

    def lines(self, invoice: Any) -> list[tuple[str, str, float]]:
        return [(line.type, line.name, line.total) for line in invoice.line_items]
