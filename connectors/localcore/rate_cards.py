"""Rate cards: the price of each product, from an instant on."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from connectors.localcore import custom_fields, pricing_units, products
from connectors.localcore.checks import (
    EMPTY,
    ID,
    PAGE,
    Check,
    boolean,
    instant,
    listing,
    not_served,
    number,
    one_of,
    record,
    text,
    texts_by_name,
)
from connectors.localcore.errors import BadRequest, NotFound
from connectors.localcore.paging import PAGE_SIZE, scope_of, seq_after, take, take_all
from connectors.localcore.tx import Stored, Tx
from connectors.localcore.web import Call, Route
from state.clock import utc

KIND = "rate_card"
RATE = "rate"
ALIAS = "rate_card_alias"
SERVED = ("FLAT", "TIERED")
_NOT_SERVED = ("PERCENTAGE", "SUBSCRIPTION", "TIERED_PERCENTAGE", "CUSTOM")


def card_by(tx: Tx, *, identity: str | None, alias: str | None) -> Stored:
    """The active rate card that a contract names by id or by alias."""
    if identity is None:
        found = tx.holder(ALIAS, alias or "")
        if found is None:
            raise NotFound(f"rate_card_alias: rate card {alias} was not found")
        identity = found
    card = tx.need(KIND, identity, "rate_card_id")
    if card.state != "ACTIVE":
        raise BadRequest(f"rate_card_id: rate card {identity} is archived")
    return card


def rates_of(tx: Tx, rate_card_id: str) -> list[Stored]:
    """Every rate ever added to a card, oldest first.

    A rate's body: `product_id`, `entitled`, `starting_at`, `ending_before`, `rate`
    (`rate_type`, `price` or `tiers`, `credit_type`) and `pricing_group_values`.
    """
    return tx.find(RATE, parent_id=rate_card_id)


def rate_in_force(
    rates: Sequence[Stored],
    product_id: str,
    at: datetime,
    groups: dict[str, str] | None = None,
) -> Stored | None:
    """The rate of a product at an instant: the last to begin, then the last added."""
    found: Stored | None = None
    for rate in rates:
        body = rate.body
        if body["product_id"] != product_id or body["pricing_group_values"] != groups:
            continue
        if not _covers(body, at):
            continue
        if found is None or utc(body["starting_at"]) >= utc(found.body["starting_at"]):
            found = rate
    return found


def _covers(body: dict[str, Any], at: datetime) -> bool:
    ending = body["ending_before"]
    return utc(body["starting_at"]) <= at and (ending is None or at < utc(ending))


def answer(tx: Tx, card: Stored) -> dict[str, Any]:
    """A rate card as Metronome gives it."""
    body = card.body
    shown = {
        "id": card.id,
        "name": body["name"],
        "aliases": body["aliases"],
        "created_at": card.created_at,
        "created_by": products.CREATED_BY,
        "custom_fields": custom_fields.values_of(tx, KIND, card.id),
        "fiat_credit_type": pricing_units.unit(body["fiat_credit_type_id"]).reference(),
    }
    if body["description"] is not None:
        shown["description"] = body["description"]
    return shown


# --- calls -----------------------------------------------------------------------------


def _create(call: Call) -> dict[str, Any]:
    tx, body = call.tx, call.body
    fiat = pricing_units.unit(body.get("fiat_credit_type_id"), "fiat_credit_type_id")
    if not fiat.currency:
        raise BadRequest(f"fiat_credit_type_id: {fiat.name} is no currency")
    stored = {
        "name": body["name"],
        "description": body.get("description"),
        "aliases": body.get("aliases", []),
        "fiat_credit_type_id": fiat.id,
        "archived_at": None,
    }
    card = tx.insert(KIND, tx.new_id(), stored, state="ACTIVE")
    for alias in stored["aliases"]:
        tx.claim(ALIAS, alias["name"], card.id, field="aliases")
    custom_fields.set_values(tx, KIND, card.id, body.get("custom_fields", {}))
    tx.audit("create", KIND, card.id)
    return {"data": {"id": card.id}}


def _get(call: Call) -> dict[str, Any]:
    return {"data": answer(call.tx, call.tx.need(KIND, call.body["id"], "id"))}


def _list(call: Call) -> dict[str, Any]:
    scope = scope_of("rate-cards", {})
    page, next_page = take(
        call.tx.scan(
            KIND, state="ACTIVE", after=seq_after(scope, call.query.get("next_page"))
        ),
        limit=call.query.get("limit", PAGE_SIZE),
        scope=scope,
    )
    return {"data": [answer(call.tx, one) for one in page], "next_page": next_page}


def _archive(call: Call) -> dict[str, Any]:
    card = card_by(call.tx, identity=call.body["id"], alias=None)
    body = {**card.body, "archived_at": call.now}
    call.tx.update(KIND, card.id, body, state="ARCHIVED")
    call.tx.release(ALIAS, identity=card.id)
    call.tx.audit("archive", KIND, card.id)
    return {"data": {"id": card.id}}


def _add(tx: Tx, card: Stored, wanted: dict[str, Any], where: str) -> dict[str, Any]:
    """Check and keep one rate; its `rate` as answered."""
    kind = wanted["rate_type"]
    if kind not in SERVED:
        raise BadRequest(
            f"{where}rate_type: this core serves {' and '.join(SERVED)} rates, not {kind}"
        )
    product = tx.need(products.KIND, wanted["product_id"], f"{where}product_id")
    if kind == "FLAT":
        if "price" not in wanted:
            raise BadRequest(f"{where}price is required for a FLAT rate")
        if wanted["price"] < 0:
            raise BadRequest(f"{where}price must not be negative")
        price: dict[str, Any] = {"price": wanted["price"]}
    else:
        price = {"tiers": _tiers(wanted.get("tiers") or [], f"{where}tiers")}
    ending = wanted.get("ending_before")
    if ending is not None and ending <= wanted["starting_at"]:
        raise BadRequest(f"{where}ending_before must be after {where}starting_at")
    fiat = card.body["fiat_credit_type_id"]
    unit = pricing_units.unit(wanted.get("credit_type_id", fiat), f"{where}credit_type_id")
    if unit.id != fiat:
        raise BadRequest(
            f"{where}credit_type_id: {unit.name} is not the card's"
            f" {pricing_units.unit(fiat).name}, and this core converts no units"
        )
    rate = {"rate_type": kind, **price, "credit_type": unit.reference()}
    body = {
        "product_id": product.id,
        "entitled": wanted["entitled"],
        "starting_at": wanted["starting_at"],
        "ending_before": ending,
        "rate": rate,
        "pricing_group_values": wanted.get("pricing_group_values"),
    }
    tx.insert(RATE, tx.new_id(), body, parent_id=card.id)
    return rate


def _tiers(tiers: list[dict[str, Any]], where: str) -> list[dict[str, Any]]:
    """Tiers in order; every one but the last says its size, the last has none."""
    if not tiers:
        raise BadRequest(f"{where} is required for a TIERED rate")
    for place, tier in enumerate(tiers):
        last = place == len(tiers) - 1
        if tier["price"] < 0:
            raise BadRequest(f"{where}[{place}].price must not be negative")
        if not last and tier.get("size") is None:
            raise BadRequest(f"{where}[{place}].size is required: only the last has none")
        if tier.get("size") is not None and tier["size"] <= 0:
            raise BadRequest(f"{where}[{place}].size must be more than 0")
    return tiers


def _add_rate(call: Call) -> dict[str, Any]:
    card = card_by(call.tx, identity=call.body["rate_card_id"], alias=None)
    rate = _add(call.tx, card, call.body, "")
    call.tx.audit("update", KIND, card.id, "rate added")
    return {"data": rate}


def _add_rates(call: Call) -> dict[str, Any]:
    card = card_by(call.tx, identity=call.body["rate_card_id"], alias=None)
    for place, wanted in enumerate(call.body["rates"]):
        _add(call.tx, card, wanted, f"rates[{place}].")
    call.tx.audit("update", KIND, card.id, f"{len(call.body['rates'])} rates added")
    return {"data": {"id": card.id}}


def _get_rates(call: Call) -> dict[str, Any]:
    card = call.tx.need(KIND, call.body["rate_card_id"], "rate_card_id")
    at = call.body["at"]
    rates = rates_of(call.tx, card.id)
    rows = []
    for rate in rates:
        product_id, groups = rate.body["product_id"], rate.body["pricing_group_values"]
        if rate_in_force(rates, product_id, at, groups) is not rate:
            continue
        row = _rate_row(call.tx, rate, at)
        if _selected(row, call.body.get("selectors")):
            rows.append(row)
    scope = scope_of("getRates", call.body)
    page, next_page = take_all(
        rows,
        limit=call.query.get("limit", PAGE_SIZE),
        scope=scope,
        after=seq_after(scope, call.query.get("next_page")),
    )
    return {"data": page, "next_page": next_page}


def _rate_row(tx: Tx, rate: Stored, at: datetime) -> dict[str, Any]:
    product = tx.need(products.KIND, rate.body["product_id"])
    fields = products.product_at(product, at)
    row = {
        "entitled": rate.body["entitled"],
        "product_id": product.id,
        "product_name": fields["name"],
        "product_tags": fields["tags"],
        "product_custom_fields": custom_fields.values_of(tx, products.KIND, product.id),
        "rate": rate.body["rate"],
        "starting_at": rate.body["starting_at"],
    }
    for name in ("ending_before", "pricing_group_values"):
        if rate.body[name] is not None:
            row[name] = rate.body[name]
    return row


def _selected(row: dict[str, Any], selectors: list[dict[str, Any]] | None) -> bool:
    """Whether any selector wants the row; without selectors every row is wanted."""
    if not selectors:
        return True
    groups = row.get("pricing_group_values", {})
    return any(
        (s.get("product_id") in {None, row["product_id"]})
        and (
            "product_tags" not in s
            or bool(set(s["product_tags"]) & set(row["product_tags"]))
        )
        and ("pricing_group_values" not in s or s["pricing_group_values"] == groups)
        and s.get("partial_pricing_group_values", {}).items() <= groups.items()
        for s in selectors
    )


_FREQUENCY = one_of("MONTHLY", "QUARTERLY", "ANNUAL", "WEEKLY")
_GROUPS = texts_by_name()
_RATE: dict[str, Check] = {
    "product_id": ID,
    "starting_at": instant,
    "entitled": boolean,
    "rate_type": one_of(*SERVED, *_NOT_SERVED),
}
_RATE_MORE: dict[str, Check] = {
    "ending_before": instant,
    "price": number,
    "credit_type_id": ID,
    "tiers": listing(record({"price": number}, {"size": number})),
    "pricing_group_values": _GROUPS,
    "commit_rate": not_served("commit rates"),
    "custom_rate": not_served("custom rates"),
    "billing_frequency": not_served("subscription rates"),
    "is_prorated": not_served("subscription rates"),
    "quantity": not_served("subscription rates"),
}
_SELECTOR = record(
    optional={
        "product_id": ID,
        "product_tags": listing(text(longest=200)),
        "pricing_group_values": _GROUPS,
        "partial_pricing_group_values": _GROUPS,
        "billing_frequency": _FREQUENCY,
    }
)
_PATH = "/v1/contract-pricing/rate-cards"
routes: list[Route] = [
    Route(
        "POST",
        f"{_PATH}/create",
        _create,
        body=record(
            {"name": text()},
            {
                "description": text(),
                "fiat_credit_type_id": ID,
                "aliases": listing(
                    record({"name": ID}, {"starting_at": instant, "ending_before": instant})
                ),
                "credit_type_conversions": not_served("conversions of custom units"),
                "custom_fields": custom_fields.VALUES,
            },
        ),
        writes=True,
    ),
    Route("POST", f"{_PATH}/get", _get, body=record({"id": ID})),
    Route("POST", f"{_PATH}/list", _list, body=EMPTY, query=record(optional=PAGE)),
    Route("POST", f"{_PATH}/archive", _archive, body=record({"id": ID}), writes=True),
    Route(
        "POST",
        f"{_PATH}/addRate",
        _add_rate,
        body=record({"rate_card_id": ID, **_RATE}, _RATE_MORE),
        writes=True,
    ),
    Route(
        "POST",
        f"{_PATH}/addRates",
        _add_rates,
        body=record(
            {"rate_card_id": ID, "rates": listing(record(_RATE, _RATE_MORE), least=1)}
        ),
        writes=True,
    ),
    Route(
        "POST",
        f"{_PATH}/getRates",
        _get_rates,
        body=record({"rate_card_id": ID, "at": instant}, {"selectors": listing(_SELECTOR)}),
        query=record(optional=PAGE),
    ),
]
