"""What every register must do, as one class: subclass it and give it a desk.

A desk is where an accountant sits: it makes the documents in that system, by whatever
means the system has (its own API, a replay, a file), and holds the register under test.
What a system does not have at all stands in `lacks`, each with a word below, and its
tests are skipped: a register is never tested on what its system cannot show.
"""

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import ClassVar, Protocol

import pytest

from connectors.failures import ConnectorFailure, Incomplete, Misconfigured
from connectors.ports import Page, Register
from state.receivables import CreditMemo, DocumentStatus, DownstreamInvoice, MemoStatus
from sync.decide import Held

# Words of `lacks`.
VOID = "void"  # nobody can void there
PAY = "pay"
DELETE = "delete"
DRAFT = "draft invoices"
DRAFT_MEMO = "draft memos"
UNAPPLIED = "unapplied memos"
CURRENCY = "a second currency"
ENTITIES = "a second entity"
LATE = "late rows on demand"
FAULTS = "http faults on demand"
CURSOR = "changes"


class Desk(Protocol):
    """An accountant's acts in one system. Ids are the system's own; amounts minor units."""

    lacks: frozenset[str]

    @property
    def register(self) -> Register:
        """The register under test, with pages small enough that `many` has several."""

    def invoice(
        self,
        reference: str,
        minor: int,
        *,
        currency: str = "USD",
        entity: int = 0,
        draft: bool = False,
    ) -> str:
        """Make an invoice that refers to a core invoice; posted unless a draft."""

    def many(self, count: int) -> list[str]:
        """So many posted invoices of 1.00 each."""

    def void(self, document_id: str) -> None:
        """Void it, as a person would there."""

    def pay(self, document_id: str, minor: int) -> None:
        """Record a payment on it."""

    def credit(self, document_id: str, minor: int, *, how: str = "applied") -> str:
        """A credit memo: `applied` to it, `unapplied`, or a `draft`."""

    def delete(self, document_id: str) -> None:
        """Delete it, so that the system knows it no more."""

    def late(self, reference: str, minor: int) -> str:
        """An invoice that becomes visible now with a modified stamp of two minutes ago."""

    def fault(self, kind: str, times: int) -> None:
        """The next answers are: a status like `503`, `garbage`, or `truncated`."""


def seen(pages: Iterable[Page]) -> tuple[dict[str, DownstreamInvoice], list[CreditMemo]]:
    """What pages show: documents by id, each once, and memos."""
    documents: dict[str, DownstreamInvoice] = {}
    memos: dict[str, CreditMemo] = {}
    for page in pages:
        documents.update({one.id: one for one in page.documents})
        memos.update({one.id: one for one in page.memos})
    return documents, list(memos.values())


class RegisterContract:
    """Subclass with a fixture `desk`."""

    pages_of: ClassVar[int] = 25  # more than two pages of the desk's register

    def again(self, desk: Desk, name: str) -> Held:
        """One document with its memos, read again by id."""
        documents, memos = seen(desk.register.look_again([name]))
        assert set(documents) == {name}
        return Held(documents[name], tuple(m for m in memos if m.invoice_id == name))

    def need(self, desk: Desk, *words: str) -> None:
        missing = desk.lacks & set(words)
        if missing:
            pytest.skip(f"this system has no {', '.join(sorted(missing))}")

    # --- who it is ------------------------------------------------------------------

    def test_it_says_who_it_is_and_what_it_can_tell(self, desk: Desk) -> None:
        desk.invoice("core-who-1", 100)
        assert list(desk.register.sweep())
        identity = desk.register.identify()
        assert identity.system
        assert identity.account
        can = desk.register.capabilities
        assert can.page > 0
        assert can.concurrency > 0
        if can.entities:
            assert identity.entities

    def test_it_has_no_verb_that_undoes_anything(self, desk: Desk) -> None:
        verbs = {name for name in dir(desk.register) if not name.startswith("_")}
        assert not verbs & {"void", "pay", "refund", "delete", "cancel", "uncollectible"}

    # --- the states of an invoice ---------------------------------------------------

    def test_an_open_invoice_names_its_core_invoice_and_its_amount(
        self, desk: Desk
    ) -> None:
        name = desk.invoice("core-open-1", 12_345)
        documents, _ = seen(desk.register.sweep())
        document = documents[name]
        assert document.status is DocumentStatus.OPEN
        assert (document.gross_minor, document.currency) == (12_345, "USD")
        assert document.open_minor == 12_345
        assert document.target == desk.register.target
        assert "core-open-1" in {*document.external_ids, document.core_invoice_id}
        assert self.again(desk, name).document == document

    def test_a_draft_asks_for_nothing(self, desk: Desk) -> None:
        self.need(desk, DRAFT)
        name = desk.invoice("core-draft-1", 500, draft=True)
        held = self.again(desk, name)
        assert held.document.status is DocumentStatus.DRAFT
        assert held.exposure_minor == 0

    def test_a_voided_invoice_is_void_whatever_is_left_of_its_amounts(
        self, desk: Desk
    ) -> None:
        self.need(desk, VOID)
        name = desk.invoice("core-void-1", 10_000)
        desk.void(name)
        held = self.again(desk, name)
        assert held.document.status is DocumentStatus.VOID
        assert held.document.open_minor == 0
        assert held.exposure_minor == 0

    def test_a_paid_invoice_is_paid_and_still_stands(self, desk: Desk) -> None:
        self.need(desk, PAY)
        name = desk.invoice("core-paid-1", 10_000)
        desk.pay(name, 10_000)
        held = self.again(desk, name)
        assert held.document.status is DocumentStatus.PAID
        assert (held.document.paid_minor, held.document.open_minor) == (10_000, 0)
        assert held.exposure_minor == 10_000

    def test_a_part_paid_invoice_is_part_paid(self, desk: Desk) -> None:
        self.need(desk, PAY)
        name = desk.invoice("core-part-1", 10_000)
        desk.pay(name, 4_000)
        document = self.again(desk, name).document
        assert document.status is DocumentStatus.PART_PAID
        assert (document.paid_minor, document.open_minor) == (4_000, 6_000)

    def test_a_deleted_invoice_is_told_and_is_in_no_sweep(self, desk: Desk) -> None:
        self.need(desk, DELETE)
        name = desk.invoice("core-gone-1", 700)
        assert name in seen(desk.register.sweep())[0]
        desk.delete(name)
        assert name not in seen(desk.register.sweep())[0]
        assert self.again(desk, name).document.status is DocumentStatus.DELETED

    def test_one_document_is_asked_for_among_others(self, desk: Desk) -> None:
        first = desk.invoice("core-a-1", 100)
        desk.invoice("core-b-1", 200)
        third = desk.invoice("core-c-1", 300)
        documents, _ = seen(desk.register.look_again([third, first]))
        assert {one.id: one.gross_minor for one in documents.values()} == {
            first: 100,
            third: 300,
        }
        assert list(desk.register.look_again([])) == []

    # --- credit memos ---------------------------------------------------------------

    def test_a_full_credit_closes_what_is_asked_and_is_no_payment(self, desk: Desk) -> None:
        name = desk.invoice("core-credit-1", 10_000)
        desk.credit(name, 10_000)
        held = self.again(desk, name)
        assert held.exposure_minor == 0
        assert held.document.status is not DocumentStatus.VOID
        assert (held.document.paid_minor, held.document.open_minor) == (0, 0)
        assert held.document.gross_minor == 10_000
        (memo,) = held.memos
        assert memo.explains
        assert (memo.status, memo.amount_minor, memo.currency) == (
            MemoStatus.ISSUED,
            10_000,
            "USD",
        )

    def test_a_part_credit_takes_off_its_part(self, desk: Desk) -> None:
        name = desk.invoice("core-credit-2", 10_000)
        desk.credit(name, 3_000)
        held = self.again(desk, name)
        assert held.exposure_minor == 7_000
        assert held.document.status is DocumentStatus.OPEN
        assert held.document.open_minor == 7_000

    def test_two_credits_on_one_invoice_are_two(self, desk: Desk) -> None:
        name = desk.invoice("core-credit-3", 10_000)
        desk.credit(name, 1_000)
        desk.credit(name, 2_000)
        held = self.again(desk, name)
        assert sorted(memo.amount_minor for memo in held.memos) == [1_000, 2_000]
        assert held.exposure_minor == 7_000

    def test_a_credit_and_a_payment_are_told_apart(self, desk: Desk) -> None:
        self.need(desk, PAY)
        name = desk.invoice("core-credit-4", 10_000)
        desk.credit(name, 1_500)
        desk.pay(name, 8_500)
        held = self.again(desk, name)
        assert held.document.status is DocumentStatus.PAID
        assert held.document.paid_minor == 8_500
        assert held.credited_minor == 1_500

    def test_an_unapplied_credit_explains_nothing_yet(self, desk: Desk) -> None:
        self.need(desk, UNAPPLIED)
        name = desk.invoice("core-credit-5", 10_000)
        memo_id = desk.credit(name, 2_500, how="unapplied")
        assert self.again(desk, name).exposure_minor == 10_000
        (memo,) = [one for one in seen(desk.register.sweep())[1] if one.id == memo_id]
        assert memo.amount_minor == 2_500
        assert memo.status is MemoStatus.ISSUED
        assert not memo.explains

    def test_a_draft_credit_explains_nothing_yet(self, desk: Desk) -> None:
        self.need(desk, DRAFT_MEMO)
        name = desk.invoice("core-credit-6", 10_000)
        memo_id = desk.credit(name, 2_500, how="draft")
        assert self.again(desk, name).exposure_minor == 10_000
        (memo,) = [one for one in seen(desk.register.sweep())[1] if one.id == memo_id]
        assert (memo.status, memo.amount_minor) == (MemoStatus.DRAFT, 2_500)

    def test_a_sweep_brings_the_memos_too(self, desk: Desk) -> None:
        name = desk.invoice("core-credit-7", 10_000)
        desk.credit(name, 4_000)
        _, memos = seen(desk.register.sweep())
        here = [one for one in memos if one.invoice_id == name and one.explains]
        assert [one.amount_minor for one in here] == [4_000]

    # --- currencies and entities ----------------------------------------------------

    def test_a_currency_is_the_documents_own(self, desk: Desk) -> None:
        self.need(desk, CURRENCY)
        name = desk.invoice("core-eur-1", 9_999, currency="EUR")
        document = self.again(desk, name).document
        assert (document.currency, document.gross_minor) == ("EUR", 9_999)

    def test_two_entities_are_both_read_and_told_apart(self, desk: Desk) -> None:
        self.need(desk, ENTITIES)
        one = desk.invoice("core-here-1", 100)
        other = desk.invoice("core-there-1", 200, entity=1)
        documents, _ = seen(desk.register.sweep())
        assert documents[one].entity_id != documents[other].entity_id
        known = {entity.id for entity in desk.register.identify().entities}
        assert {documents[one].entity_id, documents[other].entity_id} <= known

    # --- pages and the cursor -------------------------------------------------------

    def test_more_than_one_page_is_read_to_the_end_each_row_once(self, desk: Desk) -> None:
        names = desk.many(self.pages_of)
        assert len(set(names)) == self.pages_of
        found = [
            one.id
            for page in desk.register.sweep()
            for one in page.documents
            if one.id in set(names)
        ]
        assert sorted(found) == sorted(names)

    def changed(self, desk: Desk, cursor: str | None) -> tuple[set[str], str | None]:
        now = self.now(desk)
        hints = desk.register.changes(cursor, now)
        documents, memos = seen(hints.pages)
        named = {memo.invoice_id for memo in memos if memo.invoice_id is not None}
        return {*hints.ids, *documents, *named}, hints.cursor

    def now(self, desk: Desk) -> datetime:
        return datetime.now(UTC)

    def test_without_a_cursor_nothing_is_read_and_one_is_given(self, desk: Desk) -> None:
        self.need(desk, CURSOR)
        desk.invoice("core-old-1", 100)
        names, cursor = self.changed(desk, None)
        assert names == set()
        assert cursor

    def test_changes_name_what_moved_since(self, desk: Desk) -> None:
        self.need(desk, CURSOR)
        old = desk.invoice("core-old-2", 100)
        _, cursor = self.changed(desk, None)
        new = desk.invoice("core-new-2", 200)
        desk.credit(old, 50)
        names, after = self.changed(desk, cursor)
        assert {old, new} <= names
        assert after is not None
        # And whoever asks from the same place again is told the same: nothing is used up.
        assert {old, new} <= self.changed(desk, cursor)[0]

    def test_a_row_that_becomes_visible_late_is_not_lost(self, desk: Desk) -> None:
        self.need(desk, CURSOR, LATE)
        desk.invoice("core-early-1", 100)
        _, cursor = self.changed(desk, None)
        desk.invoice("core-early-2", 100)
        _, cursor = self.changed(desk, cursor)
        late = desk.late("core-late-1", 300)
        assert late in self.changed(desk, cursor)[0]

    # --- what is no whole answer ----------------------------------------------------

    @pytest.mark.parametrize("status", ["401", "403"])
    def test_a_key_that_may_not_is_misconfigured_and_not_asked_again(
        self, desk: Desk, status: str
    ) -> None:
        self.need(desk, FAULTS)
        desk.invoice("core-key-1", 100)
        desk.fault(status, times=9)
        with pytest.raises(Misconfigured):
            list(desk.register.sweep())

    @pytest.mark.parametrize("status", ["429", "500", "502", "503", "504"])
    def test_a_failure_of_the_moment_is_waited_out(self, desk: Desk, status: str) -> None:
        self.need(desk, FAULTS)
        name = desk.invoice("core-wait-1", 100)
        desk.fault(status, times=2)
        assert name in seen(desk.register.sweep())[0]

    @pytest.mark.parametrize("status", ["429", "500", "503"])
    def test_a_failure_that_lasts_ends_the_reading(self, desk: Desk, status: str) -> None:
        self.need(desk, FAULTS)
        desk.invoice("core-down-1", 100)
        desk.fault(status, times=99)
        with pytest.raises(ConnectorFailure):
            list(desk.register.sweep())

    @pytest.mark.parametrize("kind", ["garbage", "truncated"])
    def test_what_cannot_be_read_is_no_whole_answer(self, desk: Desk, kind: str) -> None:
        self.need(desk, FAULTS)
        desk.invoice("core-noise-1", 100)
        desk.fault(kind, times=99)
        with pytest.raises(Incomplete):
            list(desk.register.sweep())
