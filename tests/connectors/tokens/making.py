"""What the token tests are made of: a shelf on a real database, grants, keepers, a browser."""

import itertools
import random
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import requests

from connectors.oauth import Consent, Endpoint, judge
from connectors.patience import Patience
from connectors.redaction import Secret
from connectors.seal import PlainSeal
from connectors.tokens import Keeper
from connectors.wire import Wire
from state.tokenbook import TokenBook
from tests.connectors.tokens.authority import CLIENT, CLIENT_SECRET

START = datetime(2026, 11, 1, 12, tzinfo=UTC)


class RunningClock:
    """Runs as the machine's does, from so many hours after the start."""

    def __init__(self, hours: float) -> None:
        self._began = time.monotonic()
        self._from = START + timedelta(hours=hours)

    def now(self) -> datetime:
        return self._from + timedelta(seconds=time.monotonic() - self._began)

    def monotonic(self) -> float:
        return time.monotonic()

    def sleep(self, seconds: float) -> None:
        time.sleep(seconds / 10)


_numbers = itertools.count(1)


def shelf_at(folder: Path) -> TokenBook:
    prefix = f"claim-{threading.get_native_id()}"
    return TokenBook(
        f"sqlite:///{folder / 'state.db'}",
        "acme",
        new_id=lambda: f"{prefix}-{next(_numbers)}",
    )


def wire_to(url: str, clock: Any, **more: Any) -> Wire:
    return Wire(
        url,
        clock=clock,
        rng=random.Random(1),
        system="books",
        patience=Patience(attempts=1),
        **more,
    )


def consent_at(
    url: str, clock: Any, redirect: str = "http://localhost:8425/back"
) -> Consent:
    secret = Secret(CLIENT_SECRET)
    return Consent(
        Endpoint(wire_to(url, clock, judge=judge, secrets=(secret,)), "/token"),
        authorize_url=f"{url}/authorize",
        client_id=CLIENT,
        secret=secret,
        scope="accounting.read offline_access",
        redirect_url=redirect,
        idle=timedelta(days=60),
    )


def keeper_of(grant: Any, shelf: Any, clock: Any, **more: Any) -> Keeper:
    return Keeper(
        "books", grant, shelf=shelf, seal=more.pop("seal", PlainSeal()), clock=clock, **more
    )


def browse(url: str) -> threading.Thread:
    """A browser in which a person consents: it follows the redirect."""

    def go() -> None:
        requests.get(url, timeout=20)

    thread = threading.Thread(target=go, daemon=True)
    thread.start()
    return thread


def consented(authority: Any, shelf: TokenBook, clock: Any, **more: Any) -> Keeper:
    """A keeper whose person has consented, without a browser."""
    grant = consent_at(authority.url, clock)
    keeper = keeper_of(grant, shelf, clock, **more)
    asked = grant.ask(lambda: "state-of-test")
    answer = requests.get(asked.url, timeout=20, allow_redirects=False)
    code = answer.headers["Location"].split("code=")[1].split("&")[0]
    keeper.consent(grant.redeem(Secret(code), asked))
    return keeper


def in_threads(count: int, work: Callable[[], Any]) -> list[Any]:
    """The results of the same work in several threads at once."""
    results: list[Any] = []
    gate = threading.Barrier(count)

    def run() -> None:
        gate.wait(20)
        results.append(work())

    threads = [threading.Thread(target=run) for _ in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    return results
