"""A book of some size: long ids, three currencies, two registers, memos, voids, payments.

Drawn from one seed. What `seed_story` shows once, this has many times over, so that sums
run over columns and every currency's decimals are met.
"""

from datetime import timedelta
from random import Random
from uuid import UUID

from tests.report.company import CUTOFF, MORNING, NOON, OCTOBER, Company

CURRENCIES = ("USD", "JPY", "KWD")
NAMES = (
    "Acme Corporation of North America, Incorporated",
    "Cedar & Söhne",
    "株式会社エルム",
    "Gum",
)
REASONS = ("PRICE_ERROR", "order_change", "USAGE_ERROR", "not a code of ours")


def bigger(invoices: int = 90) -> Company:
    """The company, read for the last time at its cutoff."""
    random = Random(7)
    made = Company(targets=("stripe", "books"))
    customers = [_id(random) for _ in range(9)]
    for number, customer in enumerate(customers):
        made.customer(customer, f"{NAMES[number % len(NAMES)]} {number}")
    for number in range(invoices):
        core = _id(random)
        currency = CURRENCIES[number % len(CURRENCIES)]
        amount = random.randrange(10_000, 90_000_000)
        at = OCTOBER + timedelta(hours=random.randrange(60))
        made.bill(core, random.choice(customers), amount, currency=currency, at=at)
        for target in made.targets:
            if random.random() < 0.95:
                _post(made, random, target, core)
    made.see(MORNING + timedelta(days=2))
    for target, document in list(made.documents):
        _happen(made, random, target, document)
    for core in list(made.invoices)[: invoices // 12]:
        made.void(core)
        _again(made, random, core)
    made.see(NOON)
    made.see(CUTOFF)
    return made


def _id(random: Random) -> str:
    return str(UUID(int=random.getrandbits(128)))


def _post(made: Company, random: Random, target: str, core: str) -> None:
    invoice = made.invoices[core]
    apart = random.choice((-5_000, 700, 1_234)) if random.random() < 0.1 else 0
    gross = invoice.total_minor + apart
    made.post(
        f"{target}_{_id(random)}", core, gross, target=target, currency=invoice.currency or "",
        tax=gross // 12 if invoice.currency == "USD" else 0, at=MORNING,
    )  # fmt: skip


def _happen(made: Company, random: Random, target: str, document: str) -> None:
    known = made.documents[target, document]
    if random.random() < 0.2:
        made.credit(
            f"cm_{document}", document, known.gross_minor // random.choice((2, 10, 50)),
            target=target, reason=random.choice(REASONS), raised_by="mia",
            approved_by=random.choice(("omar", "mia", None)),
        )  # fmt: skip
    elif target == "stripe" and random.random() < 0.4:
        made.pay(document, known.open_minor, NOON - timedelta(days=1))


def _again(made: Company, random: Random, core: str) -> None:
    """A voided invoice is billed again, for half of it."""
    old, new = made.invoices[core], _id(random)
    later = NOON - timedelta(hours=5)
    made.bill(
        new, old.customer_id, old.total_minor // 2, currency=old.currency or "", parent=core,
        at=later,
    )  # fmt: skip
    made.post(
        f"in_{new}", new, old.total_minor // 2, currency=old.currency or "",
        at=later + timedelta(hours=1),
    )  # fmt: skip
