"""A consolidated invoice and its constituents have the same lines: one of the two is billed.

Metronome: where a parent pays, its consolidated invoice is what goes out, and the standalone
invoices of the hierarchy are statements (guide on hierarchies). A person may do it the other
way round; never both.
"""

from collections.abc import Iterable, Mapping

from state.invoices import CoreInvoice
from state.observations import Changes
from state.pushes import PushRecord, PushState
from state.receivables import STRIPE
from state.store import CaseBooks

_BEGUN = frozenset(
    {PushState.ATTEMPTED, PushState.CREATED, PushState.FILLED, PushState.DONE}
)


def billed_already(
    store: CaseBooks, invoices: Mapping[str, CoreInvoice], changes: Changes
) -> dict[str, tuple[str, ...]]:
    """For each of these invoices, those of the same lines that are billed, or about to be."""
    others = {name: _others(one) for name, one in invoices.items() if _others(one)}
    names = {other for some in others.values() for other in some}
    if not names:
        return {}
    records = {**store.pushes_for(names)}
    records.update({one.core_invoice_id: one for one in changes.pushes})
    live = _live(store, names, changes)
    found = {}
    for name, some in others.items():
        statement = invoices[name].consolidated_in is not None
        found[name] = tuple(
            other
            for other in some
            if other in live or _goes_out(records.get(other), of_a_statement=statement)
        )
    return found


def _others(invoice: CoreInvoice) -> tuple[str, ...]:
    if invoice.consolidated_in is not None:
        return (invoice.consolidated_in,)
    return tuple(name for _, name in invoice.constituents if name != invoice.id)


def _goes_out(record: PushRecord | None, *, of_a_statement: bool) -> bool:
    """Was anything asked for it that may stand; or will there be?

    A constituent that waits is left out by its own decision, unless a person let it go.
    """
    if record is None:
        return False
    if record.in_flight or record.in_doubt or record.state in _BEGUN:
        return record.state is not PushState.DONE or record.document_id is None
    waits = record.state is PushState.PENDING
    return waits and (of_a_statement or record.generation > 0)


def _live(store: CaseBooks, names: Iterable[str], changes: Changes) -> set[str]:
    """Which of them have a live document in Stripe."""
    documents = {
        (one.target, one.id): one
        for some in store.documents_of(sorted(names)).values()
        for one in some
    }
    documents.update({(one.target, one.id): one for one in changes.documents})
    return {
        one.core_invoice_id
        for one in documents.values()
        if one.target == STRIPE and one.status.live and one.core_invoice_id is not None
    }
