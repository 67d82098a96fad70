"""The canonical rows of a source, and their hash: what a run says that it stands on; pure.

One line for each invoice, document and memo as it stood at the cutoff, in a fixed order. The
set engine writes the very same lines in bulk (`sync.statements`), and a test holds the two
equal, so the same facts give the same hash whichever way they were read.
"""

from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any

from state.invoices import CoreInvoice
from state.receivables import CreditMemo, DownstreamInvoice


def of_invoice(one: CoreInvoice) -> str:
    """A core invoice, by id."""
    return f"{one.id}|{one.status.value}|{one.currency or ''}|{one.due_minor}\n"


def of_document(one: DownstreamInvoice) -> str:
    """A register's document, with the core invoice it names.

    By the id of the core invoice, then by its own; those that name no known one come after
    them, and memos last.
    """
    gross = one.gross_minor if one.status.posted else 0
    return (
        f"{one.id}|{one.status.value}|{one.currency}|{gross}|{one.tax_minor}"
        f"|{one.paid_minor}|{one.owed_minor}|{one.core_invoice_id or ''}\n"
    )


def of_memo(one: CreditMemo) -> str:
    """A register's memo, by id, with the document it reduces."""
    return (
        f"{one.id}|{one.status.value}|{one.currency}|{one.amount_minor}|{one.tax_minor}"
        f"|{one.invoice_id or ''}\n"
    )


def as_bytes(line: str) -> bytes:
    """A line as it is hashed."""
    return line.encode("utf-8", "surrogatepass")


@dataclass(slots=True)
class Digests:
    """A hash for each source, taken in line by line."""

    hashes: dict[str, Any] = field(default_factory=dict)

    def take(self, source: str, line: str) -> None:
        """One more line of a source."""
        self.hash_of(source).update(as_bytes(line))

    def hash_of(self, source: str) -> Any:
        """The hash of a source, to take in many lines at once."""
        return self.hashes.setdefault(source, sha256())

    def of(self, source: str) -> str:
        """The hash of all that was taken in."""
        found: str = self.hashes.get(source, sha256()).hexdigest()
        return found
