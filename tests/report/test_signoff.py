"""Sign-off: two persons, one set of figures; other figures take it down and say why."""

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta

import pytest

from sync import reporting, signoff
from sync.books import Excluded, Matched, Run
from sync.differing import difference
from sync.report.codec import content_sha256, run_text
from sync.report.document import Facts
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


def test_the_audit_extract_tells_role_and_run(company: Company) -> None:
    run = company.reconcile()
    sign(company, run, "preparer", "mia")
    later = company.reconcile(at=CUTOFF + timedelta(hours=1))
    material = reporting.of_run(company.store, later, run_text(later)[1], ("audit",))
    made = reporting.document("audit", material)
    table = made.table("lines")
    told = [
        {column.key: column.of(row) for column in table.columns} for row in table.rows()
    ]
    signed = next(one for one in told if one["action"] == "signoff.given")
    assert (signed["actor_kind"], signed["role"], signed["run_id"]) == (
        "user",
        "preparer",
        run.run_id,
    )
    kept = [one for one in told if one["action"] == "run.kept"]
    assert [one["run_id"] for one in kept] == [run.run_id]
    assert {one["role"] for one in kept} == {"worker"}
    opened = next(one for one in told if one["action"] == "flag.open")
    assert (opened["role"], opened["run_id"]) == ("worker", "")
    of_one = reporting.document("audit", material, reporting.Wish(about="mia"))
    facts = of_one.sections[0].blocks[0]
    assert isinstance(facts, Facts)
    assert ("Extract", f"filtered (1 of {len(told)})") in facts.pairs


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
    assert difference(run, run) == ""
    one = Excluded("books", "invoice", "INV-8", "USD", 300, "names no core invoice")
    more = replace(run, excluded=(*run.excluded, one))
    told = "books invoice INV-8 of 3.00 USD, as it names no core invoice"
    assert difference(run, more) == f"newly left out: {told}"
    assert difference(more, run) == f"no longer left out: {told}"


def test_a_reviewer_signs_after_the_preparer(company: Company) -> None:
    with pytest.raises(signoff.NotSignable, match="a preparer has signed before"):
        sign(company, company.reconcile(), "reviewer", "omar")


def test_an_approver_signs_last_and_only_what_is_above_the_threshold(
    company: Company,
) -> None:
    run = company.reconcile()
    assert run.needs_approver
    sign(company, run, "preparer", "mia")
    with pytest.raises(signoff.NotSignable, match="a reviewer has signed before"):
        sign(company, run, "approver", "ines")
    sign(company, run, "reviewer", "omar")
    for who in ("Mia", "omar"):
        with pytest.raises(signoff.NotSignable, match="another person must approve"):
            sign(company, run, "approver", who)
    sign(company, run, "approver", "ines")
    assert [one.role for one in signoff.of_run(company.store, run)] == list(signoff.ROLES)
    small = replace(run, total_threshold_minor=10**9)
    assert not small.needs_approver
    with pytest.raises(signoff.NotSignable, match="no approver is asked for"):
        sign(company, small, "approver", "ines")


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
    assert fallen.why == (
        f"{changed.run_id} shows other figures: 1 row changed (stripe ci_hazel: memos 0.00 to "
        "(7.00), open balance 120.00 to 113.00, memo numbers none to CN-late)"
    )
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


def test_a_document_beside_the_core_takes_it_down_and_is_named(company: Company) -> None:
    """Closing A/R holds it, and what is complete was signed; so the message says which."""
    run = company.reconcile()
    sign(company, run, "preparer", "mia")
    company.post("in_other", None, 4_200)
    company.see(CUTOFF + timedelta(hours=1))
    changed = company.reconcile(at=CUTOFF + timedelta(hours=2))
    (fallen,) = signoff.of_run(company.store, run)
    assert fallen.why == (
        f"{changed.run_id} shows other figures: newly left out: stripe invoice in_other of "
        "42.00 USD, as it names no core invoice"
    )


def test_of_many_that_moved_some_are_named_and_the_others_counted(company: Company) -> None:
    run = company.reconcile()
    moved = replace(
        run,
        rows=tuple(replace(row, paid_minor=row.paid_minor + 100) for row in run.rows[1:]),
        matched=(Matched("stripe", "USD", 2, 10, 10, 0, 0, 0, "x"),),
    )
    told = difference(run, moved)
    count = len(run.rows) - 1
    assert told.startswith(f"{count} rows changed (stripe ")
    assert (
        f"; and {count - 3} more); 1 row gone (stripe {run.rows[0].core_invoice_id} "
        in told
    )
    assert "plainly matched rows 0 to 2" in told
