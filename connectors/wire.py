"""The one HTTP manner of every connector that speaks JSON.

Readings are asked again when a failure is of the moment; writings are sent once, and
whoever sent one must look before sending it again. Every end is one of four: done,
refused, not now, unknown (connectors.failures).
"""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from decimal import Decimal
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from typing import Any
from urllib.parse import quote, urlencode, urlsplit

import structlog

from connectors.budget import Budget, Unlimited
from connectors.failures import (
    ConnectorFailure,
    Incomplete,
    Misconfigured,
    NotNow,
    Refused,
    Unknown,
)
from connectors.patience import Patience, Rng, retry_after
from connectors.redaction import Secret, one_line, redact
from connectors.transport import Answer, Limits, Transport, Unreadable, checked_base_url
from state.clock import Clock, iso, utc

Params = Mapping[str, str | int | bool | datetime | Sequence[str] | None]


@dataclass(frozen=True, slots=True)
class Exchange:
    """One line of the request log. The path carries no query, so no secret of one."""

    system: str
    method: str
    path: str
    status: int  # 0: no answer
    ms: int
    attempt: int  # of a reading, from 1; 0 for a writing, which is sent once
    request_id: str = ""
    failure: str = ""


Log = Callable[[Exchange], None]


@dataclass(frozen=True, slots=True)
class Reply:
    """A good answer: its JSON with exact decimals, and when they say it was."""

    data: Any
    status: int
    request_id: str = ""
    date: datetime | None = None
    core_time: datetime | None = None  # the embedded core's own clock, which may be manual


class Wire:
    """HTTP to one system. Safe to share between threads.

    `token` is sent as a bearer; `headers` is asked before each request, for systems that
    sign or renew. `base_url` is https, or loopback http.
    """

    def __init__(
        self,
        base_url: str,
        *,
        clock: Clock,
        rng: Rng,
        token: Secret | None = None,
        headers: Callable[[], Mapping[str, str]] | None = None,
        system: str = "",
        budget: Budget | None = None,
        log: Log | None = None,
        limits: Limits | None = None,
        patience: Patience | None = None,
        ca_file: str | None = None,
        secrets: Sequence[Secret] = (),
    ) -> None:
        self._base = checked_base_url(base_url)
        self.host = urlsplit(self._base).netloc
        self.system = system or self.host
        self.clock = clock
        self._rng = rng
        self._token = token
        self._headers = headers or dict
        self._budget = budget or Unlimited()
        self._log = log or log_exchange
        self._patience = patience or Patience()
        self._secrets = (*secrets, *(() if token is None else (token,)))
        self._transport = Transport(clock=clock, limits=limits, ca_file=ca_file)

    def __repr__(self) -> str:
        return f"Wire({self.host})"

    def get(self, path: str, params: Params | None = None) -> Reply:
        """Read. Raises Refused, NotNow, Unknown, Misconfigured, Incomplete."""
        return self._reading("GET", path, params, None)

    def query(self, path: str, body: Any, params: Params | None = None) -> Reply:
        """Read by POST: a list whose filters travel in the body. Raises as `get`."""
        return self._reading("POST", path, params, body)

    def write(
        self, method: str, path: str, body: Any, *, headers: Mapping[str, str] | None = None
    ) -> Reply:
        """Ask for something to be done, once. Raises as `get`, but for Incomplete.

        Unknown: it may have been done; look before asking again.
        """
        return self._once(method, path, None, body, headers or {}, 0)

    def skew(self, reply: Reply) -> int:
        """Their clock minus ours in whole seconds; 0 when they did not say."""
        if reply.date is None:
            return 0
        return round((reply.date - self.clock.now()).total_seconds())

    def _reading(self, method: str, path: str, params: Params | None, body: Any) -> Reply:
        def once(attempt: int) -> Reply:
            return self._once(method, path, params, body, {}, attempt)

        try:
            return self._patience.reading(once, clock=self.clock, rng=self._rng)
        except Unreadable as unreadable:
            raise Incomplete(str(unreadable), request_id=unreadable.request_id) from None

    def _once(
        self,
        method: str,
        path: str,
        params: Params | None,
        body: Any,
        headers: Mapping[str, str],
        attempt: int,
    ) -> Reply:
        """One exchange. `attempt` 0 marks a writing."""
        endpoint = f"{method} {shape(path)}"
        self._budget.acquire(endpoint)
        sent = {"Accept": "application/json", **self._headers(), **headers}
        if self._token is not None:
            sent["Authorization"] = f"Bearer {self._token.reveal()}"
        if body is not None:
            sent["Content-Type"] = "application/json"
        began = self.clock.monotonic()
        answer = None
        failure = ""
        try:
            answer = self._transport.exchange(
                method,
                self._base + path + _query(params),
                headers=sent,
                body=None if body is None else dumps(body),
            )
            if answer.status == HTTPStatus.TOO_MANY_REQUESTS:
                self._budget.slow_down(endpoint)
            return self._judged(answer, reads=attempt > 0)
        except ConnectorFailure as error:
            failure = type(error).__name__
            raise self._told(error, f"{method} {path}") from None
        finally:
            self._log(
                Exchange(
                    system=self.system,
                    method=method,
                    path=redact(path, self._secrets),
                    status=0 if answer is None else answer.status,
                    ms=round((self.clock.monotonic() - began) * 1000),
                    attempt=attempt,
                    request_id="" if answer is None else answer.request_id,
                    failure=failure,
                )
            )

    def _told(self, error: ConnectorFailure, what: str) -> ConnectorFailure:
        """The same failure, saying who answered what, without a key."""
        said = redact(one_line(str(error)), self._secrets)
        error.args = (f"{self.system}, {redact(what, self._secrets)}: {said}",)
        return error

    def _judged(self, answer: Answer, *, reads: bool) -> Reply:
        """Which of the four ends is this? Raises all but the good one."""
        status, request_id = answer.status, answer.request_id
        if HTTPStatus.OK <= status < HTTPStatus.MULTIPLE_CHOICES:
            data = parsed(answer)
            return Reply(data, status, request_id, _date(answer), _core_time(answer))
        if status < HTTPStatus.BAD_REQUEST:
            to = urlsplit(answer.headers.get("Location", "")).netloc or "elsewhere"
            raise Misconfigured(
                f"answered {status}, a redirect to {to}; redirects are not followed, "
                "so set the base URL to the final address",
                request_id=request_id,
            )
        said = f"{status} {_message(answer)}".strip()
        if status in {HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN}:
            remedy = "check the token and what it is allowed to do"
            raise Misconfigured(f"{said} ({remedy})", request_id=request_id)
        after = retry_after(answer.headers.get("Retry-After"), self.clock.now())
        if status in {HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.TOO_EARLY} or (
            status == HTTPStatus.SERVICE_UNAVAILABLE and reads
        ):
            raise NotNow(said, retry_after=after, request_id=request_id)
        if (
            status >= HTTPStatus.INTERNAL_SERVER_ERROR
            or status == HTTPStatus.REQUEST_TIMEOUT
        ):
            raise Unknown(said, request_id=request_id)
        raise Refused(said, code=_code(answer), status=status, request_id=request_id)


def segment(identifier: str) -> str:
    """An id as one piece of a path, whatever it holds. Raises Incomplete."""
    if identifier in {"", ".", ".."}:
        raise Incomplete(f"{identifier!r} is no id that can be asked for")
    return quote(identifier, safe="")


def shape(path: str) -> str:
    """A path with its ids taken out: the endpoint, as a rate is counted."""
    return "/".join(
        ":id" if len(part) >= 8 and any(map(str.isdigit, part)) else part  # noqa: PLR2004 - shorter ones are words such as v1
        for part in path.split("/")
    )


def dumps(body: Any) -> bytes:
    """JSON with exact decimals; a time without a zone is a mistake of ours."""
    return json.dumps(body, default=_plain, allow_nan=False, separators=(",", ":")).encode()


def loads(text: str | bytes) -> Any:
    """JSON with every fraction as an exact Decimal. Raises ValueError, RecursionError."""
    return json.loads(text, parse_float=Decimal, parse_constant=_no_number)


def parsed(answer: Answer) -> Any:
    """The JSON of a good answer; None when it is empty. Raises Unreadable."""
    if not answer.body.strip():
        return None
    kind = answer.headers.get("Content-Type", "").partition(";")[0].strip().lower()
    if kind and not kind.endswith(("/json", "+json")):
        raise Unreadable(f"answered {answer.status} with {one_line(kind)}, not JSON")
    try:
        return loads(answer.body)
    except (ValueError, RecursionError) as error:
        raise Unreadable(
            f"answered {answer.status} with what is no JSON ({type(error).__name__}, "
            f"{len(answer.body)} bytes)"
        ) from None


def log_exchange(exchange: Exchange) -> None:
    """The request log by default: one structured line an exchange."""
    structlog.get_logger("tieout.http").info("request", **asdict(exchange))


def _no_number(name: str) -> None:
    raise ValueError(f"{name} is no number")


def _plain(value: Any) -> Any:
    if isinstance(value, Decimal):
        whole = value == value.to_integral_value()
        return int(value) if whole else format(value, "f")
    if isinstance(value, datetime):
        return _aware(value)
    raise TypeError(f"{type(value).__name__} cannot be sent as JSON")


def _aware(moment: datetime) -> str:
    if moment.tzinfo is None:
        raise TypeError("a time without a zone is never sent")
    return iso(moment) or ""


def _query(params: Params | None) -> str:
    """Metronome's manner: booleans in small letters, lists joined by commas."""
    pairs = []
    for name, value in (params or {}).items():
        match value:
            case None:
                continue
            case bool():
                text = "true" if value else "false"
            case datetime():
                text = _aware(value)
            case str() | int():
                text = str(value)
            case _:
                text = ",".join(value)
        pairs.append((name, text))
    return f"?{urlencode(pairs)}" if pairs else ""


def _error_fields(answer: Answer) -> Mapping[str, Any]:
    try:
        data = loads(answer.body)
    except (ValueError, RecursionError):
        return {}
    if isinstance(data, dict) and isinstance(data.get("error"), dict):
        data = data["error"]
    return data if isinstance(data, dict) else {}


def _message(answer: Answer) -> str:
    """What they say is wrong, in their words, on one line."""
    fields = _error_fields(answer)
    for name in ("message", "error_description", "detail", "error", "title"):
        if isinstance(fields.get(name), str):
            return one_line(fields[name])
    kind = one_line(answer.headers.get("Content-Type", "").partition(";")[0])
    return f"({kind or 'no content'})"


def _code(answer: Answer) -> str:
    code = _error_fields(answer).get("code")
    return one_line(code, 60) if isinstance(code, str) else ""


def _date(answer: Answer) -> datetime | None:
    text = answer.headers.get("Date")
    if text is None:
        return None
    try:
        return parsedate_to_datetime(text)
    except ValueError:
        return None


def _core_time(answer: Answer) -> datetime | None:
    """When the embedded core says it is; nobody else sends this header."""
    text = answer.headers.get("Core-Time")
    try:
        return None if text is None else utc(text)
    except ValueError:
        return None
