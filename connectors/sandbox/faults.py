"""Faults on demand, limits and latency: how a test makes the stand-in misbehave.

drop_before     the connection ends, nothing was done
drop_after      the connection ends, it was done
status          an error status; `saved`: kept under the key; `executed`: done as well
rate_limit      429 of the global limiter, never saved
lock_timeout    429 of an object lock, saved under its key
html truncated  it was done, and the answer cannot be read
redirect        an answer that points elsewhere
late            the connection ends now; it is done `seconds` later
"""

import re
import threading
from collections import deque
from dataclasses import dataclass
from hashlib import blake2b
from typing import Any

KINDS = frozenset(
    [
        "drop_before",
        "drop_after",
        "status",
        "rate_limit",
        "lock_timeout",
        "html",
        "truncated",
        "redirect",
        "late",
    ]
)


@dataclass(slots=True)
class Fault:
    """One rule: which requests, what goes wrong, how often still."""

    kind: str
    method: str = ""
    path: str = ""
    nth: int = 1  # begin with the nth request that matches
    times: int = 1
    status: int = 500
    saved: bool = False
    executed: bool = False
    seconds: int = 0
    retry_after: int | None = None

    def takes(self, method: str, path: str) -> bool:
        """Does this rule strike this request? Counts it."""
        if self.times < 1 or (self.method and self.method != method):
            return False
        if self.path and not re.search(self.path, path):
            return False
        if self.nth > 1:
            self.nth -= 1
            return False
        self.times -= 1
        return True


@dataclass(slots=True)
class Latency:
    """How long a request takes, in seconds.

    `way`: up to so much before it is counted, as on a net that is not even; `work`: up to
    so much more after that, as where now more, now less is to do.
    """

    least: float = 0.0
    way: float = 0.0
    work: float = 0.0

    def before(self, number: int) -> float:
        """From the arrival of the request of this number until it is counted."""
        return self.way * _chance(f"way {number}")

    def after(self, number: int) -> float:
        """From then until it is carried out."""
        return self.least + self.work * _chance(f"work {number}")


def _chance(of: str) -> float:
    """A number from 0 to 1 that looks random, and is the same for the same words."""
    return int.from_bytes(blake2b(of.encode(), digest_size=4).digest()) / 0xFFFFFFFF


class Faults:
    """The rules now in force, the limits, and the log of requests."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._rules: list[Fault] = []
        self._recent: dict[str, deque[float]] = {}
        self.latency = Latency()
        self.per_endpoint = 0
        self.overall = 0
        self.at_once = 0
        self.in_flight = 0
        self.limited = 0  # requests refused by a limit
        self.requests: deque[dict[str, Any]] = deque(maxlen=200_000)

    def set(self, rules: list[dict[str, Any]]) -> None:
        """Replace the rules. Raises ValueError for a kind that does not exist."""
        made = [Fault(**rule) for rule in rules]
        for rule in made:
            if rule.kind not in KINDS:
                raise ValueError(f"no fault is called {rule.kind}")
        with self._lock:
            self._rules = made

    def strike(self, method: str, path: str) -> Fault | None:
        """The first rule that strikes this request."""
        with self._lock:
            return next((rule for rule in self._rules if rule.takes(method, path)), None)

    def limit_met(self, endpoint: str, now: float) -> str:
        """The limit that this request is one too many for, as Stripe names it; or ''.

        A rate is counted in a sliding second, as the request arrives.
        """
        with self._lock:
            met = ""
            if 0 < self.at_once < self.in_flight:
                met = "global-concurrency"
            elif self._over(endpoint, self.per_endpoint, now):
                met = "endpoint-rate"
            elif self._over("", self.overall, now):
                met = "global-rate"
            self.limited += bool(met)
            return met

    def _over(self, name: str, limit: int, now: float) -> bool:
        if limit < 1:
            return False
        recent = self._recent.setdefault(name, deque())
        while recent and recent[0] <= now - 1:
            recent.popleft()
        if len(recent) >= limit:
            return True
        recent.append(now)
        return False
