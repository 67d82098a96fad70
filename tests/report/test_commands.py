"""The commands: a report in each format, two signatures, a bundle; one line for a mistake."""

import json
import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from state.books import Books
from sync import reporting
from sync.cli import main
from sync.commands import reports
from tests.report.company import Company, seed_story


@pytest.fixture
def run_id(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A folder with books in it, as a command finds them."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(
        "tests.report.company.Books",
        lambda _url, name, new_id: Books("sqlite:///books.db", name, new_id=new_id),
    )
    company: Company = seed_story()
    run = company.reconcile()
    company.close()
    Path("config.yaml").write_text("entity: acme-us\nstate: {url: 'sqlite:///books.db'}\n")
    return run.run_id


def tieout(*words: str) -> int:
    with pytest.raises(SystemExit) as left:
        main(list(words))
    return int(left.value.code or 0)


def test_the_command_offers_what_the_reports_are() -> None:
    assert reports.NAMES == reporting.NAMES
    assert {*reports.FORMATS} == {*reporting.FORMATS, "jsonl"}


@pytest.mark.parametrize("form", reports.FORMATS)
def test_each_report_is_written_in_each_format(run_id: str, form: str) -> None:
    for name in reports.NAMES:
        assert tieout("report", name, "--run", run_id, "-o", f"{name}.{form}") == 0
        first = Path(f"{name}.{form}").read_bytes()
        assert tieout("report", name, "--run", run_id, "--format", form, "-o", "again") == 0
        assert Path("again").read_bytes() == first


def test_the_worklist_and_the_log_stand_without_a_run(
    run_id: str, capfd: pytest.CaptureFixture[str]
) -> None:
    assert tieout("report", "worklist") == 0
    assert "F-000001" in capfd.readouterr().out
    assert tieout("report", "audit", "--format", "json", "--about", "run") == 0
    body = json.loads(capfd.readouterr().out)
    assert [row["object_id"] for row in body["tables"]["lines"]["rows"]] == [run_id]
    assert body["facts"]["log"]["Extract"].startswith("filtered (1 of ")


def test_a_general_ledger_that_differs_is_for_a_person_to_look_at(run_id: str) -> None:
    words = ("report", "rollforward", "-o", "r.json")
    assert tieout(*words, "--gl", "USD=22526.45") == 0
    assert tieout(*words, "--gl", "USD=22526.44") == 1
    ties = json.loads(Path("r.json").read_text())["tables"]["ties"]["rows"]
    assert ties[-1]["difference"]["minor"] == 1


def test_a_statement_for_a_customer_tells_of_nobody_else(run_id: str) -> None:
    assert tieout("report", "corrections", "--customer", "cc_birch", "-o", "s.html") == 0
    page = Path("s.html").read_text()
    assert "Birch" in page
    for other in ("Acme", "ci_dogwood", "F-000001", "ledger-1"):
        assert other not in page


def test_two_persons_sign_and_a_bundle_is_made(
    run_id: str, capfd: pytest.CaptureFixture[str]
) -> None:
    sign = ("signoff", "--run", run_id, "--role")
    assert tieout(*sign, "preparer", "--by", "mia", "--json") == 0
    assert json.loads(capfd.readouterr().out)["who"] == "mia"
    assert tieout(*sign, "reviewer", "--by", "mia") == 2
    assert "another person must review it" in capfd.readouterr().err
    assert tieout(*sign, "reviewer", "--by", "omar") == 0
    assert tieout("evidence", "--run", run_id, "-o", "e.zip") == 0
    with zipfile.ZipFile("e.zip") as pack:
        body = json.loads(pack.read("reports/reconciliation.json"))
    assert [row["who"] for row in body["tables"]["signoffs"]["rows"]] == ["mia", "omar"]
    assert tieout("audit", "verify") == 0


def test_an_earlier_report_s_head_tells_a_log_that_was_cut_off(
    run_id: str, capfd: pytest.CaptureFixture[str]
) -> None:
    assert tieout("report", "audit", "--run", run_id, "--format", "json") == 0
    head = json.loads(capfd.readouterr().out)["head"]["audit"]
    number, found = head.split()
    assert tieout("audit", "verify", "--head", head, "--head", f"0 {'0' * 64}") == 0
    assert tieout("audit", "verify", "--head", f"{int(number) + 90} {found}") == 1
    assert f"no line {int(number) + 90} {found}" in capfd.readouterr().out
    other = f"{number} {'a' * 64}"
    assert tieout("audit", "verify", "--head", other, "--json") == 1
    assert json.loads(capfd.readouterr().out)["heads_lost"] == [other]
    for wrong in ("51", "x " + found, f"{number} {found[:-1]}"):
        assert tieout("audit", "verify", "--head", wrong) == 2
        assert "--head" in capfd.readouterr().err


@pytest.mark.parametrize(
    "words",
    [
        ("evidence", "--run", "RUN", "-o", "e.zip", "--json"),
        ("simulate", "--seeds", "1", "--json"),
        ("report", "rollforward", "--format", "json"),
    ],
    ids=lambda words: words[0],
)
def test_standard_output_is_the_answers_alone(run_id: str, words: tuple[str, ...]) -> None:
    # A process of its own: in ours, an earlier test may have set up the log.
    done = subprocess.run(
        [sys.executable, "-m", "sync", *(run_id if w == "RUN" else w for w in words)],
        capture_output=True,
        check=True,
        text=True,
        env={**os.environ, "TIEOUT_LOG": "debug"},
    )
    json.loads(done.stdout)
    assert "step.begun" in done.stderr


MISTAKES: list[tuple[tuple[str, ...], str]] = [
    (("report", "sales"), "NAME: 'sales' is no report"),
    (("report", "reconciliation", "--format", "doc"), "--format: 'doc' is no format"),
    (("report", "reconciliation", "--run", "R-0"), "--run: R-0 is not kept"),
    (("report", "reconciliation", "--period", "2020-01"), "no run of 2020-01 is kept"),
    (("report", "reconciliation", "--period", "xx"), "--period: 'xx' is no month"),
    (("report", "reconciliation", "--run", ""), "--run: an empty name is not kept"),
    (("report", "rollforward", "--gl", "USD"), "--gl: 'USD' names no currency"),
    (("report", "rollforward", "--gl", "USD=1", "--gl", "USD=2"), "USD stands twice"),
    (("reconcile", "--period", "9999-12"), "--period: '9999-12' is no month"),
    (("reconcile", "--period", "0000-01"), "--period: '0000-01' is no month"),
    (("reconcile", "--as-of", "0001-01-01T00:00:00+14:00"), "is no time"),
    (("reconcile", "--as-of", "9999-12-31T23:59:59-12:00"), "is no time"),
    (("report", "rollforward", "--gl", "XXQ=1"), "--gl: 'XXQ' is no ISO 4217"),
    (("report", "rollforward", "--gl", "USD=1.234"), "more decimals than USD has"),
    (("report", "reconciliation", "--table", "nope"), "--table: 'nope' is none of"),
    (
        ("report", "reconciliation", "--format", "json", "--table", "detail"),
        "--table: only csv",
    ),
    (("report", "reconciliation", "--csv-bom", "no"), "--csv-bom: 'no' is neither"),
    (("report", "reconciliation", "--csv-separator", "|"), "--csv-separator: '|' is"),
    (("signoff", "--run", "R-0", "--role", "preparer"), "--run: R-0 is not kept"),
    (("signoff", "--run", "R-0", "--role", "boss"), "--role: 'boss' is no role"),
    (("evidence", "--run", "R-0", "-o", "e.zip"), "--run: R-0 is not kept"),
    (("report", "reconciliation", "-o", "no/such/folder/r.csv"), "cannot be written"),
]


@pytest.mark.parametrize(("words", "says"), MISTAKES, ids=lambda one: str(one)[:40])
def test_a_mistake_is_one_line_and_leaves_nothing(
    run_id: str, capfd: pytest.CaptureFixture[str], words: tuple[str, ...], says: str
) -> None:
    before = sorted(Path().iterdir())
    assert tieout(*words) == 2
    told = capfd.readouterr().err
    assert says in told
    assert told.count("\n") == 1
    assert sorted(Path().iterdir()) == before


def test_a_run_that_was_changed_is_not_reported(
    run_id: str, capfd: pytest.CaptureFixture[str]
) -> None:
    import sqlite3

    with sqlite3.connect("books.db") as connection:
        connection.execute("update runs set body = replace(body, '1240000', '1240001')")
    connection.close()
    assert tieout("report", "reconciliation", "-o", "r.xlsx") == 2
    assert "not as it was kept" in capfd.readouterr().err
    assert not Path("r.xlsx").exists()


def test_without_the_extra_a_pdf_is_refused_with_the_remedy(
    run_id: str, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    import sys

    monkeypatch.setitem(sys.modules, "typst", None)
    for words in (
        ("report", "audit", "-o", "a.pdf"),
        ("evidence", "--run", run_id, "-o", "e.zip"),
    ):
        assert tieout(*words) == 2
        told = capfd.readouterr().err
        assert "pip install 'tieout[pdf]'" in told
        assert told.count("\n") == 1
    assert not Path("a.pdf").exists()
    assert not Path("e.zip").exists()


@pytest.mark.parametrize("name", ["", "  "])
@pytest.mark.parametrize(
    "words",
    [
        ("signoff", "--run", "RUN", "--role", "preparer", "--by", "NAME"),
        ("worklist", "claim", "F-000001", "--by", "NAME"),
        ("worklist", "note", "F-000001", "looked", "--by", "NAME"),
        ("worklist", "assign", "F-000001", "NAME"),
        ("worklist", "waive", "F-000001", "--reason", "r", "--by", "a", "--approver", "NAME"),
        ("worklist", "waive", "F-000001", "--reason", "r", "--by", "NAME", "--approver", "b"),
        ("push", "skip", "ci_gum", "--reason", "r", "--by", "NAME"),
        ("link", "remove", "L-000001", "--reason", "r", "--by", "a", "--approver", "NAME"),
    ],
)  # fmt: skip
def test_nobody_acts_without_a_name(
    run_id: str, capfd: pytest.CaptureFixture[str], words: tuple[str, ...], name: str
) -> None:
    """Not even as the user of the shell, who stands in only where no name was given."""
    given = {"RUN": run_id, "NAME": name}
    assert tieout(*(given.get(word, word) for word in words)) == 2
    (line,) = capfd.readouterr().err.splitlines()
    assert line.endswith("the name is empty; say who it is")
    assert tieout("report", "audit", "--format", "json", "--about", "run") == 0
    facts = json.loads(capfd.readouterr().out)["facts"]
    assert facts["log"]["Extract"].startswith("filtered (1 of ")
