"""The one HTTP manner of every connector that speaks JSON.

Readings are asked again when a failure is of the moment; writings are sent once, and
whoever sent one must look before sending it again. Every end is one of four: done,
refused, not now, unknown (connectors.failures).
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from http import HTTPStatus
from typing import Any, Protocol
from urllib.parse import quote, urlencode, urlsplit

from connectors.budget import Budget, Unlimited
from connectors.failures import (
    ConnectorFailure,
    Incomplete,
    Misconfigured,
    NotNow,
    Refused,
    Unauthorized,
    Unknown,
)
from connectors.patience import Patience, Rng, retry_after
from connectors.redaction import Secret, one_line, redact
from connectors.structured import structlog
from connectors.transport import Answer, Limits, Transport, Unreadable, checked_base_url
from connectors.wirejson import (
    aware,
    code,
    core_time,
    dated,
    encoded,
    kind_of,
    message,
    parsed,
)
from state.clock import Clock

Params = Mapping[str, str | int | bool | datetime | Sequence[str] | None]
Judge = Callable[[Answer], ConnectorFailure | None]


class Repeated(tuple[str, ...]):
    """A parameter that stands once for each of its values: f=a&f=b."""

    __slots__ = ()


class Auth(Protocol):
    """Who we are to a system that signs each request, or whose tokens end."""

    def headers(self, method: str, url: str) -> Mapping[str, str]:
        """What this request must carry. Raises NeedsConsent, Misconfigured, NotNow."""

    def renew(self, sent: Mapping[str, str]) -> bool:
        """Those headers were not taken (401). True: there are others to try once."""


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


class _Plain:
    """A system whose one token does not end."""

    def headers(self, _method: str, _url: str) -> Mapping[str, str]:
        return {}

    def renew(self, _sent: Mapping[str, str]) -> bool:
        return False


class Wire:
    """HTTP to one system. Safe to share between threads.

    `token` is sent as a bearer; `auth` is asked before each request, for systems that
    sign or renew. `judge` reads a system's own error bodies, and leaves what it does not
    know to the general rule. `base_url` is https, or loopback http.
    """

    def __init__(
        self,
        base_url: str,
        *,
        clock: Clock,
        rng: Rng,
        token: Secret | None = None,
        headers: Mapping[str, str] | None = None,
        auth: Auth | None = None,
        judge: Judge | None = None,
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
        self._headers = dict(headers or {})
        self._auth: Auth = auth or _Plain()
        self._judge: Judge = judge or (lambda _: None)
        self._budget = budget or Unlimited()
        self._log = log or log_exchange
        self._patience = patience or Patience()
        self._secrets = (*secrets, *(() if token is None else (token,)))
        self._transport = Transport(clock=clock, limits=limits, ca_file=ca_file)

    def __repr__(self) -> str:
        return f"Wire({self.host})"

    def get(
        self,
        path: str,
        params: Params | None = None,
        *,
        headers: Mapping[str, str] | None = None,
    ) -> Reply:
        """Read. Raises Refused, NotNow, Unknown, Misconfigured, Incomplete."""
        return self._reading("GET", path, params, None, headers or {})

    def query(self, path: str, body: Any, params: Params | None = None) -> Reply:
        """Read by POST: a list whose filters travel in the body. Raises as `get`."""
        return self._reading("POST", path, params, body, {})

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

    def _reading(
        self,
        method: str,
        path: str,
        params: Params | None,
        body: Any,
        headers: Mapping[str, str],
    ) -> Reply:
        def once(attempt: int) -> Reply:
            return self._once(method, path, params, body, headers, attempt)

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
        """One request, and once more where only our credentials had to be renewed.

        `attempt` 0 marks a writing; a 401 says that it was not done.
        """
        url = self._base + path + _query(params)
        path = path.partition("?")[0]  # a link to the next page brings a query of its own
        sent = {"Accept": "application/json", **self._headers, **headers}
        if body is not None:
            sent["Content-Type"] = kind_of(body)
        if self._token is not None:
            sent["Authorization"] = f"Bearer {self._token.reveal()}"
        signed = self._signed(method, path, url)
        try:
            return self._exchange(method, path, url, {**sent, **signed}, body, attempt)
        except Unauthorized:
            if not self._auth.renew(signed):
                raise
        again = self._signed(method, path, url)
        return self._exchange(method, path, url, {**sent, **again}, body, attempt)

    def _signed(self, method: str, path: str, url: str) -> Mapping[str, str]:
        try:
            return self._auth.headers(method, url)
        except ConnectorFailure as error:
            raise self._told(error, f"{method} {path}") from None

    def _exchange(
        self,
        method: str,
        path: str,
        url: str,
        sent: Mapping[str, str],
        body: Any,
        attempt: int,
    ) -> Reply:
        endpoint = f"{method} {shape(path)}"
        began = self.clock.monotonic()
        answer = None
        failure = ""
        try:
            text = None if body is None else encoded(body)
            with self._budget.turn(endpoint) as turn:
                began = self.clock.monotonic()
                answer = self._transport.exchange(method, url, headers=sent, body=text)
            if answer.status == HTTPStatus.TOO_MANY_REQUESTS:
                self._budget.slow_down(endpoint, turn)
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
        if (known := self._judge(answer)) is not None:
            known.request_id = request_id
            raise known
        if HTTPStatus.OK <= status < HTTPStatus.MULTIPLE_CHOICES:
            data = parsed(answer)
            return Reply(data, status, request_id, dated(answer), core_time(answer))
        if status < HTTPStatus.BAD_REQUEST:
            to = urlsplit(answer.headers.get("Location", "")).netloc or "elsewhere"
            raise Misconfigured(
                f"answered {status}, a redirect to {to}; redirects are not followed, "
                "so set the base URL to the final address",
                request_id=request_id,
            )
        said = f"{status} {message(answer)}".strip()
        if status in {HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN}:
            remedy = "check the token and what it is allowed to do"
            kind = Unauthorized if status == HTTPStatus.UNAUTHORIZED else Misconfigured
            raise kind(f"{said} ({remedy})", request_id=request_id)
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
        raise Refused(said, code=code(answer), status=status, request_id=request_id)


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


def log_exchange(exchange: Exchange) -> None:
    """The request log by default: one structured line an exchange."""
    structlog.get_logger("tieout.http").info("request", **asdict(exchange))


def _query(params: Params | None) -> str:
    """Metronome's manner: booleans in small letters, lists joined by commas."""
    pairs: list[tuple[str, str]] = []
    for name, value in (params or {}).items():
        match value:
            case None:
                continue
            case Repeated():
                pairs.extend((name, one) for one in value)
                continue
            case bool():
                text = "true" if value else "false"
            case datetime():
                text = aware(value)
            case str() | int():
                text = str(value)
            case _:
                text = ",".join(value)
        pairs.append((name, text))
    return f"?{urlencode(pairs, quote_via=quote)}" if pairs else ""
