"""A Tryton of the tests' own, behind `responses`: the answers in the shape of the real one.

It keeps invoices and their lines as Tryton 8.2 shows them over REST, with its own classes
for amounts, days and times. The same contract runs against a real Tryton (tests/live).
"""

import base64
import json
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any
from urllib.parse import parse_qs, urlsplit

import responses

URL = "https://tryton.example.test"
KEY = "a-key-nobody-may-see"
Row = dict[str, Any]


class FakeTryton:
    """Its invoices, lines and periods, its clock, and what goes wrong next."""

    def __init__(self, mock: responses.RequestsMock) -> None:
        self.now = datetime(2026, 11, 24, 12, 0, 0, 123456, tzinfo=UTC)
        self.faults: list[str] = []
        self.asked: list[tuple[str, list[Any]]] = []
        self.tables: dict[str, dict[int, Row]] = {
            "account.invoice": {},
            "account.invoice.line": {},
            "account.period": {},
            "company.company": {
                1: {"id": 1, "party": {"id": 1, "name": "Acme"},
                    "currency": {"id": 1, "code": "USD"}},
            },
        }  # fmt: skip
        for model in self.tables:
            mock.add_callback(responses.GET, f"{URL}/acme/rest/model/{model}", self._answer)

    def _answer(self, request: Any) -> tuple[int, Row, str]:
        parts = urlsplit(request.url)
        model = parts.path.rpartition("/")[2]
        query = parse_qs(parts.query)
        domain = json.loads(base64.urlsafe_b64decode(query["d"][0]))
        self.asked.append((model, domain))
        if self.faults:
            return self._fault(self.faults.pop(0))
        rows = [
            row
            for _, row in sorted(self.tables[model].items())
            if all(self._holds(row, term) for term in domain)
        ]
        rows = rows[: int(query["s"][0])] if "s" in query else rows
        names = {name.partition(".")[0] for name in query["f"]} | {"id"}
        said = [{name: self._shown(row, name) for name in names} for row in rows]
        return 200, self._headers(), json.dumps(said, default=_own)

    def _shown(self, row: Row, name: str) -> Any:
        if name == "lines":
            lines = self.tables["account.invoice.line"].values()
            return [line for line in lines if line["invoice"] == row["id"]]
        return row[name]

    def _headers(self) -> Row:
        return {
            "Content-Type": "application/json",
            "Date": f"{self.now:%a, %d %b %Y %H:%M:%S} GMT",
        }

    def _fault(self, kind: str) -> tuple[int, Row, str]:
        if kind == "truncated":
            return 200, self._headers(), '[{"id": 1, "na'
        status = 200 if kind == "garbage" else int(kind)
        return status, {"Content-Type": "text/html"}, f"<h1>{status}</h1>"

    def _holds(self, row: Row, term: list[Any]) -> bool:
        if term[0] == "OR":
            return any(self._holds(row, one) for one in term[1:])
        field, operator, wanted = term[:3]
        if field == "lines.origin.invoice.id":
            lines = self.tables["account.invoice.line"]
            origins = [
                int(str(line["origin"]).partition(",")[2])
                for line in lines.values()
                if line["invoice"] == row["id"] and line["origin"]
            ]
            return any(lines[one]["invoice"] in wanted for one in origins)
        value = row[field]
        if isinstance(wanted, dict):
            wanted = datetime(**{n: wanted[n] for n in _TIMES}, tzinfo=UTC)
        if operator == "in":
            return value in wanted
        if value is None:
            return False
        if operator == "=":
            return bool(value == wanted)
        assert operator in {">", ">="}
        return bool(value > wanted if operator == ">" else value >= wanted)

    # --- what an accountant does ------------------------------------------------------

    def invoice(self, minor: int, *, origin: int | None = None, **more: Any) -> int:
        """An invoice of one line; below zero it is a credit note."""
        number = max(self.tables["account.invoice"], default=0) + 1
        amount = Decimal(minor) / 100
        self.tables["account.invoice"][number] = {
            "id": number,
            "type": "out",
            "number": str(number),
            "reference": None,
            "description": None,
            "state": "posted",
            "total_amount": amount,
            "tax_amount": Decimal("0.00"),
            "amount_to_pay": amount,
            "invoice_date": date(2026, 10, 31),
            "accounting_date": None,
            "move": number * 100,
            "cancel_move": None,
            "write_date": None,
            "create_date": self.stamp(),
            "currency": {"id": 1, "code": "USD"},
            "party": {"id": 7, "name": "Globex"},
            "company": 1,
            "validated_by": {"id": 3, "rec_name": "Mia Roth"},
            "posted_by": None,
        } | more
        self.tables["account.invoice.line"][number] = {
            "id": number,
            "invoice": number,
            "amount": amount,
            "origin": None if origin is None else f"account.invoice.line,{origin}",
        }
        return number

    def touch(self, number: int, **values: Any) -> None:
        """Change an invoice, which stamps it."""
        self.tables["account.invoice"][number] |= {**values, "write_date": self.stamp()}

    def stamp(self, ago: int = 0) -> datetime:
        """The server's time with its microseconds; time goes on."""
        self.now += timedelta(seconds=1)
        return self.now - timedelta(seconds=ago)


_TIMES = ("year", "month", "day", "hour", "minute", "second", "microsecond")


def _own(value: Any) -> Row:
    """Tryton's own classes in JSON."""
    if isinstance(value, Decimal):
        return {"__class__": "Decimal", "decimal": str(value)}
    if isinstance(value, datetime):
        return {"__class__": "datetime", **{n: getattr(value, n) for n in _TIMES}}
    assert isinstance(value, date)
    return {"__class__": "date", **{n: getattr(value, n) for n in _TIMES[:3]}}
