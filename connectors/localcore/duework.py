"""What falls due by itself as time passes: each kind of work says when, and does it."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from connectors.localcore.tx import Tx


@dataclass(frozen=True, slots=True)
class DueWork:
    """One kind of work: the instant of its earliest piece, and a run of what is due.

    `run` does a small batch (one transaction each) and gives the pieces done, 0 for none.
    """

    name: str
    next_at: Callable[[Tx], datetime | None]
    run: Callable[[Tx, datetime], int]


def works() -> tuple[DueWork, ...]:
    """Every kind of work."""
    from connectors.localcore import own_billing

    return (own_billing.WORK,)


def next_due(tx: Tx) -> datetime | None:
    """When the earliest piece of work falls due, or None."""
    return min(
        (at for work in works() if (at := work.next_at(tx)) is not None), default=None
    )


def run_due(tx: Tx, now: datetime) -> int:
    """Do a batch of the work that fell due first; the pieces done, 0 when none is due."""
    due = [
        (at, work) for work in works() if (at := work.next_at(tx)) is not None and at <= now
    ]
    if not due:
        return 0
    _, first = min(due, key=lambda pair: pair[0])
    return first.run(tx, now)
