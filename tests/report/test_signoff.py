"""Sign-off: two persons, one set of figures; other figures take it down and say why."""

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta

import pytest

from sync import reporting, signoff
from sync.books import Excluded, Run
from sync.report.codec import content_sha256, run_text
from tests.report.company import CUTOFF, NOON, Company, seed_story


@pytest.fixture
def company() -> Iterator[Company]:
    made = seed_story(settled=True)
    yield made
    made.close()


def sign(company: Company, run: Run, role: str, who: str) -> None:
    signoff.sign(company.parts, run, role=role, who=who, comment="Looked at each open row")


def test_two_persons_sign_the_figures(company: Company) -> None:
    run = company.reconcile()
    sign(company, run, "preparer", "mia")
    sign(company, run, "reviewer", "omar")
    found = signoff.of_run(company.store, run)
    assert [(one.role, one.who, one.stands) for one in found] == [
        ("preparer", "mia", True),
        ("reviewer", "omar", True),
    ]
    assert {one.content for one in found} == {content_sha256(run)}
    material = reporting.of_run(company.store, run, run_text(run)[1], ("reconciliation",))
    rows = reporting.document("reconciliation", material).table("signoffs").rows()
    assert [one.who for one in rows] == ["mia", "omar"]
    assert company.store.verify_audit().ok


@pytest.mark.parametrize(
    ("role", "who", "says"),
    [
        ("reviewer", "mia", "another person"),
        ("reviewer", "MIA", "another person"),
        ("preparer", "omar", "signed as preparer already"),
    ],
)
def test_who_may_not_sign(company: Company, role: str, who: str, says: str) -> None:
    run = company.reconcile()
    sign(company, run, "preparer", "mia")
    with pytest.raises(signoff.NotSignable, match=says):
        sign(company, run, role, who)


def test_a_difference_in_what_was_left_out_alone_is_told(company: Company) -> None:
    run = company.reconcile()
    assert "left out" not in signoff.difference(run, run)
    one = Excluded("books", "invoice", "INV-8", "USD", 300, "names no core invoice")
    more = replace(run, excluded=(*run.excluded, one))
    left = len(run.excluded)
    assert f"left out: {left} documents to {left + 1}" in signoff.difference(run, more)


def test_a_reviewer_signs_after_the_preparer(company: Company) -> None:
    with pytest.raises(signoff.NotSignable, match="a preparer has signed before"):
        sign(company, company.reconcile(), "reviewer", "omar")


def test_a_run_whose_check_failed_is_signed_by_nobody(company: Company) -> None:
    from dataclasses import replace

    from sync.books import Check

    run = replace(company.reconcile(), checks=(Check("core total", ok=False),))
    with pytest.raises(signoff.NotSignable, match="a check of this run failed"):
        signoff.sign(company.parts, run, role="preparer", who="mia", comment="")


def test_the_same_figures_again_leave_it_standing(company: Company) -> None:
    run = company.reconcile()
    sign(company, run, "preparer", "mia")
    again = company.reconcile(at=CUTOFF + timedelta(hours=1))
    assert again.run_id != run.run_id
    assert content_sha256(again) == content_sha256(run)
    assert [one.stands for one in signoff.of_run(company.store, again)] == [True]


def test_other_figures_take_it_down_and_say_why(company: Company) -> None:
    run = company.reconcile()
    sign(company, run, "preparer", "mia")
    company.credit("cn_late", "in_hazel", 700, at=NOON + timedelta(days=20))
    company.see(CUTOFF + timedelta(hours=1))
    changed = company.reconcile(at=CUTOFF + timedelta(hours=2))
    (fallen,) = signoff.of_run(company.store, run)
    assert not fallen.stands
    assert fallen.why.startswith(f"{changed.run_id} shows other figures: 1 rows changed")
    last = [json.loads(line.body) for line in company.store.audit_lines(about="signoff")][
        -1
    ]
    assert (last["action"], last["before"]) == ("signoff.opened", "preparer mia")
    assert last["after"] == changed.run_id
    assert signoff.of_run(company.store, changed) == ()
    with pytest.raises(signoff.NotSignable, match="is not the latest of its period"):
        sign(company, run, "reviewer", "omar")
    sign(company, changed, "preparer", "mia")


def test_figures_that_come_back_are_signed_anew(company: Company) -> None:
    run = company.reconcile()
    sign(company, run, "preparer", "mia")
    company.move("in_hazel", tax_minor=7)
    company.see(CUTOFF + timedelta(hours=1))
    assert content_sha256(
        company.reconcile(at=CUTOFF + timedelta(hours=2))
    ) != content_sha256(run)
    company.move("in_hazel", tax_minor=0)
    company.see(CUTOFF + timedelta(hours=3))
    again = company.reconcile(at=CUTOFF + timedelta(hours=4))
    assert content_sha256(again) == content_sha256(run)
    (fallen,) = signoff.of_run(company.store, again)
    assert not fallen.stands
    sign(company, again, "preparer", "mia")
    assert [one.stands for one in signoff.of_run(company.store, again)] == [False, True]


def test_a_month_s_sign_off_is_not_touched_by_another_run(company: Company) -> None:
    month = company.reconcile(period="2026-10")
    sign(company, month, "preparer", "mia")
    company.reconcile(at=CUTOFF + timedelta(hours=1))
    assert [one.stands for one in signoff.of_run(company.store, month)] == [True]
