"""Odd words, missing files, full disks, closed pipes: one clear line, the right exit code."""

import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from sync.cli import main
from tests.acceptance.processes import ROOT, TIEOUT, environment
from tests.acceptance.test_hostile_systems import World

PIPE_CLOSED, BY_HAND = 141, 130


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    world = World(tmp_path_factory.mktemp("hands"))
    for word in ("sync", "reconcile"):
        done = subprocess.run(
            [*TIEOUT, word], cwd=world.folder, env=environment(), check=False
        )
        assert done.returncode == 0
    yield world
    world.stop()


@pytest.fixture
def here(shared: World, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(shared.folder)
    for name, value in environment().items():
        monkeypatch.setenv(name, value)
    return shared.folder


def command(line: str) -> int:
    with pytest.raises(SystemExit) as left:
        main(line.split())
    return int(left.value.code or 0)


ODD = [
    ("nonsense", "No such command"),
    ("--nonsense", "No such option"),
    ("--log-level loud status", "'--log-level'"),
    ("sync --plan", "requires an argument"),
    ("sync --plan nowhere.json", "nowhere.json: No such file"),
    ("sync --plan .", "Is a directory"),
    ("sync --plan config.yaml", "plan"),
    ("sync extra", "unexpected extra argument"),
    ("plan --json extra", "unexpected extra argument"),
    ("reconcile --period", "requires an argument"),
    ("reconcile --period 2026-13", "is no month"),
    ("reconcile --period 2026-1", "is no month"),
    ("reconcile --period \u0662\u0660\u0662\u0666-\u0660\u0661", "is no month"),
    ("report", "Missing argument 'NAME'"),
    ("report nothing", "is no report"),
    ("report reconciliation --run R-nope", "is not kept"),
    ("report reconciliation --run ../../etc/passwd", "is not kept"),
    ("report reconciliation --format doc", "--format"),
    ("report worklist -o /proc/x.csv", "cannot be written"),
    ("report worklist -o .", "cannot be written"),
    ("report worklist -o nowhere/x.csv", "cannot be written"),
    ("worklist show", "Missing argument"),
    ("worklist show F-999999", "there is no flag"),
    ("worklist claim F-999999", "there is no flag"),
    ("worklist assign F-999999", "Missing argument 'WHO'"),
    ("worklist assign F-999999 ada", "there is no flag"),
    ("worklist note F-999999 words", "there is no flag"),
    ("worklist waive F-999999", "Missing option"),
    ("push retry", "Missing argument"),
    ("push retry nope", "Missing option '--reason'"),
    ("push retry nope --reason x", "no push of nope is known"),
    ("push skip nope --reason x", "no push of nope is known"),
    ("credit show nope", "not known"),
    ("credit list --period 9999-12", "is no month"),
    ("credit list --period 2026-11-05", "is no month"),
    ("link remove L-9 --reason x --approver ada", "is no link that stands"),
    ("status -c", "requires an argument"),
    ("status -c nowhere.yaml", "nowhere.yaml: cannot be read"),
    ("status -c .", "cannot be read"),
    ("config check -c nowhere.yaml", "cannot be read"),
    ("core now --data nowhere", "no core books in nowhere"),
    ("core clock set", "Missing argument 'TIME'"),
    ("core clock set yesterday --data core", "is no time"),
    ("core clock set 2020-01-01 --data core", "moves forward only"),
    ("core clock set 2026-11-03 --data nowhere", "no core books in nowhere"),
    ("core serve --port 99999", "--port"),
    ("core serve --port abc", "--port"),
    ("core serve --port -1", "--port"),
    ("core serve --bind 0.0.0.0", "--bind"),
    ("core serve --clock sideways --data other --port 0", "real or manual"),
    ("core serve --clock manual --now then --data other", "--now"),
    ("core serve --data core --port 0", "core"),
    ("core serve --data /dev/null --port 0", "cannot be used"),
    ("core serve --data /proc/x --port 0", "cannot be used"),
    ("sandbox stripe --bind ::1", "--bind"),
    ("sandbox stripe --data /dev/null", "cannot be used"),
    ("sandbox stripe --port 70000", "--port"),
    ("simulate --seeds 0", "--seeds"),
    ("simulate --seeds abc", "--seeds"),
    ("audit verify extra", "unexpected extra argument"),
    ("backup --no-such", "No such option"),
    ("demo --folder /dev/null", "cannot be written"),
    ("demo --folder /proc/x", "cannot be written"),
]


@pytest.mark.parametrize(("line", "told"), ODD, ids=[line for line, _ in ODD])
def test_an_odd_command_is_one_line_and_exit_2(
    here: Path, capsys: pytest.CaptureFixture[str], line: str, told: str
) -> None:
    before = sorted(here.rglob("*.log"))
    assert command(line) == 2
    said = capsys.readouterr()
    assert said.out == ""
    assert (said.err[:8], said.err.count("\n")) == ("tieout: ", 1)
    assert told in said.err
    assert sorted(here.rglob("*.log")) == before, "it was no foreseen failure"


SETTINGS = [
    ("entity: [", "line 1"),
    ("entity: a\nentity: b", "stands here again"),
    ("core: {knd: embedded}", "kind"),
    ("core: {token: sk_test_4eC39HqLyjWDarjtT1zdp7dc}", "core.token"),
    ("stripe: {api_key: sk_test_4eC39HqLyjWDarjtT1zdp7dc}", "stripe.api_key"),
    ("stripe: {mode: life}", "stripe.mode"),
    ("schedule: {poll_every: soon}", "schedule.poll_every"),
    ("policy: {push_cap_count: -1}", "policy.push_cap_count"),
    ("- a\n- list", "config.yaml"),
    ("state: {url: ftp://x}", "state.url"),
    ("core: {kind: metronome, token: env:NOT_SET_ANYWHERE}", "NOT_SET_ANYWHERE"),
    ("core: {kind: metronome, base_url: http://metronome.test}", "base_url"),
    ("!!python/object/apply:os.system [true]", "config.yaml"),
    ("a: &a [*a]", ""),
    ("\x00", "config.yaml"),
]


@pytest.mark.parametrize(("text", "told"), SETTINGS, ids=[told for _, told in SETTINGS])
@pytest.mark.parametrize("act", ["sync", "run", "config check"])
def test_settings_that_are_wrong_are_told_before_anything_is_done(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    act: str,
    text: str,
    told: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "config.yaml").write_text(text)
    code = command(act)
    said = capsys.readouterr()
    if act == "config check" and "NOT_SET" in told:
        return  # a form that is sound; doctor looks for the variable
    assert code == 2
    assert said.err.startswith("tieout: ")
    assert "Traceback" not in said.err
    assert "4eC39HqLyjWDarjtT1zdp7dc" not in said.out + said.err
    assert told in said.err
    assert not (tmp_path / ".tieout/state.db").exists()


PRINTING = [
    "sync", "plan", "reconcile", "status", "doctor", "config check", "worklist list",
    "push list", "credit list", "audit verify", "backup", "core now --data core",
]  # fmt: skip


@pytest.mark.parametrize("line", PRINTING)
def test_json_is_json_and_stands_alone(
    here: Path, capsys: pytest.CaptureFixture[str], line: str
) -> None:
    assert command(f"{line} --json") in {0, 1}
    said = capsys.readouterr()
    json.loads(said.out)
    assert said.err == ""


@pytest.mark.parametrize("line", PRINTING)
def test_json_of_a_run_that_cannot_be_is_no_half_answer(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    line: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    assert command(f"{line} --json -c nowhere.yaml".replace("--data core", "--data x")) in {
        1,
        2,
    }
    said = capsys.readouterr()
    if said.out:
        json.loads(said.out)
    assert "Traceback" not in said.err


BROKEN = {
    "no database": b"garbage, and more of it than a header",
    "half a database": None,
    "a folder": b"",
}


@pytest.mark.parametrize("how", BROKEN)
@pytest.mark.parametrize("line", ["status", "sync", "audit verify", "worklist list"])
def test_broken_books_are_told_and_left_alone(
    here: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    how: str,
    line: str,
) -> None:
    (tmp_path / ".tieout").mkdir()
    books = tmp_path / ".tieout/state.db"
    whole = (here / ".tieout/state.db").read_bytes()
    if how == "a folder":
        books.mkdir()
    else:
        books.write_bytes(BROKEN[how] or whole[: len(whole) // 2])
    shutil.copy(here / "config.yaml", tmp_path)
    monkeypatch.chdir(tmp_path)
    assert command(line) == 2
    said = capsys.readouterr()
    assert (said.err[:8], said.err.count("\n")) == ("tieout: ", 1)
    assert "state.db" in said.err
    assert how == "a folder" or books.read_bytes() == (
        BROKEN[how] or whole[: len(whole) // 2]
    )


def process(
    here: Path, line: str, *, shell: str = "", **env: str
) -> subprocess.CompletedProcess[str]:
    """A command in a shell of its own; `{}` in `shell` stands for it."""
    text = f"{sys.executable} -m sync {line}"
    return subprocess.run(
        ["bash", "-c", (shell or "{}").replace("{}", text)],
        cwd=here,
        env={**environment(), **env},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


@pytest.mark.parametrize(
    ("line", "shell", "code", "told"),
    [
        ("status", "{} | false; exit ${PIPESTATUS[0]}", PIPE_CLOSED, ""),
        ("status --json", "{} | false; exit ${PIPESTATUS[0]}", PIPE_CLOSED, ""),
        ("core --help", "{} | false; exit ${PIPESTATUS[0]}", PIPE_CLOSED, ""),
        ("status", "{} >/dev/full", 2, "No space left on device"),
        ("report reconciliation", "{} >/dev/full", 2, "No space left on device"),
        ("status", "{} >&-", 0, ""),
        ("nonsense", "{} 2>&-", 2, ""),
        ("nonsense", "{} >&- 2>&-", 2, ""),
        ("status", "{} <&-", 0, ""),
        ("status", "ulimit -n 20; {}", 0, ""),
    ],
)
def test_streams_that_are_closed_or_full(
    here: Path, line: str, shell: str, code: int, told: str
) -> None:
    ended = process(here, line, shell=shell)
    assert ended.returncode == code
    assert told in ended.stderr
    assert "Traceback" not in ended.stderr
    assert list(here.rglob("crash-*")) == []


@pytest.mark.parametrize(
    "env",
    [
        {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"},
        {"COLUMNS": "20"},
    ],
    ids=["C", "narrow"],
)
def test_a_run_is_shown_whole_whatever_the_terminal(
    here: Path, env: dict[str, str]
) -> None:
    ended = process(here, "reconcile", **env)
    assert (ended.returncode, ended.stderr) == (0, "")
    assert ended.stdout.count("MATCHED") == 4


@pytest.mark.parametrize(
    "env",
    [
        {"COLUMNS": "0"},
        {"COLUMNS": "abc"},
        {"TERM": ""},
        {"HOME": "/nonexistent"},
        {"TZ": "Antarctica/Troll"},
        {"PYTHONWARNINGS": "error"},
    ],
    ids=lambda env: "-".join(f"{k}={v}" for k, v in env.items()),
)
def test_odd_surroundings(here: Path, env: dict[str, str]) -> None:
    ended = process(here, "status", **env)
    assert (ended.returncode, ended.stderr) == (0, "")
    assert "default" in ended.stdout


def test_no_home_and_no_user(here: Path) -> None:
    ended = process(here, "status", shell="env -u HOME -u USER -u LOGNAME {}")
    assert (ended.returncode, ended.stderr) == (0, "")


def test_interrupted_by_hand(here: Path) -> None:
    """A ^C while a system does not answer: one line, and the lease is given back."""
    hang = ROOT / "tests/acceptance/hang.py"
    with subprocess.Popen(
        [sys.executable, str(hang)], stdout=subprocess.PIPE, text=True
    ) as server:
        assert server.stdout is not None
        url = server.stdout.readline().strip()
        folder = here / "interrupted"
        folder.mkdir()
        text = (here / "config.yaml").read_text()
        base = next(line.split()[-1] for line in text.splitlines() if "base_url" in line)
        (folder / "config.yaml").write_text(text.replace(base, url))
        # A shell that runs the tests in the background has its children ignore ^C.
        with subprocess.Popen(
            ["env", "--default-signal=INT", *TIEOUT, "sync"],
            cwd=folder,
            env=environment(),
            stderr=subprocess.PIPE,
            text=True,
        ) as acting:
            assert server.stdout.readline() == "asked\n"
            acting.send_signal(signal.SIGINT)
            said = acting.communicate(timeout=60)[1]
        server.kill()
    assert acting.returncode == BY_HAND
    assert said.count("\n") == 1
    assert "stopped by hand" in said
    after = process(here, "sync", shell=f"cp config.yaml {folder}; cd {folder}; {{}}")
    assert after.returncode == 0, after.stderr


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become somebody else")
@pytest.mark.parametrize("line", ["sync", "status", "backup", "demo"])
def test_a_folder_that_is_not_ours(here: Path, line: str) -> None:
    """Another user's folder: it says which, and makes no half a thing."""
    shell = "setpriv --reuid=65534 --regid=65534 --clear-groups {}"
    if process(here, "--version", shell=shell).returncode != 0:
        pytest.skip("this user cannot run this Python")
    ended = process(here, line, shell=shell)
    assert ended.returncode == 2
    assert ended.stderr.count("\n") == 1
    assert "Traceback" not in ended.stderr


def test_the_version_is_said(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert command("--version") == 0
    assert capsys.readouterr().out.startswith("tieout ")
