"""A Tryton company with a chart, a year of periods, and three users. Run in its venv."""

# ruff: noqa: E402
import datetime as dt
import json
import sys
from pathlib import Path
from typing import Any

from proteus import Model, config

settings, database = sys.argv[1:3]
root = config.set_trytond(f"sqlite:///{database}", user="admin", config_file=settings)

from trytond.modules.account.tests.tools import (
    create_chart,
    create_fiscalyear,
    get_accounts,
)
from trytond.modules.account_invoice.tests.tools import set_fiscalyear_invoice_sequences
from trytond.modules.company.tests.tools import create_company, get_company
from trytond.modules.currency.tests.tools import get_currency

PASSWORD = "Tests-only-1"
READS = (
    "account.invoice",
    "account.invoice.line",
    "account.move",
    "account.move.line",
    "account.period",
    "party.party",
)
WRITES = ("cancel", "post", "draft", "validate_invoice", "pay")

party = Model.get("party.party")(name="Acme Metering Inc")
party.save()
create_company(party=party, currency="USD")
create_chart()
company = get_company()
company.cancel_invoice_out = True  # off by default: invoices could then only be credited
company.save()
year = (dt.date(2026, 1, 1), dt.date(2026, 12, 31))
fiscalyear = set_fiscalyear_invoice_sequences(create_fiscalyear(today=year))
fiscalyear.click("create_period")
get_currency("EUR")
User, Group = Model.get("res.user"), Model.get("res.group")
root._context = User.get_preferences(True, {})
cash = Model.get("account.journal").find([("type", "=", "cash")])[0]
account = get_accounts()["cash"]
Model.get("account.invoice.payment.method")(
    name="Bank", journal=cash, credit_account=account, debit_account=account
).save()
Model.get("party.party")(name="Globex Corporation").save()

access = Model.get("ir.model.access")
reads = Group(name="Tieout (reads)")
reads.save()
for model in READS:
    access(
        model=model,
        group=reads,
        perm_read=True,
        perm_write=False,
        perm_create=False,
        perm_delete=False,
    ).save()
for button in Model.get("ir.model.button").find(
    [("model", "=", "account.invoice"), ("name", "in", WRITES)]
):
    if not button.groups:
        button.groups.append(Group.find([("name", "=", "Accounting")])[0])
        button.save()


def user(login: str, groups: tuple[str, ...]) -> dict[str, Any]:
    """A user with a password and a key for the REST API."""
    made = User(login=login, name=login.title(), password=PASSWORD)
    made.companies.append(type(company)(company.id))
    made.company = type(company)(company.id)
    for name in groups:
        made.groups.append(Group.find([("name", "=", name)])[0])
    made.save()
    key = Model.get("res.user.application")(
        user=made, application="rest", state="validated"
    )
    key.save()
    return {"login": login, "password": PASSWORD, "key": key.key}


keys = {
    "accountant": user("ada", ("Accounting",)),
    "robot": user("tieout", ("Tieout (reads)",)),
    "revenue": get_accounts()["revenue"].id,
}
Path("keys.json").write_text(json.dumps(keys))
