"""The life of one push: what we know of placing one core invoice downstream.

Every change of a record is one commit. `in_flight` is committed before a call goes out
and cleared with its answer, so a record read after a crash says by itself that a request
may have been carried out and nobody heard. The rules that move a record are pure and
live in `sync.protocol`.
"""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class PushState(StrEnum):
    """Where one push stands (design: protocol D)."""

    PENDING = "PENDING"  # decided, nothing asked of Stripe yet
    ATTEMPTED = "ATTEMPTED"  # a create was asked; we may not know what became of it
    CREATED = "CREATED"  # our draft exists; its lines may be incomplete
    FILLED = "FILLED"  # every line is there and the total is equal
    DONE = "DONE"  # finalized (or left as a draft, where the settings say so)
    HELD = "HELD"  # waits for a person: it replaces an invoice that is already paid
    SKIPPED = "SKIPPED"  # not ours to push; `reason` says why
    CANCELLED = "CANCELLED"  # voided in the core before anything was asked
    ABANDONED = "ABANDONED"  # voided in the core after we had asked
    QUARANTINED = "QUARANTINED"  # stopped for a person; `reason` says why


# What a settled record needs from us: nothing, until a person or the core moves it.
SETTLED = frozenset(
    {
        PushState.DONE,
        PushState.HELD,
        PushState.SKIPPED,
        PushState.CANCELLED,
        PushState.ABANDONED,
        PushState.QUARANTINED,
    }
)


@dataclass(frozen=True, slots=True)
class PushRecord:
    """The undertaking to place one core invoice in Stripe, once.

    Amounts are minor units. `pushed_minor` is `total_minor` as Stripe can say it (its
    three-decimal currencies end in 0). `terms` is the create request's own JSON text,
    frozen at the first intent: the same key must always carry the same bytes.
    """

    core_invoice_id: str
    core_customer_id: str
    state: PushState
    currency: str
    total_minor: int
    pushed_minor: int
    lines: int  # how many lines the document must have, after folding
    customer_id: str | None = None  # the Stripe customer
    document_id: str | None = None  # the Stripe invoice, once known
    reason: str = ""  # why it was skipped, held or quarantined
    detail: str = ""  # what a person needs to read about it
    terms: str = ""
    regenerated_from: str | None = None
    replaces: str | None = None
    generation: int = 0
    tried: int = 0  # requests ever sent for this invoice
    step: str = ""  # the step last asked: create, lines-0 ..., finalize
    in_flight: bool = False  # asked, and no answer committed
    in_doubt: bool = False  # some request under the present key was never answered
    refusal: str = ""  # the answer that now stands under the present key
    asked_at: datetime | None = None  # the last request
    not_before: datetime | None = None  # the next one may not go out earlier
    failures: int = 0  # calls in a row that did not end well
    accepted: tuple[str, ...] = ()  # closed documents a person has seen and wants replaced

    def key(self, instance: str, step: str) -> str:
        """The idempotency key of one step: a pure function of what is being done."""
        return f"{instance}:{self.core_invoice_id}:{step}:{self.generation}"
