"""What a vendor's own error bodies mean: a table of its codes, and one way to read it."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from http import HTTPStatus
from typing import Any

from connectors.failures import (
    ConnectorFailure,
    Misconfigured,
    NotNow,
    Unauthorized,
    Unknown,
)
from connectors.patience import retry_after
from connectors.redaction import one_line
from connectors.transport import Answer
from connectors.wirejson import loads
from state.clock import Clock

DAY_SECONDS = 86_400
_FAILED = HTTPStatus.BAD_REQUEST


class Meaning(Enum):
    """What a vendor's code asks of us."""

    LATER = "ask later"
    LOGIN = "another token may do"
    SETTING = "a person must set something right"
    UNSURE = "it may or may not have been done"


@dataclass(frozen=True, slots=True)
class Fault:
    """A vendor's error, in its own words."""

    code: str
    message: str


@dataclass(frozen=True, slots=True)
class Faults:
    """How one vendor tells what is wrong, as `wire.Judge`.

    `read` finds the code and the message in a body; `meanings` holds codes, or their
    beginnings, and `remedies` what to say beside them. `day_over` finds an exhausted day
    in the headers: then nothing is asked until the vendor's own time is up.
    """

    clock: Clock
    read: Callable[[Any], Fault | None]
    meanings: Mapping[str, Meaning]
    remedies: Mapping[str, str] = field(default_factory=dict)
    retry_headers: Sequence[str] = ("Retry-After",)
    day_over: Callable[[Mapping[str, str]], bool] = lambda _: False
    pause: float = 0.0  # seconds to wait on a 429 that names none
    in_good_answers: bool = False  # a 200 may carry an error

    def __call__(self, answer: Answer) -> ConnectorFailure | None:
        """The failure that this answer is; None leaves it to the general rule."""
        if answer.status < _FAILED and not self.in_good_answers:
            return None
        fault = self._fault(answer)
        if answer.status == HTTPStatus.TOO_MANY_REQUESTS or (
            fault is not None and self._means(fault.code) is Meaning.LATER
        ):
            return self._later(answer, fault)
        if fault is None:
            return None
        said = self._said(answer, fault)
        match self._means(fault.code):
            case Meaning.LOGIN:
                return Unauthorized(said)
            case Meaning.SETTING:
                return Misconfigured(said)
            case Meaning.UNSURE:
                return Unknown(said)
            case _ if answer.status == HTTPStatus.UNAUTHORIZED:
                return Unauthorized(said)
            case _ if answer.status == HTTPStatus.FORBIDDEN:
                return Misconfigured(f"{said} (check what this key may read)")
            case _:
                return None

    def _fault(self, answer: Answer) -> Fault | None:
        try:
            return self.read(loads(answer.body))
        except (ValueError, RecursionError, LookupError, TypeError, AttributeError):
            return None

    def _means(self, code: str) -> Meaning | None:
        found = [word for word in self.meanings if code.startswith(word)]
        return self.meanings[max(found, key=len)] if found else None

    def _said(self, answer: Answer, fault: Fault) -> str:
        remedy = self.remedies.get(fault.code, "")
        said = one_line(f"{answer.status} {fault.code} {fault.message}".strip())
        return f"{said} ({remedy})" if remedy else said

    def _later(self, answer: Answer, fault: Fault | None) -> NotNow:
        said = self._said(answer, fault or Fault("", "too many requests"))
        asked = (answer.headers.get(name) for name in self.retry_headers)
        after = next((one for one in asked if one), None)
        seconds = retry_after(after, self.clock.now()) or self.pause or None
        if self.day_over(answer.headers):
            said = f"{said} (the day's quota is used up; the next pass after it goes on)"
            seconds = max(seconds or 0.0, self._to_midnight())
        return NotNow(said, retry_after=seconds)

    def _to_midnight(self) -> int:
        now = self.clock.now()
        return DAY_SECONDS - (now.hour * 3600 + now.minute * 60 + now.second)
