"""Credits: granted, changed, ended, archived; and what is left of them for a period.

A credit's body keeps its schedule as `items` (`id`, `amount`, `starting_at`,
`ending_before`); its parent is its contract, None for a customer's credit.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any

from connectors.localcore import custom_fields, ledger, pricing_units, products
from connectors.localcore.burndown import drawn_by_invoice, remaining
from connectors.localcore.errors import BadRequest, NotFound
from connectors.localcore.exact import plain
from connectors.localcore.lifecycle import window_refusal
from connectors.localcore.tx import Stored, Tx
from connectors.localcore.words import Period, Segment, sum_exact
from state.clock import iso, utc

KIND = "credit"
KEY = "credit_uniqueness_key"
UNRANKED = Decimal(10**9)  # a credit without a priority burns after all that have one
_KEPT = (
    "name",
    "description",
    "priority",
    "rate_type",
    "netsuite_sales_order_id",
    "salesforce_opportunity_id",
    "applicable_product_ids",
    "applicable_product_tags",
    "applicable_contract_ids",
    "uniqueness_key",
)
_CHANGEABLE = (*_KEPT[:-1], "product_id")


def create_credit(
    tx: Tx,
    customer_id: str,
    wanted: Mapping[str, Any],
    *,
    contract_id: str | None = None,
    where: str = "",
) -> Stored:
    """Grant a credit; a refusal names the field, under the prefix `where`."""
    schedule = wanted["access_schedule"]
    if schedule.get("access_type", "SPEND") != "SPEND":
        raise BadRequest(
            f"{where}access_schedule.access_type: this core serves SPEND credits only"
        )
    place = f"{where}access_schedule"
    unit = pricing_units.unit(schedule.get("credit_type_id"), f"{place}.credit_type_id")
    product = products.need_fixed(tx, wanted["product_id"], f"{where}product_id")
    _check_scope(tx, customer_id, wanted, where)
    body = {
        "product_id": product.id,
        "credit_type_id": unit.id,
        "items": _new_items(tx, schedule["schedule_items"], f"{place}.schedule_items"),
        "archived_at": None,
        **{name: wanted.get(name) for name in _KEPT},
    }
    identity = tx.new_id()
    if wanted.get("uniqueness_key") is not None:
        tx.claim(KEY, wanted["uniqueness_key"], identity, field=f"{where}uniqueness_key")
    credit = tx.insert(
        KIND,
        identity,
        body,
        customer_id=customer_id,
        parent_id=contract_id,
        state="ACTIVE",
    )
    custom_fields.set_values(tx, KIND, credit.id, wanted.get("custom_fields") or {})
    tx.audit("create", KIND, credit.id)
    return credit


def need_credit(tx: Tx, customer_id: str, credit_id: str, field: str) -> Stored:
    """A customer's credit; a 404 names the field that asked, a 400 says it is archived."""
    credit = tx.need(KIND, credit_id, field)
    if credit.customer_id != customer_id:
        raise NotFound(f"{field}: credit {credit_id} was not found at this customer")
    if credit.state != "ACTIVE":
        raise BadRequest(f"{field}: credit {credit_id} is archived, and that is final")
    return credit


def edit_credit(
    tx: Tx, credit: Stored, wanted: Mapping[str, Any], *, where: str = ""
) -> Stored:
    """Change a credit. Drafts move at once; what finalised invoices drew stays drawn."""
    body = dict(credit.body)
    if "product_id" in wanted:
        products.need_fixed(tx, wanted["product_id"], f"{where}product_id")
    if wanted.get("applicable_contract_ids") and credit.parent_id is not None:
        raise BadRequest(
            f"{where}applicable_contract_ids is for customer credits; this one is of"
            f" contract {credit.parent_id}"
        )
    _check_scope(tx, credit.customer_id or "", wanted, where)
    body.update({name: wanted[name] for name in _CHANGEABLE if name in wanted})
    if "access_schedule" in wanted:
        place = f"{where}access_schedule"
        body["items"] = _changed_items(tx, credit, wanted["access_schedule"], place)
    tx.update(KIND, credit.id, body)
    tx.audit("update", KIND, credit.id)
    return tx.need(KIND, credit.id)


def end_credit(tx: Tx, credit: Stored, ending: datetime) -> None:
    """End access early. Windows that would begin later go; later ends come forward."""
    items = credit.body["items"]
    last = max(utc(item["ending_before"]) for item in items)
    if ending >= last:
        raise BadRequest(
            f"access_ending_before {iso(ending)} is not earlier than the credit's end"
            f" {iso(last)}: access can only end earlier"
        )
    first = min(utc(item["starting_at"]) for item in items)
    refused = window_refusal("access_ending_before", Period(first, ending))
    if refused:
        raise BadRequest(refused)
    entries = ledger.of_credit(tx, credit.id)
    kept = []
    for item in items:
        if utc(item["starting_at"]) >= ending:
            _refuse_if_drawn(item, entries, "access_ending_before")
        else:
            end = min(utc(item["ending_before"]), ending)
            kept.append({**item, "ending_before": end})
    tx.update(KIND, credit.id, {**credit.body, "items": kept})
    tx.audit("update", KIND, credit.id, f"access ends {iso(ending)}")


def archive_credit(tx: Tx, credit: Stored, field: str, *, drawn_too: bool = False) -> None:
    """Archive a credit; with `drawn_too` also one that finalised invoices have drawn."""
    if not drawn_too:
        entries = ledger.of_credit(tx, credit.id)
        for item in credit.body["items"]:
            _refuse_if_drawn(item, entries, field)
    body = {**credit.body, "archived_at": tx.now}
    tx.update(KIND, credit.id, body, state="ARCHIVED")
    tx.audit("archive", KIND, credit.id)


# --- what is left for a period ------------------------------------------------------------


def display_name(tx: Tx, credit: Stored) -> str:
    """What stands on the invoice: the credit's name, else its product's."""
    if credit.body["name"]:
        return str(credit.body["name"])
    product = tx.need(products.KIND, credit.body["product_id"])
    return str(products.product_at(product, tx.now)["name"])


def segments_of(
    tx: Tx, customer_id: str, unit_id: str, *, without_invoice: str | None = None
) -> list[tuple[Stored, Segment]]:
    """Every segment of a customer's active credits in a unit, with what is left of it.

    `without_invoice` counts as if that invoice had drawn nothing.
    """
    entries = ledger.of_customer(tx, customer_id, without_invoice=without_invoice)
    found = []
    for credit in tx.find(KIND, customer_id=customer_id, state="ACTIVE"):
        if credit.body["credit_type_id"] == unit_id:
            name = display_name(tx, credit)
            for item in credit.body["items"]:
                written = entries.get(item["id"], ())
                found.append((credit, _segment(credit, item, name, written)))
    return found


def pays_on(credit: Stored, contract_id: str) -> bool:
    """Whether a credit may pay on a contract."""
    if credit.parent_id is not None:
        return credit.parent_id == contract_id
    scope = credit.body["applicable_contract_ids"]
    return not scope or contract_id in scope


def window_of(item: Mapping[str, Any]) -> Period:
    """The access window of a schedule item."""
    return Period(utc(item["starting_at"]), utc(item["ending_before"]))


def _segment(
    credit: Stored, item: Mapping[str, Any], name: str, written: Sequence[Any]
) -> Segment:
    body = credit.body
    contracts = body["applicable_contract_ids"]
    return Segment(
        credit_id=credit.id,
        segment_id=item["id"],
        name=name,
        window=window_of(item),
        left=remaining(Decimal(item["amount"]), written),
        priority=UNRANKED if body["priority"] is None else Decimal(body["priority"]),
        contract_level=credit.parent_id is not None,
        product_ids=frozenset(body["applicable_product_ids"] or ()),
        tags=frozenset(body["applicable_product_tags"] or ()),
        contracts=1 if credit.parent_id else len(contracts) if contracts else None,
        order=credit.seq,
    )


# --- checks ------------------------------------------------------------------------------


def _check_scope(tx: Tx, customer_id: str, wanted: Mapping[str, Any], where: str) -> None:
    for identity in wanted.get("applicable_product_ids") or ():
        tx.need(products.KIND, identity, f"{where}applicable_product_ids")
    for identity in wanted.get("applicable_contract_ids") or ():
        field = f"{where}applicable_contract_ids"
        contract = tx.need("contract", identity, field)
        if contract.customer_id != customer_id:
            raise NotFound(f"{field}: contract {identity} was not found at this customer")


def _new_items(
    tx: Tx, wanted: Sequence[Mapping[str, Any]], where: str
) -> list[dict[str, Any]]:
    return [
        _checked({**item, "id": tx.new_id()}, f"{where}[{place}]")
        for place, item in enumerate(wanted)
    ]


def _checked(item: dict[str, Any], where: str) -> dict[str, Any]:
    refused = window_refusal(where, Period(item["starting_at"], item["ending_before"]))
    if refused:
        raise BadRequest(refused)
    if item["amount"] <= 0:
        raise BadRequest(f"{where}.amount must be more than 0, not {plain(item['amount'])}")
    return item


def _changed_items(
    tx: Tx, credit: Stored, wanted: Mapping[str, Any], where: str
) -> list[dict[str, Any]]:
    items = {item["id"]: item for item in credit.body["items"]}
    entries = ledger.of_credit(tx, credit.id)
    for place, change in enumerate(wanted.get("remove_schedule_items") or ()):
        field = f"{where}.remove_schedule_items[{place}].id"
        _refuse_if_drawn(_known(items, change["id"], field), entries, field)
        del items[change["id"]]
    for place, change in enumerate(wanted.get("update_schedule_items") or ()):
        field = f"{where}.update_schedule_items[{place}]"
        known = _known(items, change["id"], f"{field}.id")
        window = window_of(known)
        item = {
            **known,
            "amount": Decimal(known["amount"]),
            "starting_at": window.start,
            "ending_before": window.end,
            **change,
        }
        drawn = sum_exact(_drawn(item, entries).values())
        if item["amount"] < drawn:
            raise BadRequest(
                f"{field}.amount {plain(item['amount'])} is less than the {plain(drawn)}"
                " that finalised invoices have drawn: void them first"
            )
        items[item["id"]] = _checked(item, field)
    added = wanted.get("add_schedule_items") or ()
    everything = [*items.values(), *_new_items(tx, added, f"{where}.add_schedule_items")]
    if not everything:
        raise BadRequest(f"{where} leaves the credit without a window: archive it instead")
    return everything


def _known(
    items: Mapping[str, dict[str, Any]], identity: str, field: str
) -> dict[str, Any]:
    if identity not in items:
        raise NotFound(f"{field}: schedule item {identity} was not found in this credit")
    return items[identity]


def _drawn(item: Mapping[str, Any], entries: ledger.Entries) -> dict[str, Decimal]:
    return drawn_by_invoice(entries.get(item["id"], ()))


def _refuse_if_drawn(item: Mapping[str, Any], entries: ledger.Entries, field: str) -> None:
    """The rule for removing: first void what has drawn on it (Metronome)."""
    drawn = _drawn(item, entries)
    if drawn:
        raise BadRequest(
            f"{field}: schedule item {item['id']} was applied to finalised invoice"
            f" {', '.join(sorted(drawn))}: void it first"
        )
