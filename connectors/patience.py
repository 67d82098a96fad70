"""When to ask again: for readings only, with growing, random pauses, and not for ever."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Protocol, TypeVar

from tenacity import (
    RetryCallState,
    Retrying,
    retry_if_exception,
)

from connectors.failures import NotNow, Unknown
from connectors.transport import Unreadable
from state.clock import Clock

T = TypeVar("T")


class Rng(Protocol):
    """The one thing we need of `random.Random`."""

    def uniform(self, a: float, b: float, /) -> float:
        """A number between a and b."""


@dataclass(frozen=True, slots=True)
class Patience:
    """How often and how long a reading is tried. Seconds.

    The pause is random between nothing and a bound that doubles (full jitter), so that
    many workers that failed together do not return together. What the other side asked
    for (Retry-After) is waited as well, unless it is longer than `longest`.
    """

    attempts: int = 6
    first: float = 0.5
    cap: float = 30.0
    longest: float = 120.0

    def reading(self, call: Callable[[int], T], *, clock: Clock, rng: Rng) -> T:
        """Call until it answers; `call` is given the number of the attempt, from 1.

        Raises the last failure.
        """

        def wait(state: RetryCallState) -> float:
            bound = min(self.cap, self.first * 2 ** (state.attempt_number - 1))
            return (_retry_after(state) or 0.0) + rng.uniform(0.0, bound)

        def too_long(state: RetryCallState) -> bool:
            return (_retry_after(state) or 0.0) > self.longest

        attempt = 0

        def counted() -> T:
            nonlocal attempt
            attempt += 1
            return call(attempt)

        retrying = Retrying(
            retry=retry_if_exception(worth_asking_again),
            wait=wait,
            stop=lambda state: state.attempt_number >= self.attempts or too_long(state),
            sleep=clock.sleep,
            reraise=True,
        )
        return retrying(counted)


def worth_asking_again(error: BaseException) -> bool:
    """Is the failure of the moment? An answer that cannot be read would come again."""
    return isinstance(error, NotNow | Unknown) and not isinstance(error, Unreadable)


def retry_after(header: str | None, now: datetime) -> float | None:
    """Seconds that a Retry-After header asks for: a number, or the date to wait for."""
    if header is None:
        return None
    text = header.strip()
    if text.isascii() and text.isdigit():
        return min(int(text[:9]), 10**8) * 1.0
    try:
        at = parsedate_to_datetime(text)
    except ValueError:
        return None
    at = at.replace(tzinfo=UTC) if at.tzinfo is None else at
    return max(0.0, (at - now).total_seconds())


def _retry_after(state: RetryCallState) -> float | None:
    error = state.outcome.exception() if state.outcome is not None else None
    return error.retry_after if isinstance(error, NotNow) else None
