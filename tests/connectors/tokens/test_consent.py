"""A consent in the browser: PKCE, a state that must come back, and a way out."""

import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest
import requests

from connectors.consent import Consented, Listener, NotOurs, read_answer
from connectors.failures import Misconfigured, NotNow
from connectors.oauth import Asked, Consent
from connectors.redaction import Secret
from connectors.tokens import RefreshRefused
from tests.clocks import StillClock
from tests.connectors.tokens.authority import Authority, query_of
from tests.connectors.tokens.making import RunningClock, browse, consent_at

STATE = Secret("canary-state-0123456789abcdef")


class Asking:
    """A listener on a free port, and the consent that leads back to it."""

    def __init__(self, authority: Authority) -> None:
        self.listener = Listener("http://localhost:0/back", STATE)
        self.clock = RunningClock(0)
        redirect = f"http://127.0.0.1:{self.listener.port}/back"
        self.grant: Consent = consent_at(authority.url, self.clock, redirect)
        self.asked: Asked = self.grant.ask(STATE.reveal)

    def wait(self, seconds: int = 20) -> Consented:
        return self.listener.wait(self.clock, seconds)


@pytest.fixture
def asking(authority: Authority) -> Iterator[Asking]:
    made = Asking(authority)
    yield made
    made.listener.close()


def test_a_person_consents_and_the_code_becomes_a_token(
    authority: Authority, asking: Asking
) -> None:
    query = query_of(asking.asked.url)
    assert query["code_challenge_method"] == ["S256"]
    assert query["state"] == [STATE.reveal()]
    assert asking.asked.verifier.reveal() not in asking.asked.url
    browser = browse(asking.asked.url)
    consented = asking.wait()
    browser.join(20)
    assert consented.more == {"realmId": "9130"}
    token = asking.grant.redeem(consented.code, asking.asked)
    assert token.refresh == Secret(authority.refresh)
    assert token.consent_until is not None
    assert (token.consent_until - token.renewed_at).days == 60


def test_a_code_is_no_use_without_the_verifier(
    authority: Authority, asking: Asking
) -> None:
    browser = browse(asking.asked.url)
    consented = asking.wait()
    browser.join(20)
    thief = Asked("", STATE, Secret("x" * 64))
    with pytest.raises(RefreshRefused, match="invalid_grant"):
        asking.grant.redeem(consented.code, thief)


def test_an_answer_with_another_state_is_refused_and_ours_is_waited_for(
    authority: Authority, asking: Asking
) -> None:
    said: list[Any] = []

    def two_browsers() -> None:
        authority.wrong_state = True
        said.append(requests.get(asking.asked.url, timeout=20))
        authority.wrong_state = False
        said.append(requests.get(asking.asked.url, timeout=20))

    thread = threading.Thread(target=two_browsers)
    thread.start()
    consented = asking.wait()
    thread.join(20)
    assert [one.status_code for one in said] == [400, 200]
    assert "see the terminal" in said[0].text
    assert asking.listener.refused == 1
    assert asking.grant.redeem(consented.code, asking.asked).access


def test_a_browser_that_asks_for_something_else_is_told_so(
    authority: Authority, asking: Asking
) -> None:
    base = asking.grant.redirect_url.removesuffix("/back")
    said: list[Any] = []

    def favicon_first() -> None:
        said.append(requests.get(f"{base}/favicon.ico", timeout=20))
        said.append(requests.get(asking.asked.url, timeout=20))

    thread = threading.Thread(target=favicon_first)
    thread.start()
    assert asking.wait().code
    thread.join(20)
    assert [one.status_code for one in said] == [404, 200]
    assert said[1].headers["Referrer-Policy"] == "no-referrer"
    assert said[1].headers["Cache-Control"] == "no-store"


def test_a_person_who_says_no_ends_it(authority: Authority, asking: Asking) -> None:
    authority.deny = True
    browser = browse(asking.asked.url)
    with pytest.raises(Misconfigured, match="consent was not given: access_denied"):
        asking.wait()
    browser.join(20)


def test_nobody_comes(asking: Asking) -> None:
    began = time.monotonic()
    with pytest.raises(NotNow, match="no consent came within 1 s; ask again"):
        asking.wait(1)
    assert time.monotonic() - began < 5


def test_the_listener_is_on_this_machine_alone(asking: Asking) -> None:
    assert asking.listener._server.server_address[0] == "127.0.0.1"
    with pytest.raises(Misconfigured, match="not on this machine"):
        Listener("https://books.example.com/back", STATE)


def test_a_port_in_use_is_named(asking: Asking) -> None:
    with pytest.raises(Misconfigured, match="choose another, here and at the vendor"):
        Listener(f"http://localhost:{asking.listener.port}/back", STATE)


def test_an_address_may_be_pasted() -> None:
    """Intuit redirects production apps to https alone: the person copies what came."""
    url = f"https://books.example.com/back?code=abc&state={STATE.reveal()}&realmId=9130"
    assert read_answer(f"  {url}\n", STATE) == Consented(Secret("abc"), {"realmId": "9130"})


@pytest.mark.parametrize(
    "url",
    [
        "", "nonsense", "https://x.example/back", "https://x.example/back?code=abc",
        "https://x.example/back?code=abc&state=", "https://x.example/back?state=forged&error=x",
        f"https://x.example/back?code=abc&state={STATE.reveal()}&state=other",
    ],
)  # fmt: skip
def test_what_does_not_carry_our_state_is_not_believed(url: str) -> None:
    with pytest.raises(NotOurs) as refused:
        read_answer(url, STATE)
    assert "abc" not in str(refused.value)


def test_quickbooks_tells_both_ends_and_the_earlier_counts(
    authority: Authority, clock: StillClock
) -> None:
    authority.more = {
        "x_refresh_token_expires_in": 8_726_400,
        "x_refresh_token_hard_expires_in": 40 * 86_400,
    }
    grant = consent_at(authority.url, clock)
    asked = grant.ask(lambda: "s")
    there = requests.get(asked.url, timeout=20, allow_redirects=False).headers["Location"]
    token = grant.redeem(read_answer(there, asked.state).code, asked)
    assert token.consent_until is not None
    assert (token.consent_until - clock.now()).days == 40
