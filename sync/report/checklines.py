"""The nine check lines: figures that must meet, from two sides that do not share them."""

from collections import Counter
from dataclasses import dataclass, field

from state.money import format_minor
from state.observations import CORE
from state.receivables import STRIPE
from sync.books import Row
from sync.exposure import Asked, wrongly_billed
from sync.report.document import Column, Kind, Table, table
from sync.report.material import Material

_SAME = "{detail.currency},{currency},{detail.leg},{leg}"


@dataclass(frozen=True, slots=True)
class CheckLine:
    """Two figures that must be equal, in one leg and currency where they are money."""

    number: int
    name: str
    left: int
    right: int
    leg: str = ""
    currency: str = ""
    formula: str = ""  # what the left figure is in XLSX

    @property
    def difference(self) -> int:
        """Left less right."""
        return self.left - self.right

    @property
    def ok(self) -> bool:
        """Do they meet?"""
        return self.difference == 0


def check_lines(material: Material, unexplained: Table[Row]) -> tuple[CheckLine, ...]:
    """Every line, in the order in which it is printed."""
    sums = _sums(material)
    return (
        CheckLine(
            1,
            "rows in Detail = rows that the run declares",
            sums.rows,
            material.count,
            formula="ROWS({detail.kind})" if sums.rows else "",
        ),
        *_core(material, sums),
        *_gross(material, sums),
        *_memos(material, sums),
        *_identity(sums),
        *_between(material, sums),
        *_listed(sums, unexplained),
        *_balances(material, sums),
        CheckLine(
            8, "invoices and documents that stand in two rows of one leg", sums.twice, 0
        ),
        *_exposure(material, sums),
    )


@dataclass(slots=True)
class _Sums:
    """What Detail adds up to, by (leg, currency)."""

    rows: int = 0
    core: Counter[tuple[str, str]] = field(default_factory=Counter)
    crossed: Counter[tuple[str, str]] = field(
        default_factory=Counter
    )  # of documents in another currency
    gross: Counter[tuple[str, str]] = field(default_factory=Counter)
    memos: Counter[tuple[str, str]] = field(default_factory=Counter)
    net: Counter[tuple[str, str]] = field(default_factory=Counter)
    variance: Counter[tuple[str, str]] = field(default_factory=Counter)
    parts: Counter[tuple[str, str]] = field(default_factory=Counter)
    unexplained: Counter[tuple[str, str]] = field(default_factory=Counter)
    open: Counter[tuple[str, str]] = field(default_factory=Counter)
    documents: set[int] = field(default_factory=set)  # hashes: a long run has many
    twice: int = 0


def _sums(material: Material) -> _Sums:
    sums = _Sums()
    invoices: set[int] = set()
    for row in material.rows():
        key = (row.target, row.currency)
        sums.rows += 1
        sums.core[row.target, row.core_currency or row.currency] += row.core_minor
        if row.core_currency:
            sums.crossed[row.target, row.core_currency] += row.core_minor
        sums.gross[key] += row.gross_minor
        sums.memos[key] += row.memos_minor
        sums.net[key] += row.net_minor
        sums.variance[key] += row.net_variance
        sums.parts[key] += row.rounding + row.explained + row.timing + row.unexplained
        sums.unexplained[key] += row.unexplained
        sums.open[key] += row.open_minor
        mark = hash(row.key)
        sums.twice += mark in invoices
        invoices.add(mark)
        for document in row.document_id.split(", ") if row.document_id else ():
            mark = hash((row.target, document))
            sums.twice += mark in sums.documents
            sums.documents.add(mark)
    return sums


def _controls(
    material: Material, source: str, sums: Counter[tuple[str, str]], target: str
) -> list[tuple[str, int]]:
    """The control total of each currency; 0 of one that only the rows know of."""
    sources = material.run.sources
    control = dict(next((one.control for one in sources if one.name == source), ()))
    known = {currency for (leg, currency), minor in sums.items() if leg == target and minor}
    return sorted((currency, control.get(currency, 0)) for currency in known | set(control))


def _core(material: Material, sums: _Sums) -> list[CheckLine]:
    return [
        CheckLine(
            2,
            "Σ core amount = the core's control total",
            sums.core[target, currency],
            minor,
            f"core↔{target}",
            currency,
            f"SUMIFS({{detail.core_amount}},{_SAME})"
            f"+{format_minor(sums.crossed[target, currency], currency)}",
        )
        for target in material.run.targets
        for currency, minor in _controls(material, CORE, sums.core, target)
    ]


def _gross(material: Material, sums: _Sums) -> list[CheckLine]:
    return [
        CheckLine(
            3,
            "Σ downstream gross = the register's control total",
            sums.gross[target, currency],
            minor,
            f"core↔{target}",
            currency,
            f"SUMIFS({{detail.gross}},{_SAME})",
        )
        for target in material.run.targets
        for currency, minor in _controls(material, target, sums.gross, target)
    ]


def _memos(material: Material, sums: _Sums) -> list[CheckLine]:
    """The register's own sum: memos that may explain, on the documents of this run."""
    register: Counter[tuple[str, str]] = Counter()
    for memo in material.memos:
        document = material.documents.get((memo.target, memo.invoice_id or ""))
        if (
            document is not None
            and hash((memo.target, memo.invoice_id)) in sums.documents
            and memo.issued_to_an_invoice
            and (memo.applied or not document.status.live)
            and document.currency == memo.currency
        ):
            register[memo.target, memo.currency] += memo.amount_minor
    keys = sorted({key for key, minor in sums.memos.items() if minor} | set(register))
    return [
        CheckLine(
            4,
            "Σ credit memos + the memo register = 0",
            sums.memos[target, currency],
            -register[target, currency],
            f"core↔{target}",
            currency,
            f"SUMIFS({{detail.memos}},{_SAME})",
        )
        for target, currency in keys
    ]


def _identity(sums: _Sums) -> list[CheckLine]:
    return [
        CheckLine(
            5,
            "Σ net variance = Σ rounding, explained, timing and unexplained",
            sums.variance[key],
            sums.parts[key],
            f"core↔{key[0]}",
            key[1],
            f"SUMIFS({{detail.net_variance}},{_SAME})",
        )
        for key in sorted(sums.variance)
    ]


def _between(material: Material, sums: _Sums) -> list[CheckLine]:
    """The nets of two legs differ by what stands between the two registers, to the unit.

    Where the two have different currencies each net is a difference of its own.
    """
    run = material.run
    if STRIPE not in run.targets:
        return []
    differ: Counter[tuple[str, str]] = Counter()
    for pair in run.pairs:
        if pair.stripe_currency:
            differ[pair.target, pair.currency] += pair.net_minor
            differ[pair.target, pair.stripe_currency] -= pair.stripe_minor
        else:
            differ[pair.target, pair.currency] += pair.net_variance
    currencies = sorted({ccy for _, ccy in (*sums.net, *differ)})
    net = 'SUMIFS({{detail.net}},{{detail.currency}},{{currency}},{{detail.leg}},"core↔{}")'
    return [
        CheckLine(
            5,
            "Σ downstream net of the ERP − of Stripe = Σ net variance between them",
            sums.net[target, currency] - sums.net[STRIPE, currency],
            differ[target, currency],
            f"stripe↔{target}",
            currency,
            f"{net.format(target)}-{net.format(STRIPE)}",
        )
        for target in run.targets
        if target != STRIPE
        for currency in currencies
    ]


def _listed(sums: _Sums, unexplained: Table[Row]) -> list[CheckLine]:
    return [
        CheckLine(
            6,
            "Σ unexplained = the total of Unexplained",
            minor,
            unexplained.totals.get((f"core↔{target}", currency), {}).get("unexplained", 0),
            f"core↔{target}",
            currency,
            f"SUMIFS({{detail.unexplained}},{_SAME})",
        )
        for (target, currency), minor in sorted(sums.unexplained.items())
    ]


def _balances(material: Material, sums: _Sums) -> list[CheckLine]:
    """Open balances of the rows against the roll-forward, which is made of movements."""
    closing: Counter[tuple[str, str]] = Counter()
    for row in material.ledger:
        closing[row.target, row.currency] += row.closing - row.outside
    keys = sorted({key for key, minor in sums.open.items() if minor} | set(closing))
    return [
        CheckLine(
            7,
            "Σ open balance = closing A/R of these documents",
            sums.open[target, currency],
            closing[target, currency],
            f"core↔{target}",
            currency,
            f"SUMIFS({{detail.open}},{_SAME})",
        )
        for target, currency in keys
    ]


def _exposure(material: Material, sums: _Sums) -> list[CheckLine]:
    """What the worklist asks a person to take back, against what the rows show."""
    work = Asked(material.flags, material.raised_later)
    shown, wanted = wrongly_billed(material.rows(), work)
    return [
        CheckLine(
            9,
            "Σ unexplained of voids and surplus duplicates = the worklist's open exposure",
            shown[currency],
            wanted[currency],
            "",
            currency,
        )
        for currency in sorted({*(ccy for _, ccy in sums.unexplained), *wanted} or {""})
    ]


def check_table(lines: tuple[CheckLine, ...]) -> Table[CheckLine]:
    """The lines as a table, live in XLSX."""

    def left(line: CheckLine) -> int:
        return line.left

    columns: tuple[Column[CheckLine], ...] = (
        Column("number", "No.", Kind.WHOLE, lambda line: line.number, 5, brief=True),
        Column("name", "Check", Kind.TEXT, lambda line: line.name, 60, brief=True),
        Column("leg", "Leg", Kind.ID, lambda line: line.leg, 13, brief=True),
        Column("currency", "Ccy", Kind.ID, lambda line: line.currency, 6, brief=True),
        Column("left", "This report", Kind.MONEY, left, brief=True, formula=_rounded),
        Column("right", "Other side", Kind.MONEY, lambda line: line.right, brief=True),
        Column("difference", "Difference", Kind.MONEY, lambda line: line.difference, brief=True, formula="ROUND({left}-{right},{exponent})"),
        Column("result", "Result", Kind.ID, lambda line: "OK" if line.ok else "CHECK", 9, brief=True, formula='IF({difference}=0,"OK","CHECK")'),
    )  # fmt: skip
    return table(
        "checks",
        "Check lines",
        columns,
        lines,
        lambda line: line.currency,
        marked=lambda line: not line.ok,
    )


def _rounded(line: CheckLine) -> str:
    return f"ROUND({line.formula},{{exponent}})" if line.formula else ""
