"""Objects in the SDK's own shape: every field it declares, null where we say nothing."""

from functools import cache
from typing import Any

from connectors.sandbox.books import Body, Tx
from connectors.sandbox.errors import Refusal

METADATA_KEYS_MAX = 50
METADATA_KEY_MAX = 40
METADATA_VALUE_MAX = 500


@cache
def _fields(name: str) -> tuple[str, ...]:
    import stripe

    declared = getattr(stripe, name).__annotations__
    return tuple(field for field in declared if field not in {"OBJECT_NAME", "deleted"})


def blank(name: str, tx: Tx, prefix: str) -> Body:
    """A new object of the SDK's class `name`, with an id and a time."""
    import stripe

    body: Body = dict.fromkeys(_fields(name))
    body.update(
        id=tx.new_id(prefix),
        object=getattr(stripe, name).OBJECT_NAME,
        created=tx.now(),
        livemode=False,
        metadata={},
    )
    return body


def listing(url: str, data: list[Body], *, more: bool) -> Body:
    """A list object."""
    return {"object": "list", "url": url, "has_more": more, "data": data}


def merge_metadata(body: Body, given: Any) -> None:
    """Stripe merges metadata: '' removes a key, the rest stays."""
    if given is None:
        return
    if given == "":
        body["metadata"] = {}
        return
    merged = dict(body.get("metadata") or {})
    for key, value in given.items():
        if len(key) > METADATA_KEY_MAX or {"[", "]"} & set(key):
            raise Refusal(
                f"Metadata key {key!r} is longer than {METADATA_KEY_MAX} characters, or "
                "holds a square bracket",
                param=f"metadata[{key}]",
            )
        if len(value) > METADATA_VALUE_MAX:
            raise Refusal(
                f"Metadata value of {key!r} is longer than {METADATA_VALUE_MAX} characters",
                param=f"metadata[{key}]",
            )
        if value == "":
            merged.pop(key, None)
        else:
            merged[key] = value
    if len(merged) > METADATA_KEYS_MAX:
        raise Refusal(f"At most {METADATA_KEYS_MAX} metadata keys", param="metadata")
    body["metadata"] = merged


def at_most(params: Body, name: str, length: int) -> None:
    """Refuse a text that is too long for its field."""
    value = params.get(name)
    if isinstance(value, str) and len(value) > length:
        raise Refusal(
            f"Invalid string: {name} must be at most {length} characters",
            code="parameter_invalid_string_length",
            param=name,
        )
