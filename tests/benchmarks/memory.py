"""What the idle daemon holds in memory: alone, with its parts beside it, and all in one.

    python -m tests.benchmarks.memory

Figures are of processes started as a user starts them, after their first passes, from
/proc/PID/smaps_rollup (Linux). RSS counts shared pages in each process, PSS once in all.
"""

import argparse
import json
import os
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import yaml

ROOT = Path(__file__).parent.parent.parent
TIEOUT = [sys.executable, "-c", "from sync.cli import main; main()"]
START_SECONDS = 60
Figures = dict[str, dict[str, float]]


@contextmanager
def started(folder: Path, *words: str) -> Iterator[tuple[subprocess.Popen[bytes], Path]]:
    """A command as a process; what it says goes to a file."""
    said = folder / f"{'-'.join(words[:2])}.log"
    environment = {
        **os.environ,
        "PYTHONPATH": str(ROOT),
        "TIEOUT_LOG": "info",
        "CORE_TOKEN": "t",
    }
    with said.open("wb") as log:
        process = subprocess.Popen(
            [*TIEOUT, *words], cwd=folder, env=environment, stdout=log, stderr=log
        )
        try:
            yield process, said
        finally:
            process.terminate()
            process.wait(30)


def awaited(said: Path, pattern: str) -> str:
    """What a process says once it is ready."""
    for _ in range(START_SECONDS * 20):
        if found := re.search(pattern, said.read_text()):
            return found[0]
        time.sleep(0.05)
    raise SystemExit(f"{said.name}: {said.read_text()[-500:]}")


def megabytes(pid: int) -> dict[str, float]:
    """RSS and PSS of a process."""
    text = Path(f"/proc/{pid}/smaps_rollup").read_text()
    sizes = dict(re.findall(r"(?m)^(Rss|Pss):\s+(\d+) kB", text))
    return {name.lower(): round(int(kb) / 1024, 1) for name, kb in sizes.items()}


def apart(folder: Path, idle: float) -> Figures:
    """The daemon, a served core and a served stand-in: three processes."""
    with ExitStack() as stack:
        core, said = stack.enter_context(
            started(folder, "core", "serve", "--port", "0", "--token", "t")
        )
        core_url = awaited(said, r"http://127\.0\.0\.1:\d+")
        stripe, said = stack.enter_context(
            started(folder, "sandbox", "stripe", "--port", "0")
        )
        stripe_url = awaited(said, r"http://127\.0\.0\.1:\d+")
        config = {
            "core": {"base_url": core_url, "token": "env:CORE_TOKEN"},
            "stripe": {"api_base": stripe_url},
        }
        (folder / "config.yaml").write_text(yaml.safe_dump(config))
        daemon, said = stack.enter_context(started(folder, "run"))
        awaited(said, r"sweep\.ended")
        time.sleep(idle)
        found = {"daemon": daemon, "core": core, "stand-in": stripe}
        figures = {name: megabytes(process.pid) for name, process in found.items()}
    return figures | {"all three": _sum(figures)}


def in_one(folder: Path, idle: float) -> Figures:
    """`tieout run` with no configuration: everything in one process."""
    with started(folder, "run") as (daemon, said):
        awaited(said, r"sweep\.ended")
        time.sleep(idle)
        return {"all in one": megabytes(daemon.pid)}


def _sum(figures: Figures) -> dict[str, float]:
    names = next(iter(figures.values()))
    return {name: round(sum(one[name] for one in figures.values()), 1) for name in names}


def main() -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--idle", type=float, default=3.0, help="seconds at rest")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as one, tempfile.TemporaryDirectory() as two:
        figures = {**apart(Path(one), args.idle), **in_one(Path(two), args.idle)}
    sys.stdout.write(json.dumps(figures, indent=2) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
