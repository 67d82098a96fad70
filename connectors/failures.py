"""The four ways a call ends badly, told apart by what the other side may have done.

A call is done, or it was refused, or not now, or we do not know. Unknown is never taken
for not done: that mistake bills a customer twice.
"""


class ConnectorFailure(Exception):
    """A call to another system did not end well."""

    def __init__(self, message: str, *, request_id: str = "") -> None:
        super().__init__(message)
        self.request_id = request_id


class Refused(ConnectorFailure):
    """The other side understood and said no; nothing was done.

    `code` is its own word for it. `replayed` says that the answer came from the
    idempotency layer: it stands under that key and will be given again.
    """

    def __init__(
        self,
        message: str,
        *,
        code: str = "",
        status: int = 0,
        replayed: bool = False,
        request_id: str = "",
    ) -> None:
        super().__init__(message, request_id=request_id)
        self.code = code
        self.status = status
        self.replayed = replayed


class NotNow(ConnectorFailure):
    """Nothing was done; ask later (a rate limit, a refused connection, 409 in flight).

    `limit` names the rate limit that was met, in the other side's word; '' where none was.
    """

    def __init__(
        self,
        message: str,
        *,
        retry_after: float | None = None,
        limit: str = "",
        request_id: str = "",
    ) -> None:
        super().__init__(message, request_id=request_id)
        self.retry_after = retry_after
        self.limit = limit


class Unknown(ConnectorFailure):
    """It may or may not have been done (timeout, drop, 5xx, an answer that is no JSON).

    `replayed` says that a stored 5xx was given again: the key will answer so for 24 hours.
    """

    def __init__(
        self, message: str, *, replayed: bool = False, request_id: str = ""
    ) -> None:
        super().__init__(message, request_id=request_id)
        self.replayed = replayed


class Misconfigured(ConnectorFailure):
    """The key, the permission, the account or the address is wrong: no call can succeed."""


class Unauthorized(Misconfigured):
    """The other side does not take our token (401): another one may do."""


class NeedsConsent(Misconfigured):
    """A person must consent anew in the browser; asking again would not help."""


class Incomplete(ConnectorFailure):
    """The source gave no whole answer: nothing may be concluded from this reading."""
