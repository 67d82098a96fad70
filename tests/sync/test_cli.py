"""Commands and the daemon as processes: exit codes, one line, kills, and one invoice."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from connectors.sandbox.service import API_KEY, start
from tests.connectors.test_metronome import Replay, a_row

ROOT = Path(__file__).parent.parent.parent
TIEOUT = [sys.executable, "-c", "from sync.cli import main; main()"]


@pytest.fixture
def world(tmp_path: Path) -> Iterator[tuple[Path, Replay, Any]]:
    """A Metronome that replays, the Stripe stand-in, and a folder with a configuration."""
    replay, sandbox = Replay(), start()
    replay.says("/v1/credit-types/list", {"data": [], "next_page": None})
    row = {
        "id": "c1",
        "name": "Acme",
        "custom_fields": {"billing_email": "ap@acme.test"},
    }
    replay.says("/v1/customers", *([{"data": [row]}, {"data": []}] * 60))
    replay.says("/v1/customers/c1", {"data": row})
    replay.says("/v1/getCustomerBillingProviderConfigurations", {"data": []})
    replay.says("/v1/contracts/customerCredits/list", {"data": [], "next_page": None})
    replay.says("/v1/auditLogs", {"data": [], "next_page": "n"})
    replay.says(
        "/v1/customers/c1/invoices",
        *([{"data": []}, {"data": [a_row()]}, {"data": []}] * 60),
    )
    replay.says("/v1/customers/c1/invoices/i1", {"data": a_row()})
    url = f"http://127.0.0.1:{replay.server.server_port}"
    config = {
        "core": {"kind": "metronome", "base_url": url, "token": "env:CORE_TOKEN"},
        "stripe": {
            "api_base": sandbox.url,
            "create_customers": True,
            "requests_per_second": 100,
        },
        "state": {"url": f"sqlite:///{tmp_path}/state.db"},
        "schedule": {"poll_every": "1s", "sweep_every": "1s"},
    }
    (tmp_path / "config.yaml").write_text(yaml.safe_dump(config))
    yield tmp_path, replay, sandbox
    replay.close()
    sandbox.stop()


def run(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "CORE_TOKEN": "canary-token"}
    return subprocess.run(
        [*TIEOUT, *words],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )


def test_a_pass_a_run_and_a_report_from_the_command_line(
    world: tuple[Path, Replay, Any],
) -> None:
    folder, _, sandbox = world
    first = run(folder, "sync", "--json")
    assert first.returncode == 0, first.stderr
    assert json.loads(first.stdout)["pushed"] == 1
    again = run(folder, "sync")
    assert "pushed 0" in again.stdout
    compared = run(folder, "reconcile", "--json")
    assert '"outcome": "CLEAR"' in compared.stdout
    assert compared.returncode == 0
    one, two = (
        run(folder, "report", "reconciliation"),
        run(folder, "report", "reconciliation"),
    )
    assert "MATCHED" in one.stdout
    assert one.stdout == two.stdout
    assert run(folder, "audit", "verify").returncode == 0
    assert run(folder, "worklist", "list").returncode == 0
    assert (
        "12.34" in run(folder, "plan", "--json").stdout
        or "[]" in run(folder, "plan", "--json").stdout
    )
    assert (
        len(
            [
                r
                for r in sandbox.sandbox.faults.requests
                if r["path"] == "/v1/invoices" and r["method"] == "POST"
            ]
        )
        == 1
    )
    for done in (first, again, compared):
        assert "canary-token" not in done.stdout + done.stderr
        assert API_KEY not in done.stdout + done.stderr


@pytest.mark.parametrize(
    ("path", "body", "status", "says"),
    [
        ("/v1/customers", "<html>hello</html>", 200, ""),
        ("/v1/customers", '{"data": [', 200, ""),
        ("/v1/customers", {"message": "bad token"}, 401, ""),
        ("/v1/customers/c1/invoices", {"data": [{"id": "i9"}]}, 200, "i9"),
        (
            "/v1/customers/c1/invoices",
            {"data": [], "next_page": "x"},
            200,
            "come to an end",
        ),
    ],
)
def test_a_core_that_answers_garbage_ends_with_one_line_and_nothing_pushed(
    world: tuple[Path, Replay, Any], path: str, body: Any, status: int, says: str
) -> None:
    folder, replay, sandbox = world
    replay.says(path, body, status=status)
    ended = run(folder, "sync")
    assert ended.returncode == 2
    assert "Traceback" not in ended.stderr
    assert says in ended.stderr
    assert [r for r in sandbox.sandbox.faults.requests if r["method"] == "POST"] == []


def daemon(folder: Path) -> subprocess.Popen[str]:
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "CORE_TOKEN": "t"}
    return subprocess.Popen(
        [*TIEOUT, "run"], cwd=folder, env=environment, stderr=subprocess.PIPE, text=True
    )


def until(wanted: Any, seconds: int = 60) -> None:
    for _ in range(seconds * 20):
        if wanted():
            return
        time.sleep(0.05)
    raise AssertionError("it did not come to pass in time")


def test_the_daemon_pushes_once_across_kills_and_ends_cleanly_on_sigterm(
    world: tuple[Path, Replay, Any],
) -> None:
    folder, _, sandbox = world
    seen = sandbox.sandbox.faults.requests

    def finalized() -> bool:
        return any(r["path"].endswith("/finalize") and r.get("status") == 200 for r in seen)

    first = daemon(folder)
    until(lambda: any(r["path"] == "/v1/invoices" and r["method"] == "POST" for r in seen))
    first.kill()
    first.communicate()
    second = daemon(folder)
    assert second.wait(60) == 2, "the dead daemon's lease still stands"
    second.communicate()
    import sqlite3

    with sqlite3.connect(folder / "state.db") as db:
        db.execute("UPDATE leases SET expires_at = ''")
    third = daemon(folder)
    assert third.stderr is not None
    # The first may have finalized it: a signal before the daemon is at work is no stop.
    assert any("daemon.started" in line for line in third.stderr)
    until(finalized)
    third.send_signal(signal.SIGTERM)
    assert third.wait(60) == 0
    third.communicate()
    made = [r for r in seen if r["path"] == "/v1/invoices" and r["method"] == "POST"]
    assert len({r["key"] for r in made}) == 1
