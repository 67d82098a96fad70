"""Customer credits and balances on Metronome's paths."""

from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any

from connectors.localcore import (
    credit_book,
    credit_shapes,
    custom_fields,
    customers,
    invoicing,
    ledger,
    pricing_units,
)
from connectors.localcore.burndown import MANUAL
from connectors.localcore.checks import (
    BALANCES_LIMIT,
    CURSOR,
    ID,
    Check,
    boolean,
    instant,
    listing,
    not_served,
    nullable,
    number,
    one_of,
    record,
    text,
)
from connectors.localcore.contract_terms import ACCESS_SCHEDULE, CREDIT_CHANGES
from connectors.localcore.errors import BadRequest, NotFound
from connectors.localcore.paging import BALANCES_PAGE_SIZE, scope_of, seq_after, take
from connectors.localcore.tx import Stored, Tx
from connectors.localcore.web import Call, Route
from connectors.localcore.words import EXACT, LedgerEntry, sum_exact

MANUAL_KEY = "ledger_uniqueness_key"


def _create(call: Call) -> dict[str, Any]:
    customer = customers.need_active(call.tx, call.body["customer_id"])
    credit = credit_book.create_credit(call.tx, customer.id, call.body)
    return {"data": {"id": credit.id}}


def _edit(call: Call) -> dict[str, Any]:
    customer = customers.need_customer(call.tx, call.body["customer_id"])
    identity = call.body["credit_id"]
    credit = credit_book.need_credit(call.tx, customer.id, identity, "credit_id")
    return {"data": {"id": credit_book.edit_credit(call.tx, credit, call.body).id}}


def _end(call: Call) -> dict[str, Any]:
    customer = customers.need_customer(call.tx, call.body["customer_id"])
    identity = call.body["credit_id"]
    credit = credit_book.need_credit(call.tx, customer.id, identity, "credit_id")
    credit_book.end_credit(call.tx, credit, call.body["access_ending_before"])
    return {"data": {"id": credit.id}}


def _list(call: Call, *, which: str, contract_flag: str) -> dict[str, Any]:
    body = call.body
    customer = customers.need_customer(call.tx, body["customer_id"])
    wanted_id = body.get(which)
    scope = scope_of(f"credits {which}", body)

    def keep(credit: Stored) -> bool:
        return (
            (wanted_id is None or credit.id == wanted_id)
            and (credit.parent_id is None or body.get(contract_flag, False))
            and credit_shapes.wanted(credit, body)
            and not (body.get("exclude_zero_balances") and not _left(call.tx, credit))
        )

    page, next_page = take(
        call.tx.scan(
            credit_book.KIND,
            customer_id=customer.id,
            after=seq_after(scope, body.get("next_page")),
        ),
        limit=body.get("limit", BALANCES_PAGE_SIZE),
        scope=scope,
        keep=keep,
    )
    data = [
        credit_shapes.answer(
            call.tx,
            one,
            include_balance=body.get("include_balance", False),
            include_ledgers=body.get("include_ledgers", False),
        )
        for one in page
    ]
    return {"data": data, "next_page": next_page}


def _left(tx: Tx, credit: Stored) -> Decimal:
    return credit_shapes.balance_of(tx, credit, credit_shapes.ledgers_of(tx, credit))


def _net_balance(call: Call) -> dict[str, Any]:
    """Metronome: over every credit of the customer and its contracts, drafts deducted."""
    tx, body = call.tx, call.body
    customer = customers.need_customer(tx, body["customer_id"])
    unit = pricing_units.unit(body.get("credit_type_id"))
    filters = [_filter(one) for one in body.get("filters", [])]
    chosen = {
        credit.id: credit
        for credit in tx.find(credit_book.KIND, customer_id=customer.id, state="ACTIVE")
        if credit.body["credit_type_id"] == unit.id
        and (not filters or any(one(tx, credit) for one in filters))
    }
    pending: dict[str, list[Decimal]] = {}
    if body.get("invoice_inclusion_mode", "FINALIZED_AND_DRAFT") != "FINALIZED":
        windows = {
            item["id"]: credit_book.window_of(item)
            for credit in chosen.values()
            for item in credit.body["items"]
        }
        for invoice in invoicing.open_invoices(tx, customer.id):
            for one in invoice.draft.drawdowns:
                window = windows.get(one.segment_id)
                if window is not None and window.holds(tx.now):
                    pending.setdefault(one.credit_id, []).append(one.amount)
    left = (
        max(Decimal(0), EXACT.subtract(_left(tx, one), sum_exact(pending.get(name, ()))))
        for name, one in chosen.items()
    )
    return {"data": {"balance": sum_exact(left), "credit_type_id": unit.id}}


def _filter(wanted: Mapping[str, Any]) -> Callable[[Tx, Stored], bool]:
    """One balance filter: all that it names must hold."""

    def passes(tx: Tx, credit: Stored) -> bool:
        if "CREDIT" not in wanted.get("balance_types", ["CREDIT"]):
            return False
        if "ids" in wanted and credit.id not in wanted["ids"]:
            return False
        fields = custom_fields.values_of(tx, credit_book.KIND, credit.id)
        return all(
            fields.get(name) == value
            for name, value in wanted.get("custom_fields", {}).items()
        )

    return passes


def _manual(call: Call) -> None:
    tx, body = call.tx, call.body
    customer = customers.need_customer(tx, body["customer_id"])
    credit = credit_book.need_credit(tx, customer.id, body["id"], "id")
    if body.get("contract_id") != credit.parent_id:
        raise BadRequest(
            f"contract_id: credit {credit.id} is of contract {credit.parent_id}"
            if credit.parent_id
            else f"contract_id: credit {credit.id} is of the customer; leave it out"
        )
    items = {item["id"]: item for item in credit.body["items"]}
    item = items.get(body["segment_id"])
    if item is None:
        raise NotFound(f"segment_id: {body['segment_id']} was not found in this credit")
    if body["amount"] == 0:
        raise BadRequest("amount must not be 0")
    if "uniqueness_key" in body:
        tx.claim(MANUAL_KEY, body["uniqueness_key"], tx.new_id())
    entry = LedgerEntry(
        MANUAL,
        body["amount"],
        body.get("timestamp", credit_book.window_of(item).start),
        item["id"],
        contract_id=credit.parent_id,
        reason=body["reason"],
    )
    ledger.write(tx, customer.id, credit.id, entry)
    tx.audit(
        "update", credit_book.KIND, credit.id, f"manual ledger entry: {body['reason']}"
    )


_WORDS = listing(ID)
_CREATE = record(
    {
        "customer_id": ID,
        "product_id": ID,
        "priority": number,
        "access_schedule": ACCESS_SCHEDULE,
    },
    {
        "name": text(),
        "description": text(),
        "applicable_product_ids": _WORDS,
        "applicable_product_tags": _WORDS,
        "applicable_contract_ids": _WORDS,
        "custom_fields": custom_fields.VALUES,
        "rate_type": one_of("LIST_RATE", "COMMIT_RATE"),
        "netsuite_sales_order_id": ID,
        "salesforce_opportunity_id": ID,
        "uniqueness_key": text(longest=128),
        "specifiers": not_served("specifiers; use applicable_product_ids"),
    },
)
_EDIT = record(
    {"customer_id": ID, "credit_id": ID},
    {
        **CREDIT_CHANGES,
        "applicable_contract_ids": nullable(_WORDS),
        "specifiers": not_served("specifiers; use applicable_product_ids"),
    },
)
_SHOWN: dict[str, Check] = {
    "covering_date": instant,
    "starting_at": instant,
    "effective_before": instant,
    "include_archived": boolean,
    "include_balance": boolean,
    "include_ledgers": boolean,
    "limit": BALANCES_LIMIT,
    "next_page": CURSOR,
}
_CREDITS = {"credit_id": ID, "include_contract_credits": boolean, **_SHOWN}
_BALANCES = {
    "id": ID,
    "include_contract_balances": boolean,
    "exclude_zero_balances": boolean,
    "access_type": one_of("SPEND"),
    **_SHOWN,
}
_BALANCE_FILTER = record(
    optional={
        "balance_types": listing(
            one_of("PREPAID_COMMIT", "POSTPAID_COMMIT", "CREDIT"), least=1
        ),
        "custom_fields": custom_fields.VALUES,
        "ids": _WORDS,
    }
)
_NET = {
    "access_type": one_of("SPEND"),
    "credit_type_id": ID,
    "filters": listing(_BALANCE_FILTER),
    "invoice_inclusion_mode": one_of("FINALIZED", "FINALIZED_AND_DRAFT"),
}
_MANUAL = record(
    {
        "id": ID,
        "customer_id": ID,
        "segment_id": ID,
        "amount": number,
        "reason": text(),
    },
    {
        "contract_id": ID,
        "timestamp": instant,
        "uniqueness_key": text(longest=128),
        "per_group_amounts": not_served("seats"),
    },
)
_PATH = "/v1/contracts/customerCredits"
routes: list[Route] = [
    Route("POST", f"{_PATH}/create", _create, body=_CREATE, writes=True),
    Route(
        "POST",
        f"{_PATH}/list",
        lambda call: _list(
            call, which="credit_id", contract_flag="include_contract_credits"
        ),
        body=record({"customer_id": ID}, _CREDITS),
    ),
    Route(
        "POST",
        f"{_PATH}/updateEndDate",
        _end,
        body=record({"customer_id": ID, "credit_id": ID, "access_ending_before": instant}),
        writes=True,
    ),
    Route("POST", "/v2/contracts/credits/edit", _edit, body=_EDIT, writes=True),
    Route(
        "POST",
        "/v1/contracts/customerBalances/list",
        lambda call: _list(call, which="id", contract_flag="include_contract_balances"),
        body=record({"customer_id": ID}, _BALANCES),
    ),
    Route(
        "POST",
        "/v1/contracts/customerBalances/getNetBalance",
        _net_balance,
        body=record({"customer_id": ID}, _NET),
    ),
    Route(
        "POST",
        "/v1/contracts/addManualBalanceLedgerEntry",
        _manual,
        body=_MANUAL,
        writes=True,
    ),
]
