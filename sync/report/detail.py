"""The columns of a reconciliation's rows, once, for every sheet and format that shows them."""

from datetime import datetime

from state.receivables import DocumentStatus
from sync.books import Row
from sync.classify import SEVERITY
from sync.report.cells import Calendar, day, joined
from sync.report.document import Column, Kind
from sync.report.material import Material

_MINUS = "ROUND({net}-{core_amount},{exponent})"


def settlement(row: Row) -> str:
    """How far the document is paid."""
    match row.document_status:
        case DocumentStatus.PAID:
            # Below the smallest charge Stripe moves the amount to the customer's balance.
            return "PAID" if row.paid_minor or not row.gross_minor else "CREDIT_BALANCE"
        case DocumentStatus.PART_PAID:
            return "PART"
        case DocumentStatus.OPEN:
            return "UNPAID"
        case DocumentStatus.UNCOLLECTIBLE:
            return "WRITTEN_OFF"
        case _:
            return ""


def first_seen(row: Row) -> datetime | None:
    """Since when an open row has been one: its first flag; else the later of its two dates."""
    if not row.unexplained:
        return None
    dates = [one for one in (row.issued_at, row.posted_at) if one is not None]
    return row.first_seen or max(dates, default=None)


def age(row: Row, as_of: datetime) -> int | None:
    """Days for which the row has stood open."""
    since = first_seen(row)
    return None if since is None else max((as_of - since).days, 0)


def _live(row: Row) -> bool:
    """Do the row's own figures follow from its amounts? Not where nothing is netted."""
    return (
        row.net_variance == row.net_minor - row.netted_core_minor
        and row.net_minor == row.gross_minor + row.memos_minor
    )


def _net(row: Row) -> str:
    return "ROUND({gross}+{memos},{exponent})" if _live(row) else ""


def _variance(row: Row) -> str:
    return _MINUS if _live(row) else ""


def _unexplained(row: Row) -> str:
    left = row.net_variance - row.rounding - row.explained - row.timing
    whole = left == row.unexplained
    return (
        "ROUND({net_variance}-{rounding}-{explained}-{timing},{exponent})" if whole else ""
    )


def detail_columns(material: Material) -> tuple[Column[Row], ...]:
    """Every column of Detail, in its order. The line number is the sheet's own."""
    return (*_NAMES, *_dates(material.calendar), *_AMOUNTS, *_state(material))


_NAMES: tuple[Column[Row], ...] = (
    Column("leg", "Leg", Kind.ID, lambda row: row.leg, 13),
    Column("customer_id", "Customer id", Kind.ID, lambda row: row.customer_id, 38),
    Column("customer", "Customer", Kind.TEXT, lambda row: row.customer, 22, brief=True),
    Column(
        "core_invoice",
        "Core invoice",
        Kind.ID,
        lambda row: row.core_invoice_id,
        38,
        brief=True,
    ),
    Column("core_status", "Core status", Kind.ID, lambda row: row.core_status, 12),
    Column(
        "regenerated_from",
        "Regenerated from",
        Kind.ID,
        lambda row: row.regenerated_from,
        38,
    ),
    Column("replaced_by", "Replaced by", Kind.ID, lambda row: row.replaced_by, 38),
    Column(
        "document",
        "Downstream invoice",
        Kind.ID,
        lambda row: row.document_id,
        28,
        brief=True,
    ),
    Column("number", "Number", Kind.ID, lambda row: row.document_number, 18),
    Column(
        "status",
        "Status",
        Kind.ID,
        lambda row: row.document_status,
        14,
        brief=True,
        spare=True,
    ),
    Column("currency", "Ccy", Kind.ID, lambda row: row.currency, 6, brief=True),
    Column("service_from", "Service from", Kind.DAY, lambda row: day(row.start), 12),
    Column("service_to", "Service to", Kind.DAY, lambda row: day(row.end), 12),
)


def _dates(dates: Calendar) -> tuple[Column[Row], ...]:
    return (
        Column("issued", "Issued (core)", Kind.DAY, lambda row: dates.day(row.issued_at), 12),
        Column("posted", "Posted (downstream)", Kind.DAY, lambda row: dates.day(row.posted_at), 15),
        Column("period", "Posting period", Kind.ID, lambda row: dates.month(row.posted_at), 9),
    )  # fmt: skip


_AMOUNTS: tuple[Column[Row], ...] = (
    Column("core_amount", "Core amount", Kind.MONEY, lambda row: row.netted_core_minor, brief=True, total=True),
    Column("original", "Core original amount", Kind.MONEY, lambda row: row.original_minor),
    Column("gross", "Downstream gross", Kind.MONEY, lambda row: row.gross_minor, brief=True, total=True),
    Column("memos", "Credit memos", Kind.MONEY, lambda row: row.memos_minor, brief=True, total=True),
    Column("net", "Downstream net", Kind.MONEY, lambda row: row.net_minor, total=True, formula=_net),
    Column("net_variance", "Net variance", Kind.MONEY, lambda row: row.net_variance, total=True, formula=_variance),
    Column("rounding", "Rounding", Kind.MONEY, lambda row: row.rounding, total=True),
    Column("explained", "Explained by memo", Kind.MONEY, lambda row: row.explained, total=True),
    Column("timing", "Timing", Kind.MONEY, lambda row: row.timing, total=True),
    Column("unexplained", "Unexplained", Kind.MONEY, lambda row: row.unexplained, brief=True, total=True, formula=_unexplained),
    Column("closed", "Closed by memo", Kind.MONEY, lambda row: row.closed, total=True),
    Column("tax", "Tax downstream", Kind.MONEY, lambda row: row.tax_minor, total=True),
    Column("memo_tax", "Tax on memos", Kind.MONEY, lambda row: row.memo_tax_minor, total=True),
    Column("paid", "Paid", Kind.MONEY, lambda row: row.paid_minor, total=True),
    Column("open", "Open balance", Kind.MONEY, lambda row: row.open_minor, total=True),
)  # fmt: skip


def _state(material: Material) -> tuple[Column[Row], ...]:
    as_of, twins, dates = material.run.as_of, material.twins, material.calendar

    def twins_in(row: Row) -> str:
        found = twins.of_refs(row.target, row.core_invoice_id, row.memo_refs)
        return "; ".join(str(one) for one in found)

    return (
        Column("settlement", "Settlement", Kind.ID, settlement, 15),
        Column("kind", "Classification", Kind.ID, lambda row: row.kind, 27, brief=True),
        Column("severity", "Severity", Kind.WHOLE, lambda row: SEVERITY[row.kind], 9),
        Column("memo_refs", "Memo refs", Kind.ID, lambda row: joined(row.memo_refs), 20),
        Column("twins", "Twin in other system", Kind.TEXT, twins_in, 26),
        Column("flag_refs", "Flag refs", Kind.ID, lambda row: joined(row.flag_refs), 14),
        Column("note", "Note", Kind.TEXT, lambda row: row.note, 30),
        Column(
            "first_seen", "First seen", Kind.DAY, lambda row: dates.day(first_seen(row)), 12
        ),
        Column("age", "Age (days)", Kind.WHOLE, lambda row: age(row, as_of), 8),
    )
