"""Billable metrics: how events become a quantity."""

from typing import Any

from connectors.localcore import custom_fields
from connectors.localcore.checks import ID, PAGE, boolean, listing, one_of, record, text
from connectors.localcore.errors import BadRequest
from connectors.localcore.paging import PAGE_SIZE, scope_of, seq_after, take
from connectors.localcore.tx import Stored, Tx
from connectors.localcore.web import Call, Route

KIND = "billable_metric"
AGGREGATIONS = ("COUNT", "LATEST", "MAX", "SUM", "UNIQUE")


def _answer(tx: Tx, metric: Stored) -> dict[str, Any]:
    return {
        "id": metric.id,
        **metric.body,
        "custom_fields": custom_fields.values_of(tx, KIND, metric.id),
    }


def _create(call: Call) -> dict[str, Any]:
    body = dict(call.body)
    fields = body.pop("custom_fields", {})
    if "sql" in body:
        raise BadRequest("sql: this core does not serve SQL metrics; use aggregation_type")
    if "aggregation_type" not in body:
        raise BadRequest("aggregation_type is required")
    if body["aggregation_type"] != "COUNT" and "aggregation_key" not in body:
        raise BadRequest(f"aggregation_key is required for {body['aggregation_type']}")
    metric = call.tx.insert(KIND, call.tx.new_id(), body, state="ACTIVE")
    custom_fields.set_values(call.tx, KIND, metric.id, fields)
    call.tx.audit("create", KIND, metric.id)
    return {"data": {"id": metric.id}}


def _get(call: Call) -> dict[str, Any]:
    metric = call.tx.need(KIND, call.path["billable_metric_id"], "billable_metric_id")
    return {"data": _answer(call.tx, metric)}


def _list(call: Call) -> dict[str, Any]:
    scope = scope_of("billable-metrics", call.query)
    page, next_page = take(
        call.tx.scan(
            KIND,
            state=None if call.query.get("include_archived") else "ACTIVE",
            after=seq_after(scope, call.query.get("next_page")),
        ),
        limit=call.query.get("limit", PAGE_SIZE),
        scope=scope,
    )
    return {"data": [_answer(call.tx, one) for one in page], "next_page": next_page}


def _archive(call: Call) -> dict[str, Any]:
    metric = call.tx.need(KIND, call.body["id"], "id")
    if metric.state != "ACTIVE":
        raise BadRequest(f"id: billable metric {metric.id} is archived already")
    body = {**metric.body, "archived_at": call.now}
    call.tx.update(KIND, metric.id, body, state="ARCHIVED")
    call.tx.audit("archive", KIND, metric.id)
    return {"data": {"id": metric.id}}


_WORD = text(longest=200)
_WORDS = listing(_WORD)
routes: list[Route] = [
    Route(
        "POST",
        "/v1/billable-metrics/create",
        _create,
        body=record(
            {"name": text()},
            {
                "aggregation_type": one_of(*AGGREGATIONS),
                "aggregation_key": _WORD,
                "event_type_filter": record(
                    optional={"in_values": _WORDS, "not_in_values": _WORDS}
                ),
                "property_filters": listing(
                    record(
                        {"name": _WORD},
                        {"exists": boolean, "in_values": _WORDS, "not_in_values": _WORDS},
                    )
                ),
                "group_keys": listing(_WORDS),
                "custom_fields": custom_fields.VALUES,
                "sql": text(longest=20_000),
            },
        ),
        writes=True,
    ),
    Route("GET", "/v1/billable-metrics/{billable_metric_id}", _get),
    Route(
        "GET",
        "/v1/billable-metrics",
        _list,
        query=record(optional={**PAGE, "include_archived": boolean}),
    ),
    Route(
        "POST",
        "/v1/billable-metrics/archive",
        _archive,
        body=record({"id": ID}),
        writes=True,
    ),
]
