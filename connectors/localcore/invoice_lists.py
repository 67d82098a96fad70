"""Invoices in the order of their issue: the final ones as kept, the drafts as they are now."""

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

from connectors.localcore import custom_fields, exact, invoice_shapes, invoicing
from connectors.localcore.invoice_shapes import KIND
from connectors.localcore.lifecycle import DRAFT, FINALIZED, VOID
from connectors.localcore.tx import Tx
from state.clock import utc

SCHEMA: tuple[str, ...] = (
    "CREATE INDEX IF NOT EXISTS invoices_issued ON objects (customer_id, kind, at, seq)",
)
Shown = dict[str, Any]
Place = tuple[int, int, int]
"""Where an invoice stands in date order: final or draft, then issued at, then sequence."""
_FIRST, _PAST_LAST = (-1, 0, 0), (2, 0, 0)
Rows = Iterator[tuple[Place, Shown]]


def start(*, newest_first: bool) -> Place:
    """The place before the first invoice."""
    return _PAST_LAST if newest_first else _FIRST


def walk(
    tx: Tx, customer_id: str, query: Mapping[str, Any], after: Place, *, newest_first: bool
) -> Rows:
    """A customer's invoices past a place, each with its own; drafts only if reached.

    Metronome: by the time of issue. Drafts are not issued yet, and stand as the newest.
    """
    parts = [_final, _drafts]
    if newest_first:
        parts.reverse()
    for part in parts:
        for place, shown in part(tx, customer_id, query, after, newest_first=newest_first):
            if _wanted(shown, query):
                yield place, shown


def _final(
    tx: Tx, customer_id: str, query: Mapping[str, Any], after: Place, *, newest_first: bool
) -> Rows:
    """The kept invoices past a place, as they were kept; nothing is computed."""
    status = query.get("status")
    if status == DRAFT:
        return
    clauses = ["customer_id = ?", "kind = ?"]
    values: list[Any] = [customer_id, KIND]
    for clause, value in (
        ("state = ?", status),
        ("parent_id = ?", query.get("contract_id")),
    ):
        if value is not None:
            clauses.append(clause)
            values.append(value)
    if after[0] == 0:
        clauses.append("(at, seq) < (?, ?)" if newest_first else "(at, seq) > (?, ?)")
        values += after[1:]
    way = "DESC" if newest_first else "ASC"
    rows = tx.execute(
        "SELECT at, seq, id, body FROM objects"  # noqa: S608 -- fixed clauses
        f" WHERE {' AND '.join(clauses)} ORDER BY at {way}, seq {way}",
        values,
    )
    for at, seq, identity, body in rows:
        shown = exact.recall(body)
        shown["custom_fields"] = custom_fields.values_of(tx, KIND, identity)
        yield (0, at, seq), shown


def _drafts(
    tx: Tx, customer_id: str, query: Mapping[str, Any], after: Place, *, newest_first: bool
) -> Rows:
    """The drafts past a place, computed now. They come after all that is issued."""
    if query.get("status") in {FINALIZED, VOID}:
        return
    found = enumerate(invoicing.shown_drafts(tx, customer_id))
    for place, shown in reversed(list(found)) if newest_first else found:
        here = (1, place, 0)
        if here < after if newest_first else here > after:
            yield here, shown


def _wanted(shown: Shown, query: Mapping[str, Any]) -> bool:
    start, end = shown.get("start_timestamp"), shown.get("end_timestamp")
    since, until = query.get("starting_on"), query.get("ending_before")
    return (
        query.get("type") in {None, shown["type"]}
        and query.get("contract_id") in {None, shown["contract_id"]}
        and query.get("credit_type_id") in {None, shown["credit_type"]["id"]}
        and (since is None or (start is not None and instant_of(start) >= since))
        and (until is None or (end is not None and instant_of(end) < until))
    )


def instant_of(value: Any) -> datetime:
    """An instant of an invoice, whether kept as text or just computed."""
    return value if isinstance(value, datetime) else utc(value)


def trimmed(shown: Shown, query: Mapping[str, Any]) -> Shown:
    """Without its zero lines, when the query asks for that."""
    skip = query.get("skip_zero_qty_line_items")
    return invoice_shapes.without_zero_lines(shown) if skip else shown
