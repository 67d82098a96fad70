"""QuickBooks' face: queries without OR, a change feed, and payments that hold the credits."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, ClassVar
from urllib.parse import parse_qs, urlsplit

from requests import PreparedRequest

from connectors.erp.faults import Faults
from connectors.erp.quickbooks import MEANINGS, REMEDIES, QuickBooks, read_fault
from connectors.erp.register import VendorRegister
from connectors.ports import Register
from tests.contracts.registers import DRAFT, DRAFT_MEMO, ENTITIES
from tests.contracts.vendors.desk import Doc, VendorDesk, number

QUERY = re.compile(
    r"SELECT \* FROM (Invoice|CreditMemo|Payment)(?: WHERE (.+?))?"
    r" ORDERBY Id STARTPOSITION (\d+) MAXRESULTS (\d+)"
)
IN = re.compile(r"(Id|CustomerRef) IN \((.*)\)")
SINCE = re.compile(r"MetaData\.LastUpdatedTime >= '(.*)'")


@dataclass
class QuickBooksDesk(VendorDesk):
    lacks: ClassVar[frozenset[str]] = frozenset({DRAFT, DRAFT_MEMO, ENTITIES})
    url: ClassVar[str] = "https://quickbooks.api.intuit.com"
    first_id: ClassVar[int] = 140
    payments: list[dict[str, Any]] = field(default_factory=list)  # made as such
    closed: str = ""
    feed_more: int = 0  # changed objects that are no deletions
    multicurrency: bool = True

    def made(self) -> Register:
        judge = Faults(self.clock, read_fault, MEANINGS, REMEDIES, pause=60.0)
        return VendorRegister(
            "books", QuickBooks(self.wire(judge=judge), "9130", self.page)
        )

    def error(self, status: int) -> Any:
        first = {"Message": "no", "Detail": "not so", "code": "4000"}
        return {"Fault": {"Error": [first], "type": "ValidationFault"}, "time": self.time()}

    def time(self) -> str:
        return self.clock.now().isoformat()

    def face(self, request: PreparedRequest) -> tuple[int, Any]:
        parts = urlsplit(str(request.url))
        query = {name: value[0] for name, value in parse_qs(parts.query).items()}
        if request.method != "GET" or query.get("minorversion") != "75":
            return self.wrong(f"QuickBooks was asked {request.method} without a version")
        match parts.path.removeprefix("/v3/company/9130/"):
            case "companyinfo/9130":
                return 200, {"CompanyInfo": {"CompanyName": "Acme"}}
            case "preferences":
                books = {"BookCloseDate": self.closed} if self.closed else {}
                home = {"HomeCurrency": {"value": "USD"}}
                return 200, {
                    "Preferences": {"AccountingInfoPrefs": books, "CurrencyPrefs": home}
                }
            case "cdc":
                return 200, self.feed(query)
            case "query":
                return self.queried(query["query"])
        return self.wrong(f"QuickBooks has no {parts.path}")

    def feed(self, query: Mapping[str, str]) -> Any:
        since = datetime.fromisoformat(query["changedSince"])
        rows = [
            {"Id": name, "status": "Deleted", "domain": "QBO"}
            for name, at in self.deleted.items()
            if at >= since
        ]
        rows += [{"Id": str(10_000 + n), "domain": "QBO"} for n in range(self.feed_more)]
        answer = {"Invoice": rows} if rows else {}
        return {"CDCResponse": [{"QueryResponse": [answer]}], "time": self.time()}

    def queried(self, text: str) -> tuple[int, Any]:
        if text == "SELECT COUNT(*) FROM Invoice":
            return 200, {
                "QueryResponse": {"totalCount": len(self.invoices)},
                "time": self.time(),
            }
        found = QUERY.fullmatch(text)
        if found is None or " OR " in text:
            return self.wrong(f"QuickBooks cannot read {text!r}")
        kind, where, start, size = found[1], found[2] or "", int(found[3]), int(found[4])
        rows = sorted(self.all_rows(kind), key=lambda row: int(row["Id"]))
        if keys := IN.fullmatch(where):
            wanted = set(keys[2].replace("'", "").split(","))
            rows = [
                row for row in rows
                if (row["Id"] if keys[1] == "Id" else row["CustomerRef"]["value"]) in wanted
            ]  # fmt: skip
        elif since := SINCE.fullmatch(where):
            from_ = datetime.fromisoformat(since[1])
            rows = [
                row for row in rows
                if datetime.fromisoformat(row["MetaData"]["LastUpdatedTime"]) >= from_
            ]  # fmt: skip
        elif where:
            return self.wrong(f"QuickBooks cannot filter by {where!r}")
        page = rows[start - 1 : start - 1 + size]
        answer = (
            {kind: page, "startPosition": start, "maxResults": len(page)} if page else {}
        )
        return 200, {"QueryResponse": answer, "time": self.time()}

    def all_rows(self, kind: str) -> list[dict[str, Any]]:
        match kind:
            case "Invoice":
                return [self.invoice_row(one) for one in self.invoices.values()]
            case "CreditMemo":
                return [self.memo_row(one) for one in self.memos.values()]
        return [*self.applications(), *self.payments]

    def common(self, one: Doc) -> dict[str, Any]:
        row = {
            "Id": one.id,
            "SyncToken": "0",
            "DocNumber": one.number,
            "TxnDate": one.on.isoformat(),
            "CustomerRef": {"value": one.customer},
            "TotalAmt": number(0 if one.void else one.minor),
            "PrivateNote": "Voided - usage" if one.void else "usage",
            "MetaData": {"LastUpdatedTime": one.stamp.isoformat()},
        }
        if self.multicurrency:
            row["CurrencyRef"] = {"value": one.currency}
        if one.tax and not one.void:
            row["TxnTaxDetail"] = {"TotalTax": number(one.tax)}
        return row

    def invoice_row(self, one: Doc) -> dict[str, Any]:
        links = [
            {"TxnId": row["Id"], "TxnType": "Payment"}
            for row in self.all_rows("Payment")
            if one.id in str(row["Line"])
        ]
        custom = [{"Name": "Billing ID", "StringValue": one.reference}]
        left = number(self.open(one))
        return {
            **self.common(one),
            "Balance": left,
            "CustomField": custom,
            "LinkedTxn": links,
        }

    def memo_row(self, one: Doc) -> dict[str, Any]:
        left = number(0 if one.void else one.minor - self.used(one.id))
        return {**self.common(one), "RemainingCredit": left, "Balance": left}

    def applications(self) -> list[dict[str, Any]]:
        """A credit is applied by a payment of 0, in one line or in two."""
        found = []
        for n, use in enumerate(self.uses):
            invoice = {"TxnId": use.invoice, "TxnType": "Invoice"}
            memo = {"TxnId": use.memo, "TxnType": "CreditMemo"}
            lines = [[invoice, memo]] if n % 2 else [[invoice], [memo]]
            owner = self.memos[use.memo].customer
            found.append(
                payment(
                    str(5000 + n), owner, use.stamp, [(use.minor, line) for line in lines]
                )
            )
        return found


def payment(
    name: str,
    customer: str,
    stamp: datetime,
    lines: list[tuple[int, list[dict[str, str]]]],
    cash: int = 0,
) -> dict[str, Any]:
    return {
        "Id": name,
        "CustomerRef": {"value": customer},
        "TotalAmt": number(cash),
        "UnappliedAmt": 0,
        "Line": [{"Amount": number(minor), "LinkedTxn": links} for minor, links in lines],
        "MetaData": {"LastUpdatedTime": stamp.isoformat()},
    }
