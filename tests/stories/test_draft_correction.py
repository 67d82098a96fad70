"""Incorrect usage of the current period: negated on the draft, once, and never below zero."""

import json
from datetime import timedelta
from typing import Any

from tests.stories import golden
from tests.stories.company import Company
from tests.stories.living import AUGUST, BEGIN


def path(answer: dict[str, Any], name: str) -> dict[str, Any]:
    return next(one for one in answer["paths"] if one["path"] == name)


def test_the_wrong_event_is_mirrored_and_the_draft_moves(company: Company) -> None:
    company.use("right", "100")
    company.use("wrong", "50")
    company.told("sync")
    draft = company.draft()
    answer = company.told("advise", draft.id, "--negate", "wrong")
    assert {one["path"] for one in answer["paths"] if one["open"]} == {
        "CUSTOMER_CREDIT", "CONTRACT_CREDIT", "NEGATE_USAGE",
    }  # fmt: skip
    negate = path(answer, "NEGATE_USAGE")
    # Final 24 hours after its period, and 5 July is 34 days old on 8 August: the sooner counts.
    assert negate["deadline"] == "2026-08-02T00:00:00Z"
    assert negate["command"] == f"tieout advise {draft.id} --apply"
    (call,) = negate["payload"]
    assert (call["method"], call["path"]) == ("POST", "/v1/ingest")
    (event,) = call["body"]
    assert event["transaction_id"].startswith("tieout-negates-")
    assert {**event, "transaction_id": ""} == {
        "transaction_id": "", "customer_id": "acme", "event_type": "output_tokens",
        "timestamp": "2026-07-05T12:00:00Z",
        "properties": {"project_id": "Project 1", "token_count": "-50"},
    }  # fmt: skip
    assert company.draft().total == 300  # advice moves nothing

    words = (
        "advise",
        draft.id,
        "--apply",
        "--negate",
        "wrong",
        "--expect",
        "2.00",
        "--by",
        "ada",
    )
    code, said, _ = company.tieout(*words)
    assert (code, company.draft().total) == (0, 200)
    assert f"{draft.id} was 3.00; it comes to 2.00" in said
    (landed,) = company.sdk.v1.usage.search(transaction_ids=[event["transaction_id"]])
    assert landed.properties["token_count"] == "-50"

    code, said, complaint = company.tieout(*words)
    assert (code, said) == (2, "")
    assert "event wrong was negated already, by tieout-negates-" in complaint
    assert company.draft().total == 200
    company.to(AUGUST + timedelta(days=2))
    assert company.told("sync")["pushed"] == 1
    golden.check(company, "draft_negated")


def test_more_than_there_was_is_refused_unless_it_is_meant(company: Company) -> None:
    company.use("u1", "50")
    company.told("sync")
    draft = company.draft().id
    code, _, complaint = company.tieout("advise", draft, "--reduce", "Tokens=80", "--apply")
    assert code == 2
    assert (
        "product Tokens has 30 less on this invoice than is to be taken back" in complaint
    )
    company.use("u1 was less", "-20")
    code, _, complaint = company.tieout("advise", draft, "--negate", "u1", "--apply")
    assert (code, company.draft().total) == (2, 60)
    assert complaint == (
        "tieout: it would drive usage below zero: Tokens: 30 would become -20; take back less, "
        "or say --negative\n"
    )
    assert (
        company.tieout("advise", draft, "--negate", "u1", "--apply", "--negative")[0] == 0
    )
    assert company.draft().total == -40


def test_a_quantity_is_taken_back_from_the_latest_days(company: Company) -> None:
    company.use("early", "60", BEGIN + timedelta(days=2))
    company.use("late", "40", BEGIN + timedelta(days=9, hours=7))
    company.told("sync")
    draft = company.draft().id
    done = company.told("advise", draft, "--reduce", "Tokens=70", "--apply")
    assert (done["state"], done["preview_minor"]) == ("DONE", "60")
    assert [(one["at"], dict(one["properties"])) for one in done["negations"]] == [
        ("2026-07-10T00:00:00Z", {"token_count": "-40"}),
        ("2026-07-03T00:00:00Z", {"token_count": "-30"}),
    ]
    assert company.draft().total == 60


def test_negated_and_sent_again_as_it_was(company: Company) -> None:
    company.use("wrong", "5000")
    company.told("sync")
    draft = company.draft().id
    right = {
        "customer_id": "acme", "event_type": "output_tokens",
        "timestamp": "2026-07-05T12:00:00Z", "properties": {"token_count": "500"},
    }  # fmt: skip
    file = company.home / "right.json"
    file.write_text(json.dumps([right]))
    words = ("advise", draft, "--negate", "wrong", "--resubmit", str(file), "--apply")
    done = company.told(*words)
    assert (done["state"], done["preview_minor"], company.draft().total) == (
        "DONE",
        "1000",
        1000,
    )
    file.write_text(json.dumps([{**right, "transaction_id": "wrong"}]))
    code, _, complaint = company.tieout("advise", draft, "--resubmit", str(file), "--apply")
    assert code == 2
    assert (
        "event wrong: the core holds an event of this id and would ignore another"
        in complaint
    )


def test_a_preview_that_is_not_what_was_expected_sends_nothing(company: Company) -> None:
    company.use("wrong", "50")
    company.told("sync")
    draft = company.draft().id
    words = ("advise", draft, "--negate", "wrong", "--apply")
    code, said, _ = company.tieout(*words, "--expect", "0.10")
    assert (code, company.draft().total) == (1, 100)
    assert "stopped: it would come to 0.00, and 0.10 was expected" in said
    code, _, complaint = company.tieout(*words)
    assert code == 2
    assert "is under way (BLOCKED at PREVIEW)" in complaint
    assert company.tieout("advise", draft)[0] == 1  # it stands in the overview, too
    assert company.told("advise")["corrections"][0]["core_invoice_id"] == draft
    assert company.tieout("advise", draft, "--cancel", "--reason", "a slip")[0] == 0
    assert company.tieout(*words, "--expect", "0.00")[0] == 0


def test_a_final_invoice_no_longer_moves_with_its_usage(company: Company) -> None:
    company.use("wrong", "50")
    company.to(AUGUST + timedelta(days=2))
    company.told("sync")
    (final,) = company.invoices("FINALIZED")
    negate = path(company.told("advise", final.id), "NEGATE_USAGE")
    assert (negate["open"], negate["payload"]) == (False, None)
    assert "a final invoice does not move with usage" in negate["why"]
