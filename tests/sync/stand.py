"""One company between a core in memory and the Stripe stand-in, with a person at its side."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
import requests
import stripe as sdk

from connectors.sandbox.service import Handle, start
from state.pushes import PushRecord
from state.worklist import Flag
from sync import push
from sync.cycle import PassResult, one_pass
from sync.decide import Policy
from sync.progress import Silent
from tests.world import MemoryCore, parts_on


class Stand:
    """The worker's parts, what is around them, and short words for what tests do."""

    def __init__(self, policy: Policy | None = None) -> None:
        self.sandbox: Handle = start()
        self.core = MemoryCore()
        self.parts = parts_on(self.sandbox, self.core, policy)
        self.person: Any = sdk.StripeClient(
            self.sandbox.api_key, base_addresses={"api": self.sandbox.url}
        ).v1
        self._made = len(self.requests())

    def stop(self) -> None:
        self.parts.close()
        self.parts.store.close()  # type: ignore[attr-defined]  # the port has no close
        self.sandbox.stop()

    def passes(self, count: int = 1, *, apart: float = 60) -> PassResult:
        """Some passes, and the time between them."""
        for _ in range(count):
            result = one_pass(self.parts, progress=Silent())
            self.parts.clock.sleep(apart)
        return result

    def hints(self) -> PassResult:
        """One pass that follows what the sources say has moved."""
        return one_pass(self.parts, progress=Silent(), sweep=False)

    def faults(self, *rules: dict[str, Any]) -> None:
        self._switch("faults", list(rules))

    def later(self, seconds: int) -> None:
        """Time goes by, for Stripe and for us."""
        self._switch("clock", {"advance_seconds": seconds})
        self.parts.clock.sleep(seconds)

    def requests(self, method: str = "POST") -> list[dict[str, Any]]:
        """What Stripe was asked for with this verb since the stand was made."""
        seen = [r for r in self.sandbox.sandbox.faults.requests if r["method"] == method]
        return seen[getattr(self, "_made", 0) if method == "POST" else 0 :]

    def invoices(self) -> list[Any]:
        """Every invoice in Stripe, newest first."""
        return list(self.person.invoices.list({"limit": 100}).auto_paging_iter())

    def invoice(self) -> Any:
        """The only one there is."""
        (one,) = self.invoices()
        return one

    def lines(self) -> list[Any]:
        """The lines of the only invoice."""
        listed = self.person.invoices.line_items.list(self.invoice().id, {"limit": 100})
        return list(listed.auto_paging_iter())

    def push(self, name: str = "ci_1") -> PushRecord:
        record = self.parts.store.push(name)
        assert record is not None
        return record

    def flags(self) -> list[Flag]:
        return self.parts.store.flags()

    def _switch(self, what: str, body: object) -> None:
        url = f"{self.sandbox.url}/_sandbox/{what}"
        requests.post(url, json=body, timeout=5).raise_for_status()


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """A doubt ends the pass at once, so that there is time between it and the look."""
    monkeypatch.setattr(push, "PATIENCE", timedelta(0))


@pytest.fixture
def stand() -> Iterator[Stand]:
    """The usual stand: one mapped customer, the default policy."""
    made = Stand()
    yield made
    made.stop()
