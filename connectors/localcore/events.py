"""Usage events in the books: the first of a transaction id wins for 34 days.

Metronome: a `transaction_id` seen again within 34 days is ignored silently; an event may
name its customer by id or by ingest alias.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from connectors.localcore import exact
from connectors.localcore.moments import micros, moment
from connectors.localcore.tx import Tx
from connectors.localcore.words import BACKDATING

SCHEMA: tuple[str, ...] = (
    """CREATE TABLE IF NOT EXISTS events (
        seq INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL,
        transaction_id TEXT NOT NULL, customer_ref TEXT NOT NULL,
        customer_id TEXT NOT NULL, event_type TEXT NOT NULL, at INTEGER NOT NULL,
        received_at INTEGER NOT NULL, properties TEXT NOT NULL)""",
    "CREATE INDEX IF NOT EXISTS events_once ON events (transaction_id, received_at)",
    "CREATE INDEX IF NOT EXISTS events_usage ON events (customer_id, event_type, at)",
    """CREATE INDEX IF NOT EXISTS events_unmatched ON events (customer_ref)
        WHERE customer_id = ''""",
)
_COLUMNS = (
    "seq, id, transaction_id, customer_ref, customer_id, event_type, at, received_at,"
    " properties"
)


@dataclass(frozen=True, slots=True)
class StoredEvent:
    """One event; `customer_id` is empty while its reference matches no customer."""

    seq: int
    id: str
    transaction_id: str
    customer_ref: str
    customer_id: str
    event_type: str
    at: datetime
    received_at: datetime
    properties: dict[str, Any]


def _event(row: Sequence[Any]) -> StoredEvent:
    seq, identity, transaction, ref, customer, event_type, at, received, properties = row
    return StoredEvent(
        seq,
        identity,
        transaction,
        ref,
        customer,
        event_type,
        moment(at),
        moment(received),
        exact.recall(properties),
    )


def add_event(
    tx: Tx,
    *,
    transaction_id: str,
    customer_ref: str,
    event_type: str,
    at: datetime,
    properties: Mapping[str, Any],
) -> bool:
    """Keep an event; False when its transaction id is already known and it is ignored."""
    known = tx.execute(
        "SELECT 1 FROM events WHERE transaction_id = ? AND received_at > ? LIMIT 1",
        (transaction_id, micros(tx.now - BACKDATING)),
    ).fetchone()
    if known is not None:
        return False
    values = (
        tx.new_id(),
        transaction_id,
        customer_ref,
        customer_of(tx, customer_ref) or "",
        event_type,
        micros(at),
        micros(tx.now),
        exact.dumps(properties),
    )
    tx.execute(
        "INSERT INTO events (id, transaction_id, customer_ref, customer_id, event_type, at,"
        " received_at, properties) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        values,
    )
    return True


def customer_of(tx: Tx, customer_ref: str) -> str | None:
    """The customer that an id or an ingest alias names, or None."""
    alias = tx.holder("ingest_alias", customer_ref)
    if alias is not None:
        return alias
    found = tx.execute(
        "SELECT 1 FROM objects WHERE kind = 'customer' AND id = ?", (customer_ref,)
    ).fetchone()
    return customer_ref if found else None


def match_waiting(tx: Tx, customer_ref: str, customer_id: str) -> int:
    """Give a customer the events that came before its alias did; how many."""
    return tx.execute(
        "UPDATE events SET customer_id = ? WHERE customer_id = '' AND customer_ref = ?",
        (customer_id, customer_ref),
    ).rowcount


def usage_events(
    tx: Tx,
    customer_id: str,
    *,
    starting_at: datetime,
    ending_before: datetime,
    event_types: Sequence[str] | None = None,
) -> Iterator[StoredEvent]:
    """A customer's events of a window, in time order; None means every event type."""
    types = list(event_types or ())
    if event_types is not None and not types:
        return iter(())
    clause = f" AND event_type IN ({', '.join('?' * len(types))})" if types else ""
    rows = tx.execute(
        f"SELECT {_COLUMNS} FROM events WHERE customer_id = ?{clause}"  # noqa: S608 -- only placeholders
        " AND at >= ? AND at < ? ORDER BY at, seq",
        (customer_id, *types, micros(starting_at), micros(ending_before)),
    )
    return map(_event, rows)


def events_by_transaction(tx: Tx, transaction_ids: Sequence[str]) -> list[StoredEvent]:
    """The events kept under these transaction ids, oldest first."""
    marks = ", ".join("?" * len(transaction_ids))
    rows = tx.execute(
        f"SELECT {_COLUMNS} FROM events WHERE transaction_id IN ({marks}) ORDER BY seq",  # noqa: S608 -- only placeholders
        tuple(transaction_ids),
    )
    return [_event(row) for row in rows]
