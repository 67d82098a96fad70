"""The register of credits, gathered from what was seen by an instant."""

from collections.abc import Iterator
from datetime import datetime
from itertools import groupby

from state.credits import CoreCredit
from state.invoices import CoreInvoice
from state.reads_credits import CreditReader
from sync.credit_entries import EVER, Register, entries_of
from sync.credits import Readings


def register(
    store: CreditReader,
    *,
    now: datetime,
    start: datetime = EVER,
    end: datetime | None = None,
    customer_id: str | None = None,
    seen_by: datetime | None = None,
) -> Register:
    """Every credit, or a customer's, as it was seen by `seen_by` (None: by now)."""
    readings = dict(_readings(store, customer_id, seen_by or now))
    customers = {one[-1][1].customer_id for one in readings.values()}
    known = store.customers_by_id(customers)
    names = {name: known[name].name if name in known else name for name in customers}
    invoices = {name: _invoices(store, name, seen_by) for name in customers}
    return entries_of(readings, invoices, names, now=now, start=start, end=end)


def _readings(
    store: CreditReader, customer_id: str | None, until: datetime
) -> Iterator[tuple[str, Readings]]:
    ids = None
    if customer_id is not None:
        ids = [one.id for one in store.credits_of(customer_id)]
        if not ids:
            return
    history = store.history(CoreCredit, "credit", until, ids=ids)
    for name, group in groupby(history, key=lambda one: one[1].id):
        yield name, list(group)


def _invoices(
    store: CreditReader, customer_id: str, until: datetime | None
) -> list[CoreInvoice]:
    """A customer's invoices as they were last seen by then."""
    current = store.invoices_of(customer_id)
    if until is None or not current:
        return current
    ids = [one.id for one in current]
    latest = {
        one.id: one for _, one in store.history(CoreInvoice, "invoice", until, ids=ids)
    }
    return list(latest.values())
