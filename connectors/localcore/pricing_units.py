"""Pricing units: what an amount counts. USD in cents, other currencies in whole units."""

import uuid
from dataclasses import dataclass
from typing import Any

from connectors.localcore.checks import PAGE, record
from connectors.localcore.errors import NotFound
from connectors.localcore.paging import PAGE_SIZE, scope_of, seq_after, take_all
from connectors.localcore.web import Call, Route

_NAMESPACE = uuid.UUID("6b1f0a52-60d5-5f0a-9a51-7d1f3f6f2b11")


def fixed_id(name: str) -> str:
    """An id that is the same in every core, for what every core has."""
    return str(uuid.uuid5(_NAMESPACE, name))


@dataclass(frozen=True, slots=True)
class PricingUnit:
    """One unit; `currency` is its ISO code, empty for a custom unit.

    `scale` is the power of ten from one unit to one currency unit: 2 for cents.
    """

    id: str
    name: str
    currency: str
    scale: int

    def reference(self) -> dict[str, str]:
        """The unit as other documents name it: `credit_type`."""
        return {"id": self.id, "name": self.name}


USD = PricingUnit("2714e483-4ff1-48e4-9e25-ac732e8f24f2", "USD (cents)", "USD", 2)
PRICING_UNITS: tuple[PricingUnit, ...] = (
    USD,
    PricingUnit(fixed_id("EUR"), "EUR", "EUR", 0),
    PricingUnit(fixed_id("GBP"), "GBP", "GBP", 0),
    PricingUnit(fixed_id("JPY"), "JPY", "JPY", 0),
    PricingUnit(fixed_id("tokens"), "Tokens", "", 0),
)
_BY_ID = {unit.id: unit for unit in PRICING_UNITS}


def unit(identity: str | None, field: str = "credit_type_id") -> PricingUnit:
    """The unit of an id; None is USD (Metronome's default). A 404 names the field."""
    if identity is None:
        return USD
    found = _BY_ID.get(identity)
    if found is None:
        raise NotFound(f"{field}: pricing unit {identity} was not found")
    return found


def _list(call: Call) -> dict[str, Any]:
    scope = scope_of("credit-types", {})
    page, next_page = take_all(
        PRICING_UNITS,
        limit=call.query.get("limit", PAGE_SIZE),
        scope=scope,
        after=seq_after(scope, call.query.get("next_page")),
    )
    data = [{**one.reference(), "is_currency": bool(one.currency)} for one in page]
    return {"data": data, "next_page": next_page}


routes: list[Route] = [
    Route("GET", "/v1/credit-types/list", _list, query=record(optional=PAGE))
]
