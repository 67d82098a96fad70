"""The core as a process of its own: killed at any time, nothing answered is lost."""

import signal
import subprocess
import sys
import threading
from pathlib import Path

import requests

from connectors.localcore import service
from tests.connectors.localcore.conftest import TOKEN, Core

PROGRAM = """
import sys
from pathlib import Path
from connectors.localcore import service
def log(line):
    print(line, flush=True)
service.serve(Path(sys.argv[1]), 0, "core-token", "manual", None, log)
"""
RSS_KB_MAX = 60_000


def serve(data_dir: Path) -> tuple[subprocess.Popen[str], str]:
    process = subprocess.Popen(
        [sys.executable, "-c", PROGRAM, str(data_dir)], stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    line = process.stdout.readline().strip()
    return process, line.removeprefix("the embedded core serves ")


def end(process: subprocess.Popen[str]) -> int:
    assert process.stdout is not None
    process.stdout.close()
    return process.wait(timeout=20)


def test_a_killed_core_has_kept_all_that_it_answered(tmp_path: Path) -> None:
    process, url = serve(tmp_path)
    answered: list[str] = []
    begun = threading.Event()

    def write() -> None:
        headers = {"Authorization": f"Bearer {TOKEN}"}
        for n in range(10_000):
            try:
                answer = requests.post(
                    f"{url}/v1/customers",
                    json={"name": f"C{n}", "ingest_aliases": [f"c{n}"]},
                    headers=headers,
                    timeout=10,
                )
                answered.append(answer.json()["data"]["id"])
            except (requests.ConnectionError, requests.exceptions.ChunkedEncodingError):
                return
            if n == 20:
                begun.set()

    writer = threading.Thread(target=write)
    writer.start()
    assert begun.wait(20)
    process.send_signal(signal.SIGKILL)
    assert end(process) == -signal.SIGKILL
    writer.join()
    with service.start(tmp_path, token=TOKEN) as handle:
        core = Core(handle.url, tmp_path, [])
        with core.sdk() as client:
            found = {customer.id for customer in client.v1.customers.list()}
        audited = set()
        cursor = ""
        while rows := core.call("GET", f"/v1/auditLogs?limit=100{cursor}").json():
            if not rows["data"]:
                break
            audited |= {row["resource_id"] for row in rows["data"]}
            cursor = f"&next_page={rows['next_page']}"
    assert set(answered) <= found
    assert len(found) - len(answered) in {0, 1}, "at most the call under way is unanswered"
    assert audited == found


def test_a_terminated_core_ends_in_order_and_stays_small(tmp_path: Path) -> None:
    process, url = serve(tmp_path)
    headers = {"Authorization": f"Bearer {TOKEN}"}
    for _ in range(5):
        assert requests.get(f"{url}/v1/customers", headers=headers, timeout=10).ok
    status = Path(f"/proc/{process.pid}/status").read_text()
    (rss,) = (line.split()[1] for line in status.splitlines() if line.startswith("VmRSS"))
    assert int(rss) < RSS_KB_MAX
    process.send_signal(signal.SIGTERM)
    assert end(process) in {0, -signal.SIGTERM}
