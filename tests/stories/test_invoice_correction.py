"""Invoice correction: charges and revenue reversed by a credit memo in A/R, and nowhere else."""

from datetime import timedelta

import pytest

from tests.stories import golden
from tests.stories.company import Company
from tests.stories.living import AUGUST


def final(company: Company) -> tuple[str, str]:
    """A final invoice of 20.00, and its document in Stripe."""
    company.use("u1", "1000")
    company.to(AUGUST + timedelta(days=2))
    assert company.told("sync")["pushed"] == 1
    (invoice,) = company.invoices("FINALIZED")
    with company.books() as store:
        pushed = store.push(invoice.id)
    assert pushed is not None
    assert pushed.document_id is not None
    return str(invoice.id), pushed.document_id


def test_a_memo_for_products_that_were_never_ordered_explains_the_difference(
    company: Company,
) -> None:
    invoice, document = final(company)
    answer = company.told("advise", invoice, "--share", "part")
    memo = next(one for one in answer["paths"] if one["path"] == "CREDIT_MEMO")
    assert memo["open"]
    (payload,) = memo["payload"]
    assert (payload["register"], payload["document"], payload["amount_minor"]) == (
        "stripe", document, 2000,
    )  # fmt: skip
    rebill = next(one for one in answer["paths"] if one["path"] == "CREDIT_AND_REBILL")
    assert "wrong as a whole; a credit or a memo repairs less" in rebill["why"]

    company.person.credit(document, 800, "Products that were never ordered")
    assert company.told("sync")["flags_opened"] == 0
    assert [one.total for one in company.invoices("FINALIZED")] == [
        2000
    ]  # the core keeps it
    assert company.told("reconcile")["outcome"] == "CLEAR"
    golden.check(company, "invoice_correction")


def test_all_of_it_forgiven(company: Company) -> None:
    invoice, document = final(company)
    company.person.credit(document, 2000, "Relieved of all charges")
    company.told("sync")
    golden.check(company, "all_forgiven")
    memo = next(
        one
        for one in company.told("advise", invoice)["paths"]
        if one["path"] == "CREDIT_MEMO"
    )
    assert "nothing stands in A/R that a memo could reduce" in memo["why"]


@pytest.mark.parametrize("share", ["nothing", "part"])
def test_usage_of_a_previous_period_is_repaired_by_a_credit_or_a_memo_alone(
    company: Company, share: str
) -> None:
    """The core corrects no final invoice: late events change nothing on it."""
    invoice, _ = final(company)
    answer = company.told("advise", invoice, "--share", share)
    assert [one["path"] for one in answer["paths"] if one["open"]] == [
        "CUSTOMER_CREDIT", "CONTRACT_CREDIT", "CREDIT_MEMO",
    ]  # fmt: skip
    credit = answer["paths"][0]
    assert credit["command"].startswith(
        f"tieout credit grant {company.customer} 2000 --unit USD"
    )
    (call,) = credit["payload"]
    made = company.sdk.v1.customers.credits.create(**call["body"])  # ready as it is
    assert company.credit(made.data.id).access_schedule.schedule_items[0].amount == 2000
