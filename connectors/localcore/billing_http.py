"""Contracts, usage, credits and invoices on Metronome's paths."""

from datetime import timedelta
from decimal import Decimal
from typing import Any

from connectors.localcore import customers, invoicing, products
from connectors.localcore.checks import (
    BALANCES_LIMIT,
    CURSOR,
    ID,
    PAGE,
    anything,
    boolean,
    instant,
    json_object,
    listing,
    number,
    one_of,
    record,
    text,
)
from connectors.localcore.errors import BadRequest, NotFound
from connectors.localcore.events import add_event, events_by_transaction
from connectors.localcore.paging import (
    BALANCES_PAGE_SIZE,
    PAGE_SIZE,
    scope_of,
    seq_after,
    take_all,
)
from connectors.localcore.rating import EVENT_WINDOW_DAYS, FUTURE_HOURS
from connectors.localcore.tx import Stored, Tx
from connectors.localcore.web import Call, Route
from state.clock import iso

USD = "2714e483-4ff1-48e4-9e25-ac732e8f24f2"


def _ingest(call: Call) -> dict[str, Any]:
    """All of a batch or nothing: a refused correction must not be half kept."""
    oldest = call.now - timedelta(days=EVENT_WINDOW_DAYS)
    newest = call.now + timedelta(hours=FUTURE_HOURS)
    for event in call.body:
        name, at = event["transaction_id"], event["timestamp"]
        if at < oldest:
            raise BadRequest(
                f"event {name}: {iso(at)} is more than {EVENT_WINDOW_DAYS} days ago; "
                "correct it downstream"
            )
        if at > newest:
            raise BadRequest(f"event {name}: {iso(at)} is more than a day in the future")
    for event in call.body:
        add_event(
            call.tx,
            transaction_id=event["transaction_id"],
            customer_ref=event["customer_id"],
            event_type=event["event_type"],
            at=event["timestamp"],
            properties=event.get("properties", {}),
        )
    return {}


def _search(call: Call) -> list[dict[str, Any]]:
    return [
        {
            "id": event.id,
            "transaction_id": event.transaction_id,
            "customer_id": event.customer_ref,
            "event_type": event.event_type,
            "timestamp": event.at,
            "properties": event.properties,
            "is_duplicate": False,
            "processed_at": event.received_at,
        }
        for event in events_by_transaction(call.tx, call.body["transactionIds"])
    ]


def create_credit(
    tx: Tx, customer_id: str, wanted: dict[str, Any], *, contract_id: str | None = None
) -> str:
    """Grant a credit. A window that ends before it starts is refused by both its dates."""
    product = products.need_fixed(tx, wanted["product_id"], "product_id")
    schedule = wanted["access_schedule"]
    items = []
    for item in schedule["schedule_items"]:
        start, end = item["starting_at"], item["ending_before"]
        if end <= start:
            raise BadRequest(
                f"schedule_items: ending_before {iso(end)} is not after starting_at {iso(start)}"
            )
        if item["amount"] <= 0:
            raise BadRequest("schedule_items: amount must be above 0")
        items.append({"id": tx.new_id(), **item})
    name = tx.new_id()
    if wanted.get("uniqueness_key"):
        tx.claim("credit_key", wanted["uniqueness_key"], name)
    body = {
        **{k: v for k, v in wanted.items() if k not in {"customer_id", "access_schedule"}},
        "name": wanted.get("name", ""),
        "product_name": products.product_at(product, tx.now)["name"],
        "contract_id": contract_id,
        "access_schedule": {
            "credit_type_id": schedule.get("credit_type_id", USD),
            "schedule_items": items,
        },
        "ledger": [
            {
                "type": "CREDIT_SEGMENT_START",
                "amount": item["amount"],
                "timestamp": item["starting_at"],
            }
            for item in items
        ],
    }
    tx.insert(invoicing.CREDIT, name, body, customer_id=customer_id)
    tx.audit("create", invoicing.CREDIT, name)
    return name


def _grant(call: Call) -> dict[str, Any]:
    customer = customers.need_active(call.tx, call.body["customer_id"])
    return {"data": {"id": create_credit(call.tx, customer.id, call.body)}}


def credit_shape(tx: Tx, credit: Stored) -> dict[str, Any]:
    """A credit as Metronome gives it; its balance counts the windows open now."""
    from connectors.localcore import pricing_units
    from state.clock import utc

    body = credit.body
    schedule = body["access_schedule"]
    balance = Decimal(0)
    for item in schedule["schedule_items"]:
        if utc(item["starting_at"]) <= tx.now < utc(item["ending_before"]):
            moves = [e for e in body["ledger"] if e.get("segment_id") == item["id"]]
            balance += Decimal(item["amount"])
            balance += sum((Decimal(e["amount"]) for e in moves), Decimal(0))
    shown: dict[str, Any] = {
        "id": credit.id,
        "type": "CREDIT",
        "name": body["name"],
        "priority": body.get("priority", 0),
        "product": {"id": body["product_id"], "name": body["product_name"]},
        "access_schedule": {
            "credit_type": pricing_units.unit(schedule["credit_type_id"]).reference(),
            "schedule_items": schedule["schedule_items"],
        },
        "created_at": credit.created_at,
        "balance": max(balance, Decimal(0)),
        "ledger": [
            {"segment_id": schedule["schedule_items"][0]["id"], **entry}
            for entry in body["ledger"]
        ],
    }
    if body.get("contract_id"):
        shown["contract"] = {"id": body["contract_id"]}
    for name in (
        "applicable_product_ids",
        "applicable_product_tags",
        "applicable_contract_ids",
    ):
        if body.get(name):
            shown[name] = body[name]
    return shown


def _list_credits(call: Call) -> dict[str, Any]:
    customers.need_customer(call.tx, call.body["customer_id"])
    with_contracts = call.body.get("include_contract_credits", False)
    found = [
        one
        for one in call.tx.find(invoicing.CREDIT, customer_id=call.body["customer_id"])
        if (with_contracts or not one.body.get("contract_id"))
        and call.body.get("credit_id") in {None, one.id}
    ]
    scope = scope_of("credits", call.body)
    after = seq_after(scope, call.body.get("next_page"))
    limit = call.body.get("limit", BALANCES_PAGE_SIZE)
    page, cursor = take_all(found, limit=limit, scope=scope, after=after)
    return {"data": [credit_shape(call.tx, one) for one in page], "next_page": cursor}


def _list_invoices(call: Call) -> dict[str, Any]:
    customer_id = call.path["customer_id"]
    customers.need_customer(call.tx, customer_id)
    status = call.query.get("status")
    found = [one.body for one in call.tx.find(invoicing.INVOICE, customer_id=customer_id)]
    if status in {None, "DRAFT"}:
        found.extend(invoicing.drafts(call.tx, customer_id))
    rows = [
        one
        for one in found
        if status in {None, one["status"]}
        and call.query.get("contract_id") in {None, one["contract_id"]}
    ]
    if call.query.get("sort") == "date_desc":
        rows.reverse()
    scope = scope_of(f"invoices {customer_id}", call.query)
    after = seq_after(scope, call.query.get("next_page"))
    limit = call.query.get("limit", PAGE_SIZE)
    page, cursor = take_all(rows, limit=limit, scope=scope, after=after)
    return {"data": page, "next_page": cursor}


def _get_invoice(call: Call) -> dict[str, Any]:
    name, customer_id = call.path["invoice_id"], call.path["customer_id"]
    stored = call.tx.get(invoicing.INVOICE, name)
    if stored is not None and stored.customer_id == customer_id:
        return {"data": stored.body}
    for draft in invoicing.drafts(call.tx, customer_id):
        if draft["id"] == name:
            return {"data": draft}
    raise NotFound(f"invoice {name} was not found")


def _void(call: Call) -> dict[str, Any]:
    invoicing.void_invoice(call.tx, call.body["id"])
    return {"data": {"id": call.body["id"]}}


def _regenerate(call: Call) -> dict[str, Any]:
    return {"data": {"id": invoicing.regenerate(call.tx, call.body["id"])}}


_ITEM = record({"amount": number, "starting_at": instant, "ending_before": instant})
_SCHEDULE = record(
    {"schedule_items": listing(_ITEM, least=1)},
    {"credit_type_id": ID, "access_type": one_of("SPEND", "QUANTITY")},
)
_CREDIT = {"product_id": ID, "priority": number, "access_schedule": _SCHEDULE}
_CREDIT_MORE = {
    "name": text(),
    "description": text(),
    "applicable_product_ids": listing(ID),
    "applicable_product_tags": listing(text()),
    "applicable_contract_ids": listing(ID),
    "uniqueness_key": text(),
}
_EVENT = record(
    {"transaction_id": ID, "customer_id": ID, "event_type": text(), "timestamp": instant},
    {"properties": json_object},
)
_INVOICES = record(
    {},
    {
        **PAGE,
        "status": one_of("DRAFT", "FINALIZED", "VOID"),
        "contract_id": ID,
        "sort": one_of("date_asc", "date_desc"),
        "skip_zero_qty_line_items": anything,
    },
)
_CREDITS = record(
    {"customer_id": ID},
    {
        "credit_id": ID,
        "include_contract_credits": boolean,
        "include_archived": boolean,
        "include_balance": boolean,
        "include_ledgers": boolean,
        "limit": BALANCES_LIMIT,
        "next_page": CURSOR,
    },
)
_ONE = record({"id": ID})

routes = [
    Route("POST", "/v1/ingest", _ingest, listing(_EVENT, least=1, most=100), writes=True),
    Route("POST", "/v1/events/search", _search, record({"transactionIds": listing(ID)})),
    Route(
        "POST",
        "/v1/contracts/customerCredits/create",
        _grant,
        record({"customer_id": ID, **_CREDIT}, _CREDIT_MORE),
        writes=True,
    ),
    Route("POST", "/v1/contracts/customerCredits/list", _list_credits, _CREDITS),
    Route("GET", "/v1/customers/{customer_id}/invoices", _list_invoices, query=_INVOICES),
    Route(
        "GET",
        "/v1/customers/{customer_id}/invoices/{invoice_id}",
        _get_invoice,
        query=record({}, {"skip_zero_qty_line_items": anything}),
    ),
    Route("POST", "/v1/invoices/void", _void, _ONE, writes=True),
    Route("POST", "/v1/invoices/regenerate", _regenerate, _ONE, writes=True),
]
