"""The lines of a downstream draft, made from a core invoice; pure and deterministic.

The same core invoice always gives the same lines in the same order with the same keys:
that is what lets an interrupted push find out which lines are already there.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from hashlib import sha256
from itertools import groupby

from connectors.ports import CurrencyRule, DraftLine
from state.invoices import CoreInvoice, CoreLine
from state.money import largest_remainder, round_minor

LINES_MAX = 250  # Stripe: items on one invoice


@dataclass(frozen=True, slots=True)
class DraftLines:
    """What goes on the document. The lines sum to `total_minor`, exactly."""

    lines: tuple[DraftLine, ...]
    total_minor: int
    folded: bool = False

    @property
    def keys(self) -> tuple[str, ...]:
        """The line keys in order."""
        return tuple(line.key for line in self.lines)


def foots(invoice: CoreInvoice) -> bool:
    """Do the core's lines sum to its total, and can they carry it?

    A core rounds for show, so a difference below one minor unit is no difference.
    """
    if not any(line.exact_minor for line in invoice.lines):
        return round_minor(invoice.exact_minor) == 0
    return abs(_gap(invoice.lines, invoice)) < 1


def draft_lines(invoice: CoreInvoice, rule: CurrencyRule) -> DraftLines:
    """Round once, on the total, and give each line its share by largest remainder.

    Lines of zero are left out: they bill nothing. What the core's total was rounded by
    stands on its largest line. More than 250 lines are folded by product; the detail
    stays in our books. The invoice must foot.
    """
    total = round_minor(invoice.exact_minor / rule.step_minor) * rule.step_minor
    lines = [line for line in invoice.lines if line.exact_minor != 0]
    folded = len(lines) > LINES_MAX
    if folded:
        lines = _fold(lines)
    exacts = [line.exact_minor for line in lines]
    if exacts:
        largest = max(range(len(exacts)), key=lambda index: abs(exacts[index]))
        exacts[largest] -= _gap(lines, invoice)
    shares = largest_remainder(
        [exact / rule.step_minor for exact in exacts], total // rule.step_minor
    )
    return DraftLines(
        lines=tuple(
            DraftLine(
                key=line.key,
                description=_describe(line),
                amount_minor=share * rule.step_minor,
                start=line.start,
                end=line.end,
            )
            for line, share in zip(lines, shares, strict=True)
        ),
        total_minor=total,
        folded=folded,
    )


def _gap(lines: Sequence[CoreLine], invoice: CoreInvoice) -> Decimal:
    """By how much the lines exceed the total."""
    return sum((line.exact_minor for line in lines), Decimal(0)) - invoice.exact_minor


def _fold(lines: Sequence[CoreLine]) -> list[CoreLine]:
    """One line for each product and kind; past the limit still, one for each kind."""
    by_product = _gather(
        lines, lambda line: (line.kind, line.product_id or line.description)
    )
    if len(by_product) <= LINES_MAX:
        return by_product
    return _gather(lines, lambda line: (line.kind, ""))


def _gather(
    lines: Sequence[CoreLine], of: Callable[[CoreLine], tuple[str, str]]
) -> list[CoreLine]:
    gathered = []
    for group, members in groupby(sorted(lines, key=lambda line: (of(line), line.key)), of):
        some = list(members)
        starts = [line.start for line in some if line.start is not None]
        ends = [line.end for line in some if line.end is not None]
        digest = sha256("\n".join([*group, *(line.key for line in some)]).encode())
        name = some[0].description if group[1] else f"All {group[0]} charges"
        gathered.append(
            CoreLine(
                key=f"fold-{digest.hexdigest()[:24]}",
                description=f"{name} ({len(some)} lines)",
                kind=group[0],
                exact_minor=sum((line.exact_minor for line in some), Decimal(0)),
                product_id=some[0].product_id if group[1] else None,
                start=min(starts, default=None),
                end=max(ends, default=None),
            )
        )
    return gathered


def _describe(line: CoreLine) -> str:
    """Name, then quantity. Amounts go flat: unit prices have fractions of a cent."""
    if line.quantity is None or line.quantity == 1:
        return line.description
    return f"{line.description} ({format(line.quantity.normalize(), 'f')})"
