"""An export's rows as invoices and credit memos in our words, or one line that says why not.

Nothing is half-read: the first cell that cannot be understood refuses the whole file.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import date
from typing import Any

from connectors.erp.file_layouts import Header, find_header, no_header
from connectors.erp.file_tables import BadFile, Row, tables
from connectors.erp.file_values import Mark, NotAValue, day, mark_of, minor, text_of
from connectors.erp.rows import midnight
from connectors.erp.shapes import Application, cash, parts, posted_status
from state.receivables import (
    CreditMemo,
    DocumentStatus,
    DownstreamInvoice,
    Given,
    MemoStatus,
    Way,
)

_GIVEN = {"refunded": Way.REFUND, "on_balance": Way.BALANCE, "out_of_band": Way.OUT_OF_BAND}
_MONEY = ("total", "balance", "paid", "tax", "net", "applied_amount", *_GIVEN)
_VOID = re.compile(r"(?i)void|revers|cancel")
_YES = {"yes", "true", "y", "1", "x", "t"}
_NO = {"no", "false", "n", "0", "f"}
_DRAFT = re.compile(
    r"(?i)draft|submitted|(?:awaiting|pending) approval|rejected|in review|un-?approved|"
    r"not approved|un-?posted|not posted"
)
_LOST = re.compile(r"(?i)uncollectible|bad debt|written[ -]?off|write[ -]?off")
# Words for what is posted. Whether it is paid, the amounts tell.
_POSTED = re.compile(
    r"(?i)open|paid|posted|due|partial|authori[sz]ed|awaiting payment|approved|sent|viewed|"
    r"printed|closed|appl(?:y|ied)|credited|corrective|completed?|final|issued|active|"
    r"outstanding|selected|deposited|settled|current|late|invoiced|billed"
)
_DELETED = re.compile(r"(?i)deleted")
# Rows of a transaction list that are no receivable document of ours to read.
_OTHER = re.compile(
    r"(?i)payment|deposit|journal|receipt|refund|estimate|order|check|expense|statement"
)


@dataclass(frozen=True, slots=True)
class Reading:
    """How one ERP's files are to be read; from its settings."""

    target: str
    dates: str = "iso"
    currency: str = ""
    columns: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Export:
    """What one file says: its invoices, its memos before they are shared out."""

    name: str
    system: str
    invoices: Mapping[str, DownstreamInvoice]
    memos: Mapping[str, CreditMemo]
    applied: Mapping[str, tuple[Application, ...]]  # memo id -> where it was used
    balances: bool  # it has a column of what is still open
    left_out: int  # titles, totals, payments


def export_of(name: str, body: bytes, reading: Reading) -> Export:
    """One file, understood. Raises BadFile."""
    first: list[Row] = []
    for rows in tables(name, body):
        first = first or rows
        header = find_header(name, rows, reading.columns)
        if header is not None:
            below = [row for row in rows if row.number > header.row.number]
            return _Reader(name, header, reading).read(below)
    raise no_header(name, first)


class _Reader:
    """Reads the rows of one file, and remembers where it is for its messages."""

    def __init__(self, name: str, header: Header, reading: Reading) -> None:
        self._name = name
        self._header = header
        self._reading = reading
        self._system = header.layout.system
        self._row = header.row
        self._mark = Mark.POINT
        self._invoices: dict[str, DownstreamInvoice] = {}
        self._memos: dict[str, CreditMemo] = {}
        self._applied: dict[str, list[Application]] = {}
        self._credits = "credit" in name.lower()

    def read(self, rows: list[Row]) -> Export:
        """Every row that is a document."""
        self._mark = self._decimal_mark(rows)
        left_out = 0
        for row in rows:
            self._row = row
            left_out += not self._take(row)
        if not self._invoices and not self._memos:
            raise BadFile(
                f"{self._name}: holds no invoice and no credit memo below its headings; "
                "export it again, or take it out of the folder"
            )
        return Export(
            self._name,
            self._system,
            self._invoices,
            self._memos,
            {name: tuple(some) for name, some in self._applied.items()},
            balances="balance" in self._header.columns,
            left_out=left_out,
        )

    def _decimal_mark(self, rows: list[Row]) -> Mark:
        indices = [self._header.columns[w] for w in _MONEY if w in self._header.columns]
        try:
            return mark_of(
                row.cells[i] for row in rows for i in indices if i < len(row.cells)
            )
        except NotAValue as error:
            raise BadFile(f"{self._name}: {error}") from None

    def _take(self, row: Row) -> bool:
        """One row; False where it is none of ours."""
        filled = [text_of(cell) for cell in row.cells]
        opening = next((text for text in filled if text), "")
        if opening.lower().startswith(("total", "grand total")):
            return False
        kind = self._text("kind")
        credit = "credit" in kind.lower()
        if not self._text("number"):
            if self._text("total") and (credit or "invoice" in kind.lower()):
                self._bad("number", "is empty; give every document its number there")
            return False
        if kind and not credit and "invoice" not in kind.lower():
            if _OTHER.search(kind):
                return False
            self._bad("kind", "is neither an invoice nor a credit memo")
        currency = self._currency()
        total = self._minor("total", currency)
        if not kind:
            credit = total < 0 or self._credits
        if credit:
            self._memo(currency, abs(total))
        else:
            self._invoice(currency, total)
        return True

    def _invoice(self, currency: str, total: int) -> None:
        name = self._id()
        tax = self._tax(currency, total)
        memo = self._text("memo")
        status = self._status(total, memo)
        balance = self._optional("balance", currency)
        paid = self._optional("paid", currency)
        self._fits(balance, total)
        open_minor = max(total if balance is None else balance, 0)
        if paid is None:
            paid = cash(total_minor=total, open_minor=open_minor, credited_minor=0)
        if status is None:
            status = posted_status(paid_minor=paid, open_minor=open_minor)
        one = DownstreamInvoice(
            target=self._reading.target,
            id=name,
            status=status,
            currency=currency,
            gross_minor=total - tax,
            number=self._text("number"),
            tax_minor=tax,
            paid_minor=paid if status.posted else 0,
            open_minor=open_minor if status.posted else 0,
            customer_id=self._text("customer") or None,
            posted_at=midnight(self._day("date")),
            due_on=self._day("due_date"),
            system=self._system,
            entity_id=self._text("entity") or None,
            native_status=self._text("status"),
            external_ids=tuple(filter(None, (self._text("external_id"), memo))),
        )
        before = self._invoices.setdefault(name, one)
        if one.customer_id not in (None, before.customer_id):
            self._bad("customer", f"is another one than in an earlier row of {one.number}")
        if (before.gross_minor, before.currency) != (one.gross_minor, one.currency):
            self._bad("total", f"differs from an earlier row of {one.number}")

    def _memo(self, currency: str, total: int) -> None:
        name = self._id()
        tax = abs(self._tax(currency, total))
        status = {
            None: MemoStatus.ISSUED,
            DocumentStatus.UNCOLLECTIBLE: MemoStatus.ISSUED,
            DocumentStatus.DRAFT: MemoStatus.DRAFT,
            DocumentStatus.DELETED: MemoStatus.DELETED,
            DocumentStatus.VOID: MemoStatus.VOID,
        }[self._status(total, self._text("memo"))]
        invoice = self._applied_to()
        one = CreditMemo(
            target=self._reading.target,
            id=name,
            status=status,
            currency=currency,
            amount_minor=total - tax,
            number=self._text("number"),
            tax_minor=tax,
            invoice_id=invoice,
            customer_id=self._text("customer") or None,
            reason=self._text("reason"),
            text=self._text("memo"),
            approved=self._approved(),
            approved_by=self._text("approved_by") or None,
            raised_by=self._text("requested_by") or None,
            given=self._given(currency, total),
            document_at=midnight(self._day("document_date")),
            posted_at=midnight(self._day("date")),
            approved_at=midnight(self._day("approved_date")),
            system=self._system,
            entity_id=self._text("entity") or None,
            native_status=self._text("status"),
            applied=False,
        )
        before = self._memos.setdefault(name, one)
        if (before.amount_minor, before.currency) != (one.amount_minor, one.currency):
            self._bad("total", f"differs from an earlier row of {one.number}")
        balance = self._optional("balance", currency)
        self._fits(balance and abs(balance), total)
        if invoice is None:
            return
        told = self._optional("applied_amount", currency)
        given = sum(gift.minor for gift in one.given or ())
        used = (total - abs(balance) if balance is not None else total) - given
        on = self._day("applied_date")
        application = Application(invoice, abs(used if told is None else told), on=on)
        uses = self._applied.setdefault(name, [])
        uses.append(replace(application, exact=told is not None))
        exact = sum(use.amount_minor for use in uses if use.exact)
        if status is MemoStatus.ISSUED and exact + given > total:
            self._bad("applied_amount", f"is more than {one.number} has left")

    def _given(self, currency: str, total: int) -> tuple[Given, ...] | None:
        """What of a memo went elsewhere than to an invoice; None: the file does not tell."""
        told = [word for word in _GIVEN if word in self._header.columns]
        if not told:
            return None
        at = midnight(self._day("refunded_date"))
        parts = {word: abs(self._optional(word, currency) or 0) for word in told}
        if sum(parts.values()) > total:
            self._bad(told[0], "is more than the total of the memo; correct it there")
        given = (Given(_GIVEN[word], minor, at) for word, minor in parts.items() if minor)
        return tuple(given)

    def _approved(self) -> bool:
        """Only a memo that the file says is not approved is not."""
        word = self._text("approved").lower()
        if word and word not in _YES | _NO:
            self._bad("approved", "is neither yes nor no")
        return word not in _NO

    # --- cells ----------------------------------------------------------------------

    def _id(self) -> str:
        """The system's own id, else the number; a number is the entity's own."""
        own = self._text("id")
        return own or self._with_entity(self._text("number"))

    def _with_entity(self, number: str) -> str:
        entity = self._text("entity")
        return f"{entity} {number}" if entity else number

    def _applied_to(self) -> str | None:
        """The invoice that a memo names: "Invoice #INV-1003" is INV-1003."""
        text = self._text("applied_to")
        number = re.sub(r"(?i)^(?:tax |sales )?invoice:?\s*#?\s*", "", text)
        return self._with_entity(number) if number else None

    def _currency(self) -> str:
        currency = self._text("currency").upper() or self._reading.currency
        if not currency:
            where = "currency" if "currency" in self._header.columns else "total"
            self._bad(where, "names no currency; set currency: for this ERP")
        return currency

    def _tax(self, currency: str, total: int) -> int:
        """What of the total is tax: told, or the total less the net amount."""
        tax = self._optional("tax", currency)
        if tax is not None:
            return tax
        net = self._optional("net", currency)
        return 0 if net is None else total - (abs(net) if total >= 0 else net)

    def _status(self, total: int, memo: str) -> DocumentStatus | None:
        """A status that amounts do not tell; None for a posted document."""
        status = self._text("status")
        voided = self._text("voided").lower() in _YES
        # QuickBooks and NetSuite zero what they void, and say so in the note.
        zeroed = total == 0 and memo.lower().startswith("void")
        if _DELETED.search(status):
            return DocumentStatus.DELETED
        if voided or zeroed or _VOID.search(status):
            return DocumentStatus.VOID
        if _DRAFT.search(status):
            return DocumentStatus.DRAFT
        if _LOST.search(status):
            return DocumentStatus.UNCOLLECTIBLE
        if status and not _POSTED.search(status):
            self._bad(
                "status",
                "is no status that is known; write Open, Paid, Draft, Voided, Deleted or "
                "Written off there, or leave it empty",
            )
        return None

    def _fits(self, balance: int | None, total: int) -> None:
        """Nothing is owed beyond the total of a document."""
        if balance is not None and total >= 0 and balance > total:
            self._bad("balance", "is more than the document's total; correct it there")

    def _cell(self, word: str) -> Any:
        index = self._header.columns.get(word)
        cells = self._row.cells
        return cells[index] if index is not None and index < len(cells) else None

    def _text(self, word: str) -> str:
        return text_of(self._cell(word))

    def _day(self, word: str) -> date | None:
        try:
            return day(self._cell(word), self._reading.dates)
        except NotAValue as error:
            self._bad(word, str(error))
            raise

    def _optional(self, word: str, currency: str) -> int | None:
        return self._minor(word, currency) if self._text(word) else None

    def _minor(self, word: str, currency: str) -> int:
        try:
            return minor(self._cell(word), currency, self._mark)
        except NotAValue as error:
            self._bad(word, str(error))
            raise

    def _bad(self, word: str, why: str) -> None:
        heading = self._header.heading(word)
        shown = self._text(word)[:40]
        raise BadFile(
            f"{self._name}: row {self._row.number}, column {heading!r}: {shown!r} {why}"
        ) from None


def shared_out(
    memo: CreditMemo,
    applied: tuple[Application, ...],
    invoices: Mapping[str, DownstreamInvoice],
    by_number: Mapping[str, str],
) -> Iterator[CreditMemo]:
    """A memo in its parts, the invoices it names by number found by their ids."""
    named = [
        replace(one, invoice_id=_found(one.invoice_id, invoices, by_number))
        for one in applied
    ]
    invoice = memo.invoice_id
    if invoice is not None:
        memo = replace(memo, invoice_id=_found(invoice, invoices, by_number))
    yield from parts(memo, named, refunds=memo.given)


def _found(
    name: str, invoices: Mapping[str, DownstreamInvoice], by_number: Mapping[str, str]
) -> str:
    return name if name in invoices else by_number.get(name, name)
