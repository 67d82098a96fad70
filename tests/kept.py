"""Books written by hand: what was seen, and when, without any system behind it."""

from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from itertools import count
from types import SimpleNamespace
from typing import Any, cast

from state.books import Books
from state.invoices import CoreCustomer, CoreInvoice, CoreStatus
from state.observations import Changes, Sweep
from state.receivables import CreditMemo, DocumentStatus, DownstreamInvoice, MemoStatus
from sync.books import Run
from sync.decide import Policy
from sync.parts import Parts
from sync.progress import Silent
from sync.reconcile import made, reconcile
from sync.settings import Schedule, Settings

TARGETS = ("stripe", "erp")


def day(month: int, number: int, hour: int = 12) -> datetime:
    return datetime(2026, month, number, hour, tzinfo=UTC)


class Clock:
    """A clock that stands where it was put."""

    def __init__(self, time: datetime) -> None:
        self.time = time

    def now(self) -> datetime:
        return self.time

    def monotonic(self) -> float:
        return self.time.timestamp()

    def sleep(self, seconds: float) -> None:
        raise AssertionError(seconds)


class Kept:
    """A store, the words for it, and runs over it."""

    def __init__(
        self,
        url: str = "sqlite://",
        targets: Iterable[str] = TARGETS,
        zone: str = "UTC",
        **policy: Any,
    ) -> None:
        self.store = Books(url, "acme", new_id=lambda: "tieout-1")
        self.clock = Clock(day(12, 1))
        self.targets = tuple(targets)
        numbers = count(1)
        registers = tuple(SimpleNamespace(target=one) for one in self.targets)
        self.parts = Parts(
            settings=Settings(entity="acme", schedule=Schedule(timezone=zone)),
            policy=Policy(**policy),
            store=self.store,
            core=cast("Any", None),
            stripe=cast("Any", None),
            registers=cast("Any", registers),
            clock=self.clock,
            holder="test",
            new_id=lambda: f"{next(numbers):06d}",
            version="test",
        )
        when = day(1, 1)
        sweeps = tuple(Sweep(name, when, when, 1, 1) for name in ("core", *self.targets))
        self.see(when, sweeps=sweeps, customers=(CoreCustomer("cc_1", "Acme"),))

    def see(self, at: datetime, **words: Any) -> None:
        """Keep some words as seen at a time."""
        self.store.record(Changes(**words), at=at)

    def run(self, **how: Any) -> Run:
        how.setdefault("progress", Silent())
        return reconcile(self.parts, read_first=False, **how)

    def made(self, **how: Any) -> Run:
        """A run made anew, though one with the same figures may be kept."""
        asked = {"period": None, "as_of": None, "progress": Silent(), **how}
        return made(self.parts, **asked)[0]

    def close(self) -> None:
        self.store.close()


def core(
    name: str,
    minor: int = 10000,
    *,
    status: CoreStatus = CoreStatus.FINALIZED,
    issued: datetime | None = None,
    **more: Any,
) -> CoreInvoice:
    made = CoreInvoice(
        id=name,
        customer_id="cc_1",
        status=status,
        kind="USAGE",
        currency="USD",
        exact_minor=Decimal(minor),
        total_minor=minor,
        issued_at=issued or day(10, 5),
    )
    return replace(made, **more)


def document(
    target: str,
    core_id: str | None,
    minor: int = 10000,
    *,
    status: DocumentStatus = DocumentStatus.OPEN,
    posted: datetime | None = None,
    **more: Any,
) -> DownstreamInvoice:
    posted = posted or day(10, 6)
    owed = minor if status in {DocumentStatus.OPEN, DocumentStatus.PART_PAID} else 0
    made = DownstreamInvoice(
        target=target,
        id=f"{target}_{core_id}",
        status=status,
        currency="USD",
        gross_minor=minor,
        open_minor=owed,
        core_invoice_id=core_id,
        created_at=posted,
        posted_at=posted,
    )
    return replace(made, **more)


def memo(
    target: str,
    core_id: str,
    minor: int,
    *,
    posted: datetime | None = None,
    **more: Any,
) -> CreditMemo:
    made = CreditMemo(
        target=target,
        id=f"cn_{target}_{core_id}",
        status=MemoStatus.ISSUED,
        currency="USD",
        amount_minor=minor,
        invoice_id=f"{target}_{core_id}",
        posted_at=posted or day(10, 8),
    )
    return replace(made, **more)


def kinds(run: Run) -> dict[tuple[str, str], str]:
    return {(row.target, row.core_invoice_id): row.kind for row in run.rows}


def broken(run: Run) -> list[str]:
    return [f"{check.name}: {check.figures}" for check in run.checks if not check.ok]
