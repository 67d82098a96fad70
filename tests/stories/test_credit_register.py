"""Credits as the commands tell them: granted, burned, given back, expired, and what ends soon."""

from datetime import timedelta
from typing import Any

from tests.stories.company import Company
from tests.stories.living import AUGUST, SEPTEMBER


def test_a_credit_is_told_from_grant_to_expiry(company: Company) -> None:
    credit = company.grant(500, 5, "Downtime")
    company.use("u1", "150")
    company.to(AUGUST + timedelta(days=2))
    company.told("sync")
    (row,) = company.told("credit", "list")
    assert {name: row[name] for name in ("id", "granted", "burned", "closing", "balance")} == {
        "id": credit, "granted": "500", "burned": "300", "closing": "200", "balance": "200",
    }  # fmt: skip
    (july,) = company.told("credit", "list", "--period", "2026-07")
    assert (july["opening"], july["granted"], july["closing"]) == ("0", "500", "500")

    (final,) = company.invoices("FINALIZED")
    company.sdk.v1.invoices.void(id=final.id)
    company.told("sync")
    company.to(SEPTEMBER + timedelta(days=2))
    company.told("sync")
    shown = company.told("credit", "show", credit)
    assert [(one["move"], one["amount"], one["core_invoice_id"]) for one in shown["movements"]] == [
        ("GRANTED", "500", ""),
        ("BURNED", "-300", final.id),
        ("RETURNED", "300", final.id),
        ("EXPIRED", "-500", ""),
    ]  # fmt: skip
    assert (shown["closing"], shown["findings"]) == ("0", [])


def test_the_register_is_a_report_in_every_format(company: Company) -> None:
    credit = company.grant(500, 5, "Downtime")
    company.use("u1", "150")
    company.to(AUGUST + timedelta(days=2))
    company.told("sync")
    company.told("reconcile")
    told = company.told("report", "credits", "--format", "json", json_option=False)
    (row,) = told["tables"]["register"]["rows"]
    assert row["credit"] == credit
    figures = {name: row[name]["minor"] for name in ("granted", "burned", "closing")}
    assert figures == {"granted": 500, "burned": 300, "closing": 200}
    for form in ("csv", "html", "xlsx", "pdf"):
        path = company.home / f"credits.{form}"
        assert company.tieout("report", "credits", "-o", str(path))[0] == 0
        assert path.stat().st_size > 500
    first = (company.home / "credits.csv").read_bytes()
    company.grant(900, 5, "Another")
    company.told("sync")
    company.tieout("report", "credits", "-o", str(company.home / "credits.csv"))
    assert (company.home / "credits.csv").read_bytes() == first  # of the same kept run


def test_an_edit_has_no_time_and_is_seen_all_the_same(company: Company) -> None:
    credit = company.grant(500, 5, "Downtime")
    company.told("sync")
    item = company.credit(credit).access_schedule.schedule_items[0].id
    company.sdk.v2.contracts.edit_credit(
        customer_id=company.customer, credit_id=credit,
        access_schedule={"update_schedule_items": [{"id": item, "amount": 900}]},
    )  # fmt: skip
    company.told("sync")
    shown = company.told("credit", "show", credit)
    assert [one["text"] for one in shown["movements"] if one["move"] == "EDITED"] == [
        "amount 500 to 900"
    ]
    assert (shown["granted"], shown["edited"], shown["balance"]) == ("500", "400", "900")


def test_the_tables_read_like_an_accountants(company: Company) -> None:
    assert company.tieout("credit", "list")[0] == 2  # no books yet
    company.told("sync")
    assert company.tieout("credit", "list")[1] == "no credit is known\n"
    credit = company.grant(123_456, 5, "Downtime")
    company.told("sync")
    code, said, _ = company.tieout("credit", "list")
    assert (code, said.count("1,234.56 USD")) == (0, 2)
    code, said, _ = company.tieout("credit", "show", credit)
    assert (code, "Downtime of Acme (customer), priority 5" in said) == (0, True)
    assert "balance 1,234.56 USD" in said
    code, _, complaint = company.tieout("credit", "show", "nobody")
    assert (code, complaint) == (
        2, "tieout: CREDIT: nobody is not known; see: tieout credit list\n",
    )  # fmt: skip
    assert company.tieout("credit", "list", "--period", "2026-13")[0] == 2


def test_a_column_with_a_fraction_has_no_total_that_leaves_it_out(company: Company) -> None:
    credit = company.grant(500, 5, "Downtime")
    company.told("sync")
    company.told("reconcile")

    def register() -> dict[str, Any]:
        told = company.told("report", "credits", "--format", "json", json_option=False)
        found: dict[str, Any] = told["tables"]["register"]
        return found

    assert register()["totals"]["USD"]["closing"]["minor"] == 500
    item = company.credit(credit).access_schedule.schedule_items[0].id
    company.sdk.v1.contracts.add_manual_balance_entry(
        id=credit, customer_id=company.customer, segment_id=item, amount=-0.5, reason="half"
    )
    company.told("sync")
    company.told("reconcile")
    made = register()
    assert made["totals"] == {}
    (row,) = made["rows"]
    assert (row["closing"], row["closing_exact"]) == (None, "499.5")
