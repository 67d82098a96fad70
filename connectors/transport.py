"""One request and its answer, whatever the other side does: bounded in time and in size.

`requests` bounds the wait for each piece of an answer but not for the whole of it, so a
server that drips a byte a second holds a worker for hours. Here every read of the socket
is given only what is left of one total deadline.
"""

import http.client
import io
import socket
import ssl
import zlib
from collections.abc import Callable, Iterator, Mapping
from contextvars import ContextVar
from dataclasses import dataclass
from http.cookiejar import DefaultCookiePolicy
from typing import Any, ClassVar
from urllib.parse import urlsplit

import requests
import urllib3
from requests.adapters import HTTPAdapter
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.exceptions import NewConnectionError
from urllib3.response import BaseHTTPResponse

from connectors.failures import ConnectorFailure, Misconfigured, NotNow, Unknown
from connectors.loopback import is_loopback
from connectors.redaction import one_line
from state.clock import Clock

CHUNK_BYTES = 64 * 1024
REQUEST_IDS = ("Request-Id", "X-Request-Id", "intuit_tid", "Xero-Correlation-Id")


@dataclass(frozen=True, slots=True)
class Limits:
    """How long and how much one answer may be. Seconds and bytes."""

    connect: float = 10.0
    idle: float = 30.0  # between two pieces of an answer
    total: float = 60.0  # from the call to the last byte
    body: int = 32 * 1024 * 1024  # as sent, and once more as unpacked


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back, not yet judged."""

    status: int
    headers: Mapping[str, str]  # case-insensitive
    body: bytes

    @property
    def request_id(self) -> str:
        """The other side's name for this exchange, for asking their support."""
        named = (self.headers[name] for name in REQUEST_IDS if self.headers.get(name))
        return one_line(next(named, ""))


class Unreadable(Unknown):
    """An answer came that cannot be read: too large, or packed in a way we do not take."""


class Transport:
    """A pool of kept connections, one for each thread; each `exchange` is one request.

    No redirect is followed, no cookie kept, no proxy or netrc taken from the environment,
    and TLS is always verified (against `ca_file` where a company has its own authority).
    """

    def __init__(
        self,
        *,
        clock: Clock,
        limits: Limits | None = None,
        ca_file: str | None = None,
        connections: int = 16,
    ) -> None:
        self._clock = clock
        self._limits = limits or Limits()
        self._verify: bool | str = ca_file or True
        session = requests.Session()
        session.trust_env = False
        session.cookies.set_policy(DefaultCookiePolicy(allowed_domains=[]))
        adapter = _TimedAdapter(pool_connections=4, pool_maxsize=connections, max_retries=0)
        session.mount("https://", adapter)
        session.mount("http://", adapter)
        self._session = session

    def exchange(
        self, method: str, url: str, *, headers: Mapping[str, str], body: bytes | None
    ) -> Answer:
        """Send once and read the whole answer.

        Raises NotNow when nothing was sent, Misconfigured when the other side cannot be
        trusted to be who it says, Unknown when it may have acted, Unreadable as said.
        """
        limits, clock = self._limits, self._clock
        until = clock.monotonic() + limits.total

        def left() -> float:
            return min(limits.idle, until - clock.monotonic())

        token = _LEFT.set(left)
        try:
            with self._session.request(
                method,
                url,
                headers={"Accept-Encoding": "gzip", "User-Agent": "tieout", **headers},
                data=body,
                timeout=(limits.connect, limits.idle),
                verify=self._verify,
                allow_redirects=False,
                stream=True,
            ) as response:
                read = b"".join(_unpacked(response, limits.body, left))
                return Answer(response.status_code, response.headers, read)
        except ConnectorFailure:
            raise
        except (
            requests.RequestException,
            urllib3.exceptions.HTTPError,
            http.client.HTTPException,
            OSError,
        ) as error:
            raise _failure(error, urlsplit(url).netloc, limits) from None
        finally:
            _LEFT.reset(token)

    def close(self) -> None:
        """Give the connections back."""
        self._session.close()


def checked_base_url(url: str) -> str:
    """An address we may send a key to: https, or http on this very machine.

    Raises Misconfigured.
    """
    parts = urlsplit(url)
    shown = one_line(parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl())
    if "@" in parts.netloc:
        raise Misconfigured(f"{shown}: a URL must not carry a user name or password")
    if parts.query or parts.fragment:
        raise Misconfigured(f"{shown}: a base URL has no query and no fragment")
    if not parts.hostname:
        raise Misconfigured(f"{shown!r} is no URL; write it like https://api.example.com")
    if parts.scheme == "http" and not is_loopback(parts.hostname):
        raise Misconfigured(f"{shown}: keys travel over https only; write https://")
    if parts.scheme not in {"http", "https"}:
        raise Misconfigured(f"{shown}: write it like https://api.example.com")
    return url.rstrip("/")


_LEFT: ContextVar[Callable[[], float]] = ContextVar("seconds_left")


class _TimedSocket(io.RawIOBase):
    """Reads a socket, each time with what is left of the deadline."""

    def __init__(self, sock: socket.socket, left: Callable[[], float]) -> None:
        self._sock = sock
        self._raw = sock.makefile("rb", buffering=0)
        self._left = left

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int | None:
        left = self._left()
        if left <= 0:
            raise TimeoutError("the total deadline has passed")
        self._sock.settimeout(left)
        return self._raw.readinto(buffer)

    def close(self) -> None:
        self._raw.close()
        super().close()


class _TimedResponse(http.client.HTTPResponse):
    def __init__(self, sock: socket.socket, *args: Any, **kwargs: Any) -> None:
        super().__init__(sock, *args, **kwargs)
        self.fp.close()
        self.fp = io.BufferedReader(_TimedSocket(sock, _LEFT.get()))


class _TimedHTTPConnection(HTTPConnection):
    response_class = _TimedResponse


class _TimedHTTPSConnection(HTTPSConnection):
    response_class = _TimedResponse


class _TimedHTTPPool(HTTPConnectionPool):
    ConnectionCls = _TimedHTTPConnection


class _TimedHTTPSPool(HTTPSConnectionPool):
    ConnectionCls = _TimedHTTPSConnection


class _TimedAdapter(HTTPAdapter):
    pools: ClassVar[dict[str, type[HTTPConnectionPool]]] = {
        "http": _TimedHTTPPool,
        "https": _TimedHTTPSPool,
    }

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        super().init_poolmanager(*args, **kwargs)
        self.poolmanager.pool_classes_by_scheme = self.pools


def _unpacked(
    response: requests.Response, limit: int, left: Callable[[], float]
) -> Iterator[bytes]:
    """The body, unpacked piece by piece, never more than `limit` bytes of it."""
    packing = response.headers.get("Content-Encoding", "").strip().lower()
    if packing not in {"", "identity", "gzip"}:
        raise Unreadable(
            f"the answer is packed as {one_line(packing)!r}; only gzip is taken"
        )
    unpacker = zlib.decompressobj(16 + zlib.MAX_WBITS) if packing == "gzip" else None
    raw: BaseHTTPResponse = response.raw
    sent = given = 0
    while chunk := raw.read1(CHUNK_BYTES, decode_content=False):
        sent += len(chunk)
        if unpacker is not None:
            try:
                chunk = unpacker.decompress(chunk, limit - given + 1)
            except zlib.error:
                raise Unreadable("the answer is no valid gzip") from None
        given += len(chunk)
        if max(sent, given) > limit:
            raise Unreadable(
                f"the answer is larger than {limit // 1024} KiB; it was not read"
            )
        if left() <= 0:
            raise TimeoutError("the total deadline has passed")
        yield chunk
    if unpacker is not None and sent and not unpacker.eof:
        raise Unknown("the packed answer ends too early")


def _failure(error: Exception, host: str, limits: Limits) -> ConnectorFailure:
    """Our word for a failed exchange: what may the other side have done?"""
    causes = tuple(_causes(error))
    for cause in causes:
        if isinstance(cause, ssl.SSLCertVerificationError):
            why = one_line(cause.verify_message)
            return Misconfigured(f"the certificate of {host} is not trusted: {why}")
        if isinstance(cause, ssl.SSLError) and cause.reason == "WRONG_VERSION_NUMBER":
            return Misconfigured(f"{host} does not speak https")
    if isinstance(error, requests.exceptions.ConnectTimeout):
        return NotNow(f"{host} did not accept a connection in {limits.connect:g} s")
    if any(isinstance(cause, NewConnectionError) for cause in causes):
        if any(isinstance(cause, socket.gaierror) for cause in causes):
            return NotNow(f"the host name of {host} cannot be resolved")
        return NotNow(f"{host} refused the connection")
    if any(
        isinstance(
            cause, TimeoutError | requests.Timeout | urllib3.exceptions.ReadTimeoutError
        )
        for cause in causes
    ):
        return Unknown(f"{host} gave no whole answer in time (at most {limits.total:g} s)")
    if isinstance(error, requests.exceptions.InvalidURL):
        return Misconfigured(f"{host} is no valid address")
    return Unknown(f"the connection to {host} broke ({type(causes[-1]).__name__})")


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    """The exception and what lies beneath it, in urllib3's wrappings too."""
    seen: set[int] = set()
    waiting = [error]
    while waiting:
        one = waiting.pop(0)
        if one is None or id(one) in seen:
            continue
        seen.add(id(one))
        yield one
        waiting += [one.__cause__, one.__context__, getattr(one, "reason", None)]
        waiting += [arg for arg in one.args if isinstance(arg, BaseException)]
        waiting = [item for item in waiting if isinstance(item, BaseException)]
