"""Corrections: what was decided about a wrong core invoice, and how far it has come."""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from enum import StrEnum


class CorrectionKind(StrEnum):
    """Which path of the core is walked."""

    USAGE = "USAGE"  # negate usage on a draft, which moves with it
    REBILL = "REBILL"  # negate, send again, void, regenerate


class CorrectionState(StrEnum):
    """Life of a correction. Only what is seen in the core ends one."""

    OPEN = "OPEN"
    BLOCKED = "BLOCKED"  # stopped for a person; `detail` says why
    DONE = "DONE"
    CANCELLED = "CANCELLED"  # given up by a person, before or after some of its steps


class Step(StrEnum):
    """One step of a correction; which of them, and in which order, is by its kind."""

    PREVIEW = "PREVIEW"  # what it would come to, before anything that cannot be undone
    NEGATE = "NEGATE"
    RESUBMIT = "RESUBMIT"
    VOID = "VOID"
    REGENERATE = "REGENERATE"
    WATCH = "WATCH"  # until the new invoice is delivered and the old one is out of the way


STANDING = frozenset({CorrectionState.OPEN, CorrectionState.BLOCKED})


@dataclass(frozen=True, slots=True)
class UsageEvent:
    """One usage event, as it is sent to the core. Values are text, as the core advises."""

    transaction_id: str
    customer_id: str  # the customer's id or one of its ingest aliases
    event_type: str
    at: datetime
    properties: tuple[tuple[str, str], ...] = ()

    def value(self, name: str) -> str | None:
        """One property, or None."""
        return dict(self.properties).get(name)


@dataclass(frozen=True, slots=True)
class Correction:
    """One correction of one core invoice.

    `step` is the one to be taken next. `asked`: its intent is committed, so its call may
    have gone out; whoever resumes looks before asking again.
    """

    id: str
    core_invoice_id: str
    core_customer_id: str
    kind: CorrectionKind
    state: CorrectionState
    step: Step
    currency: str
    before_minor: Decimal  # what the invoice came to when this began
    opened_at: datetime
    by: str
    reason: str
    negations: tuple[UsageEvent, ...] = ()
    resubmits: tuple[UsageEvent, ...] = ()
    asked: bool = False
    expected_minor: int | None = None  # what the preview must come to, if a person said so
    may_go_negative: bool = False
    preview_minor: Decimal | None = None
    successor: str | None = None
    detail: str = ""
