"""How a call to Stripe ended, told from the SDK's exception.

Stripe: docs.stripe.com/error-low-level. 409 is an APIError to this SDK, an HTML body with
status 200 is one too, and neither says that nothing was done.
"""

from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

import stripe

from connectors.failures import (
    ConnectorFailure,
    Misconfigured,
    NotNow,
    Refused,
    Unknown,
)
from connectors.patience import retry_after
from connectors.redaction import one_line

_KEY_WRONG = {401, 403}
_CONFLICT, _TOO_MANY = 409, 429
_SERVER_ERROR = 500
_MOVED = range(300, 400)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def failure_of(error: stripe.StripeError, endpoint: str) -> ConnectorFailure:
    """The failure that an SDK exception stands for, at this endpoint."""
    status = error.http_status or 0
    details = _details(error)
    kind = str(details.get("type") or "")
    code = str(details.get("code") or kind)
    replayed = (error.headers or {}).get("Idempotent-Replayed") == "true"
    request_id = error.request_id or ""
    said = str(details.get("message") or error.user_message or "no message")
    message = f"Stripe: {said}" + (f" ({request_id})" if request_id else "")
    if status in _KEY_WRONG:
        return Misconfigured(f"{message}. Check stripe.api_key and its permissions")
    if status == _TOO_MANY:
        if replayed:
            # Stored under the key: the limiter of one resource, not that of the account.
            code = "lock_timeout"
            return Refused(
                message, code=code, status=status, replayed=True, request_id=request_id
            )
        return NotNow(
            message,
            retry_after=_asked_to_wait(error),
            limit="" if code == "lock_timeout" else _limit(error),
            request_id=request_id,
        )
    if status == _CONFLICT:
        return NotNow(message, request_id=request_id)
    if not details or status >= _SERVER_ERROR or status == 0:
        moved = "; redirects are not followed, see stripe.api_base"
        return Unknown(
            f"Stripe, {endpoint}: answered {status} with no result of Stripe's"
            f"{moved if status in _MOVED else ''}",
            replayed=replayed,
            request_id=request_id,
        )
    return Refused(
        message,
        code=kind if kind == "idempotency_error" else code,
        status=status,
        replayed=replayed,
        request_id=request_id,
    )


def _details(error: stripe.StripeError) -> Mapping[str, Any]:
    """What stands under `error` in the answer; nothing where it is no answer of Stripe's."""
    body = error.json_body if isinstance(error.json_body, dict) else {}
    details = body.get("error")
    return details if isinstance(details, dict) else {}


def _limit(error: stripe.StripeError) -> str:
    """Which rate limit was met: theirs for an endpoint, or for everything."""
    said = (error.headers or {}).get("Stripe-Rate-Limited-Reason", "")
    return one_line(said, 60) or "endpoint-rate"


def _asked_to_wait(error: stripe.StripeError) -> float | None:
    """Seconds of a Retry-After; a date is counted from when they say that it is now."""
    headers = error.headers or {}
    asked = headers.get("Retry-After")
    if asked is None or asked.strip().isdigit():
        return retry_after(asked, _EPOCH)
    try:
        return retry_after(asked, parsedate_to_datetime(headers.get("Date", "")))
    except ValueError:
        return None
