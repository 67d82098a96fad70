"""Products: what an invoice line shows. USAGE is metered, FIXED is charged or credited."""

from datetime import datetime
from decimal import Decimal
from typing import Any

from connectors.localcore import custom_fields
from connectors.localcore.checks import (
    ID,
    PAGE,
    Check,
    boolean,
    instant,
    integer,
    listing,
    nullable,
    number,
    one_of,
    record,
    text,
)
from connectors.localcore.errors import BadRequest
from connectors.localcore.paging import PAGE_SIZE, scope_of, seq_after, take
from connectors.localcore.tx import Stored, Tx
from connectors.localcore.web import Call, Route
from state.clock import utc

KIND = "product"
CREATED_BY = "api"
SERVED = ("USAGE", "FIXED")
_NOT_SERVED = ("COMPOSITE", "SUBSCRIPTION", "PROFESSIONAL_SERVICE", "PRO_SERVICE")
_USAGE_ONLY = (
    "billable_metric_id",
    "quantity_conversion",
    "quantity_rounding",
    "presentation_group_key",
    "pricing_group_key",
)


def product_at(product: Stored, at: datetime) -> dict[str, Any]:
    """The fields of a product that hold at an instant: updates count once begun."""
    fields = dict(product.body["initial"])
    begun = [u for u in product.body["updates"] if utc(u["starting_at"]) <= at]
    for update in sorted(begun, key=lambda u: utc(u["starting_at"])):
        fields.update(update)
    return fields


def need_fixed(tx: Tx, identity: str, field: str) -> Stored:
    """A product that may carry a credit or a scheduled charge."""
    product = tx.need(KIND, identity, field)
    if product.body["type"] != "FIXED":
        raise BadRequest(
            f"{field}: product {identity} is {product.body['type']}, not FIXED"
        )
    return product


def answer(tx: Tx, product: Stored) -> dict[str, Any]:
    """A product as Metronome gives it."""
    return {
        "id": product.id,
        "type": product.body["type"],
        "initial": product.body["initial"],
        "current": product_at(product, tx.now),
        "updates": product.body["updates"],
        "archived_at": product.body["archived_at"],
        "custom_fields": custom_fields.values_of(tx, KIND, product.id),
    }


def _check_usage(tx: Tx, kind: str, fields: dict[str, Any]) -> None:
    if kind == "USAGE":
        if "billable_metric_id" in fields:
            tx.need("billable_metric", fields["billable_metric_id"], "billable_metric_id")
        return
    for name in _USAGE_ONLY:
        if fields.get(name) is not None:
            raise BadRequest(f"{name} is for USAGE products only")


# --- calls -----------------------------------------------------------------------------


def _create(call: Call) -> dict[str, Any]:
    fields = dict(call.body)
    kind = fields.pop("type")
    labels = fields.pop("custom_fields", {})
    if kind in _NOT_SERVED:
        raise BadRequest(
            f"type: this core serves {' and '.join(SERVED)} products, not {kind}"
        )
    if kind == "USAGE" and "billable_metric_id" not in fields:
        raise BadRequest("billable_metric_id is required for USAGE products")
    _check_usage(call.tx, kind, fields)
    initial = {
        **fields,
        "tags": fields.get("tags", []),
        "created_at": call.now,
        "created_by": CREATED_BY,
    }
    body = {"type": kind, "initial": initial, "updates": [], "archived_at": None}
    product = call.tx.insert(KIND, call.tx.new_id(), body, state="ACTIVE")
    custom_fields.set_values(call.tx, KIND, product.id, labels)
    call.tx.audit("create", KIND, product.id)
    return {"data": {"id": product.id}}


def _get(call: Call) -> dict[str, Any]:
    return {"data": answer(call.tx, call.tx.need(KIND, call.body["id"], "id"))}


def _list(call: Call) -> dict[str, Any]:
    wanted = call.body.get("archive_filter", "NOT_ARCHIVED")
    state = {"NOT_ARCHIVED": "ACTIVE", "ARCHIVED": "ARCHIVED", "ALL": None}[wanted]
    scope = scope_of("products", call.body)
    page, next_page = take(
        call.tx.scan(
            KIND, state=state, after=seq_after(scope, call.query.get("next_page"))
        ),
        limit=call.query.get("limit", PAGE_SIZE),
        scope=scope,
    )
    return {"data": [answer(call.tx, one) for one in page], "next_page": next_page}


def _update(call: Call) -> dict[str, Any]:
    fields = dict(call.body)
    product = _need_active(call, fields.pop("product_id"))
    starting_at: datetime = fields["starting_at"]
    if (starting_at.minute, starting_at.second, starting_at.microsecond) != (0, 0, 0):
        raise BadRequest("starting_at must be on an hour boundary")
    _check_usage(call.tx, product.body["type"], fields)
    update = {**fields, "created_at": call.now, "created_by": CREATED_BY}
    body = {**product.body, "updates": [*product.body["updates"], update]}
    call.tx.update(KIND, product.id, body)
    call.tx.audit("update", KIND, product.id)
    return {"data": {"id": product.id}}


def _archive(call: Call) -> dict[str, Any]:
    product = _need_active(call, call.body["product_id"])
    body = {**product.body, "archived_at": call.now}
    call.tx.update(KIND, product.id, body, state="ARCHIVED")
    call.tx.audit("archive", KIND, product.id)
    return {"data": {"id": product.id}}


def _need_active(call: Call, identity: str) -> Stored:
    product = call.tx.need(KIND, identity, "product_id")
    if product.state != "ACTIVE":
        raise BadRequest(f"product_id: product {identity} is archived")
    return product


_WORDS = listing(text(longest=200))


def _factor(where: str, value: Any) -> Decimal:
    factor = number(where, value)
    if factor <= 0:
        raise BadRequest(f"{where} must be more than 0")
    return factor


_CONVERSION = record(
    {"conversion_factor": _factor, "operation": one_of("MULTIPLY", "DIVIDE")},
    {"name": text()},
)
_ROUNDING = record(
    {
        "decimal_places": integer(0, 12),
        "rounding_method": one_of("ROUND_UP", "ROUND_DOWN", "ROUND_HALF_UP"),
    }
)
_FIELDS: dict[str, Check] = {
    "billable_metric_id": ID,
    "tags": _WORDS,
    "quantity_conversion": nullable(_CONVERSION),
    "quantity_rounding": nullable(_ROUNDING),
    "presentation_group_key": _WORDS,
    "pricing_group_key": _WORDS,
    "is_refundable": boolean,
    "netsuite_internal_item_id": ID,
    "netsuite_overage_item_id": ID,
}
_PATH = "/v1/contract-pricing/products"
routes: list[Route] = [
    Route(
        "POST",
        f"{_PATH}/create",
        _create,
        body=record(
            {"name": text(), "type": one_of(*SERVED, *_NOT_SERVED)},
            {**_FIELDS, "custom_fields": custom_fields.VALUES},
        ),
        writes=True,
    ),
    Route("POST", f"{_PATH}/get", _get, body=record({"id": ID})),
    Route(
        "POST",
        f"{_PATH}/list",
        _list,
        body=record(optional={"archive_filter": one_of("ARCHIVED", "NOT_ARCHIVED", "ALL")}),
        query=record(optional=PAGE),
    ),
    Route(
        "POST",
        f"{_PATH}/update",
        _update,
        body=record(
            {"product_id": ID, "starting_at": instant}, {"name": text(), **_FIELDS}
        ),
        writes=True,
    ),
    Route(
        "POST", f"{_PATH}/archive", _archive, body=record({"product_id": ID}), writes=True
    ),
]
