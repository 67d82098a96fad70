"""A proxy that passes everything on, and misbehaves where it is told to."""

import json
import re
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import requests

PASSED_ON = ("authorization", "content-type", "idempotency-key", "stripe-version")
EMPTY_PAGE = {"object": "list", "data": [], "has_more": False, "next_page": None}


def every_number(text: str) -> Callable[[bytes], bytes]:
    """Put this in the place of every total."""
    return lambda body: re.sub(rb'"total": ?-?[\d.]+', b'"total":' + text.encode(), body)


def word(old: str, new: str) -> Callable[[bytes], bytes]:
    return lambda body: body.replace(old.encode(), new.encode())


def endless(body: bytes) -> bytes:
    """A page that has a next one, for ever the same; a refused cursor is one too."""
    page = {"data": [], **json.loads(body), "has_more": True, "next_page": "same"}
    return json.dumps(page).encode()


def says(body: Any, status: int = 200, kind: str = "application/json") -> "Answer":
    """An answer in the place of the true one."""
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    return lambda _: (status, raw, kind)


def after(change: Callable[[bytes], bytes]) -> "Answer":
    """The true answer, changed."""
    return lambda body: (200, change(body), "application/json")


Answer = Callable[[bytes], tuple[int, bytes, str]]


class Proxy:
    """Stands before a server. `misbehave` names where and how; None: pass all on."""

    def __init__(self, to: str) -> None:
        self.to = to
        self.where = ""
        self.how: Answer | None = None
        self.writes: list[str] = []
        session = requests.Session()
        session.trust_env = False
        proxy = self

        class Passing(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                length = int(self.headers.get("Content-Length") or 0)
                sent = self.rfile.read(length)
                if self.command == "POST" and "sk_test" in self.headers["Authorization"]:
                    proxy.writes.append(self.path)
                answer = session.request(
                    self.command,
                    proxy.to + self.path,
                    data=sent,
                    headers={  # a connection for each: an idle one may end as it is used
                        "Connection": "close",
                        **{k: v for k, v in self.headers.items() if k.lower() in PASSED_ON},
                    },
                    timeout=30,
                )
                status, body = answer.status_code, answer.content
                kind = answer.headers.get("Content-Type", "")
                if proxy.how is not None and re.search(proxy.where, self.path):
                    status, body, kind = proxy.how(body)
                self.send_response(status)
                self.send_header("Content-Type", kind)
                self.send_header("Content-Length", str(len(body)))
                if status in range(300, 400):
                    self.send_header("Location", "http://127.0.0.1:9/elsewhere")
                self.end_headers()
                self.wfile.write(body)

            do_POST = do_GET  # noqa: N815 - as its base spells it

            def log_message(self, *_: Any) -> None:
                """Say nothing."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Passing)
        self._server.daemon_threads = True
        self._thread = threading.Thread(
            target=self._server.serve_forever, args=(0.02,), daemon=True
        )
        self._thread.start()
        self.url = f"http://127.0.0.1:{self._server.server_port}"

    def misbehave(self, where: str, how: Answer | None) -> None:
        self.where, self.how = where, how

    def stop(self) -> None:
        self._server.shutdown()
        self._thread.join(5)
        self._server.server_close()
