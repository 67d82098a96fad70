"""`tieout simulate`, as its hook in the command line calls it."""

import json
from pathlib import Path

import pytest

from sync.progress import Silent
from sync.simulation import run
from sync.simulation.command import command
from sync.simulation.world import Rules
from tests.simulation import planted


def test_a_sound_run_ends_with_0(capsys: pytest.CaptureFixture[str]) -> None:
    assert command(50, 7, [], "fast", as_json=False) == 0
    assert capsys.readouterr().out.startswith("50 worlds, 0 broken.")


def test_json_says_what_struck(capsys: pytest.CaptureFixture[str]) -> None:
    assert command(50, 0, ["core_void", "truncated"], "fast", as_json=True) == 0
    said = json.loads(capsys.readouterr().out)
    assert (said["worlds"], said["broken"], said["shown"]) == (50, 0, [])
    assert set(said["faults"]) == {"core_void", "truncated"}


def test_a_broken_world_is_told_by_seed_faults_and_invariant(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    defect = Rules(absorb=planted.new_key_after_5xx)
    monkeypatch.setattr(
        run, "one_world", lambda seed, allowed, _: _one_world(seed, allowed, defect)
    )
    assert command(100, 0, ["plain_500"], "fast", as_json=False) == 1
    lines = capsys.readouterr().out.splitlines()
    assert lines[1].startswith("broken invariants and their worlds: 5: ")
    assert lines[2].startswith("seed ")
    assert ": 5: the generation of " in lines[2]
    assert lines[3] == "    plain_500@call"


def test_processes_share_the_worlds_and_change_nothing() -> None:
    def lived(jobs: int, mode: run.Mode = "fast") -> run.Outcome:
        seeds = range(3, 1400)
        return run.simulate(seeds, faults=None, mode=mode, progress=Silent(), jobs=jobs)

    assert lived(1) == lived(2)


def test_broken_worlds_of_every_process_are_shown_in_the_order_of_their_seeds() -> None:
    defect = Rules(absorb=planted.new_key_after_5xx)
    some = frozenset({"plain_500"})
    one, two = (
        run.simulate(
            range(1200),
            faults=some,
            mode="fast",
            progress=Silent(),
            rules=defect,
            jobs=jobs,
        )
        for jobs in (1, 2)
    )
    assert one == two
    assert one.broken > len(one.shown) == run.SHOWN_MAX


class Told(Silent):
    """What a run says while it runs; stops it after so many tasks."""

    def __init__(self, tasks: int) -> None:
        self.left = tasks
        self.said: list[str] = []
        self.total: int | None = None

    def step(self, name: str, total: int | None) -> None:
        self.said.append(name)
        self.total = total

    def advance(self, count: int = 1) -> None:
        self.said.append(f"{count} done")
        self.left -= 1

    def note(self, text: str) -> None:
        self.said.append(text)

    def stopping(self) -> bool:
        return self.left <= 0


@pytest.mark.parametrize(
    ("mode", "first", "count", "jobs"),
    [("fast", 7, 510, 1), ("singles", 650, 130, 1), ("pairs", 1950, 6, 2)],
)
def test_a_run_that_is_stopped_goes_on_where_it_was(
    mode: run.Mode, first: int, count: int, jobs: int
) -> None:
    def lived(start: int, told: Told) -> run.Outcome:
        return run.simulate(
            range(start, first + count), faults=None, mode=mode, progress=told, jobs=jobs,
            stopping=told.stopping,
        )  # fmt: skip

    told = Told(1)
    begun = lived(first, told)
    assert begun.stopped
    assert first < begun.next < first + count
    assert (told.total, len(told.said)) == (count, 2)
    rest = lived(begun.next, Told(99))
    assert (rest.stopped, rest.next) == (False, first + count)
    begun.take_in(rest)
    assert (begun.worlds, begun.broken) == (lived(first, Told(99)).worlds, 0)


def test_how_to_go_on_is_said(capsys: pytest.CaptureFixture[str]) -> None:
    faults = ["core_void", "truncated"]
    stop = Told(1)
    code = command(
        1200, 7, faults, "fast", as_json=False, progress=stop, stopping=stop.stopping
    )
    said = capsys.readouterr()
    assert code == 130
    assert said.out.startswith("500 worlds, 0 broken.")
    assert said.err == (
        "stopped before the end; go on with: tieout simulate --mode fast --first-seed 507 "
        "--seeds 700 --fault core_void --fault truncated\n"
    )
    stop = Told(1)
    assert command(None, 0, [], "singles", as_json=False, progress=stop, stopping=stop.stopping) == 130  # fmt: skip
    assert capsys.readouterr().err.endswith(
        ": tieout simulate --mode singles --first-seed 100\n"
    )


def test_the_first_broken_world_is_told_at_once() -> None:
    defect = Rules(absorb=planted.new_key_after_5xx)
    told = Told(1)
    run.simulate(
        range(1200), faults=frozenset({"plain_500"}), mode="fast", progress=told,
        rules=defect, stopping=told.stopping,
    )  # fmt: skip
    _, note, done = told.said
    assert note.startswith("broken: seed ")
    assert ": 5: the generation of " in note
    assert done == "500 done"


def test_a_database_that_cannot_be_opened_is_one_line(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    (tmp_path / "folder").write_text("in the way")
    url = f"sqlite:///{tmp_path}/folder/state.db"
    assert command(1, 0, [], "real", as_json=False, state_url=url) == 2
    assert command(1, 0, [], "fast", as_json=False, state_url=url) == 2
    first, second = capsys.readouterr().err.splitlines()
    assert "folder" in first
    assert "--state names the database of --mode real" in second


@pytest.mark.parametrize(
    ("seeds", "first", "fault", "mode", "said"),
    [
        (0, 0, [], "fast", "--seeds and --jobs are at least 1"),
        (1, -1, [], "fast", "--first-seed at least 0"),
        (
            1,
            0,
            ["rain"],
            "fast",
            "--fault rain: no such fault; there are: crash_before_intent,",
        ),
        (1, 0, [], "slow", "--mode slow: there are fast, real,"),
        (1, 0, ["core_void"], "pairs", "--fault: --mode pairs tries every fault"),
    ],
)
def test_what_cannot_be_run_is_one_line(
    seeds: int,
    first: int,
    fault: list[str],
    mode: str,
    said: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert command(seeds, first, fault, mode, as_json=False) == 2
    error = capsys.readouterr().err
    assert said in error
    assert error.count("\n") == 1


_one_world = run.one_world
