"""Looking at an ERP: memos that move, amounts that a void zeroes, periods that close."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime

import pytest

from connectors.erp.shapes import Application, parts
from connectors.failures import Incomplete
from connectors.ports import Capabilities, Hints, Identity, Page, PeriodLock
from connectors.sandbox.service import Handle
from connectors.stripe_receivables import StripeReceivables
from state.receivables import CreditMemo, DocumentStatus, DownstreamInvoice, MemoStatus
from state.worklist import FlagState
from sync.classify import Kind
from sync.cycle import one_pass
from sync.parts import Parts
from sync.progress import Silent
from sync.reconcile import reconcile
from tests.world import MemoryCore, parts_on

QUIET = Silent()
DAY = datetime(2026, 10, 31, tzinfo=UTC)


class Ledger:
    """An ERP in memory, as its port sees it."""

    target = "books"
    capabilities: Capabilities = StripeReceivables.capabilities

    def __init__(self) -> None:
        self.invoices: dict[str, DownstreamInvoice] = {}
        self.memos: dict[str, tuple[CreditMemo, list[Application]]] = {}
        self.closed: tuple[PeriodLock, ...] = ()

    def book(self, name: str, reference: str, minor: int) -> None:
        self.invoices[name] = DownstreamInvoice(
            "books", name, DocumentStatus.OPEN, "USD", minor, number=name,
            posted_at=DAY, system="odoo", entity_id="1", external_ids=(reference,),
        )  # fmt: skip

    def credit(self, name: str, minor: int, **used: int) -> None:
        memo = CreditMemo("books", name, MemoStatus.ISSUED, "USD", minor, number=name)
        self.memos[name] = (memo, [Application(n, amount) for n, amount in used.items()])

    def _parts(self) -> list[CreditMemo]:
        return [part for memo, used in self.memos.values() for part in parts(memo, used)]

    def identify(self) -> Identity:
        return Identity("memory", "books")

    def sweep(self) -> Iterator[Page]:
        yield Page(tuple(self.invoices.values()))
        yield Page(memos=tuple(self._parts()))

    def changes(self, cursor: str | None, now: object) -> Hints:
        pages = () if cursor is None else (Page(memos=tuple(self._parts())),)
        return Hints((), "1", pages=pages)

    def look_again(self, ids: Sequence[str]) -> Iterator[Page]:
        for name in ids:
            gone = DownstreamInvoice("books", name, DocumentStatus.DELETED, "USD", 0)
            memos = [one for one in self._parts() if one.invoice_id == name]
            yield Page((self.invoices.get(name, gone),), tuple(memos), whole=True)

    def locks(self) -> tuple[PeriodLock, ...]:
        return self.closed


@pytest.fixture
def ledger() -> Ledger:
    return Ledger()


@pytest.fixture
def world(sandbox: Handle, core: MemoryCore, ledger: Ledger) -> Iterator[Parts]:
    made = parts_on(sandbox, core)
    made = replace(made, registers=(made.stripe, ledger))
    for number in (1, 2):
        core.bill(f"ci_{number}", 10_000)
        ledger.book(f"e{number}", f"ci_{number}", 10_000)
    one_pass(made, progress=QUIET)
    yield made
    made.store.close()  # type: ignore[attr-defined]  # the port has no close


def kinds(parts: Parts) -> dict[str, str]:
    run = reconcile(parts, progress=QUIET)
    return {row.core_invoice_id: row.kind for row in run.rows if row.target == "books"}


def memos(parts: Parts) -> dict[str, CreditMemo]:
    return {one.id: one for one in parts.store.iter_memos("books")}


def test_a_part_that_is_no_part_any_more_explains_nothing(
    world: Parts, ledger: Ledger
) -> None:
    ledger.credit("m", 3_000, e1=1_000, e2=2_000)
    assert kinds(world) == {"ci_1": Kind.EXPLAINED_BY_MEMO, "ci_2": Kind.EXPLAINED_BY_MEMO}
    ledger.credit("m", 3_000, e1=3_000)
    assert kinds(world) == {"ci_1": Kind.EXPLAINED_BY_MEMO, "ci_2": Kind.MATCHED}
    assert memos(world)["m"].amount_minor == 3_000
    assert memos(world)["m#part2"].status is MemoStatus.VOID


def test_a_memo_that_vanished_is_deleted_by_the_sweep(world: Parts, ledger: Ledger) -> None:
    ledger.credit("m", 3_000, e1=3_000)
    assert kinds(world)["ci_1"] == Kind.EXPLAINED_BY_MEMO
    del ledger.memos["m"]
    assert kinds(world)["ci_1"] == Kind.MATCHED
    assert memos(world)["m"].status is MemoStatus.DELETED


def test_a_memo_that_is_not_applied_says_so(world: Parts, ledger: Ledger) -> None:
    ledger.credit("m", 3_000)
    run = reconcile(world, progress=QUIET)
    (left,) = [one for one in run.excluded if one.id == "m"]
    assert left.reason == "is applied to no invoice yet"
    ledger.memos["m"] = (replace(ledger.memos["m"][0], invoice_id="e1"), [])
    run = reconcile(world, progress=QUIET)
    (left,) = [one for one in run.excluded if one.id == "m"]
    assert left.reason == "is not applied to e1 yet"
    memo = replace(ledger.memos["m"][0], status=MemoStatus.DRAFT)
    ledger.memos["m"] = (memo, [])
    run = reconcile(world, progress=QUIET)
    (left,) = [one for one in run.excluded if one.id == "m"]
    assert left.reason == "is a draft: it explains nothing until it is issued"


def test_a_credit_taken_off_a_flagged_invoice_reopens_its_flag(
    world: Parts, core: MemoryCore, ledger: Ledger
) -> None:
    core.void("ci_1")
    ledger.credit("m", 10_000, e1=10_000)
    one_pass(world, progress=QUIET)
    (flag,) = [one for one in world.store.flags() if one.target == "books"]
    assert flag.state is FlagState.RESOLVED
    ledger.credit("m", 10_000)
    one_pass(world, progress=QUIET)
    (flag,) = [one for one in world.store.flags() if one.target == "books"]
    assert (flag.state, flag.exposure_minor) == (FlagState.REOPENED, 10_000)
    ledger.credit("m", 10_000, e1=10_000)
    one_pass(world, progress=QUIET, sweep=False)
    (flag,) = [one for one in world.store.flags() if one.target == "books"]
    assert flag.state is FlagState.RESOLVED
    assert "credited in full by m" in flag.evidence


def test_a_posted_memo_on_a_voided_invoice_is_no_explanation_but_a_finding(
    world: Parts, core: MemoryCore, ledger: Ledger
) -> None:
    core.void("ci_1")
    ledger.invoices["e1"] = replace(ledger.invoices["e1"], status=DocumentStatus.VOID)
    memo = CreditMemo("books", "m", MemoStatus.ISSUED, "USD", 10_000, invoice_id="e1")
    ledger.memos["m"] = (memo, [])
    assert kinds(world)["ci_1"] == Kind.MEMO_ON_VOID


def test_what_a_void_zeroes_stays_in_our_books(world: Parts, ledger: Ledger) -> None:
    ledger.invoices["e1"] = replace(
        ledger.invoices["e1"], status=DocumentStatus.VOID, gross_minor=0, external_ids=()
    )
    assert kinds(world)["ci_1"] == Kind.VOIDED_DOWNSTREAM_ONLY
    kept = world.store.documents_by_id("books", {"e1"})["e1"]
    assert (kept.gross_minor, kept.core_invoice_id) == (10_000, "ci_1")


def test_a_period_that_closes_turns_the_void_into_a_credit(
    world: Parts, core: MemoryCore, ledger: Ledger
) -> None:
    core.void("ci_1")
    one_pass(world, progress=QUIET)
    (flag,) = [one for one in world.store.flags() if one.target == "books"]
    assert "Reset to Draft → Cancel" in flag.action
    ledger.closed = (PeriodLock("1", through=date(2026, 10, 31)),)
    one_pass(world, progress=QUIET, sweep=False)
    (flag,) = [one for one in world.store.flags() if one.target == "books"]
    assert "cannot be voided, as its period is closed: issue a credit note" in flag.action
    ledger.closed = (PeriodLock("2", through=date(2026, 12, 31)),)
    one_pass(world, progress=QUIET, sweep=False)
    (flag,) = [one for one in world.store.flags() if one.target == "books"]
    assert "Reset to Draft → Cancel" in flag.action


def test_a_paid_invoice_that_vanished_is_noticed(world: Parts, ledger: Ledger) -> None:
    ledger.invoices["e1"] = replace(ledger.invoices["e1"], status=DocumentStatus.PAID)
    one_pass(world, progress=QUIET)
    del ledger.invoices["e1"]
    one_pass(world, progress=QUIET)
    kept = world.store.documents_by_id("books", {"e1"})["e1"]
    assert (kept.status, kept.gross_minor) == (DocumentStatus.DELETED, 10_000)


def test_a_ledger_that_shows_no_memo_where_many_stood_is_not_believed(
    world: Parts, ledger: Ledger
) -> None:
    for number in range(10):
        ledger.credit(f"m{number}", 100, e1=100)
    assert kinds(world)["ci_1"] == Kind.EXPLAINED_BY_MEMO
    ledger.memos.clear()
    with pytest.raises(Incomplete, match="books shows no credit memo where 10 issued"):
        reconcile(world, progress=QUIET)
    assert {one.status for one in memos(world).values()} == {MemoStatus.ISSUED}
