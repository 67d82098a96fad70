"""The rows of a run: cases gathered from the books as of the cutoff, compared one by one.

What the set engine has found plainly matched never comes here; without the engine every
invoice does, and what is plainly matched is counted on the way (`sync.screen`).
"""

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from itertools import islice
from operator import attrgetter
from typing import TypeVar

from state.invoices import CoreInvoice, CoreStatus
from state.observations import CORE
from state.receivables import DocumentStatus
from state.rows import micros
from state.store import PastBooks
from state.worklist import Flag
from sync.asides import custom_unit, superseded, uncounted
from sync.books import ChainFinding, Excluded, Row
from sync.canon import Digests, of_document, of_invoice
from sync.cases import gather
from sync.chains import Version, chain_findings
from sync.checks import Counted
from sync.classify import SEVERITY
from sync.compare import compare, standing
from sync.decide import Case
from sync.exposure import asks_of
from sync.months import Month
from sync.screen import Tally, plain_legs

_T = TypeVar("_T")
CHUNK = 1000  # core invoices gathered at once


@dataclass(frozen=True, slots=True)
class Ground:
    """What a comparison stands on: the books, the registers, the month, the tolerance."""

    books: PastBooks
    later: PastBooks | None  # all that is known now, where the cutoff lies before it
    targets: tuple[str, ...]
    period: Month
    tolerance: int


@dataclass(slots=True)
class Ledger:
    """What a run collects."""

    rows: list[Row] = field(default_factory=list)
    plain: list[Row] = field(default_factory=list)  # the first of them, while they are few
    chains: list[ChainFinding] = field(default_factory=list)
    excluded: list[Excluded] = field(default_factory=list)
    counted: Counted = field(default_factory=Counted)
    tally: Tally = field(default_factory=Tally)
    seen_roots: set[str] = field(default_factory=set)
    digests: Digests = field(default_factory=Digests)


def take_invoices(
    ledger: Ledger, ground: Ground, ids: Sequence[str], *, screened: bool, keep_plain: int
) -> None:
    """Compare some core invoices of the month. The first `keep_plain` matched keep rows.

    `screened`: none of them is plainly matched, and their totals are counted already.
    """
    cases, flags = gather(ground.books, ids)
    claimed = _claims(ground.books, cases)
    by_id = {case.core_invoice_id: case for case in cases}
    looked_at: list[Case] = []
    for name in ids:
        case = by_id[name]
        named = flags.get(name, ())
        legs = None
        if not screened:
            elsewhere = _elsewhere(case, claimed)
            legs = plain_legs(
                case, ground.targets, flags=named, claimed_elsewhere=elsewhere
            )
        if legs is None:
            looked_at.append(case)
            continue
        ledger.tally.add(case, legs)
        ledger.counted.expect(case, ground.targets)
        for held in legs:
            ledger.counted.document(held)
        if len(ledger.plain) < keep_plain:
            made = compare(case, ground.targets, tolerance=ground.tolerance)
            ledger.plain.extend(made.rows)
    rows: list[Row] = []
    for case in looked_at:
        rows.extend(_take(ledger, ground, case, flags, claimed, count=not screened))
    ledger.rows.extend(with_timing(ground, rows))
    _add_chains(ledger, cases, {case.core_invoice_id for case in looked_at}, ground.targets)


def plain_rows(ground: Ground, ids: Sequence[str]) -> Iterator[Row]:
    """The rows of invoices that are known to be plainly matched, in the order of the ids."""
    for first in range(0, len(ids), CHUNK):
        some = ids[first : first + CHUNK]
        cases, _ = gather(ground.books, some)
        by_id = {case.core_invoice_id: case for case in cases}
        for name in some:
            yield from compare(by_id[name], ground.targets, tolerance=ground.tolerance).rows


def take_strangers(ledger: Ledger, ground: Ground, names: Collection[str]) -> None:
    """Compare documents that name a core invoice which nobody knows."""
    for some in chunks(iter(sorted(names)), CHUNK):
        cases, flags = gather(ground.books, some)
        claimed = _claims(ground.books, cases)
        rows: list[Row] = []
        for case in cases:
            if case.core_invoice_id in some:
                rows.extend(_take(ledger, ground, case, flags, claimed, count=True))
        ledger.rows.extend(with_timing(ground, rows))


def invoices_in_order(ground: Ground) -> Iterator[list[CoreInvoice]]:
    """The month's core invoices by customer, date and id; custom units are left out."""
    books = ground.books
    yield from chunks(
        (
            one
            for customers in books.customer_chunks()
            for one in books.invoices_of_customers(customers)
            if one.currency is not None and ground.period.holds(posted(one))
        ),
        CHUNK,
    )


def invoices_met(ground: Ground, ledger: Ledger) -> Iterator[list[CoreInvoice]]:
    """The same by id, with whatever is met on the way counted and hashed."""
    yield from chunks(_meet(ground, ledger), CHUNK)


def _meet(ground: Ground, ledger: Ledger) -> Iterator[CoreInvoice]:
    for some in chunks(ground.books.each_invoice(), CHUNK):
        documents = ground.books.documents_of([one.id for one in some])
        for one in some:
            ledger.digests.take(CORE, of_invoice(one))
            for document in sorted(documents.get(one.id, ()), key=attrgetter("id")):
                if document.target in ground.targets:
                    ledger.digests.take(document.target, of_document(document))
            if not ground.period.holds(posted(one)):
                ledger.counted.elsewhere[CORE] += 1
            elif one.currency is None:
                ledger.excluded.append(custom_unit(one))
            else:
                ledger.counted.core(one)
                yield one


def posted(invoice: CoreInvoice) -> datetime | None:
    """When a core invoice counts: at its issue, else at the end of its period."""
    return invoice.issued_at or invoice.end


def order(row: Row) -> tuple[object, ...]:
    """Worst first, then the largest, then names: a total order, so bytes are stable."""
    return (
        -SEVERITY[row.kind],
        -abs(row.unexplained),
        row.customer_id,
        -1 if (date := row.issued_at or row.end) is None else micros(date),
        row.core_invoice_id,
        row.target,
        row.currency if row.further else "",
    )


def chunks(rows: Iterator[_T], size: int) -> Iterator[list[_T]]:
    """So many at a time."""
    while chunk := list(islice(rows, size)):
        yield chunk


# --- one case ------------------------------------------------------------------------


def _take(
    ledger: Ledger,
    ground: Ground,
    case: Case,
    flags: dict[str, list[Flag]],
    claimed: dict[str, set[str]],
    *,
    count: bool,
) -> tuple[Row, ...]:
    compared = compare(
        case,
        ground.targets,
        tolerance=ground.tolerance,
        flags=flags.get(case.core_invoice_id, ()),
        claimed_elsewhere=_elsewhere(case, claimed),
    )
    used = set(compared.counted)
    shown: dict[str, list[str]] = {}
    for row in compared.rows:
        shown.setdefault(row.target, []).extend(row.document_id.split(", "))
    ledger.counted.memos_used.update(used)
    if count:
        ledger.counted.expect(case, ground.targets)
    for held in case.documents:
        document = held.document
        if document.target not in ground.targets:
            continue  # a register that is configured no more
        ledger.counted.memos_of(held)
        if count:
            ledger.counted.document(held)
        names = shown.get(document.target, [])
        if document.id not in names:
            ledger.excluded.append(superseded(document, case.core_invoice_id, names))
        ledger.excluded.extend(
            uncounted(memo, document)
            for memo in held.memos
            if (memo.target, memo.id) not in used
        )
    return compared.rows


def _claims(books: PastBooks, cases: Iterable[Case]) -> dict[str, set[str]]:
    return books.claimed([held.document.id for case in cases for held in case.documents])


def _elsewhere(case: Case, claimed: dict[str, set[str]]) -> frozenset[str]:
    """Its documents that the push of another core invoice claims."""
    return frozenset(
        held.document.id
        for held in case.documents
        if claimed.get(held.document.id, set()) - {case.core_invoice_id}
    )


def with_timing(ground: Ground, rows: list[Row]) -> list[Row]:
    """Part of what is unexplained may have been cleared after the cutoff."""
    open_now = {row.core_invoice_id for row in rows if row.unexplained or row.asks}
    if ground.later is None or not open_now:
        return rows
    left: dict[tuple[str, str, str], int] = {}
    lacking: set[tuple[str, str, str]] = set()  # the core's amount, beside another currency
    asked: dict[tuple[str, str], int] = {}
    for row in rows_now(ground, sorted(open_now)):
        left[row.target, row.core_invoice_id, row.currency] = row.unexplained
        if row.core_currency and row.core_minor:
            lacking.add((row.target, row.core_invoice_id, row.core_currency))
        asked |= {(row.target, ask.document_id): ask.minor for ask in asks_of(row)}
    made = []
    for row in rows:
        key = (row.target, row.core_invoice_id, row.currency)
        known = row
        if row.unexplained and (key in left or key not in lacking):
            known = _timed(row, left.get(key, 0))
        asks = tuple(
            replace(ask, left=asked.get((row.target, ask.document_id), 0))
            for ask in asks_of(row)
        )
        made.append(known if asks == asks_of(known) else replace(known, asks=asks))
    return made


def rows_now(ground: Ground, names: Sequence[str]) -> Iterator[Row]:
    """The rows of some invoices with all that is known now."""
    if ground.later is None:
        return
    cases, _ = gather(ground.later, names)
    claimed = _claims(ground.later, cases)
    wanted = set(names)
    for case in cases:
        if case.core_invoice_id in wanted:
            yield from compare(
                case,
                ground.targets,
                tolerance=ground.tolerance,
                claimed_elsewhere=_elsewhere(case, claimed),
            ).rows


def _timed(row: Row, left: int) -> Row:
    """`left` is what the same row leaves unexplained with all that is known now."""
    cleared = row.unexplained - left
    same_side = left == 0 or (left > 0) == (row.unexplained > 0)
    if not same_side or abs(left) >= abs(row.unexplained):
        return row
    note = "cleared after the cutoff" if left == 0 else "cleared in part after the cutoff"
    return replace(
        row,
        timing=cleared,
        unexplained=left,
        note="; ".join(some for some in (row.note, note) if some),
    )


# --- chains --------------------------------------------------------------------------


def _add_chains(
    ledger: Ledger, cases: list[Case], ids: set[str], targets: tuple[str, ...]
) -> None:
    """Chain findings, once for each chain, from its root."""
    by_id = {case.core_invoice_id: case for case in cases}
    for case in cases:
        if case.core_invoice_id not in ids or case.invoice is None or _alone(case):
            continue
        root = case
        passed = {root.core_invoice_id}
        while root.invoice is not None and root.invoice.regenerated_from in by_id:
            root = by_id[root.invoice.regenerated_from]
            if root.core_invoice_id in passed:
                break
            passed.add(root.core_invoice_id)
        if root.core_invoice_id in ledger.seen_roots:
            continue
        ledger.seen_roots.add(root.core_invoice_id)
        chain = _chain_of(root, by_id)
        for target in targets:
            ledger.chains.extend(_findings(chain, target))


def _alone(case: Case) -> bool:
    """Is it billed and the only version of its invoice? Then no chain shows anything."""
    invoice = case.invoice
    return (
        invoice is not None
        and invoice.status is CoreStatus.FINALIZED
        and invoice.regenerated_from is None
        and case.successor is None
    )


def _chain_of(root: Case, by_id: dict[str, Case]) -> list[Case]:
    chain = [root]
    while chain[-1].successor is not None and chain[-1].successor in by_id:
        following = by_id[chain[-1].successor]
        if following in chain:
            break
        chain.append(following)
    return chain


def _findings(chain: list[Case], target: str) -> list[ChainFinding]:
    """What the versions of one invoice show together, in one register."""
    versions = [_version(case, target) for case in chain]
    currency = next((c.invoice.currency for c in chain if c.invoice), None) or ""
    return [
        ChainFinding(
            one.kind, chain[0].core_invoice_id, currency, one.exposure, one.text, target
        )
        for one in chain_findings(versions)
    ]


def _version(case: Case, target: str) -> Version:
    held = standing(case.on(target))
    invoice = case.invoice
    live = held is not None and held.document.status.posted
    paid = held is not None and held.document.status in {
        DocumentStatus.PAID,
        DocumentStatus.PART_PAID,
    }
    finalized = invoice is not None and invoice.status is CoreStatus.FINALIZED
    net = 0
    if held is not None and live:
        net = held.document.gross_minor - held.credited_minor
    return Version(
        core_id=case.core_invoice_id,
        status=invoice.status if invoice is not None else CoreStatus.ABSENT,
        regenerated_from=invoice.regenerated_from if invoice is not None else None,
        core_minor=invoice.due_minor if invoice is not None and finalized else 0,
        net_minor=net,
        live=live,
        paid=paid,
    )
