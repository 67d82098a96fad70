"""A company whose books hold the seed's story and every trouble beside it, at fixed times.

Facts are recorded as the walk records them, into the real store; the real reconciliation
makes the run. Nothing is read from a clock or a network, so the run is the same each time.
"""

from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from itertools import count
from typing import Any, cast

from state.books import Books
from state.credits import CoreCredit, CreditSegment, LedgerEntry
from state.invoices import CoreCustomer, CoreInvoice, CoreLine, CoreStatus
from state.observations import AuditEntry, Changes, Sweep
from state.receivables import (
    CreditMemo,
    DocumentStatus,
    DownstreamInvoice,
    Given,
    MemoStatus,
    Way,
)
from state.worklist import Cause, Flag, FlagState
from sync.books import Run
from sync.decide import Delivery, Policy
from sync.parts import Parts
from sync.progress import Silent
from sync.reconcile import reconcile
from sync.settings import Settings
from tests.clocks import StillClock

SEPTEMBER = datetime(2026, 9, 1, tzinfo=UTC)
OCTOBER = datetime(2026, 10, 1, tzinfo=UTC)
MORNING = datetime(2026, 10, 2, 6, tzinfo=UTC)  # the first look
NOON = datetime(2026, 10, 9, 12, tzinfo=UTC)  # after the corrections
CUTOFF = datetime(2026, 11, 3, 6, tzinfo=UTC)


@dataclass(frozen=True)
class Shelf:
    """A register that has been read already; nothing more is asked of it."""

    target: str

    def currency_rule(self, _currency: str) -> None:
        return None


class Company:
    """Books with a way to write into them."""

    def __init__(
        self,
        name: str = "acme-us",
        targets: tuple[str, ...] = ("stripe",),
        *,
        decided: bool = True,
    ) -> None:
        self.credits: tuple[CoreCredit, ...] = ()
        self.decided = decided  # False: what follows from the facts is written by hand
        self.clock = StillClock(MORNING)
        self.store = Books("sqlite://", name, new_id=lambda: "tieout-1")
        numbers = count(1)
        shelves = tuple(Shelf(target) for target in targets)
        self.parts = Parts(
            settings=Settings(entity=name),
            policy=Policy(delivery=Delivery.OBSERVE),
            store=self.store,
            core=cast("Any", None),
            stripe=cast("Any", shelves[0]),
            registers=cast("Any", shelves),
            clock=self.clock,
            holder="ledger-1:4711",
            new_id=lambda: f"{next(numbers):06d}",
            version="1.0.0",
        )
        self.targets = targets
        self.customers: dict[str, CoreCustomer] = {}
        self.invoices: dict[str, CoreInvoice] = {}
        self.documents: dict[tuple[str, str], DownstreamInvoice] = {}
        self.memos: dict[str, CreditMemo] = {}

    def close(self) -> None:
        self.store.close()

    # --- the core -----------------------------------------------------------------------

    def customer(self, identity: str, name: str) -> None:
        self.customers[identity] = CoreCustomer(identity, name)

    def bill(
        self,
        name: str,
        customer: str,
        amount: int,
        *,
        currency: str = "USD",
        parent: str | None = None,
        at: datetime = OCTOBER,
        tokens: int | None = None,
    ) -> None:
        quantity = Decimal(tokens if tokens is not None else abs(amount) or 1)
        line = CoreLine(
            f"{name}-1", "Output tokens", "usage", Decimal(amount), "prod_tokens", quantity,
            Decimal(amount) / quantity, SEPTEMBER, OCTOBER,
        )  # fmt: skip
        self.invoices[name] = CoreInvoice(
            name, customer, CoreStatus.FINALIZED, "USAGE", currency, Decimal(amount), amount,
            (line,), start=SEPTEMBER, end=OCTOBER, issued_at=at, regenerated_from=parent,
        )  # fmt: skip

    def void(self, name: str) -> None:
        self.invoices[name] = replace(self.invoices[name], status=CoreStatus.VOID)

    # --- downstream ---------------------------------------------------------------------

    def post(
        self,
        document: str,
        core: str | None,
        gross: int,
        *,
        target: str = "stripe",
        currency: str = "USD",
        tax: int = 0,
        at: datetime = MORNING,
        **more: Any,
    ) -> DownstreamInvoice:
        invoice = self.invoices.get(core or "")
        made = DownstreamInvoice(
            target, document, DocumentStatus.OPEN, currency, gross,
            number=f"AR-{document[-4:]}", tax_minor=tax, open_minor=gross + tax,
            customer_id=f"cus_{document}", core_invoice_id=core,
            core_customer_id=invoice.customer_id if invoice else None,
            created_at=at - timedelta(minutes=5), posted_at=at,
            due_on=(at + timedelta(days=14)).date(),
            url=f"https://dashboard.stripe.com/invoices/{document}",
        )  # fmt: skip
        self.documents[target, document] = made = replace(made, **more)
        return made

    def move(self, document: str, *, target: str = "stripe", **more: Any) -> None:
        key = (target, document)
        self.documents[key] = replace(self.documents[key], **more)

    def pay(self, document: str, amount: int, at: datetime | None = None) -> None:
        known = self.documents["stripe", document]
        left = known.open_minor - amount
        status = DocumentStatus.PART_PAID if left else DocumentStatus.PAID
        paid_at = None if left else at
        self.move(
            document, status=status, open_minor=left, paid_minor=known.paid_minor + amount,
            paid_at=paid_at,
        )  # fmt: skip

    def credit(
        self,
        memo: str,
        document: str | None,
        amount: int,
        *,
        target: str = "stripe",
        text: str = "Invoice correction",
        at: datetime = NOON,
        tax: int = 0,
        **more: Any,
    ) -> None:
        currency = more.pop("currency", None)
        known = self.documents.get((target, document or ""))
        made = CreditMemo(
            target, memo, MemoStatus.ISSUED, currency or (known.currency if known else "USD"),
            amount, number=f"CN-{memo[-4:]}", tax_minor=tax, invoice_id=document,
            reason="order_change", text=text, posted_at=at, document_at=at,
        )  # fmt: skip
        made = replace(made, **more)
        if (
            target == "stripe" and document is not None
        ):  # as a note shows it: before payment, and after
            pre = amount + tax - made.post_payment_minor
            made = replace(made, pre_payment_minor=pre, given=made.given or ())
        self.memos[memo] = made
        if known is not None and made.status is MemoStatus.ISSUED:
            left = known.open_minor - (amount + tax - made.post_payment_minor)
            self.move(document or "", target=target, open_minor=max(left, 0))

    # --- the walk -----------------------------------------------------------------------

    def see(self, at: datetime) -> None:
        """Record all that stands now, as a complete reading of every source."""
        self.clock.time = at
        sweeps = tuple(
            Sweep(source, at - timedelta(minutes=2), at, 3, rows)
            for source, rows in (
                ("core", len(self.invoices)),
                *((t, self._read_of(t)) for t in self.targets),
            )
        )
        changes = Changes(
            customers=tuple(self.customers.values()),
            invoices=tuple(self.invoices.values()),
            credits=self.credits,
            documents=tuple(self.documents.values()),
            memos=tuple(self.memos.values()),
            sweeps=sweeps,
        )
        if self.decided:
            self.parts.decide_and_record(changes, looked_at=at)
        else:
            self.parts.record(changes)

    def _read_of(self, target: str) -> int:
        """The rows that a reading of a register brings: documents and memos."""
        memos = sum(memo.target == target for memo in self.memos.values())
        return memos + sum(of == target for of, _ in self.documents)

    def reconcile(
        self,
        *,
        at: datetime = CUTOFF,
        period: str | None = None,
        as_of: datetime | None = None,
    ) -> Run:
        self.clock.time = at
        return reconcile(
            self.parts, period=period, as_of=as_of, progress=Silent(), read_first=False
        )


def seed_story(*, settled: bool = False, decided: bool = True) -> Company:
    """Void and re-bill, a memo in A/R, a credit in the core, and what else goes wrong."""
    made = Company(decided=decided)
    _billed(made)
    made.credits = _credits()
    made.see(MORNING)
    _corrected(made)
    made.credits = _credits(later=True)
    made.see(NOON)
    if not decided:
        made.parts.record(Changes(flags=_flags(), audit=_audit()))
    if settled:
        made.move(
            "in_acme1", status=DocumentStatus.VOID, voided_at=NOON + timedelta(days=1)
        )
        made.see(NOON + timedelta(days=1, hours=1))
    return made


def _flags() -> tuple[Flag, ...]:
    """The story's two flags, in words that no later version changes."""
    first = Flag(
        "stripe", "in_acme1", Cause.VOIDED_IN_CORE, "ci_acme1", "cc_acme", FlagState.OPEN,
        "Stripe Dashboard → invoice AR-cme1 → More → Void invoice",
        "core invoice ci_acme1 is VOID", "USD", 1_240_000, 1, NOON,
        url="https://dashboard.stripe.com/invoices/in_acme1", successor="ci_acme2",
        double_billed=True, assignee="omar",
    )  # fmt: skip
    second = Flag(
        "stripe", "in_elm", Cause.VOIDED_IN_CORE, "ci_elm", "cc_elm", FlagState.OPEN,
        "Stripe invoice AR-_elm is paid and cannot be voided: issue a credit note of 480,000",
        "core invoice ci_elm is VOID", "JPY", 480_000, 1, NOON,
        url="https://dashboard.stripe.com/invoices/in_elm",
    )  # fmt: skip
    return (first, second)


def _audit() -> tuple[AuditEntry, ...]:
    return (
        AuditEntry(
            "flag.opened", "flag", "in_acme1", after="OPEN", reason="ci_acme1 is VOID"
        ),
        AuditEntry("flag.opened", "flag", "in_elm", after="OPEN", reason="ci_elm is VOID"),
        AuditEntry("flag.assigned", "flag", "in_acme1", "OPEN", "OPEN", actor="omar"),
    )


def _credits(*, later: bool = False) -> tuple[CoreCredit, ...]:
    """Goodwill that is drawn on by hand and edited, and one of a contract that expired."""
    december, two = datetime(2026, 12, 1, tzinfo=UTC), Decimal(2)
    amount = Decimal(25_000 if later else 20_000)
    drawn = (
        LedgerEntry("CREDIT_MANUAL", Decimal(-2500), NOON, "s_1", reason="by agreement"),
    )
    goodwill = CoreCredit(
        "cr_goodwill", "cc_cedar", "Downtime", "p_goodwill", "USD (cents)", Decimal(5),
        (CreditSegment("s_1", amount, SEPTEMBER, december),),
        (LedgerEntry("CREDIT_SEGMENT_START", amount, SEPTEMBER, "s_1"), *(drawn if later else ())),
        unit_id="u_usd", currency="USD", created_at=SEPTEMBER,
    )  # fmt: skip
    euros = Decimal("99.50")
    expired = CoreCredit(
        "cr_contract", "cc_birch", "Launch credit", "p_goodwill", "EUR", two,
        (CreditSegment("s_2", euros, SEPTEMBER, OCTOBER),),
        (
            LedgerEntry("CREDIT_SEGMENT_START", euros, SEPTEMBER, "s_2"),
            LedgerEntry("CREDIT_EXPIRATION", -euros, OCTOBER, "s_2"),
        ),
        balance=Decimal(0), contract_id="k_birch", unit_id="u_eur", currency="EUR", places=2,
        created_at=SEPTEMBER,
    )  # fmt: skip
    return (goodwill, expired)


def _billed(made: Company) -> None:
    for identity, name in (
        ("cc_acme", "Acme"), ("cc_birch", "Birch"), ("cc_cedar", "Cedar & Söhne"),
        ("cc_dogwood", "Dogwood"), ("cc_elm", "Elm K.K."), ("cc_fir", "Fir W.L.L."),
        ("cc_gum", "Gum"), ("cc_hazel", "Hazel"),
    ):  # fmt: skip
        made.customer(identity, name)
    made.bill("ci_acme1", "cc_acme", 1_240_000, tokens=620_000)
    made.bill("ci_birch", "cc_birch", 30_000)
    made.bill("ci_cedar", "cc_cedar", 90_000)  # its goodwill credit is netted in the core
    made.bill("ci_dogwood", "cc_dogwood", 50_000)
    made.bill("ci_elm", "cc_elm", 480_000, currency="JPY")
    made.bill("ci_fir", "cc_fir", 1_234_567, currency="BHD")
    made.bill("ci_gum", "cc_gum", 7_500)
    made.bill("ci_hazel", "cc_hazel", 12_300)
    made.post("in_acme1", "ci_acme1", 1_240_000)
    made.post("in_birch", "ci_birch", 30_000, tax=2_475)
    made.post("in_cedar", "ci_cedar", 90_000)
    made.post("in_dogwood", "ci_dogwood", 56_000)
    made.post("in_elm", "ci_elm", 480_000, currency="JPY")
    made.post("in_fir", "ci_fir", 1_234_567, currency="BHD", due_on=date(2026, 10, 20))
    made.post("in_hazel", "ci_hazel", 12_000)


def _corrected(made: Company) -> None:
    # Wholly wrong: negated, re-submitted, voided, regenerated.
    made.void("ci_acme1")
    later = NOON - timedelta(hours=4)
    made.bill("ci_acme2", "cc_acme", 915_000, parent="ci_acme1", at=later, tokens=457_500)
    made.post(
        "in_acme2", "ci_acme2", 915_000, at=NOON - timedelta(hours=3), replaces="in_acme1"
    )
    # A memo in A/R, of which the core knows nothing.
    made.credit(
        "cn_birch", "in_birch", 4_000, tax=330, raised_by="mia", approved_by="omar",
        approved_at=NOON - timedelta(days=1),
    )  # fmt: skip
    # Billed too much downstream, and repaired.
    made.credit(
        "cn_dogwood",
        "in_dogwood",
        6_000,
        text="Wrong price",
        raised_by="mia",
        approved_by="mia",
        reason="PRICE_ERROR",
    )
    # Paid, and then voided in the core: nobody can void it downstream.
    made.pay("in_elm", 480_000, NOON - timedelta(days=2))
    made.void("ci_elm")
    made.pay("in_fir", 234_567)
    made.pay("in_cedar", 90_000, NOON - timedelta(days=1))
    # Credited after it was paid: a part refunded, a part kept for later, a part elsewhere.
    made.credit(
        "cn_cedar", "in_cedar", 3_000, text="Outage", reason="product_unsatisfactory",
        raised_by="mia", approved_by="omar", approved_at=NOON + timedelta(days=1),
        post_payment_minor=3_000,
        given=(Given(Way.REFUND, 1_000), Given(Way.BALANCE, 1_500), Given(Way.OUT_OF_BAND, 500)),
    )  # fmt: skip
    # Memos that explain nothing.
    made.credit(
        "cn_loose", None, 1_000, text="For goodwill", reason="product_unsatisfactory"
    )
    made.credit("cn_void9", "in_cedar", 500, status=MemoStatus.VOID, voided_at=NOON)
    made.documents["stripe", "in_stray"] = made.post("in_stray", None, 7_500, at=NOON)


def two_registers() -> Company:
    """Stripe and an ERP called books, which do not agree on everything."""
    made = Company(targets=("stripe", "books"))
    made.customer("cc_oak", "Oak")
    for name in ("even", "twins", "note", "memo", "late", "lost", "more", "euro"):
        made.bill(f"ci_{name}", "cc_oak", 10_000)
        made.post(f"in_{name}", f"ci_{name}", 10_000)
    november = datetime(2026, 11, 1, 6, tzinfo=UTC)
    for name, gross, more in (
        ("even", 10_000, {}),
        ("twins", 10_000, {}),
        ("note", 10_000, {}),
        ("memo", 10_000, {}),
        ("late", 10_000, {"at": november}),
        ("more", 10_700, {}),
        ("euro", 10_000, {"currency": "EUR"}),
    ):
        made.post(f"bk_{name}", f"ci_{name}", gross, target="books", **cast("Any", more))
    made.see(MORNING)
    made.credit("cn_twins", "in_twins", 2_000, approved_by="omar")
    made.credit(
        "bm_twins", "bk_twins", 2_000, target="books", text="CN-wins, from Stripe",
        approved_by="omar",
    )  # fmt: skip
    made.credit("cn_note", "in_note", 1_500, approved_by="omar")
    made.credit("bm_memo", "bk_memo", 500, target="books", approved_by="omar")
    made.see(CUTOFF)
    return made
