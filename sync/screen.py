"""What is plainly matched, and how it is counted; pure.

Plainly matched is an invoice that agrees to the minor unit in every register, with no memo,
flag, other version, second document or other claim on its document. Nobody needs to look at
it, so a large run keeps its count, its totals and one hash instead of a row for each leg.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from hashlib import sha256
from typing import Protocol

from state.invoices import CoreStatus
from state.links import BY_HAND, NAMED_BY_HAND
from state.receivables import STRIPE, DownstreamInvoice
from state.worklist import Flag
from sync.books import Matched
from sync.canon import as_bytes, of_document
from sync.decide import Case, Held
from sync.pairs import apart


def plain_legs(
    case: Case,
    targets: Sequence[str],
    *,
    flags: Iterable[Flag] = (),
    claimed_elsewhere: frozenset[str] = frozenset(),
) -> tuple[Held, ...] | None:
    """The one document of each register, in their order; None: a person may want to look."""
    invoice = case.invoice
    if (
        invoice is None
        or invoice.status is not CoreStatus.FINALIZED
        or invoice.currency is None
        or invoice.regenerated_from is not None
        or case.successor is not None
        or any(True for _ in flags)
    ):
        return None
    legs = []
    for target in targets:
        held = case.on(target)
        if len(held) != 1:
            return None
        document = held[0].document
        if (
            not document.status.posted
            or document.currency != invoice.currency
            or document.gross_minor != invoice.due_minor
            or document.id in claimed_elsewhere
            or held[0].memos
            or document.linked_by.startswith((BY_HAND, NAMED_BY_HAND))
        ):
            return None
        legs.append(held[0])
    return tuple(legs)


def posted_on(document: DownstreamInvoice) -> datetime | None:
    """When a document came to stand in its register; its entry, where no posting is told."""
    return document.posted_at or document.created_at


class Hashing(Protocol):
    """The part of a hash that is used here."""

    def update(self, text: bytes, /) -> None:
        """Take in some more."""

    def hexdigest(self) -> str:
        """The hash of all that was taken in."""


@dataclass(slots=True)
class _Leg:
    """One register and currency, while it is counted."""

    count: int = 0
    core: int = 0
    gross: int = 0
    tax: int = 0
    paid: int = 0
    open: int = 0
    apart: int = 0
    apart_minor: int = 0
    hashed: Hashing = field(default_factory=sha256)


@dataclass(slots=True)
class Tally:
    """Counts plainly matched rows. They come by the id of the core invoice."""

    legs: dict[tuple[str, str], _Leg] = field(default_factory=dict)
    zone: str = "UTC"  # of months

    def add(self, case: Case, legs: Iterable[Held]) -> None:
        """Count one invoice."""
        invoice = case.invoice
        assert invoice is not None  # noqa: S101 - plain_legs saw it
        documents = [held.document for held in legs]
        in_stripe = next((posted_on(d) for d in documents if d.target == STRIPE), None)
        for document in documents:
            key = (document.target, document.currency)
            leg = self.legs.setdefault(key, _Leg())
            leg.count += 1
            leg.core += invoice.due_minor
            leg.gross += document.gross_minor
            leg.tax += document.tax_minor
            leg.paid += document.paid_minor
            leg.open += document.owed_minor
            if apart(in_stripe, posted_on(document), self.zone):
                leg.apart += 1
                leg.apart_minor += document.gross_minor
            leg.hashed.update(as_bytes(of_document(document)))

    def matched(self) -> tuple[Matched, ...]:
        """What a run keeps of them."""
        return tuple(
            Matched(
                target,
                currency,
                leg.count,
                leg.core,
                leg.gross,
                leg.tax,
                leg.paid,
                leg.open,
                leg.hashed.hexdigest(),
                leg.apart,
                leg.apart_minor,
            )
            for (target, currency), leg in sorted(self.legs.items())
        )


def total(matched: Iterable[Matched]) -> Mapping[str, int]:
    """How many rows each register counts."""
    found: dict[str, int] = {}
    for one in matched:
        found[one.target] = found.get(one.target, 0) + one.count
    return found
