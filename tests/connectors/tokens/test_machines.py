"""Machines ask by a secret, by a signed assertion, or sign each request; nothing is shown."""

import base64
import dataclasses
import hashlib
import hmac
import logging
import traceback
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, quote, unquote, urlsplit

import pytest
import structlog
from cryptography.fernet import Fernet
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
)

from connectors.failures import ConnectorFailure, Misconfigured, NeedsConsent
from connectors.oauth import (
    ClientCredentials,
    Consent,
    Endpoint,
    SignedAssertion,
    TokenBased,
    judge,
)
from connectors.redaction import Secret
from connectors.seal import FernetSeal, PlainSeal
from connectors.tokens import Keeper
from state.tokenbook import TokenBook
from tests.clocks import StillClock
from tests.connectors.tokens.authority import (
    CERTIFICATE,
    CLIENT,
    CLIENT_SECRET,
    Authority,
)
from tests.connectors.tokens.making import (
    consent_at,
    consented,
    keeper_of,
    wire_to,
)

RSA = rsa.generate_private_key(65537, 3072)


def pem(key: Any) -> Secret:
    return Secret(
        key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
    )


def endpoint(authority: Authority, clock: StillClock) -> Endpoint:
    return Endpoint(wire_to(authority.url, clock, judge=judge), "/token")


def assertion(authority: Authority, clock: StillClock, key: Any) -> SignedAssertion:
    authority.public_key = key.public_key()
    made = endpoint(authority, clock)
    return SignedAssertion(made, f"{authority.url}/token", CLIENT, CERTIFICATE, pem(key))


@pytest.mark.parametrize("basic", [True, False])
def test_a_secret_of_our_own(authority: Authority, clock: StillClock, basic: bool) -> None:
    grant = ClientCredentials(
        endpoint(authority, clock),
        CLIENT,
        Secret(CLIENT_SECRET),
        "a/.default b",
        basic,
        {"username": "u@c"},
    )
    token = grant.fetch(None)
    form = authority.asked[0]
    assert token.access.reveal() in authority.access
    assert (form["scope"], form["username"]) == ("a/.default b", "u@c")
    assert ("client_secret" in form) is not basic


@pytest.mark.parametrize("curve", [None, ec.SECP256R1()])
def test_netsuite_signs_an_assertion(
    authority: Authority, clock: StillClock, curve: Any
) -> None:
    clock.time = clock.time.now(clock.time.tzinfo)  # the server checks its age
    key = RSA if curve is None else ec.generate_private_key(curve)
    token = assertion(authority, clock, key).fetch(None)
    assert token.access.reveal() in authority.access
    assert "client_secret" not in authority.asked[0]
    assert "client_id" not in authority.asked[0]


@pytest.mark.parametrize(
    "key",
    [
        Secret("nonsense"),
        pem(rsa.generate_private_key(65537, 2048)),
        pem(ed25519.Ed25519PrivateKey.generate()),
    ],
)
def test_a_key_that_netsuite_would_not_take_is_refused_here(
    authority: Authority, clock: StillClock, key: Secret
) -> None:
    grant = dataclasses.replace(assertion(authority, clock, RSA), key=key)
    with pytest.raises(Misconfigured, match="private_key"):
        grant.fetch(None)
    assert authority.asked == []


def test_a_machine_that_is_refused_never_asks_for_a_consent(
    authority: Authority, shelf: TokenBook, clock: StillClock
) -> None:
    clock.time = clock.time.now(clock.time.tzinfo)
    grant = dataclasses.replace(assertion(authority, clock, RSA), certificate_id="another")
    keeper = keeper_of(grant, shelf, clock)
    with pytest.raises(Misconfigured, match="certificate") as refused:
        keeper.headers("GET", "/")
    assert not isinstance(refused.value, NeedsConsent)
    kept = shelf.token("books")
    assert kept is not None
    assert kept.refusal == ""


def test_a_machine_whose_token_was_sealed_with_another_key_asks_anew(
    authority: Authority, shelf: TokenBook, clock: StillClock
) -> None:
    grant = ClientCredentials(endpoint(authority, clock), CLIENT, Secret(CLIENT_SECRET))
    for _ in range(2):
        seal = FernetSeal([Secret(Fernet.generate_key().decode())])
        keeper_of(grant, shelf, clock, seal=seal).headers("GET", "/")
    assert len(authority.asked) == 2


def test_token_based_authentication_signs_method_address_and_query() -> None:
    """Recomputed from RFC 5849 here: the base string, then HMAC-SHA256."""
    clock = StillClock()
    auth = TokenBased(
        "1234567_SB1",
        "ck",
        Secret("canary-cs"),
        "tk",
        Secret("canary-ts"),
        clock,
        lambda: "nonce7",
    )
    url = "https://1234567-sb1.suitetalk.api.netsuite.com/services/rest/query/v1/suiteql"
    head = auth.headers("POST", f"{url}?limit=1000&offset=0")["Authorization"]
    assert head.startswith('OAuth realm="1234567_SB1",')
    fields = dict(
        part.strip().split("=", 1) for part in head.removeprefix("OAuth ").split(",")
    )
    fields = {name: unquote(value.strip('"')) for name, value in fields.items()}
    signature = fields.pop("oauth_signature")
    del fields["realm"]
    pairs = sorted([*fields.items(), *parse_qsl("limit=1000&offset=0")])
    said = "&".join(
        f"{quote(name, safe='')}={quote(value, safe='')}" for name, value in pairs
    )
    base = "&".join(quote(part, safe="") for part in ("POST", url, said))
    digest = hmac.new(b"canary-cs&canary-ts", base.encode(), hashlib.sha256).digest()
    assert signature == base64.b64encode(digest).decode()
    assert fields["oauth_signature_method"] == "HMAC-SHA256"
    assert fields["oauth_timestamp"] == str(int(clock.now().timestamp()))
    assert not auth.renew({})
    assert "canary" not in repr(auth)


# --- nothing is shown ---------------------------------------------------------------
@pytest.fixture
def said(caplog: pytest.LogCaptureFixture) -> Iterator[list[str]]:
    """Everything that was logged."""
    lines: list[str] = []

    def keep(_logger: Any, _name: str, event: Any) -> Any:
        lines.append(str(event))
        raise structlog.DropEvent

    before = structlog.get_config()
    structlog.configure(processors=[keep], wrapper_class=structlog.BoundLogger)
    with caplog.at_level(logging.DEBUG):
        yield lines
        lines += [record.getMessage() for record in caplog.records]
    structlog.configure(**before)


def test_no_secret_is_ever_shown(
    authority: Authority, shelf: TokenBook, clock: StillClock, said: list[str]
) -> None:
    keeper = consented(authority, shelf, clock)
    wire = wire_to(authority.url, clock, auth=keeper)
    wire.get("/x")
    shown = [repr(keeper), repr(wire), repr(keeper._held), repr(keeper._grant)]
    keeper.renew(keeper.headers("GET", "/"))
    for answer in (
        (500, authority.refresh),
        (
            400,
            f'{{"error": "invalid_client", "error_description": "{authority.refresh} {CLIENT_SECRET}"}}',
        ),
        (
            400,
            f'{{"error": "invalid_grant", "error_description": "{authority.refresh} was spent"}}',
        ),
    ):
        authority.answer = answer
        clock.sleep(3600)
        try:
            keeper.headers("GET", "/")
        except ConnectorFailure as error:
            shown += traceback.format_exception(error)
    assert len(authority.asked) == 5
    kept = shelf.token("books")
    assert kept is not None
    shown += [kept.refusal, *said]
    assert any("was spent" in text for text in shown)
    assert said
    for text in shown:
        assert "canary" not in text


def test_a_sealed_token_is_not_in_the_database_file(
    authority: Authority, shelf: TokenBook, clock: StillClock, tmp_path: Path
) -> None:
    key = Secret(Fernet.generate_key().decode())
    keeper = consented(authority, shelf, clock, seal=FernetSeal([key]))
    assert keeper.headers("GET", "/")
    shelf.close()
    for path in tmp_path.iterdir():
        assert b"canary" not in path.read_bytes()


def test_seals_open_what_earlier_keys_closed() -> None:
    old, new = (Secret(Fernet.generate_key().decode()) for _ in range(2))
    closed = FernetSeal([old]).close("text")
    assert FernetSeal([new, old]).open(closed) == "text"
    assert FernetSeal([new]).open(PlainSeal().close("text")) == "text"
    with pytest.raises(Misconfigured, match="sealed with another key"):
        FernetSeal([new]).open(closed)
    with pytest.raises(Misconfigured, match=r"set state\.token_key"):
        PlainSeal().open(closed)
    with pytest.raises(Misconfigured, match="openssl rand") as refused:
        FernetSeal([Secret("canary-no-key")])
    assert "canary" not in str(refused.value)


def test_a_consented_token_whose_key_is_lost_says_so(
    authority: Authority, shelf: TokenBook, clock: StillClock
) -> None:
    consented(
        authority, shelf, clock, seal=FernetSeal([Secret(Fernet.generate_key().decode())])
    )
    keeper = keeper_of(consent_at(authority.url, clock), shelf, clock)
    with pytest.raises(Misconfigured, match=r"set state\.token_key"):
        keeper.headers("GET", "/")
    assert len(authority.asked) == 1


def test_the_address_of_a_consent_holds_no_secret(
    authority: Authority, clock: StillClock
) -> None:
    grant: Consent = consent_at(authority.url, clock)
    asked = grant.ask(lambda: "state")
    assert CLIENT_SECRET not in asked.url
    assert asked.verifier.reveal() not in asked.url
    assert urlsplit(asked.url).path == "/authorize"
    assert asked.verifier.reveal() not in repr(asked)


def test_keepers_show_nothing_but_their_name(shelf: TokenBook, clock: StillClock) -> None:
    keeper: Keeper = keeper_of(object(), shelf, clock)
    assert repr(keeper) == "Keeper(books)"
