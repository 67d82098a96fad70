"""An invoice and its lines as Metronome shows them; what is final is kept in this shape."""

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

from connectors.localcore import custom_fields, pricing_units, products
from connectors.localcore.contract_shapes import KIND as CONTRACT
from connectors.localcore.contract_shapes import terms_now
from connectors.localcore.exact import plain
from connectors.localcore.tx import Stored, Tx
from connectors.localcore.words import Draft, Groups, Line, Period, sum_exact

KIND = "invoice"
USAGE, SCHEDULED = "USAGE", "SCHEDULED"


def invoice(
    tx: Tx,
    contract: Stored,
    identity: str,
    kind: str,
    unit_id: str,
    lines: Sequence[Mapping[str, Any]],
) -> dict[str, Any]:
    """What every invoice of a contract says, whatever its kind and status."""
    customer_id = contract.customer_id or ""
    total = sum_exact(Decimal(line["total"]) for line in lines)
    shown: dict[str, Any] = {
        "id": identity,
        "customer_id": customer_id,
        "contract_id": contract.id,
        "type": kind,
        "credit_type": pricing_units.unit(unit_id).reference(),
        "line_items": list(lines),
        "subtotal": total,
        "total": total,
        "external_invoice": None,
        "billable_status": "billable",
        "custom_fields": custom_fields.values_of(tx, KIND, identity),
        "customer_custom_fields": custom_fields.values_of(tx, "customer", customer_id),
        "contract_custom_fields": custom_fields.values_of(tx, CONTRACT, contract.id),
    }
    net_terms = terms_now(contract)["net_payment_terms_days"]
    if net_terms is not None:
        shown["net_payment_terms_days"] = net_terms
    return shown


def usage_lines(tx: Tx, draft: Draft, unit_id: str) -> list[dict[str, Any]]:
    """The lines of a draft."""
    unit = pricing_units.unit(unit_id).reference()
    fields = {
        identity: custom_fields.values_of(tx, products.KIND, identity)
        for identity in {line.product_id for line in draft.lines}
    }
    return [_line(line, unit, fields[line.product_id]) for line in draft.lines]


def _line(line: Line, unit: Mapping[str, str], fields: Mapping[str, str]) -> dict[str, Any]:
    shown: dict[str, Any] = {
        "name": line.name,
        "type": "applied_commit_or_credit" if line.applied else "usage",
        "total": line.total,
        "credit_type": unit,
        "product_id": line.product_id,
        "product_type": "UsageProductListItem",
        "product_tags": sorted(line.tags),
        "product_custom_fields": fields,
        **_dates(line.period),
    }
    if line.quantity is not None:
        shown["quantity"] = line.quantity
    if line.price is not None:
        shown["unit_price"] = line.price
    if line.segment is not None:
        shown["commit_id"] = line.segment.credit_id
        shown["commit_segment_id"] = line.segment.segment_id
        shown["commit_type"] = "PrepaidCommit"
    if line.segment is not None and line.applied:
        shown["applied_commit_or_credit"] = {
            "id": line.segment.credit_id,
            "type": "CREDIT",
            "access_type": "SPEND",
        }
    if line.tier is not None:
        size = line.tier.size
        shown["tier"] = {
            "level": line.tier.level,
            "starting_at": plain(line.tier.starting_at),
            "size": None if size is None else plain(size),
        }
    if line.pricing_groups:
        shown["pricing_group_values"] = _groups(line.pricing_groups)
    if line.presentation_groups:
        shown["presentation_group_values"] = dict(line.presentation_groups)
    return shown


def _groups(groups: Groups) -> dict[str, str]:
    return {name: value or "" for name, value in groups}


def _dates(period: Period) -> dict[str, Any]:
    return {"starting_at": period.start, "ending_before": period.end}


def without_zero_lines(shown: Mapping[str, Any]) -> dict[str, Any]:
    """The same invoice without the lines whose quantity is zero."""
    kept = [line for line in shown["line_items"] if line.get("quantity") != 0]
    return {**shown, "line_items": kept}


def charge_line(
    tx: Tx, charge: Stored, item: Mapping[str, Any], unit_id: str
) -> dict[str, Any]:
    """The line of one day of a scheduled charge."""
    product = tx.need(products.KIND, charge.body["product_id"])
    fields = products.product_at(product, tx.now)
    return {
        "name": charge.body["name"] or fields["name"],
        "type": "scheduled",
        "total": item["amount"],
        "quantity": item["quantity"],
        "unit_price": item["unit_price"],
        "credit_type": pricing_units.unit(unit_id).reference(),
        "product_id": product.id,
        "product_type": "FixedProductListItem",
        "product_tags": sorted(fields.get("tags") or ()),
        "product_custom_fields": custom_fields.values_of(tx, products.KIND, product.id),
        "scheduled_charge_id": charge.id,
        "scheduled_charge_custom_fields": custom_fields.values_of(
            tx, "scheduled_charge", charge.id
        ),
    }
