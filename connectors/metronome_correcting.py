"""Metronome with the verbs of a correction; every write is sent once, under its own key."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from decimal import Decimal
from typing import Any

from connectors import metronome_parse as parse
from connectors.correcting import (
    Contract,
    Grant,
    Metric,
    Product,
    Property,
    SeenEvent,
    Unit,
    Window,
)
from connectors.failures import Incomplete, Unknown
from connectors.metronome import PAGE, Metronome, page_of
from connectors.wire import Reply, Wire, segment
from state.corrections import UsageEvent
from state.invoices import CoreInvoice

EVENTS_MAX = 100
"""Metronome: events in one request; also ids in one search."""
DAYS_MAX = 35  # of a breakdown in one page


class MetronomeCorrections(Metronome):
    """One Metronome account, or the embedded core, for a person's corrections."""

    def __init__(self, wire: Wire) -> None:
        super().__init__(wire)
        self._metrics: dict[str, Metric] = {}

    def time(self) -> datetime:
        """The core's own time: what it says it is, else ours with its clock's difference."""
        reply = self._wire.get("/v1/credit-types/list", {"limit": 1})
        if reply.core_time is not None:
            return reply.core_time
        return self._wire.clock.now() if reply.date is None else reply.date

    def units(self) -> tuple[Unit, ...]:
        """Every pricing unit."""
        pages = self._pages("/v1/credit-types/list", {"limit": PAGE})
        return tuple(_unit(row) for rows in pages for row in rows)

    def products(self) -> tuple[Product, ...]:
        """Every product with its metric, archived ones too."""
        path = "/v1/contract-pricing/products/list"
        asked = {"archive_filter": "ALL"}
        pages = self._walked(
            path, lambda turn: self._wire.query(path, asked, {"limit": PAGE, **turn})
        )
        return tuple(self._product(row) for rows in pages for row in rows)

    def contracts(self, customer_id: str) -> tuple[Contract, ...]:
        """A customer's contracts, archived ones too."""
        return tuple(_contract(row) for row in self._contracts(customer_id))

    def events(self, transaction_ids: Sequence[str]) -> dict[str, SeenEvent]:
        """The events of the last 34 days under these transaction ids."""
        found: dict[str, SeenEvent] = {}
        for some in _batches(list(dict.fromkeys(transaction_ids))):
            asked = {"transactionIds": some}
            rows = self._wire.query("/v1/events/search", asked).data
            if not isinstance(rows, list):
                raise Incomplete("the billing core answered events/search with no list")
            for row in rows:
                if not row.get("is_duplicate"):
                    seen = _seen(row)
                    found.setdefault(seen.event.transaction_id, seen)
        return found

    def preview(
        self, customer_id: str, events: Sequence[UsageEvent]
    ) -> tuple[CoreInvoice, ...]:
        """The customer's drafts as they would be with these events; nothing is kept."""
        if len(events) > EVENTS_MAX:
            raise Incomplete(
                f"{len(events)} events are more than the core previews at once "
                f"({EVENTS_MAX}): correct them in several steps"
            )
        path = f"/v1/customers/{segment(customer_id)}/previewEvents"
        body = {"events": [_sent(one) for one in events], "mode": "merge"}
        rows, _ = page_of(self._wire.query(path, body).data, "previewEvents")
        # A previewed invoice is a draft, whatever the core calls it.
        return tuple(
            parse.invoice({**row, "status": row.get("status", "DRAFT")}) for row in rows
        )

    def breakdown(self, invoice: CoreInvoice) -> Iterator[Window]:
        """An invoice by the day, on usage as it is now. Raises Incomplete."""
        if invoice.start is None or invoice.end is None:
            return
        path = f"/v1/customers/{segment(invoice.customer_id)}/invoices/breakdowns"
        query = {
            "starting_on": invoice.start,
            "ending_before": invoice.end,
            "status": invoice.status.value,
            "window_size": "DAY",
            "limit": DAYS_MAX,
        }
        for rows in self._pages(path, query):
            for row in rows:
                if row.get("id") == invoice.id:
                    yield _window(row)

    def send(self, events: Sequence[UsageEvent]) -> None:
        """Send usage. An event under a known transaction id changes nothing."""
        for some in _batches(list(events)):
            self._wire.write("POST", "/v1/ingest", [_sent(one) for one in some])

    def void_in_core(self, invoice_id: str) -> None:
        """Void a finalized invoice, here and nowhere else."""
        self._wire.write("POST", "/v1/invoices/void", {"id": invoice_id})

    def regenerate(self, invoice_id: str) -> str:
        """Bill a void invoice's period again; the new invoice's id."""
        reply = self._wire.write("POST", "/v1/invoices/regenerate", {"id": invoice_id})
        return _id_of(reply, "invoices/regenerate")

    def grant(self, grant: Grant) -> str | None:
        """Grant a credit; its id where the core tells it. Refused under a known key."""
        terms: dict[str, Any] = {
            "product_id": grant.product_id,
            "name": grant.name,
            "priority": grant.priority,
            "access_schedule": {
                "credit_type_id": grant.unit_id,
                "schedule_items": [
                    {
                        "amount": one.amount,
                        "starting_at": one.start,
                        "ending_before": one.end,
                    }
                    for one in grant.items
                ],
            },
        }
        if grant.applies_to:
            terms["applicable_product_ids"] = list(grant.applies_to)
        of = {"customer_id": grant.customer_id, "uniqueness_key": grant.key}
        if grant.contract_id is None:
            path = "/v1/contracts/customerCredits/create"
            return _id_of(self._wire.write("POST", path, {**of, **terms}), path)
        body = {**of, "contract_id": grant.contract_id, "add_credits": [terms]}
        reply = self._wire.write("POST", "/v2/contracts/edit", body)
        edit = ((reply.data or {}).get("data") or {}).get("edit") or {}
        made = edit.get("add_credits") or [{}]
        return None if made[0].get("id") is None else str(made[0]["id"])

    def _product(self, row: Mapping[str, Any]) -> Product:
        where = f"product {row.get('id', 'without id')}"
        now = parse.object_in(row, "current", where)
        converting = parse.object_in(now, "quantity_conversion", where)
        metric_id = now.get("billable_metric_id")
        return Product(
            id=parse.need(row, "id", where),
            name=str(now.get("name") or ""),
            kind=str(row.get("type") or ""),
            metric=None if metric_id is None else self._metric(str(metric_id)),
            factor=parse.number(converting.get("conversion_factor", 1), where),
            divide=str(converting.get("operation") or "").upper() == "DIVIDE",
            archived=bool(row.get("archived_at")),
        )

    def _metric(self, metric_id: str) -> Metric:
        if metric_id not in self._metrics:
            body = self._get_or_none(f"/v1/billable-metrics/{segment(metric_id)}") or {}
            self._metrics[metric_id] = _metric(metric_id, body)
        return self._metrics[metric_id]


def _metric(metric_id: str, body: Mapping[str, Any]) -> Metric:
    where = f"metric {metric_id}"
    types = parse.object_in(body, "event_type_filter", where)
    aggregation = str(body.get("aggregation_type") or "").upper()
    return Metric(
        id=metric_id,
        aggregation="SQL" if body.get("sql") else aggregation,
        key=str(body.get("aggregation_key") or ""),
        event_types=parse.words_in(types, "in_values", where),
        other_types=parse.words_in(types, "not_in_values", where),
        properties=tuple(
            Property(
                str(one.get("name")),
                one.get("exists"),
                parse.words_in(one, "in_values", where) or None,
                parse.words_in(one, "not_in_values", where),
            )
            for one in parse.objects_in(body, "property_filters", where)
        ),
    )


def _unit(row: Mapping[str, Any]) -> Unit:
    currency, places = parse.money_of(row, "pricing unit")
    name = str(row.get("name") or "")
    return Unit(str(parse.need(row, "id", "pricing unit")), name, currency, places)


def _contract(row: Mapping[str, Any]) -> Contract:
    where = f"contract {row.get('id', 'without id')}"
    return Contract(
        id=str(parse.need(row, "id", where)),
        start=parse.needed_moment(row, "starting_at", where),
        end=parse.moment(row, "ending_before", where),
        archived=bool(row.get("archived_at")),
    )


def _seen(row: Mapping[str, Any]) -> SeenEvent:
    where = f"event {row.get('transaction_id', 'without id')}"
    event = UsageEvent(
        transaction_id=str(parse.need(row, "transaction_id", where)),
        customer_id=str(parse.need(row, "customer_id", where)),
        event_type=str(parse.need(row, "event_type", where)),
        at=parse.needed_moment(row, "timestamp", where),
        properties=properties_of(parse.object_in(row, "properties", where), where),
    )
    return SeenEvent(event, parse.object_in(row, "matched_customer", where).get("id"))


def properties_of(given: Mapping[str, Any], where: str) -> tuple[tuple[str, str], ...]:
    """An event's properties as text; a nested one cannot be sent again as it was."""
    found = []
    for name, value in sorted(given.items()):
        if isinstance(value, Mapping | list):
            raise Incomplete(
                f"{where}: its property {name} is nested and cannot be mirrored"
            )
        if value is None:
            continue
        told = ("false", "true")[value] if isinstance(value, bool) else value
        found.append((name, format(told, "f") if isinstance(told, Decimal) else str(told)))
    return tuple(found)


def _sent(event: UsageEvent) -> dict[str, Any]:
    return {
        "transaction_id": event.transaction_id,
        "customer_id": event.customer_id,
        "event_type": event.event_type,
        "timestamp": event.at,
        "properties": dict(event.properties),
    }


def _window(row: Mapping[str, Any]) -> Window:
    where = f"breakdown of {row.get('id')}"
    start = parse.needed_moment(row, "breakdown_start_timestamp", where)
    end = parse.needed_moment(row, "breakdown_end_timestamp", where)
    part = parse.invoice(row)
    return Window(start, end, replace(part, start=start, end=end))


def _id_of(reply: Reply, path: str) -> str:
    data = reply.data.get("data") if isinstance(reply.data, dict) else None
    if not isinstance(data, dict) or data.get("id") is None:
        # It was answered with a yes: whether and as what it was done must be looked after.
        raise Unknown(f"the billing core's answer of {path} names no id")
    return str(data["id"])


def _batches(items: list[Any]) -> Iterator[list[Any]]:
    for first in range(0, len(items), EVENTS_MAX):
        yield items[first : first + EVENTS_MAX]
