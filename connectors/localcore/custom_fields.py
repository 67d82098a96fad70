"""Custom fields: foreign keys and labels on the core's documents, kept beside them.

Metronome: keys are an allow-list for each kind of entity, a value has at most 200
characters, setting is all or nothing, a key may demand unique values, and removing a key
makes its values inaccessible.
"""

from collections.abc import Mapping
from typing import Any

from connectors.localcore.checks import (
    CURSOR,
    ID,
    LIMIT,
    boolean,
    listing,
    one_of,
    record,
    text,
    texts_by_name,
)
from connectors.localcore.errors import BadRequest, Conflict, NotFound
from connectors.localcore.paging import PAGE_SIZE, scope_of, seq_after, take
from connectors.localcore.tx import Tx
from connectors.localcore.web import Call, Route

VALUE_MAX = 200
SCHEMA: tuple[str, ...] = (
    """CREATE TABLE IF NOT EXISTS custom_field_keys (
        seq INTEGER PRIMARY KEY AUTOINCREMENT, entity TEXT NOT NULL, key TEXT NOT NULL,
        enforce_uniqueness INTEGER NOT NULL, UNIQUE (entity, key))""",
    """CREATE TABLE IF NOT EXISTS custom_field_values (
        entity TEXT NOT NULL, entity_id TEXT NOT NULL, key TEXT NOT NULL,
        value TEXT NOT NULL, PRIMARY KEY (entity, entity_id, key)) WITHOUT ROWID""",
    """CREATE INDEX IF NOT EXISTS custom_field_by_value
        ON custom_field_values (entity, key, value)""",
)
ENTITIES = (
    "alert",
    "billable_metric",
    "charge",
    "commit",
    "contract_credit",
    "contract_product",
    "contract",
    "credit_grant",
    "customer_plan",
    "customer",
    "discount",
    "invoice",
    "plan",
    "professional_service",
    "product",
    "rate_card",
    "scheduled_charge",
    "subscription",
    "package_commit",
    "package_credit",
    "package_subscription",
    "package_scheduled_charge",
)
KINDS: Mapping[str, str] = {
    "billable_metric": "billable_metric",
    "contract": "contract",
    "contract_credit": "credit",
    "contract_product": "product",
    "customer": "customer",
    "invoice": "invoice",
    "product": "product",
    "rate_card": "rate_card",
    "scheduled_charge": "scheduled_charge",
}
"""The entities that this core has, and the kind of document that each is."""

VALUES = texts_by_name(longest=VALUE_MAX)
"""The check of a body's `custom_fields`."""


def values_of(tx: Tx, kind: str, identity: str) -> dict[str, str]:
    """The custom fields of a document of `kind`, by name."""
    rows = tx.execute(
        "SELECT key, value FROM custom_field_values WHERE entity = ? AND entity_id = ?"
        " ORDER BY key",
        (kind, identity),
    )
    return dict(rows.fetchall())


def set_values(tx: Tx, kind: str, identity: str, fields: Mapping[str, str]) -> None:
    """Merge values into a document's custom fields; a refusal undoes the whole call.

    Raises:
        BadRequest: the key is not on the allow-list of this kind.
        Conflict: the key demands unique values and another document holds this one.
    """
    for key, value in fields.items():
        unique = _enforced(tx, kind, key)
        if unique is None:
            raise BadRequest(
                f"custom_fields.{key} is not a known key of {kind}: add it with"
                " customFields/addKey first"
            )
        if unique:
            _refuse_double(tx, kind, key, value, identity)
        tx.execute(
            "INSERT INTO custom_field_values VALUES (?, ?, ?, ?)"
            " ON CONFLICT DO UPDATE SET value = excluded.value",
            (kind, identity, key, value),
        )


def _enforced(tx: Tx, kind: str, key: str) -> bool | None:
    """Whether a key demands unique values; None for an unknown key."""
    names = [entity for entity, its_kind in KINDS.items() if its_kind == kind]
    marks = ", ".join("?" * len(names))
    row = tx.execute(
        f"SELECT max(enforce_uniqueness) FROM custom_field_keys WHERE key = ?"  # noqa: S608 -- only placeholders
        f" AND entity IN ({marks})",
        (key, *names),
    ).fetchone()
    return None if row[0] is None else bool(row[0])


def _refuse_double(tx: Tx, kind: str, key: str, value: str, identity: str) -> None:
    other = tx.execute(
        "SELECT entity_id FROM custom_field_values WHERE entity = ? AND key = ?"
        " AND value = ? AND entity_id <> ?",
        (kind, key, value, identity),
    ).fetchone()
    if other is not None:
        raise Conflict(
            f"custom_fields.{key}: {value} is already used by {kind} {other[0]},"
            " and this key demands unique values"
        )


# --- calls -----------------------------------------------------------------------------

_ENTITY = one_of(*ENTITIES)
_KEY = text(longest=VALUE_MAX)


def _add_key(call: Call) -> None:
    entity, key = call.body["entity"], call.body["key"]
    enforce = call.body["enforce_uniqueness"]
    known = call.tx.execute(
        "SELECT 1 FROM custom_field_keys WHERE entity = ? AND key = ?", (entity, key)
    ).fetchone()
    if known is not None:
        raise Conflict(f"key: {key} is already a key of {entity}")
    call.tx.execute(
        "INSERT INTO custom_field_keys (entity, key, enforce_uniqueness) VALUES (?, ?, ?)",
        (entity, key, int(enforce)),
    )
    call.tx.audit("create", "custom_field_key", f"{entity}.{key}")


def _remove_key(call: Call) -> None:
    entity, key = call.body["entity"], call.body["key"]
    removed = call.tx.execute(
        "DELETE FROM custom_field_keys WHERE entity = ? AND key = ?", (entity, key)
    ).rowcount
    if not removed:
        raise NotFound(f"key: {key} is not a key of {entity}")
    kind = KINDS.get(entity)
    if kind is not None and _enforced(call.tx, kind, key) is None:
        call.tx.execute(
            "DELETE FROM custom_field_values WHERE entity = ? AND key = ?", (kind, key)
        )
    call.tx.audit("delete", "custom_field_key", f"{entity}.{key}")


def _document(call: Call) -> tuple[str, str]:
    """The kind and id of the document that the body names."""
    entity, identity = call.body["entity"], call.body["entity_id"]
    kind = KINDS.get(entity)
    if kind is None:
        raise NotFound(f"entity_id: this core keeps no {entity}")
    call.tx.need(kind, identity, "entity_id")
    return kind, identity


def _set_values(call: Call) -> None:
    kind, identity = _document(call)
    set_values(call.tx, kind, identity, call.body["custom_fields"])
    names = ", ".join(sorted(call.body["custom_fields"]))
    call.tx.audit("update", kind, identity, f"custom fields set: {names}")


def _delete_values(call: Call) -> None:
    kind, identity = _document(call)
    for key in call.body["keys"]:
        call.tx.execute(
            "DELETE FROM custom_field_values WHERE entity = ? AND entity_id = ?"
            " AND key = ?",
            (kind, identity, key),
        )
    names = ", ".join(sorted(call.body["keys"]))
    call.tx.audit("update", kind, identity, f"custom fields deleted: {names}")


def _list_keys(call: Call) -> dict[str, Any]:
    wanted = call.body.get("entities")
    scope = scope_of("customFields/listKeys", call.body)
    after = seq_after(scope, call.query.get("next_page"))
    rows = call.tx.execute(
        "SELECT seq, entity, key, enforce_uniqueness FROM custom_field_keys"
        " WHERE seq > ? ORDER BY seq",
        (after or 0,),
    )
    page, next_page = take(
        rows,
        limit=call.query.get("limit", PAGE_SIZE),
        scope=scope,
        mark=lambda row: row[0],
        keep=lambda row: not wanted or row[1] in wanted,
    )
    data = [
        {"entity": entity, "key": key, "enforce_uniqueness": bool(enforce)}
        for _, entity, key, enforce in page
    ]
    return {"data": data, "next_page": next_page}


_KEY_BODY = {"entity": _ENTITY, "key": _KEY}
_DOCUMENT = {"entity": _ENTITY, "entity_id": ID}
routes: list[Route] = [
    Route(
        "POST",
        "/v1/customFields/addKey",
        _add_key,
        body=record({**_KEY_BODY, "enforce_uniqueness": boolean}),
        writes=True,
    ),
    Route(
        "POST",
        "/v1/customFields/removeKey",
        _remove_key,
        body=record(_KEY_BODY),
        writes=True,
    ),
    Route(
        "POST",
        "/v1/customFields/setValues",
        _set_values,
        body=record({**_DOCUMENT, "custom_fields": VALUES}),
        writes=True,
    ),
    Route(
        "POST",
        "/v1/customFields/deleteValues",
        _delete_values,
        body=record({**_DOCUMENT, "keys": listing(_KEY, least=1)}),
        writes=True,
    ),
    Route(
        "POST",
        "/v1/customFields/listKeys",
        _list_keys,
        body=record(optional={"entities": listing(_ENTITY)}),
        query=record(optional={"limit": LIMIT, "next_page": CURSOR}),
    ),
]
