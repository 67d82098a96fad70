"""Whatever happens to documents, and whenever they are read: every figure ties at any instant."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from random import Random

import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from state.receivables import DocumentStatus, Given, MemoStatus, Way
from sync import reporting
from sync.report.codec import run_text
from tests.report.company import Company

DAY = timedelta(days=1)
BEGIN = datetime(2026, 10, 1, tzinfo=UTC)
DAYS = 50
ASKED = {DocumentStatus.OPEN, DocumentStatus.PART_PAID}
ACTS = (
    "post", "post", "post", "draft", "finalize", "memo", "memo", "memo void", "memo undone",
    "part", "pay", "void", "write off", "delete", "correct", "core void", "core void told",
    "loose", "double", "double", "hold", "hold", "apply", "apply", "pay out",
)  # fmt: skip


class Register:
    """A company whose Stripe dates what happens, and whose ERP keeps its dates to itself."""

    def __init__(self, random: Random) -> None:
        self.random = random
        self.company = Company(targets=("stripe", "erp"))
        self.now = BEGIN
        self.instants: list[datetime] = []
        self.voided: dict[str, datetime] = {}
        self.company.customer("cc_a", "Acme")
        self.company.customer("cc_b", "Birch")

    def live(self, days: int) -> None:
        """So many days, with something on most of them, read now and then."""
        for number in range(days):
            self.now = BEGIN + number * DAY + timedelta(hours=self.random.randrange(1, 20))
            for _ in range(self.random.choice((0, 1, 1, 2))):
                self.act(self.random.choice(ACTS))
            self.instants.append(self.now + timedelta(minutes=5))
            if self.random.random() < 0.12:
                self.company.see(self.now + timedelta(hours=2))
        self.company.see(BEGIN + (days + 1) * DAY)

    def act(self, act: str) -> None:
        books, random = self.company, self.random
        if act in {"post", "draft"}:
            self.post(draft=act == "draft")
            return
        if act == "core void" and books.invoices:
            name = random.choice(sorted(books.invoices))
            self.voided.setdefault(name, self.now)
            books.void(name)
            return
        if act == "core void told":  # by its audit log, which may be read later than it
            for name, when in self.voided.items():
                books.invoices[name] = replace(books.invoices[name], voided_at=when)
            return
        if act in {"hold", "apply", "pay out"}:
            self.credit_on_account(act)
            return
        if act == "loose":
            books.credit(f"cn_{len(books.memos)}", None, 300, at=self.posted("stripe"))
            return
        known = sorted(books.documents)
        if not known:
            return
        if act == "double":
            self.double(*random.choice(known))
            return
        target, name = random.choice(known)
        document = books.documents[target, name]
        dated = target == "stripe"
        match act:
            case "finalize" if document.status is DocumentStatus.DRAFT:
                due = document.gross_minor + document.tax_minor
                books.move(
                    name, target=target, status=DocumentStatus.OPEN, open_minor=due,
                    posted_at=self.posted(target),
                )  # fmt: skip
            case "memo" if document.status in ASKED and document.open_minor > 2:
                part = random.choice((document.open_minor, document.open_minor // 2))
                memo = f"cn_{len(books.memos)}"
                backdated = self.posted(target) - random.choice((0, 0, 0, 3)) * DAY
                late = self.now if random.random() < 0.3 else None
                books.credit(
                    memo, name, part, target=target, at=backdated, approved_at=late
                )
            case "memo void" | "memo undone":
                self.undo_memo(target, name, void=act == "memo void")
            case "part" if document.status in ASKED and document.open_minor > 2:
                self.pay(target, name, document.open_minor // 2)
            case "pay" if document.status in ASKED and document.open_minor:
                self.pay(target, name, document.open_minor)
            case "void" if document.status is DocumentStatus.OPEN and document.open_minor:
                books.move(
                    name, target=target, status=DocumentStatus.VOID, open_minor=0,
                    voided_at=self.now if dated else None,
                )  # fmt: skip
            case "write off" if document.status in ASKED and document.open_minor:
                books.move(name, target=target, status=DocumentStatus.UNCOLLECTIBLE)
            case "delete" if not dated and document.status is DocumentStatus.OPEN:
                books.move(name, target=target, status=DocumentStatus.DELETED, open_minor=0)
            case "correct" if not dated and document.status is DocumentStatus.OPEN:
                books.move(
                    name, target=target, gross_minor=document.gross_minor + 100,
                    open_minor=document.open_minor + 100,
                )  # fmt: skip
            case _:
                pass

    def post(self, *, draft: bool) -> None:
        books, random = self.company, self.random
        core = f"ci_{len(books.invoices)}"
        minor = random.choice((10_000, 25_000))
        books.bill(core, random.choice(("cc_a", "cc_b")), minor, at=self.now)
        for target in books.targets:
            if random.random() < 0.1:
                continue
            books.post(
                f"{target}_{core}", core, minor, target=target,
                tax=random.choice((0, 700)), at=self.posted(target),
            )  # fmt: skip
            if target == "erp":
                books.move(f"erp_{core}", target=target, created_at=None)
            if draft:
                books.move(
                    f"{target}_{core}", target=target, status=DocumentStatus.DRAFT,
                    open_minor=0, posted_at=None if target == "stripe" else self.posted(target),
                )  # fmt: skip

    def double(self, target: str, name: str) -> None:
        """One more document for the same invoice: of its amount or another, in any currency."""
        first, random = self.company.documents[target, name], self.random
        extra = f"{name}_{len(self.company.documents)}"
        self.company.post(
            extra, first.core_invoice_id,
            random.choice((first.gross_minor, first.gross_minor, 9_000, 12_000)),
            target=target, currency=random.choice(("USD", "USD", "EUR", "GBP")),
            at=self.posted(target),
        )  # fmt: skip
        if random.random() < 0.2:
            self.company.move(
                extra, target=target, status=DocumentStatus.DRAFT, open_minor=0,
                posted_at=None if target == "stripe" else self.posted(target),
            )  # fmt: skip

    def posted(self, target: str) -> datetime:
        """Stripe tells the instant; an ERP has dates."""
        if target == "stripe":
            return self.now
        return self.now.replace(hour=0, minute=0)

    def pay(self, target: str, name: str, minor: int) -> None:
        known = self.company.documents[target, name]
        left = known.open_minor - minor
        self.company.move(
            name, target=target, open_minor=left, paid_minor=known.paid_minor + minor,
            status=DocumentStatus.PART_PAID if left else DocumentStatus.PAID,
            paid_at=self.now if target == "stripe" and not left else None,
        )  # fmt: skip

    def credit_on_account(self, act: str) -> None:
        """An ERP's memo without an invoice, which is applied or paid out later; both dated."""
        books, today = self.company, self.posted("erp")
        if act == "hold":
            memo = f"cn_{len(books.memos)}"
            books.credit(memo, None, 600, target="erp", at=today)
            books.memos[memo] = replace(books.memos[memo], applied=False, given=())
            return
        held = [
            one
            for one in books.memos.values()
            if one.target == "erp" and one.unapplied_minor and one.given is not None
        ]
        if not held:
            return
        one = self.random.choice(held)
        if act == "pay out":
            gone = (*(one.given or ()), Given(Way.REFUND, 200, today))
            books.memos[one.id] = replace(one, given=gone)
            return
        asked = [
            document
            for document in books.documents.values()
            if document.target == "erp" and document.status in ASKED
            and document.open_minor >= 600 and not one.given and document.currency == "USD"
        ]  # fmt: skip
        if asked:
            document = self.random.choice(asked)
            books.memos[one.id] = replace(
                one, invoice_id=document.id, applied=True, applied_at=today
            )
            left = document.open_minor - 600
            books.move(document.id, target="erp", open_minor=left)

    def undo_memo(self, target: str, name: str, *, void: bool) -> None:
        books = self.company
        document = books.documents[target, name]
        for memo in books.memos.values():
            stands = memo.status is MemoStatus.ISSUED and memo.applied
            if (memo.target, memo.invoice_id) != (target, name) or not stands:
                continue
            if document.status not in ASKED:
                return
            when = self.now if void and target == "stripe" else None
            books.memos[memo.id] = (
                replace(memo, status=MemoStatus.VOID, voided_at=when)
                if void
                else replace(memo, applied=False, applied_at=None)
            )
            left = document.open_minor + memo.amount_minor + memo.tax_minor
            books.move(name, target=target, open_minor=left)
            return


def failures(company: Company, at: datetime, **how: object) -> list[str]:
    """Every check of a run, and every line of its two balanced reports, that does not hold."""
    run = company.reconcile(at=at, **how)  # type: ignore[arg-type]  # period, as_of
    found = [f"{check.name}: {check.figures}" for check in run.checks if not check.ok]
    digest = run_text(run)[1]
    material = reporting.of_run(
        company.store, run, digest, ("reconciliation", "rollforward")
    )
    for name, table in (("reconciliation", "checks"), ("rollforward", "ties")):
        lines = reporting.document(name, material).table(table).rows()
        found.extend(f"{name}: {line}" for line in lines if line.difference)
    return found


@given(seed=st.integers(0, 2**32))
@settings(max_examples=4, phases=(Phase.explicit, Phase.generate), deadline=None)
def test_every_line_holds_at_every_instant(seed: int) -> None:
    random = Random(seed)
    register = Register(random)
    register.live(DAYS)
    later = BEGIN + (DAYS + 2) * DAY
    for instant in sorted(random.sample(register.instants, 4)):
        assert failures(register.company, later, as_of=instant) == [], instant
    for period in ("2026-10", "2026-11", None):
        assert failures(register.company, later, period=period) == [], period
    register.company.close()


@pytest.fixture
def company() -> Iterator[Company]:
    made = Company()
    made.customer("cc_a", "Acme")
    made.bill("ci_a", "cc_a", 10_000, at=BEGIN + DAY)
    made.post("in_a", "ci_a", 10_000, at=BEGIN + DAY)
    yield made
    made.close()


def test_a_balance_that_holds_a_later_memo_is_wound_back(company: Company) -> None:
    """First read in November: the register's own balance holds what November took off."""
    company.credit("cn_a", "in_a", 400, at=datetime(2026, 11, 2, tzinfo=UTC))
    company.see(datetime(2026, 11, 10, tzinfo=UTC))
    at = datetime(2026, 11, 11, tzinfo=UTC)
    (row,) = company.reconcile(at=at, period="2026-10").rows
    assert (row.open_minor, row.memos_minor) == (10_000, 0)
    assert failures(company, at, period="2026-10") == []
    assert [row.open_minor for row in company.reconcile(at=at).rows] == [9_600]


def test_a_memo_written_late_with_an_early_date_is_in_the_balance_of_its_date(
    company: Company,
) -> None:
    company.see(BEGIN + 5 * DAY)
    company.credit("cn_a", "in_a", 400, at=BEGIN + 3 * DAY)
    company.see(BEGIN + 40 * DAY)
    later = BEGIN + 41 * DAY
    (row,) = company.reconcile(at=later, as_of=BEGIN + 10 * DAY).rows
    assert (row.kind, row.open_minor) == ("EXPLAINED_BY_MEMO", 9_600)
    assert failures(company, later, as_of=BEGIN + 10 * DAY) == []


def test_duplicates_of_other_amounts_and_currencies_tie_on_every_line(
    company: Company,
) -> None:
    """The worklist asks for the second and the third; the first differs by itself."""
    company.move("in_a", gross_minor=10_500, open_minor=10_500)
    company.post("in_b", "ci_a", 9_000, at=BEGIN + 2 * DAY)
    company.post("in_c", "ci_a", 8_000, at=BEGIN + 3 * DAY, currency="EUR")
    company.see(BEGIN + 5 * DAY)
    run = company.reconcile(at=BEGIN + 6 * DAY)
    assert [(row.currency, row.unexplained, row.own_minor) for row in run.rows] == [
        ("USD", 9_500, 500),
        ("EUR", 8_000, 0),
    ]
    assert failures(company, BEGIN + 6 * DAY) == []
    company.move(
        "in_b", status=DocumentStatus.VOID, open_minor=0, voided_at=BEGIN + 8 * DAY
    )
    company.see(BEGIN + 9 * DAY)
    assert failures(company, BEGIN + 10 * DAY, as_of=BEGIN + 6 * DAY) == []
    assert failures(company, BEGIN + 10 * DAY) == []


def test_what_was_taken_back_before_anybody_looked_was_asked_of_nobody(
    company: Company,
) -> None:
    """The flagged second stays; the third came and went between two readings."""
    company.post("in_b", "ci_a", 9_000, at=BEGIN + 2 * DAY)
    company.see(BEGIN + 5 * DAY)
    company.post("in_c", "ci_a", 7_000, at=BEGIN + 6 * DAY)
    company.move(
        "in_c", status=DocumentStatus.VOID, open_minor=0, voided_at=BEGIN + 8 * DAY
    )
    company.see(BEGIN + 9 * DAY)
    (row,) = company.reconcile(at=BEGIN + 10 * DAY, as_of=BEGIN + 7 * DAY).rows
    assert (row.timing, row.unexplained) == (7_000, 9_000)
    assert failures(company, BEGIN + 10 * DAY, as_of=BEGIN + 7 * DAY) == []


def test_a_document_that_was_deleted_is_owed_no_more(company: Company) -> None:
    company.see(BEGIN + 5 * DAY)
    company.move("in_a", status=DocumentStatus.DELETED, open_minor=0)
    company.see(BEGIN + 8 * DAY)
    assert failures(company, BEGIN + 9 * DAY) == []
    assert failures(company, BEGIN + 9 * DAY, as_of=BEGIN + 6 * DAY) == []


def test_a_draft_with_a_date_is_owed_only_once_it_is_posted(company: Company) -> None:
    """An ERP's draft carries its date from the beginning."""
    posted = company.documents["stripe", "in_a"]
    company.move("in_a", status=DocumentStatus.DRAFT, open_minor=0)
    company.see(BEGIN + 5 * DAY)
    assert failures(company, BEGIN + 6 * DAY) == []
    company.documents["stripe", "in_a"] = posted
    company.see(BEGIN + 9 * DAY)
    (row,) = company.reconcile(at=BEGIN + 10 * DAY, as_of=BEGIN + 3 * DAY).rows
    assert (row.kind, row.open_minor) == ("MATCHED", 10_000)  # its posting date decides
    assert failures(company, BEGIN + 10 * DAY, as_of=BEGIN + 3 * DAY) == []


def test_what_a_register_in_the_east_dates_tomorrow_counts_now_on_every_line(
    company: Company,
) -> None:
    company.credit("cn_a", "in_a", 400, at=BEGIN + 6 * DAY)
    company.see(BEGIN + 5 * DAY)
    assert failures(company, BEGIN + 5 * DAY) == []


def test_a_memo_of_next_month_is_timing_in_a_month_that_is_not_over(
    company: Company,
) -> None:
    company.move("in_a", gross_minor=10_400, open_minor=10_400)
    company.credit("cn_a", "in_a", 400, at=datetime(2026, 11, 2, tzinfo=UTC))
    company.see(BEGIN + 20 * DAY)
    at = BEGIN + 21 * DAY
    run = company.reconcile(at=at, period="2026-10")
    (row,) = run.rows
    assert (row.kind, row.memos_minor, row.timing, row.unexplained) == (
        "OVERBILLED", 0, 400, 0,
    )  # fmt: skip
    assert [(one.what, one.id) for one in run.subsequent] == [("memo", "cn_a")]
    assert failures(company, at, period="2026-10") == []
