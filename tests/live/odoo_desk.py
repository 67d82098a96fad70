"""An accountant at a real Odoo: every act over its own API, with the accountant's key."""

import json
from pathlib import Path
from typing import Any

import requests

from connectors.erp.odoo import Odoo
from connectors.erp.odoo_api import Json2
from connectors.redaction import Secret
from state.clock import Clock
from tests.contracts.registers import FAULTS, LATE
from tests.live.steady import RNG


class Refusal(Exception):
    """Odoo said no, as a person would see it."""


class OdooDesk:
    """The accountant, and the read-only robot's register beside."""

    lacks: frozenset[str] = frozenset({LATE, FAULTS})

    def __init__(self, url: str, keys: Path, clock: Clock, *, page: int = 10) -> None:
        self._url = url
        self.keys: dict[str, Any] = json.loads(keys.read_text())
        self.door = Json2(
            url, database="erp", token=self.key("robot"), clock=clock, rng=RNG
        )
        self.register = Odoo("books", self.door, base_url=url, page=page)
        found = self.call("res.partner", "search", domain=[["ref", "=", "tieout"]], limit=1)
        made = {"name": "Globex Corporation", "is_company": True, "ref": "tieout"}
        self._partner = (found or self.call("res.partner", "create", vals_list=[made]))[0]

    def key(self, who: str) -> Secret:
        return Secret(self.keys[who]["key"])

    def call(self, model: str, method: str, who: str = "accountant", **body: Any) -> Any:
        answer = requests.post(
            f"{self._url}/json/2/{model}/{method}",
            json=body,
            timeout=120,
            headers={
                "Authorization": f"Bearer {self.key(who).reveal()}",
                "X-Odoo-Database": "erp",
            },
        )
        if answer.status_code != 200:
            raise Refusal(f"{answer.status_code} {answer.json()['message']}")
        return answer.json()

    def invoice(
        self,
        reference: str,
        minor: int,
        *,
        currency: str = "USD",
        entity: int = 0,
        draft: bool = False,
        journal: str | None = None,
        day: str = "2026-10-31",
    ) -> str:
        body = self._body(reference, minor, currency, day)
        if journal is not None:
            body["journal_id"] = self._one("account.journal", "code", journal)
        context = {"allowed_company_ids": [self.companies()[entity]]}
        (made,) = self.call("account.move", "create", vals_list=[body], context=context)
        if not draft:
            self.call("account.move", "action_post", ids=[made], context=context)
        return str(made)

    def _body(self, reference: str, minor: int, currency: str, day: str) -> dict[str, Any]:
        line = {"name": "Usage", "quantity": 1, "price_unit": minor / 100}
        return {
            "move_type": "out_invoice",
            "partner_id": self._partner,
            "invoice_date": day,
            "ref": reference,
            "invoice_origin": f"billing:{reference}",
            "currency_id": self._one("res.currency", "name", currency),
            "invoice_line_ids": [[0, 0, {**line, "tax_ids": [[6, 0, []]]}]],
        }

    def companies(self) -> list[int]:
        rows = self.call(
            "res.users",
            "search_read",
            domain=[["login", "=", self.keys["accountant"]["login"]]],
            fields=["company_ids"],
        )
        return sorted(rows[0]["company_ids"])

    def lock(self, company: int, day: str | None) -> None:
        """Close the books of a company up to a day, or open them."""
        values = {"fiscalyear_lock_date": day or False}
        self.call("res.company", "write", who="manager", ids=[company], vals=values)

    def _one(self, model: str, field: str, value: str) -> int:
        found: list[int] = self.call(model, "search", domain=[[field, "=", value]])
        return found[0]

    def many(
        self, count: int, prefix: str = "core-many", *, posted: int | None = None
    ) -> list[str]:
        """So many invoices; all posted, or the first so many: posting is what takes long."""
        made: list[int] = []
        for first in range(0, count, 50):
            bodies = [
                self._body(f"{prefix}-{n}", 100, "USD", "2026-10-31")
                for n in range(first, min(first + 50, count))
            ]
            ids = self.call("account.move", "create", vals_list=bodies)
            if posted is None or first < posted:
                self.call("account.move", "action_post", ids=ids[:posted])
            made += ids
        return [str(one) for one in made]

    def void(self, document_id: str) -> None:
        self.call("account.move", "button_cancel", ids=[int(document_id)])

    def pay(self, document_id: str, minor: int) -> None:
        active = {"active_model": "account.move", "active_ids": [int(document_id)]}
        body = {"payment_date": "2026-11-10", "amount": minor / 100}
        wizard = self.call(
            "account.payment.register", "create", vals_list=[body], context=active
        )
        self.call("account.payment.register", "action_create_payments", ids=wizard)

    def credit(self, document_id: str, minor: int, *, how: str = "applied") -> str:
        number = int(document_id)
        fields = ["journal_id", "company_id", "currency_id", "partner_id"]
        (of,) = self.call("account.move", "read", ids=[number], fields=fields)
        if how == "unapplied":
            body = self._body("", minor, of["currency_id"][1], "2026-10-31")
            body |= {"move_type": "out_refund", "invoice_origin": False, "ref": False}
            (note,) = self.call("account.move", "create", vals_list=[body])
            self.call("account.move", "action_post", ids=[note])
            return str(note)
        wizard = self.call(
            "account.move.reversal",
            "create",
            context={"active_model": "account.move", "active_ids": [number]},
            vals_list=[
                {
                    "move_ids": [[6, 0, [number]]],
                    "journal_id": of["journal_id"][0],
                    "company_id": of["company_id"][0],
                    "reason": "correction",
                }
            ],
        )
        made = self.call("account.move.reversal", "refund_moves", ids=wizard)
        note = made["res_id"]
        (line,) = self.call(
            "account.move.line",
            "search",
            domain=[["move_id", "=", note], ["display_type", "=", "product"]],
        )
        values = {"invoice_line_ids": [[1, line, {"price_unit": minor / 100}]]}
        self.call("account.move", "write", ids=[note], vals=values)
        if how == "applied":
            self.call("account.move", "action_post", ids=[note])
        return str(note)

    def delete(self, document_id: str) -> None:
        self.call("account.move", "button_draft", ids=[int(document_id)])
        self.call("account.move", "unlink", ids=[int(document_id)])

    def late(self, reference: str, minor: int) -> str:
        raise NotImplementedError

    def fault(self, kind: str, times: int) -> None:
        raise NotImplementedError
