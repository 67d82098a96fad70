"""The demo's company: what it bills in the embedded core, and the books its people keep."""

import csv
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

from connectors.metronome_parse import USD_CREDIT_TYPE
from connectors.sandbox.operator import Operator
from connectors.wire import Wire
from state.money import format_minor, parse_major

_HEADINGS = (
    "kind",
    "number",
    "external_id",
    "customer",
    "currency",
    "date",
    "total",
    "balance",
    "status",
    "applied_to",
    "applied_amount",
    "applied_date",
    "requested_by",
    "approved_by",
    "approved_date",
)
DAY = "2026-10-02"  # on which the bookkeeper writes


@dataclass(slots=True)
class Bookkeeper:
    """Keeps the ERP by hand, and drops its export where Tieout looks."""

    folder: Path
    _rows: dict[str, dict[str, str]] = field(default_factory=dict)
    _exports: int = 0

    def book(self, number: str, reference: str, customer: str, amount: int) -> None:
        """An invoice, as somebody typed it in."""
        self._put("invoice", number, amount, external_id=reference, customer=customer)

    def credit(self, number: str, invoice: str, amount: int) -> None:
        """A credit memo, approved by somebody else, and applied to an invoice."""
        applied = {"applied_to": invoice, "applied_amount": format_minor(amount, "USD")}
        applied |= {"applied_date": DAY, "balance": "0.00"}
        asked = {
            "requested_by": "Mia Roth",
            "approved_by": "Omar Diaz",
            "approved_date": DAY,
        }
        self._put("credit memo", number, amount, **applied, **asked)
        left = parse_major(self._rows[invoice]["balance"], "USD") - amount
        self._rows[invoice] |= {"balance": format_minor(max(left, 0), "USD")}

    def refund(self, number: str, customer: str, amount: int) -> None:
        """Money that went back through the payment processor."""
        self._put("refund", number, amount, customer=customer)

    def void(self, number: str) -> None:
        """Void an invoice here."""
        self._rows[number] |= {"status": "Voided", "balance": "0.00"}

    def name_of(self, customer: str) -> str:
        """The number of the first invoice of a customer."""
        return next(n for n, row in self._rows.items() if row["customer"] == customer)

    def export(self) -> None:
        """Drop the whole ledger into the folder."""
        self._exports += 1
        path = self.folder / f"ledger-{self._exports}.csv"
        with path.open("w", newline="", encoding="utf-8") as file:
            writer = csv.DictWriter(file, _HEADINGS)
            writer.writeheader()
            writer.writerows(self._rows.values())

    def _put(self, kind: str, number: str, amount: int, **more: str) -> None:
        total = format_minor(amount, "USD")
        row = dict.fromkeys(_HEADINGS, "") | {
            "kind": kind,
            "number": number,
            "currency": "USD",
            "date": DAY,
            "total": total,
            "balance": total,
            "status": "open",
        }
        self._rows[number] = row | more


@dataclass(frozen=True, slots=True)
class Used:
    """Tokens that a customer used on one day."""

    customer: str
    tokens: int
    day: date


class Story:
    """A company that bills tokens at 2 cents each, and four of its customers.

    Their contracts start on the day `since`. What they had `used` by then is reported
    before the contract, so that a month which is over already is billed with it.
    """

    def __init__(
        self,
        wire: Wire,
        operator: Operator,
        *,
        since: date = date(2026, 9, 1),
        used: Sequence[Used] = (),
    ) -> None:
        self._wire = wire
        self._since = since
        self._used = used
        self.customers: dict[str, str] = {}
        metric = self._make(
            "/v1/billable-metrics/create",
            name="Output tokens",
            aggregation_type="SUM",
            aggregation_key="token_count",
            event_type_filter={"in_values": ["output_tokens"]},
        )
        product = "/v1/contract-pricing/products/create"
        tokens = self._make(
            product, name="Output tokens", type="USAGE", billable_metric_id=metric
        )
        self.goodwill = self._make(
            product, name="Customer Satisfaction Credit", type="FIXED"
        )
        self._card = self._make("/v1/contract-pricing/rate-cards/create", name="List price")
        self.post(
            "/v1/contract-pricing/rate-cards/addRate",
            rate_card_id=self._card,
            product_id=tokens,
            starting_at="2026-01-01T00:00:00Z",
            entitled=True,
            rate_type="FLAT",
            price=2,
        )
        self.post(
            "/v1/customFields/addKey",
            entity="customer",
            key="stripe_customer_id",
            enforce_uniqueness=False,
        )
        for name in ("Acme", "Birch", "Cedar", "Dune"):
            self._customer(name, operator.add_customer(name))

    def post(self, path: str, **body: Any) -> Any:
        """One call on the core."""
        return self._wire.write("POST", path, body).data

    def _make(self, path: str, **body: Any) -> str:
        return str(self.post(path, **body)["data"]["id"])

    def _customer(self, name: str, stripe_id: str) -> None:
        made = self._make(
            "/v1/customers", name=name, custom_fields={"stripe_customer_id": stripe_id}
        )
        self.customers[name] = made
        for one in self._used:
            if one.customer == name:
                self.use(name, f"{name}-{one.day}", one.tokens, one.day.isoformat())
        self._make(
            "/v1/contracts/create",
            customer_id=made,
            starting_at=f"{self._since}T00:00:00Z",
            rate_card_id=self._card,
        )

    def use(self, customer: str, name: str, count: int, day: str) -> None:
        """Report usage; a negative count takes back."""
        event = {
            "transaction_id": name,
            "customer_id": self.customers[customer],
            "event_type": "output_tokens",
            "timestamp": f"{day}T12:00:00Z",
            "properties": {"token_count": str(count)},
        }
        self._wire.write("POST", "/v1/ingest", [event])

    def grant(self, customer: str, amount: int) -> None:
        """A satisfaction credit for the month."""
        item = {
            "amount": amount,
            "starting_at": "2026-09-01T00:00:00Z",
            "ending_before": "2026-10-01T00:00:00Z",
        }
        self._make(
            "/v1/contracts/customerCredits/create",
            customer_id=self.customers[customer],
            product_id=self.goodwill,
            priority=5,
            name="Downtime on 3 September",
            access_schedule={"credit_type_id": USD_CREDIT_TYPE, "schedule_items": [item]},
        )


def seed(wire: Wire, operator: Operator, now: datetime) -> tuple[str, ...]:
    """Give an empty core a company: a month billed, and the next one's drafts.

    The month before `now` counts, so that there are finalized invoices at once: its last
    day is always within the 34 days in which the core takes usage. Answers with the
    customers' names.
    """
    this_month = now.date().replace(day=1)
    last_day = this_month - timedelta(days=1)
    today = min(now.date(), this_month + timedelta(days=9))
    tokens = {"Acme": 30_000, "Birch": 20_000, "Cedar": 50_000, "Dune": 10_000}
    used = [
        Used(name, count // share, day)
        for name, count in tokens.items()
        for day, share in ((last_day, 1), (today, 4))
    ]
    story = Story(wire, operator, since=last_day.replace(day=1), used=used)
    return tuple(story.customers)
