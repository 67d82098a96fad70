"""Answers kept under the caller's Idempotency-Key, so that a repeat does nothing twice.

Metronome: the stored result, also a 500, is given again for at least 24 hours; the same
key with other parameters is a 409.
"""

from collections.abc import Mapping
from datetime import timedelta
from hashlib import sha256
from typing import Any

from connectors.localcore import exact
from connectors.localcore.errors import BadRequest, Conflict
from connectors.localcore.moments import micros
from connectors.localcore.tx import Tx

KEPT = timedelta(hours=48)
KEY_MAX = 255
SCHEMA: tuple[str, ...] = (
    """CREATE TABLE IF NOT EXISTS answers (
        key TEXT PRIMARY KEY, request TEXT NOT NULL, status INTEGER NOT NULL,
        body TEXT NOT NULL, at INTEGER NOT NULL) WITHOUT ROWID""",
    "CREATE INDEX IF NOT EXISTS answers_at ON answers (at)",
)


def fingerprint(method: str, path: str, query: Mapping[str, str], body: Any) -> str:
    """What makes two requests the same: verb, path, query and body, in any field order."""
    text = exact.dumps([method, path, _sorted(dict(query)), _sorted(body)])
    return sha256(text.encode()).hexdigest()


def _sorted(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _sorted(value[name]) for name in sorted(value)}
    if isinstance(value, list):
        return [_sorted(inner) for inner in value]
    return value


def recall(tx: Tx, key: str, request: str) -> tuple[int, str] | None:
    """The status and body that were answered under this key, or None for a new key.

    Raises:
        Conflict: the key was used for another request.
        BadRequest: the key is too long.
    """
    if len(key) > KEY_MAX:
        raise BadRequest(f"Idempotency-Key must have at most {KEY_MAX} characters")
    tx.execute("DELETE FROM answers WHERE at < ?", (micros(tx.now - KEPT),))
    row = tx.execute(
        "SELECT request, status, body FROM answers WHERE key = ?", (key,)
    ).fetchone()
    if row is None:
        return None
    if row[0] != request:
        raise Conflict("Idempotency-Key was used with other parameters: take a new key")
    return row[1], row[2]


def keep(tx: Tx, key: str, request: str, status: int, body: str) -> None:
    """Keep an answer, in the transaction that did the work."""
    tx.execute(
        "INSERT INTO answers VALUES (?, ?, ?, ?, ?)",
        (key, request, status, body, micros(tx.now)),
    )
