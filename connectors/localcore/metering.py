"""From the books to the words of rating: which usage, at which prices, for a period."""

from collections.abc import Callable, Iterable, Mapping
from decimal import Decimal
from typing import Any

from connectors.localcore import products, rate_cards
from connectors.localcore.events import usage_events
from connectors.localcore.tx import Stored, Tx
from connectors.localcore.usage_math import convert, matches, movements
from connectors.localcore.words import (
    Conversion,
    Event,
    Groups,
    Meter,
    Metric,
    Period,
    PropertyFilter,
    Rate,
    Tier,
)
from state.clock import utc

Source = Callable[[Period, frozenset[str] | None], Iterable[Event]]
"""Gives a customer's events of a period, in time order; None asks for every type."""


def booked(tx: Tx, customer_id: str) -> Source:
    """The events that the books hold, each window and type read once."""
    read: dict[tuple[Period, frozenset[str] | None], list[Event]] = {}

    def source(period: Period, types: frozenset[str] | None) -> Iterable[Event]:
        if (period, types) not in read:
            rows = usage_events(
                tx,
                customer_id,
                starting_at=period.start,
                ending_before=period.end,
                event_types=None if types is None else sorted(types),
            )
            read[period, types] = [
                Event(one.at, one.event_type, one.properties, one.transaction_id)
                for one in rows
            ]
        return read[period, types]

    return source


def metric_of(metric: Stored) -> Metric:
    """A billable metric in words."""
    body = metric.body
    types = body.get("event_type_filter") or {}
    return Metric(
        aggregation=body["aggregation_type"],
        key=body.get("aggregation_key") or "",
        event_types=_values(types.get("in_values")),
        other_event_types=_values(types.get("not_in_values")) or frozenset(),
        filters=tuple(
            PropertyFilter(
                one["name"],
                one.get("exists"),
                _values(one.get("in_values")),
                _values(one.get("not_in_values")),
            )
            for one in body.get("property_filters") or ()
        ),
    )


def _values(values: list[str] | None) -> frozenset[str] | None:
    """A list of values, where an empty one asks nothing."""
    return frozenset(values) if values else None


def meters_of(
    tx: Tx, rate_card_id: str, period: Period, source: Source
) -> tuple[Meter, ...]:
    """What a rate card meters in a period, product by product as they were priced.

    A product's name, tags and metric are those at the start of the period.
    """
    priced: dict[str, list[Stored]] = {}
    for one in rate_cards.rates_of(tx, rate_card_id):
        priced.setdefault(one.body["product_id"], []).append(one)
    found: list[Meter] = []
    for product_id, rates in priced.items():
        product = tx.need(products.KIND, product_id)
        if product.body["type"] == "USAGE":
            found.extend(_meters(tx, product, rates, period, source))
    return tuple(found)


def _meters(
    tx: Tx, product: Stored, rates: list[Stored], period: Period, source: Source
) -> Iterable[Meter]:
    fields = products.product_at(product, period.start)
    metric = metric_of(tx.need("billable_metric", fields["billable_metric_id"]))
    pricing = tuple(fields.get("pricing_group_key") or ())
    presentation = tuple(fields.get("presentation_group_key") or ())
    events = source(period, metric.event_types)
    grouped = _grouped(metric, events, (*pricing, *presentation))
    for values, some in grouped.items():
        priced_by: Groups = values[: len(pricing)]
        chosen = [rate_of(one) for one in _for_group(rates, priced_by)]
        yield Meter(
            product_id=product.id,
            name=fields["name"],
            tags=frozenset(fields.get("tags") or ()),
            rates=tuple(chosen),
            movements=convert(movements(metric, some), conversion_of(fields)),
            pricing_groups=priced_by,
            presentation_groups=values[len(pricing) :],
        )


def _grouped(
    metric: Metric, events: Iterable[Event], keys: tuple[str, ...]
) -> dict[Groups, Iterable[Event]]:
    """The events by the values of the group keys; one group when there are no keys."""
    if not keys:
        return {(): events}
    groups: dict[Groups, list[Event]] = {}
    for event in events:
        if matches(metric, event):
            values = tuple((key, _label(event.properties.get(key))) for key in keys)
            groups.setdefault(values, []).append(event)
    ordered = sorted(groups, key=lambda values: [value or "" for _, value in values])
    return {values: groups[values] for values in ordered}


def _label(value: Any) -> str | None:
    return None if value is None else str(value)


def _for_group(rates: list[Stored], groups: Groups) -> list[Stored]:
    """The rates of a group's own values, else those that are for any."""
    wanted = dict(groups)
    own = [one for one in rates if one.body["pricing_group_values"] == wanted]
    return own or [one for one in rates if not one.body["pricing_group_values"]]


def rate_of(rate: Stored) -> Rate:
    """A rate of a card in words."""
    body = rate.body
    tiers = body["rate"].get("tiers") or [{"price": body["rate"].get("price", 0)}]
    ending = body["ending_before"]
    return Rate(
        starting_at=utc(body["starting_at"]),
        ending_before=None if ending is None else utc(ending),
        entitled=body["entitled"],
        tiers=tuple(
            Tier(
                Decimal(tier["price"]),
                None if tier.get("size") is None else Decimal(tier["size"]),
            )
            for tier in tiers
        ),
    )


def conversion_of(fields: Mapping[str, Any]) -> Conversion:
    """A product's way from the metric's unit to the billed one."""
    converting = fields.get("quantity_conversion") or {}
    rounding = fields.get("quantity_rounding") or {}
    return Conversion(
        factor=Decimal(converting.get("conversion_factor", 1)),
        divide=converting.get("operation") == "DIVIDE",
        rounding=rounding.get("rounding_method"),
        places=int(rounding.get("decimal_places", 0)),
    )
