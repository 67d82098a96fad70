"""The exact words for each system: void, delete the draft, or a credit memo."""

import pytest

from state.receivables import DocumentStatus, DownstreamInvoice
from sync.by_hand import WORDS, void_action
from sync.decide import Held


def act(status: str, system: str = "", target: str = "books", blocked: str = "") -> str:
    document = DownstreamInvoice(
        target,
        "id-1",
        DocumentStatus(status),
        "USD",
        10_000,
        number="INV-1",
        system=system,
        void_blocked=blocked,
    )
    return void_action(Held(document))


@pytest.mark.parametrize(
    ("said", "how"),
    [
        ("Stripe Dashboard → invoice INV-1 → More → Void invoice", act("OPEN", target="stripe")),
        ("Stripe Dashboard → invoice INV-1 → Delete draft", act("DRAFT", target="stripe")),
        ("Stripe invoice INV-1 is paid and cannot be voided: issue a credit note of 100.00", act("PAID", target="stripe")),
        ("books: Invoicing → Customers → Invoices → INV-1 → Reset to Draft → Cancel", act("OPEN", "odoo")),
        ("books: invoice INV-1 cannot be voided, as its journal is locked: issue a credit note of 100.00, dated in an open period (Credit Note → Reverse)", act("OPEN", "odoo", blocked="its journal is locked")),
        ("books: invoice INV-1 is part-paid and cannot be voided: issue a credit note of 100.00 (Credit Note → Reverse)", act("PART_PAID", "odoo")),
        ("books: Sales Invoices → INV-1 → Delete", act("DRAFT", "business_central")),
        ("books: delete the draft INV-1", act("DRAFT")),
        ("books: void INV-1, or issue a credit memo of 100.00 where its period is closed", act("OPEN")),
        ("books: invoice INV-1 cannot be voided, as its period is closed: issue a credit memo of 100.00, dated in an open period", act("OPEN", blocked="its period is closed")),
    ],
)  # fmt: skip
def test_the_exact_thing_to_do(said: str, how: str) -> None:
    assert how == said


@pytest.mark.parametrize("system", sorted(set(WORDS) - {"stripe"}))
def test_every_system_has_its_own_words(system: str) -> None:
    assert "INV-1" in act("OPEN", system)
    assert act("OPEN", system) != act("OPEN")
    locked = act("OPEN", system, blocked="its period is closed")
    assert "cannot be voided" in locked
    assert "dated in an open period" in locked
    assert WORDS[system].memo in locked
