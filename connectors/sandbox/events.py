"""Events: a record of what happened, newest first, kept for 30 days; and webhooks."""

import hashlib
import hmac
import json
from typing import Any

from connectors.sandbox.books import Body, Tx
from connectors.sandbox.call import Call
from connectors.sandbox.errors import Refusal
from connectors.sandbox.lists import page
from connectors.sandbox.shapes import blank

RETENTION_SECONDS = 30 * 24 * 3600
TYPES_MAX = 20


def emit(tx: Tx, kind: str, thing: Body) -> None:
    """Write an event about an object as it is now."""
    import stripe

    body = blank("Event", tx, "evt")
    body.update(
        type=kind,
        api_version=stripe.api_version,
        data={"object": dict(thing)},
        pending_webhooks=0,
        request={"id": None, "idempotency_key": None},
    )
    body.pop("metadata")
    tx.put("event", body, parent=kind)


def list_all(tx: Tx, call: Call) -> Body:
    """GET /v1/events."""
    params = call.params("EventListParams")
    types = params.get("types") or []
    if params.get("type"):
        types = [params["type"]]
    if len(types) > TYPES_MAX:
        raise Refusal(f"At most {TYPES_MAX} types may be named", param="types")
    oldest = tx.now() - RETENTION_SECONDS
    for cursor in ("starting_after", "ending_before"):
        named = tx.get("event", params.get(cursor, ""))
        if named is not None and named["created"] < oldest:
            raise Refusal(
                f"The event {named['id']} is no longer available: it has aged out of our "
                "retention policy",
                code="resource_missing",
                param=cursor,
            )
    where = " AND created >= ? AND created <= ?"
    values: list[Any] = [oldest, tx.now() - tx.setting("event_lag")]
    if types:
        where += f" AND parent IN ({','.join('?' * len(types))})"
        values.extend(types)
    return page(tx, "event", "/v1/events", params, where=where, values=tuple(values))


def create_endpoint(tx: Tx, call: Call) -> Body:
    """POST /v1/webhook_endpoints, to loopback addresses only."""
    params = call.params("WebhookEndpointCreateParams")
    url = str(params["url"])
    if not url.startswith(("http://127.0.0.1:", "http://localhost:")):
        raise Refusal("The stand-in delivers to http://127.0.0.1 only", param="url")
    body = blank("WebhookEndpoint", tx, "we")
    body.update(
        url=url,
        enabled_events=params["enabled_events"],
        status="enabled",
        secret=f"whsec_{tx.new_id('sandbox')}",
    )
    return tx.put("webhook_endpoint", body)


def deliveries(tx: Tx, since: int) -> list[tuple[str, bytes, str]]:
    """What to send after a request: (url, body, signature) for each event since then."""
    sent = []
    endpoints = tx.select("webhook_endpoint", "", [], order="ASC", limit=16)
    if not endpoints:
        return []
    for event in tx.select("event", " AND seq > ?", [since], order="ASC", limit=100):
        payload = json.dumps(event)
        for endpoint in endpoints:
            wanted = endpoint["enabled_events"]
            if "*" not in wanted and event["type"] not in wanted:
                continue
            now = tx.now()
            signed = hmac.new(
                endpoint["secret"].encode(), f"{now}.{payload}".encode(), hashlib.sha256
            ).hexdigest()
            sent.append((endpoint["url"], payload.encode(), f"t={now},v1={signed}"))
    return sent


def last_seq(tx: Tx) -> int:
    """Where the events stand now."""
    rows = tx.select("event", "", [], order="DESC", limit=1)
    return 0 if not rows else (tx.seq("event", rows[0]["id"]) or 0)
