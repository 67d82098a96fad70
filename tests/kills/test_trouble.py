"""What else befalls a process: two of them, a pause, a full or broken disk, a wrong clock."""

import os
import shutil
import signal
import sqlite3
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest

from tests.kills.front import Request
from tests.kills.processes import Child, Zygote
from tests.kills.world import World

CREATE = "stripe POST /v1/invoices"
LOOK = "stripe GET /v1/invoices"
LINES = "stripe POST /v1/invoices/{}/add_lines"


class Moments:
    """Acts of a test, each at the first request of a name."""

    def __init__(self) -> None:
        self.acts: dict[tuple[str, str], Callable[[], str]] = {}

    def at(self, name: str, phase: str, act: Callable[[], object], fate: str = "") -> None:
        def once() -> str:
            act()
            return fate

        self.acts[name, phase] = once

    def __call__(self, request: Request, phase: str) -> str:
        act = self.acts.pop((request.name, phase), None)
        return act() if act is not None else ""


@pytest.fixture
def moments() -> Moments:
    return Moments()


@pytest.fixture
def world(zygote: Zygote, moments: Moments) -> Iterator[World]:
    with World(zygote, moments) as made:
        yield made


def said(world: World) -> list[str]:
    """What commands complained of, one line each."""
    lines = world.text.splitlines()
    return [line for line in lines if line.startswith("tieout: ")]


def comes_right(world: World) -> None:
    """A pass without faults ends what is open, and all is as it should be."""
    for _ in range(8):
        assert world.tieout("sync").wait() in {0, 1}
        if not world.open_pushes():
            break
        world.pass_time(3600)
    assert dict(world.verdict()) == {}


def until(wanted: Callable[[], object], seconds: float = 15) -> None:
    ends = time.monotonic() + seconds
    while not wanted():
        assert time.monotonic() < ends, "it did not come to pass in time"
        time.sleep(0.01)


def test_a_second_daemon_is_refused_in_one_line(world: World) -> None:
    first = world.tieout("run")
    until(lambda: world.seen)
    second = world.tieout("run")
    assert second.wait() == 2
    (line,) = said(world)
    assert "another Tieout holds the lease" in line
    first.signal(signal.SIGTERM)
    assert first.wait() == 0
    world.bill(2)
    comes_right(world)


def test_sigterm_in_a_push_ends_the_step_and_gives_the_lease_back(
    world: World, moments: Moments
) -> None:
    world.bill(3, 120)
    moments.at(CREATE, "arrived", lambda: daemon.signal(signal.SIGTERM))
    daemon = world.tieout("run")
    assert daemon.wait() == 0
    assert said(world) == []
    store = world.books()
    assert all(not push.in_flight for push in store.pushes_by_id().values())
    store.close()
    comes_right(world)  # at once: the lease is free


@pytest.mark.parametrize(
    ("command", "how", "code"),
    [
        ("run", signal.SIGTERM, 0),
        ("sync", signal.SIGINT, 130),
        ("sync", signal.SIGTERM, 143),
    ],
)
def test_what_sleeps_is_woken_by_a_signal(
    world: World, moments: Moments, command: str, how: signal.Signals, code: int
) -> None:
    """Stripe asks us to wait; a process that is told to end does not sit that out."""
    world.bill(3)
    moments.at(LOOK, "arrived", lambda: None, "429_for_long")
    process = world.tieout(command)
    until(lambda: any(one.name == LOOK and one.fate for one in world.seen))
    time.sleep(0.3)  # it has read the answer, and sleeps
    told = time.monotonic()
    process.signal(how)
    assert process.wait() == code
    assert time.monotonic() - told < 15, "it sat it out"
    comes_right(world)


def suspend(process: Child, books: Path) -> None:
    """Stop it, but in no commit of another of its threads: nobody gets past that one."""
    while True:
        process.signal(signal.SIGSTOP)
        until(process.stands)
        with closing(sqlite3.connect(books, isolation_level=None, timeout=0)) as other:
            try:
                other.execute("BEGIN IMMEDIATE")
            except sqlite3.OperationalError:
                process.signal(signal.SIGCONT)
                time.sleep(0.01)
            else:
                return


def test_a_process_suspended_past_its_lease_keeps_nothing(
    world: World, moments: Moments
) -> None:
    world.bill(3)
    moments.at(LINES, "arrived", lambda: suspend(stale, world.books_path))
    stale = world.tieout("run")
    until(lambda: any(one.name == LINES and one.status for one in world.seen))
    world.pass_time(61)
    holder = world.tieout("run")
    until(lambda: not world.open_pushes())
    stale.signal(signal.SIGCONT)
    # It wakes and commits the answer it had waited for; the fence keeps that out.
    assert stale.wait() == 2
    (line,) = said(world)
    assert "another Tieout holds the lease" in line
    assert '"action": "lease.lost"' in world.text
    holder.signal(signal.SIGTERM)
    assert holder.wait() == 0
    assert dict(world.verdict()) == {}


def test_a_locked_database_delays_and_loses_nothing(world: World, moments: Moments) -> None:
    world.bill(3, 1)
    busy = sqlite3.connect(world.books_path, check_same_thread=False, isolation_level=None)
    moments.at(CREATE, "answered", lambda: busy.execute("BEGIN IMMEDIATE"))
    daemon = world.tieout("run")
    until(lambda: "database is locked" in world.text)
    busy.execute("ROLLBACK")
    busy.close()
    until(lambda: not world.open_pushes())
    daemon.signal(signal.SIGTERM)
    assert daemon.wait() == 0
    assert dict(world.verdict()) == {}


# --- the disk ---------------------------------------------------------------------------
@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of 4 MB, where this user may mount one."""
    disk = tmp_path / "disk"
    disk.mkdir()
    words = ["mount", "-t", "tmpfs", "-o", "size=4m", "tieout", str(disk)]
    if os.geteuid() or shutil.which("mount") is None:
        pytest.skip("only root mounts a disk")
    if subprocess.run(words, capture_output=True, check=False).returncode:
        pytest.skip("no disk can be mounted here")
    yield disk
    subprocess.run(["umount", "-l", str(disk)], check=True)


def test_a_full_disk_stops_the_push_and_room_lets_it_go_on(
    zygote: Zygote, moments: Moments, small_disk: Path
) -> None:
    with World(zygote, moments, state_folder=small_disk) as world:
        world.bill(1)
        assert world.tieout("sync").wait() == 0
        world.bill(3, 100)

        def fill() -> None:
            with (small_disk / "ballast").open("wb") as file:
                try:
                    while True:
                        file.write(b"x" * 4096)
                        file.flush()
                except OSError:
                    file.close()

        moments.at(CREATE, "answered", fill)
        assert world.tieout("sync").wait() == 2
        (line,) = said(world)
        assert "disk is full" in line or "disk I/O error" in line
        assert "nothing of it was kept" in line
        (small_disk / "ballast").unlink()
        world.pass_time(61)
        comes_right(world)


def test_a_file_that_may_not_grow_is_a_full_disk_too(world: World) -> None:
    world.bill(1)
    assert world.tieout("sync").wait() == 0
    world.bill(*[100] * 5)
    room = world.books_path.stat().st_size + 40_000
    assert world.tieout("sync", bytes_max=room).wait() == 2
    assert len(said(world)) == 1
    world.pass_time(61)
    comes_right(world)


def test_a_read_only_disk_is_one_line_and_nothing_is_sent(
    zygote: Zygote, moments: Moments, small_disk: Path
) -> None:
    with World(zygote, moments, state_folder=small_disk) as world:
        world.bill(1)
        assert world.tieout("sync").wait() == 0
        world.bill(2)
        mount = ["mount", "-o", "remount,ro", str(small_disk)]
        subprocess.run(mount, check=True)
        before = len([one for one in world.seen if one.method == "POST"])
        assert world.tieout("sync").wait() == 2
        (line,) = said(world)
        assert "state.db" in line
        wrote = [one for one in world.seen if one.method == "POST"][before:]
        assert [one for one in wrote if one.system == "stripe"] == []
        subprocess.run(["mount", "-o", "remount,rw", str(small_disk)], check=True)
        comes_right(world)


def test_a_spoiled_log_of_writes_loses_commits_and_bills_nothing_twice(
    world: World, moments: Moments
) -> None:
    """The last commits are gone, as from an older backup; a look finds the documents."""
    world.bill(3, 120, 1)
    finalize = "stripe POST /v1/invoices/{}/finalize"
    moments.at(finalize, "answered", lambda: daemon.signal(signal.SIGKILL), "close_after")
    daemon = world.tieout("run")
    assert daemon.wait() == -signal.SIGKILL
    log = world.books_path.with_name("state.db-wal")
    size = log.stat().st_size
    with log.open("r+b") as file:
        file.seek(size * 2 // 3)
        file.write(os.urandom(size // 3))
    world.pass_time(61)
    comes_right(world)


def test_a_spoiled_database_is_one_line_that_says_so(world: World) -> None:
    world.bill(1)
    assert world.tieout("sync").wait() == 0
    for rest in ("-wal", "-shm"):
        world.books_path.with_name(f"state.db{rest}").unlink(missing_ok=True)
    with world.books_path.open("r+b") as file:
        file.seek(100)
        file.write(b"\xff" * (world.books_path.stat().st_size - 200))
    assert world.tieout("sync").wait() == 2
    (line,) = said(world)
    assert "malformed" in line or "not a database" in line


# --- the clock --------------------------------------------------------------------------
@pytest.mark.parametrize("hours", [-1, 48, 72])
def test_an_unknown_outcome_outlives_a_clock_that_jumps(
    world: World, moments: Moments, hours: int
) -> None:
    """48 h on, Stripe has forgotten the key: what is found, not the key, prevents a second."""
    world.bill(3)
    moments.at(CREATE, "answered", lambda: daemon.signal(signal.SIGKILL), "reset_after")
    daemon = world.tieout("run")
    assert daemon.wait() == -signal.SIGKILL
    world.pass_time(hours * 3600)
    if hours < 0:
        assert world.tieout("sync").wait() == 2, "the lease ends later on this clock"
        world.pass_time(3600 + 61)
    comes_right(world)
    assert len([one for one in world.seen if one.name == CREATE]) == 1


def test_a_clock_that_goes_back_and_on_under_a_running_daemon_harms_nothing(
    world: World,
) -> None:
    world.bill(2)
    daemon = world.tieout("run")
    until(lambda: not world.open_pushes())
    for seconds in (-3600, 3 * 86_400, 0):
        world.set_offset(seconds)
        world.bill(1)
        until(lambda: not world.open_pushes())
    daemon.signal(signal.SIGTERM)
    assert daemon.wait() == 0
    assert dict(world.verdict()) == {}


def test_a_daemon_without_any_system_waits_and_recovers(world: World) -> None:
    world.bill(2)
    for front in world.fronts.values():
        front.close()
    daemon = world.tieout("run")
    until(lambda: '"action": "sweep.failed"' in world.text, 40)
    assert "refused the connection" in world.text
    for front in world.fronts.values():
        front.open()
    until(lambda: not world.open_pushes(), 25)
    until(lambda: '"action": "sweep.recovered"' in world.text, 25)
    daemon.signal(signal.SIGTERM)
    assert daemon.wait() == 0
    assert dict(world.verdict()) == {}
