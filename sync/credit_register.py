"""The register of credits, gathered from what is recorded: roll-forward, findings, notices."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from state.clock import iso
from state.credits import CoreCredit
from state.money import display, round_minor
from state.store import Store
from sync.credit_checks import CreditFinding, findings, footing, worst_first
from sync.credits import Movement, RollForward, expiring, movements, roll_forward

EVER = datetime(1970, 1, 1, tzinfo=UTC)
_INSTANT = timedelta(microseconds=1)


@dataclass(frozen=True, slots=True)
class Entry:
    """One credit of the register: its last reading, its movements and its figures."""

    credit: CoreCredit
    customer: str
    moved: tuple[Movement, ...]
    rolled: RollForward
    findings: tuple[CreditFinding, ...]
    notices: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Register:
    """Every credit, and whatever does not hold, also where it is about no credit we know."""

    entries: tuple[Entry, ...]
    findings: tuple[CreditFinding, ...]


def register(
    store: Store,
    *,
    now: datetime,
    start: datetime = EVER,
    end: datetime | None = None,
    customer_id: str | None = None,
) -> Register:
    """Every credit, or a customer's, from `start` until `end`; None: until now.

    Now is the later of `now` and what the ledgers tell: a core on a clock of its own may
    be ahead of us.
    """
    every = store.iter_credits() if customer_id is None else store.credits_of(customer_id)
    by_customer: dict[str, list[CoreCredit]] = {}
    for credit in every:
        by_customer.setdefault(credit.customer_id, []).append(credit)
    names = store.customers_by_id(by_customer)
    entries: list[Entry] = []
    everything: list[CreditFinding] = []
    for customer, held in sorted(by_customer.items()):
        known = names.get(customer)
        found = findings(held, store.invoices_of(customer))
        everything += found
        for credit in held:
            moved = movements(store.credit_readings(credit.id))
            until = _latest(moved, now) + _INSTANT if end is None else end
            rolled = roll_forward(credit, moved, start, until)
            footed = footing(rolled)
            everything += footed
            mine = [*footed, *(one for one in found if one.credit_id == credit.id)]
            entries.append(
                Entry(
                    credit=credit,
                    customer=known.name if known is not None else customer,
                    moved=tuple(moved),
                    rolled=rolled,
                    findings=tuple(worst_first(mine)),
                    notices=tuple(_notices(credit, now)),
                )
            )
    return Register(tuple(entries), tuple(worst_first(everything)))


def amount(credit: CoreCredit, value: Decimal) -> str:
    """An amount in the credit's own unit and, where that is money, as a person reads it."""
    if credit.currency is None:
        return f"{value:f} {credit.unit}"
    minor = round_minor(credit.exact_minor(value))
    return f"{display(minor, credit.currency)} {credit.currency}"


def as_json(entry: Entry) -> dict[str, Any]:
    """One entry for a program: amounts as decimal text in the credit's own unit."""
    credit, rolled = entry.credit, entry.rolled
    figures = "opening granted edited burned returned adjusted expired closing unsettled accessible"
    return {
        "id": credit.id,
        "name": credit.name,
        "customer_id": credit.customer_id,
        "customer": entry.customer,
        "contract_id": credit.contract_id,
        "product_id": credit.product_id,
        "unit": credit.unit,
        "currency": credit.currency,
        "priority": f"{credit.priority:f}",
        "archived": credit.archived,
        "balance": None if credit.balance is None else f"{credit.balance:f}",
        **{name: f"{getattr(rolled, name):f}" for name in figures.split()},
        "findings": [
            {"breach": one.breach, "core_invoice_id": one.invoice_id, "text": one.text}
            for one in entry.findings
        ],
        "notices": list(entry.notices),
    }


def movements_json(entry: Entry) -> list[dict[str, Any]]:
    """A credit's movements for a program, the oldest first."""
    return [
        {
            "at": iso(one.at),
            "seen_at": iso(one.seen_at),
            "move": one.move,
            "amount": f"{one.amount:f}",
            "segment_id": one.segment_id,
            "core_invoice_id": one.invoice_id,
            "text": one.text,
        }
        for one in entry.moved
    ]


def _latest(moved: Sequence[Movement], now: datetime) -> datetime:
    written = [one.at for one in moved if one.at <= one.seen_at or one.invoice_id]
    return max([now, *written])


def _notices(credit: CoreCredit, now: datetime) -> Iterator[str]:
    for item, left in expiring(credit, now):
        yield f"EXPIRING_UNUSED: {amount(credit, left)} ends {iso(item.end)}"
