"""A vendor on the embedded core: one metered product, one customer, one contract."""

import itertools
from datetime import UTC, datetime, timedelta
from typing import Any

from tests.connectors.localcore.conftest import Core

JAN, FEB, MAR, APR = (datetime(2026, month, 1, tzinfo=UTC) for month in (1, 2, 3, 4))
DAY = timedelta(days=1)
CREDITS = "/v1/contracts/customerCredits"


def iso(at: datetime) -> str:
    return at.isoformat()


class Vendor:
    """Calls as the wire sees them. Tokens cost 2 cents; the clock stands at 1 January."""

    def __init__(self, core: Core, **contract: Any) -> None:
        self.core = core
        self.names = itertools.count()
        self.customer = core.post(
            "/v1/customers", {"name": "Acme", "ingest_aliases": ["acme"]}
        )["data"]["id"]
        self.metric = core.post(
            "/v1/billable-metrics/create",
            {"name": "Tokens", "aggregation_type": "SUM", "aggregation_key": "n"},
        )["data"]["id"]
        self.tokens = self.product("Tokens", type="USAGE", billable_metric_id=self.metric)
        self.goodwill = self.product("Goodwill", type="FIXED")
        self.card = core.post("/v1/contract-pricing/rate-cards/create", {"name": "List"})[
            "data"
        ]["id"]
        self.price(self.tokens, 2)
        self.contract = self.agree(**contract)

    def product(self, name: str, **more: Any) -> str:
        path = "/v1/contract-pricing/products/create"
        return str(self.core.post(path, {"name": name, **more})["data"]["id"])

    def price(self, product: str, price: Any, at: datetime = JAN, **more: Any) -> None:
        body = {
            "rate_card_id": self.card, "product_id": product, "starting_at": iso(at),
            "entitled": True, "rate_type": "FLAT", "price": price, **more,
        }  # fmt: skip
        self.core.post("/v1/contract-pricing/rate-cards/addRate", body)

    def agree(self, **more: Any) -> str:
        body = {
            "customer_id": self.customer, "starting_at": iso(JAN), "rate_card_id": self.card,
            **more,
        }  # fmt: skip
        return str(self.core.post("/v1/contracts/create", body)["data"]["id"])

    def to(self, at: datetime) -> None:
        self.core.to(at)

    def use(self, count: Any, at: datetime = JAN, **properties: Any) -> str:
        name = f"tx{next(self.names)}"
        self.core.post("/v1/ingest", [self.event(name, count, at, **properties)])
        return name

    def event(
        self, name: str, count: Any, at: datetime = JAN, **properties: Any
    ) -> dict[str, Any]:
        return {
            "transaction_id": name, "customer_id": "acme", "event_type": "tokens",
            "timestamp": iso(at), "properties": {"n": count, **properties},
        }  # fmt: skip

    def credit_body(
        self, amount: Any, *, until: datetime = APR, since: datetime = JAN, **more: Any
    ) -> dict[str, Any]:
        item = {"amount": amount, "starting_at": iso(since), "ending_before": iso(until)}
        return {
            "customer_id": self.customer, "product_id": self.goodwill, "priority": 1,
            "access_schedule": {"schedule_items": [item]}, **more,
        }  # fmt: skip

    def grant(self, amount: Any, **more: Any) -> str:
        body = self.credit_body(amount, **more)
        return str(self.core.post(f"{CREDITS}/create", body)["data"]["id"])

    def credits(self, **more: Any) -> list[Any]:
        body = {
            "customer_id": self.customer, "include_balance": True, "include_ledgers": True,
            "include_contract_credits": True, **more,
        }  # fmt: skip
        return list(self.core.post(f"{CREDITS}/list", body)["data"])

    def credit(self, identity: str, **more: Any) -> Any:
        (found,) = self.credits(credit_id=identity, include_archived=True, **more)
        return found

    def segment(self, identity: str, place: int = 0) -> str:
        return str(self.credit(identity)["access_schedule"]["schedule_items"][place]["id"])

    def change(self, identity: str, **more: Any) -> tuple[int, str]:
        """Edit a credit; (200, "") or the refusal."""
        body = {"customer_id": self.customer, "credit_id": identity, **more}
        answer = self.core.call("POST", "/v2/contracts/credits/edit", body)
        return answer.status_code, answer.json().get("message", "")

    def invoices(self, **query: Any) -> list[Any]:
        return list(self.page(**query)["data"])

    def page(self, **query: Any) -> Any:
        asked = "&".join(f"{name}={value}" for name, value in query.items())
        answer = self.core.call("GET", f"/v1/customers/{self.customer}/invoices?{asked}")
        assert answer.status_code == 200, answer.text
        return answer.json()

    def drafts(self) -> list[Any]:
        return self.invoices(status="DRAFT")

    def final(self) -> list[Any]:
        return self.invoices(status="FINALIZED")

    def void(self, identity: str) -> None:
        self.core.post("/v1/invoices/void", {"id": identity})

    def regenerate(self, identity: str) -> str:
        return str(
            self.core.post("/v1/invoices/regenerate", {"id": identity})["data"]["id"]
        )

    def invoice(self, identity: str) -> Any:
        path = f"/v1/customers/{self.customer}/invoices/{identity}"
        return self.core.call("GET", path).json()["data"]
