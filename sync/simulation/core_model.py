"""A model of the billing core: one chain of versions of one invoice, and what happens to it."""

from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from decimal import Decimal
from functools import cache

from connectors.ports import CurrencyRule
from state.invoices import CoreInvoice, CoreLine, CoreStatus
from sync.lines import draft_lines

START = datetime(2026, 3, 1, tzinfo=UTC)
VERSIONS_MAX = 3
RULE = CurrencyRule(step_minor=1, minimum_minor=50, maximum_minor=99_999_999)


@dataclass(frozen=True, slots=True)
class Style:
    """What the versions of one chain have in common."""

    lines: int
    line_minor: int
    backwards: bool = False  # ids say nothing of age: in half the worlds they run back
    prefix: str = "v"
    customer_id: str = "c1"
    currency: str = "USD"


@cache
def version(number: int, style: Style) -> CoreInvoice:
    """The nth version of the invoice, finalized; each corrects the one before by a cent."""
    each = style.line_minor + number
    exact = Decimal(each)
    return CoreInvoice(
        id=named(number, style),
        customer_id=style.customer_id,
        status=CoreStatus.FINALIZED,
        kind="USAGE",
        currency=style.currency,
        exact_minor=exact * style.lines,
        total_minor=each * style.lines,
        lines=tuple(
            CoreLine(f"k{n}", f"Line {n}", "usage", exact) for n in range(style.lines)
        ),
        issued_at=START,
        regenerated_from=named(number - 1, style) if number else None,
    )


def named(number: int, style: Style) -> str:
    """The nth version's id."""
    return f"{style.prefix}{VERSIONS_MAX - number if style.backwards else number}"


@cache
def voided(invoice: CoreInvoice) -> CoreInvoice:
    """The same invoice after its void."""
    return replace(invoice, status=CoreStatus.VOID)


@cache
def line_keys(invoice: CoreInvoice) -> tuple[str, ...]:
    """The keys that the worker's own line maker gives to this version."""
    return draft_lines(invoice, RULE).keys


@dataclass(slots=True)
class CoreModel:
    """The chain as it is now. Finalized is immutable, void is final, a child has a new id."""

    style: Style
    invoices: dict[str, CoreInvoice] = field(default_factory=dict)
    remapped: int = 0

    @property
    def stripe_customer(self) -> str:
        """The Stripe customer that the core names now."""
        again = f"-{self.remapped}" if self.remapped else ""
        return f"cus_{self.style.customer_id}{again}"

    def remap(self) -> None:
        """Name another customer from now on."""
        self.remapped += 1

    def finalize_first(self) -> None:
        """The first version comes out of its billing period."""
        self._add(0)

    def leaf(self) -> CoreInvoice:
        """The newest version."""
        return self.invoices[named(len(self.invoices) - 1, self.style)]

    def void(self) -> None:
        """Void the newest version, where it still stands."""
        leaf = self.leaf()
        if leaf.status is not CoreStatus.VOID:
            self.invoices[leaf.id] = voided(leaf)

    def void_and_regenerate(self) -> None:
        """Void the newest version where it still stands, and make the next one of it."""
        self.void()
        self._add(len(self.invoices))

    def _add(self, number: int) -> None:
        made = version(number, self.style)
        self.invoices[made.id] = made
