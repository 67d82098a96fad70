"""The line of each row of a source, and the hash over them, to the byte."""

from dataclasses import replace
from decimal import Decimal
from hashlib import sha256

from state.invoices import CoreInvoice, CoreStatus
from state.receivables import CreditMemo, DocumentStatus, DownstreamInvoice, MemoStatus
from sync.canon import Digests, of_document, of_invoice, of_memo

INVOICE = CoreInvoice("ci_1", "cc", CoreStatus.VOID, "USAGE", "USD", Decimal("99.5"), 100)
DOCUMENT = DownstreamInvoice(
    "erp",
    "d1",
    DocumentStatus.PART_PAID,
    "EUR",
    100,
    tax_minor=19,
    paid_minor=40,
    open_minor=79,
)
MEMO = CreditMemo("erp", "m1", MemoStatus.ISSUED, "EUR", 30, tax_minor=5, invoice_id="d1")


def test_an_invoice_shows_its_status_currency_and_total() -> None:
    assert of_invoice(INVOICE) == "ci_1|VOID|USD|100\n"
    assert of_invoice(replace(INVOICE, currency=None)) == "ci_1|VOID||100\n"


def test_a_document_shows_its_amount_while_it_is_posted_and_what_is_owed_on_it() -> None:
    assert of_document(DOCUMENT) == "d1|PART_PAID|EUR|100|19|40|79|\n"
    void = replace(DOCUMENT, status=DocumentStatus.VOID)
    assert of_document(void) == "d1|VOID|EUR|0|19|40|0|\n"


def test_a_document_shows_the_core_invoice_that_it_names() -> None:
    named = replace(DOCUMENT, core_invoice_id="ci_1")
    assert of_document(named) == "d1|PART_PAID|EUR|100|19|40|79|ci_1\n"


def test_a_memo_shows_the_document_that_it_reduces() -> None:
    assert of_memo(MEMO) == "m1|issued|EUR|30|5|d1\n"
    assert of_memo(replace(MEMO, invoice_id=None)) == "m1|issued|EUR|30|5|\n"


def test_each_source_has_a_hash_over_its_own_lines_in_their_order() -> None:
    digests = Digests()
    digests.take("erp", "one\n")
    digests.take("core", "other\n")
    digests.hash_of("erp").update(b"two\n")
    assert digests.of("erp") == sha256(b"one\ntwo\n").hexdigest()
    assert digests.of("core") == sha256(b"other\n").hexdigest()
    assert digests.of("nothing read") == sha256().hexdigest()


def test_an_id_that_is_no_text_of_any_encoding_has_a_hash_as_well() -> None:
    """JSON may hold half a surrogate pair; a book with one is still a book."""
    digests = Digests()
    digests.take("erp", "\ud83d\n")
    assert digests.of("erp") == sha256(b"\xed\xa0\xbd\n").hexdigest()
