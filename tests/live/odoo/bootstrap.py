"""Fed to `odoo shell`: two companies, a locked journal, users with keys. Writes keys.json."""

# ruff: noqa: F821, DTZ005
import datetime as dt
import json
from pathlib import Path
from typing import Any

env: Any  # given by the shell

company = env.company
company.write({"name": "Acme Metering Inc", "currency_id": env.ref("base.USD").id})
env["res.currency"].with_context(active_test=False).search([("name", "=", "EUR")]).write(
    {"active": True}
)
env["account.journal"].create(
    {
        "name": "Sales, locked on posting",
        "code": "HSH",
        "type": "sale",
        "restrict_mode_hash_table": True,
    }
)
other = env["res.company"].create(
    {"name": "Acme Metering UK", "currency_id": env.ref("base.USD").id}
)
env["account.chart.template"].try_loading("generic_coa", company=other, install_demo=False)
both = [company.id, other.id]


def user(login: str, name: str, *groups: str) -> dict[str, Any]:
    """A user of both companies, with an API key of 90 days."""
    made = (
        env["res.users"]
        .with_context(no_reset_password=True)
        .create(
            {
                "login": login,
                "name": name,
                "company_id": company.id,
                "company_ids": [(6, 0, both)],
                "group_ids": [(6, 0, [env.ref(one).id for one in groups])],
            }
        )
    )
    ends = dt.datetime.now() + dt.timedelta(days=90)
    keys = env["res.users.apikeys"].with_user(made).sudo()
    return {"login": login, "uid": made.id, "key": keys._generate("rpc", "tests", ends)}


keys = {
    "accountant": user(
        "accountant",
        "Ada Accountant",
        "base.group_user",
        "base.group_partner_manager",
        "account.group_account_invoice",
    ),
    "robot": user(
        "tieout", "Tieout (reads)", "base.group_user", "account.group_account_readonly"
    ),
    "manager": user(
        "manager",
        "Max Manager",
        "base.group_user",
        "base.group_erp_manager",
        "account.group_account_manager",
    ),
}
Path("keys.json").write_text(json.dumps(keys))
env.cr.commit()
