"""Which handler answers which path."""

import re
from collections.abc import Callable

from connectors.sandbox import (
    credit_notes,
    customers,
    events,
    invoice_states,
    invoices,
    lines,
    misc,
)
from connectors.sandbox.books import Body, Tx
from connectors.sandbox.call import Call

Handler = Callable[[Tx, Call], Body]

_TABLE: tuple[tuple[str, str, Handler], ...] = (
    ("GET", "/v1/account", misc.account),
    ("POST", "/v1/customers", customers.create),
    ("GET", "/v1/customers", customers.list_all),
    ("GET", "/v1/customers/search", customers.find),
    ("GET", "/v1/customers/{}", customers.retrieve),
    ("POST", "/v1/customers/{}", customers.update),
    ("DELETE", "/v1/customers/{}", customers.delete),
    ("POST", "/v1/customers/{}/balance_transactions", customers.add_balance),
    ("POST", "/v1/payment_methods/{}/attach", customers.attach_payment_method),
    ("POST", "/v1/invoices", invoices.create),
    ("GET", "/v1/invoices", invoices.list_all),
    ("GET", "/v1/invoices/search", invoices.find),
    ("POST", "/v1/invoices/create_preview", invoices.preview),
    ("GET", "/v1/invoices/{}", invoices.retrieve),
    ("POST", "/v1/invoices/{}", invoices.update),
    ("DELETE", "/v1/invoices/{}", invoices.delete),
    ("GET", "/v1/invoices/{}/lines", invoices.list_lines),
    ("POST", "/v1/invoices/{}/add_lines", lines.add_lines),
    ("POST", "/v1/invoices/{}/update_lines", lines.update_lines),
    ("POST", "/v1/invoices/{}/remove_lines", lines.remove_lines),
    ("POST", "/v1/invoices/{}/finalize", invoice_states.finalize),
    ("POST", "/v1/invoices/{}/void", invoice_states.void),
    ("POST", "/v1/invoices/{}/mark_uncollectible", invoice_states.mark_uncollectible),
    ("POST", "/v1/invoices/{}/pay", invoice_states.pay),
    ("POST", "/v1/invoiceitems", lines.create_item),
    ("POST", "/v1/credit_notes", credit_notes.create),
    ("GET", "/v1/credit_notes", credit_notes.list_all),
    ("GET", "/v1/credit_notes/preview", credit_notes.preview),
    ("GET", "/v1/credit_notes/{}", credit_notes.retrieve),
    ("POST", "/v1/credit_notes/{}", credit_notes.update),
    ("POST", "/v1/credit_notes/{}/void", credit_notes.void),
    ("GET", "/v1/credit_notes/{}/lines", credit_notes.list_lines),
    ("GET", "/v1/events", events.list_all),
    ("POST", "/v1/webhook_endpoints", events.create_endpoint),
    ("POST", "/v1/tax_rates", misc.create_tax_rate),
    ("POST", "/v1/refunds", misc.create_refund),
    ("POST", "/v1/test_helpers/test_clocks", misc.create_test_clock),
)


def _pattern(path: str) -> re.Pattern[str]:
    return re.compile("^" + path.replace("{}", "([^/]+)") + "$")


_ROUTES = [(method, path, _pattern(path), handler) for method, path, handler in _TABLE]


def route(method: str, path: str) -> tuple[str, tuple[str, ...], Handler] | None:
    """The route's name, the ids in the path and its handler; None for an unknown path."""
    for known, name, pattern, handler in _ROUTES:
        found = pattern.match(path) if known == method else None
        if found is not None:
            return f"{known} {name}", found.groups(), handler
    return None
