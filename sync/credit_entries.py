"""The entries of the credit register: each credit's figures, findings and notices. Pure."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from state.clock import iso
from state.credits import CoreCredit
from state.invoices import CoreInvoice
from state.money import display, round_minor
from sync.credit_checks import CreditFinding, findings, footing, worst_first
from sync.credits import Movement, Readings, RollForward, expiring, movements, roll_forward

EVER = datetime(1970, 1, 1, tzinfo=UTC)
_INSTANT = timedelta(microseconds=1)
FIGURES = (
    "opening",
    "granted",
    "edited",
    "burned",
    "returned",
    "adjusted",
    "expired",
    "closing",
    "unsettled",
    "accessible",
)


@dataclass(frozen=True, slots=True)
class Entry:
    """One credit of the register: its last reading, its movements and its figures."""

    credit: CoreCredit
    customer: str
    moved: tuple[Movement, ...]
    rolled: RollForward
    findings: tuple[CreditFinding, ...]
    notices: tuple[str, ...]

    def minor(self, figure: str) -> int | None:
        """A figure in minor units; None where it is no whole number of them, or no money."""
        exact = self.credit.exact_minor(getattr(self.rolled, figure))
        whole = exact == exact.to_integral_value()
        return int(exact) if self.credit.currency is not None and whole else None


@dataclass(frozen=True, slots=True)
class Register:
    """Every credit, and whatever does not hold, also where it is about no credit we know."""

    entries: tuple[Entry, ...]
    findings: tuple[CreditFinding, ...]


def entries_of(
    readings: Mapping[str, Readings],
    invoices: Mapping[str, Sequence[CoreInvoice]],
    names: Mapping[str, str],
    *,
    now: datetime,
    start: datetime = EVER,
    end: datetime | None = None,
) -> Register:
    """The register of these credits, from `start` until `end`; None: until now, inclusive.

    `readings` are by credit, `invoices` by customer. Now is the later of `now` and what
    the ledgers tell: a core on a clock of its own may be ahead of us.
    """
    by_customer: dict[str, list[CoreCredit]] = {}
    for one in readings.values():
        credit = one[-1][1]
        by_customer.setdefault(credit.customer_id, []).append(credit)
    entries: list[Entry] = []
    everything: list[CreditFinding] = []
    for customer, held in sorted(by_customer.items()):
        found = findings(held, invoices.get(customer, ()))
        everything += found
        for credit in held:
            moved = movements(readings[credit.id])
            until = _latest(moved, now) + _INSTANT if end is None else end
            rolled = roll_forward(credit, moved, start, until)
            footed = footing(rolled)
            everything += footed
            mine = [*footed, *(one for one in found if one.credit_id == credit.id)]
            entries.append(
                Entry(
                    credit=credit,
                    customer=names.get(customer, customer),
                    moved=tuple(moved),
                    rolled=rolled,
                    findings=tuple(worst_first(mine)),
                    notices=tuple(_notices(credit, now)),
                )
            )
    return Register(tuple(entries), tuple(worst_first(everything)))


def amount(credit: CoreCredit, value: Decimal) -> str:
    """An amount as a person reads it: money where it is, else in the credit's own unit."""
    if credit.currency is None:
        return f"{value:f} {credit.unit}"
    minor = round_minor(credit.exact_minor(value))
    return f"{display(minor, credit.currency)} {credit.currency}"


def as_json(entry: Entry) -> dict[str, Any]:
    """One entry for a program: amounts as decimal text in the credit's own unit."""
    credit, rolled = entry.credit, entry.rolled
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
        **{name: f"{getattr(rolled, name):f}" for name in FIGURES},
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


def _latest(moved: Iterable[Movement], now: datetime) -> datetime:
    written = [one.at for one in moved if one.at <= one.seen_at or one.invoice_id]
    return max([now, *written])


def _notices(credit: CoreCredit, now: datetime) -> Iterator[str]:
    for item, left in expiring(credit, now):
        yield f"EXPIRING_UNUSED: {amount(credit, left)} ends {iso(item.end)}"
