"""Xero's face: pages in an order, a header for what changed, allocations on credit notes."""

import json
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, ClassVar
from urllib.parse import parse_qs, urlsplit

from requests import PreparedRequest

from connectors.erp.faults import Faults
from connectors.erp.register import VendorRegister
from connectors.erp.xero import MEANINGS, REMEDIES, Xero, day_over, read_fault
from connectors.ports import Register
from tests.contracts.registers import DELETE, ENTITIES
from tests.contracts.vendors.desk import Doc, VendorDesk, number

TENANT = "45e4708e-d862-4111-ab3a-dd8cd03913e1"
TITLES = {401: "Unauthorized", 403: "Forbidden"}


@dataclass
class XeroDesk(VendorDesk):
    lacks: ClassVar[frozenset[str]] = frozenset({DELETE, ENTITIES})
    url: ClassVar[str] = "https://api.xero.com"
    first_id: ClassVar[int] = 1000
    locked: tuple[str, str] = ("", "")  # as Xero writes them
    told: bool = True  # does an invoice say how much each credit note took off?
    dropped: set[int] = field(default_factory=set)  # drafts that were deleted
    undone: list[dict[str, Any]] = field(default_factory=list)  # allocations taken back
    prepaid: dict[str, int] = field(default_factory=dict)  # by invoice
    history: dict[str, list[str]] = field(default_factory=dict)
    keys: list[str] = field(default_factory=list)
    source: Xero = field(init=False)

    def made(self) -> Register:
        judge = Faults(self.clock, read_fault, MEANINGS, REMEDIES, day_over=day_over)
        wire = self.wire(judge=judge, headers={"Xero-Tenant-Id": TENANT})
        self.source = Xero(wire, TENANT, self.page)
        return VendorRegister("books", self.source)

    def id_of(self, number: int) -> str:
        return f"00000000-0000-4000-8000-{number:012d}"

    def error(self, status: int) -> Any:
        if status in TITLES:
            return {"Type": None, "Title": TITLES[status], "Status": status, "Detail": "no"}
        return {
            "ErrorNumber": 10,
            "Type": "ValidationException",
            "Message": "no",
            "Elements": [],
        }

    def face(self, request: PreparedRequest) -> tuple[int, Any]:
        parts = urlsplit(str(request.url))
        if request.headers.get("Xero-Tenant-Id") != TENANT:
            return 403, self.error(403)
        query = {name: value[0] for name, value in parse_qs(parts.query).items()}
        since = request.headers.get("If-Modified-Since")
        after = None if since is None else datetime.fromisoformat(since).replace(tzinfo=UTC)
        match parts.path.removeprefix("/api.xro/2.0").split("/")[1:]:
            case ["connections"]:
                return 200, [{"tenantId": TENANT, "tenantName": "Acme"}]
            case ["Organisation"]:
                row = {"Name": "Acme", "BaseCurrency": "USD"}
                names = ("PeriodLockDate", "EndOfYearLockDate")
                row |= {
                    name: value
                    for name, value in zip(names, self.locked, strict=True)
                    if value
                }
                return 200, self.enveloped({"Organisations": [row]})
            case ["Invoices"]:
                return self.listed("Invoices", 'Type=="ACCREC"', query, after)
            case ["CreditNotes"]:
                return self.listed("CreditNotes", 'Type=="ACCRECCREDIT"', query, after)
            case ["CreditNotes", name]:
                if name not in self.memos:
                    return 404, {"Title": "NotFound", "Status": 404}
                return 200, self.enveloped(
                    {"CreditNotes": [self.memo_row(self.memos[name])]}
                )
            case ["Invoices", name, "History"]:
                return self.noted(name, request)
        return self.wrong(f"Xero has no {parts.path}")

    def enveloped(self, body: dict[str, Any]) -> dict[str, Any]:
        return {"Status": "OK", "DateTimeUTC": shown(self.clock.now()), **body}

    def listed(
        self, what: str, where: str, query: dict[str, str], since: datetime | None
    ) -> tuple[int, Any]:
        key = {"Invoices": "InvoiceID", "CreditNotes": "CreditNoteID"}[what]
        if query.get("where") != where or query.get("order") != f"{key} ASC":
            return self.wrong(f"{what} were asked for as {query}")
        docs = self.invoices if what == "Invoices" else self.memos
        row_of = self.invoice_row if what == "Invoices" else self.memo_row
        ids = query.get("IDs", "").split(",") if "IDs" in query else None
        rows = [
            row_of(one)
            for one in sorted(self.changed(docs, since), key=lambda one: one.id)
            if ids is None or one.id in ids
        ]
        page, size = int(query["page"]), int(query["pageSize"])
        pagination = {
            "page": page,
            "pageCount": -(-len(rows) // size),
            "itemCount": len(rows),
        }
        found = rows[(page - 1) * size : page * size]
        return 200, self.enveloped({"pagination": pagination, what: found})

    def apply(self, memo: str, document_id: str, minor: int) -> None:
        super().apply(memo, document_id, minor)
        for one in (self.memos[memo], self.known(document_id)):
            one.stamp = self.clock.now()

    def status(self, one: Doc, left: int) -> str:
        if int(one.id[-6:]) in self.dropped:
            return "DELETED"
        if one.void:
            return "VOIDED"
        if one.draft:
            return "DRAFT"
        return "AUTHORISED" if left else "PAID"

    def common(self, one: Doc, left: int) -> dict[str, Any]:
        return {
            "Status": self.status(one, left),
            "Reference": one.reference,
            "Contact": {"ContactID": one.customer},
            "Date": shown(datetime(one.on.year, one.on.month, one.on.day, tzinfo=UTC)),
            "Total": number(one.minor),
            "TotalTax": number(one.tax),
            "CurrencyCode": one.currency,
            "UpdatedDateUTC": shown(one.stamp),
        }

    def invoice_row(self, one: Doc) -> dict[str, Any]:
        prepaid = self.prepaid.get(one.id, 0)
        left = 0 if one.void else self.open(one) - prepaid
        notes = [
            {
                "CreditNoteID": use.memo,
                **({"AppliedAmount": number(use.minor)} if self.told else {}),
            }
            for use in self.uses
            if use.invoice == one.id and not one.void
        ]
        return {
            "Type": "ACCREC",
            "InvoiceID": one.id,
            "InvoiceNumber": one.number,
            "AmountDue": number(left),
            "AmountPaid": number(one.paid),
            "AmountCredited": number(0 if one.void else self.credited(one.id) + prepaid),
            "CreditNotes": notes,
            **self.common(one, left),
        }

    def memo_row(self, one: Doc) -> dict[str, Any]:
        left = one.minor - self.used(one.id) - one.paid
        allocations = [
            {
                "Amount": number(use.minor),
                "Invoice": {"InvoiceID": use.invoice},
                "IsDeleted": False,
            }
            for use in self.uses
            if use.memo == one.id
        ]
        return {
            "Type": "ACCRECCREDIT",
            "CreditNoteID": one.id,
            "CreditNoteNumber": one.number,
            "RemainingCredit": number(left),
            "Allocations": [*allocations, *self.undone],
            **self.common(one, left),
        }

    def noted(self, name: str, request: PreparedRequest) -> tuple[int, Any]:
        notes = self.history.setdefault(name, [])
        if request.method == "PUT":
            self.keys.append(str(request.headers.get("Idempotency-Key")))
            body = json.loads(request.body or "{}")
            notes += [row["Details"] for row in body["HistoryRecords"]]
        rows = [{"Details": note, "Changes": "Note"} for note in notes]
        return 200, {"HistoryRecords": rows}


def shown(moment: datetime) -> str:
    """As Xero writes a time."""
    return f"/Date({int(moment.timestamp() * 1000)}+0000)/"
