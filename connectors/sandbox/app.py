"""The stand-in's face: authentication, idempotency, faults, and one commit per request."""

import asyncio
import json
import threading
import time
from dataclasses import dataclass
from typing import Any

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from connectors.sandbox.books import Body, Books
from connectors.sandbox.call import Call
from connectors.sandbox.errors import Refusal
from connectors.sandbox.events import deliveries, last_seq
from connectors.sandbox.faults import Fault, Faults, Latency
from connectors.sandbox.misc import ACCOUNT
from connectors.sandbox.police import form_tree
from connectors.sandbox.routes import Handler, route
from connectors.sandbox.webhooks import send_all

KEY_SECONDS = 24 * 3600
KEY_LENGTH_MAX = 255
BODY_BYTES_MAX = 4_000_000
LIMITS = {"per_endpoint_per_second", "global_per_second", "at_once"}
METHODS = ["GET", "POST", "DELETE", "PUT", "PATCH"]


class Sandbox:
    """The Stripe stand-in over its books."""

    def __init__(self, books: Books) -> None:
        self.books = books
        self.faults = Faults()
        self._in_flight: set[str] = set()
        self._lock = threading.Lock()
        self._numbers = 0

    def app(self) -> Starlette:
        """The ASGI application."""
        return Starlette(
            routes=[
                Route("/_sandbox/{what}", self._admin, methods=["GET", "POST"]),
                Route("/{path:path}", self._serve, methods=METHODS),
            ]
        )

    async def _serve(self, request: Request) -> Response:
        self._numbers += 1
        request_id = f"req_{self._numbers:014d}"
        version = request.headers.get("stripe-version", "")
        headers = {"Request-Id": request_id, "Stripe-Version": version}
        body = (await request.body()).decode(errors="replace")
        entry: dict[str, Any] = {
            "method": request.method,
            "path": request.url.path,
            "key": request.headers.get("idempotency-key"),
            "at": time.monotonic(),
        }
        self.faults.requests.append(entry)
        self.faults.in_flight += 1
        try:
            answer = await self._answer(request, body, headers)
        finally:
            self.faults.in_flight -= 1
        entry["status"] = answer.status_code
        return answer

    async def _answer(
        self, request: Request, body: str, headers: dict[str, str]
    ) -> Response:
        method, path = request.method, request.url.path
        # The limiter stands before everything else; the way there and back takes its time.
        number, latency = self._numbers, self.faults.latency
        if way := latency.before(number):
            await asyncio.sleep(way)
        found = route(method, path)
        met = "" if found is None else self.faults.limit_met(found[0], time.monotonic())
        if rest := latency.after(number):
            await asyncio.sleep(rest)
        refused = _turned_away(request)
        if refused is not None:
            return JSONResponse(refused.body, refused.status, headers)
        if found is None:
            message = f"Unrecognized request URL ({method}: {path})."
            return JSONResponse(Refusal(message).body, 404, headers)
        _, names, handler = found
        if met:
            headers["Stripe-Rate-Limited-Reason"] = met
            return JSONResponse(_rate_limited(), 429, headers)
        fault = self.faults.strike(method, path)
        if fault is not None and (early := _before(fault, headers)) is not None:
            return early
        account = request.headers.get("stripe-account", ACCOUNT)
        key = request.headers.get("idempotency-key") if method == "POST" else None
        text = body if method == "POST" else request.url.query
        work = _Work(account, key, f"{method} {path} {text}", text, names, handler)
        if fault is not None and fault.kind == "late":
            timer = threading.Timer(fault.seconds, self._perform, (work, None))
            timer.daemon = True
            timer.start()
            return _Drop()
        status, answer, replayed = await run_in_threadpool(self._perform, work, fault)
        if replayed:
            headers["Idempotent-Replayed"] = "true"
        return _after(fault, status, answer, headers)

    def _perform(self, work: "_Work", fault: Fault | None) -> tuple[int, str, bool]:
        """Carry out one request: effect, events and saved answer in one commit."""
        flight = f"{work.account}:{work.key}" if work.key else ""
        with self._lock:
            if flight and flight in self._in_flight:
                return 409, json.dumps(_in_flight()), False
            self._in_flight.add(flight)
        try:
            status, answer, replayed, sent = self._commit(work, fault)
        finally:
            with self._lock:
                self._in_flight.discard(flight)
        send_all(sent)
        return status, answer, replayed

    def _commit(
        self, work: "_Work", fault: Fault | None
    ) -> tuple[int, str, bool, list[tuple[str, bytes, str]]]:
        try:
            with self.books.transaction(work.account) as tx:
                if work.key is not None:
                    kept = tx.saved(work.key, tx.now() - KEY_SECONDS)
                    if kept is not None:
                        if kept[0] != work.request:
                            return 400, json.dumps(_key_reused()), False, []
                        return kept[1], kept[2], True, []
                before = last_seq(tx)
                status, answer = 200, ""
                forced = _forced(fault)
                if forced is None or (fault is not None and fault.executed):
                    call = Call(work.names, form_tree(work.text))
                    answer = json.dumps(work.handler(tx, call))
                if forced is not None:
                    status, answer = forced
                save = forced is None or (fault is not None and fault.saved)
                if work.key is not None and save:
                    tx.save(work.key, work.request, status, answer)
                return status, answer, False, deliveries(tx, before)
        except Refusal as refusal:
            answer = json.dumps(refusal.body)
            if refusal.saved and work.key is not None:
                with self.books.transaction(work.account) as tx:
                    tx.save(work.key, work.request, refusal.status, answer)
            return refusal.status, answer, False, []

    async def _admin(self, request: Request) -> Response:
        """The stand-in's own switches: clock, faults, latency, limits, and the log."""
        what = request.path_params["what"]
        if request.method == "GET" and what == "requests":
            return JSONResponse(list(self.faults.requests))
        if request.method == "GET" and what == "counts":
            counts = {"requests": self._numbers, "limited": self.faults.limited}
            return JSONResponse(counts)
        raw = await request.body()
        try:
            sent: Any = json.loads(raw) if raw else {}
            match what:
                case "clock":
                    with self.books.transaction(ACCOUNT) as tx:
                        moved = tx.setting("clock_offset") + int(sent["advance_seconds"])
                        tx.set("clock_offset", moved)
                        return JSONResponse({"now": tx.now()})
                case "faults":
                    self.faults.set(sent)
                case "latency":
                    self.faults.latency = Latency(
                        int(sent["ms"]) / 1000,
                        int(sent.get("way_ms", 0)) / 1000,
                        int(sent.get("work_ms", 0)) / 1000,
                    )
                case "limits":
                    if unknown := set(sent) - LIMITS:
                        raise ValueError(f"no limit is called {unknown.pop()}")
                    self.faults.per_endpoint = int(sent.get("per_endpoint_per_second", 0))
                    self.faults.overall = int(sent.get("global_per_second", 0))
                    self.faults.at_once = int(sent.get("at_once", 0))
                case "search":
                    with self.books.transaction(ACCOUNT) as tx:
                        tx.set("search_lag", int(sent["lag_seconds"]))
                case "events":
                    with self.books.transaction(ACCOUNT) as tx:
                        tx.set("event_lag", int(sent["lag_seconds"]))
                case _:
                    return JSONResponse({"message": f"no switch is called {what}"}, 404)
        except (KeyError, TypeError, ValueError) as error:
            return JSONResponse({"message": f"bad {what}: {error}"}, 400)
        return JSONResponse({})


@dataclass(frozen=True, slots=True)
class _Work:
    """What a request asks for, apart from how it came."""

    account: str
    key: str | None
    request: str  # all of it in one text: what a key must not be used for twice
    text: str  # the form or the query
    names: tuple[str, ...]
    handler: Handler


class _Drop(Response):
    """End the connection without an answer."""

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:  # noqa: ARG002
        await scope["drop"]()


def _turned_away(request: Request) -> Refusal | None:
    """What is wrong with a request before anybody looks at what it asks."""
    import stripe

    given = request.headers.get("authorization", "").removeprefix("Bearer ")
    if "_live_" in given:
        text = "This is the Stripe stand-in; a live key has no place here."
        return Refusal(text, status=401)
    if not given.startswith(("sk_test_", "rk_test_")):
        text = "Invalid API Key provided; the stand-in takes sk_test_... and rk_test_..."
        return Refusal(text, status=401)
    if len(request.headers.get("idempotency-key", "")) > KEY_LENGTH_MAX:
        return Refusal(f"Idempotency keys have at most {KEY_LENGTH_MAX} characters.")
    version = request.headers.get("stripe-version", stripe.api_version)
    if version != stripe.api_version:
        return Refusal(
            f"Invalid Stripe API version: {version}; the stand-in speaks "
            f"{stripe.api_version} and no other"
        )
    return None


def _before(fault: Fault, headers: dict[str, str]) -> Response | None:
    """Faults that strike before anything is done."""
    match fault.kind:
        case "drop_before":
            return _Drop()
        case "rate_limit":
            if fault.retry_after is not None:
                headers["Retry-After"] = str(fault.retry_after)
            return JSONResponse(_rate_limited(), 429, headers)
        case "redirect":
            headers["Location"] = "http://127.0.0.1:9/elsewhere"
            return Response(status_code=302, headers=headers)
        case _:
            return None


def _forced(fault: Fault | None) -> tuple[int, str] | None:
    """A status that stands instead of the true answer."""
    if fault is None:
        return None
    if fault.kind == "lock_timeout":
        fault.saved = True
        message = "This object cannot be accessed right now; another request holds it."
        body = Refusal(message, kind="invalid_request_error", code="lock_timeout").body
        return 429, json.dumps(body)
    if fault.kind == "status":
        body = Refusal("An injected failure.", kind="api_error").body
        return fault.status, json.dumps(body)
    return None


def _after(
    fault: Fault | None, status: int, answer: str, headers: dict[str, str]
) -> Response:
    """The answer as the caller gets to see it."""
    kind = fault.kind if fault is not None else ""
    if kind == "drop_after":
        return _Drop()
    if kind == "html":
        return Response("<html>Bad gateway</html>", 200, headers, "text/html")
    if kind == "truncated":
        answer = answer[: len(answer) // 2]
    return Response(answer, status, headers, "application/json")


def _rate_limited() -> Body:
    return Refusal("Too many requests.", code="rate_limit").body


def _in_flight() -> Body:
    message = "There is currently another in-progress request using this idempotency key."
    return Refusal(message, kind="idempotency_error", code="idempotency_key_in_use").body


def _key_reused() -> Body:
    message = "Keys for idempotent requests can only be used with the same parameters."
    return Refusal(message, kind="idempotency_error").body
