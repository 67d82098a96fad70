"""Statements of corrections: what became of an invoice, version by version, for its customer."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from state.invoices import CoreInvoice, CoreLine, CoreStatus
from state.money import display
from state.receivables import DocumentStatus, DownstreamInvoice, MemoStatus
from state.worklist import UNRESOLVED
from sync.report.cells import day, places, time
from sync.report.common import ground, head
from sync.report.document import Column, Document, Facts, Kind, Prose, Section, Table, table
from sync.report.material import Chain, Material

TITLE = "Statement of corrections"
SHEETS_MAX = 200  # chains with a section of their own; the table of all has the rest


@dataclass(frozen=True, slots=True)
class Step:
    """One thing that happened, and what it does to what is due."""

    at: datetime | None
    event: str
    document: str
    replaces: str
    amount: int
    due: int
    who: str
    reference: str
    chain: str
    currency: str


@dataclass(frozen=True, slots=True)
class _Moment:
    at: datetime | None
    order: int
    event: str
    document: str
    amount: int = 0
    replaces: str = ""
    who: str = ""
    reference: str = ""
    internal: bool = False


def build(material: Material, *, internal: bool = False, customer: str = "") -> Document:
    """A block for each chain. What only we should see stands in the internal version."""
    chains = [one for one in material.chains if not customer or _customer(one) == customer]
    every = [step for one in chains for step in _steps(one, internal=internal)]
    steps = table(
        "steps", "Every step", _columns(internal=internal), every, lambda one: one.currency,
        empty="Nothing was corrected.", numbered=True,
    )  # fmt: skip
    blocks: list[Section] = []
    for number, one in enumerate(chains[:SHEETS_MAX], 1):
        blocks.append(_section(material, one, number, internal=internal))
    ending = (ground(material),) if internal else ()
    whose = "" if customer else ", every customer"
    title = f"{TITLE}, internal" if internal else f"{TITLE}{whose}"
    return Document(
        "corrections",
        head(material, title),
        (*blocks, Section("steps", "All steps", (steps,), on_paper=False), *ending),
        main="steps",
    )


def _customer(chain: Chain) -> str:
    return chain.versions[0].invoice.customer_id if chain.versions else ""


def _section(material: Material, chain: Chain, number: int, *, internal: bool) -> Section:
    first = chain.versions[0].invoice
    currency = first.currency or ""
    steps = list(_steps(chain, internal=internal))
    facts = [
        ("Customer", material.names.get(first.customer_id) or first.customer_id),
        ("Service period", f"{day(first.start)} to {day(first.end)}"),
        ("Currency", currency),
        ("Invoice", first.id),
        ("Result", _result(chain, currency)),
        ("What to do", _todo(chain)),
    ]
    if internal:
        flags = [
            f"{flag.id} {flag.state}: {flag.action}"
            for flag in material.flags
            if flag.core_invoice_id in {one.invoice.id for one in chain.versions}
        ]
        open_flags = sum(
            1
            for flag in material.flags
            if flag.state in UNRESOLVED
            and flag.core_invoice_id in {one.invoice.id for one in chain.versions}
        )
        facts += [("Flags", "; ".join(flags) or "none"), ("Open flags", str(open_flags))]
    key = f"chain_{number}"
    listed = table(
        f"{key}_steps",
        "What happened",
        _columns(internal=internal),
        steps,
        lambda one: one.currency,
        numbered=True,
    )
    lines = _comparison(key, chain)
    return Section(
        key,
        f"Correction {number}",
        (Facts(f"{key}_facts", "", tuple(facts)), listed, *lines),
    )


def _result(chain: Chain, currency: str) -> str:
    """`original 12,400.00 → corrected 9,150.00 → difference (3,250.00)`."""
    before = _billed(chain, chain.versions[0].invoice)
    after = _due_in_the_end(chain)
    return (
        f"original {display(before, currency)} → corrected {display(after, currency)} → "
        f"difference {display(after - before, currency)}"
    )


def _billed(chain: Chain, invoice: CoreInvoice) -> int:
    """What its customer was asked for: the document's amount, else the core's."""
    mine = [one for one in _primary(chain) if one.core_invoice_id == invoice.id]
    asked = [one.gross_minor for one in mine if one.posted_at is not None]
    return max(asked, default=0) or invoice.total_minor


def _primary(chain: Chain) -> list[DownstreamInvoice]:
    """The documents of one register: those of another say the same once more."""
    targets = [one.target for one in chain.documents]
    first = "stripe" if "stripe" in targets else min(targets, default="")
    return [one for one in chain.documents if one.target == first]


def _due_in_the_end(chain: Chain) -> int:
    """What the last version asks for, less the memos on it."""
    last = chain.versions[-1].invoice
    amount = _billed(chain, last) if last.status is CoreStatus.FINALIZED else 0
    of_last = {(d.target, d.id) for d in _primary(chain) if d.core_invoice_id == last.id}
    credited = sum(
        memo.amount_minor
        for memo in chain.memos
        if memo.status is MemoStatus.ISSUED and (memo.target, memo.invoice_id) in of_last
    )
    return amount - credited


def _todo(chain: Chain) -> str:
    """One sentence that the customer can act on."""
    old = {
        one.invoice.id for one in chain.versions if one.invoice.status is CoreStatus.VOID
    }
    for document in chain.documents:
        name = document.number or document.id
        if document.core_invoice_id not in old or not document.status.live:
            continue
        if document.status in {DocumentStatus.PAID, DocumentStatus.PART_PAID}:
            if _credited(chain, document) < document.gross_minor:
                return (
                    f"{name} was paid and has been replaced: a credit for it is to follow."
                )
        elif document.open_minor > 0:
            return f"{name} is still open and has been replaced: please do not pay it."
    return "No action needed."


def _credited(chain: Chain, document: DownstreamInvoice) -> int:
    return sum(
        memo.amount_minor
        for memo in chain.memos
        if memo.invoice_id == document.id and memo.status is MemoStatus.ISSUED
    )


# --- steps ----------------------------------------------------------------------------


def _steps(chain: Chain, *, internal: bool) -> Iterable[Step]:
    first = chain.versions[0].invoice
    moments = sorted(
        (one for one in _moments(chain) if internal or not one.internal),
        key=lambda one: (one.at is None, one.at, one.order, one.document),
    )
    due = 0
    for one in moments:
        due += one.amount
        yield Step(
            one.at, one.event, one.document, one.replaces, one.amount, due, one.who,
            one.reference, first.id, first.currency or "",
        )  # fmt: skip


def _moments(chain: Chain) -> Iterable[_Moment]:
    """What is due moves in the core when it issues and voids; a memo moves it downstream."""
    for number, one in enumerate(chain.versions):
        invoice = one.invoice
        parent = invoice.regenerated_from or ""
        if invoice.status is CoreStatus.DRAFT:
            yield _Moment(one.first_seen, 0, "In preparation", invoice.id, 0, parent)
            continue
        event = "Re-issued" if number else "Issued"
        # At one instant a version is issued, then voided, then the next is issued.
        turn = 2 * (number - len(chain.versions))
        billed = _billed(chain, invoice)
        yield _Moment(invoice.issued_at, turn, event, invoice.id, billed, parent)
        if invoice.status is CoreStatus.VOID:
            # Nobody tells when the core voided it: seen by then, and before its replacement.
            seen = one.void_seen or one.first_seen
            heirs = (heir.invoice.issued_at for heir in chain.versions[number + 1 :])
            at = min([seen, *(moment for moment in heirs if moment is not None)])
            yield _Moment(
                at, turn + 1, "Voided in billing", invoice.id, -billed,
                reference="at the latest",
            )  # fmt: skip
    for document in chain.documents:
        yield from _document_moments(document)
    void = {
        one.invoice.id for one in chain.versions if one.invoice.status is CoreStatus.VOID
    }
    counts = {
        (one.target, one.id) for one in _primary(chain) if one.core_invoice_id not in void
    }
    for memo in chain.memos:
        if memo.status is MemoStatus.DRAFT:
            continue
        # On a void invoice the memo stands for the void, and what was due is gone already.
        counted = (memo.target, memo.invoice_id) in counts
        amount = -memo.amount_minor if counted else 0
        name = memo.number or memo.id
        reference = (
            f"{memo.text or memo.reason} ({display(memo.amount_minor, memo.currency)})"
        ).strip()
        yield _Moment(
            memo.posted_at, 6, "Credit memo", name, amount, memo.invoice_id or "",
            memo.approved_by or "", reference,
        )  # fmt: skip
        if memo.status is MemoStatus.VOID:
            yield _Moment(memo.voided_at, 7, "Credit memo voided", name, -amount)


def _document_moments(document: DownstreamInvoice) -> Iterable[_Moment]:
    name = document.number or document.id
    replaced = document.replaces or ""
    system = document.target
    if document.created_at is not None:
        yield _Moment(
            document.created_at, 1, f"Sent to {system}", document.id, 0, replaced,
            reference=document.core_invoice_id or "", internal=True,
        )  # fmt: skip
    if document.posted_at is not None:
        yield _Moment(document.posted_at, 2, f"Invoiced in {system}", name, 0, replaced)
    if document.paid_at is not None and document.paid_minor:
        paid = display(document.paid_minor, document.currency)
        yield _Moment(document.paid_at, 3, "Paid", name, 0, reference=paid)
    if document.voided_at is not None:
        yield _Moment(document.voided_at, 8, f"Voided in {system}", name)


def _columns(*, internal: bool) -> tuple[Column[Step], ...]:
    columns: tuple[Column[Step], ...] = (
        Column("at", "When (UTC)", Kind.TIME, lambda one: time(one.at), 21, brief=True),
        Column("event", "Event", Kind.TEXT, lambda one: one.event, 24, brief=True),
        Column("document", "Document", Kind.ID, lambda one: one.document, 38, brief=True),
        Column("replaces", "Replaces", Kind.ID, lambda one: one.replaces, 38, brief=True),
        Column("currency", "Ccy", Kind.ID, lambda one: one.currency, 6, brief=True),
        Column(
            "amount", "Amount", Kind.MONEY, lambda one: one.amount, brief=True, total=False
        ),
        Column("due", "Running net due", Kind.MONEY, lambda one: one.due, brief=True),
        Column(
            "reference", "Reference", Kind.TEXT, lambda one: one.reference, 34, brief=True
        ),
        Column("chain", "Chain", Kind.ID, lambda one: one.chain, 38),
    )
    if not internal:
        return columns
    return (*columns, Column("who", "Who", Kind.TEXT, lambda one: one.who, 16, brief=True))


# --- lines before and after -------------------------------------------------------------


@dataclass(slots=True)
class _Pair:
    """One product in the first version and in the last."""

    name: str
    currency: str
    quantity_before: Decimal = Decimal(0)
    quantity_after: Decimal = Decimal(0)
    price: Decimal | None = None
    before: Decimal = Decimal(0)
    after: Decimal = Decimal(0)


def _comparison(key: str, chain: Chain) -> tuple[Table[_Pair] | Prose, ...]:
    if len(chain.versions) == 1:
        return ()
    first, last = chain.versions[0].invoice, chain.versions[-1].invoice
    pairs: dict[str, _Pair] = {}
    for line in first.lines:
        pair = _pair(pairs, line, first)
        pair.quantity_before += line.quantity or 0
        pair.before += line.exact_minor
    for line in last.lines if last.status is not CoreStatus.VOID else ():
        pair = _pair(pairs, line, last)
        pair.quantity_after += line.quantity or 0
        pair.after += line.exact_minor
    columns: tuple[Column[_Pair], ...] = (
        Column("product", "Product", Kind.TEXT, lambda one: one.name, 30, brief=True),
        Column("currency", "Ccy", Kind.ID, lambda one: one.currency, 6, brief=True),
        Column("quantity_before", "Quantity before", Kind.NUMBER, lambda one: one.quantity_before, 14, brief=True),
        Column("quantity_after", "Quantity after", Kind.NUMBER, lambda one: one.quantity_after, 14, brief=True),
        Column("price", "Unit price", Kind.NUMBER, lambda one: one.price, 14, brief=True),
        Column("before", "Amount before", Kind.MONEY, lambda one: round(one.before), brief=True, total=True),
        Column("after", "Amount after", Kind.MONEY, lambda one: round(one.after), brief=True, total=True),
        Column("change", "Change", Kind.MONEY, lambda one: round(one.after) - round(one.before), brief=True, total=True, formula="ROUND({after}-{before},{exponent})"),
    )  # fmt: skip
    rows = sorted(pairs.values(), key=lambda one: one.name)
    return (table(f"{key}_lines", "Line by line", columns, rows, lambda one: one.currency),)


def _pair(pairs: dict[str, _Pair], line: CoreLine, invoice: CoreInvoice) -> _Pair:
    pair = pairs.setdefault(
        line.product_id or line.description, _Pair(line.description, invoice.currency or "")
    )
    if line.unit_price_minor is not None and pair.price is None:
        major = line.unit_price_minor.scaleb(-places(invoice.currency or ""))
        pair.price = major
    return pair
