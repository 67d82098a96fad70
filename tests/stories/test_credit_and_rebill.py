"""Credit and re-bill: negate, send again, void, regenerate; and the old one by a person."""

import json
from datetime import timedelta
from typing import Any

import pytest

from connectors.correcting import Unit
from connectors.metronome_correcting import MetronomeCorrections
from tests.stories import golden
from tests.stories.company import Company
from tests.stories.living import AUGUST, BEGIN, SEPTEMBER
from tests.sync.test_walk import person

JULY_20 = BEGIN + timedelta(days=19, hours=12)


def paths(answer: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {one["path"]: one for one in answer["paths"]}


def billed_wrongly(company: Company, credit: int = 500) -> str:
    """1,000 tokens on 20 July where there were 600; 5.00 of credit; final, and in Stripe."""
    if credit:
        company.grant(credit, 5)
    company.use("wrong", "1000", JULY_20)
    company.to(AUGUST + timedelta(days=2))
    assert company.told("sync")["pushed"] == 1
    (final,) = company.invoices("FINALIZED")
    assert final.total == 2000 - credit
    return str(final.id)


def corrected(company: Company, count: str = "600") -> str:
    """The file of what should have been sent."""
    event = {
        "transaction_id": "right", "customer_id": "acme", "event_type": "output_tokens",
        "timestamp": JULY_20.isoformat(), "properties": {"token_count": count},
    }  # fmt: skip
    path = company.home / "right.json"
    path.write_text(json.dumps([event]))
    return str(path)


def test_an_invoice_that_is_wholly_wrong_is_credited_and_billed_again(
    company: Company,
) -> None:
    wrong = billed_wrongly(company)
    answer = company.told("advise", wrong, "--resubmit", corrected(company))
    told = paths(answer)
    assert {name for name, one in told.items() if one["open"]} == {
        "CUSTOMER_CREDIT", "CONTRACT_CREDIT", "CREDIT_MEMO", "CREDIT_AND_REBILL",
    }  # fmt: skip
    rebill = told["CREDIT_AND_REBILL"]
    # All its usage is of 20 July, a day that begins 34 days before 23 August.
    assert rebill["deadline"] == "2026-08-23T00:00:00Z"
    assert [one["path"] for one in rebill["payload"]] == [
        "/v1/ingest", "/v1/ingest", "/v1/invoices/void", "/v1/invoices/regenerate",
    ]  # fmt: skip
    assert any("void it by hand" in one for one in rebill["downstream"])
    assert "the core can still do it" in told["CORRECT_DOWNSTREAM"]["why"]

    code, said, _ = company.tieout(
        "advise", wrong, "--apply", "--negate", "wrong", "--resubmit", corrected(company),
        "--expect", "7.00", "--by", "ada", "--reason", "reported twice",
    )  # fmt: skip
    assert code == 1  # a person must act downstream
    assert f"{wrong} was 15.00; it comes to 7.00" in said
    assert "waits for: F-000001 (stripe): Stripe Dashboard" in said
    (void,) = company.invoices("VOID")
    (right,) = company.invoices("FINALIZED")
    assert (void.id, void.total) == (wrong, 1500)
    assert (right.regenerated_from_invoice_id, right.total) == (wrong, 700)
    (flag,) = company.told("worklist", "list")
    assert (flag["cause"], flag["core_invoice_id"], flag["exposure_minor"]) == (
        "VOIDED_IN_CORE", wrong, 1500,
    )  # fmt: skip

    assert company.told("sync")["pushed"] == 1
    assert company.told("reconcile")["kinds"]["VOID_PENDING"]["count"] == 1
    company.person.void(flag["downstream_id"])
    assert company.told("sync")["flags_closed"] == 1
    with company.books() as store:
        (kept,) = store.corrections(wrong)
    assert (kept.state, kept.successor) == ("DONE", right.id)
    assert company.told("reconcile")["outcome"] == "CLEAR"
    golden.check(company, "credit_and_rebill")
    (row,) = company.told("credit", "list")
    assert {name: row[name] for name in ("burned", "returned", "findings")} == {
        "burned": "1000", "returned": "500", "findings": [],
    }  # fmt: skip
    old = paths(company.told("advise", wrong))
    assert {name for name, one in old.items() if one["open"]} == set()
    assert f"replaced by {right.id}" in old["CREDIT_AND_REBILL"]["why"]
    assert company.tieout("audit", "verify")[0] == 0


def test_without_events_of_ones_own_the_days_are_taken_back_whole(company: Company) -> None:
    wrong = billed_wrongly(company, credit=0)
    code, _, complaint = company.tieout("advise", wrong, "--apply")
    assert code == 2
    assert complaint.startswith("tieout: say which usage is wrong before anything is sent")
    company.tieout("advise", wrong, "--apply", "--share", "whole", "--by", "ada")
    (right,) = company.invoices("FINALIZED")
    assert (right.regenerated_from_invoice_id, right.total) == (wrong, 0)


def test_where_a_credit_burned_each_event_is_taken_back_at_its_own_instant(
    company: Company,
) -> None:
    wrong = billed_wrongly(company)
    code, _, complaint = company.tieout("advise", wrong, "--apply", "--share", "whole")
    assert code == 2
    assert complaint.startswith("tieout: a credit burned on this usage")
    assert [one.id for one in company.invoices("FINALIZED")] == [wrong]


def test_advice_reads_the_catalogue_once_for_all_its_paths(
    company: Company, monkeypatch: pytest.MonkeyPatch
) -> None:
    final = billed_wrongly(company)
    asked: list[str] = []

    def counted(core: MetronomeCorrections) -> tuple[Unit, ...]:
        asked.append("units")
        return read(core)

    read = MetronomeCorrections.units
    monkeypatch.setattr(MetronomeCorrections, "units", counted)
    company.told("advise", final)
    assert asked == ["units"]


def test_usage_that_came_late_is_seen_and_billed_as_it_is(company: Company) -> None:
    final = billed_wrongly(company)
    assert company.told("advise") == {"below_zero": [], "corrections": [], "late_usage": []}
    company.use("late", "250", JULY_20)
    (late,) = company.told("advise")["late_usage"]
    assert late == {
        "core_invoice_id": final, "currency": "USD", "billed_minor": "1500",
        "would_be_minor": "2000",
    }  # fmt: skip
    code, said, _ = company.tieout("advise", final)
    assert code == 1
    assert "billed again now, it would come to 20.00" in said
    company.tieout("advise", final, "--apply", "--as-is", "--by", "ada")
    assert [one.total for one in company.invoices("FINALIZED")] == [2000]


def test_nothing_is_voided_while_the_new_bill_is_not_as_expected(company: Company) -> None:
    wrong = billed_wrongly(company)
    words = ("--negate", "wrong", "--resubmit", corrected(company), "--by", "ada")
    code, said, _ = company.tieout("advise", wrong, "--apply", *words, "--expect", "6.00")
    assert code == 1
    assert "the correction is BLOCKED at PREVIEW" in said
    assert "stopped: it would come to 7.00, and 6.00 was expected" in said
    assert [one.id for one in company.invoices("FINALIZED")] == [wrong]
    company.use("put back a little", "-50", JULY_20)
    assert company.tieout("advise", wrong, "--apply")[0] == 1  # 6.00 is expected still
    assert [one.total for one in company.invoices("FINALIZED")] == [600]


def test_a_correction_can_be_given_up_until_the_core_was_asked_to_void(
    company: Company,
) -> None:
    wrong = billed_wrongly(company)
    words = ("--negate", "wrong", "--by", "ada")
    company.tieout("advise", wrong, "--apply", *words, "--expect", "6.00")
    code, said, _ = company.tieout(
        "advise", wrong, "--cancel", "--reason", "a memo instead"
    )
    assert (code, "the correction is CANCELLED at PREVIEW" in said) == (0, True)
    (late,) = company.told("advise")["late_usage"]  # what was sent stands, and is seen
    assert late["would_be_minor"] == "0"
    company.tieout("advise", wrong, "--apply", "--as-is", "--by", "ada")
    code, _, complaint = company.tieout("advise", wrong, "--cancel", "--reason", "late")
    assert code == 2
    assert "giving up now would leave it billed by nobody" in complaint


def test_nothing_is_begun_while_its_usage_is_below_zero(company: Company) -> None:
    wrong = billed_wrongly(company)
    company.use("somebody negated it by hand", "-1200", JULY_20)
    code, _, complaint = company.tieout(
        "advise", wrong, "--apply", "--as-is", "--by", "ada"
    )
    assert code == 2
    assert "below zero: Tokens: -200 would become -200" in complaint
    assert [one.id for one in company.invoices("FINALIZED")] == [wrong]
    company.use("put right", "1300", JULY_20)
    assert company.tieout("advise", wrong, "--apply", "--as-is", "--by", "ada")[0] == 1
    assert [one.total for one in company.invoices("FINALIZED")] == [1700]


def test_past_34_days_only_the_books_downstream_can_be_corrected(company: Company) -> None:
    wrong = billed_wrongly(company)
    company.to(SEPTEMBER)
    told = paths(company.told("advise", wrong))
    assert {name for name, one in told.items() if one["open"]} == {
        "CUSTOMER_CREDIT", "CONTRACT_CREDIT", "CREDIT_MEMO", "CORRECT_DOWNSTREAM",
    }  # fmt: skip
    golden.check(company, "past_34_days")
    assert "older than 34 days since 2026-08-24" in told["CREDIT_AND_REBILL"]["why"]
    code, _, complaint = company.tieout("advise", wrong, "--apply", "--share", "whole")
    assert code == 2
    assert complaint.startswith(f"tieout: CREDIT_AND_REBILL is closed for {wrong}: ")
    code, _, complaint = company.tieout("advise", wrong, "--negate", "wrong")
    assert code == 2
    assert "event wrong: the core shows none of this id in its last 34 days" in complaint


def test_a_paid_invoice_is_credited_downstream_and_its_replacement_waits(
    company: Company,
) -> None:
    wrong = billed_wrongly(company)
    with company.books() as store:
        pushed = store.push(wrong)
    assert pushed is not None
    person(company.stripe).invoices.pay(pushed.document_id, {"paid_out_of_band": True})
    company.told("sync")
    rebill = paths(company.told("advise", wrong))["CREDIT_AND_REBILL"]
    assert any("cannot be voided (paid" in one for one in rebill["downstream"])
    assert any(
        "waits until the paid one is credited" in one for one in rebill["downstream"]
    )
    words = ("--apply", "--negate", "wrong", "--resubmit", corrected(company))
    code, said, _ = company.tieout("advise", wrong, *words, "--by", "ada")
    assert code == 1
    assert "issue a credit note of 15.00" in said
    assert "its push is HELD" in said
    golden.check(company, "credit_and_rebill_of_paid")


def test_a_refund_is_out_of_scope_and_says_where_it_belongs(company: Company) -> None:
    refund = paths(company.told("advise", billed_wrongly(company)))["REFUND"]
    assert refund["open"] is False
    assert "by the payment processor or the ERP" in refund["why"]
    assert company.tieout("advise", "nobody")[0] == 2
