"""The words of protocol D: what may be seen, what may be done, how a call may end."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TypeAlias

from state.invoices import CoreInvoice, CoreStatus
from state.pushes import PushRecord
from state.receivables import DownstreamInvoice

BATCH_LINES_MAX = 100  # lines in one add_lines call


@dataclass(frozen=True, slots=True)
class Undertaking:
    """What the document must become: its lines, in order, and whether it is finalized."""

    line_keys: tuple[str, ...]
    finalize: bool = True

    def batches(self) -> tuple[tuple[str, ...], ...]:
        """The keys of each add_lines call."""
        return tuple(
            self.line_keys[first : first + BATCH_LINES_MAX]
            for first in range(0, len(self.line_keys), BATCH_LINES_MAX)
        )


@dataclass(frozen=True, slots=True)
class Seen:
    """What has been looked at since the record last asked for something.

    None means "not looked". Every answer that is not a plain success empties it, so no
    decision rests on a look that is older than a doubt.
    """

    now: datetime
    core_status: CoreStatus  # as last recorded
    core: CoreInvoice | None = None  # as read from the core just now
    core_gone: bool = False
    found: tuple[DownstreamInvoice, ...] | None = None
    document: DownstreamInvoice | None = None
    line_keys: tuple[str, ...] | None = None


@dataclass(frozen=True, slots=True)
class LookUp:
    """List the customer's documents for our core invoice id."""


@dataclass(frozen=True, slots=True)
class ReadDocument:
    """Read the document, and the keys of its lines."""


@dataclass(frozen=True, slots=True)
class ReadCore:
    """Read the core invoice again, now."""


@dataclass(frozen=True, slots=True)
class Ask:
    """Commit `record`, then make the one call that `record.step` names."""

    record: PushRecord


@dataclass(frozen=True, slots=True)
class Settle:
    """Commit `record`; nothing is called."""

    record: PushRecord


@dataclass(frozen=True, slots=True)
class Wait:
    """Nothing to do before `until`; None: nothing at all, until something else moves."""

    until: datetime | None = None


Action: TypeAlias = LookUp | ReadDocument | ReadCore | Ask | Settle | Wait


@dataclass(frozen=True, slots=True)
class Done:
    """The call succeeded and this is the document now."""

    document: DownstreamInvoice


@dataclass(frozen=True, slots=True)
class Denied:
    """A definite no; nothing was done by this request."""

    code: str
    message: str
    replayed: bool = False


@dataclass(frozen=True, slots=True)
class Later:
    """Nothing was done; not now."""

    message: str
    after: timedelta | None = None


@dataclass(frozen=True, slots=True)
class Doubt:
    """It may have been done. `replayed`: a stored 5xx that the key will repeat."""

    message: str
    replayed: bool = False


Answer: TypeAlias = Done | Denied | Later | Doubt
