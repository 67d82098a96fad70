"""What of a draft is below zero: pure, and asked by the worklist and by the advisor alike.

Metronome has no guard: negating more usage than there was gives a negative line, and a
credit does not look forward, so a whole invoice may end below zero.
"""

from collections.abc import Iterator

from state.invoices import CoreInvoice
from state.money import display, round_minor


def below_zero(invoice: CoreInvoice) -> tuple[str, ...]:
    """Each line below zero that is no applied credit, and the total, in words."""
    return tuple(_below(invoice))


def _below(invoice: CoreInvoice) -> Iterator[str]:
    currency = invoice.currency or ""
    for line in invoice.lines:
        if line.exact_minor < 0 and not line.applies_credit:
            amount = display(round_minor(line.exact_minor), currency)
            quantity = "" if line.quantity is None else f", quantity {line.quantity:f}"
            yield f"line {line.description}: {amount}{quantity}"
    if invoice.exact_minor < 0:
        yield f"total: {display(round_minor(invoice.exact_minor), currency)}"
