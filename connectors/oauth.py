"""How each system gives its tokens out: by a secret, a signed assertion, or a consent.

The wording of requests is oauthlib's and PyJWT's; the sending is `wire`'s, so a token
endpoint is spoken to with the same deadlines, redaction and log as everything else.
"""

import base64
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from http import HTTPStatus
from typing import Any, cast

import jwt
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from oauthlib import oauth1
from oauthlib.common import add_params_to_uri
from oauthlib.oauth2 import BackendApplicationClient, WebApplicationClient

from connectors.failures import ConnectorFailure, Incomplete, Misconfigured, NotNow
from connectors.redaction import Secret, one_line, redact
from connectors.tokens import RefreshRefused, Token
from connectors.transport import Answer
from connectors.wire import Wire
from connectors.wirejson import Form, error_fields
from state.clock import Clock

LIFE_UNTOLD = 1800  # seconds, where the endpoint does not say
VERIFIER_LENGTH = 64
ASSERTION_SECONDS = 300
RSA_BITS_MIN = 3072  # NetSuite
ASSERTION_TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
_LATER = frozenset({"temporarily_unavailable", "slow_down", "server_error"})
_CURVES = {256: "ES256", 384: "ES384", 521: "ES512"}


def judge(answer: Answer) -> ConnectorFailure | None:
    """RFC 6749's error bodies; anything else is left to the general rule."""
    if answer.status < HTTPStatus.BAD_REQUEST:
        return None
    fields = error_fields(answer)
    word = fields.get("error")
    if not isinstance(word, str):
        return None
    said = one_line(f"{word} {fields.get('error_description') or ''}".strip())
    if word in _LATER:
        return NotNow(said)
    if word == "invalid_grant":
        return RefreshRefused(said)
    return Misconfigured(f"{said} (check the client id, its secret and its rights)")


@dataclass(frozen=True, slots=True)
class Endpoint:
    """A token endpoint: the wire to its host, and its path."""

    wire: Wire
    path: str

    def ask(
        self,
        form: str,
        *,
        headers: Mapping[str, str] | None = None,
        hide: tuple[Secret, ...] = (),
    ) -> Mapping[str, Any]:
        """The answer's fields. `hide` is what was sent and may be echoed."""
        try:
            body = self.wire.write("POST", self.path, Form(form), headers=headers).data
        except ConnectorFailure as error:
            error.args = (redact(str(error), hide),)
            raise
        if not isinstance(body, dict) or not isinstance(body.get("access_token"), str):
            raise Incomplete(f"{self.wire.system}: the token endpoint gave no token")
        return body

    def token(self, body: Mapping[str, Any], *, idle: timedelta | None = None) -> Token:
        """The token in an answer. `idle` is how long a refresh token lives unused."""
        now = self.wire.clock.now()
        given = body.get("refresh_token")
        return Token(
            access=Secret(body["access_token"]),
            renewed_at=now,
            expires_at=now + timedelta(seconds=_seconds(body, "expires_in") or LIFE_UNTOLD),
            refresh=Secret(given) if isinstance(given, str) and given else None,
            consent_until=_consent_until(body, now, idle),
        )


def _seconds(body: Mapping[str, Any], name: str) -> int | None:
    text = str(body.get(name) or "")
    return int(text[:10]) if text.isascii() and text.isdigit() else None


def _consent_until(
    body: Mapping[str, Any], now: datetime, idle: timedelta | None
) -> datetime | None:
    """The earliest end that is told: QuickBooks has an idle one and a hard one."""
    told = [
        timedelta(seconds=seconds)
        for name in ("x_refresh_token_expires_in", "x_refresh_token_hard_expires_in")
        if (seconds := _seconds(body, name)) is not None
    ]
    ends = told or ([] if idle is None else [idle])
    return now + min(ends) if ends else None


# --- machines -----------------------------------------------------------------------
@dataclass(frozen=True, slots=True)
class ClientCredentials:
    """A secret of our own: Entra, Sage Intacct, a Xero Custom Connection.

    `basic`: the id and the secret travel in the header and not in the form.
    """

    endpoint: Endpoint
    client_id: str
    secret: Secret
    scope: str = ""
    basic: bool = False
    more: Mapping[str, str] = field(default_factory=dict)
    consented: bool = False

    def fetch(self, _refresh: Secret | None) -> Token:
        """Ask anew; a machine needs no refresh token."""
        form = BackendApplicationClient(self.client_id).prepare_request_body(
            scope=self.scope or None,
            include_client_id=not self.basic,
            **({} if self.basic else {"client_secret": self.secret.reveal()}),
            **self.more,
        )
        headers = basic(self.client_id, self.secret) if self.basic else None
        body = _by_machine(self.endpoint, form, headers, self.secret)
        return self.endpoint.token(body)


@dataclass(frozen=True, slots=True)
class SignedAssertion:
    """A certificate of our own: NetSuite's OAuth 2.0 client credentials."""

    endpoint: Endpoint
    audience: str  # the endpoint's whole address
    client_id: str
    certificate_id: str
    key: Secret  # PEM, PKCS 8
    scope: str = "rest_webservices"
    consented: bool = False

    def fetch(self, _refresh: Secret | None) -> Token:
        """Sign an assertion and ask anew."""
        now = int(self.endpoint.wire.clock.now().timestamp())
        claims = {
            "iss": self.client_id,
            "scope": self.scope,
            "aud": self.audience,
            "iat": now,
            "exp": now + ASSERTION_SECONDS,
        }
        assertion = signed(claims, self.key, {"kid": self.certificate_id})
        form = BackendApplicationClient(self.client_id).prepare_request_body(
            client_assertion_type=ASSERTION_TYPE, client_assertion=assertion.reveal()
        )
        return self.endpoint.token(_by_machine(self.endpoint, form, None, assertion))


def _by_machine(
    endpoint: Endpoint, form: str, headers: Mapping[str, str] | None, secret: Secret
) -> Mapping[str, Any]:
    """For a machine a refused grant is a wrong setting: nobody can consent."""
    try:
        return endpoint.ask(form, headers=headers, hide=(secret,))
    except RefreshRefused as refused:
        raise Misconfigured(
            f"{refused} (check the client id, its secret or certificate, and its role)"
        ) from None


def signed(claims: Mapping[str, Any], key: Secret, head: Mapping[str, str]) -> Secret:
    """A JWT by an RSA or EC key, with the algorithm that fits it. Raises Misconfigured."""
    try:
        private = load_pem_private_key(key.reveal().encode(), None)
    except (ValueError, TypeError):
        raise Misconfigured(
            "private_key is no unencrypted private key in PEM; name its file with file:PATH"
        ) from None
    match private:
        case rsa.RSAPrivateKey() if private.key_size >= RSA_BITS_MIN:
            algorithm = "PS256"
        case ec.EllipticCurvePrivateKey() if private.key_size in _CURVES:
            algorithm = _CURVES[private.key_size]
        case _:
            raise Misconfigured(
                f"private_key must be an RSA key of {RSA_BITS_MIN} bits or more, or an EC key"
            )
    return Secret(jwt.encode(dict(claims), private, algorithm, headers=dict(head)))


def basic(client_id: str, secret: Secret) -> dict[str, str]:
    """The client in a header, as QuickBooks and Xero want it."""
    pair = base64.b64encode(f"{client_id}:{secret.reveal()}".encode()).decode()
    return {"Authorization": f"Basic {pair}"}


# --- a person's consent -------------------------------------------------------------
@dataclass(frozen=True, slots=True)
class Asked:
    """A consent that was asked for; what comes back must match it."""

    url: str
    state: Secret
    verifier: Secret


@dataclass(frozen=True, slots=True)
class Consent:
    """An authorization code with PKCE, then a refresh token that rotates."""

    endpoint: Endpoint
    authorize_url: str
    client_id: str
    secret: Secret
    scope: str
    redirect_url: str
    idle: timedelta  # how long a refresh token lives unused
    headers: Mapping[str, str] = field(default_factory=dict)
    consented: bool = True

    def ask(self, new_state: Callable[[], str]) -> Asked:
        """The address at which a person consents."""
        client = WebApplicationClient(self.client_id)
        verifier = client.create_code_verifier(VERIFIER_LENGTH)
        state = new_state()
        # The settings have seen to https; oauthlib's own check knows no loopback.
        url = add_params_to_uri(
            self.authorize_url,
            {
                "response_type": "code",
                "client_id": self.client_id,
                "redirect_uri": self.redirect_url,
                "scope": self.scope,
                "state": state,
                "code_challenge": client.create_code_challenge(verifier, "S256"),
                "code_challenge_method": "S256",
            },
        )
        return Asked(url, Secret(state), Secret(verifier))

    def redeem(self, code: Secret, asked: Asked) -> Token:
        """The first token, for the code that the browser brought back."""
        form = WebApplicationClient(self.client_id).prepare_request_body(
            code=code.reveal(),
            redirect_uri=self.redirect_url,
            include_client_id=False,
            code_verifier=asked.verifier.reveal(),
        )
        return self._token(form, code, asked.verifier)

    def fetch(self, refresh: Secret | None) -> Token:
        """The next token; the refresh token is spent by it. Raises RefreshRefused."""
        if refresh is None:
            raise RefreshRefused("the consent gave no refresh token")
        client = WebApplicationClient(self.client_id)
        got = self._token(
            client.prepare_refresh_body(refresh_token=refresh.reveal()), refresh
        )
        if got.refresh is not None:
            return got
        return replace(got, refresh=refresh)  # not rotated: the one we have stays good

    def _token(self, form: str, *hide: Secret) -> Token:
        headers = {**basic(self.client_id, self.secret), **self.headers}
        body = self.endpoint.ask(form, headers=headers, hide=(self.secret, *hide))
        return self.endpoint.token(body, idle=self.idle)


# --- OAuth 1.0a ---------------------------------------------------------------------
@dataclass(frozen=True, slots=True)
class TokenBased:
    """NetSuite's token-based authentication, as `wire.Auth`: each request is signed.

    Oracle takes no new integrations of this kind from 2027.1.
    """

    realm: str
    consumer_key: str
    consumer_secret: Secret
    token_id: str
    token_secret: Secret
    clock: Clock
    nonce: Callable[[], str]

    def headers(self, method: str, url: str) -> Mapping[str, str]:
        """The signature over method and address, query and all; a JSON body is not signed."""
        client = oauth1.Client(
            self.consumer_key,
            client_secret=self.consumer_secret.reveal(),
            resource_owner_key=self.token_id,
            resource_owner_secret=self.token_secret.reveal(),
            signature_method=oauth1.SIGNATURE_HMAC_SHA256,
            realm=self.realm,
            nonce=self.nonce(),
            timestamp=str(int(self.clock.now().timestamp())),
        )
        _, headers, _ = client.sign(url, http_method=cast("Any", method))
        return {"Authorization": str(headers["Authorization"])}

    def renew(self, _sent: Mapping[str, str]) -> bool:
        """Nothing ends here: a refused signature is a wrong setting."""
        return False
