"""Refusals in Stripe's own form."""

from typing import Any


class Refusal(Exception):
    """An answer that is not 2xx. `saved`: the idempotency layer keeps it under its key.

    Stripe saves whatever came of a request once it began to execute; a request that fails
    validation never began.
    """

    def __init__(
        self,
        message: str,
        *,
        status: int = 400,
        kind: str = "invalid_request_error",
        code: str | None = None,
        param: str | None = None,
        saved: bool = False,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.saved = saved
        error: dict[str, Any] = {"type": kind, "message": message}
        if code is not None:
            error["code"] = code
        if param is not None:
            error["param"] = param
        self.body: dict[str, Any] = {"error": error}


def missing(what: str, name: str, *, in_path: bool, param: str | None = None) -> Refusal:
    """No such object: 404 when the path names it, 400 when the body does."""
    return Refusal(
        f"No such {what}: '{name}'",
        status=404 if in_path else 400,
        code="resource_missing",
        param=param or ("id" if in_path else what),
    )


def state(message: str, code: str = "invoice_not_editable") -> Refusal:
    """The object exists and its state forbids this."""
    return Refusal(message, code=code, saved=True)
