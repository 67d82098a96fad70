"""A small authorization server on loopback: PKCE, single-use codes, rotating tokens."""

import base64
import hashlib
import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, parse_qsl, urlencode, urlsplit

import jwt

CLIENT = "client-of-tests"
CLIENT_SECRET = "canary-client-secret-1f2e3d"
CERTIFICATE = "certificate-7"


class Authority:
    """Gives tokens out and checks every one that comes back; keeps a list of violations."""

    def __init__(self) -> None:
        self.codes: dict[str, dict[str, str]] = {}
        self.refresh = ""  # the one that is good
        self.spent: set[str] = set()  # good for one more try where there is grace
        self.grace = False
        self.rotates = True
        self.access: set[str] = set()
        self.asked: list[dict[str, str]] = []  # forms at the token endpoint
        self.calls: list[str] = []  # bearers at the API
        self.answer: tuple[int, str] | None = None  # given instead of a token
        self.hold = threading.Event()
        self.hold.set()
        self.public_key: Any = None
        self.more: dict[str, Any] = {}
        self.violations: list[str] = []
        self.on_call: Any = None
        self.deny = False
        self.token_path = "/token"
        self.wrong_state = False
        self._count = 0
        self._turn = threading.Lock()
        authority = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                parts = urlsplit(self.path)
                if parts.path.endswith(("/authorize", "/connect/oauth2")):
                    self._redirect(authority._authorized(dict(parse_qsl(parts.query))))
                else:
                    self._json(*authority._api(self.headers.get("Authorization", "")))

            def do_POST(self) -> None:
                text = self.rfile.read(int(self.headers["Content-Length"])).decode()
                authority.hold.wait(20)
                head = self.headers.get("Authorization", "")
                if "json" in self.headers.get("Content-Type", ""):
                    self._json(*authority._api(head))
                else:
                    self._json(*authority._token(dict(parse_qsl(text)), head))

            def _redirect(self, to: str) -> None:
                self.send_response(302)
                self.send_header("Location", to)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def _json(self, status: int, body: str) -> None:
                self.send_response(status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body.encode())

            def log_message(self, *args: Any) -> None:
                """Say nothing."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        self._thread = threading.Thread(
            target=self._server.serve_forever, args=(0.02,), daemon=True
        )
        self._thread.start()

    def close(self) -> None:
        self.hold.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def new(self, what: str) -> str:
        self._count += 1
        return f"canary-{what}-{self._count:04d}-never-to-be-seen"

    def _authorized(self, query: dict[str, str]) -> str:
        """The person consents at once, and the browser is sent back."""
        if query.get("code_challenge_method") != "S256" or not query.get("code_challenge"):
            self.violations.append("asked for consent without PKCE")
        state = "forged" if self.wrong_state else query["state"]
        if self.deny:
            given = {"error": "access_denied", "state": state}
        else:
            code = self.new("code")
            self.codes[code] = query
            given = {"code": code, "state": state, "realmId": "9130"}
        return f"{query['redirect_uri']}?{urlencode(given)}"

    def _token(self, form: dict[str, str], head: str) -> tuple[int, str]:
        with self._turn:
            self.asked.append(form)
            if self.answer is not None:
                return self.answer
            refusal = getattr(self, f"_{form['grant_type']}")(form, head)
            if refusal:
                return 400, json.dumps(
                    {"error": refusal, "error_description": form.get("refresh_token", "")}
                )
            access = self.new("access")
            self.access.add(access)
            body = {
                "access_token": access,
                "token_type": "bearer",
                "expires_in": 3600,
                **self.more,
            }
            if form["grant_type"] != "client_credentials" and (
                self.rotates or not self.refresh
            ):
                self.spent = {self.refresh}
                self.refresh = self.new("refresh")
                body["refresh_token"] = self.refresh
            return 200, json.dumps(body)

    def _authorization_code(self, form: dict[str, str], head: str) -> str:
        asked = self.codes.pop(form["code"], None)
        if not _is_client(head):
            return "invalid_client"
        if asked is None or asked["redirect_uri"] != form["redirect_uri"]:
            return "invalid_grant"
        digest = hashlib.sha256(form["code_verifier"].encode()).digest()
        challenge = base64.urlsafe_b64encode(digest).decode().rstrip("=")
        return "" if challenge == asked["code_challenge"] else "invalid_grant"

    def _refresh_token(self, form: dict[str, str], head: str) -> str:
        given = form["refresh_token"]
        if not _is_client(head):
            return "invalid_client"
        good = given == self.refresh or (self.grace and given in self.spent)
        return "" if good else "invalid_grant"

    def _client_credentials(self, form: dict[str, str], head: str) -> str:
        if "client_assertion" in form:
            address = f"{self.url}{self.token_path}"
            head_of = jwt.get_unverified_header(form["client_assertion"])
            claims = jwt.decode(
                form["client_assertion"],
                self.public_key,
                algorithms=["PS256", "ES256"],
                audience=address,
            )
            sound = claims["exp"] - claims["iat"] <= 3600 and head_of["kid"] == CERTIFICATE
            return "" if sound and claims["iss"] == CLIENT else "invalid_grant"
        given = (form.get("client_id"), form.get("client_secret")) == (
            CLIENT,
            CLIENT_SECRET,
        )
        return "" if given or _is_client(head) else "invalid_client"

    def _api(self, head: str) -> tuple[int, str]:
        bearer = head.removeprefix("Bearer ")
        with self._turn:
            self.calls.append(bearer)
            if self.on_call is not None:
                self.on_call(bearer)
            if bearer not in self.access:
                return 401, '{"message": "the token has expired"}'
            return 200, '{"ok": true}'


def _is_client(head: str) -> bool:
    pair = base64.b64encode(f"{CLIENT}:{CLIENT_SECRET}".encode()).decode()
    return head == f"Basic {pair}"


def query_of(url: str) -> dict[str, list[str]]:
    return parse_qs(urlsplit(url).query)
