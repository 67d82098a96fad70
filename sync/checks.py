"""The controls a run makes of itself: nothing read is lost, and everything foots."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from state.invoices import CoreInvoice, CoreStatus
from sync.books import Check, Excluded, Matched, Row
from sync.classify import Kind
from sync.decide import Case, Held
from sync.exposure import Asked, wrongly_billed

_DUE = frozenset({CoreStatus.FINALIZED, CoreStatus.VOID})


@dataclass(slots=True)
class Counted:
    """Totals taken from the books as they are read, apart from the rows made of them."""

    core_minor: Counter[str] = field(default_factory=Counter)
    gross_minor: Counter[tuple[str, str]] = field(default_factory=Counter)
    open_minor: Counter[tuple[str, str]] = field(default_factory=Counter)
    memo_minor: Counter[tuple[str, str]] = field(default_factory=Counter)
    invoices: int = 0
    documents: int = 0
    stood: Counter[str] = field(default_factory=Counter)  # documents and memos, by register
    elsewhere: Counter[str] = field(default_factory=Counter)  # of another month, by source
    expected: Counter[str] = field(default_factory=Counter)  # rows, by register
    memos: set[tuple[str, str]] = field(default_factory=set)
    memos_used: set[tuple[str, str]] = field(default_factory=set)

    def core(self, invoice: CoreInvoice) -> None:
        """Count one core invoice."""
        self.invoices += 1
        if invoice.status is CoreStatus.FINALIZED and invoice.currency is not None:
            self.core_minor[invoice.currency] += invoice.due_minor

    def expect(self, case: Case, targets: Iterable[str]) -> None:
        """Count the rows that an invoice must have: one for each register with its debt.

        Live documents in further currencies have a row for each.
        """
        due = case.invoice is not None and case.invoice.status in _DUE
        for target in targets:
            held = case.on(target)
            self.expected[target] += due or bool(held)
            if len(held) > 1:
                live = {o.document.currency for o in held if o.document.status.live}
                self.expected[target] += max(len(live) - 1, 0)

    @property
    def memo_registers(self) -> Iterable[str]:
        """The register of each memo that a row counts."""
        return (target for target, _ in self.memos_used)

    def memos_of(self, held: Held) -> None:
        """Count the memos on one document."""
        for memo in held.memos:
            if (memo.target, memo.id) not in self.memos:
                self.memos.add((memo.target, memo.id))
                self.memo_minor[memo.target, memo.currency] += memo.amount_minor

    def document(self, held: Held) -> None:
        """Count one downstream document."""
        document = held.document
        key = (document.target, document.currency)
        self.documents += 1
        if document.status.posted:
            self.gross_minor[key] += document.gross_minor
        self.open_minor[key] += document.owed_minor


def make_checks(
    rows: Iterable[Row],
    excluded: Iterable[Excluded],
    counted: Counted,
    worklist: Asked,
    *,
    matched: Sequence[Matched] = (),
) -> tuple[Check, ...]:
    """The nine check lines, in the order in which they are printed."""
    some, left_out = list(rows), list(excluded)
    return (
        _every_row(some, matched, left_out, counted),
        _core_total(some, matched, counted),
        _downstream_total(some, matched, counted),
        _memos(some, left_out, counted),
        _identity(some),
        _nothing_hidden(some),
        _open_total(some, matched, counted),
        _one_row_each(some),
        _exposure(some, worklist),
    )


def used_rows(
    rows: Iterable[Row], matched: Iterable[Matched], counted: Counted
) -> Counter[str]:
    """Documents and memos that stand in a row, by register."""
    used = Counter(counted.memo_registers)
    for row in rows:
        used[row.target] += len(row.document_id.split(", ")) if row.document_id else 0
    for one in matched:
        used[one.target] += one.count
    return used


def _every_row(
    rows: list[Row], matched: Sequence[Matched], left_out: list[Excluded], counted: Counted
) -> Check:
    """What was read stands in the detail, or is left out for a reason; nothing is dropped."""
    have = Counter(row.target for row in rows)
    for one in matched:
        have[one.target] += one.count
    wrong = [
        f"{target}: {have[target]} rows for {counted.expected[target]}"
        for target in sorted({*have, *counted.expected})
        if have[target] != counted.expected[target]
    ]
    found = used_rows(rows, matched, counted)
    found.update(one.target for one in left_out)
    for target in sorted(counted.stood):
        accounted = found[target] + counted.elsewhere[target]
        if accounted != counted.stood[target]:
            wrong.append(f"{target}: {accounted} of {counted.stood[target]} accounted for")
    return Check(
        "the rows are as many as what was read asks for", not wrong, "; ".join(wrong)
    )


def _core_total(rows: list[Row], matched: Sequence[Matched], counted: Counted) -> Check:
    """Each leg carries the whole of the core's finalized amounts."""
    name = "core amounts equal the core control total"
    wrong = []
    targets = {row.target for row in rows} | {one.target for one in matched}
    for target in sorted(targets):
        legs: Counter[str] = Counter()
        for one in matched:
            if one.target == target:
                legs[one.currency] += one.core_minor
        for row in rows:
            if row.target == target and row.core_minor:
                legs[row.core_currency or row.currency] += row.core_minor
        if any(legs[c] != counted.core_minor[c] for c in {*legs, *counted.core_minor}):
            wrong.append(f"{target}: {_told(legs)} against {_told(counted.core_minor)}")
    return Check(name, not wrong, "; ".join(wrong))


def _told(sums: Counter[str]) -> dict[str, int]:
    """Sums by currency as a figure shows them: in one order, and none of nothing."""
    return {currency: minor for currency, minor in sorted(sums.items()) if minor}


def _downstream_total(
    rows: list[Row], matched: Sequence[Matched], counted: Counted
) -> Check:
    legs: Counter[tuple[str, str]] = Counter()
    for one in matched:
        legs[one.target, one.currency] += one.gross_minor
    for row in rows:
        legs[row.target, row.currency] += row.gross_minor
    name = "downstream gross equals the downstream control total"
    return _equal(name, legs, counted.gross_minor)


def _open_total(rows: list[Row], matched: Sequence[Matched], counted: Counted) -> Check:
    legs: Counter[tuple[str, str]] = Counter()
    for one in matched:
        legs[one.target, one.currency] += one.open_minor
    for row in rows:
        legs[row.target, row.currency] += row.open_minor
    name = "open balances equal the sum of the open documents"
    return _equal(name, legs, counted.open_minor)


def _equal(
    name: str, rows: Counter[tuple[str, str]], control: Counter[tuple[str, str]]
) -> Check:
    wrong = [
        f"{target} {currency}: {rows[target, currency]} against {control[target, currency]}"
        for target, currency in sorted({*rows, *control})
        if rows[target, currency] != control[target, currency]
    ]
    return Check(name, not wrong, "; ".join(wrong))


def _memos(rows: list[Row], excluded: list[Excluded], counted: Counted) -> Check:
    """Every memo that was read is counted once, or left out for a stated reason."""
    left_out = {(one.target, one.id) for one in excluded if one.what == "memo"}
    lost = counted.memos - counted.memos_used - left_out
    twice = counted.memos_used & left_out
    legs: Counter[tuple[str, str]] = Counter()
    for row in rows:
        legs[row.target, row.currency] -= row.memos_minor
    for one in excluded:
        if one.what == "memo" and (one.target, one.id) in counted.memos:
            legs[one.target, one.currency] += one.amount_minor
    name = (
        "credit memos equal the memo register: each counted once, or excluded with a reason"
    )
    if lost or twice:
        return Check(name, ok=False, figures=", ".join(n for _, n in sorted(lost | twice)))
    return _equal(name, legs, counted.memo_minor)


def _identity(rows: list[Row]) -> Check:
    wrong = [
        row.core_invoice_id
        for row in rows
        if row.net_variance != row.rounding + row.explained + row.timing + row.unexplained
    ]
    return Check(
        "net variance equals rounding, explained, timing and unexplained",
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
    invoices = Counter(row.key for row in rows)
    documents = Counter(
        (row.target, document)
        for row in rows
        for document in row.document_id.split(", ")
        if document
    )
    twice = [key[:2] for key, times in invoices.items() if times > 1]
    twice += [key for key, times in documents.items() if times > 1]
    return Check(name, not twice, ", ".join(f"{t}:{n}" for t, n in sorted(twice)))


def _exposure(rows: list[Row], worklist: Asked) -> Check:
    """The worklist asks for exactly what the reconciliation shows as wrongly billed."""
    shown, wanted = wrongly_billed(rows, worklist)
    wrong = [
        f"{currency}: rows {shown[currency]}, worklist {wanted[currency]}".strip(": ")
        for currency in sorted({*shown, *wanted})
        if shown[currency] != wanted[currency]
    ]
    return Check(
        "the worklist's exposure equals what the rows show as wrongly billed",
        not wrong,
        "; ".join(wrong),
    )
