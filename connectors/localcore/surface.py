"""Every path and every table of the core, each module's own put together."""

from collections.abc import Sequence

from connectors.localcore import (
    archiving,
    auditlog,
    billing_providers,
    contract_edits,
    contracts,
    credits_http,
    custom_fields,
    customers,
    events,
    idempotency,
    invoice_lists,
    invoices_http,
    ledger,
    metrics,
    pricing_units,
    products,
    rate_cards,
    usage_http,
)
from connectors.localcore.contract_billing import Billing
from connectors.localcore.own_billing import OwnBilling
from connectors.localcore.web import Route

BILLING: Billing = OwnBilling()


def routes() -> list[Route]:
    """Every route, in one table."""
    return [
        *customers.routes,
        *billing_providers.routes,
        *custom_fields.routes,
        *pricing_units.routes,
        *metrics.routes,
        *products.routes,
        *rate_cards.routes,
        *contracts.routes(BILLING),
        *contract_edits.routes(BILLING),
        *archiving.routes(BILLING),
        *auditlog.routes,
        *credits_http.routes,
        *invoices_http.routes,
        *usage_http.routes,
    ]


def schema() -> Sequence[str]:
    """Every module's own tables."""
    return (
        *idempotency.SCHEMA,
        *events.SCHEMA,
        *custom_fields.SCHEMA,
        *ledger.SCHEMA,
        *invoice_lists.SCHEMA,
    )
