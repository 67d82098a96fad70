"""Business Central by OData: companies behind one key, pages by the server's own link.

A posted invoice cannot be voided: cancelling it posts a corrective credit memo for the
whole, and marks the invoice both canceled and paid. Which memo pays which invoice is told
only where it was chosen before posting, and never how much of it: it is inferred.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from itertools import islice, pairwise
from typing import Any
from urllib.parse import quote, urlencode, urlsplit

from connectors.erp import rows as row_of
from connectors.erp.faults import Fault, Meaning
from connectors.erp.register import Ask, Moved
from connectors.erp.rows import Applied, Invoice, Memo, Standing, text
from connectors.failures import Incomplete, Misconfigured
from connectors.ports import (
    Capabilities,
    Entity,
    Identity,
    Pairing,
    PeriodLock,
    Voiding,
)
from connectors.wire import Params, Wire, segment
from state.clock import iso

PAGE = 500
PAGES_MAX = 10_000
NOBODY = "00000000-0000-0000-0000-000000000000"
CAPABILITIES = Capabilities(
    voiding=Voiding.CREDIT_MEMO,
    cursor="lastModifiedDateTime, 10 min of overlap",
    deletions="by id",
    pairing=Pairing.INFERRED,
    currencies=True,
    entities=True,
    locks=True,
    flags=False,
    page=PAGE,
    concurrency=1,
)
MEANINGS = {
    "Internal_": Meaning.UNSURE,
    "Authentication_": Meaning.LOGIN,
    "Authorization_": Meaning.SETTING,
    "RequestLimit": Meaning.LATER,
}
_STATUS = {
    "Draft": Standing.DRAFT,
    "In Review": Standing.DRAFT,
    "Open": Standing.POSTED,
    "Paid": Standing.POSTED,
    "Canceled": Standing.VOID,
    # The document that cancels another one: it belongs to that void, and explains nothing.
    "Corrective": Standing.VOID,
}
_DOC = (
    "id,number,externalDocumentNumber,postingDate,customerNumber,currencyCode,"
    "totalAmountExcludingTax,totalTaxAmount,totalAmountIncludingTax,status,lastModifiedDateTime"
)
_FIELDS = {
    "salesInvoices": f"{_DOC},dueDate,customerPurchaseOrderReference,remainingAmount",
    "salesCreditMemos": f"{_DOC},creditMemoDate,invoiceId,invoiceNumber",
}


def headers(page: int = PAGE) -> dict[str, str]:
    """What every request says: read only, so many rows a page, errors in English."""
    return {
        "Data-Access-Intent": "ReadOnly",
        "Prefer": f"odata.maxpagesize={page}",
        "Accept-Language": "en-US",
    }


def read_fault(body: Any) -> Fault | None:
    """OData: `error.code` and `error.message`."""
    error = body["error"]
    return Fault(str(error.get("code", "")), str(error.get("message", "")))


@dataclass(frozen=True, slots=True)
class BusinessCentral:
    """One environment; `companies` are read, by id or name, or all that are seen."""

    wire: Wire
    base: str
    tenant: str
    environment: str
    companies: tuple[str, ...] = ()

    system = "business_central"
    capabilities = CAPABILITIES
    overlap = timedelta(minutes=10)
    remembers = None
    ids_at_once = 20

    def identify(self) -> Identity:
        """The environment and its companies, with their own currencies."""
        look = self.look()
        seen = [
            Entity(key, name, look.home_currency(key)) for key, name in look.known().items()
        ]
        account = f"{self.tenant}/{self.environment}"
        return Identity("Business Central", account, entities=tuple(seen))

    def locks(self) -> tuple[PeriodLock, ...]:
        """What lies before the first day of posting, and closed periods."""
        found: list[PeriodLock] = []
        for company in self.look().known():
            for row in self.listed(company, "generalLedgerSetup", {}):
                first = row_of.day(text(row, "allowPostingFrom"), "the ledger setup")
                if first is not None:
                    found.append(PeriodLock(company, first - timedelta(days=1)))
            rows = list(self.listed(company, "accountingPeriods", {}))
            ranges = closed_ranges(rows)
            if ranges:
                found.append(PeriodLock(company, ranges=ranges))
        return tuple(found)

    def look(self) -> "BusinessCentralLook":
        """A look that remembers companies, and on a sweep every credit memo."""
        return BusinessCentralLook(self)

    def root(self) -> str:
        """The path of the API in this environment."""
        return (
            f"/v2.0/{segment(self.tenant)}/{segment(self.environment)}/api/v2.0/companies"
        )

    def listed(self, company: str, what: str, query: Params) -> Iterator[Mapping[str, Any]]:
        """Every row, by the server's own links; its position is never counted by us."""
        path = f"{self.root()}({company})/{what}" if company else self.root()
        params: Params | None = query
        for _ in range(PAGES_MAX):
            data = self.wire.get(path, params).data
            found = data.get("value") if isinstance(data, dict) else None
            yield from row_of.listed(
                found, f"Business Central answered {what} with no page"
            )
            link = data.get("@odata.nextLink")
            if link is None:
                return
            path, params = self._path_of(str(link)), None
        raise Incomplete(f"Business Central's list of {what} does not come to an end")

    def _path_of(self, link: str) -> str:
        """A next page is at the same host, or it is none of ours."""
        parts, ours = urlsplit(link), urlsplit(self.base)
        if (parts.scheme, parts.netloc) != (ours.scheme, ours.netloc):
            raise Incomplete(f"Business Central's next page is at {parts.netloc[:60]}")
        path = parts.path.removeprefix(ours.path)
        return f"{path}?{parts.query}" if parts.query else path


@dataclass(slots=True)
class BusinessCentralLook:
    """One look over every company."""

    book: BusinessCentral
    _known: dict[str, str] = field(default_factory=dict)
    _began: datetime | None = None
    _homes: dict[str, str] = field(default_factory=dict)
    _sweep: bool = False
    _memos: list[Memo] | None = None

    def now(self) -> datetime:
        """The time of an answer."""
        reply = self.book.wire.get(self.book.root())
        if reply.date is None:
            raise Incomplete("Business Central does not say what time it is")
        return reply.date

    def known(self) -> dict[str, str]:
        """Names of the companies to read, by id. Raises Misconfigured for one unseen."""
        if not self._known:
            rows = self.book.listed("", "companies", {})
            seen = {text(r, "id"): text(r, "name") for r in rows}
            wanted = self.book.companies or tuple(seen)
            missing = set(wanted) - seen.keys() - set(seen.values())
            if missing:
                names = ", ".join(sorted(seen.values())) or "none"
                raise Misconfigured(
                    f"company {', '.join(sorted(missing))} is not seen; seen: {names}"
                )
            self._known = {
                key: name for key, name in seen.items() if {key, name} & set(wanted)
            }
        return self._known

    def home_currency(self, company: str) -> str:
        """The currency of documents that name none."""
        if company not in self._homes:
            rows = self.book.listed(company, "companyInformation", {})
            self._homes[company] = next((text(row, "currencyCode") for row in rows), "")
        return self._homes[company]

    def invoices(self, ask: Ask) -> Iterator[list[Invoice]]:
        """Drafts and posted invoices of each company."""
        self._sweep = ask.ids is None and ask.since is None
        for company, rows in self._asked("salesInvoices", ask):
            yield [self._invoice(company, row) for row in rows]

    def memos(self, ask: Ask) -> Iterator[list[Memo]]:
        """Credit memos of each company."""
        if self._memos is not None and ask == Ask():
            yield self._memos
            return
        for company, rows in self._asked("salesCreditMemos", ask):
            yield [self._memo(company, row) for row in rows]

    def applied_to(self, invoices: Sequence[Invoice]) -> list[Applied]:
        """Memos that name one of these: by number, and on a sweep from all of them."""
        names = {one.id for one in invoices}
        if self._sweep:
            if self._memos is None:
                self._memos = [memo for some in self.memos(Ask()) for memo in some]
            found = self._memos
        else:
            found = [memo for one in invoices for memo in self._naming(one)]
        return [use for use in self.applied_from(found) if use.invoice in names]

    def applied_from(self, memos: Sequence[Memo]) -> list[Applied]:
        """A memo that is used up and names an invoice: all of it, as far as is told."""
        return [
            Applied(one.id, one.names, one.total, exact=False)
            for one in memos
            if one.names is not None
            and one.standing is Standing.POSTED
            and one.native == "Paid"
        ]

    def moved(self, since: datetime) -> Moved:  # noqa: ARG002 - no feed tells
        """Nothing tells: what is flagged is read by id."""
        return Moved()

    def _naming(self, invoice: Invoice) -> Iterator[Memo]:
        company, _, _ = invoice.id.partition("/")
        where = f"invoiceNumber eq '{_quoted(invoice.number)}'"
        query = {"$filter": where, "$select": _FIELDS["salesCreditMemos"]}
        for row in self.book.listed(company, "salesCreditMemos", query):
            yield self._memo(company, row)

    def _asked(self, what: str, ask: Ask) -> Iterator[tuple[str, list[Mapping[str, Any]]]]:
        for company in self.known():
            query: dict[str, str] = {"$select": _FIELDS[what]}
            if ask.ids is not None:
                ours = [
                    name.partition("/")[2] for name in ask.ids if name.startswith(company)
                ]
                if not ours:
                    continue
                query["$filter"] = " or ".join(f"id eq {segment(name)}" for name in ours)
            elif ask.since is not None:
                since = iso(ask.since.astimezone(UTC).replace(microsecond=0))
                query["$filter"] = f"lastModifiedDateTime ge {since}"
            listed = self.book.listed(company, what, query)
            while rows := list(islice(listed, PAGE)):
                yield company, rows

    def _invoice(self, company: str, row: Mapping[str, Any]) -> Invoice:
        number = text(row, "number")
        what = f"invoice {number or text(row, 'id')}"
        return Invoice(
            id=f"{company}/{text(row, 'id')}",
            number=number,
            standing=row_of.standing(_STATUS, _word(row), what),
            native=_word(row),
            currency=text(row, "currencyCode") or self.home_currency(company),
            total=row_of.amount(row.get("totalAmountIncludingTax"), what),
            balance=row_of.amount(row.get("remainingAmount") or 0, what),
            tax=row_of.amount(row.get("totalTaxAmount") or 0, what),
            references=(
                text(row, "externalDocumentNumber"),
                text(row, "customerPurchaseOrderReference"),
            ),
            customer=text(row, "customerNumber"),
            entity=company,
            posted_on=row_of.day(text(row, "postingDate"), what),
            due_on=row_of.day(text(row, "dueDate"), what),
            url=self._url(company, number),
        )

    def _memo(self, company: str, row: Mapping[str, Any]) -> Memo:
        number = text(row, "number")
        what = f"credit memo {number or text(row, 'id')}"
        named = text(row, "invoiceId")
        return Memo(
            id=f"{company}/{text(row, 'id')}",
            number=number,
            standing=row_of.standing(_STATUS, _word(row), what),
            native=_word(row),
            currency=text(row, "currencyCode") or self.home_currency(company),
            total=row_of.amount(row.get("totalAmountIncludingTax"), what),
            tax=row_of.amount(row.get("totalTaxAmount") or 0, what),
            names=f"{company}/{named}" if named not in {"", NOBODY} else None,
            text=text(row, "externalDocumentNumber"),
            customer=text(row, "customerNumber"),
            entity=company,
            posted_on=row_of.day(text(row, "postingDate"), what),
            document_on=row_of.day(text(row, "creditMemoDate"), what),
            left=Decimal(0) if _word(row) == "Paid" else None,
        )

    def _url(self, company: str, number: str) -> str:
        """The page of posted sales invoices, filtered to this one."""
        query = {
            "company": self.known()[company],
            "page": "143",
            "filter": f"'No.' IS '{number}'",
        }
        place = f"{segment(self.book.tenant)}/{segment(self.book.environment)}"
        said = urlencode(query, quote_via=quote)
        return f"https://businesscentral.dynamics.com/{place}?{said}"


def closed_ranges(periods: Sequence[Mapping[str, Any]]) -> tuple[tuple[date, date], ...]:
    """Closed or locked periods, each from its first day to the day before the next one."""
    days = [row_of.day(text(row, "startingDate"), "a period") for row in periods]
    starts = sorted(
        (first, bool(row.get("closed") or row.get("dateLocked")))
        for first, row in zip(days, periods, strict=True)
        if first is not None
    )
    return tuple(
        (first, after - timedelta(days=1))
        for (first, closed), (after, _) in pairwise(starts)
        if closed
    )


def _word(row: Mapping[str, Any]) -> str:
    """The status; OData writes a space in a word as _x0020_."""
    return text(row, "status").replace("_x0020_", " ").strip()


def _quoted(value: str) -> str:
    return value.replace("'", "''")
