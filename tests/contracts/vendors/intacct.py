"""Sage Intacct's face: a query service that knows fields, filters and pages."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, ClassVar

from requests import PreparedRequest

from connectors.erp.faults import Faults
from connectors.erp.intacct import (
    MEANINGS,
    REMEDIES,
    RETRY_HEADERS,
    Intacct,
    read_fault,
)
from connectors.erp.register import VendorRegister
from connectors.ports import Register
from tests.contracts.vendors.desk import Doc, VendorDesk, major

ENTITIES = ("US", "UK")
STAMP = "audit.modifiedDateTime"


@dataclass
class IntacctDesk(VendorDesk):
    url: ClassVar[str] = "https://api.intacct.com"
    first_id: ClassVar[int] = 290
    entities: tuple[str, ...] = ()
    more: list[dict[str, Any]] = field(default_factory=list)  # adjustments as they are
    states: dict[str, str] = field(default_factory=dict)  # spelt otherwise

    def made(self) -> Register:
        judge = Faults(self.clock, read_fault, MEANINGS, REMEDIES, RETRY_HEADERS)
        source = Intacct(self.wire(judge=judge), "acme", self.entities, self.page)
        return VendorRegister("books", source)

    def error(self, status: int) -> Any:
        code = {429: "GW-0010", 401: "tokenInvalid"}.get(status, "other")
        return {"ia::error": {"code": code, "message": "no"}, "ia::meta": {"totalError": 1}}

    def face(self, request: PreparedRequest) -> tuple[int, Any]:
        if request.method != "POST" or "/ia/api/v1/services/core/query" not in str(
            request.url
        ):
            return self.wrong(f"Intacct has no {request.method} {request.url}")
        asked = json.loads(request.body or "{}")
        if (
            "*" in asked["fields"]
            or asked["size"] > 4000
            or asked["orderBy"] != [{"key": "asc"}]
        ):
            return self.wrong(f"Intacct cannot answer {asked}")
        if not asked["filterParameters"]["includePrivate"]:
            return self.wrong("what is private to an entity would be missing")
        rows = [
            row for row in self.all_rows(asked["object"]) if fits(row, asked["filters"])
        ]
        rows.sort(key=lambda row: int(row["key"]))
        first = asked["start"] - 1
        page = rows[first : first + asked["size"]]
        after = first + asked["size"] + 1
        meta = {
            "totalCount": len(rows),
            "start": asked["start"],
            "pageSize": asked["size"],
            "next": after if after <= len(rows) else None,
        }
        shown = [{name: row.get(name) for name in asked["fields"]} for row in page]
        return 200, {"ia::result": shown, "ia::meta": meta}

    def all_rows(self, kind: str) -> list[dict[str, Any]]:
        match kind:
            case "accounts-receivable/invoice":
                return [self.invoice_row(one) for one in self.invoices.values()]
            case "accounts-receivable/adjustment":
                return [*(self.memo_row(one) for one in self.memos.values()), *self.more]
            case "accounts-receivable/payment-detail":
                return [
                    row for n, use in enumerate(self.uses) for row in self.lines(n, use)
                ]
            case "company-config/entity":
                return [
                    {"key": str(n), "id": name, "name": name}
                    for n, name in enumerate(ENTITIES)
                ]
        self.violations.append(f"Intacct has no object {kind}")
        return []

    def lines(self, n: int, use: Any) -> list[dict[str, Any]]:
        """One application is told line by line, and beside it what was paid in cash."""
        parts = [use.minor // 3, use.minor - use.minor // 3]
        return [
            {
                "key": str(500 + 2 * n + m),
                "arInvoice.key": use.invoice,
                "arAdjustment.key": use.memo,
                "txnCurrency.adjustmentAmount": str(major(part)),
                STAMP: told(use.stamp),
            }
            for m, part in enumerate(parts)
        ]

    def state(self, one: Doc, left: int) -> str:
        if one.id in self.states:
            return self.states[one.id]
        if one.void:
            return "reversed"
        if one.draft:
            return "draft"
        return "posted" if left == one.minor else "partiallyPaid" if left else "paid"

    def common(self, one: Doc, left: int) -> dict[str, Any]:
        return {
            "key": one.id,
            "state": self.state(one, left),
            "customer.id": f"C-{one.customer}",
            "entity.id": ENTITIES[one.entity],
            STAMP: told(one.stamp),
        }

    def invoice_row(self, one: Doc) -> dict[str, Any]:
        left = self.open(one)
        return {
            **self.common(one, left),
            "invoiceNumber": one.number,
            "referenceNumber": one.reference,
            "invoiceDate": one.on.isoformat(),
            "totalTxnAmount": str(major(one.minor)),
            "totalTxnAmountDue": str(major(left)),
            "currency.txnCurrency": one.currency,
            "moduleKey": "4.AR",
        }

    def memo_row(self, one: Doc) -> dict[str, Any]:
        left = one.minor - self.used(one.id)
        return {
            **self.common(one, left),
            "adjustmentNumber": one.number,
            "createdDate": one.on.isoformat(),
            "txnCurrency.totalEntered": str(major(-one.minor)),
            "txnCurrency.totalDue": str(major(-left)),
            "txnCurrency.currency": one.currency,
        }


def told(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


def fits(row: Mapping[str, Any], filters: list[Any]) -> bool:
    for one in filters:
        ((word, terms),) = one.items()
        ((name, value),) = terms.items()
        if word == "$in" and row.get(name) not in value:
            return False
        if word == "$gte" and row[name] < value:
            return False
    return True
