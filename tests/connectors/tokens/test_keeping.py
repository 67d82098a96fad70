"""A token that rotates is renewed by one, kept before its use, and never asked for in a loop."""

import os
import subprocess
import sys
import textwrap
import threading
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from connectors.failures import Misconfigured, NeedsConsent, NotNow, Unauthorized, Unknown
from connectors.seal import PlainSeal
from connectors.tokens import Keeper
from state.engine import StoreUnusable
from state.tokenbook import TokenBook
from state.tokens import Claim, KeptToken
from tests.clocks import StillClock
from tests.connectors.tokens.authority import Authority
from tests.connectors.tokens.making import (
    RunningClock,
    consent_at,
    consented,
    in_threads,
    keeper_of,
    shelf_at,
    wire_to,
)

ROOT = Path(__file__).parents[3]


def bearer(keeper: Keeper) -> str:
    return keeper.headers("GET", "https://api.example.com/")["Authorization"]


def refreshes(authority: Authority) -> int:
    return sum(form["grant_type"] == "refresh_token" for form in authority.asked)


def test_a_token_serves_until_four_fifths_of_its_life(
    authority: Authority, shelf: TokenBook, clock: StillClock
) -> None:
    keeper = consented(authority, shelf, clock)
    first = bearer(keeper)
    clock.sleep(0.79 * 3600)
    assert bearer(keeper) == first
    clock.sleep(0.02 * 3600)
    assert bearer(keeper) != first
    assert refreshes(authority) == 1


def test_a_new_process_takes_the_kept_token_and_asks_for_none(
    authority: Authority, shelf: TokenBook, clock: StillClock, tmp_path: Path
) -> None:
    first = bearer(consented(authority, shelf, clock))
    other = shelf_at(tmp_path)
    again = keeper_of(consent_at(authority.url, clock), other, clock)
    assert bearer(again) == first
    assert refreshes(authority) == 0
    other.close()


def test_the_new_token_is_in_the_database_before_it_is_used(
    authority: Authority, shelf: TokenBook, clock: StillClock
) -> None:
    keeper = consented(authority, shelf, clock)

    def is_kept(token: str) -> None:
        row = shelf.token("books")
        if row is None or token not in row.sealed or authority.refresh not in row.sealed:
            authority.violations.append("used before it was kept")

    authority.on_call = is_kept
    wire = wire_to(authority.url, clock, auth=keeper)
    for _ in range(3):
        assert wire.get("/anything").data == {"ok": True}
        clock.sleep(3600)
    assert refreshes(authority) == 2
    assert len(authority.calls) == 3


def test_two_threads_spend_one_refresh_token(
    authority: Authority, shelf: TokenBook, clock: StillClock
) -> None:
    keeper = consented(authority, shelf, clock)
    clock.sleep(3600)
    found = in_threads(4, lambda: bearer(keeper))
    assert len(set(found)) == 1
    assert refreshes(authority) == 1


def test_two_keepers_of_one_shelf_spend_one_refresh_token(
    authority: Authority, shelf: TokenBook, clock: StillClock
) -> None:
    consented(authority, shelf, clock)
    later = RunningClock(hours=1)
    keepers = [keeper_of(consent_at(authority.url, later), shelf, later) for _ in range(4)]
    found = in_threads(4, lambda: bearer(keepers.pop()))
    assert len(found) == 4
    assert len(set(found)) == 1
    assert refreshes(authority) == 1


def a_process(folder: Path, authority: Authority, work: str) -> subprocess.Popen[str]:
    """Another process, with its own clock an hour on, at the same database."""
    program = f"""
        import os, sys
        from pathlib import Path
        from tests.connectors.tokens.making import RunningClock, consent_at, keeper_of, shelf_at

        clock = RunningClock(hours=1)
        shelf = shelf_at(Path({str(folder)!r}))
        grant = consent_at({authority.url!r}, clock)
        {work}
        print("ready", flush=True)
        sys.stdin.readline()
        print(keeper.headers("GET", "https://api.example.com/")["Authorization"])
    """
    return subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(program)],
        cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )  # fmt: skip


def test_two_processes_spend_one_refresh_token(
    authority: Authority, shelf: TokenBook, clock: StillClock, tmp_path: Path
) -> None:
    consented(authority, shelf, clock)
    work = "keeper = keeper_of(grant, shelf, clock)"
    processes = [a_process(tmp_path, authority, work) for _ in range(2)]
    for process in processes:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
    authority.hold.clear()  # the first one's request is under way while the second comes
    for process in processes:
        assert process.stdin is not None
        process.stdin.write("go\n")
        process.stdin.flush()
    threading.Timer(0.4, authority.hold.set).start()
    found = [process.communicate(timeout=30)[0].splitlines()[-1] for process in processes]
    assert found[0] == found[1] == f"Bearer {max(authority.access)}"
    assert refreshes(authority) == 1


@pytest.mark.parametrize("grace", [True, False])
def test_a_crash_between_the_answer_and_its_keeping(
    authority: Authority, shelf: TokenBook, clock: StillClock, tmp_path: Path, grace: bool
) -> None:
    """The old refresh token is tried once more; Xero takes it for 30 minutes."""
    consented(authority, shelf, clock)
    work = "keeper = keeper_of(grant, shelf, clock, tell=lambda s: 'access-0004' in s.reveal() and os._exit(9))"
    process = a_process(tmp_path, authority, work)
    process.communicate("go\n", timeout=30)
    assert process.returncode == 9
    assert refreshes(authority) == 1  # it was answered, and the answer is lost
    authority.grace = grace
    clock.sleep(3600 + 200)  # its claim has lapsed
    keeper = keeper_of(consent_at(authority.url, clock), shelf, clock)
    if grace:
        assert bearer(keeper).startswith("Bearer canary-access")
        return
    for _ in range(3):
        with pytest.raises(NeedsConsent, match="run: tieout auth books"):
            bearer(keeper)
    assert refreshes(authority) == 2  # once more, and then never again


def test_a_claim_left_behind_is_waited_for(
    authority: Authority, shelf: TokenBook, clock: StillClock
) -> None:
    keeper = consented(authority, shelf, clock)
    clock.sleep(3600)
    began = clock.now()
    assert shelf.claim("books", now=began, seconds=100) is not None
    assert bearer(keeper)
    assert clock.now() - began > timedelta(seconds=100)


def test_a_claim_that_does_not_end_is_not_waited_for_for_ever(
    authority: Authority, shelf: TokenBook, clock: StillClock
) -> None:
    keeper = consented(authority, shelf, clock)
    clock.sleep(3600)
    shelf.claim("books", now=clock.now(), seconds=10_000)
    with pytest.raises(NotNow, match="renewing the token for too long"):
        bearer(keeper)


class Refusing:
    """A shelf whose disk is full for a while."""

    def __init__(self, shelf: TokenBook) -> None:
        self.shelf = shelf
        self.full = False

    def __getattr__(self, name: str) -> Any:
        return getattr(self.shelf, name)

    def keep(self, claim: Claim, token: KeptToken) -> None:
        if self.full:
            raise StoreUnusable("the disk is full")
        self.shelf.keep(claim, token)


def test_an_answer_that_could_not_be_kept_is_kept_later_and_not_asked_for_again(
    authority: Authority, shelf: TokenBook, clock: StillClock
) -> None:
    refusing = Refusing(shelf)
    keeper = consented(authority, refusing, clock)  # type: ignore[arg-type]  # stands in for it
    clock.sleep(3600)
    refusing.full = True
    for _ in range(2):
        with pytest.raises(StoreUnusable):
            bearer(keeper)
    refusing.full = False
    bearer(keeper)
    assert refreshes(authority) == 1
    kept = shelf.token("books")
    assert kept is not None
    assert authority.refresh in kept.sealed


def test_who_lost_its_claim_keeps_nothing_and_takes_the_newer_token(
    authority: Authority, shelf: TokenBook, clock: StillClock
) -> None:
    keeper = consented(authority, shelf, clock)
    clock.sleep(3600)
    stale = shelf.claim("books", now=clock.now(), seconds=1)
    assert stale is not None
    clock.sleep(2)
    newer = bearer(keeper)
    before = shelf.token("books")
    keeper._unkept = (stale, keeper._held)  # type: ignore[assignment]  # a slow one's answer
    clock.sleep(3600)
    with pytest.raises(NotNow, match="another has renewed the token meanwhile"):
        bearer(keeper)
    assert shelf.token("books") == before
    assert bearer(keeper) != newer


def test_nobody_has_consented_yet(
    authority: Authority, shelf: TokenBook, clock: StillClock
) -> None:
    keeper = keeper_of(consent_at(authority.url, clock), shelf, clock)
    with pytest.raises(
        NeedsConsent, match="nobody has consented yet; run: tieout auth books"
    ):
        bearer(keeper)
    assert authority.asked == []


def test_a_refused_refresh_is_kept_and_a_new_consent_ends_it(
    authority: Authority, shelf: TokenBook, clock: StillClock
) -> None:
    keeper = consented(authority, shelf, clock)
    authority.refresh = "another"
    clock.sleep(3600)
    for _ in range(3):
        with pytest.raises(NeedsConsent, match="invalid_grant"):
            bearer(keeper)
    assert refreshes(authority) == 1
    kept = shelf.token("books")
    assert kept is not None
    assert kept.refusal == "books, POST /token: invalid_grant [hidden]"
    again = consented(authority, shelf, clock)
    assert bearer(again)
    assert shelf.tokens()[0].refusal == ""
    assert bearer(keeper)


@pytest.mark.parametrize(
    ("status", "body", "failure"),
    [
        (500, "{}", Unknown),
        (503, "{}", Unknown),
        (429, '{"error": "slow_down"}', NotNow),
        (200, "<html>", Unknown),
        (200, '{"token_type": "bearer"}', Exception),
        (401, '{"error": "invalid_client"}', Misconfigured),
        (400, '{"error": "unauthorized_client"}', Misconfigured),
    ],
)  # fmt: skip
def test_a_bad_answer_leaves_the_consent_as_it_is(
    authority: Authority,
    shelf: TokenBook,
    clock: StillClock,
    status: int,
    body: str,
    failure: type[Exception],
) -> None:
    keeper = consented(authority, shelf, clock)
    before = shelf.token("books")
    clock.sleep(3600)
    authority.answer = (status, body)
    with pytest.raises(failure):
        bearer(keeper)
    assert shelf.token("books") == before
    authority.answer = None
    assert bearer(keeper)  # the claim was given back


def test_a_refresh_token_that_does_not_rotate_stays(
    authority: Authority, shelf: TokenBook, clock: StillClock
) -> None:
    authority.rotates = False
    keeper = consented(authority, shelf, clock)
    for _ in range(3):
        clock.sleep(3600)
        assert bearer(keeper)
    assert {form["refresh_token"] for form in authority.asked[1:]} == {authority.refresh}


def test_a_401_renews_once_and_then_says_so(
    authority: Authority, shelf: TokenBook, clock: StillClock
) -> None:
    keeper = consented(authority, shelf, clock)
    wire = wire_to(authority.url, clock, auth=keeper)
    authority.access.clear()  # revoked behind our back
    assert wire.get("/x").data == {"ok": True}
    assert refreshes(authority) == 1
    authority.on_call = lambda _: authority.access.clear()
    with pytest.raises(Unauthorized, match="the token has expired"):
        wire.get("/x")
    assert refreshes(authority) == 2
    assert len(authority.calls) == 4


def test_a_401_in_many_threads_renews_once(
    authority: Authority, shelf: TokenBook, clock: StillClock
) -> None:
    keeper = consented(authority, shelf, clock)
    old = keeper.headers("GET", "https://api.example.com/")
    in_threads(4, lambda: keeper.renew(old))
    assert refreshes(authority) == 1


def test_another_process_has_renewed_already(
    authority: Authority, shelf: TokenBook, clock: StillClock
) -> None:
    """Sage Intacct ends the first token when a second is given: read before asking."""
    keeper = consented(authority, shelf, clock)
    old = keeper.headers("GET", "https://api.example.com/")
    other = keeper_of(consent_at(authority.url, clock), shelf, clock)
    assert other.renew(old)
    assert keeper.renew(old)
    assert refreshes(authority) == 1


def test_a_damaged_row_says_what_to_do(
    authority: Authority, shelf: TokenBook, clock: StillClock
) -> None:
    claim = shelf.claim("books", now=clock.now(), seconds=9)
    assert claim is not None
    shelf.keep(claim, KeptToken("books", PlainSeal().close("{"), None, None, None))
    keeper = keeper_of(consent_at(authority.url, clock), shelf, clock)
    with pytest.raises(Misconfigured, match="damaged; run: tieout auth books"):
        bearer(keeper)
