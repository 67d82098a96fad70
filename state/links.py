"""Links made by a person: a document that the core knows nothing of stands for its invoice.

The past-34-days correction: the core invoice can be corrected no more, so people void the
old document downstream and write a new one. Two persons tie it to the core invoice.
"""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

BY_HAND = "by hand"
"""Begins what names the rule by which such a document is linked."""


class LinkState(StrEnum):
    """A link stands until it is taken back; nothing is ever deleted."""

    ACTIVE = "ACTIVE"
    REMOVED = "REMOVED"


@dataclass(frozen=True, slots=True)
class Link:
    """One document, tied to one core invoice in place of another document."""

    id: str  # "L-000001"
    target: str
    core_invoice_id: str
    old_document_id: str
    new_document_id: str
    reason: str
    by: str
    approver: str
    at: datetime
    state: LinkState = LinkState.ACTIVE
    removed_by: str = ""
    removed_why: str = ""
