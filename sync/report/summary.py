"""The summary of a reconciliation: sums by classification, and a picture by month."""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass

from state.money import display
from sync.report.cells import ratio
from sync.report.document import Chart, Column, Kind, Series, Table, table
from sync.report.material import Material

CHARTS = 3  # currencies that get a picture; the tables have them all


@dataclass(slots=True)
class _Sum:
    """One line of the summary: a leg, a currency and a classification."""

    leg: str
    currency: str
    kind: str
    count: int = 0
    core: int = 0
    gross: int = 0
    memos: int = 0
    net: int = 0
    variance: int = 0
    rounding: int = 0
    explained: int = 0
    timing: int = 0
    unexplained: int = 0


_SUMS = (
    ("core", "Core amount", "core_amount", True),
    ("gross", "Downstream gross", "gross", True),
    ("memos", "Credit memos", "memos", True),
    ("net", "Downstream net", "net", False),
    ("variance", "Net variance", "net_variance", True),
    ("rounding", "Rounding", "rounding", False),
    ("explained", "Explained by memo", "explained", True),
    ("timing", "Timing", "timing", False),
    ("unexplained", "Unexplained", "unexplained", True),
)


def by_classification(material: Material) -> Table[_Sum]:
    """Counts and sums by leg, currency and classification, live over Detail."""
    sums: dict[tuple[str, str, str], _Sum] = {}
    for row in material.rows():
        key = (row.target, row.currency, row.kind)
        one = sums.get(key)
        if one is None:
            one = sums[key] = _Sum(row.leg, row.currency, row.kind)
        one.count += 1
        one.core += row.netted_core_minor
        one.gross += row.gross_minor
        one.memos += row.memos_minor
        one.net += row.net_minor
        one.variance += row.net_variance
        one.rounding += row.rounding
        one.explained += row.explained
        one.timing += row.timing
        one.unexplained += row.unexplained
    whole: Counter[tuple[str, str]] = Counter()
    for one in sums.values():
        whole[one.leg, one.currency] += one.core
    same = "{detail.leg},{leg},{detail.currency},{currency},{detail.kind},{kind}"
    columns: list[Column[_Sum]] = [
        Column("leg", "Leg", Kind.ID, lambda one: one.leg, 13, brief=True),
        Column("currency", "Ccy", Kind.ID, lambda one: one.currency, 6, brief=True),
        Column("kind", "Classification", Kind.ID, lambda one: one.kind, 28, brief=True),
        Column(
            "count",
            "Rows",
            Kind.WHOLE,
            lambda one: one.count,
            8,
            brief=True,
            formula=f"COUNTIFS({same})",
        ),
    ]
    for name, title, source, brief in _SUMS:
        formula = f"ROUND(SUMIFS({{detail.{source}}},{same}),{{exponent}})"
        columns.append(
            Column(
                name,
                title,
                Kind.MONEY,
                _figure(name),
                brief=brief,
                total=True,
                formula=formula,
            )
        )
    columns.append(
        Column(
            "share",
            "% of core",
            Kind.PERCENT,
            lambda one: ratio(one.unexplained, whole[one.leg, one.currency]),
            10,
        )
    )
    rows = sorted(
        sums.values(),
        key=lambda one: (one.leg, one.currency, -abs(one.unexplained), one.kind),
    )
    return table(
        "summary",
        "By classification",
        tuple(columns),
        rows,
        lambda one: one.currency,
        group="leg",
    )


def _figure(name: str) -> Callable[[_Sum], int]:
    def read(one: _Sum) -> int:
        minor: int = getattr(one, name)
        return minor

    return read


def charts(material: Material) -> tuple[Chart, ...]:
    """What memos explain or repair, and what nothing explains, by month."""
    dates = material.calendar
    months: dict[tuple[str, str], dict[str, list[int]]] = {}
    for row in material.rows():
        label = dates.month(row.issued_at or row.posted_at)
        if label and row.currency:
            by_month = months.setdefault((row.leg, row.currency), {})
            sums = by_month.setdefault(label, [0, 0])
            sums[0] += abs(row.explained) + row.closed
            sums[1] += abs(row.unexplained)
    legs = {leg for leg, _ in months}
    busy = [
        (leg if len(legs) > 1 else "", currency, by_month)
        for (leg, currency), by_month in sorted(months.items())
        if any(sum(pair) for pair in by_month.values())
    ]
    return tuple(_chart(*one) for one in busy[:CHARTS])


def _chart(leg: str, currency: str, by_month: dict[str, list[int]]) -> Chart:
    labels = tuple(sorted(by_month))
    explained = tuple(by_month[one][0] for one in labels)
    open_items = tuple(by_month[one][1] for one in labels)
    words = "; ".join(
        f"{label}: {display(a, currency)} explained, {display(b, currency)} unexplained"
        for label, a, b in zip(labels, explained, open_items, strict=True)
    )
    return Chart(
        "_".join(("months", *leg.split("↔")[1:], currency.lower())),
        ", ".join(
            one for one in ("Explained and unexplained by month", leg, currency) if one
        ),
        currency,
        labels,
        (
            Series("Explained or repaired by memos", explained),
            Series("Unexplained", open_items),
        ),
        words,
        stacked=True,
    )
