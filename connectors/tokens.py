"""Tokens that end and rotate: renewed by one at a time, and kept before they are used.

A rotating refresh token is good once. Whoever renews holds a claim, so that neither a
thread nor another process spends the same one; the answer is kept before its access token
goes out, so that a crash loses at most what was never used. A crash before that leaves
the old refresh token, which is tried once more; where it is refused, a person must
consent again, and until then nothing more is asked.
"""

import json
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from connectors.failures import ConnectorFailure, Misconfigured, NeedsConsent, NotNow
from connectors.redaction import Secret, one_line
from state.clock import Clock
from state.tokens import Claim, ClaimLost, KeptToken

USED_SHARE = 0.8  # of an access token's life, after which it is renewed
CLAIM_SECONDS = 180  # longer than one answer may take (60 s), twice
WAIT_SECONDS = 0.5
WAITS_MAX = 400  # so that a claim that was left behind has lapsed by then
BEARER = "Bearer "


@dataclass(frozen=True, slots=True)
class Token:
    """What a token endpoint gave."""

    access: Secret
    renewed_at: datetime
    expires_at: datetime
    refresh: Secret | None = None
    consent_until: datetime | None = None  # as far as the endpoint or its terms tell

    def fresh(self, now: datetime) -> bool:
        """Is it worth sending still?"""
        life = self.expires_at - self.renewed_at
        return now < self.renewed_at + life * USED_SHARE


class Shelf(Protocol):
    """Where tokens outlive the process. `state.tokenbook` is one."""

    def token(self, name: str) -> KeptToken | None:
        """What is kept for one connection."""

    def claim(self, name: str, *, now: datetime, seconds: int) -> Claim | None:
        """The right to renew, or None while another has it."""

    def release(self, claim: Claim) -> None:
        """Give the right back."""

    def keep(self, claim: Claim, token: KeptToken) -> None:
        """Keep a token and give the right back. Raises ClaimLost."""

    def refuse(self, claim: Claim, reason: str) -> None:
        """Keep that a person must consent anew, and give the right back."""


class Seal(Protocol):
    """How a token is closed before it is kept."""

    def close(self, text: str) -> str:
        """The text as it is kept."""

    def open(self, sealed: str) -> str:
        """The text that was closed. Raises Misconfigured."""


class RefreshRefused(Misconfigured):
    """The endpoint no longer takes the refresh token: a person must consent anew."""


class Grant(Protocol):
    """One way of asking a token endpoint."""

    @property
    def consented(self) -> bool:
        """Does a person's consent stand behind it?"""

    def fetch(self, refresh: Secret | None) -> Token:
        """A new token. Raises RefreshRefused."""


class Keeper:
    """One connection's token, as `wire.Auth`. Safe to share between threads.

    `tell` is given every new secret, so that logs can hide it by value.
    """

    def __init__(
        self,
        name: str,
        grant: Grant,
        *,
        shelf: Shelf,
        seal: Seal,
        clock: Clock,
        tell: Callable[[Secret], None] = lambda _: None,
    ) -> None:
        self._name = name
        self._grant = grant
        self._shelf = shelf
        self._seal = seal
        self._clock = clock
        self._tell = tell
        self._turn = threading.Lock()
        self._held: Token | None = None
        self._unkept: tuple[Claim, Token] | None = None  # an answer, not kept yet

    def __repr__(self) -> str:
        return f"Keeper({self._name})"

    def headers(self, _method: str, _url: str) -> Mapping[str, str]:
        """The bearer that is good now. Raises NeedsConsent, Misconfigured, NotNow."""
        return {"Authorization": f"{BEARER}{self._good(spent='').reveal()}"}

    def renew(self, sent: Mapping[str, str]) -> bool:
        """Get another token than the one that was refused."""
        self._good(spent=sent.get("Authorization", "").removeprefix(BEARER))
        return True

    def consent(self, token: Token) -> None:
        """Keep what a person has just consented to; it ends every earlier refusal."""
        with self._turn:
            self._keep(self._claimed(), token)

    def _good(self, *, spent: str) -> Secret:
        def usable(token: Token) -> bool:
            return token.access.reveal() != spent and token.fresh(self._clock.now())

        with self._turn:
            if self._held is None or not usable(self._held):
                self._held = self._renewed(usable)
            return self._held.access

    def _renewed(self, usable: Callable[[Token], bool]) -> Token:
        """The token that another has kept meanwhile, or a new one of ours."""
        if self._unkept is not None:
            return self._keep(*self._unkept)
        if (kept := self._read()) is not None and usable(kept):
            return kept
        claim = self._claimed()
        try:
            kept = self._read()  # whoever had the claim before us may have renewed it
            if kept is None or not usable(kept):
                kept = self._grant.fetch(None if kept is None else kept.refresh)
                return self._keep(claim, kept)
        except RefreshRefused as refused:
            self._shelf.refuse(claim, one_line(str(refused)))
            raise self._needs(str(refused)) from None
        except ConnectorFailure:
            self._shelf.release(claim)
            raise
        self._shelf.release(claim)
        return kept

    def _claimed(self) -> Claim:
        """The right to renew; whoever has it now is waited for."""
        for _ in range(WAITS_MAX):
            now = self._clock.now()
            claim = self._shelf.claim(self._name, now=now, seconds=CLAIM_SECONDS)
            if claim is not None:
                return claim
            self._clock.sleep(WAIT_SECONDS)
        raise NotNow(f"{self._name}: another has been renewing the token for too long")

    def _read(self) -> Token | None:
        """What the shelf has. Raises NeedsConsent; and Misconfigured for a wrong key."""
        kept = self._shelf.token(self._name)
        if self._grant.consented:
            if kept is None or not (kept.sealed or kept.refusal):
                raise self._needs("nobody has consented yet")
            if kept.refusal:
                raise self._needs(kept.refusal)
        if kept is None or not kept.sealed:
            return None
        try:
            return self._opened(kept)
        except Misconfigured:
            if self._grant.consented:
                raise
            return None  # a machine's token is simply asked for anew

    def _opened(self, kept: KeptToken) -> Token:
        try:
            body = json.loads(self._seal.open(kept.sealed))
            access, refresh = Secret(body["access"]), body.get("refresh")
        except (ValueError, KeyError, TypeError):
            raise Misconfigured(
                f"{self._name}: the kept token is damaged; {_remedy(self._name)}"
            ) from None
        token = Token(
            access,
            kept.renewed_at or self._clock.now(),
            kept.expires_at or self._clock.now(),
            None if refresh is None else Secret(refresh),
            kept.consent_until,
        )
        self._known(token)
        return token

    def _keep(self, claim: Claim, token: Token) -> Token:
        """Keep it, and only then let it be used."""
        self._known(token)
        body = {"access": token.access.reveal()}
        if token.refresh is not None:
            body["refresh"] = token.refresh.reveal()
        kept = KeptToken(
            self._name,
            self._seal.close(json.dumps(body)),
            token.expires_at,
            token.consent_until,
            token.renewed_at,
        )
        self._unkept = (claim, token)  # a database that refuses now may take it later
        try:
            self._shelf.keep(claim, kept)
        except ClaimLost as lost:
            self._unkept = None  # theirs is the newer one
            raise NotNow(str(lost)) from None
        self._unkept = None
        self._held = token
        return token

    def _known(self, token: Token) -> None:
        self._tell(token.access)
        if token.refresh is not None:
            self._tell(token.refresh)

    def _needs(self, why: str) -> NeedsConsent:
        return NeedsConsent(f"{self._name}: {why}; {_remedy(self._name)}")


def _remedy(name: str) -> str:
    return f"run: tieout auth {name}"
