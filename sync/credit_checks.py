"""What must hold between credits and invoices; each breach is a finding with its figures.

Pure. The core is the system of record, so a finding is a question to its operator: a
credit line that no ledger knows, a void that gave nothing back, a credit that burned where
it may not, or before another that should have burned first.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal, localcontext
from enum import StrEnum

from state.credits import CoreCredit, CreditSegment
from state.invoices import CoreInvoice, CoreLine, CoreStatus
from state.money import EXACT
from sync.credits import (
    DEDUCTION,
    EXPIRATION,
    GIVEN_BACK,
    START,
    ZERO,
    RollForward,
    left_of,
)

_FINAL = frozenset({CoreStatus.FINALIZED, CoreStatus.VOID})


class Breach(StrEnum):
    """What does not hold."""

    LEDGER_DIFFERS = "LEDGER_DIFFERS"  # an invoice's credit lines against the ledger
    NOT_RETURNED = "NOT_RETURNED"  # a void invoice still holds credit
    BURNED_ELSEWHERE = "BURNED_ELSEWHERE"  # on a contract that it is not for
    OUT_OF_ORDER = "OUT_OF_ORDER"  # another credit should have burned first
    CREDIT_UNKNOWN = "CREDIT_UNKNOWN"  # an invoice names a credit that was not read
    SCHEDULE_DIFFERS = "SCHEDULE_DIFFERS"  # the ledger's start against the schedule
    BALANCE_DIFFERS = "BALANCE_DIFFERS"  # our closing against the core's balance
    DOES_NOT_FOOT = "DOES_NOT_FOOT"


@dataclass(frozen=True, slots=True)
class CreditFinding:
    """One breach, with the credit and the invoice that it is about."""

    breach: Breach
    credit_id: str
    invoice_id: str
    text: str


def findings(
    held: Iterable[CoreCredit], invoices: Iterable[CoreInvoice]
) -> list[CreditFinding]:
    """What does not hold for one customer's credits and invoices."""
    known = {one.id: one for one in held}
    found: list[CreditFinding] = []
    with localcontext(EXACT):
        for credit in known.values():
            found.extend(_schedule(credit))
        for invoice in invoices:
            if invoice.status in _FINAL:
                found.extend(_lines_against_ledgers(invoice, known))
                found.extend(_elsewhere(invoice, known))
                found.extend(_order(invoice, known))
    return found


def footing(row: RollForward) -> list[CreditFinding]:
    """Does a roll-forward foot, and can the core's balance be what its ledger says?

    When the core worked its balance out is not told, and windows open and close by
    themselves. So the balance must be what is open at one instant or another.
    """
    credit = row.credit
    found = []
    if not row.foots:
        text = "its movements do not foot"
        found.append(CreditFinding(Breach.DOES_NOT_FOOT, credit.id, "", text))
    with localcontext(EXACT):
        possible = balances(credit)
    if credit.balance is not None and credit.ledger and credit.balance not in possible:
        told = " or ".join(f"{one:f}" for one in sorted(possible))
        text = f"its ledger comes to {told}, the core says {credit.balance:f}"
        found.append(CreditFinding(Breach.BALANCE_DIFFERS, credit.id, "", text))
    return found


def balances(credit: CoreCredit) -> set[Decimal]:
    """What a credit's balance may be: the sum of what is open at each instant of its life."""
    if credit.archived:
        return {ZERO}
    left = left_of(credit.ledger)
    edges = {edge for item in credit.segments for edge in (item.start, item.end)}
    sums = (
        sum(
            (
                left.get(one.id, ZERO)
                for one in credit.segments
                if one.start <= at < one.end
            ),
            ZERO,
        )
        for at in edges
    )
    return {ZERO} | {max(ZERO, one) for one in sums}


def _schedule(credit: CoreCredit) -> Iterator[CreditFinding]:
    begun = {one.segment_id: one.amount for one in credit.ledger if one.kind == START}
    for item in credit.segments:
        said = begun.get(item.id)
        if said is not None and said != item.amount:
            text = f"its schedule says {item.amount} and its ledger begins with {said}"
            yield CreditFinding(Breach.SCHEDULE_DIFFERS, credit.id, "", text)


def _lines_against_ledgers(
    invoice: CoreInvoice, held: Mapping[str, CoreCredit]
) -> Iterator[CreditFinding]:
    """What an invoice's lines apply of each segment is what the ledger deducts for it."""
    applied = _applied(invoice)
    deducted: dict[tuple[str, str], Decimal] = {}
    returned: dict[tuple[str, str], Decimal] = {}
    for credit in held.values():
        for entry in credit.ledger:
            if entry.invoice_id != invoice.id:
                continue
            key = (credit.id, entry.segment_id or "")
            book = deducted if entry.kind == DEDUCTION else None
            book = returned if entry.kind in GIVEN_BACK else book
            if book is not None:
                amount = credit.exact_minor(entry.amount)
                book[key] = book.get(key, ZERO) + amount
    for key in sorted(applied.keys() | deducted.keys() | returned.keys()):
        if key[0] not in held:
            text = "an invoice line applies it and no list of credits shows it"
            yield CreditFinding(Breach.CREDIT_UNKNOWN, key[0], invoice.id, text)
            continue
        lines, ledger = applied.get(key, ZERO), deducted.get(key, ZERO)
        if lines != ledger:
            text = f"the invoice applies {-lines} of segment {key[1]}, the ledger {-ledger}"
            yield CreditFinding(Breach.LEDGER_DIFFERS, key[0], invoice.id, text)
        back = returned.get(key, ZERO)
        due = -ledger if invoice.status is CoreStatus.VOID else ZERO
        if back != due:
            text = f"{back} of segment {key[1]} was given back, {due} was to be"
            yield CreditFinding(Breach.NOT_RETURNED, key[0], invoice.id, text)


def _applied(invoice: CoreInvoice) -> dict[tuple[str, str], Decimal]:
    found: dict[tuple[str, str], Decimal] = {}
    for line in invoice.lines:
        if line.applies_credit and line.credit_id is not None:
            key = (line.credit_id, line.segment_id or "")
            found[key] = found.get(key, ZERO) + line.exact_minor
    return found


def _elsewhere(
    invoice: CoreInvoice, held: Mapping[str, CoreCredit]
) -> Iterator[CreditFinding]:
    """A contract's credit burns on that contract alone."""
    for name in sorted({key[0] for key in _applied(invoice)} & held.keys()):
        if not _for_contract(held[name], invoice.contract_id):
            text = f"it is not for contract {invoice.contract_id}, which the invoice bills"
            yield CreditFinding(Breach.BURNED_ELSEWHERE, name, invoice.id, text)


def _for_contract(credit: CoreCredit, contract_id: str | None) -> bool:
    if credit.contract_id is not None:
        return credit.contract_id == contract_id
    return not credit.contract_ids or contract_id in credit.contract_ids


# --- the order in which credits burn ------------------------------------------------------


Rank = tuple[Decimal, bool, tuple[bool, int], datetime, datetime, tuple[bool, int]]


def burn_rank(credit: CoreCredit, item: CreditSegment) -> Rank:
    """The order in which segments burn, the lowest first.

    Metronome: priority; on a tie contract before customer; fewest products, the
    unrestricted last; earlier end; earlier start; fewest contracts.
    """
    scope = len(credit.product_ids) + len(credit.tags)
    reach = 1 if credit.contract_id is not None else len(credit.contract_ids)
    return (
        credit.priority,
        credit.contract_id is None,
        (scope == 0, scope),
        item.end,
        item.start,
        (reach == 0, reach),
    )


def _order(invoice: CoreInvoice, held: Mapping[str, CoreCredit]) -> Iterator[CreditFinding]:
    """Nothing burned while a credit of a better rank had something left for that line."""
    drawn_at = _drawn_at(invoice, held)
    if invoice.status is CoreStatus.VOID or drawn_at is None:
        return  # what a void drew was given back: its order is past
    told: set[tuple[str, str]] = set()
    for line in invoice.lines:
        used = held.get(line.credit_id or "") if line.applies_credit else None
        if used is None:
            continue
        mine = [one for one in used.segments if one.id == line.segment_id]
        if not mine:
            continue
        rank = burn_rank(used, mine[0])
        for other, item in _could_pay(line, invoice, held.values()):
            if burn_rank(other, item) >= rank or (other.id, used.id) in told:
                continue
            left = _left_at(other, item, drawn_at)
            if left > ZERO:
                told.add((other.id, used.id))
                text = f"{left} of it was left when {used.id} burned, which ranks after it"
                yield CreditFinding(Breach.OUT_OF_ORDER, other.id, invoice.id, text)


def _could_pay(
    line: CoreLine, invoice: CoreInvoice, held: Iterable[CoreCredit]
) -> Iterator[tuple[CoreCredit, CreditSegment]]:
    """The segments that may pay a line. One limited by tags is not judged: a line has none."""
    for credit in held:
        late = (
            credit.created_at is not None
            and invoice.issued_at is not None
            and credit.created_at > invoice.issued_at
        )
        fits = not credit.product_ids or line.product_id in credit.product_ids
        if late or credit.tags or not fits or credit.archived:
            continue
        if (
            not _for_contract(credit, invoice.contract_id)
            or credit.currency != invoice.currency
        ):
            continue
        for item in credit.segments:
            whole = line.start is not None and line.end is not None
            if whole and _covers(item, line.start, line.end):
                yield credit, item


def _covers(item: CreditSegment, start: datetime | None, end: datetime | None) -> bool:
    return start is not None and end is not None and item.start <= start and end <= item.end


def _drawn_at(invoice: CoreInvoice, held: Mapping[str, CoreCredit]) -> datetime | None:
    times = [
        entry.at
        for credit in held.values()
        for entry in credit.ledger
        if entry.invoice_id == invoice.id and entry.kind == DEDUCTION
    ]
    return max(times, default=None)


def _left_at(credit: CoreCredit, item: CreditSegment, at: datetime) -> Decimal:
    """What a segment had left once everything of that instant was drawn."""
    left = item.amount
    for entry in credit.ledger:
        counted = entry.kind not in {START, EXPIRATION} and entry.at <= at
        if counted and entry.segment_id == item.id:
            left += entry.amount
    return left


def worst_first(found: Sequence[CreditFinding]) -> list[CreditFinding]:
    """Findings in the order of the breaches above, then by credit and invoice."""
    order = list(Breach)
    return sorted(
        found, key=lambda one: (order.index(one.breach), one.credit_id, one.invoice_id)
    )
