"""The A/R roll-forward: from opening to closing by movement, tied to balances and the G/L."""

from collections.abc import Callable
from dataclasses import dataclass, replace

from state.money import display
from state.receivables import MemoStatus, Way
from sync.books import AgedBy, Aging
from sync.months import period_of
from sync.report.common import ground, head
from sync.report.document import (
    Chart,
    Column,
    Document,
    Facts,
    Kind,
    Prose,
    Section,
    Series,
    Table,
    table,
)
from sync.report.ledger import LedgerRow
from sync.report.material import Material

TITLE = "A/R roll-forward with aging by {} date and tie-out"
_BUCKET = "^(current|days_[0-9]+(_[0-9]+)?)$"
_MOVES = (
    ("opening", "Opening A/R", True),
    ("issued", "+ Invoices issued", True),
    ("voids_current", "− Voids of this period's invoices", True),
    ("voids_prior", "− Voids of prior periods' invoices", False),
    ("memos", "− Credit memos applied", True),
    ("payments", "− Payments applied", True),
    ("write_offs", "− Write-offs", False),
    ("refunds", "+ Refunds of payments", False),
    ("other", "± Reclass and other", False),
)


def build(material: Material) -> Document:
    """The roll-forward of the run's period, or of everything up to its cutoff."""
    ledger = _ledger(material)
    tied = _ties(material)
    failed = sum(1 for one in tied if one.difference)
    sections = (
        Section("rollforward", "Roll-forward", (_span(material), ledger)),
        Section("aging", "Aging", (*_charts(material), _aging(material))),
        Section(
            "tie_out",
            "Tie-out",
            (
                _tie_table(tied),
                *_reconciling(material),
                _after_payment(material),
                _words(),
            ),
        ),
        ground(material),
    )
    return Document(
        "rollforward",
        head(material, TITLE.format(material.run.aging.by)),
        sections,
        main="rollforward",
        failed=failed,
    )


def _span(material: Material) -> Facts:
    run = material.run
    if run.period:
        span = f"{run.period}: what was posted from its first to its last instant, up to the cutoff"
    else:
        span = "from the beginning to the cutoff, so opening is nothing"
    return Facts(
        "span",
        "What is rolled forward",
        (
            ("Period", span),
            ("Amounts", "with tax, in the document's currency: this is what is owed"),
            ("Aged by", _AGED_BY[run.aging.by]),
            ("Buckets end at", f"{', '.join(map(str, run.aging.days))} days"),
        ),
    )


_AGED_BY = {
    AgedBy.DUE: "due date; by posting date where a document has none",
    AgedBy.INVOICE: "the invoice's date, which is its posting date",
}
_DAYS_OF = {
    AgedBy.DUE: "days past due",
    AgedBy.INVOICE: "days since the invoice's date",
}


def ages(aging: Aging) -> tuple[tuple[str, str], ...]:
    """The buckets in their order: key and title of each."""
    found: list[tuple[str, str]] = []
    first = 0
    for last in aging.ends:
        title = f"{first}–{last}" if first < last else str(last)
        due = aging.by is AgedBy.DUE and not last
        found.append(("current", "Current") if due else (f"days_{first}_{last}", title))
        first = last + 1
    return (*found, (f"days_{first}", f"{first}+"))


def _number(name: str) -> Callable[[LedgerRow], int]:
    def read(row: LedgerRow) -> int:
        minor: int = getattr(row, name)
        return minor

    return read


def _name(material: Material) -> Callable[[LedgerRow], str]:
    return lambda row: material.names.get(row.customer_id) or row.customer_id or "not told"


def _who(material: Material) -> tuple[Column[LedgerRow], ...]:
    return (
        Column("system", "System", Kind.ID, lambda row: row.target, 11, brief=True),
        Column("customer_id", "Customer id", Kind.ID, lambda row: row.customer_id, 38),
        Column("customer", "Customer", Kind.TEXT, _name(material), 24, brief=True),
        Column("currency", "Ccy", Kind.ID, lambda row: row.currency, 6, brief=True),
    )


def _ledger(material: Material) -> Table[LedgerRow]:
    moves: tuple[Column[LedgerRow], ...] = tuple(
        Column(name, title, Kind.MONEY, _number(name), brief=brief, total=True)
        for name, title, brief in _MOVES
    )
    computed = "ROUND(" + "+".join(f"{{{name}}}" for name, _, _ in _MOVES) + ",{exponent})"
    rest: tuple[Column[LedgerRow], ...] = (
        Column("closing", "= Closing A/R (computed)", Kind.MONEY, lambda row: row.closing, brief=True, total=True, formula=computed),
        Column("subledger", "Closing per sub-ledger", Kind.MONEY, lambda row: row.subledger, brief=False, total=True),
        Column("difference", "Difference", Kind.MONEY, lambda row: row.difference, brief=True, total=True, formula="ROUND({closing}-{subledger},{exponent})"),
        *_buckets(material.run.aging),
        Column("unapplied", "Unapplied credits", Kind.MONEY, lambda row: -row.unapplied, total=True),
        Column("net", "Net A/R", Kind.MONEY, lambda row: row.closing - row.unapplied, total=True, formula="ROUND({closing}+{unapplied},{exponent})"),
    )  # fmt: skip
    return table(
        "rollforward",
        "By customer",
        (*_who(material), *moves, *rest),
        _rows(material),
        lambda row: row.currency,
        numbered=True,
        group="system",
        marked=lambda row: row.difference != 0,
    )


def _rows(material: Material) -> tuple[LedgerRow, ...]:
    """Customers in which something moved or stands."""
    return tuple(
        row
        for row in material.ledger
        if any(getattr(row, name) for name, _, _ in _MOVES)
        or row.subledger
        or row.unapplied
    )


def _buckets(aging: Aging) -> tuple[Column[LedgerRow], ...]:
    def bucket(number: int) -> Callable[[LedgerRow], int]:
        return lambda row: row.buckets[number] if row.buckets else 0

    return tuple(
        Column(key, title, Kind.MONEY, bucket(number), 12, total=True, varies=_BUCKET)
        for number, (key, title) in enumerate(ages(aging))
    )


def _aging(material: Material) -> Table[LedgerRow]:
    aging = material.run.aging
    buckets = tuple(replace(one, brief=True) for one in _buckets(aging))
    whole: Column[LedgerRow] = Column(
        "open",
        "Open balance",
        Kind.MONEY,
        lambda row: row.subledger,
        brief=True,
        total=True,
        formula="ROUND(" + "+".join(f"{{{one.key}}}" for one in buckets) + ",{exponent})",
    )
    rows = [row for row in _rows(material) if row.subledger]
    return table(
        "aging",
        f"Open balances by {_DAYS_OF[aging.by]}",
        (*_who(material), *buckets, whole),
        rows,
        lambda row: row.currency,
        note="Unapplied credits are never netted into a bucket.",
        group="system",
        empty="Nothing is open.",
    )


def _charts(material: Material) -> tuple[Chart, ...]:
    """A picture for each register and currency: two registers show the same debts."""
    aging = material.run.aging
    size = len(ages(aging))
    sums: dict[tuple[str, str], list[int]] = {}
    for row in material.ledger:
        held = sums.setdefault((row.target, row.currency), [0] * size)
        for number, minor in enumerate(row.buckets):
            held[number] += minor
    several = len({target for target, _ in sums}) > 1
    return tuple(
        _chart(aging, target if several else "", currency, tuple(held))
        for (target, currency), held in sorted(sums.items())
        if any(held)
    )


def _chart(aging: Aging, target: str, currency: str, sums: tuple[int, ...]) -> Chart:
    labels = tuple(title for _, title in ages(aging))
    words = "; ".join(
        f"{age}: {display(minor, currency)}"
        for age, minor in zip(labels, sums, strict=True)
    )
    names = [one for one in (target, currency) if one]
    title = ", ".join((f"Open balances by {_DAYS_OF[aging.by]}", *names))
    key = "_".join(("aging", *names)).lower()
    return Chart(key, title, currency, labels, (Series("Open balance", sums),), words)


@dataclass(frozen=True, slots=True)
class Tie:
    """Two closing figures that must meet."""

    name: str
    target: str
    currency: str
    left: int
    right: int
    words: str = ""

    @property
    def difference(self) -> int:
        """Left less right."""
        return self.left - self.right


def _ties(material: Material) -> tuple[Tie, ...]:
    closing: dict[tuple[str, str], int] = {}
    opening: dict[tuple[str, str], int] = {}
    owed: dict[tuple[str, str], int] = {}
    for row in material.ledger:
        key = (row.target, row.currency)
        closing[key] = closing.get(key, 0) + row.closing
        opening[key] = opening.get(key, 0) + row.opening
        owed[key] = owed.get(key, 0) + row.subledger
    ties = [
        Tie(
            "computed closing = sub-ledger", target, currency, minor, owed[target, currency]
        )
        for (target, currency), minor in sorted(closing.items())
    ]
    if material.prior is not None:
        keys = sorted({*opening, *material.prior.closing})
        for key in keys:
            left, right = opening.get(key, 0), material.prior.closing.get(key, 0)
            moved = left - right
            words = f"prior period restated by {display(moved, key[1])}" if moved else ""
            name = f"opening = closing of the period before ({material.prior.run_id})"
            ties.append(Tie(name, *key, left, right, words))
    for currency, minor in sorted(material.general_ledger.items()):
        # Each register by itself: Stripe and an ERP show the same debts once more.
        held = {target: value for (target, ccy), value in owed.items() if ccy == currency}
        name = "sub-ledger = G/L control account, as typed in"
        ties += [
            Tie(name, target, currency, value, minor)
            for target, value in sorted((held or {"all": 0}).items())
        ]
    return tuple(ties)


def _tie_table(ties: tuple[Tie, ...]) -> Table[Tie]:
    columns: tuple[Column[Tie], ...] = (
        Column("name", "Tie-out", Kind.TEXT, lambda one: one.name, 52, brief=True),
        Column("system", "System", Kind.ID, lambda one: one.target, 11, brief=True),
        Column("currency", "Ccy", Kind.ID, lambda one: one.currency, 6, brief=True),
        Column("left", "This side", Kind.MONEY, lambda one: one.left, brief=True),
        Column("right", "Other side", Kind.MONEY, lambda one: one.right, brief=True),
        Column("difference", "Difference", Kind.MONEY, lambda one: one.difference, brief=True, formula="ROUND({left}-{right},{exponent})"),
        Column("result", "Result", Kind.ID, lambda one: "CHECK" if one.difference else "OK", 9, brief=True, formula='IF({difference}=0,"OK","CHECK")'),
        Column("words", "Remark", Kind.TEXT, lambda one: one.words, 36, brief=True),
    )  # fmt: skip
    return table(
        "ties",
        "Tie-out",
        columns,
        ties,
        lambda one: one.currency,
        marked=lambda one: one.difference != 0,
    )


def _reconciling(material: Material) -> tuple[Table[LedgerRow], ...]:
    """Customers whose movements do not lead to their balance: where to look first."""
    rows = [row for row in material.ledger if row.difference]
    if not rows:
        return ()
    columns: tuple[Column[LedgerRow], ...] = (
        *_who(material),
        Column("closing", "Computed", Kind.MONEY, lambda row: row.closing, brief=True),
        Column("subledger", "Sub-ledger", Kind.MONEY, lambda row: row.subledger, brief=True),
        Column("difference", "Difference", Kind.MONEY, lambda row: row.difference, brief=True, total=True),
    )  # fmt: skip
    return (
        table(
            "reconciling",
            "Reconciling items",
            columns,
            rows,
            lambda row: row.currency,
            group="system",
        ),
    )


@dataclass(slots=True)
class _After:
    """What memos of a register gave on money already paid; minor units, with tax."""

    target: str
    currency: str
    count: int = 0
    whole: int = 0
    refunded: int = 0
    on_balance: int = 0
    out_of_band: int = 0

    @property
    def otherwise(self) -> int:
        """What the register does not say of it."""
        return self.whole - self.refunded - self.on_balance - self.out_of_band


def _after_payment(material: Material) -> Table[_After]:
    """What does not reduce what is owed: where it went."""
    sums: dict[tuple[str, str], _After] = {}
    period = period_of(material.run)
    for memo in material.memos:
        issued = memo.status is MemoStatus.ISSUED and period.holds(memo.posted_at)
        given = sum(one.minor for one in memo.given or ())
        whole = max(memo.post_payment_minor, given)
        if not issued or not whole:
            continue
        key = (memo.target, memo.currency)
        one = sums.setdefault(key, _After(*key))
        one.count += 1
        one.whole += whole
        one.refunded += memo.given_minor(Way.REFUND) or 0
        one.on_balance += memo.given_minor(Way.BALANCE) or 0
        one.out_of_band += memo.given_minor(Way.OUT_OF_BAND) or 0
    columns: tuple[Column[_After], ...] = (
        Column("system", "System", Kind.ID, lambda one: one.target, 11, brief=True),
        Column("currency", "Ccy", Kind.ID, lambda one: one.currency, 6, brief=True),
        Column("count", "Memos", Kind.WHOLE, lambda one: one.count, 9, brief=True),
        Column("whole", "Beside the open balance", Kind.MONEY, lambda one: one.whole, brief=True, total=True),
        Column("refunded", "Refunded", Kind.MONEY, lambda one: one.refunded, brief=True, total=True),
        Column("on_balance", "To customer balance", Kind.MONEY, lambda one: one.on_balance, brief=True, total=True),
        Column("out_of_band", "Out of band", Kind.MONEY, lambda one: one.out_of_band, brief=True, total=True),
        Column("otherwise", "Used otherwise", Kind.MONEY, lambda one: one.otherwise, brief=True, total=True, formula="ROUND({whole}-{refunded}-{on_balance}-{out_of_band},{exponent})"),
    )  # fmt: skip
    return table(
        "after_payment",
        "Credited, and not taken off an open balance",
        columns,
        [sums[key] for key in sorted(sums)],
        lambda one: one.currency,
        note="Memos of the period that fell on money already paid, or were paid out. They "
        "reduce nothing that is owed, and stand in no movement.",
        group="system",
    )


def _words() -> Prose:
    lines = [
        "Closing is computed from what happened (issued, voided, credited, paid), each dated by "
        "its posting; the sub-ledger is the sum of the open balances that the register itself "
        "shows. Neither is made from the other.",
        "Unapplied credits are what memos give and no invoice has taken yet: posted, not applied, "
        "not paid out. What Stripe has put on a customer's balance may have paid a later invoice "
        "since; how much of it is left only Stripe's customer balances show.",
        "This is no payout reconciliation: amounts are in the document's currency, not the "
        "settlement currency. Join Stripe's itemised reports by the invoice's id. For the same reason "
        "there is no column for exchange differences: they arise in the functional currency, which "
        "the ERP keeps.",
    ]
    return Prose("How to read this", tuple(lines))
