"""The refusals of the embedded core, each with the HTTP status that Metronome gives it."""

from collections.abc import Mapping


class ApiError(Exception):
    """A call that ends with an error body `{"message": ...}` and changes nothing."""

    status = 500

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message

    @property
    def headers(self) -> Mapping[str, str]:
        """Headers that go with this refusal."""
        return {}


class BadRequest(ApiError):
    """The body, the query or the state of the document does not allow this."""

    status = 400


class Unauthorized(ApiError):
    """The bearer token is missing or is not ours."""

    status = 401


class NotFound(ApiError):
    """No such document, or no such path."""

    status = 404


class Conflict(ApiError):
    """A key that must be unique is taken: asking again cannot help.

    Metronome's SDK repeats a 409 twice unless the answer forbids it.
    """

    status = 409

    @property
    def headers(self) -> Mapping[str, str]:
        """Say that a retry is of no use."""
        return {"x-should-retry": "false"}


class TooLarge(ApiError):
    """The body is over the limit."""

    status = 413


class CoreUnavailable(Exception):
    """The core cannot be started or asked; the message is one line for a person."""
