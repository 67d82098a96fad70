"""An Odoo of the tests' own, behind `responses`: the answers in the shape of the real one.

It keeps entries and reconciliations as Odoo 19 shows them to a read-only robot, and
evaluates the few domain operators that the connector uses. The same contract runs against
a real Odoo (tests/live), which is what keeps this one honest.
"""

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import requests
import responses

URL = "https://odoo.example.test"
USD, EUR = [1, "USD"], [125, "EUR"]
KEY = "a-key-nobody-may-see"
Row = dict[str, Any]


class FakeOdoo:
    """Its tables, its clock, and what goes wrong next."""

    def __init__(self, mock: responses.RequestsMock) -> None:
        self.now = datetime(2026, 11, 24, 12, 0, 0, tzinfo=UTC)
        self.faults: list[str] = []
        self.asked: list[tuple[str, Row]] = []
        self.tables: dict[str, dict[int, Row]] = {
            "res.company": {
                n: {"id": n, "name": name, "currency_id": USD,
                    "fiscalyear_lock_date": False, "sale_lock_date": False,
                    "hard_lock_date": False}
                for n, name in ((1, "Acme US"), (2, "Acme UK"))
            },
            "res.users": {6: {"id": 6, "company_ids": [1, 2]}},
            "res.users.apikeys": {
                1: {"id": 1, "expiration_date": "2027-02-22 21:36:38"}
            },
            "account.journal": {
                1: {"id": 1, "restrict_mode_hash_table": False},
                7: {"id": 7, "restrict_mode_hash_table": True},
            },
            "account.move": {},
            "account.move.line": {},
            "account.partial.reconcile": {},
            "mail.activity": {},
        }  # fmt: skip
        self.may_write = False
        mock.add_callback(responses.GET, f"{URL}/web/version", self._version)
        for model in self.tables:
            for method in ("search_read", "fields_get", "context_get", "has_access",
                           "activity_schedule"):  # fmt: skip
                mock.add_callback(
                    responses.POST,
                    f"{URL}/json/2/{model}/{method}",
                    self._answer(model, method),
                )

    # --- what it says ---------------------------------------------------------------

    def _version(self, _: requests.PreparedRequest) -> tuple[int, Row, str]:
        return 200, self._headers(), json.dumps({"version": "19.0"})

    def _headers(self) -> Row:
        return {
            "Content-Type": "application/json; charset=utf-8",
            "Date": f"{self.now:%a, %d %b %Y %H:%M:%S} GMT",
        }

    def _answer(self, model: str, method: str) -> Callable[[Any], tuple[int, Row, str]]:
        def answer(request: Any) -> tuple[int, Row, str]:
            body = json.loads(request.body)
            self.asked.append((f"{model}/{method}", body))
            if self.faults:
                return self._fault(self.faults.pop(0))
            said = getattr(self, f"_{method}")(model, body)
            return 200, self._headers(), json.dumps(said)

        return answer

    def _fault(self, kind: str) -> tuple[int, Row, str]:
        if kind == "garbage":
            return 200, {"Content-Type": "text/html"}, "<html>Odoo is restarting</html>"
        if kind == "truncated":
            return 200, self._headers(), '[{"id": 1, "na'
        names = {
            "401": "werkzeug.exceptions.Unauthorized",
            "403": "odoo.exceptions.AccessError",
            "500": "psycopg2.errors.SerializationFailure",
        }
        body = {
            "name": names.get(kind, "werkzeug.exceptions.HTTPException"),
            "message": "no",
            "arguments": ["no"],
            "context": {},
            "debug": f"Traceback ... {KEY}",
        }
        return int(kind), self._headers(), json.dumps(body)

    def _search_read(self, model: str, body: Row) -> list[Row]:
        rows = [
            row for row in self.tables[model].values() if self._fits(row, body["domain"])
        ]
        order = body.get("order", "id")
        field = order.split()[0]
        rows.sort(key=lambda row: row[field], reverse=order.endswith("desc"))
        some = rows[: body.get("limit", len(rows))]
        return [{name: row[name] for name in {*body["fields"], "id"}} for row in some]

    def _fits(self, row: Row, domain: list[Any]) -> bool:
        if domain and domain[0] == "|":
            return any(self._holds(row, one) for one in domain[1:3])
        return all(self._holds(row, one) for one in domain)

    def _holds(self, row: Row, term: list[Any]) -> bool:
        field, operator, wanted = term
        value = row.get(field, True) if field == "active" else self._value(row, field)
        if operator == "=like":
            assert wanted.endswith("%")
            return str(value).startswith(wanted[:-1].replace("\\", ""))
        if operator == "=":
            return bool(value == wanted)
        if operator == "in":
            return value in wanted
        assert operator in {">", ">="}
        return bool(value > wanted if operator == ">" else str(value) >= wanted)

    def _value(self, row: Row, field: str) -> Any:
        first, _, rest = field.partition(".")
        value = row[first]
        if rest:
            line = self.tables["account.move.line"][value[0]]
            value = line[rest]
        return value[0] if isinstance(value, list) and first != "company_ids" else value

    def _fields_get(self, model: str, _: Row) -> Row:
        return {name: {"type": "date"} for name in next(iter(self.tables[model].values()))}

    def _context_get(self, _model: str, _body: Row) -> Row:
        return {"lang": "en_US", "tz": False, "uid": 6}

    def _has_access(self, _model: str, body: Row) -> bool:
        return self.may_write or body["operation"] == "read"

    def _activity_schedule(self, _: str, body: Row) -> list[int]:
        table = self.tables["mail.activity"]
        number = len(table) + 1
        table[number] = {
            "id": number,
            "res_model": "account.move",
            "res_id": body["ids"][0],
            "summary": body["summary"],
            "active": True,
            "feedback": False,
        }
        return [number]

    # --- what an accountant does ------------------------------------------------------

    def post(self, kind: str, minor: int, **more: Any) -> int:
        """An entry, posted unless it says otherwise, with its receivable line."""
        moves = self.tables["account.move"]
        number = len(moves) + 1
        while number in moves:
            number += 1
        moves[number] = {
            "id": number,
            "name": f"{'RINV' if kind == 'out_refund' else 'INV'}/2026/{number:05d}",
            "move_type": kind,
            "state": "posted",
            "payment_state": "not_paid",
            "ref": False,
            "invoice_origin": False,
            "payment_reference": False,
            "reversed_entry_id": False,
            "partner_id": [9, "Globex"],
            "currency_id": USD,
            "company_id": [1, "Acme US"],
            "journal_id": [1, "Sales"],
            "amount_untaxed": minor / 100,
            "amount_tax": 0.0,
            "amount_total": minor / 100,
            "amount_residual": minor / 100,
            "invoice_date_due": "2026-11-30",
            "invoice_date": "2026-10-30",
            "date": "2026-10-31",
            "create_uid": [6, "Mia Roth"],
            "create_date": self.stamp(),
            "write_date": self.stamp(),
        } | more
        self.tables["account.move.line"][number * 10] = {
            "id": number * 10, "move_id": [number, "entry"],
        }  # fmt: skip
        return number

    def use(self, credit: int, debit: int, minor: int) -> None:
        """Reconcile a credit (a credit note, a payment) with an invoice."""
        table = self.tables["account.partial.reconcile"]
        currency = self.tables["account.move"][debit]["currency_id"]
        table[len(table) + 1] = {
            "id": len(table) + 1,
            "debit_move_id": [debit * 10, "line"],
            "credit_move_id": [credit * 10, "line"],
            "debit_amount_currency": minor / 100,
            "credit_amount_currency": minor / 100,
            "debit_currency_id": currency,
            "credit_currency_id": currency,
            "max_date": "2026-11-02",
        }
        for number in (credit, debit):
            row = self.tables["account.move"][number]
            left = round(row["amount_residual"] * 100) - minor
            self.touch(number, amount_residual=left / 100)

    def touch(self, number: int, **values: Any) -> None:
        """Change an entry, which stamps it."""
        self.tables["account.move"][number] |= {**values, "write_date": self.stamp()}

    def stamp(self, ago: int = 0) -> str:
        """The server's time, cut to seconds; time goes on."""
        self.now += timedelta(seconds=1)
        return f"{self.now - timedelta(seconds=ago):%Y-%m-%d %H:%M:%S}"
