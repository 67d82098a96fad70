"""The controls a run makes of itself: nothing read is lost, and everything foots."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field

from state.invoices import CoreInvoice, CoreStatus
from state.worklist import Cause, Flag, FlagState
from sync.books import Check, Excluded, Row
from sync.classify import Kind
from sync.decide import Held

_EXPOSED = frozenset(
    {
        Kind.VOID_PENDING,
        Kind.VOID_PENDING_PARTIAL_MEMO,
        Kind.VOID_BLOCKED_PAID,
        Kind.VOID_BLOCKED_PART_PAID,
        Kind.DUPLICATE_DOWNSTREAM,
    }
)


@dataclass(slots=True)
class Counted:
    """Totals taken from the books as they are read, apart from the rows made of them."""

    core_minor: Counter[str] = field(default_factory=Counter)
    gross_minor: Counter[tuple[str, str]] = field(default_factory=Counter)
    invoices: int = 0
    documents: int = 0
    memos: set[tuple[str, str]] = field(default_factory=set)
    memos_used: set[tuple[str, str]] = field(default_factory=set)

    def core(self, invoice: CoreInvoice) -> None:
        """Count one core invoice."""
        self.invoices += 1
        if invoice.status is CoreStatus.FINALIZED and invoice.currency is not None:
            self.core_minor[invoice.currency] += invoice.total_minor

    def document(self, held: Held) -> None:
        """Count one downstream document and its memos."""
        document = held.document
        self.documents += 1
        self.memos |= {(memo.target, memo.id) for memo in held.memos}
        if document.status.posted:
            self.gross_minor[document.target, document.currency] += document.gross_minor


def make_checks(
    rows: Iterable[Row],
    excluded: Iterable[Excluded],
    counted: Counted,
    flags: Iterable[Flag],
) -> tuple[Check, ...]:
    """The check lines, in the order in which they are printed."""
    some, left_out = list(rows), list(excluded)
    return (
        _core_total(some, counted),
        _downstream_total(some, counted),
        _memos(left_out, counted),
        _identity(some),
        _nothing_hidden(some),
        _one_row_each(some),
        _exposure(some, list(flags)),
    )


def _core_total(rows: list[Row], counted: Counted) -> Check:
    """Each leg carries the whole of the core's finalized amounts."""
    name = "core amounts equal the core control total"
    wrong = []
    for target in sorted({row.target for row in rows}):
        legs: Counter[str] = Counter()
        for row in rows:
            if row.target == target and row.core_minor:
                legs[_core_currency(row, counted)] += row.core_minor
        if any(legs[c] != counted.core_minor[c] for c in {*legs, *counted.core_minor}):
            wrong.append(f"{target}: {dict(legs)} against {dict(counted.core_minor)}")
    return Check(name, not wrong, "; ".join(wrong))


def _core_currency(row: Row, counted: Counted) -> str:
    """A mismatched row shows the document's currency; its core amount has the core's."""
    if row.kind == Kind.CURRENCY_MISMATCH:
        return next((c for c in counted.core_minor if c != row.currency), row.currency)
    return row.currency


def _downstream_total(rows: list[Row], counted: Counted) -> Check:
    name = "downstream gross equals the downstream control total"
    legs: Counter[tuple[str, str]] = Counter()
    for row in rows:
        legs[row.target, row.currency] += row.gross_minor
    keys = {*legs, *counted.gross_minor}
    wrong = [
        f"{target} {currency}: {legs[target, currency]} against "
        f"{counted.gross_minor[target, currency]}"
        for target, currency in sorted(keys)
        if legs[target, currency] != counted.gross_minor[target, currency]
    ]
    return Check(name, not wrong, "; ".join(wrong))


def _memos(excluded: list[Excluded], counted: Counted) -> Check:
    """Every memo that was read is counted once, or left out for a stated reason."""
    left_out = {(one.target, one.id) for one in excluded if one.what == "memo"}
    lost = counted.memos - counted.memos_used - left_out
    twice = counted.memos_used & left_out
    return Check(
        "every credit memo is counted once or excluded with a reason",
        not lost and not twice,
        ", ".join(name for _, name in sorted(lost | twice)),
    )


def _identity(rows: list[Row]) -> Check:
    wrong = [
        row.core_invoice_id
        for row in rows
        if row.kind != Kind.DUPLICATE_DOWNSTREAM
        and row.net_variance != row.rounding + row.explained + row.unexplained
    ]
    return Check(
        "net variance equals rounding, explained and unexplained",
        not wrong,
        ", ".join(wrong),
    )


def _nothing_hidden(rows: list[Row]) -> Check:
    """A row that is not at peace is never classed as matched."""
    calm = {Kind.MATCHED, Kind.VOIDED_BOTH, Kind.NOT_DUE, Kind.VOID_NEVER_PUSHED}
    wrong = [row.core_invoice_id for row in rows if row.kind in calm and row.unexplained]
    return Check(
        "no matched row carries an unexplained amount", not wrong, ", ".join(wrong)
    )


def _one_row_each(rows: list[Row]) -> Check:
    name = "no invoice and no document stands in two rows of one leg"
    invoices = Counter((row.target, row.core_invoice_id) for row in rows)
    documents = Counter(
        (row.target, document)
        for row in rows
        for document in row.document_id.split(", ")
        if document
    )
    twice = [key for key, times in (invoices + documents).items() if times > 1]
    return Check(name, not twice, ", ".join(f"{t}:{n}" for t, n in sorted(twice)))


def _exposure(rows: list[Row], flags: list[Flag]) -> Check:
    """The worklist asks for exactly what the reconciliation shows as wrongly billed."""
    wanted = {Cause.VOIDED_IN_CORE, Cause.DUPLICATE_DOWNSTREAM}
    asked: dict[tuple[str, str], int] = {}
    shown = {row.core_invoice_id: row for row in rows if row.kind in _EXPOSED}
    for flag in flags:
        if flag.cause not in wanted or flag.state is FlagState.RESOLVED:
            continue
        if flag.core_invoice_id in shown:
            asked[flag.target, flag.subject] = flag.exposure_minor
    exposed = sum(row.unexplained for row in rows if row.kind in _EXPOSED)
    total = sum(asked.values())
    return Check(
        "the worklist's exposure equals what the rows show as wrongly billed",
        exposed == total,
        "" if exposed == total else f"rows {exposed}, worklist {total}",
    )
