"""An accountant's acts in Tryton, one JSON line each. Run in its venv, on its database.

In the process and not over RPC: a client sends some twenty calls for one invoice.
"""

import datetime as dt
import json
import sys
from decimal import Decimal
from typing import Any

from proteus import Model, Wizard, config

settings, login, revenue_id = sys.argv[1:4]
root = config.set_trytond("sqlite:///erp", user=login, config_file=settings)
root._context = Model.get("res.user").get_preferences(True, {})
Invoice = Model.get("account.invoice")
DAY = dt.date(2026, 10, 31)
revenue = Model.get("account.account")(int(revenue_id))
globex = Model.get("party.party").find([("name", "=", "Globex Corporation")])[0]


def draft(reference: str, minor: int, currency: str) -> Any:
    made = Invoice(type="out", party=globex, reference=reference, invoice_date=DAY)
    made.currency = Model.get("currency.currency").find([("code", "=", currency)])[0]
    line = made.lines.new()
    line.account = revenue
    line.description = "Usage"
    line.quantity = 1.0 if minor >= 0 else -1.0
    line.unit_price = Decimal(abs(minor)) / 100
    made.save()
    return made


def invoice(reference: str, minor: int, currency: str, posted: bool) -> int:
    made = draft(reference, minor, currency)
    if posted:
        made.click("post")
    return int(made.id)


def many(count: int, reference: str) -> list[int]:
    made: list[int] = []
    for first in range(0, count, 50):
        some = [
            draft(f"{reference}-{n}", 100, "USD")
            for n in range(first, min(first + 50, count))
        ]
        Invoice.click(some, "post")
        made += [int(one.id) for one in some]
    return made


def void(number: int) -> None:
    Invoice(number).click("cancel")


def pay(number: int, minor: int) -> None:
    wizard = Invoice(number).click("pay")
    wizard.form.payment_method = Model.get("account.invoice.payment.method").find([])[0]
    wizard.form.date = DAY
    wizard.form.amount = Decimal(minor) / 100
    wizard.execute("choice")
    if wizard.state == "choice":
        wizard.form.type = "partial"
        wizard.execute("pay")


def credit(number: int, minor: int, how: str) -> int:
    of = Invoice(number)
    if how == "unapplied":
        return invoice("", -minor, of.currency.code, posted=True)
    newest = Invoice.find([], order=[("id", "DESC")], limit=1)[0].id
    wizard = Wizard("account.invoice.credit", [of])
    wizard.form.with_refund = False
    wizard.form.invoice_date = DAY
    wizard.execute("credit")
    (note,) = Invoice.find([("id", ">", newest)])
    line = note.lines[0]
    line.quantity = -1.0
    line.unit_price = Decimal(minor) / 100
    note.save()
    if how == "applied":
        note.click("post")
    return int(note.id)


ACTS: dict[str, Any] = {
    "invoice": invoice,
    "many": many,
    "void": void,
    "pay": pay,
    "credit": credit,
}
for text in sys.stdin:
    asked = json.loads(text)
    try:
        answer = {"said": ACTS[asked["act"]](*asked["words"])}
    except Exception as error:  # noqa: BLE001 - told to the test, which fails with it
        answer = {"error": repr(error)}
    sys.stdout.write(json.dumps(answer) + "\n")
    sys.stdout.flush()
