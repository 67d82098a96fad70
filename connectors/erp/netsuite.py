"""NetSuite by SuiteQL: read only, ordered by a unique key, applications by their links.

A void sets every amount to zero and keeps the record. A link of amount 0 is what a
voided document leaves behind. Stamps carry no time zone, so a cursor is NetSuite's own
clock and looks back over the hour that a clock repeats in autumn.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from connectors.erp import rows as row_of
from connectors.erp.faults import Fault, Meaning
from connectors.erp.register import Ask, Moved, in_sight
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
from connectors.wire import Wire

PAGE = 1000  # SuiteQL's most
ROWS_MAX = 100_000  # of one query; SuiteQL gives no more, and says nothing
STAMP = "%Y-%m-%dT%H:%M:%S"
CAPABILITIES = Capabilities(
    voiding=Voiding.ZEROED,
    cursor="lastmodifieddate, 65 min of overlap",
    deletions="deletedrecord, and by id",
    pairing=Pairing.EXACT,
    currencies=True,
    entities=True,
    locks=True,
    flags=False,
    page=PAGE,
    concurrency=1,
)
_STAMP_SQL = "'YYYY-MM-DD\"T\"HH24:MI:SS'"
_STATUS = {
    "A": Standing.POSTED,  # Open
    "B": Standing.POSTED,  # Paid In Full, or Fully Applied
    "D": Standing.DRAFT,  # Pending Approval: not in the ledger
    "E": Standing.DRAFT,  # Rejected: never was
    "V": Standing.VOID,
}
MEANINGS = {
    "SSS_REQUEST_LIMIT_EXCEEDED": Meaning.LATER,
    "WS_REQUEST_BLOCKED": Meaning.LATER,
    "CONCURRENCY_LIMIT_EXCEEDED": Meaning.LATER,
    "INVALID_LOGIN": Meaning.LOGIN,
    "INSUFFICIENT_PERMISSION": Meaning.SETTING,
    "USER_ERROR": Meaning.SETTING,
    "UNEXPECTED_ERROR": Meaning.UNSURE,
}
REMEDIES = {
    "INVALID_LOGIN": "check the certificate or token, and that its role may log in by REST",
    "INSUFFICIENT_PERMISSION": "give the role the permissions of docs/erp/netsuite.md",
}


def read_fault(body: Any) -> Fault | None:
    """NetSuite: `o:errorDetails`, a list whose first entry says what is wrong."""
    first = body["o:errorDetails"][0]
    return Fault(str(first.get("o:errorCode", "")), str(first.get("detail", "")))


@dataclass(frozen=True, slots=True)
class NetSuite:
    """One account; `subsidiaries` are read, or all that the role sees."""

    wire: Wire
    account: str
    subsidiaries: tuple[str, ...] = ()
    page: int = PAGE

    system = "netsuite"
    capabilities = CAPABILITIES
    overlap = timedelta(minutes=65)
    remembers = None
    ids_at_once = 500

    def identify(self) -> Identity:
        """A role that lacks a subsidiary loses its rows without a word: count them."""
        sql = (
            "SELECT s.id, s.name, BUILTIN.DF(s.currency) AS currency FROM subsidiary s "
            "ORDER BY s.id"
        )
        seen = [
            Entity(text(row, "id"), text(row, "name"), text(row, "currency") or None)
            for row in self._rows(sql)
        ]
        entities = in_sight(seen, self.subsidiaries, "role", "subsidiary")
        return Identity("NetSuite", self.account, entities=entities)

    def locks(self) -> tuple[PeriodLock, ...]:
        """Accounting periods that are closed, or locked for receivables."""
        sql = (
            "SELECT p.id, TO_CHAR(p.startdate,'YYYY-MM-DD') AS first, "
            "TO_CHAR(p.enddate,'YYYY-MM-DD') AS last FROM accountingperiod p "
            "WHERE p.isposting = 'T' AND "
            "(p.closed = 'T' OR p.alllocked = 'T' OR p.arlocked = 'T') ORDER BY p.id"
        )
        days = [
            (
                row_of.day(text(r, "first"), "a period"),
                row_of.day(text(r, "last"), "a period"),
            )
            for r in self._rows(sql)
        ]
        ranges = tuple((first, last) for first, last in days if first and last)
        return (PeriodLock(None, ranges=ranges),) if ranges else ()

    def look(self) -> "NetSuite":
        """Nothing is kept between questions."""
        return self

    # --- what is asked --------------------------------------------------------------

    def now(self) -> datetime:
        """The newest stamp there is, in NetSuite's own zone, held as if it were UTC."""
        sql = f"SELECT TO_CHAR(MAX(t.lastmodifieddate),{_STAMP_SQL}) AS newest FROM transaction t"
        newest = next((text(row, "newest") for row in self._rows(sql)), "")
        if not newest:
            return datetime(2000, 1, 1, tzinfo=UTC)  # an account without a transaction
        try:
            return datetime.strptime(newest, STAMP).replace(tzinfo=UTC)
        except ValueError:
            raise Incomplete(f"NetSuite's clock says {newest[:40]!r}") from None

    def invoices(self, ask: Ask) -> Iterator[list[Invoice]]:
        """Invoices by internal id: another order repeats and loses rows between pages."""
        for rows in self._transactions("CustInvc", ask):
            tax = self._tax(rows)
            yield [self._invoice(row, tax) for row in rows]

    def memos(self, ask: Ask) -> Iterator[list[Memo]]:
        """Credit memos, whose totals are negative there."""
        for rows in self._transactions("CustCred", ask):
            tax = self._tax(rows)
            yield [self._memo(row, tax) for row in rows]

    def applied_to(self, invoices: Sequence[Invoice]) -> list[Applied]:
        """Links of these invoices."""
        return self._links("previousdoc", [one.id for one in invoices])

    def applied_from(self, memos: Sequence[Memo]) -> list[Applied]:
        """Links of these memos."""
        return self._links("nextdoc", [one.id for one in memos])

    def moved(self, since: datetime) -> Moved:
        """Deleted invoices. A new link moves no stamp: flagged ones are read by id."""
        sql = (
            "SELECT d.recordid FROM deletedrecord d WHERE d.type = 'CustInvc' "
            f"AND d.deleteddate >= {_since(since)} ORDER BY d.recordid"
        )
        return Moved(frozenset(text(row, "recordid") for row in self._rows(sql)))

    # --- how it is asked ------------------------------------------------------------

    def _transactions(self, kind: str, ask: Ask) -> Iterator[list[Mapping[str, Any]]]:
        where = [f"t.type = '{kind}'"]
        if ask.ids is not None:
            where.append(f"t.id IN ({_ids(ask.ids)})")
        elif ask.since is not None:
            where.append(f"t.lastmodifieddate >= {_since(ask.since)}")
        if self.subsidiaries:
            where.append(f"tl.subsidiary IN ({_ids(self.subsidiaries)})")
        last = "0"
        while True:
            # Each page begins after the last id: counting rows off would lose some where
            # one is deleted meanwhile, and SuiteQL ends at 100,000 without a word.
            sql = (
                "SELECT t.id, t.tranid, t.externalid, t.otherrefnum, t.memo, t.entity, "
                "TO_CHAR(t.trandate,'YYYY-MM-DD') AS trandate, "
                "TO_CHAR(t.duedate,'YYYY-MM-DD') AS duedate, t.status, "
                "BUILTIN.DF(t.status) AS statusname, t.voided, t.foreigntotal, "
                "t.foreignamountunpaid, BUILTIN.DF(t.currency) AS currency, tl.subsidiary "
                "FROM transaction t JOIN transactionline tl "
                "ON tl.transaction = t.id AND tl.mainline = 'T' "
                f"WHERE {' AND '.join(where)} AND t.id > {last} ORDER BY t.id"
            )
            rows, more = self._page(sql, 0)
            if rows:
                yield rows
            if not more:
                return
            before, last = last, _ids([text(rows[-1], "id")])
            if int(last) <= int(before):
                raise Incomplete("NetSuite's list of transactions does not go on")

    def _tax(self, rows: Sequence[Mapping[str, Any]]) -> dict[str, Decimal]:
        """Tax by document: the sum of its tax lines."""
        sql = (
            "SELECT x.transaction AS doc, SUM(x.foreignamount) AS tax "
            "FROM transactionline x WHERE x.taxline = 'T' "
            f"AND x.transaction IN ({_ids(text(row, 'id') for row in rows)}) "
            "GROUP BY x.transaction ORDER BY x.transaction"
        )
        return {
            text(row, "doc"): abs(row_of.amount(row.get("tax"), "a tax line"))
            for row in self._rows(sql)
        }

    def _links(self, side: str, names: Sequence[str]) -> list[Applied]:
        """Payment-type links: the invoice is `previousdoc`, the memo `nextdoc`."""
        if not names:
            return []
        sql = (
            "SELECT l.previousdoc, l.nextdoc, SUM(l.foreignamount) AS amount "
            "FROM nexttransactionlinelink l JOIN transaction n ON n.id = l.nextdoc "
            "WHERE l.linktype = 'Payment' AND n.type = 'CustCred' "
            f"AND l.{side} IN ({_ids(names)}) "
            "GROUP BY l.previousdoc, l.nextdoc ORDER BY l.previousdoc, l.nextdoc"
        )
        # An amount of 0 is what a void leaves behind; `shapes.parts` counts it for nothing.
        return [
            Applied(
                text(row, "nextdoc"),
                text(row, "previousdoc"),
                abs(row_of.amount(row.get("amount"), "a credit application")),
            )
            for row in self._rows(sql)
        ]

    def _rows(self, sql: str) -> Iterator[Mapping[str, Any]]:
        offset, more = 0, True
        while more:
            rows, more = self._page(sql, offset)
            yield from rows
            offset += len(rows)
            if more and offset >= ROWS_MAX:
                raise Incomplete(f"NetSuite gives no more than {ROWS_MAX:,} rows a query")

    def _page(self, sql: str, offset: int) -> tuple[list[Mapping[str, Any]], bool]:
        """One page, and whether there is more."""
        data = self.wire.query(
            "/services/rest/query/v1/suiteql",
            {"q": sql},
            {"limit": self.page, "offset": offset},
        ).data
        found = data.get("items") if isinstance(data, dict) else None
        rows = row_of.listed(found, "NetSuite answered SuiteQL with no page")
        if data.get("hasMore") and not rows:
            raise Incomplete("NetSuite's list does not come to an end")
        return rows, bool(data.get("hasMore"))

    # --- what it says ---------------------------------------------------------------

    def _invoice(self, row: Mapping[str, Any], tax: Mapping[str, Decimal]) -> Invoice:
        name = text(row, "id")
        what = f"invoice {text(row, 'tranid') or name}"
        return Invoice(
            id=name,
            number=text(row, "tranid"),
            standing=_standing(row, what),
            native=text(row, "statusname") or text(row, "status"),
            currency=text(row, "currency"),
            total=row_of.amount(row.get("foreigntotal"), what),
            balance=row_of.amount(row.get("foreignamountunpaid") or 0, what),
            tax=tax.get(name, Decimal(0)),
            references=tuple(
                text(row, key) for key in ("externalid", "otherrefnum", "memo")
            ),
            customer=text(row, "entity"),
            entity=text(row, "subsidiary") or None,
            posted_on=row_of.day(text(row, "trandate"), what),
            due_on=row_of.day(text(row, "duedate"), what),
            url=f"https://{host_of(self.account)}.app.netsuite.com"
            f"/app/accounting/transactions/custinvc.nl?id={name}",
        )

    def _memo(self, row: Mapping[str, Any], tax: Mapping[str, Decimal]) -> Memo:
        name = text(row, "id")
        what = f"credit memo {text(row, 'tranid') or name}"
        return Memo(
            id=name,
            number=text(row, "tranid"),
            standing=_standing(row, what),
            native=text(row, "statusname") or text(row, "status"),
            currency=text(row, "currency"),
            total=abs(row_of.amount(row.get("foreigntotal"), what)),
            tax=tax.get(name, Decimal(0)),
            text=text(row, "memo"),
            customer=text(row, "entity"),
            entity=text(row, "subsidiary") or None,
            posted_on=row_of.day(text(row, "trandate"), what),
            document_on=row_of.day(text(row, "trandate"), what),
            # Fully Applied: what is linked to no invoice went somewhere else.
            left=Decimal(0) if _letter(row) == "B" else None,
        )


def host_of(account: str) -> str:
    """1234567_SB1 is served at 1234567-sb1."""
    return account.lower().replace("_", "-")


def _standing(row: Mapping[str, Any], what: str) -> Standing:
    if text(row, "voided") == "T":
        return Standing.VOID
    return row_of.standing(_STATUS, _letter(row), what)


def _letter(row: Mapping[str, Any]) -> str:
    return text(row, "status").rpartition(":")[2].strip()


def _since(moment: datetime) -> str:
    return f"TO_TIMESTAMP('{moment.strftime(STAMP)}',{_STAMP_SQL})"


def _ids(names: Iterable[str]) -> str:
    """Internal ids for an IN; anything but digits would be read as SQL. Raises Incomplete."""
    some = list(names)
    for name in some:
        if not (name.isascii() and name.isdigit()):
            raise Incomplete(f"{name[:40]!r} is no internal id of NetSuite")
    return ",".join(some)
