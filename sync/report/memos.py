"""The credit memo register: every memo, its reason, its approval, and what it does."""

import re
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from itertools import pairwise

from state.receivables import (
    STRIPE,
    CreditMemo,
    DocumentStatus,
    DownstreamInvoice,
    MemoStatus,
    Way,
)
from sync.months import period_of
from sync.persons import same
from sync.report.cells import Calendar, ratio
from sync.report.common import ground, head
from sync.report.document import Column, Document, Facts, Kind, Section, Table, table
from sync.report.findings import Use, uses_of
from sync.report.material import Material
from sync.report.reasons import CODES, reason_code
from sync.twins import Twin

TITLE = "Credit memo register"
_NUMBER = re.compile(r"^(.*?)(\d{1,9})$")
TOLD = (Way.REFUND, Way.BALANCE, Way.OUT_OF_BAND)
GAPS_MAX = 500  # gaps listed; more than that is another numbering


@dataclass(frozen=True, slots=True)
class Entry:
    """A memo with its invoice and its use in the run."""

    memo: CreditMemo
    document: DownstreamInvoice | None
    use: Use | None
    cumulative: int  # credited on this invoice so far, this memo included
    dates: Calendar
    twins: tuple[Twin, ...] = ()

    @property
    def in_month(self) -> bool:
        """Was it posted in the month of its invoice?"""
        issued = self.document.posted_at if self.document is not None else None
        return self.dates.month(issued) == self.dates.month(self.memo.posted_at)

    @property
    def approved_late(self) -> bool:
        """Was it posted before anybody had approved it?"""
        approved, posted = self.memo.approved_at, self.memo.posted_at
        if approved is None or posted is None:
            return False
        return self.dates.day(approved) > self.dates.day(posted)

    @property
    def duties(self) -> str:
        """Did somebody else approve it than raised it?"""
        raised, approved = self.memo.raised_by, self.memo.approved_by
        if not raised or not approved:
            return "not told"
        return "N" if same(raised, approved) else "Y"


def build(material: Material) -> Document:
    """Every memo of the period, and those of other periods that count in the run."""
    entries = _entries(material)
    loose = [one for one in entries if one.memo.invoice_id is None or not one.memo.applied]
    on_void = [
        one
        for one in entries
        if one.document is not None
        and one.document.status in {DocumentStatus.VOID, DocumentStatus.DELETED}
        and one.memo.status is MemoStatus.ISSUED
    ]
    alone = [one for one in entries if one.duties == "N"]
    unapproved = [one for one in entries if not one.memo.approved]
    late = [one for one in entries if one.approved_late]
    gaps = list(_gaps(material.memos))
    register = _table("register", "Register", entries)
    facts = Facts(
        "counts",
        "At a glance",
        (
            ("Memos", str(len(entries))),
            ("Count in the reconciliation", str(sum(1 for one in entries if one.use))),
            ("Without an invoice", str(len(loose))),
            ("On a void invoice", str(len(on_void))),
            ("Raised and approved by one person", str(len(alone))),
            ("Not approved; approved after posting", f"{len(unapproved)}; {len(late)}"),
            ("Gaps in the numbers", str(len(gaps))),
        ),
    )
    sections = (
        Section("register", "Register", (facts, register)),
        Section("settled", "Settlement and approval", _on_paper(entries)),
        Section("reasons", "By reason", (_reasons(entries), _codes())),
        Section(
            "exceptions",
            "To look at",
            (
                _table("loose", "Memos that name no invoice", loose),
                _table("on_void", "Memos on void invoices", on_void),
                _table("alone", "Raised and approved by one person", alone),
                _table("late", "Approved after its posting", late),
                _gap_table(gaps),
            ),
        ),
        ground(material),
    )
    return Document(
        "credit-memos",
        head(material, TITLE),
        sections,
        main="register",
        failed=len(on_void),
    )


def _entries(material: Material) -> list[Entry]:
    used = {(use.memo.target, use.memo.id): use for use in uses_of(material)}
    period = period_of(material.run)
    credited: Counter[tuple[str, str]] = Counter()
    entries = []
    dates = material.calendar
    for memo in sorted(material.memos, key=in_order(dates)):
        posted = memo.posted_at
        use = used.get((memo.target, memo.id))
        if posted is not None and posted > material.run.as_of and use is None:
            continue
        document = material.documents.get((memo.target, memo.invoice_id or ""))
        counted = memo.status is MemoStatus.ISSUED
        if memo.invoice_id is not None and counted:
            credited[memo.target, memo.invoice_id] += memo.amount_minor
        if not period.holds(posted) and use is None:
            continue
        so_far = credited[memo.target, memo.invoice_id or ""]
        twins = material.twins.of(memo)
        entries.append(Entry(memo, document, use, so_far, dates, twins))
    return entries


def in_order(dates: Calendar) -> Callable[[CreditMemo], tuple[str, str, str, str]]:
    """By posting date, then by number."""

    def key(memo: CreditMemo) -> tuple[str, str, str, str]:
        return (dates.day(memo.posted_at), memo.number or "", memo.target, memo.id)

    return key


def _issued(one: Entry) -> bool:
    return one.memo.status is MemoStatus.ISSUED


def _signed(one: Entry) -> int:
    """What the memo takes off; nothing while it is a draft or void."""
    return one.memo.amount_minor if _issued(one) else 0


def _in_use(one: Entry) -> bool:
    """Is it issued, and applied to the invoice it names?"""
    return one.memo.invoice_id is not None and one.memo.applied and _issued(one)


def _applied(one: Entry) -> int:
    """What it took off its invoice, with tax."""
    return one.memo.taken_off_minor if _in_use(one) else 0


def _pre(one: Entry) -> int | None:
    """Stripe tells what fell on money not yet paid; ERPs know no such split."""
    pre = one.memo.pre_payment_minor
    return pre if pre is None or _issued(one) else 0


def _post(one: Entry) -> int | None:
    if one.memo.pre_payment_minor is None and not one.memo.post_payment_minor:
        return None
    return one.memo.post_payment_minor if _issued(one) else 0


def _given(way: Way) -> Callable[[Entry], int | None]:
    def of(one: Entry) -> int | None:
        minor = one.memo.given_minor(way)
        return minor if minor is None or _issued(one) else 0

    return of


def _otherwise(one: Entry) -> int:
    """What is left of the total when all that the register tells is taken off."""
    told = sum(_given(way)(one) or 0 for way in TOLD)
    return _total(one) - _applied(one) - one.memo.unapplied_minor - told


def _total(one: Entry) -> int:
    return one.memo.amount_minor + one.memo.tax_minor if _issued(one) else 0


def _gross(one: Entry) -> int:
    return one.document.gross_minor if one.document is not None else 0


def _core(one: Entry) -> str:
    """The core invoice: as its document names it, or as the run knows it."""
    named = one.document.core_invoice_id if one.document is not None else None
    return named or (one.use.row.core_invoice_id if one.use is not None else "")


def _approved(one: Entry) -> str:
    """Many registers approve in a workflow of their own, and do not tell of it."""
    if not one.memo.approved:
        return "N"
    return "Y" if one.memo.approved_by or one.memo.approved_at else "not told"


def _link(one: Entry) -> str:
    """By what the invoice that it reduces is tied to the core."""
    if one.memo.invoice_id is None:
        return "none"
    if one.document is None:
        return "document not known"
    if not one.document.core_invoice_id:
        return "manual" if one.use is not None else "no core invoice"
    if one.document.linked_by == "Stripe number":
        return "number"
    return "metadata" if one.memo.target == STRIPE else "external id"


_COLUMNS: tuple[Column[Entry], ...] = (
    Column("number", "Memo no.", Kind.ID, lambda one: one.memo.number or one.memo.id, 20, brief=True),
    Column("system", "System", Kind.ID, lambda one: one.memo.target, 10, brief=True),
    Column("id", "Memo id", Kind.ID, lambda one: one.memo.id, 28),
    Column("status", "Status", Kind.ID, lambda one: one.memo.status, 9, brief=True),
    Column("document_date", "Document date", Kind.DAY, lambda one: one.dates.day(one.memo.document_at), 12),
    Column("posted", "Posting date", Kind.DAY, lambda one: one.dates.day(one.memo.posted_at), 12, brief=True),
    Column("period", "Posting period", Kind.ID, lambda one: one.dates.month(one.memo.posted_at), 9),
    Column("voided", "Voided on", Kind.DAY, lambda one: one.dates.day(one.memo.voided_at), 12),
    Column("document", "Original invoice", Kind.ID, lambda one: one.memo.invoice_id or "", 28, brief=True),
    Column("core_invoice", "Core invoice", Kind.ID, _core, 38),
    Column("original", "Original amount", Kind.MONEY, _gross),
    Column("currency", "Ccy", Kind.ID, lambda one: one.memo.currency, 6, brief=True),
    Column("amount", "Memo ex tax", Kind.MONEY, _signed, brief=True, total=True),
    Column("tax", "Tax", Kind.MONEY, lambda one: one.memo.tax_minor if _issued(one) else 0, total=True),
    Column("whole", "Total", Kind.MONEY, _total, total=True, formula="ROUND({amount}+{tax},{exponent})"),
    Column("pre_payment", "Before payment", Kind.MONEY, _pre, total=True),
    Column("post_payment", "After payment", Kind.MONEY, _post, total=True),
    Column("refunded", "Refunded", Kind.MONEY, _given(Way.REFUND), total=True),
    Column("on_balance", "To customer balance", Kind.MONEY, _given(Way.BALANCE), total=True),
    Column("out_of_band", "Out of band", Kind.MONEY, _given(Way.OUT_OF_BAND), total=True),
    Column("applied", "Applied", Kind.MONEY, _applied, total=True),
    Column("applied_on", "Applied on", Kind.DAY, lambda one: one.dates.day(one.memo.applied_at) if _applied(one) else "", 12),
    Column("unapplied", "Unapplied", Kind.MONEY, lambda one: one.memo.unapplied_minor, total=True),
    Column("otherwise", "Used otherwise", Kind.MONEY, _otherwise, total=True, formula="ROUND({whole}-{refunded}-{on_balance}-{out_of_band}-{applied}-{unapplied},{exponent})"),
    Column("pairing", "Pairing", Kind.ID, lambda one: "exact" if one.memo.exact else "inferred", 9),
    Column("reason_code", "Reason code", Kind.ID, lambda one: reason_code(one.memo), 20, brief=True),
    Column("reason", "Reason in its system", Kind.TEXT, lambda one: one.memo.reason, 20),
    Column("text", "Reason text", Kind.TEXT, lambda one: one.memo.text, 34, brief=True),
    Column("requested_by", "Requested by", Kind.TEXT, lambda one: one.memo.raised_by or "", 16),
    Column("approved", "Approved", Kind.ID, _approved, 9),
    Column("approved_by", "Approved by", Kind.TEXT, lambda one: one.memo.approved_by or "", 16),
    Column("approved_at", "Approved at", Kind.DAY, lambda one: one.dates.day(one.memo.approved_at), 12),
    Column("duties", "Duties apart", Kind.ID, lambda one: one.duties, 10),
    Column("closes", "Closes over-billing", Kind.MONEY, lambda one: one.use.closing if one.use else 0, total=True),
    Column("explains", "Explains variance", Kind.MONEY, lambda one: -one.use.explaining if one.use else 0, total=True),
    Column("share", "% of original", Kind.PERCENT, lambda one: ratio(_signed(one), _gross(one)), 10),
    Column("cumulative", "Cumulative %", Kind.PERCENT, lambda one: ratio(one.cumulative, _gross(one)), 10),
    Column("in_period", "In period of invoice", Kind.ID, lambda one: "Y" if one.in_month else "N", 9),
    Column("link", "Link type", Kind.ID, _link, 16),
    Column("twin", "Twin in other system", Kind.TEXT, lambda one: "; ".join(map(str, one.twins)), 26, brief=True),
    Column("counts", "Counts in (a)", Kind.ID, lambda one: "Y" if one.use else "N", 9),
    Column("evidence", "Evidence", Kind.LINK, lambda one: one.memo.url or "", 30),
)  # fmt: skip


def _table(key: str, title: str, entries: Iterable[Entry]) -> Table[Entry]:
    return table(
        key,
        title,
        _COLUMNS,
        entries,
        lambda one: one.memo.currency,
        numbered=key == "register",
        group="system",
        marked=lambda one: not one.memo.approved or one.memo.invoice_id is None,
    )


_SETTLED = "number system currency whole applied unapplied refunded on_balance out_of_band otherwise"
_APPROVED = "number system document_date posted requested_by approved approved_by approved_at duties"


def _on_paper(entries: list[Entry]) -> tuple[Table[Entry], Table[Entry]]:
    """What the register has no room for on paper: where the money went, and who said so."""

    def some(names: str) -> tuple[Column[Entry], ...]:
        by_key = {one.key: replace(one, brief=True) for one in _COLUMNS}
        by_key["whole"] = replace(by_key["whole"], formula="")  # its parts stand above
        return tuple(by_key[name] for name in names.split())

    settled = table(
        "settled",
        "What became of each memo",
        some(_SETTLED),
        entries,
        lambda one: one.memo.currency,
        note="Total = applied + unapplied + refunded + to customer balance + out of band + used "
        "otherwise. Empty: the register does not tell.",
        group="system",
    )
    approved = table(
        "approvals",
        "Who asked for each memo, and who approved it",
        some(_APPROVED),
        entries,
        lambda one: one.memo.currency,
        marked=lambda one: one.duties == "N" or one.approved_late,
        group="system",
    )
    return settled, approved


def _reasons(entries: list[Entry]) -> Table[tuple[str, str, str, int, int]]:
    """By register: a note in Stripe and its twin in an ERP are one event, never added."""
    sums: dict[tuple[str, str, str], list[int]] = {}
    for one in entries:
        key = (one.memo.target, one.memo.currency, reason_code(one.memo))
        pair = sums.setdefault(key, [0, 0])
        pair[0] += 1
        pair[1] += _signed(one)
    rows = [(*key, count, minor) for key, (count, minor) in sorted(sums.items())]
    same = "{register.system},{system},{register.currency},{currency},{register.reason_code},{reason_code}"
    columns: tuple[Column[tuple[str, str, str, int, int]], ...] = (
        Column("system", "System", Kind.ID, lambda one: one[0], 12, brief=True),
        Column("currency", "Ccy", Kind.ID, lambda one: one[1], 6, brief=True),
        Column("reason_code", "Reason code", Kind.ID, lambda one: one[2], 24, brief=True),
        Column("count", "Memos", Kind.WHOLE, lambda one: one[3], 9, brief=True, formula=f"COUNTIFS({same})"),
        Column("amount", "Ex tax", Kind.MONEY, lambda one: one[4], brief=True, total=True, formula=f"ROUND(SUMIFS({{register.amount}},{same}),{{exponent}})"),
    )  # fmt: skip
    return table(
        "by_reason", "By reason code", columns, rows, lambda one: one[1], group="system"
    )


def _codes() -> Table[tuple[str, str, str, str]]:
    columns: tuple[Column[tuple[str, str, str, str]], ...] = (
        Column("code", "Reason code", Kind.ID, lambda one: one[0], 24, brief=True),
        Column("meaning", "Meaning", Kind.TEXT, lambda one: one[1], 40, brief=True),
        Column("explains", "May explain", Kind.ID, lambda one: one[2], 12, brief=True),
        Column("approval", "Usual approval", Kind.TEXT, lambda one: one[3], 32, brief=True),
    )
    rows = [
        (code, one.meaning, "yes" if one.explains else "no", one.approval)
        for code, one in CODES.items()
    ]
    return table("codes", "What the codes mean", columns, rows, lambda _: "")


def _gaps(memos: Iterable[CreditMemo]) -> Iterable[tuple[str, str, str, str]]:
    """Numbers that are missing between two that are there: (system, series, after, before)."""
    series: dict[tuple[str, str], list[int]] = {}
    for memo in memos:
        found = _NUMBER.match(memo.number or "")
        if found is not None:
            series.setdefault((memo.target, found[1]), []).append(int(found[2]))
    listed = 0
    for (target, prefix), numbers in sorted(series.items()):
        ordered = sorted(set(numbers))
        for before, after in pairwise(ordered):
            if after - before > 1 and listed < GAPS_MAX:
                listed += 1
                yield (target, prefix, str(before), str(after))


def _gap_table(gaps: list[tuple[str, str, str, str]]) -> Table[tuple[str, str, str, str]]:
    columns: tuple[Column[tuple[str, str, str, str]], ...] = (
        Column("system", "System", Kind.ID, lambda one: one[0], 12, brief=True),
        Column("series", "Series", Kind.ID, lambda one: one[1], 20, brief=True),
        Column("after", "Last before the gap", Kind.ID, lambda one: one[2], 18, brief=True),
        Column("before", "First after it", Kind.ID, lambda one: one[3], 18, brief=True),
    )
    return table(
        "gaps",
        "Gaps in memo numbers",
        columns,
        gaps,
        lambda _: "",
        empty="No number is missing.",
    )
