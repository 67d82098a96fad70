"""What a running Tieout is made of: the parts that wiring puts together."""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from threading import Event
from typing import Any

from connectors.ports import BillingCore, FlagBoard, Receivables, Register
from state.clock import Clock
from state.engine import StoreUnusable
from state.observations import Changes
from state.store import Overtaken, Store
from sync.cases import Deciding, decided
from sync.decide import Policy
from sync.settings import Settings

TURNS_MAX = 50  # of one decision that others overtake; each needs somebody to be faster


@dataclass(frozen=True, slots=True)
class Rest:
    """How long an ERP that failed is left alone. Seconds of the monotonic clock."""

    failures: int  # in a row
    until: float


@dataclass(slots=True)
class Gate:
    """Asked until it is passed once: is this the Stripe account that the books know?"""

    check: Callable[["Parts"], None] = lambda _: None
    passed: bool = False

    def enter(self, parts: "Parts") -> None:
        """Ask, unless it was passed. Raises what the check raises."""
        if not self.passed:
            self.check(parts)
            self.passed = True


@dataclass(slots=True)
class Parts:
    """The store, the other systems, the time, and the right to act.

    `registers` holds Stripe first, then each ERP. `token` is the fencing token of the
    lease; without one nothing is committed that moves a push.
    """

    settings: Settings
    policy: Policy
    store: Store
    core: BillingCore
    stripe: Receivables
    registers: tuple[Register, ...]
    clock: Clock
    holder: str
    new_id: Callable[[], str]
    version: str
    token: int | None = None
    workers: int = 1  # calls in flight at once, of readings
    writers: int = 1  # customers whose invoices are pushed at once
    stop: Event = field(default_factory=Event)  # set: the process is to end
    boards: Mapping[str, FlagBoard] = field(default_factory=dict)  # where flags are shown
    gate: Gate = field(default_factory=Gate)
    resting: dict[str, Rest] = field(default_factory=dict)  # ERPs that failed, by name
    closers: list[Callable[[], object]] = field(default_factory=list)

    @property
    def instance(self) -> str:
        """The name under which this Tieout writes into Stripe."""
        return self.store.instance

    def record(self, changes: Changes) -> None:
        """Commit facts or an intent as they are; nothing is decided."""
        self.store.record(changes, at=self.clock.now(), token=self.token)

    def decide_and_record(
        self,
        changes: Changes,
        *,
        looked_at: datetime | None = None,
        anomalies: dict[str, str] | None = None,
    ) -> Changes:
        """Commit facts with all that follows from them; answers with what was committed.

        What a person does between the reading and the writing is read, and decided anew.
        """
        return self._as_it_stands(changes, looked_at=looked_at, anomalies=anomalies)

    def decide_again(self, core_ids: Collection[str]) -> None:
        """Commit what follows from the settings of today, though no fact has moved."""
        self._as_it_stands(Changes(), about=core_ids)

    def _as_it_stands(self, changes: Changes, **what: Any) -> Changes:
        """Decide, and decide anew where somebody moved what was read before it is kept."""
        for _ in range(TURNS_MAX):
            try:
                return self._decide(changes, **what)
            except Overtaken as moved:
                last = moved
        raise StoreUnusable(f"the books move faster than they are read: {last}")

    def _decide(
        self,
        changes: Changes,
        *,
        looked_at: datetime | None = None,
        anomalies: dict[str, str] | None = None,
        about: Collection[str] = (),
    ) -> Changes:
        now = self.clock.now()
        # Where nothing downstream was read just now, no claim can have failed.
        nothing_read = now - timedelta(days=36500)
        whole = decided(
            self.store,
            changes,
            Deciding(
                policy=self.policy,
                rule_of=self.stripe.currency_rule,
                now=now,
                looked_at=looked_at or nothing_read,
                anomalies=anomalies or {},
            ),
            about,
        )
        if whole != Changes(ground=whole.ground):
            self.store.record(whole, at=now, token=self.token)
        return whole

    def stopping(self) -> bool:
        """Is the process to end? Then nothing new is begun."""
        return self.stop.is_set()

    def close(self) -> None:
        """Release what wiring opened, last opened first."""
        while self.closers:
            self.closers.pop()()
