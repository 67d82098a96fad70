"""How a call to Stripe ended, told from the SDK's exception.

Stripe: docs.stripe.com/error-low-level. 409 is an APIError to this SDK, an HTML body with
status 200 is one too, and neither says that nothing was done.
"""

import stripe

from connectors.failures import (
    ConnectorFailure,
    Misconfigured,
    NotNow,
    Refused,
    Unknown,
)

_KEY_WRONG = {401, 403}
_CONFLICT, _TOO_MANY = 409, 429
_SERVER_ERROR = 500


def failure_of(error: stripe.StripeError) -> ConnectorFailure:
    """The failure that an SDK exception stands for."""
    status = error.http_status or 0
    body = error.json_body if isinstance(error.json_body, dict) else {}
    details = body.get("error") if isinstance(body.get("error"), dict) else {}
    code = str((details or {}).get("code") or (details or {}).get("type") or "")
    replayed = (error.headers or {}).get("Idempotent-Replayed") == "true"
    request_id = error.request_id or ""
    said = str((details or {}).get("message") or error.user_message or "no message")
    message = f"Stripe: {said}" + (f" ({request_id})" if request_id else "")
    if isinstance(error, stripe.APIConnectionError):
        if "refused" in str(error).lower():
            return NotNow("Stripe refused the connection")
        return Unknown("Stripe did not answer in time or dropped the connection")
    if status in _KEY_WRONG:
        return Misconfigured(f"{message}. Check stripe.api_key and its permissions")
    if status == _TOO_MANY:
        if code == "lock_timeout" and replayed:
            return Refused(
                message, code=code, status=status, replayed=True, request_id=request_id
            )
        return NotNow(message, request_id=request_id)
    if status == _CONFLICT:
        return NotNow(message, request_id=request_id)
    if not details or status >= _SERVER_ERROR or status == 0:
        return Unknown(
            f"Stripe answered {status} with no result",
            replayed=replayed,
            request_id=request_id,
        )
    kind = str((details or {}).get("type") or "")
    name = "idempotency_error" if kind == "idempotency_error" else code
    return Refused(
        message, code=name, status=status, replayed=replayed, request_id=request_id
    )
