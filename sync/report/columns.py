"""The columns of each report, once, for every format."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Generic, TypeVar

from state.clock import iso
from state.worklist import Flag
from sync.books import Row

_R = TypeVar("_R")


@dataclass(frozen=True, slots=True)
class Text(Generic[_R]):
    """A column of text: ids, names, dates. Never read as a number."""

    title: str
    of: Callable[[_R], str]


@dataclass(frozen=True, slots=True)
class Amount(Generic[_R]):
    """A column of money: integer minor units, in the row's own currency."""

    title: str
    of: Callable[[_R], int]


Column = Text[_R] | Amount[_R]


def day(moment: datetime | None) -> str:
    """A date as accountants file it; '' for none."""
    return "" if moment is None else moment.astimezone(UTC).date().isoformat()


DETAIL: tuple[Column[Row], ...] = (
    Text("Leg", lambda row: f"core↔{row.target}"),
    Text("Classification", lambda row: row.kind),
    Text("Customer id", lambda row: row.customer_id),
    Text("Customer", lambda row: row.customer),
    Text("Core invoice", lambda row: row.core_invoice_id),
    Text("Core status", lambda row: row.core_status),
    Text("Regenerated from", lambda row: row.regenerated_from),
    Text("Replaced by", lambda row: row.replaced_by),
    Text("Downstream invoice", lambda row: row.document_id),
    Text("Number", lambda row: row.document_number),
    Text("Downstream status", lambda row: row.document_status),
    Text("Currency", lambda row: row.currency),
    Text("Service from", lambda row: day(row.start)),
    Text("Service to", lambda row: day(row.end)),
    Text("Issued (core)", lambda row: day(row.issued_at)),
    Text("Posted (downstream)", lambda row: day(row.posted_at)),
    Amount("Core amount", lambda row: row.core_minor),
    Amount("Core original amount", lambda row: row.original_minor),
    Amount("Downstream gross", lambda row: row.gross_minor),
    Amount("Credit memos", lambda row: row.memos_minor),
    Amount("Downstream net", lambda row: row.net_minor),
    Amount("Net variance", lambda row: row.net_variance),
    Amount("Rounding", lambda row: row.rounding),
    Amount("Explained by memo", lambda row: row.explained),
    Amount("Closed by memo", lambda row: row.closed),
    Amount("Unexplained", lambda row: row.unexplained),
    Amount("Tax downstream", lambda row: row.tax_minor),
    Amount("Paid", lambda row: row.paid_minor),
    Amount("Open balance", lambda row: row.open_minor),
    Text("Memo refs", lambda row: " ".join(row.memo_refs)),
    Text("Flag refs", lambda row: " ".join(row.flag_refs)),
)

WORKLIST: tuple[Column[Flag], ...] = (
    Text("Flag", lambda flag: flag.id),
    Text("State", lambda flag: flag.state),
    Text("Priority", lambda flag: f"P{flag.priority}"),
    Text("Cause", lambda flag: flag.cause),
    Text("System", lambda flag: flag.target),
    Text("Downstream invoice", lambda flag: flag.downstream_id or ""),
    Text("Core invoice", lambda flag: flag.core_invoice_id),
    Text("Customer id", lambda flag: flag.core_customer_id),
    Text("Replaced by (core)", lambda flag: flag.successor or ""),
    Text("Double-billed", lambda flag: "Y" if flag.double_billed else "N"),
    Text("Currency", lambda flag: flag.currency),
    Amount("Open exposure", lambda flag: flag.exposure_minor),
    Text("Action", lambda flag: flag.action),
    Text("Why", lambda flag: flag.why),
    Text("Link", lambda flag: flag.url or ""),
    Text("Assignee", lambda flag: flag.assignee or ""),
    Text("Opened (UTC)", lambda flag: iso(flag.opened_at) or ""),
    Text("Claimed done (UTC)", lambda flag: iso(flag.claimed_at) or ""),
    Text("Claimed by", lambda flag: flag.claimed_by or ""),
    Text("Closed (UTC)", lambda flag: iso(flag.closed_at) or ""),
    Text("Evidence", lambda flag: flag.evidence),
    Text("Re-opened", lambda flag: str(flag.reopened)),
    Text("Note", lambda flag: flag.note),
)
