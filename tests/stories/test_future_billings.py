"""Credit future billings: the document's satisfaction credit, from a command to an invoice."""

from datetime import timedelta

import pytest

from connectors.failures import Unknown
from connectors.metronome_correcting import MetronomeCorrections
from tests.stories import golden
from tests.stories.company import Company
from tests.stories.living import AUGUST

GRANT = ("--product", "Customer Satisfaction Credit", "--by", "ada")


def test_a_100_dollar_credit_for_an_hour_of_downtime(company: Company) -> None:
    company.told("sync")
    words = ("credit", "grant", company.customer, "10000", "--until", "2026-09-01", *GRANT)
    code, said, _ = company.tieout(*words, "--dry-run")
    assert (code, said) == (
        0,
        "100.00 USD from 2026-07-21T00:00:00Z until 2026-09-01T00:00:00Z\n"
        "Customer Satisfaction Credit: granted nothing (dry run)\n",
    )
    assert list(company.sdk.v1.customers.credits.list(customer_id=company.customer)) == []

    granted = company.told(*words)
    (made,) = company.sdk.v1.customers.credits.list(customer_id=company.customer)
    assert granted["credit_id"] == made.id
    (item,) = made.access_schedule.schedule_items
    assert (item.amount, made.priority, made.product.name) == (
        10_000, 5, "Customer Satisfaction Credit",
    )  # fmt: skip
    code, said, complaint = company.tieout(*words)
    assert (code, said) == (2, "")
    assert complaint.startswith(f"tieout: this credit was granted already: {made.id} ")
    assert len(complaint.splitlines()) == 1

    company.to(AUGUST - timedelta(days=5))
    company.use("u1", "8000", AUGUST - timedelta(days=5))
    company.to(AUGUST + timedelta(days=2))
    (final,) = company.invoices("FINALIZED")
    assert final.total == 6_000
    assert company.told("sync")["pushed"] == 1
    (row,) = company.told("credit", "list")
    assert (row["granted"], row["burned"], row["closing"]) == ("10000", "10000", "0")
    assert company.told("reconcile")["kinds"]["MATCHED"]["count"] == 1
    golden.check(company, "satisfaction_credit")
    assert company.tieout("audit", "verify")[0] == 0


def test_the_documents_own_sample_is_refused_in_one_line(company: Company) -> None:
    company.told("sync")
    code, said, complaint = company.tieout(
        "credit", "grant", company.customer, "10000", *GRANT,
        "--from", "2024-09-01T00:00:00.000Z", "--until", "2020-09-30T00:00:00.000Z",
    )  # fmt: skip
    assert (code, said) == (2, "")
    assert complaint == (
        "tieout: --until: 2020-09-30T00:00:00Z is not after --from 2024-09-01T00:00:00Z; the "
        "window is inverted and could never be used\n"
    )


def test_a_recurring_credit_of_one_contract_for_one_product(company: Company) -> None:
    company.told("sync")
    words = (
        "credit", "grant", company.customer, "500", *GRANT, "--monthly", "3",
        "--from", "2026-07-01", "--contract", company.contract, "--applies-to", "Tokens",
        "--name", "Goodwill", "--priority", "1",
    )  # fmt: skip
    granted = company.told(*words)
    made = company.credit(granted["credit_id"])
    assert made.contract.id == company.contract
    assert made.applicable_product_ids == [company.tokens]
    assert [one.amount for one in made.access_schedule.schedule_items] == [500, 500, 500]
    company.use("u1", "1000")
    assert company.draft().total == 1500
    assert company.tieout(*words)[0] == 2
    assert len(list(company.sdk.v2.contracts.retrieve(
        customer_id=company.customer, contract_id=company.contract).data.credits)) == 1  # fmt: skip


def test_an_answer_that_was_lost_grants_nothing_twice(
    company: Company, monkeypatch: pytest.MonkeyPatch
) -> None:
    company.told("sync")
    words = ("credit", "grant", company.customer, "10000", "--until", "2026-09-01", *GRANT)
    real = MetronomeCorrections.grant

    def lost_before(*_: object) -> str:
        raise Unknown("the line went dead")

    def lost_after(core: MetronomeCorrections, grant: object) -> str:
        real(core, grant)  # type: ignore[arg-type]  # as it is called
        raise Unknown("the line went dead")

    monkeypatch.setattr(MetronomeCorrections, "grant", lost_before)
    code, _, complaint = company.tieout(*words)
    assert code == 2
    assert "Give the same command again" in complaint
    monkeypatch.setattr(MetronomeCorrections, "grant", lost_after)
    granted = company.told(*words)
    (made,) = company.sdk.v1.customers.credits.list(customer_id=company.customer)
    assert granted["credit_id"] == made.id


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("nobody", "100", "--until", "2026-09-01", *GRANT), "CUSTOMER: the core has no customer"),
        (("CUSTOMER", "100", "--until", "soon", *GRANT), "--until: 'soon' is no time"),
        (("CUSTOMER", "100", "--until", "2026-09-01", "--product", "Nothing"), "--product: the core has no"),
        (("CUSTOMER", "100", "--until", "2026-09-01", "--unit", "ZZZ", *GRANT), "--unit: the core has no"),
    ],
)  # fmt: skip
def test_what_is_unknown_is_refused_in_one_line(
    company: Company, words: tuple[str, ...], says: str
) -> None:
    company.told("sync")
    given = [company.customer if one == "CUSTOMER" else one for one in words]
    code, _, complaint = company.tieout("credit", "grant", *given)
    assert code == 2
    assert complaint.startswith(f"tieout: {says}")
    assert len(complaint.splitlines()) == 1
