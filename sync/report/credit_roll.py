"""The credit register and its roll-forward: what was granted, burned, given back, expired."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from decimal import Decimal, localcontext

from state.credits import CoreCredit
from state.money import EXACT
from sync.credit_checks import Breach, CreditFinding
from sync.credit_entries import FIGURES, Entry
from sync.credits import Movement
from sync.report.cells import day, time
from sync.report.common import ground, head
from sync.report.document import Column, Document, Facts, Kind, Prose, Section, Table, table
from sync.report.material import Material

TITLE = "Credit register and roll-forward"
_LIVE = "ROUND({opening}+{granted}+{edited}-{burned}+{returned}+{adjusted}-{expired},{exponent})"
_WORDS = (
    "Closing is opening + granted ± edited − burned + returned ± adjusted − expired, exact in "
    "the credit's own unit, which stands beside the money: USD in cents, other currencies in "
    "whole units. Money is left empty where the exact figure is no whole minor unit.",
    "Returned is what the void of an invoice gave back. The core dates no edit of a schedule, "
    "so an edit counts on the day it was seen. Granted counts from when a credit can be used.",
    "Unsettled is in closing and no longer in the balance: its window is over, and an invoice "
    "that may still draw on it is not final.",
    "Commits that were paid for are no credits, and not listed here.",
)
_FRACTIONS = (
    "Some figures are no whole minor units, so the money columns have no totals here; By unit "
    "has them, exact."
)
_BREACHES = {
    Breach.LEDGER_DIFFERS: "an invoice's credit lines are not what the ledger deducted",
    Breach.NOT_RETURNED: "a void gave nothing back, or a live invoice was given something",
    Breach.BURNED_ELSEWHERE: "a contract's credit burned on another contract",
    Breach.OUT_OF_ORDER: "a credit burned before one of a better rank",
    Breach.CREDIT_UNKNOWN: "an invoice applies a credit that the core does not list",
    Breach.SCHEDULE_DIFFERS: "the ledger begins with another amount than the schedule",
    Breach.BALANCE_DIFFERS: "the core's balance is not what its ledger comes to",
    Breach.DOES_NOT_FOOT: "movements do not come to closing",
}


@dataclass(frozen=True, slots=True)
class Moved:
    """One movement with its credit."""

    credit: CoreCredit
    customer: str
    movement: Movement


def build(material: Material) -> Document:
    """The register as it was seen by the run, rolled forward over the run's period."""
    entries = material.credits
    found = [one for entry in entries for one in entry.findings]
    found += [one for one in material.credit_findings if one not in found]
    sections = (
        Section("register", "Register", (_facts(entries, found), _register(entries))),
        Section("totals", "By unit", (_totals(entries),)),
        Section("movements", "Movements", (_movements(material),), on_paper=False),
        Section("exceptions", "To look at", (_findings(found), _notices(entries))),
        Section("read_me", "Read me", (Prose("How to read this", _WORDS),)),
        ground(material),
    )
    return Document(
        "credits", head(material, TITLE), sections, main="register", failed=len(found)
    )


def _facts(entries: Iterable[Entry], found: list[CreditFinding]) -> Facts:
    listed = list(entries)
    return Facts(
        "counts",
        "At a glance",
        (
            ("Credits", str(len(listed))),
            ("Of contracts", str(sum(1 for one in listed if one.credit.contract_id))),
            ("Archived", str(sum(1 for one in listed if one.credit.archived))),
            ("About to expire unused", str(sum(1 for one in listed if one.notices))),
            ("Do not foot", str(sum(1 for one in listed if not one.rolled.foots))),
            ("Findings", str(len(found))),
        ),
    )


def _money(
    figure: str, title: str, *, brief: bool = False, formula: str = ""
) -> Column[Entry]:
    return Column(
        figure,
        title,
        Kind.MONEY,
        lambda one: one.minor(figure),
        brief=brief,
        total=True,
        formula=formula,
    )


def _exact(figure: str, title: str) -> Column[Entry]:
    return Column(
        f"{figure}_exact",
        title,
        Kind.ID,
        lambda one: f"{getattr(one.rolled, figure):f}",
        16,
    )


def _register(entries: Iterable[Entry]) -> Table[Entry]:
    columns: tuple[Column[Entry], ...] = (
        Column("customer", "Customer", Kind.TEXT, lambda one: one.customer, 20, brief=True),
        Column("customer_id", "Customer id", Kind.ID, lambda one: one.credit.customer_id, 38),
        Column("credit", "Credit", Kind.ID, lambda one: one.credit.id, 38, brief=True),
        Column("name", "Name", Kind.TEXT, lambda one: one.credit.name, 26),
        Column("level", "Level", Kind.ID, lambda one: "contract" if one.credit.contract_id else "customer", 10),
        Column("contract", "Contract", Kind.ID, lambda one: one.credit.contract_id or "", 38),
        Column("priority", "Priority", Kind.ID, lambda one: f"{one.credit.priority:f}", 9),
        Column("ends", "Ends", Kind.DAY, lambda one: day(max((s.end for s in one.credit.segments), default=None)), 12),
        Column("currency", "Ccy", Kind.ID, lambda one: one.credit.currency or "", 6, brief=True),
        _money("opening", "Opening", brief=True),
        _money("granted", "+ Granted", brief=True),
        _money("edited", "± Edited"),
        _money("burned", "− Burned", brief=True),
        _money("returned", "+ Returned", brief=True),
        _money("adjusted", "± Adjusted"),
        _money("expired", "− Expired", brief=True),
        _money("closing", "= Closing", brief=True, formula=_LIVE),
        _money("unsettled", "Unsettled"),
        _money("accessible", "Balance"),
        Column("unit", "Own unit", Kind.ID, lambda one: one.credit.unit, 14),
        *(_exact(name, f"{title}, own unit") for name, title in _EXACT),
        Column("findings", "Findings", Kind.ID, lambda one: " ".join(f.breach for f in one.findings), 20, brief=True),
    )  # fmt: skip
    made = table(
        "register",
        "Register",
        columns,
        entries,
        lambda one: one.credit.currency or "",
        numbered=True,
        marked=lambda one: bool(one.findings),
        empty="No credit is known.",
    )
    # A total that silently leaves a row out would be wrong: better none, and why.
    return made if _whole(entries) else replace(made, totals={}, note=_FRACTIONS)


def _whole(entries: Iterable[Entry]) -> bool:
    """Is every figure of every credit in money a whole number of minor units?"""
    money = [one for one in entries if one.credit.currency is not None]
    return all(one.minor(figure) is not None for one in money for figure in FIGURES)


_EXACT = (
    ("opening", "Opening"),
    ("granted", "Granted"),
    ("edited", "Edited"),
    ("burned", "Burned"),
    ("returned", "Returned"),
    ("adjusted", "Adjusted"),
    ("expired", "Expired"),
    ("closing", "Closing"),
)


def _totals(entries: Iterable[Entry]) -> Table[tuple[str, dict[str, Decimal]]]:
    """Sums per pricing unit, exact; one unit is never added to another."""
    sums: dict[str, dict[str, Decimal]] = {}
    with localcontext(EXACT):
        for one in entries:
            mine = sums.setdefault(
                one.credit.unit, {name: Decimal(0) for name, _ in _EXACT}
            )
            for name, _ in _EXACT:
                mine[name] += getattr(one.rolled, name)
    columns: tuple[Column[tuple[str, dict[str, Decimal]]], ...] = (
        Column("unit", "Own unit", Kind.ID, lambda one: one[0], 16, brief=True),
        *(_sum_of(name, title) for name, title in _EXACT),
    )
    rows = sorted(sums.items())
    return table("by_unit", "Totals by unit, in that unit", columns, rows, lambda _: "")


def _sum_of(name: str, title: str) -> Column[tuple[str, dict[str, Decimal]]]:
    return Column(name, title, Kind.ID, lambda one: f"{one[1][name]:f}", 16, brief=True)


def _movements(material: Material) -> Table[Moved]:
    """The movements of the period, the oldest first."""
    columns: tuple[Column[Moved], ...] = (
        Column("at", "At (UTC)", Kind.TIME, lambda one: time(one.movement.at), 21),
        Column("seen_at", "Seen (UTC)", Kind.TIME, lambda one: time(one.movement.seen_at), 21),
        Column("customer", "Customer", Kind.TEXT, lambda one: one.customer, 20),
        Column("credit", "Credit", Kind.ID, lambda one: one.credit.id, 38),
        Column("segment", "Schedule item", Kind.ID, lambda one: one.movement.segment_id, 38),
        Column("move", "Movement", Kind.ID, lambda one: one.movement.move, 12),
        Column("amount", "Amount, own unit", Kind.ID, lambda one: f"{one.movement.amount:f}", 16),
        Column("unit", "Own unit", Kind.ID, lambda one: one.credit.unit, 14),
        Column("core_invoice", "Core invoice", Kind.ID, lambda one: one.movement.invoice_id, 38),
        Column("text", "Remark", Kind.TEXT, lambda one: one.movement.text, 40),
    )  # fmt: skip

    def rows() -> Iterator[Moved]:
        whole = [
            Moved(entry.credit, entry.customer, one)
            for entry in material.credits
            for one in entry.moved
            if entry.rolled.start <= one.at < entry.rolled.end
        ]
        yield from sorted(whole, key=lambda one: (one.movement.at, one.credit.id))

    return table(
        "movements", "Movements", columns, rows, lambda one: one.credit.currency or ""
    )


def _findings(found: list[CreditFinding]) -> Table[CreditFinding]:
    columns: tuple[Column[CreditFinding], ...] = (
        Column("breach", "Finding", Kind.ID, lambda one: one.breach, 20, brief=True),
        Column("credit", "Credit", Kind.ID, lambda one: one.credit_id, 38, brief=True),
        Column("core_invoice", "Core invoice", Kind.ID, lambda one: one.invoice_id, 38, brief=True),
        Column("text", "What was seen", Kind.TEXT, lambda one: one.text, 50, brief=True),
        Column("meaning", "Meaning", Kind.TEXT, lambda one: _BREACHES[one.breach], 44, brief=True),
    )  # fmt: skip
    return table(
        "findings",
        "What does not hold",
        columns,
        found,
        lambda _: "",
        marked=lambda _: True,
        empty="Every invoice agrees with the ledgers, and every credit foots.",
    )


def _notices(entries: Iterable[Entry]) -> Table[tuple[Entry, str]]:
    columns: tuple[Column[tuple[Entry, str]], ...] = (
        Column(
            "customer", "Customer", Kind.TEXT, lambda one: one[0].customer, 24, brief=True
        ),
        Column("credit", "Credit", Kind.ID, lambda one: one[0].credit.id, 38, brief=True),
        Column("name", "Name", Kind.TEXT, lambda one: one[0].credit.name, 26, brief=True),
        Column("notice", "Notice", Kind.TEXT, lambda one: one[1], 50, brief=True),
    )
    rows = [(entry, notice) for entry in entries for notice in entry.notices]
    return table(
        "notices",
        "About to expire unused",
        columns,
        rows,
        lambda one: one[0].credit.currency or "",
        empty="Nothing ends within the notice.",
    )
