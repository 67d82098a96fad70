"""Stripe against each ERP: what agrees, counted, and what does not, one by one."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from state.money import display
from sync.books import Pair
from sync.classify import Kind as Class
from sync.pairs import PairKind
from sync.report.cells import Calendar, joined
from sync.report.document import Column, Kind, Section, Table, table
from sync.report.material import Material
from sync.twins import Twins

AGREED = "AGREED"
PAIRS: Mapping[str, tuple[str, str]] = {  # what a kind means here, and what to do
    AGREED: ("the two ask for the same", ""),
    PairKind.TIMING: (
        "cleared by what was posted after the cutoff",
        "None: see Subsequent events.",
    ),
    PairKind.ERP_NOT_SYNCED: (
        "stands in Stripe, and not in the ERP",
        "See why the ERP did not take it over.",
    ),
    PairKind.NOT_IN_STRIPE: (
        "stands in the ERP, and not in Stripe",
        "Find out who entered it in the ERP.",
    ),
    PairKind.TWIN_MISSING: (
        "a credit memo stands in one of the two alone, or with another amount",
        "Write the memo in the other register too.",
    ),
    Class.ROUNDING: ("they differ within the rounding tolerance", ""),
    Class.OVERBILLED: ("the ERP asks for more than Stripe", "Correct the ERP's amount."),
    Class.UNDERBILLED: ("the ERP asks for less than Stripe", "Correct the ERP's amount."),
    Class.CURRENCY_MISMATCH: (
        "the two have different currencies; nothing is netted",
        "Correct the currency in the one that the core does not agree with.",
    ),
    Class.AWAITING_FINALIZATION: ("a draft in the ERP", "Post the draft in the ERP."),
    Class.DRAFT_MISMATCH: (
        "a draft of another amount in the ERP",
        "Correct the draft in the ERP, then post it.",
    ),
    Class.PREMATURE: ("posted in the ERP, a draft in Stripe", "Finalize it in Stripe."),
    Class.VOIDED_DOWNSTREAM_ONLY: (
        "void in the ERP, and not in Stripe",
        "Do the same in both: see the worklist.",
    ),
}
_VOID_IN_STRIPE = (
    "void in Stripe, and not in the ERP",
    "Do the same in both: see the worklist.",
)
_OTHER = ("they differ", "Look at both documents.")


def meaning(kind: str) -> str:
    """What a kind of pair means, in an accountant's words."""
    return _words(kind)[0]


def _words(kind: str) -> tuple[str, str]:
    if kind.startswith("VOID_"):
        return _VOID_IN_STRIPE
    return PAIRS.get(kind, _OTHER)


@dataclass(slots=True)
class Sum:
    """One line of the summary of a leg: a currency and a kind."""

    leg: str
    currency: str
    kind: str
    count: int = 0
    stripe: int = 0
    net: int = 0
    variance: int = 0
    explained: int = 0
    timing: int = 0
    unexplained: int = 0


def section(material: Material) -> tuple[Section, ...]:
    """The view between registers; nothing where there is no ERP."""
    if len(material.run.targets) < 2:  # noqa: PLR2004 - Stripe, and something beside it
        return ()
    blocks = (_agreement(material), pairs_table(material))
    return (Section("between", "Stripe and ERP", blocks),)


def _agreement(material: Material) -> Table[Sum]:
    run = material.run
    sums: dict[tuple[str, str, str], Sum] = {}
    apart: list[str] = []
    for agreed in run.agreed:
        leg = f"stripe↔{agreed.target}"
        sums[leg, agreed.currency, AGREED] = Sum(
            leg, agreed.currency, AGREED, agreed.count, agreed.net_minor, agreed.net_minor
        )
        if agreed.apart:
            amount = display(agreed.apart_minor, agreed.currency)
            apart.append(f"{leg}: {agreed.apart:,}, {amount} {agreed.currency}")
    for pair in run.pairs:
        key = (pair.leg, pair.currency, pair.kind)
        one = sums.setdefault(key, Sum(*key))
        one.count += 1
        one.stripe += 0 if pair.stripe_currency else pair.stripe_minor
        one.net += pair.net_minor
        one.variance += pair.net_variance
        one.explained += pair.explained
        one.timing += pair.timing
        one.unexplained += pair.unexplained
    note = (
        "A view beside the legs of the core: it moves neither the outcome nor an amount there. "
        "The same formula, with Stripe's net in the core's place."
    )
    if apart:
        note += f" Agreed, and posted in another month than in Stripe: {'; '.join(apart)}."
    return table(
        "agreement",
        "Do Stripe and the ERP ask for the same?",
        _SUMS,
        sorted(sums.values(), key=_by_size),
        lambda one: one.currency,
        note=note,
        group="leg",
        empty="Nothing stands in either.",
    )


def _by_size(one: Sum) -> tuple[object, ...]:
    return (one.leg, one.currency, one.kind != AGREED, -abs(one.unexplained), one.kind)


@dataclass(frozen=True, slots=True)
class Live:
    """A sum over the pairs of a kind. What agrees is counted and stands in no row."""

    column: str

    def __call__(self, one: Sum) -> str:
        """The formula of a line."""
        if one.kind == AGREED:
            return ""
        same = "{pairs.leg},{leg},{pairs.currency},{currency},{pairs.kind},{kind}"
        if not self.column:
            return f"COUNTIFS({same})"
        return f"ROUND(SUMIFS({{pairs.{self.column}}},{same}),{{exponent}})"


_SUMS: tuple[Column[Sum], ...] = (
    Column("leg", "Leg", Kind.ID, lambda one: one.leg, 16, brief=True),
    Column("currency", "Ccy", Kind.ID, lambda one: one.currency, 6, brief=True),
    Column("kind", "Classification", Kind.ID, lambda one: one.kind, 28, brief=True),
    Column("meaning", "What it means", Kind.TEXT, lambda one: meaning(one.kind), 40, brief=True),
    Column("count", "Invoices", Kind.WHOLE, lambda one: one.count, 10, brief=True, formula=Live("")),
    Column("stripe", "Stripe net", Kind.MONEY, lambda one: one.stripe, brief=True, total=True, formula=Live("stripe_net")),
    Column("net", "ERP net", Kind.MONEY, lambda one: one.net, brief=True, total=True, formula=Live("net")),
    Column("variance", "Net variance", Kind.MONEY, lambda one: one.variance, brief=True, total=True, formula=Live("net_variance")),
    Column("explained", "Explained by memo", Kind.MONEY, lambda one: one.explained, total=True, formula=Live("explained")),
    Column("timing", "Timing", Kind.MONEY, lambda one: one.timing, total=True, formula=Live("timing")),
    Column("unexplained", "Unexplained", Kind.MONEY, lambda one: one.unexplained, brief=True, total=True, formula=Live("unexplained")),
)  # fmt: skip


def _in_stripe(pair: Pair, minor: int) -> int | None:
    """An amount of Stripe's; none where it is in another currency than the row."""
    return None if pair.stripe_currency else minor


def _variance(pair: Pair) -> str:
    return "" if pair.stripe_currency else "ROUND({net}-{stripe_net},{exponent})"


def _unexplained(pair: Pair) -> str:
    left = pair.net_variance - pair.rounding - pair.explained - pair.timing
    whole = "ROUND({net_variance}-{rounding}-{explained}-{timing},{exponent})"
    return whole if left == pair.unexplained else ""


def _note(twins: Twins) -> Callable[[Pair], str]:
    def told(pair: Pair) -> str:
        words = []
        if pair.stripe_currency:
            amount = display(pair.stripe_minor, pair.stripe_currency)
            words.append(f"Stripe has {amount} {pair.stripe_currency}: not netted")
        core = pair.core_invoice_id
        for here, refs, there in (
            ("stripe", pair.stripe_memo_refs, pair.target),
            (pair.target, pair.memo_refs, "stripe"),
        ):
            words += [
                f"{ref} of {here} has no twin in {there}"
                for ref in twins.alone(here, core, refs, there)
            ]
        return "; ".join(words)

    return told


_NAMES: tuple[Column[Pair], ...] = (
    Column("leg", "Leg", Kind.ID, lambda one: one.leg, 16),
    Column("customer_id", "Customer id", Kind.ID, lambda one: one.customer_id, 38),
    Column("customer", "Customer", Kind.TEXT, lambda one: one.customer, 22, brief=True, spare=True),
    Column("core_invoice", "Core invoice", Kind.ID, lambda one: one.core_invoice_id, 38, brief=True),
    Column("stripe_invoice", "Stripe invoice", Kind.ID, lambda one: one.stripe_id, 28, brief=True),
    Column("stripe_status", "Status in Stripe", Kind.ID, lambda one: one.stripe_status, 14),
    Column("document", "ERP invoice", Kind.ID, lambda one: one.document_id, 28, brief=True),
    Column("number", "Number in ERP", Kind.ID, lambda one: one.document_number, 18),
    Column("status", "Status in ERP", Kind.ID, lambda one: one.document_status, 14),
    Column("currency", "Ccy", Kind.ID, lambda one: one.currency, 6, brief=True),
)  # fmt: skip


def _posted(dates: Calendar) -> tuple[Column[Pair], ...]:
    return (
        Column("stripe_posted", "Posted in Stripe", Kind.DAY, lambda one: dates.day(one.stripe_posted_at), 12),
        Column("posted", "Posted in ERP", Kind.DAY, lambda one: dates.day(one.posted_at), 12),
        Column("stripe_period", "Period in Stripe", Kind.ID, lambda one: dates.month(one.stripe_posted_at), 9),
        Column("period", "Period in ERP", Kind.ID, lambda one: dates.month(one.posted_at), 9),
    )  # fmt: skip


_AMOUNTS: tuple[Column[Pair], ...] = (
    Column("stripe_gross", "Stripe gross", Kind.MONEY, lambda one: _in_stripe(one, one.stripe_gross_minor), total=True),
    Column("stripe_memos", "Memos in Stripe", Kind.MONEY, lambda one: _in_stripe(one, one.stripe_memos_minor), total=True),
    Column("stripe_net", "Stripe net", Kind.MONEY, lambda one: _in_stripe(one, one.stripe_minor), brief=True, total=True, formula=lambda one: "" if one.stripe_currency else "ROUND({stripe_gross}+{stripe_memos},{exponent})"),
    Column("gross", "ERP gross", Kind.MONEY, lambda one: one.gross_minor, total=True),
    Column("memos", "Memos in ERP", Kind.MONEY, lambda one: one.memos_minor, total=True),
    Column("net", "ERP net", Kind.MONEY, lambda one: one.net_minor, brief=True, total=True, formula="ROUND({gross}+{memos},{exponent})"),
    Column("net_variance", "Net variance", Kind.MONEY, lambda one: one.net_variance, brief=True, total=True, formula=_variance),
    Column("rounding", "Rounding", Kind.MONEY, lambda one: one.rounding, total=True),
    Column("explained", "Explained by memo", Kind.MONEY, lambda one: one.explained, total=True),
    Column("timing", "Timing", Kind.MONEY, lambda one: one.timing, total=True),
    Column("unexplained", "Unexplained", Kind.MONEY, lambda one: one.unexplained, brief=True, total=True, formula=_unexplained),
    Column("kind", "Classification", Kind.ID, lambda one: one.kind, 27, brief=True),
    Column("meaning", "What it means", Kind.TEXT, lambda one: meaning(one.kind), 40),
    Column("action", "Recommended action", Kind.TEXT, lambda one: _words(one.kind)[1], 40),
    Column("stripe_memo_refs", "Memos in Stripe, no.", Kind.ID, lambda one: joined(one.stripe_memo_refs), 20),
    Column("memo_refs", "Memos in ERP, no.", Kind.ID, lambda one: joined(one.memo_refs), 20),
)  # fmt: skip


def pairs_table(material: Material) -> Table[Pair]:
    """Every invoice on which the two do not agree."""
    return table(
        "pairs",
        "Where they differ",
        (
            *_NAMES,
            *_posted(material.calendar),
            *_AMOUNTS,
            Column("note", "Note", Kind.TEXT, _note(material.twins), 40),
        ),
        material.run.pairs,
        lambda one: one.currency,
        numbered=True,
        marked=lambda one: one.unexplained != 0,
        group="leg",
        empty="Nowhere.",
    )
