"""The web frame: one bearer token, JSON both ways, one transaction a call.

Every call takes the same walk: token, body, checks, due work, transaction, answer. A
handler is a plain function of a `Call`; it neither sees HTTP nor opens a transaction.
"""

import asyncio
import hmac
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Route as Path
from starlette.types import ASGIApp, Receive, Scope, Send

from connectors.localcore import exact, idempotency
from connectors.localcore.books import Books
from connectors.localcore.checks import EMPTY, Check
from connectors.localcore.errors import (
    ApiError,
    BadRequest,
    NotFound,
    TooLarge,
    Unauthorized,
)
from connectors.localcore.tx import Tx
from state.clock import iso

BODY_BYTES_MAX = 4 * 1024 * 1024
THREADS = 4
ACTOR = "api"
Log = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Call:
    """One checked call: the open transaction, the path's ids, the query and the body."""

    tx: Tx
    path: Mapping[str, str]
    query: Mapping[str, Any]
    body: Any

    @property
    def now(self) -> datetime:
        """The core's time, one for the whole call."""
        return self.tx.now


@dataclass(frozen=True, slots=True)
class Raw:
    """An answer that is no JSON (a PDF)."""

    content: bytes
    media_type: str


Handler = Callable[[Call], Any]


@dataclass(frozen=True, slots=True)
class Route:
    """A verb and path of Metronome's, what its query and body may hold, and who answers.

    `writes` opens a transaction that may change the books. A GET has no body check.
    """

    method: str
    path: str
    handler: Handler
    body: Check | None = None
    query: Check = EMPTY
    writes: bool = False


@dataclass(frozen=True, slots=True)
class Frame:
    """What every call needs beside its route."""

    books: Books
    token: str
    catch_up: Callable[[Books], int]
    new_id: Callable[[], str]
    log: Log


@dataclass(frozen=True, slots=True)
class _Asked:
    """A request as it came: nothing checked but that its body is JSON."""

    path: Mapping[str, str]
    query: Mapping[str, str]
    body: Any
    key: str | None
    url_path: str
    request_id: str


def _answer(status: int, body: Any, headers: Mapping[str, str] | None = None) -> Response:
    if isinstance(body, Raw):
        return Response(body.content, status, dict(headers or {}), body.media_type)
    text = body if isinstance(body, str) else exact.dumps({} if body is None else body)
    return Response(text, status, dict(headers or {}), "application/json")


def _refusal(error: ApiError, request_id: str = "") -> Response:
    headers = {**error.headers, "x-request-id": request_id}
    return _answer(error.status, {"message": error.message}, headers)


def _handle(frame: Frame, route: Route, asked: _Asked) -> tuple[Any, datetime]:
    """Check, catch up on due work, run the handler in its transaction.

    Gives its answer and the core's time of it.
    """
    query = route.query("", asked.query)
    body = None if route.body is None else route.body("", asked.body)
    frame.catch_up(frame.books)
    if not route.writes:
        with frame.books.read() as tx:
            return route.handler(Call(tx, asked.path, query, body)), tx.now
    with frame.books.write(actor=ACTOR, request_id=asked.request_id) as tx:
        return route.handler(Call(tx, asked.path, query, body)), tx.now


def _handle_once(frame: Frame, route: Route, asked: _Asked, key: str) -> Response:
    """The same under an Idempotency-Key: work and kept answer are one transaction."""
    query = route.query("", asked.query)
    body = None if route.body is None else route.body("", asked.body)
    frame.catch_up(frame.books)
    request = idempotency.fingerprint(route.method, asked.url_path, asked.query, asked.body)
    with frame.books.write(actor=ACTOR, request_id=asked.request_id) as tx:
        known = idempotency.recall(tx, key, request)
        if known is not None:
            return _answer(*known, {"idempotent-replayed": "true"})
        tx.execute("SAVEPOINT work")
        headers: Mapping[str, str] = {}
        try:
            answer = route.handler(Call(tx, asked.path, query, body))
            status, text = 200, exact.dumps({} if answer is None else answer)
        except ApiError as error:
            tx.execute("ROLLBACK TO work")
            status, text, headers = (
                error.status,
                exact.dumps({"message": error.message}),
                error.headers,
            )
        except Exception as error:  # noqa: BLE001 -- Metronome keeps a 500 under its key too
            tx.execute("ROLLBACK TO work")
            frame.log(f"{route.method} {asked.url_path} failed: {error!r}")
            status, text = 500, exact.dumps({"message": _FAILED})
        tx.execute("RELEASE work")
        idempotency.keep(tx, key, request, status, text)
    return _answer(status, text, headers)


_FAILED = "the core failed on this call; its log has the reason"


def _respond(frame: Frame, route: Route, asked: _Asked) -> Response:
    """The response of one call; every failure becomes a JSON error."""
    try:
        if route.method == "POST" and asked.key is not None:
            response = _handle_once(frame, route, asked, asked.key)
        else:
            answer, now = _handle(frame, route, asked)
            # A manual clock is not the wall's: who reasons by time must know whose.
            response = _answer(200, answer, {"core-time": iso(now) or ""})
    except ApiError as error:
        return _refusal(error, asked.request_id)
    except Exception as error:  # noqa: BLE001 -- the last line of defence: nothing was committed
        frame.log(f"{route.method} {asked.url_path} failed: {error!r}")
        response = _answer(500, {"message": _FAILED})
    response.headers["x-request-id"] = asked.request_id
    return response


async def _read_body(request: Request) -> Any:
    """The JSON body; no body at all reads as an empty object."""
    raw = b""
    async for chunk in request.stream():
        raw += chunk
        if len(raw) > BODY_BYTES_MAX:
            raise TooLarge(f"the body is over {BODY_BYTES_MAX} bytes: send smaller batches")
    if not raw:
        return {}
    try:
        return exact.loads(raw)
    except ValueError as error:
        raise BadRequest(f"the body is not valid JSON: {error}") from error


def _endpoint(
    frame: Frame, route: Route, threads: ThreadPoolExecutor
) -> Callable[[Request], Any]:
    async def endpoint(request: Request) -> Response:
        request_id = frame.new_id()
        try:
            body = await _read_body(request)
        except ApiError as error:
            return _refusal(error, request_id)
        except ClientDisconnect:
            return Response(status_code=400)
        asked = _Asked(
            request.path_params,
            dict(request.query_params),
            body,
            request.headers.get("idempotency-key"),
            request.url.path,
            request_id,
        )
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(threads, _respond, frame, route, asked)

    return endpoint


class _Bearer:
    """Lets a request in only with the core's token, whatever its path."""

    def __init__(self, app: ASGIApp, token: str) -> None:
        self._app = app
        self._expected = f"Bearer {token}".encode()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            given = dict(scope["headers"]).get(b"authorization", b"")
            if not hmac.compare_digest(given, self._expected):
                refusal = _refusal(Unauthorized("the bearer token is missing or wrong"))
                await refusal(scope, receive, send)
                return
        await self._app(scope, receive, send)


def _unrouted(request: Request, error: Exception) -> Response:
    """Starlette's own refusals (no such path, wrong verb) in the core's form."""
    status = error.status_code if isinstance(error, HTTPException) else 500
    if status == NotFound.status:
        message = f"no such path: {request.url.path}"
    else:
        message = f"{request.url.path} does not take {request.method}"
    return _answer(status, {"message": message})


def build_app(
    frame: Frame, routes: Sequence[Route], *, tick_seconds: float | None = None
) -> ASGIApp:
    """The ASGI application; with `tick_seconds` it also runs due work by itself."""
    threads = ThreadPoolExecutor(THREADS, thread_name_prefix="core")

    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        ticker = None
        if tick_seconds is not None:
            ticker = asyncio.create_task(_tick(frame, threads, tick_seconds))
        try:
            yield
        finally:
            if ticker is not None:
                ticker.cancel()
            threads.shutdown()

    app = Starlette(
        routes=[
            Path(route.path, _endpoint(frame, route, threads), methods=[route.method])
            for route in routes
        ],
        exception_handlers={HTTPException: _unrouted},
        lifespan=lifespan,
    )
    app.router.redirect_slashes = False
    return _Bearer(app, frame.token)


async def _tick(frame: Frame, threads: ThreadPoolExecutor, seconds: float) -> None:
    loop = asyncio.get_running_loop()
    while True:
        await asyncio.sleep(seconds)
        try:
            await loop.run_in_executor(threads, frame.catch_up, frame.books)
        except Exception as error:  # noqa: BLE001 -- the next tick, and every call, tries again
            frame.log(f"due work failed: {error!r}")
