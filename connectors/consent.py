"""The way back from the browser: one answer, on this machine alone, matched by its state."""

import hmac
from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from connectors.failures import Misconfigured, NotNow
from connectors.loopback import HOST, is_loopback
from connectors.redaction import Secret, one_line
from state.clock import Clock

HTTP_PORT = 80
URL_MAX = 8192  # characters of an answer
POLL_SECONDS = 0.5
DONE = "Tieout has what it needs. You can close this window."
NOT_DONE = "Tieout did not take this answer; see the terminal."


class NotOurs(Exception):
    """An answer that does not carry the state we sent: not the answer to our question."""


@dataclass(frozen=True, slots=True)
class Consented:
    """What the browser brought back."""

    code: Secret
    more: Mapping[str, str]  # QuickBooks: realmId, the company that was chosen


def read_answer(address: str, state: Secret) -> Consented:
    """The code in a redirect's address. Raises NotOurs; Misconfigured for a refusal.

    The state is compared before anything else is believed.
    """
    fields = dict(parse_qsl(urlsplit(address.strip()[:URL_MAX]).query))
    given = fields.pop("state", "")
    if not hmac.compare_digest(given.encode(), state.reveal().encode()):
        raise NotOurs("the answer does not carry the state that was sent; it was refused")
    code = fields.pop("code", "")
    if "error" in fields or not code:
        why = " ".join(
            fields[name] for name in ("error", "error_description") if name in fields
        )
        raise Misconfigured(f"the consent was not given: {one_line(why) or 'no code came'}")
    return Consented(Secret(code), fields)


class Listener:
    """Waits on 127.0.0.1 for the one redirect that answers ours."""

    def __init__(self, redirect_url: str, state: Secret) -> None:
        parts = urlsplit(redirect_url)
        if parts.scheme != "http" or not is_loopback(parts.hostname or ""):
            raise Misconfigured("redirect_url is not on this machine")
        self._path = parts.path or "/"
        self._state = state
        self._got: Consented | Misconfigured | None = None
        self.refused = 0  # answers that were not ours
        try:
            port = HTTP_PORT if parts.port is None else parts.port  # 0: any that is free
            self._server = HTTPServer((HOST, port), self._handler())
        except OSError as error:
            raise Misconfigured(
                f"redirect_url: port {parts.port} cannot be listened on "
                f"({error.strerror}); choose another, here and at the vendor"
            ) from None
        self._server.timeout = POLL_SECONDS
        self.port = self._server.server_port

    def wait(self, clock: Clock, seconds: int) -> Consented:
        """The answer. Raises NotNow when none came in time, Misconfigured when refused."""
        until = clock.monotonic() + seconds
        while self._got is None and clock.monotonic() < until:
            self._server.handle_request()
        match self._got:
            case Consented() as consented:
                return consented
            case Misconfigured() as refused:
                raise refused
            case _:
                also = f"; {self.refused} answers were not ours" if self.refused else ""
                raise NotNow(f"no consent came within {seconds} s{also}; ask again")

    def close(self) -> None:
        """Give the port back."""
        self._server.server_close()

    def _take(self, address: str) -> bool:
        try:
            self._got = read_answer(address, self._state)
        except NotOurs:
            self.refused += 1
            return False
        except Misconfigured as refused:
            self._got = refused
            return False
        return True

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        listener = self

        class Handler(BaseHTTPRequestHandler):
            timeout = 10  # a browser that connects and says nothing does not block us

            def do_GET(self) -> None:
                if urlsplit(self.path).path != listener._path:
                    self._say(HTTPStatus.NOT_FOUND, NOT_DONE)
                elif listener._take(self.path):
                    self._say(HTTPStatus.OK, DONE)
                else:
                    self._say(HTTPStatus.BAD_REQUEST, NOT_DONE)

            def _say(self, status: HTTPStatus, text: str) -> None:
                body = text.encode()
                self.send_response(status)
                self.send_header("Content-Type", "text/plain; charset=utf-8")
                self.send_header("Content-Length", str(len(body)))
                self.send_header("Cache-Control", "no-store")
                self.send_header("Referrer-Policy", "no-referrer")
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *args: Any) -> None:
                """The address holds the code: it is not logged."""

        return Handler
