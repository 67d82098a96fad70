"""What an invoice adds up to: lines, taxes from outside or by rate, total and due."""

from decimal import ROUND_HALF_UP, Decimal

from connectors.sandbox.books import Body, Tx
from connectors.sandbox.errors import Refusal
from connectors.stripe_money import currency_rule, to_stripe


def total_up(tx: Tx, invoice: Body) -> None:
    """Recompute a draft's totals from its lines. Amounts are Stripe's integers."""
    lines = tx.children("line_item", invoice["id"])
    subtotal = sum(line["amount"] for line in lines)
    taxes = [tax for line in lines for tax in line["taxes"] or []]
    for rate in invoice["default_tax_rates"] or []:
        exact = Decimal(subtotal) * Decimal(str(rate["percentage"])) / 100
        amount = int(exact.quantize(Decimal(1), rounding=ROUND_HALF_UP))
        behaviour = "inclusive" if rate["inclusive"] else "exclusive"
        taxes.append({"amount": amount, "tax_behavior": behaviour})
    added = sum(tax["amount"] for tax in taxes if tax["tax_behavior"] == "exclusive")
    inside = sum(tax["amount"] for tax in taxes if tax["tax_behavior"] == "inclusive")
    total = subtotal + added
    largest = maximum_charge(invoice["currency"])
    if total > largest:
        raise Refusal(
            f"An invoice in {invoice['currency']} must come to no more than {largest}",
            code="amount_too_large",
            param="amount",
        )
    invoice.update(
        subtotal=subtotal,
        subtotal_excluding_tax=subtotal - inside,
        total=total,
        total_excluding_tax=subtotal - inside,
        total_taxes=taxes,
        amount_due=max(total, 0),
        amount_remaining=max(total, 0),
    )


def minimum_charge(currency: str) -> int:
    """The smallest charge in Stripe's integers."""
    rule = currency_rule(currency)
    return 0 if rule is None else to_stripe(rule.minimum_minor, currency)


def maximum_charge(currency: str) -> int:
    """The largest charge in Stripe's integers."""
    rule = currency_rule(currency)
    return 0 if rule is None else to_stripe(rule.maximum_minor, currency)
