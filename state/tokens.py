"""Rotating tokens as they are kept: sealed by whoever uses them, never read here."""

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class KeptToken:
    """What is kept for one connection. `sealed` is empty before the first token.

    The times stand beside it in the clear: `doctor` warns of an ending without the key.
    """

    name: str  # the connection: a register's name in the settings
    sealed: str
    expires_at: datetime | None  # of the access token
    consent_until: datetime | None  # when a person must have consented anew, if ever
    renewed_at: datetime | None
    refusal: str = ""  # why a person must consent now; '' while all is well


@dataclass(frozen=True, slots=True)
class Claim:
    """The right to renew one connection's token, until it lapses."""

    name: str
    holder: str


class ClaimLost(Exception):
    """The right to renew had lapsed and another has taken it; nothing was kept."""
