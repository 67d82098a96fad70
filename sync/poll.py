"""Read the billing core: by hints for speed, by sweeps for truth.

Metronome has no account-wide invoice list, no "updated since" and no time of a void. So
the audit log names what may have moved, and may tell when an invoice was voided; a sweep
over every customer, archived ones too, finds what nobody named. Absence is concluded from
a complete sweep alone.
"""

from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import datetime

from connectors.failures import ConnectorFailure, Incomplete
from connectors.ports import Hints
from state.credits import CoreCredit
from state.invoices import CoreCustomer, CoreInvoice, CoreStatus
from state.observations import CORE, Changes, Sweep
from sync.decide import anomaly
from sync.parts import Parts
from sync.progress import Progress

HINTS = "core.hints"
BATCH_INVOICES = 500  # about as many in one transaction
UNKNOWN_HINTS_MAX = 200  # ids of one poll that we ask about one by one
# VOID after FINALIZED: an invoice voided between the two is then seen as VOID.
STATUSES = (CoreStatus.DRAFT, CoreStatus.FINALIZED, CoreStatus.VOID)
_VOID = CoreStatus.VOID
_IMMUTABLE = frozenset({CoreStatus.FINALIZED, CoreStatus.VOID})


@dataclass(frozen=True, slots=True)
class Polled:
    """What a poll brought."""

    rows: int = 0  # invoices read
    recorded: int = 0  # invoices that were new or had moved
    pages: int = 0


@dataclass(frozen=True, slots=True)
class Reading:
    """One customer, read whole."""

    customer: CoreCustomer
    invoices: tuple[CoreInvoice, ...]
    credits: tuple[CoreCredit, ...]
    pages: int


def sweep_core(parts: Parts, progress: Progress) -> Polled:
    """Read every customer's every invoice.

    Raises Incomplete when the answer is not whole, or lacks what the core cannot lose.
    """
    started = parts.clock.now()
    known = _immutable(parts)
    hints = _told(parts, progress)
    progress.step("reading the billing core", None)
    total = Polled()
    seen_immutable = 0
    for batch in _batches(_readings(parts), progress):
        polled, immutable = _take(parts, batch, hints.voided)
        total = _add(total, polled)
        seen_immutable += immutable
    if seen_immutable < known:
        # The core never loses one: this is another account, or half an answer.
        raise Incomplete(
            f"the billing core shows {seen_immutable or 'no'} finalized and void invoices "
            f"where {known} are known; nothing was concluded or pushed. "
            "Check core.base_url and core.token"
        )
    swept = Sweep(CORE, started, parts.clock.now(), total.pages, total.rows)
    # What the log told up to here was read just now.
    cursors = {} if hints.cursor is None else {HINTS: hints.cursor}
    parts.record(Changes(sweeps=(swept,), cursors=cursors))
    return total


def _told(parts: Parts, progress: Progress) -> Hints:
    """The audit log's news, for the times of voids; a sweep finds the rest without it."""
    try:
        return parts.core.hints(parts.store.cursor(HINTS))
    except ConnectorFailure as failure:
        progress.note(
            f"voids are dated by this reading, as no audit log was read: {failure}"
        )
        return Hints((), None)


def poll_core(parts: Parts, progress: Progress) -> Polled:
    """Re-read what the audit log names since the last time."""
    cursor = parts.store.cursor(HINTS)
    hints = parts.core.hints(cursor)
    progress.step("following the billing core's audit log", len(hints.ids))
    total = Polled()
    for batch in _batches(_named(parts, hints.ids), progress):
        polled, _ = _take(parts, batch, hints.voided)
        total = _add(total, polled)
    if hints.cursor is not None and hints.cursor != cursor:
        parts.record(Changes(cursors={HINTS: hints.cursor}))
    return total


def _readings(parts: Parts) -> Iterator[Reading]:
    def read(customer: CoreCustomer) -> Reading:
        return read_customer(parts, customer)

    if parts.workers == 1:
        for page in parts.core.customers():
            yield from map(read, page)
        return
    with ThreadPoolExecutor(parts.workers, thread_name_prefix="poll") as pool:
        for page in parts.core.customers():
            yield from pool.map(read, page)


def read_customer(parts: Parts, customer: CoreCustomer) -> Reading:
    """Read one customer's invoices in every status, and its credits."""
    invoices: dict[str, CoreInvoice] = {}
    pages = 0
    for status in STATUSES:
        for page in parts.core.invoices(customer.id, status):
            pages += 1
            invoices.update({invoice.id: invoice for invoice in page})
    granted = parts.core.credits(customer.id)
    return Reading(customer, tuple(invoices.values()), granted, pages + 1)


def record_customer(parts: Parts, customer_id: str) -> None:
    """Read one customer again and record it, with every push and flag that follows."""
    customer = parts.core.customer(customer_id)
    if customer is not None:
        _take(parts, [read_customer(parts, customer)])


def _named(parts: Parts, ids: Iterable[str]) -> Iterator[Reading]:
    """The customers behind the ids that the audit log names, each once."""
    names = list(dict.fromkeys(ids))
    known = parts.store.invoices(names)
    customers = parts.store.customers_by_id(names)
    wanted = dict.fromkeys(invoice.customer_id for invoice in known.values())
    wanted.update(dict.fromkeys(customers))
    unknown = [name for name in names if name not in known and name not in customers]
    # A new customer, or a thing we keep no row of; the sweep finds what is cut off here.
    wanted.update(dict.fromkeys(unknown[:UNKNOWN_HINTS_MAX]))
    for name in wanted:
        customer = parts.core.customer(name)
        if customer is not None:
            yield read_customer(parts, customer)


def _batches(readings: Iterator[Reading], progress: Progress) -> Iterator[list[Reading]]:
    """Whole customers, so that both ends of a regeneration arrive together."""
    batch: list[Reading] = []
    held = 0
    for reading in readings:
        batch.append(reading)
        held += len(reading.invoices)
        progress.advance()
        if held >= BATCH_INVOICES or len(batch) >= BATCH_INVOICES:
            yield batch
            batch, held = [], 0
    if batch:
        yield batch


def _take(
    parts: Parts, batch: list[Reading], voided: Mapping[str, datetime] | None = None
) -> tuple[Polled, int]:
    """Record one batch: what moved, with the decisions that follow. In one transaction."""
    read = {invoice.id: invoice for reading in batch for invoice in reading.invoices}
    read.update(_missing_parents(parts, read))
    known = parts.store.invoices(read)
    read = {
        name: _void_dated(one, known.get(name), voided or {}) for name, one in read.items()
    }
    read, statements = _consolidated(parts, read, known)
    accepted: list[CoreInvoice] = []
    anomalies: dict[str, str] = {}
    flagged = {
        core_id
        for core_id, flags in parts.store.flags_of(list(read)).items()
        if any(flag.target == CORE for flag in flags)
    }
    for core_id, invoice in read.items():
        before = known.get(core_id)
        wrong = anomaly(before, invoice)
        if wrong or core_id in flagged:
            anomalies[core_id] = wrong
        if wrong and before is not None:
            accepted.append(before)  # kept as it was; the flag says what is wrong
        elif before != invoice or core_id in flagged:
            accepted.append(invoice)
    changes = Changes(
        customers=tuple(reading.customer for reading in batch),
        invoices=(*accepted, *statements),
        credits=tuple(credit for reading in batch for credit in reading.credits),
    )
    parts.decide_and_record(changes, anomalies=anomalies)
    immutable = sum(
        known.get(core_id, invoice).status in _IMMUTABLE or invoice.status in _IMMUTABLE
        for core_id, invoice in read.items()
    )
    polled = Polled(
        rows=len(read),
        recorded=sum(known.get(invoice.id) != invoice for invoice in accepted),
        pages=sum(reading.pages for reading in batch),
    )
    return polled, immutable


def _void_dated(
    invoice: CoreInvoice, before: CoreInvoice | None, voided: Mapping[str, datetime]
) -> CoreInvoice:
    """A void with the time that the audit log told, now or before; it is told once."""
    if invoice.status is not CoreStatus.VOID:
        return invoice
    known = before.voided_at if before is not None else None
    when = known or voided.get(invoice.id)
    if when is not None and invoice.issued_at is not None:
        when = max(when, invoice.issued_at)
    return replace(invoice, voided_at=when)


def _consolidated(
    parts: Parts, read: dict[str, CoreInvoice], known: Mapping[str, CoreInvoice]
) -> tuple[dict[str, CoreInvoice], list[CoreInvoice]]:
    """What was read, and what else was known, with the invoice that bills its lines.

    Only the consolidated invoice names its constituents, and it is told beside them or
    later. So it is written on them, and stays; one that is void gives way to another.
    """
    customers = {name: owner for one in read.values() for owner, name in one.constituents}
    others = {name: customers[name] for name in customers if name not in read}
    before = parts.store.invoices(others)
    stored = {**known, **before}
    for name, owner in others.items():
        if name not in stored and (found := parts.core.invoice(owner, name)) is not None:
            stored[name] = found
    named: dict[str, CoreInvoice] = {}
    for one in sorted(read.values(), key=lambda one: (one.status is _VOID, one.id)):
        for _, name in one.constituents:
            named.setdefault(name, one)
    names = {one.consolidated_in for one in stored.values() if one.consolidated_in}
    holders = {**parts.store.invoices(names), **read}
    void = {name for name in names if name in holders and holders[name].status is _VOID}

    def told(one: CoreInvoice) -> CoreInvoice:
        was = stored.get(one.id)
        kept = None if was is None else was.consolidated_in
        by = named.get(one.id)
        if by is not None and by.id != one.id and (kept is None or kept in void):
            kept = by.id
        return one if kept == one.consolidated_in else replace(one, consolidated_in=kept)

    marked = [told(stored[name]) for name in others if name in stored]
    moved = [one for one in marked if one != before.get(one.id)]
    return {name: told(one) for name, one in read.items()}, moved


def _missing_parents(parts: Parts, read: dict[str, CoreInvoice]) -> dict[str, CoreInvoice]:
    """A regenerated invoice pulls its parent by id, should we not know it."""
    wanted = {
        invoice.regenerated_from: invoice.customer_id
        for invoice in read.values()
        if invoice.regenerated_from is not None and invoice.regenerated_from not in read
    }
    known = parts.store.invoices(list(wanted))
    found = {}
    for parent, customer_id in wanted.items():
        if parent in known:
            continue
        invoice = parts.core.invoice(customer_id, parent)
        if invoice is not None:
            found[parent] = invoice
    return found


def _immutable(parts: Parts) -> int:
    """How many invoices we know that the core can never lose."""
    counts = parts.store.count_invoices()
    return sum(counts.get(status, 0) for status in _IMMUTABLE)


def _add(one: Polled, other: Polled) -> Polled:
    return Polled(
        one.rows + other.rows, one.recorded + other.recorded, one.pages + other.pages
    )
