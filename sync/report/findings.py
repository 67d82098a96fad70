"""What stays open and what memos explain: the two lists that a reviewer reads first."""

import shlex
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from state.receivables import STRIPE, CreditMemo
from sync.books import Row
from sync.candidates import DAYS_APART_MAX, MEMO, Candidate, candidates
from sync.report.cells import Calendar
from sync.report.detail import age
from sync.report.document import Column, Kind, Table, table
from sync.report.material import Material
from sync.report.reasons import reason_code
from sync.report.words import action_for, priority_of

RESOLUTIONS = (
    "Voided downstream",
    "Credit memo issued",
    "Billed again",
    "Explained: see comment",
    "Accepted below threshold",
)


def unexplained_table(material: Material, rows: Callable[[], Iterable[Row]]) -> Table[Row]:
    """Every row with an amount that nothing explains, the worst first."""
    owners = {flag.id: flag.assignee or "" for flag in material.flags}
    as_of = material.run.as_of

    links = {flag.id: flag.url or "" for flag in material.flags}

    def link(row: Row) -> str:
        """Where the document stands in its own system; its flag's link, else its own."""
        document = material.documents.get((row.target, row.document_id))
        own = (document.url or "") if document is not None else ""
        return next((links[ref] for ref in row.flag_refs if links.get(ref)), own)

    def owner(row: Row) -> str:
        return next((owners[ref] for ref in row.flag_refs if owners.get(ref)), "")

    columns: tuple[Column[Row], ...] = (
        Column("priority", "Priority", Kind.ID, lambda row: f"P{priority_of(row.kind)}", 8, brief=True),
        Column("customer_id", "Customer id", Kind.ID, lambda row: row.customer_id, 38),
        Column("customer", "Customer", Kind.TEXT, lambda row: row.customer, 22, brief=True),
        Column("core_invoice", "Core invoice", Kind.ID, lambda row: row.core_invoice_id, 38, brief=True),
        Column("document", "Downstream invoice", Kind.ID, lambda row: row.document_id, 28, brief=True),
        Column("number", "Number", Kind.ID, lambda row: row.document_number, 18),
        Column("leg", "Leg", Kind.ID, lambda row: row.leg, 13),
        Column("currency", "Ccy", Kind.ID, lambda row: row.currency, 6, brief=True),
        Column("unexplained", "Unexplained", Kind.MONEY, lambda row: row.unexplained, brief=True, total=True),
        Column("kind", "Classification", Kind.ID, lambda row: row.kind, 27, brief=True),
        Column("action", "Recommended action", Kind.TEXT, lambda row: action_for(row.kind), 46, brief=True),
        Column("age", "Age (days)", Kind.WHOLE, lambda row: age(row, as_of), 8, brief=True),
        Column("flag_refs", "Flags", Kind.ID, lambda row: " ".join(row.flag_refs), 14),
        Column("link", "Link", Kind.LINK, link, 30),
        Column("owner", "Owner", Kind.TEXT, owner, 16),
        Column("resolution", "Resolution", Kind.TEXT, lambda _: "", 24, choices=RESOLUTIONS, fill=True),
        Column("resolved_on", "Resolved on", Kind.DAY, lambda _: "", 12, fill=True),
    )  # fmt: skip
    return table(
        "unexplained",
        "Unexplained amounts",
        columns,
        rows,
        lambda row: row.currency,
        empty="Nothing is unexplained.",
        group="leg",
    )


def candidates_table(material: Material) -> Table[Candidate]:
    """What may belong to an open row, by amount and date, and how a person says so."""
    dates = material.calendar
    columns: tuple[Column[Candidate], ...] = (
        Column("core_invoice", "Core invoice", Kind.ID, lambda one: one.row.core_invoice_id, 38, brief=True),
        Column("customer", "Customer", Kind.TEXT, lambda one: one.row.customer, 22, brief=True),
        Column("leg", "Leg", Kind.ID, lambda one: one.row.leg, 13),
        Column("currency", "Ccy", Kind.ID, lambda one: one.row.currency, 6, brief=True),
        Column("unexplained", "Unexplained", Kind.MONEY, lambda one: one.row.unexplained, brief=True),
        Column("rank", "Rank", Kind.WHOLE, lambda one: one.rank, 6),
        Column("what", "What", Kind.ID, lambda one: one.what, 10),
        Column("candidate", "Candidate", Kind.ID, lambda one: one.id, 28, brief=True),
        Column("number", "Number", Kind.ID, lambda one: one.number, 18),
        Column("amount", "Amount ex tax", Kind.MONEY, lambda one: one.amount_minor, brief=True),
        Column("tax", "Tax", Kind.MONEY, lambda one: one.tax_minor, brief=True),
        Column("posted", "Posted", Kind.DAY, lambda one: dates.day(one.posted_at), 12, brief=True),
        Column("days_apart", "Days apart", Kind.WHOLE, lambda one: one.days_apart, 8, brief=True),
        Column("same_customer", "Same customer", Kind.ID, lambda one: "yes" if one.same_customer else "not told", 10),
        Column("act", "If it belongs here", Kind.TEXT, _act, 60, brief=True),
    )  # fmt: skip
    return table(
        "candidates",
        "Candidates",
        columns,
        candidates(material.run.rows, material.loose, material.memos),
        lambda one: one.row.currency,
        note="Documents that name no core invoice, and memos that name no invoice, whose amount is "
        f"that of an open row and whose date lies within {DAYS_APART_MAX} days of it. A hint to "
        "look at: nothing is linked, and no figure is changed, until a person says so.",
        empty="None: no amount and date agree.",
    )


def _act(one: Candidate) -> str:
    """How a person says that a candidate belongs to its row."""
    row = one.row
    if one.what == MEMO:
        return f"Apply it in {row.target} to {row.document_id}."
    if row.document_id:
        core, target, old, new = map(
            shlex.quote, (row.core_invoice_id, row.target, row.document_id, one.id)
        )
        return (
            f"tieout link add {core} --in {target} --old {old} --new {new} "
            "--reason TEXT --approver NAME"
        )
    if row.target == STRIPE:
        return (
            f"Write {row.core_invoice_id} into its metadata, as core_invoice_id, in stripe."
        )
    core, target, new = map(shlex.quote, (row.core_invoice_id, row.target, one.id))
    return (
        f"Write {row.core_invoice_id} into its reference field, in {row.target}; or: "
        f"tieout link add {core} --in {target} --document {new} --reason TEXT --approver NAME"
    )


@dataclass(frozen=True, slots=True)
class Use:
    """One memo as it counts in one row: a part closes an over-billing, a part explains."""

    row: Row
    memo: CreditMemo
    before: int  # the variance before this memo
    closing: int
    explaining: int

    @property
    def after(self) -> int:
        """The variance once this memo is counted."""
        return self.before - self.memo.amount_minor


def uses_of(material: Material) -> list[Use]:
    """How each counted memo is used, in the order of posting."""
    by_document: dict[tuple[str, str], list[CreditMemo]] = {}
    for memo in material.memos:
        if memo.invoice_id is not None:
            by_document.setdefault((memo.target, memo.invoice_id), []).append(memo)
    uses: list[Use] = []
    order = _by_posting(material.calendar)
    for row in material.rows():
        if not row.memos_minor:
            continue
        counted = [
            memo
            for document in row.document_id.split(", ")
            for memo in by_document.get((row.target, document), [])
            if (memo.number or memo.id) in row.memo_refs
            # A part that is not applied yet bears on a row only where nothing stands.
            and (memo.applied or row.document_status in {"VOID", "DELETED"})
        ]
        uses.extend(_shares(row, sorted(counted, key=order)))
    return uses


def _by_posting(dates: Calendar) -> Callable[[CreditMemo], tuple[str, str]]:
    return lambda memo: (dates.day(memo.posted_at), memo.number or memo.id)


def _shares(row: Row, memos: list[CreditMemo]) -> Iterable[Use]:
    """The first memos close what was billed too much; what is left of them explains."""
    before = row.gross_minor - row.netted_core_minor
    closed_left = row.closed
    for memo in memos:
        closing = min(memo.amount_minor, closed_left)
        closed_left -= closing
        explained = memo.amount_minor - closing if row.explained else 0
        yield Use(row, memo, before, closing, -explained)
        before -= memo.amount_minor


def explained_table(material: Material) -> Table[Use]:
    """One row for each memo that counts, with who approved it and what it did."""
    dates = material.calendar
    columns: tuple[Column[Use], ...] = (
        Column("customer", "Customer", Kind.TEXT, lambda one: one.row.customer, 22),
        Column("core_invoice", "Core invoice", Kind.ID, lambda one: one.row.core_invoice_id, 38, brief=True),
        Column("document", "Downstream invoice", Kind.ID, lambda one: one.memo.invoice_id or "", 28, brief=True),
        Column("leg", "Leg", Kind.ID, lambda one: one.row.leg, 13),
        Column("currency", "Ccy", Kind.ID, lambda one: one.row.currency, 6, brief=True),
        Column("before", "Variance before", Kind.MONEY, lambda one: one.before, brief=True, spare=True),
        Column("memo", "Memo no.", Kind.ID, lambda one: one.memo.number or one.memo.id, 20, brief=True),
        Column("memo_date", "Memo date", Kind.DAY, lambda one: dates.day(one.memo.document_at or one.memo.posted_at), 12, brief=True),
        Column("posted", "Posting date", Kind.DAY, lambda one: dates.day(one.memo.posted_at), 12),
        Column("period", "Posting period", Kind.ID, lambda one: dates.month(one.memo.posted_at), 9),
        Column("reason_code", "Reason code", Kind.ID, lambda one: reason_code(one.memo), 22),
        Column("text", "Reason", Kind.TEXT, lambda one: one.memo.text, 34, brief=True),
        Column("requested_by", "Requested by", Kind.TEXT, lambda one: one.memo.raised_by or "", 16),
        Column("approved_by", "Approved by", Kind.TEXT, lambda one: one.memo.approved_by or "", 16),
        Column("approved_at", "Approval date", Kind.DAY, lambda one: dates.day(one.memo.approved_at), 12),
        Column("amount", "Memo ex tax", Kind.MONEY, lambda one: -one.memo.amount_minor, brief=True, total=True),
        Column("tax", "Tax", Kind.MONEY, lambda one: -one.memo.tax_minor),
        Column("closing", "Closes an over-billing", Kind.MONEY, lambda one: -one.closing, brief=True, total=True),
        Column("explaining", "Explains", Kind.MONEY, lambda one: one.explaining, brief=True, total=True),
        Column("after", "Residual", Kind.MONEY, lambda one: one.after, formula="ROUND({before}+{amount},{exponent})"),
        Column("pairing", "Pairing", Kind.ID, lambda one: "exact" if one.memo.exact else "inferred", 9),
        Column("link", "Evidence", Kind.LINK, lambda one: one.memo.url or "", 30),
    )  # fmt: skip
    return table(
        "explained",
        "Explained by credit memos",
        columns,
        uses_of(material),
        lambda one: one.row.currency,
        group="leg",
    )
