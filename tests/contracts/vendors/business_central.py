"""Business Central's face: OData with the server's own paging, and no void."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, ClassVar
from urllib.parse import parse_qs, unquote, urlsplit

from requests import PreparedRequest

from connectors.erp.business_central import (
    MEANINGS,
    NOBODY,
    BusinessCentral,
    headers,
    read_fault,
)
from connectors.erp.faults import Faults
from connectors.erp.register import VendorRegister
from connectors.ports import Register
from tests.contracts.vendors.desk import Doc, VendorDesk, number

ROOT = "/v2.0/tenant-1/production/api/v2.0/companies"
COMPANIES = {
    "11111111-0000-4000-8000-000000000001": ("CRONUS US", "USD"),
    "11111111-0000-4000-8000-000000000002": ("CRONUS UK", "GBP"),
}
IDS = re.compile(r"id eq ([0-9a-f-]{36})")
NUMBER = re.compile(r"invoiceNumber eq '(.*)'")
SINCE = re.compile(r"lastModifiedDateTime ge (\S+)")


@dataclass
class BusinessCentralDesk(VendorDesk):
    url: ClassVar[str] = "https://api.businesscentral.dynamics.com"
    first_id: ClassVar[int] = 1000
    companies: tuple[str, ...] = ()
    unnamed: bool = False  # documents in the local currency name none
    setup: dict[str, str] = field(default_factory=dict)
    periods: list[dict[str, Any]] = field(default_factory=list)
    elsewhere: bool = False  # the link to the next page leads away
    statuses: dict[str, str] = field(default_factory=dict)

    def made(self) -> Register:
        wire = self.wire(
            judge=Faults(self.clock, read_fault, MEANINGS), headers=headers(self.page)
        )
        source = BusinessCentral(wire, self.url, "tenant-1", "production", self.companies)
        return VendorRegister("books", source)

    def id_of(self, number: int) -> str:
        return f"9e0f5c9c-44e3-ea11-bb43-{number:012d}"

    def shown(self, name: str) -> str:
        return f"{list(COMPANIES)[self.invoices[name].entity]}/{name}"

    def inner(self, document_id: str) -> str:
        return document_id.rpartition("/")[2]

    def error(self, status: int) -> Any:
        code = "Internal_ServerError" if status >= 500 else "Application_DialogException"
        return {"error": {"code": code, "message": "no  CorrelationId:  0."}}

    def void(self, document_id: str) -> None:
        """Cancelling posts a corrective credit memo for the whole of it."""
        super().void(document_id)
        one = self.known(document_id)
        name, told = self.new("CR")
        self.memos[name] = Doc(
            name, told, "", one.minor, one.currency, one.entity, False, self.clock.now(),
            names=one.id,
        )  # fmt: skip
        self.statuses[name] = "Corrective"

    def credit(self, document_id: str, minor: int, *, how: str = "applied") -> str:
        name = super().credit(document_id, minor, how=how)
        return f"{list(COMPANIES)[self.memos[name].entity]}/{name}"

    def face(self, request: PreparedRequest) -> tuple[int, Any]:
        parts = urlsplit(str(request.url))
        if "$top" in parts.query or "$skip=" in parts.query or "+" in parts.query:
            return self.wrong(f"Business Central was asked {parts.query}")
        if (
            request.headers.get("Data-Access-Intent") != "ReadOnly"
            or request.method != "GET"
        ):
            return self.wrong("a reading says that it only reads")
        query = {name: value[0] for name, value in parse_qs(parts.query).items()}
        if parts.path == ROOT:
            names = [{"id": key, "name": name} for key, (name, _) in COMPANIES.items()]
            return 200, {"value": names}
        found = re.fullmatch(re.escape(ROOT) + r"\((.*?)\)/(\w+)", unquote(parts.path))
        if found is None:
            return self.wrong(f"Business Central has no {parts.path}")
        company = list(COMPANIES).index(found[1])
        match found[2]:
            case "companyInformation":
                return 200, {"value": [{"currencyCode": COMPANIES[found[1]][1]}]}
            case "generalLedgerSetup":
                return 200, {"value": [self.setup]}
            case "accountingPeriods":
                return 200, {"value": self.periods}
            case "salesInvoices":
                rows = [
                    self.invoice_row(one)
                    for one in self.invoices.values()
                    if one.entity == company
                ]
            case "salesCreditMemos":
                rows = [
                    self.memo_row(one)
                    for one in self.memos.values()
                    if one.entity == company
                ]
            case _:
                return self.wrong(f"Business Central has no {parts.path}")
        return self.paged(parts.path, query, rows)

    def paged(
        self, path: str, query: Mapping[str, str], rows: list[dict[str, Any]]
    ) -> tuple[int, Any]:
        where = query.get("$filter", "")
        if wanted := IDS.findall(where):
            rows = [row for row in rows if row["id"] in wanted]
        elif named := NUMBER.fullmatch(where):
            rows = [row for row in rows if row["invoiceNumber"] == named[1]]
        elif since := SINCE.fullmatch(where):
            rows = [row for row in rows if row["lastModifiedDateTime"] >= since[1]]
        elif where:
            return self.wrong(f"Business Central cannot filter by {where!r}")
        first = int(query.get("$skiptoken", "0"))
        body: dict[str, Any] = {"value": rows[first : first + self.page]}
        if first + self.page < len(rows):
            host = "https://elsewhere.example" if self.elsewhere else self.url
            rest = f"&$filter={where.replace(' ', '%20')}" if where else ""
            body["@odata.nextLink"] = f"{host}{path}?$skiptoken={first + self.page}{rest}"
        return 200, body

    def status(self, one: Doc, left: int) -> str:
        if one.id in self.statuses:
            return self.statuses[one.id]
        if one.void:
            return "Canceled"
        if one.draft:
            return "Draft"
        return "Open" if left else "Paid"

    def common(self, one: Doc, left: int) -> dict[str, Any]:
        return {
            "id": one.id,
            "number": one.number,
            "externalDocumentNumber": one.reference[:35],
            "postingDate": one.on.isoformat(),
            "customerNumber": one.customer,
            "currencyCode": "" if self.unnamed else one.currency,
            "totalAmountIncludingTax": number(one.minor),
            "totalAmountExcludingTax": number(one.minor - one.tax),
            "totalTaxAmount": number(one.tax),
            "status": self.status(one, left),
            "lastModifiedDateTime": told(one.stamp),
        }

    def invoice_row(self, one: Doc) -> dict[str, Any]:
        left = self.open(one)
        return {
            **self.common(one, left),
            "dueDate": "0001-01-01",
            "customerPurchaseOrderReference": "",
            "remainingAmount": number(left),
        }

    def memo_row(self, one: Doc) -> dict[str, Any]:
        """Applied before posting, it names its invoice; applied by hand later, it does not."""
        used = next((use.invoice for use in self.uses if use.memo == one.id), "")
        if self.statuses.get(one.id) == "Corrective":
            used = one.names
        number_of = self.invoices[used].number if used in self.invoices else ""
        left = one.minor - self.used(one.id)
        return {
            **self.common(one, left),
            "invoiceId": used or NOBODY,
            "invoiceNumber": number_of,
        }


def told(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")
