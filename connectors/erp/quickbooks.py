"""QuickBooks Online: read by query, deletions by the change feed, credits from payments.

There is no status: a void leaves a total of 0 and a note that begins with "Voided". A
credit memo is applied by a payment, and one payment with several of both keeps no
pairing: it is shared out, and said to be inferred.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from connectors.erp import rows as row_of
from connectors.erp.faults import Fault, Meaning
from connectors.erp.reading import in_chunks
from connectors.erp.register import Ask, Moved
from connectors.erp.rows import Applied, Invoice, Memo, Standing, text
from connectors.failures import Incomplete
from connectors.ports import (
    Capabilities,
    Entity,
    Identity,
    Pairing,
    PeriodLock,
    Voiding,
)
from connectors.wire import Wire, segment
from state.clock import iso, utc
from state.money import largest_remainder

PAGE = 1000  # the most
FEED_MAX = 1000  # objects of one answer of the change feed
MINOR_VERSION = 75
IDS = 100
CAPABILITIES = Capabilities(
    voiding=Voiding.ZEROED,
    cursor="LastUpdatedTime, 10 min of overlap",
    deletions="change feed of 30 days, and by id",
    pairing=Pairing.SOMETIMES,
    currencies=True,
    entities=False,
    locks=True,
    flags=False,
    page=PAGE,
    concurrency=1,
)
MEANINGS = {
    "3001": Meaning.LATER,  # throttled
    "003001": Meaning.LATER,
    "3200": Meaning.LOGIN,
    "003200": Meaning.LOGIN,
    "3100": Meaning.SETTING,
    "003100": Meaning.SETTING,
    "120": Meaning.SETTING,
    "10000": Meaning.UNSURE,  # an error inside QuickBooks
}
REMEDIES = {
    "3100": "a sandbox company is read at sandbox-quickbooks.api.intuit.com; set base_url",
    "003100": "a sandbox company is read at sandbox-quickbooks.api.intuit.com; set base_url",
}


def read_fault(body: Any) -> Fault | None:
    """QuickBooks: `Fault.Error`, or `fault.error` from the gate before it."""
    fault = body.get("Fault") or body.get("fault")
    if fault is None:
        return None
    first = (fault.get("Error") or fault.get("error"))[0]
    said = first.get("Message") or first.get("message") or ""
    detail = first.get("Detail") or first.get("detail") or ""
    return Fault(str(first.get("code", "")), f"{said}: {detail}" if detail else said)


@dataclass(frozen=True, slots=True)
class QuickBooks:
    """One company file, which QuickBooks calls a realm."""

    wire: Wire
    realm: str
    page: int = PAGE
    web: str = "https://qbo.intuit.com"

    system = "quickbooks"
    capabilities = CAPABILITIES
    overlap = timedelta(minutes=10)
    remembers = timedelta(days=30)
    ids_at_once = IDS

    def identify(self) -> Identity:
        """The company and its own currency."""
        row = _only(self.ask(f"companyinfo/{segment(self.realm)}"), "CompanyInfo")
        home = home_currency(self.preferences())
        name = text(row, "CompanyName")
        return Identity(
            "QuickBooks Online", self.realm, entities=(Entity(self.realm, name, home),)
        )

    def locks(self) -> tuple[PeriodLock, ...]:
        """Everything up to the day on which the books were closed."""
        told = text(self.preferences(), "AccountingInfoPrefs", "BookCloseDate")
        through = row_of.day(told, "the book close date")
        return () if through is None else (PeriodLock(None, through),)

    def look(self) -> "QuickBooksLook":
        """A look that remembers payments, and the currency of the company."""
        return QuickBooksLook(self)

    def preferences(self) -> Mapping[str, Any]:
        """The company's preferences."""
        return _only(self.ask("preferences"), "Preferences")

    def ask(self, what: str, **params: str) -> Mapping[str, Any]:
        """One answer of the company's API."""
        path = f"/v3/company/{segment(self.realm)}/{what}"
        data = self.wire.get(path, {**params, "minorversion": MINOR_VERSION}).data
        if not isinstance(data, dict):
            raise Incomplete(f"QuickBooks answered {what} with something else")
        return data

    def select(self, kind: str, where: str = "") -> Iterator[list[Mapping[str, Any]]]:
        """Rows by id, page by page; each page begins with the last row of the one before.

        Positions shift where a row is deleted meanwhile: a page without that row may have
        lost others, and is no whole answer.
        """
        start, last = 1, ""
        seen: set[str] = set()
        while True:
            query = f"SELECT * FROM {kind}{where} ORDERBY Id STARTPOSITION {start} "
            data = self.ask("query", query=f"{query}MAXRESULTS {self.page}")
            rows = _rows(data.get("QueryResponse"), kind)
            if last and last not in {text(row, "Id") for row in rows}:
                raise Incomplete(f"QuickBooks: the list of {kind} moved while it was read")
            fresh = [row for row in rows if text(row, "Id") not in seen]
            if fresh:
                yield fresh
            seen |= {text(row, "Id") for row in fresh}
            if len(rows) < self.page:
                return
            if not fresh:
                raise Incomplete(f"QuickBooks: the list of {kind} does not come to an end")
            last = text(rows[-1], "Id")
            start += len(rows) - 1


@dataclass(slots=True)
class QuickBooksLook:
    """One look: payments are read once for each customer."""

    book: QuickBooks
    _home: str = ""
    _customers: set[str] = field(default_factory=set)  # whose payments have been read
    _payments: set[str] = field(default_factory=set)
    _applied: list[Applied] = field(default_factory=list)

    def now(self) -> datetime:
        """The time of the answer."""
        told = text(self.book.ask("query", query="SELECT COUNT(*) FROM Invoice"), "time")
        try:
            return utc(told)
        except ValueError:
            raise Incomplete(f"QuickBooks' clock says {told[:40]!r}") from None

    def invoices(self, ask: Ask) -> Iterator[list[Invoice]]:
        """Invoices; a void shows by its note."""
        for rows in self.book.select("Invoice", _where(ask)):
            yield [self._invoice(row) for row in rows]

    def memos(self, ask: Ask) -> Iterator[list[Memo]]:
        """Credit memos; what is not used of them stands in RemainingCredit."""
        for rows in self.book.select("CreditMemo", _where(ask)):
            yield [self._memo(row) for row in rows]

    def applied_to(self, invoices: Sequence[Invoice]) -> list[Applied]:
        """What payments put on them: those they link to, and their customers'."""
        linked = {one.id: one for one in invoices if one.raw.get("LinkedTxn")}
        self._read_of({one.customer for one in linked.values()})
        links = [link for one in linked.values() for link in one.raw["LinkedTxn"]]
        # A payment of the parent customer pays its jobs' invoices too.
        named = {
            text(link, "TxnId") for link in links if text(link, "TxnType") == "Payment"
        }
        for some in in_chunks(sorted(named - self._payments), IDS):
            self._read(f" WHERE Id IN ({_quoted(some)})")
        return [one for one in self._applied if one.invoice in linked]

    def applied_from(self, memos: Sequence[Memo]) -> list[Applied]:
        """Where payments used them: a memo names none, so its customer's are read."""
        names = {one.id for one in memos}
        self._read_of({one.customer for one in memos})
        return [one for one in self._applied if one.memo in names]

    def moved(self, since: datetime) -> Moved:
        """Invoices that a changed payment names, and deleted ones by the change feed."""
        named: set[str] = set()
        for rows in self.book.select("Payment", _where(Ask(since=since))):
            for row in rows:
                named |= set(_linked(row, "Invoice"))
        feed = self.book.ask("cdc", entities="Invoice", changedSince=iso(since) or "")
        rows = [
            row
            for answer in feed.get("CDCResponse") or []
            for part in answer.get("QueryResponse") or []
            for row in part.get("Invoice") or []
        ]
        gone = {text(row, "Id") for row in rows if text(row, "status") == "Deleted"}
        return Moved(frozenset(named | gone), gap=len(rows) >= FEED_MAX)

    def _read_of(self, customers: set[str]) -> None:
        for some in in_chunks(sorted(customers - self._customers), IDS):
            self._customers |= set(some)
            self._read(f" WHERE CustomerRef IN ({_quoted(some)})")

    def _read(self, where: str) -> None:
        for rows in self.book.select("Payment", where):
            for row in rows:
                if text(row, "Id") not in self._payments:
                    self._payments.add(text(row, "Id"))
                    self._applied += paired(row, self._currency(row))

    def _currency(self, row: Mapping[str, Any]) -> str:
        """A company with one currency names none."""
        named = text(row, "CurrencyRef", "value")
        if not named and not self._home:
            self._home = home_currency(self.book.preferences())
        return named or self._home

    def _invoice(self, row: Mapping[str, Any]) -> Invoice:
        what = f"invoice {text(row, 'DocNumber') or text(row, 'Id')}"
        custom = row.get("CustomField") or []
        void = _is_void(row, what)
        return Invoice(
            id=text(row, "Id"),
            number=text(row, "DocNumber"),
            standing=Standing.VOID if void else Standing.POSTED,
            native="Voided" if void else "",
            currency=self._currency(row),
            total=row_of.amount(row.get("TotalAmt"), what),
            balance=row_of.amount(row.get("Balance"), what),
            tax=_tax(row, what),
            references=(
                *(text(one, "StringValue") for one in custom),
                text(row, "PrivateNote"),
                text(row, "CustomerMemo", "value"),
            ),
            customer=text(row, "CustomerRef", "value"),
            entity=self.book.realm,
            posted_on=row_of.day(text(row, "TxnDate"), what),
            due_on=row_of.day(text(row, "DueDate"), what),
            url=f"{self.book.web}/app/invoice?txnId={text(row, 'Id')}",
            raw=row,
        )

    def _memo(self, row: Mapping[str, Any]) -> Memo:
        what = f"credit memo {text(row, 'DocNumber') or text(row, 'Id')}"
        void = _is_void(row, what)
        return Memo(
            id=text(row, "Id"),
            number=text(row, "DocNumber"),
            standing=Standing.VOID if void else Standing.POSTED,
            native="Voided" if void else "",
            currency=self._currency(row),
            total=row_of.amount(row.get("TotalAmt"), what),
            tax=_tax(row, what),
            names=text(row, "InvoiceRef", "value") or None,
            text=text(row, "PrivateNote"),
            customer=text(row, "CustomerRef", "value"),
            entity=self.book.realm,
            posted_on=row_of.day(text(row, "TxnDate"), what),
            document_on=row_of.day(text(row, "TxnDate"), what),
            left=row_of.told_amount(row, "RemainingCredit", what),
            raw=row,
        )


def paired(payment: Mapping[str, Any], currency: str) -> list[Applied]:
    """Which memo of a payment pays which of its invoices; inferred where it keeps none."""
    what = f"payment {text(payment, 'Id')}"
    on = row_of.day(text(payment, "TxnDate"), what)
    found: list[Applied] = []
    invoices: dict[str, Decimal] = {}
    memos: dict[str, Decimal] = {}
    for line in payment.get("Line") or []:
        used = row_of.amount(line.get("Amount"), what)
        links = line.get("LinkedTxn") or []
        by_kind = {text(one, "TxnType"): text(one, "TxnId") for one in links}
        if {"Invoice", "CreditMemo"} <= by_kind.keys():
            found.append(Applied(by_kind["CreditMemo"], by_kind["Invoice"], used, on=on))
        elif "Invoice" in by_kind:
            name = by_kind["Invoice"]
            invoices[name] = invoices.get(name, Decimal(0)) + used
        elif "CreditMemo" in by_kind:
            name = by_kind["CreditMemo"]
            memos[name] = memos.get(name, Decimal(0)) + used
    if not invoices:
        return found
    whole = sum(invoices.values())
    # One invoice takes every memo; one memo that pays all of it pays each line.
    exact = len(invoices) == 1 or (len(memos) == 1 and sum(memos.values()) == whole)
    for memo, used in memos.items():
        shares = _shared(used, invoices, currency, what)
        found += [Applied(memo, name, share, exact, on) for name, share in shares if share]
    return found


def _shared(
    used: Decimal, invoices: Mapping[str, Decimal], currency: str, what: str
) -> list[tuple[str, Decimal]]:
    """A memo over the invoices of a payment, in proportion, to the last minor unit."""
    total = row_of.minor(used, currency, what)
    weights = [row_of.minor(one, currency, what) for one in invoices.values()]
    whole = sum(weights)
    if whole == 0:
        return []
    exacts = [Decimal(total * one) / whole for one in weights]
    scale = used / total if total else Decimal(0)
    shares = largest_remainder(exacts, total)
    return [(name, share * scale) for name, share in zip(invoices, shares, strict=True)]


def home_currency(preferences: Mapping[str, Any]) -> str:
    """The company's own currency."""
    return text(preferences, "CurrencyPrefs", "HomeCurrency", "value")


def _is_void(row: Mapping[str, Any], what: str) -> bool:
    """A total of 0 and the note that QuickBooks writes; a genuine zero has no such note."""
    zero = row_of.amount(row.get("TotalAmt"), what) == 0
    return zero and text(row, "PrivateNote").strip().lower().startswith("voided")


def _tax(row: Mapping[str, Any], what: str) -> Decimal:
    return row_of.amount(text(row, "TxnTaxDetail", "TotalTax") or 0, what)


def _linked(row: Mapping[str, Any], kind: str) -> Iterator[str]:
    for line in row.get("Line") or []:
        for one in line.get("LinkedTxn") or []:
            if text(one, "TxnType") == kind:
                yield text(one, "TxnId")


def _where(ask: Ask) -> str:
    if ask.ids is not None:
        return f" WHERE Id IN ({_quoted(ask.ids)})"
    if ask.since is not None:
        return f" WHERE MetaData.LastUpdatedTime >= '{iso(ask.since)}'"
    return ""


def _quoted(names: Sequence[str]) -> str:
    """Ids for an IN. Raises Incomplete for what is no id of QuickBooks."""
    for name in names:
        if not (name.isascii() and name.isdigit()):
            raise Incomplete(f"{name[:40]!r} is no id of QuickBooks")
    return ",".join(f"'{name}'" for name in names)


def _only(data: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    found = data.get(name)
    if not isinstance(found, dict):
        raise Incomplete(f"QuickBooks answered without {name}")
    return found


def _rows(response: Any, kind: str) -> list[Mapping[str, Any]]:
    """The rows of an answer; one without any has no list at all."""
    found = response.get(kind, []) if isinstance(response, dict) else None
    return row_of.listed(found, f"QuickBooks answered a query of {kind} with no page")
