"""Which core invoice an ERP document stands for: five rules, and never a guess."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from state.books import Books
from state.invoices import CoreInvoice, CoreStatus, NativeDelivery
from state.observations import Changes
from state.receivables import DocumentStatus, DownstreamInvoice
from sync.linking import Links, with_dashes

CORE = "0b9d3f5e-6a7c-4d21-9f00-8e5c1a2b3c4d"
OTHER = "0b9d3f5e-6a7c-4d21-9f00-8e5c1a2b3c4e"
UNKNOWN = "ffffffff-6a7c-4d21-9f00-8e5c1a2b3c4d"


def core(name: str, external: str | None = None) -> CoreInvoice:
    return CoreInvoice(
        id=name,
        customer_id="c",
        status=CoreStatus.FINALIZED,
        kind="USAGE",
        currency="USD",
        exact_minor=0,  # type: ignore[arg-type]  # no amount matters here
        total_minor=0,
        delivery=None if external is None else NativeDelivery("netsuite", external),
    )


def document(*references: str, name: str = "e1", number: str = "") -> DownstreamInvoice:
    return DownstreamInvoice(
        "books", name, DocumentStatus.OPEN, "USD", 1, number=number, external_ids=references,
        system="netsuite",
    )  # fmt: skip


@pytest.fixture
def books() -> Books:
    made = Books("sqlite://", "acme", new_id=lambda: "t")
    stripe = DownstreamInvoice(
        "stripe",
        "in_1",
        DocumentStatus.OPEN,
        "USD",
        1,
        number="ACME-7",
        core_invoice_id=CORE,
    )
    made.record(
        Changes(invoices=(core(CORE), core("ci_2", "e9")), documents=(stripe,)),
        at=datetime(2026, 11, 1, tzinfo=UTC),
    )
    return made


@pytest.mark.parametrize(
    ("one", "found", "rule"),
    [
        (document(CORE), CORE, "reference"),
        (document(f"billing:{CORE}"), CORE, "reference"),
        (document("PO 4711", f"Invoice {CORE} of Acme"), CORE, "reference"),
        (document("in_1"), CORE, "Stripe id"),
        (document("Stripe in_1"), CORE, "Stripe id"),
        (document(name="e9"), "ci_2", "core"),
        (document(number="ACME-7"), CORE, "Stripe number"),
        (document("ACME-7"), CORE, "Stripe number"),
        (document(CORE.replace("-", "")[:31]), CORE, "reference, cut short"),
        (document(CORE[:35]), CORE, "reference, cut short"),
        (document(CORE.replace("-", "")[:21]), CORE, "reference, cut short"),
        (document(CORE[:18]), None, ""),
        (document(UNKNOWN), UNKNOWN, "reference"),
        (document("PO 4711"), None, ""),
        (document(), None, ""),
    ],
)
def test_the_first_rule_that_hits(
    books: Books, one: DownstreamInvoice, found: str | None, rule: str
) -> None:
    (linked,) = Links(books).linked([one])
    assert (linked.core_invoice_id, linked.linked_by) == (found, rule)


def test_a_beginning_that_fits_two_decides_nothing(books: Books) -> None:
    books.record(Changes(invoices=(core(OTHER),)), at=datetime(2026, 11, 2, tzinfo=UTC))
    (linked,) = Links(books).linked([document(CORE[:35])])
    assert linked.core_invoice_id is None


def test_dashes_are_put_back_where_a_uuid_has_them() -> None:
    assert with_dashes(CORE.replace("-", "")) == CORE
    assert with_dashes(CORE[:30]) == CORE[:30]
    assert with_dashes("invoice-number-that-is-long") is None


def test_a_name_that_nobody_knows_gives_way_to_a_rule_that_hits(books: Books) -> None:
    (first,) = Links(books).linked([document(UNKNOWN)])
    assert first.core_invoice_id == UNKNOWN
    again = replace(first, number="ACME-7")  # it got the Stripe invoice's number since
    (linked,) = Links(books).linked([again])
    assert (linked.core_invoice_id, linked.linked_by) == (CORE, "Stripe number")


def test_a_name_that_nobody_knows_is_kept_when_its_field_is_emptied(books: Books) -> None:
    (first,) = Links(books).linked([document(UNKNOWN)])
    (linked,) = Links(books).linked([replace(first, external_ids=())])
    assert linked == replace(first, external_ids=())


@pytest.mark.parametrize(
    ("provider", "system", "linked"),
    [
        ("netsuite", "netsuite", True),
        ("netsuite", "odoo", False),  # its 9000 is another document
        ("quickbooks_online", "quickbooks", True),
        ("unheard_of", "netsuite", False),
    ],
)
def test_a_copy_for_revenue_is_named_by_the_core_in_its_own_system(
    books: Books, provider: str, system: str, *, linked: bool
) -> None:
    copied = replace(core("ci_3"), copies=((provider, "9000"),))
    books.record(Changes(invoices=(copied,)), at=datetime(2026, 11, 2, tzinfo=UTC))
    one = replace(document(name="9000"), system=system)
    (found,) = Links(books).linked([one])
    assert (found.core_invoice_id, found.linked_by) == (
        ("ci_3", "core") if linked else (None, one.linked_by)
    )
