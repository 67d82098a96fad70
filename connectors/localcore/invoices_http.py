"""Invoices on Metronome's paths: listed, read, printed, voided, regenerated."""

from typing import Any

from connectors.localcore import (
    breakdowns,
    custom_fields,
    customers,
    invoice_pdf,
    invoice_shapes,
    invoicing,
)
from connectors.localcore.checks import (
    ID,
    PAGE,
    Check,
    boolean,
    instant,
    one_of,
    record,
)
from connectors.localcore.errors import BadRequest, NotFound
from connectors.localcore.invoice_lists import Place, Shown, start, trimmed, walk
from connectors.localcore.invoice_shapes import KIND, USAGE
from connectors.localcore.lifecycle import DRAFT, FINALIZED, VOID
from connectors.localcore.paging import PAGE_SIZE, cursor_for, mark_of, scope_of
from connectors.localcore.web import Call, Raw, Route

PLACE_PARTS = 3


def _list(call: Call) -> dict[str, Any]:
    customer = customers.need_customer(call.tx, call.path["customer_id"])
    query = call.query
    newest_first = query.get("sort") == "date_desc"
    limit = query.get("limit", PAGE_SIZE)
    scope = scope_of(f"invoices {customer.id}", query)
    last = _place(mark_of(scope, query.get("next_page")), newest_first=newest_first)
    page: list[Shown] = []
    for place, shown in walk(call.tx, customer.id, query, last, newest_first=newest_first):
        if len(page) == limit:
            return {"data": page, "next_page": cursor_for(scope, list(last))}
        page.append(trimmed(shown, query))
        last = place
    return {"data": page, "next_page": None}


def _place(mark: Any, *, newest_first: bool) -> Place:
    if mark is None:
        return start(newest_first=newest_first)
    if not isinstance(mark, list) or len(mark) != PLACE_PARTS:
        raise BadRequest("next_page is not a cursor of this list: ask for the first page")
    return mark[0], mark[1], mark[2]


def _one(call: Call) -> Shown:
    customer = customers.need_customer(call.tx, call.path["customer_id"])
    identity = call.path["invoice_id"]
    stored = call.tx.get(KIND, identity)
    if stored is not None and stored.customer_id == customer.id:
        fields = custom_fields.values_of(call.tx, KIND, identity)
        return {**stored.body, "custom_fields": fields}
    if stored is None:
        for shown in invoicing.shown_drafts(call.tx, customer.id):
            if shown["id"] == identity:
                return shown
    raise NotFound(f"invoice_id: invoice {identity} was not found at this customer")


def _get(call: Call) -> dict[str, Any]:
    return {"data": trimmed(_one(call), call.query)}


def _pdf(call: Call) -> Raw:
    shown = _one(call)
    customer = customers.need_customer(call.tx, call.path["customer_id"])
    return Raw(invoice_pdf.render(shown, str(customer.body["name"])), "application/pdf")


def _void(call: Call) -> dict[str, Any]:
    invoicing.void_invoice(call.tx, call.body["id"])
    return {"data": {"id": call.body["id"]}}


def _regenerate(call: Call) -> dict[str, Any]:
    return {"data": {"id": invoicing.regenerate_invoice(call.tx, call.body["id"])}}


_LISTED: dict[str, Check] = {
    **PAGE,
    "status": one_of(DRAFT, FINALIZED, VOID),
    "type": one_of(USAGE, "USAGE_CONSOLIDATED", invoice_shapes.SCHEDULED),
    "contract_id": ID,
    "credit_type_id": ID,
    "starting_on": instant,
    "ending_before": instant,
    "sort": one_of("date_asc", "date_desc"),
    "skip_zero_qty_line_items": boolean,
    "include_historical_commit_invoices": boolean,
    "webhook_notification_id": ID,
}
_PATH = "/v1/customers/{customer_id}/invoices"
_SKIP = record(optional={"skip_zero_qty_line_items": boolean})
_ONE = record({"id": ID})
routes: list[Route] = [
    Route("GET", _PATH, _list, query=record(optional=_LISTED)),
    *breakdowns.routes,
    Route("GET", f"{_PATH}/{{invoice_id}}", _get, query=_SKIP),
    Route("GET", f"{_PATH}/{{invoice_id}}/pdf", _pdf, query=_SKIP),
    Route("POST", "/v1/invoices/void", _void, body=_ONE, writes=True),
    Route("POST", "/v1/invoices/regenerate", _regenerate, body=_ONE, writes=True),
]
