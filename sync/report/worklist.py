"""The worklist report: what a person must void, delete or credit by hand."""

from dataclasses import dataclass

from state.receivables import DownstreamInvoice
from state.worklist import UNRESOLVED, Cause, Flag, FlagState
from sync.books import Row
from sync.report.cells import time
from sync.report.common import ground, head
from sync.report.document import Column, Document, Facts, Kind, Section, table
from sync.report.material import Material

TITLE = "Worklist: what a person must do by hand"
_ORDER = {
    FlagState.OPEN: 0,
    FlagState.REOPENED: 1,
    FlagState.IN_PROGRESS: 2,
    FlagState.AWAITING_VERIFICATION: 3,
}


@dataclass(frozen=True, slots=True)
class Item:
    """A flag with the row of the run that it belongs to, and its document."""

    flag: Flag
    row: Row | None
    document: DownstreamInvoice | None
    successor_status: str
    age: int

    @property
    def open(self) -> bool:
        """Is there something left to do?"""
        return self.flag.state in UNRESOLVED


def build(material: Material, *, closed: bool = False) -> Document:
    """Open flags, the most urgent first; with `closed`, those that are settled as well."""
    items = sorted(_items(material), key=_order)
    shown = [one for one in items if one.open or closed]
    name = "Worklist" if not closed else "Worklist, closed ones too"
    flags = table(
        "flags",
        "Flags",
        _COLUMNS,
        shown,
        lambda one: one.flag.currency,
        empty="Nothing to do by hand.",
        group="system",
        marked=lambda one: one.open and one.flag.priority == 1,
        note="Only what is seen downstream settles a flag; a click never does.",
    )
    facts = Facts(
        "counts",
        "At a glance",
        (
            ("Open", str(sum(1 for one in items if one.open))),
            ("Settled", str(sum(1 for one in items if not one.open))),
            (
                "Customers billed twice",
                str(sum(1 for o in items if o.open and o.flag.double_billed)),
            ),
        ),
    )
    return Document(
        "worklist",
        head(material, TITLE),
        (Section("worklist", name, (facts, flags)), ground(material)),
        main="flags",
    )


def _items(material: Material) -> list[Item]:
    rows: dict[str, Row] = {}
    status: dict[tuple[str, str], str] = {}
    wanted = {flag.id for flag in material.flags}
    heirs = {flag.successor for flag in material.flags}
    for row in material.rows():
        rows.update({ref: row for ref in row.flag_refs if ref in wanted})
        if row.core_invoice_id in heirs and not row.further:
            status[row.target, row.core_invoice_id] = row.document_status
    as_of = material.run.as_of
    return [
        Item(
            flag,
            rows.get(flag.id),
            material.documents.get((flag.target, flag.subject)),
            status.get((flag.target, flag.successor or ""), ""),
            max(((flag.closed_at or as_of) - flag.opened_at).days, 0),
        )
        for flag in material.flags
    ]


def _order(one: Item) -> tuple[object, ...]:
    flag = one.flag
    return (
        _ORDER.get(flag.state, 9),
        flag.priority,
        -flag.exposure_minor,
        -one.age,
        flag.id,
    )


def _money(name: str, item: Item) -> int | None:
    if item.document is None:
        return None
    minor: int = getattr(item.document, name)
    return minor


def _void_seen(item: Item) -> str:
    """When the void was first seen; a flag of another cause tells of none."""
    of_a_void = item.flag.cause is Cause.VOIDED_IN_CORE
    return time(item.flag.opened_at) if of_a_void else ""


def _evidence(item: Item) -> str:
    """What settled it: what was seen, or who let it be."""
    flag = item.flag
    if flag.state is FlagState.WAIVED:
        return f"waived by {flag.waived_by}, approved by {flag.waiver_approved_by}"
    return flag.evidence


def _due(item: Item) -> str:
    """By when its customer is asked to pay: the work should be done before."""
    due = item.document.due_on if item.document is not None else None
    return "" if due is None else due.isoformat()


_COLUMNS: tuple[Column[Item], ...] = (
    Column("flag", "Flag no.", Kind.ID, lambda one: one.flag.id, 10, brief=True),
    Column("state", "State", Kind.ID, lambda one: one.flag.state, 14, brief=True),
    Column(
        "priority", "Priority", Kind.ID, lambda one: f"P{one.flag.priority}", 8, brief=True
    ),
    Column("cause", "Cause", Kind.ID, lambda one: one.flag.cause, 24),
    Column("opened", "Opened (UTC)", Kind.TIME, lambda one: time(one.flag.opened_at), 21),
    Column(
        "customer_id", "Customer id", Kind.ID, lambda one: one.flag.core_customer_id, 38
    ),
    Column(
        "customer",
        "Customer",
        Kind.TEXT,
        lambda one: one.row.customer if one.row else "",
        22,
        brief=True,
    ),
    Column(
        "core_invoice",
        "Core invoice",
        Kind.ID,
        lambda one: one.flag.core_invoice_id,
        38,
        brief=True,
    ),
    Column(
        "voided_seen",
        "Void seen (UTC)",
        Kind.TIME,
        _void_seen,
        21,
    ),
    Column(
        "successor", "Replaced by (core)", Kind.ID, lambda one: one.flag.successor or "", 38
    ),
    Column(
        "successor_status",
        "Replacement downstream",
        Kind.ID,
        lambda one: one.successor_status,
        14,
    ),
    Column("system", "System", Kind.ID, lambda one: one.flag.target, 10, brief=True),
    Column(
        "document",
        "Downstream invoice",
        Kind.ID,
        lambda one: one.flag.downstream_id or "",
        28,
        brief=True,
    ),
    Column(
        "number",
        "Number",
        Kind.ID,
        lambda one: (one.document.number or "") if one.document else "",
        18,
    ),
    Column(
        "status",
        "Status now",
        Kind.ID,
        lambda one: one.document.status if one.document else "",
        14,
    ),
    Column("currency", "Ccy", Kind.ID, lambda one: one.flag.currency, 6, brief=True),
    Column("gross", "Gross", Kind.MONEY, lambda one: _money("gross_minor", one)),
    Column("paid", "Paid", Kind.MONEY, lambda one: _money("paid_minor", one)),
    Column(
        "memos", "Memos", Kind.MONEY, lambda one: one.row.memos_minor if one.row else None
    ),
    Column(
        "exposure",
        "Open exposure",
        Kind.MONEY,
        lambda one: one.flag.exposure_minor if one.open else 0,
        brief=True,
        total=True,
    ),
    Column(
        "double_billed",
        "Double-billed",
        Kind.ID,
        lambda one: "Y" if one.flag.double_billed else "N",
        8,
    ),
    Column("action", "Action", Kind.TEXT, lambda one: one.flag.action, 44, brief=True),
    Column("why", "Why this action", Kind.TEXT, lambda one: one.flag.why, 40),
    Column("link", "Link", Kind.LINK, lambda one: one.flag.url or "", 30),
    Column("due", "Customer's due date", Kind.DAY, _due, 12),
    Column("assignee", "Assignee", Kind.TEXT, lambda one: one.flag.assignee or "", 16),
    Column(
        "claimed",
        "Claimed done (UTC)",
        Kind.TIME,
        lambda one: time(one.flag.claimed_at),
        21,
    ),
    Column(
        "claimed_by", "Claimed by", Kind.TEXT, lambda one: one.flag.claimed_by or "", 16
    ),
    Column("evidence", "Evidence", Kind.TEXT, _evidence, 36),
    Column(
        "verified", "Verified (UTC)", Kind.TIME, lambda one: time(one.flag.closed_at), 21
    ),
    Column("reopened", "Re-opened", Kind.WHOLE, lambda one: one.flag.reopened, 9),
    Column("age", "Age (days)", Kind.WHOLE, lambda one: one.age, 8),
    Column("note", "Note", Kind.TEXT, lambda one: one.flag.note, 30),
)
