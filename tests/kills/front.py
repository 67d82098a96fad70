"""The fault server: it stands before the core and the stand-in and misbehaves when told.

Every request is shown to a plan, which answers what is to happen to it. What is refused,
cut, spoiled or delayed here is a real connection's fate; the processes on both sides are
the real ones.
"""

import gzip
import http.client
import json
import select
import socket
import struct
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import urlsplit

BOMB = gzip.compress(b"[" * (64 * 1024 * 1024))
HOLD_SECONDS = 5
# What may happen to a request. `before`: it is not executed; `after`: it is.
FATES = (
    "reset_before",
    "reset_after",
    "close_before",
    "close_after",
    "timeout_before",
    "timeout_after",
    "429",
    "429_retry_after",
    "400",
    "401",
    "402",
    "403",
    "409",
    "500",
    "503",
    "502_html",
    "html_after",
    "truncated_after",
    "wrong_shape_after",
    "gzip_bomb_after",
    "drip_after",
    "redirect",
)
WAITS = {"429_retry_after": "1", "429_for_long": "19"}
PLAIN = {
    "429": (429, "rate_limit"),
    "429_retry_after": (429, "rate_limit"),
    "429_for_long": (429, "rate_limit"),
    "400": (400, "parameter_invalid_empty"),
    "401": (401, ""),
    "403": (403, ""),
    "402": (402, "card_declined"),
    "409": (409, "idempotency_key_in_use"),
    "500": (500, ""),
    "503": (503, ""),
}


@dataclass(slots=True)
class Request:
    """One request as it arrived."""

    system: str
    method: str
    path: str
    key: str
    body: bytes
    status: int = 0
    fate: str = ""

    @property
    def name(self) -> str:
        """The request with its ids taken out: what a kill point is called by."""
        parts = [
            "{}" if "_0" in part or part.count("-") > 3 else part
            for part in self.path.split("?")[0].split("/")
        ]
        return f"{self.system} {self.method} {'/'.join(parts)}"


Plan = Callable[[Request, str], str]  # (request, "arrived" | "answered") -> a fate or ''


@dataclass
class Front:
    """One listening fault server before one system."""

    system: str
    upstream: str
    plan: Plan
    port: int = 0
    seen: list[Request] = field(default_factory=list)
    server: Any = None

    def open(self) -> "Front":
        """Listen; on the same port as before, when it was closed."""
        front = self

        class Handler(_Handler):
            owner = front

        self.server = _Server(("127.0.0.1", self.port), Handler)
        self.port = self.server.server_address[1]
        threading.Thread(
            target=self.server.serve_forever, args=(0.02,), daemon=True
        ).start()
        return self

    def close(self) -> None:
        """Refuse connections from now on."""
        if self.server is not None:
            self.server.shutdown()
            self.server.server_close()
            self.server = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 64
    allow_reuse_address = True

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A peer that was killed is what this server is for."""


class _Handler(BaseHTTPRequestHandler):
    owner: Front
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def log_message(self, *_: Any) -> None:
        """Say nothing."""

    def handle_one(self) -> None:
        length = int(self.headers.get("Content-Length") or 0)
        body = self.rfile.read(length)
        if len(body) < length:  # its sender was killed while it sent
            self.close_connection = True
            return
        key = self.headers.get("Idempotency-Key", "")
        request = Request(self.owner.system, self.command, self.path, key, body)
        self.owner.seen.append(request)
        request.fate = fate = self.owner.plan(request, "arrived")
        if fate.endswith("_before") or fate in PLAIN or fate in {"502_html", "redirect"}:
            self.spoil(fate, 0, [], b"")
            return
        status, headers, body = self.forward(request)
        request.status = status
        fate = fate or self.owner.plan(request, "answered")
        if fate:
            self.spoil(fate, status, headers, body)
        else:
            self.answer(status, body, headers)

    do_GET = do_POST = do_DELETE = handle_one  # noqa: N815 - the base class's names

    def forward(self, request: Request) -> tuple[int, list[tuple[str, str]], bytes]:
        up = urlsplit(self.owner.upstream)
        link = http.client.HTTPConnection(up.hostname or "", up.port, timeout=20)
        try:
            skip = {"host", "connection", "accept-encoding"}
            sent = {k: v for k, v in self.headers.items() if k.lower() not in skip}
            link.request(request.method, request.path, request.body or None, sent)
            answer = link.getresponse()
            return answer.status, answer.getheaders(), answer.read()
        except (OSError, http.client.HTTPException):
            self.cut(reset=False)
            return 0, [], b""
        finally:
            link.close()

    def answer(
        self, status: int, body: bytes, headers: list[tuple[str, str]], promise: int = 0
    ) -> None:
        self.send_response(status)
        for name, value in headers:
            if name.lower() not in {"content-length", "connection", "transfer-encoding"}:
                self.send_header(name, value)
        self.send_header("Content-Length", str(promise or len(body)))
        self.end_headers()
        self.wfile.write(body)

    def spoil(
        self, fate: str, status: int, headers: list[tuple[str, str]], body: bytes
    ) -> None:
        """Do to the answer what the fate says."""
        html = [("Content-Type", "text/html")]
        plain = [("Content-Type", "application/json")]
        match fate.removesuffix("_after").removesuffix("_before"):
            case "reset":
                self.cut(reset=True)
            case "close":
                self.cut(reset=False)
            case "timeout":
                select.select([self.connection], [], [], HOLD_SECONDS)
                self.cut(reset=False)
            case "html":
                self.answer(200, b"<html>Welcome to the hotel</html>", html)
            case "502_html":
                self.answer(502, b"<html>Bad gateway</html>", html)
            case "truncated":
                self.answer(status, body[: len(body) // 2], plain, promise=len(body))
                self.cut(reset=False)
            case "wrong_shape":
                self.answer(200, b'{"data": 7, "id": ["x"]}', plain)
            case "gzip_bomb":
                self.answer(200, BOMB, [*plain, ("Content-Encoding", "gzip")])
            case "drip":
                self.drip(status, body)
            case "redirect":
                self.answer(302, b"", [("Location", "http://127.0.0.1:9/elsewhere")])
            case name:
                wait = [("Retry-After", WAITS[fate])] if fate in WAITS else []
                code, word = PLAIN[fate if fate in PLAIN else name]
                error = {"error": {"type": "api_error", "message": "As asked."}}
                if word:
                    error["error"]["code"] = word
                self.answer(code, json.dumps(error).encode(), [*plain, *wait])

    def drip(self, status: int, body: bytes) -> None:
        self.answer(status, b"", [], promise=len(body))
        for at in range(len(body)):
            if select.select([self.connection], [], [], 0.1)[0]:
                break  # the peer has given up
            self.wfile.write(body[at : at + 1])
        self.cut(reset=False)

    def cut(self, *, reset: bool) -> None:
        """End the connection without another byte."""
        self.close_connection = True
        if reset:
            linger = struct.pack("ii", 1, 0)
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
            self.connection.close()
        else:
            try:
                self.connection.shutdown(socket.SHUT_RDWR)
            except OSError:
                self.connection.close()
