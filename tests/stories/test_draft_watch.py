"""A draft is watched: below zero it is on the worklist, and off again once corrected."""

from datetime import timedelta

from tests.stories.company import Company
from tests.stories.living import AUGUST


def test_a_draft_below_zero_is_flagged_before_it_is_final(company: Company) -> None:
    company.use("wrong", "50")
    company.use("too much", "-80")
    code, said, _ = company.tieout("sync")
    assert (code, "1 opened" in said) == (1, True)
    (flag,) = company.told("worklist", "list")
    draft = company.draft().id
    assert (flag["cause"], flag["system"], flag["core_invoice_id"]) == (
        "NEGATIVE_DRAFT", "core", draft,
    )  # fmt: skip
    assert (flag["exposure_minor"], flag["currency"]) == (60, "USD")
    shown = company.told("worklist", "show", flag["id"])
    assert shown["why"] == "line Tokens: (0.60), quantity -30; total: (0.60)"

    assert company.told("sync")["flags_opened"] == 0  # it stands, and is not opened again
    company.use("put back", "40")
    assert company.told("sync")["flags_closed"] == 1
    assert company.told("worklist", "list") == []
    company.use("again too much", "-500")
    assert company.told("sync")["open_flags"] == 1
    (flag,) = company.told("worklist", "list")
    assert flag["state"] == "REOPENED"


def test_a_final_invoice_below_zero_is_the_negative_invoice_it_always_was(
    company: Company,
) -> None:
    company.use("too much", "-80")
    company.told("sync")
    company.to(AUGUST + timedelta(days=2))
    company.told("sync")
    causes = {
        flag["cause"]: flag["state"] for flag in company.told("worklist", "list", "--all")
    }
    assert causes == {"NEGATIVE_DRAFT": "RESOLVED", "NEGATIVE_INVOICE": "OPEN"}
