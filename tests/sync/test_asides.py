"""What stands in no row: its reason, in words that an accountant reads."""

from dataclasses import replace
from decimal import Decimal

import pytest

from state.invoices import CoreInvoice, CoreStatus
from state.receivables import (
    CreditMemo,
    DocumentStatus,
    DownstreamInvoice,
    Given,
    MemoStatus,
    Way,
)
from sync import asides
from sync.books import Excluded

DOCUMENT = DownstreamInvoice(
    "erp", "d1", DocumentStatus.OPEN, "USD", 100, core_invoice_id="ci"
)
MEMO = CreditMemo("erp", "m1", MemoStatus.ISSUED, "USD", 30, invoice_id="d1")
INVOICE = CoreInvoice("ci", "cc", CoreStatus.FINALIZED, "USAGE", "USD", Decimal(100), 100)
UNITS = replace(INVOICE, currency=None)
VOID = replace(DOCUMENT, status=DocumentStatus.VOID)


def memo_left_out(why: str) -> Excluded:
    return Excluded("erp", "memo", "m1", "USD", 30, why)


def test_a_document_is_left_out_with_the_amount_that_it_stands_with() -> None:
    for one, amount in ((DOCUMENT, 100), (VOID, 0)):
        shown = ("erp", "invoice", "d1", "USD", amount)
        assert asides.unnamed(one) == Excluded(*shown, "names no core invoice")
        assert asides.of_custom_unit(one) == Excluded(
            *shown, "its core invoice is in a custom pricing unit"
        )
    assert asides.superseded(VOID, "ci", ("d2", "d3")) == Excluded(
        "erp", "invoice", "d1", "USD", 0, "is VOID: d2, d3 stands for ci"
    )


def test_an_invoice_in_a_custom_pricing_unit_is_no_money() -> None:
    assert asides.custom_unit(UNITS) == Excluded(
        "core", "invoice", "ci", "", 100, "is in a custom pricing unit"
    )


@pytest.mark.parametrize(
    ("status", "why"),
    [
        (MemoStatus.ISSUED, "is applied to no invoice yet"),
        (MemoStatus.DRAFT, "is draft and names no invoice"),
        (MemoStatus.VOID, "is void and names no invoice"),
    ],
)
def test_a_memo_that_names_no_invoice(status: MemoStatus, why: str) -> None:
    loose = replace(MEMO, invoice_id=None, status=status)
    assert asides.loose_memo(loose) == memo_left_out(why)


def test_a_memo_that_was_paid_out_waits_for_no_invoice() -> None:
    half, whole = (
        replace(MEMO, invoice_id=None, given=(Given(Way.REFUND, minor),))
        for minor in (29, 30)
    )
    assert asides.loose_memo(half) == memo_left_out("is applied to no invoice yet")
    gone = memo_left_out("was refunded or used otherwise, and applied to no invoice")
    assert asides.loose_memo(whole) == gone


OTHER = replace(DOCUMENT, core_invoice_id=None)


@pytest.mark.parametrize(
    ("document", "invoice", "why"),
    [
        (None, None, "names invoice d1, which erp does not show"),
        (None, INVOICE, "names invoice d1, which erp does not show"),
        (DOCUMENT, UNITS, "the core invoice of d1 is in a custom pricing unit"),
        (DOCUMENT, INVOICE, "its invoice d1 is of another month, and compared there"),
        (DOCUMENT, None, "its invoice d1 is of another month, and compared there"),
        (OTHER, INVOICE, "its invoice d1 is of another month, and compared there"),
        (OTHER, None, "its invoice d1 names no core invoice"),
    ],
)
def test_a_memo_on_a_document_that_stands_in_no_row(
    document: DownstreamInvoice | None, invoice: CoreInvoice | None, why: str
) -> None:
    assert asides.stray_memo(MEMO, document, invoice) == memo_left_out(why)


@pytest.mark.parametrize(
    ("memo", "document", "why"),
    [
        (replace(MEMO, status=MemoStatus.DRAFT), DOCUMENT,
         "is a draft: it explains nothing until it is issued"),
        (replace(MEMO, status=MemoStatus.VOID), DOCUMENT, "is void"),
        (replace(MEMO, status=MemoStatus.DELETED), DOCUMENT, "is deleted"),
        (replace(MEMO, approved=False), DOCUMENT, "is not approved"),
        (replace(MEMO, applied=False), DOCUMENT, "is not applied to d1 yet"),
        (replace(MEMO, applied=False), VOID,
         "its invoice d1 does not stand for the core invoice"),
        (replace(MEMO, currency="EUR"), DOCUMENT, "is in EUR, its invoice in USD"),
        (MEMO, DOCUMENT, "its invoice d1 does not stand for the core invoice"),
        # The first reason that a person would have to mend is the one that is told.
        (replace(MEMO, approved=False, applied=False, currency="EUR"), DOCUMENT,
         "is not approved"),
        (replace(MEMO, applied=False, currency="EUR"), DOCUMENT, "is not applied to d1 yet"),
    ],
)  # fmt: skip
def test_a_memo_that_explains_nothing_of_its_document(
    memo: CreditMemo, document: DownstreamInvoice, why: str
) -> None:
    left_out = asides.uncounted(memo, document)
    assert left_out == replace(memo_left_out(why), currency=memo.currency)
