"""NetSuite's face: SuiteQL on a real SQL engine, so that the queries themselves are run."""

import json
import re
import sqlite3
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, ClassVar
from urllib.parse import parse_qs, urlsplit

from requests import PreparedRequest

from connectors.erp.faults import Faults
from connectors.erp.netsuite import MEANINGS, REMEDIES, NetSuite, read_fault
from connectors.erp.register import VendorRegister
from connectors.ports import Register
from tests.contracts.vendors.desk import Doc, VendorDesk, major

TABLES = """
CREATE TABLE "transaction" (id INTEGER, type, tranid, externalid, otherrefnum, memo, entity,
  trandate, duedate, status, voided, foreigntotal, foreignamountunpaid, currency, lastmodifieddate);
CREATE TABLE transactionline (transaction_ INTEGER, mainline, taxline, subsidiary, foreignamount);
CREATE TABLE nexttransactionlinelink (previousdoc INTEGER, nextdoc INTEGER, foreignamount, linktype);
CREATE TABLE deletedrecord (recordid INTEGER, type, deleteddate);
CREATE TABLE accountingperiod (id INTEGER, startdate, enddate, isposting, closed, alllocked, arlocked);
CREATE TABLE subsidiary (id INTEGER, name, currency);
"""
STATUS = {"A": "Open", "B": "Paid In Full", "D": "Pending Approval", "V": "Voided"}
FAULTS = {"401": "INVALID_LOGIN", "429": "SSS_REQUEST_LIMIT_EXCEEDED"}
ZONE = timedelta(hours=-7)  # stamps are in the account's zone, and say nothing of it


@dataclass
class NetSuiteDesk(VendorDesk):
    url: ClassVar[str] = "https://1234567-sb1.suitetalk.api.netsuite.com"
    subsidiaries: tuple[str, ...] = ()
    periods: tuple[tuple[str, str], ...] = ()
    links: tuple[tuple[str, str, str, str], ...] = ()  # more of them, as rows
    cap: int = 10**9
    statuses: str = ""  # another letter than NetSuite's own

    def made(self) -> Register:
        judge = Faults(self.clock, read_fault, MEANINGS, REMEDIES)
        wire = self.wire(judge=judge, headers={"Prefer": "transient"})
        return VendorRegister(
            "books", NetSuite(wire, "1234567_SB1", self.subsidiaries, self.page)
        )

    def error(self, status: int) -> Any:
        code = FAULTS.get(str(status), "OTHER")
        return {
            "status": status,
            "title": "No",
            "o:errorDetails": [{"detail": "no", "o:errorCode": code}],
        }

    def face(self, request: PreparedRequest) -> tuple[int, Any]:
        parts = urlsplit(str(request.url))
        if parts.path != "/services/rest/query/v1/suiteql" or request.method != "POST":
            return self.wrong(f"NetSuite has no {request.method} {parts.path}")
        if request.headers.get("Prefer") != "transient":
            return self.wrong("SuiteQL wants the header Prefer: transient")
        query = {name: int(value[0]) for name, value in parse_qs(parts.query).items()}
        sql = json.loads(request.body or "{}")["q"]
        if "ORDER BY" not in sql and "MAX(" not in sql:
            self.violations.append("pages without ORDER BY repeat and lose rows")
        rows = self.run(sql)[: self.cap]
        page = rows[query["offset"] : query["offset"] + query["limit"]]
        more = query["offset"] + query["limit"] < len(rows)
        return 200, {
            "items": page,
            "count": len(page),
            "hasMore": more,
            "totalResults": len(rows),
        }

    def run(self, sql: str) -> list[dict[str, str]]:
        base = sqlite3.connect(":memory:")
        base.row_factory = sqlite3.Row
        base.create_function("DF", 1, self.displayed)
        base.create_function("TO_CHAR", 2, lambda value, _: value)
        base.create_function("TO_TIMESTAMP", 2, lambda value, _: value)
        base.executescript(TABLES)
        self.fill(base)
        said = re.sub(
            r"\.transaction\b", ".transaction_", sql.replace("BUILTIN.DF(", "DF(")
        )
        said = re.sub(r"\b(FROM|JOIN) transaction\b", r'\1 "transaction"', said)
        rows = [
            {name: str(row[name]) for name in row.keys() if row[name] is not None}  # noqa: SIM118 - a Row's
            for row in base.execute(said)
        ]
        base.close()
        return rows

    def displayed(self, value: Any) -> str:
        return f"Invoice : {STATUS[value]}" if value in STATUS else str(value)

    def fill(self, base: sqlite3.Connection) -> None:
        for kind, docs in (("CustInvc", self.invoices), ("CustCred", self.memos)):
            for one in docs.values():
                self.post(base, kind, one)
        links = [(u.invoice, u.memo, str(major(u.minor)), "Payment") for u in self.uses]
        base.executemany(
            "INSERT INTO nexttransactionlinelink VALUES (?,?,?,?)", [*links, *self.links]
        )
        paying = {one[1] for one in self.links} - self.memos.keys()
        base.executemany(
            'INSERT INTO "transaction" (id, type) VALUES (?,?)',
            [(n, "CustPymt") for n in paying],
        )
        gone = [(name, "CustInvc", stamp(at)) for name, at in self.deleted.items()]
        base.executemany("INSERT INTO deletedrecord VALUES (?,?,?)", gone)
        closed = [(n, *days, "T", "F", "F", "T") for n, days in enumerate(self.periods)]
        base.executemany("INSERT INTO accountingperiod VALUES (?,?,?,?,?,?,?)", closed)
        base.executemany(
            "INSERT INTO subsidiary VALUES (?,?,?)", [(1, "US", "USD"), (2, "UK", "GBP")]
        )

    def post(self, base: sqlite3.Connection, kind: str, one: Doc) -> None:
        memo = kind == "CustCred"
        left = one.minor - self.used(one.id) if memo else self.open(one)
        status = self.statuses or (
            "V" if one.void else "D" if one.draft else "A" if left else "B"
        )
        total = 0 if one.void else -one.minor if memo else one.minor
        base.execute(
            'INSERT INTO "transaction" VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?,?,?)',
            (one.id, kind, one.number, one.reference or None, None, "VOID" if one.void else None,
             one.customer, one.on.isoformat(), None, status, "T" if one.void else "F",
             str(major(total)), str(major(0 if memo else left)), one.currency, stamp(one.stamp)),
        )  # fmt: skip
        lines = [(one.id, "T", "F", one.entity + 1, str(major(total)))]
        if one.tax and not one.void:
            lines.append((one.id, "F", "T", one.entity + 1, str(major(-one.tax))))
        base.executemany("INSERT INTO transactionline VALUES (?,?,?,?,?)", lines)


def stamp(moment: datetime) -> str:
    return (moment + ZONE).strftime("%Y-%m-%dT%H:%M:%S")
