"""The worklist: what a person must do by hand, one flag per document and cause."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class Cause(StrEnum):
    """Why a person is asked. The value is what reports and programs see."""

    VOIDED_IN_CORE = "VOIDED_IN_CORE"  # void downstream what the core voided
    DUPLICATE_DOWNSTREAM = "DUPLICATE_DOWNSTREAM"  # two live documents, one core invoice
    REPLACEMENT_OF_PAID = "REPLACEMENT_OF_PAID"  # the replacement of a paid invoice waits
    MISSING_MAPPING = "MISSING_MAPPING"  # no Stripe customer known
    NEGATIVE_DRAFT = "NEGATIVE_DRAFT"  # a draft, or a line of it, is below zero
    NEGATIVE_INVOICE = "NEGATIVE_INVOICE"  # the core owes the customer; never pushed
    QUARANTINED = "QUARANTINED"  # a push stopped: retry or skip it
    CORE_ANOMALY = "CORE_ANOMALY"  # the core changed what cannot change
    VOIDED_DOWNSTREAM_ONLY = "VOIDED_DOWNSTREAM_ONLY"  # voided by hand, alive in the core


class FlagState(StrEnum):
    """Life of a flag. Only an observation resolves one; a click never does."""

    OPEN = "OPEN"
    IN_PROGRESS = "IN_PROGRESS"
    AWAITING_VERIFICATION = "AWAITING_VERIFICATION"
    REOPENED = "REOPENED"
    RESOLVED = "RESOLVED"
    WAIVED = "WAIVED"


UNRESOLVED = frozenset(FlagState) - {FlagState.RESOLVED, FlagState.WAIVED}


@dataclass(frozen=True, slots=True)
class Flag:
    """One item of work for a person.

    (`target`, `subject`, `cause`) is unique. `subject` is the downstream document's id, or
    `core:<invoice id>` where there is no document yet. `exposure_minor` is what the
    customer may be asked to pay wrongly, ex tax, after memos.
    """

    target: str
    subject: str
    cause: Cause
    core_invoice_id: str
    core_customer_id: str
    state: FlagState
    action: str  # the exact thing to do, in that system's own words
    why: str
    currency: str
    exposure_minor: int
    priority: int  # 1 is the most urgent, 3 the least
    opened_at: datetime
    id: str = ""  # "F-000001", given by the store
    url: str | None = None
    successor: str | None = None  # the core invoice that replaces this one
    double_billed: bool = False  # original and successor are both live downstream
    assignee: str | None = None
    claimed_by: str | None = None
    claimed_at: datetime | None = None
    closed_at: datetime | None = None
    evidence: str = ""  # what was seen that closed it
    reopened: int = 0
    note: str = ""
    waived_by: str | None = None
    waiver_approved_by: str | None = None

    @property
    def key(self) -> tuple[str, str, Cause]:
        """What makes a flag one flag."""
        return (self.target, self.subject, self.cause)

    @property
    def downstream_id(self) -> str | None:
        """The document to act on, or None where there is none yet."""
        return None if self.subject.startswith("core:") else self.subject
