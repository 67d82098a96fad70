"""Links made by a person: a document that the core knows nothing of stands for its invoice.

The past-34-days correction: the core invoice can be corrected no more, so people void the
old document downstream and write a new one. Two persons tie it to the core invoice. Or the
ERP's document lacks the core's id, and two persons say which invoice it is.
"""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

BY_HAND = "by hand"
NAMED_BY_HAND = "named by hand"
"""Begin what names the rule by which such a document is linked. One that is named by hand is
the invoice's own: what it differs by is not explained by that."""


class LinkState(StrEnum):
    """A link stands until it is taken back; nothing is ever deleted."""

    ACTIVE = "ACTIVE"
    REMOVED = "REMOVED"


@dataclass(frozen=True, slots=True)
class Link:
    """One document, tied to one core invoice: in place of another document, or as its own."""

    id: str  # "L-000001"
    target: str
    core_invoice_id: str
    old_document_id: str  # "": the new one is the invoice's own, and lacked its id
    new_document_id: str
    reason: str
    by: str
    approver: str
    at: datetime
    state: LinkState = LinkState.ACTIVE
    removed_by: str = ""
    removed_why: str = ""

    @property
    def rule(self) -> str:
        """What the linked document says of how it came to its invoice."""
        begins = BY_HAND if self.old_document_id else NAMED_BY_HAND
        return f"{begins}, {self.id}: {self.reason}"
