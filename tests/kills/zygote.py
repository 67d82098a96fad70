"""A process that has imported everything and forks: daemons that start in a moment.

Each line of standard input is a command in JSON, each answer a line of standard output.
A child is a process of its own, with the real command line and nothing replaced but what
a test cannot wait for: the wall clock is moved by the seconds that a file holds, and
deadlines, the heartbeat and SQLite's patience are seconds and not minutes.
"""

import ctypes
import json
import os
import resource
import signal
import sys
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from threading import Event
from typing import Any, NoReturn

from connectors import stripe_receivables, transport
from connectors.localcore import service as core_service
from connectors.sandbox import service as stripe_service
from state import books, engine
from sync import cli, crash, cycle, daemon, logs, people, reconcile, wiring

IMPORTED = (books, core_service, crash, cycle, logs, people, reconcile, stripe_service)
DIES_WITH_PARENT = 1  # PR_SET_PDEATHSIG
DEADLINE_SECONDS = 1.2
BUSY_SECONDS = 0.5
HEARTBEAT_SECONDS = 0.5
FIRST_BACKOFF_SECONDS = 0.3


class MovedClock(wiring.SystemClock):
    """The machine's clock, moved by the seconds that a file holds now."""

    def __init__(self, offset: Path, stop: Event | None = None) -> None:
        super().__init__(stop)
        self._offset = offset

    def now(self) -> datetime:
        with suppress(OSError, ValueError):
            return datetime.now(UTC) + timedelta(seconds=float(self._offset.read_text()))
        return datetime.now(UTC)


def hasten(offset: str) -> None:
    """Replace what a test cannot wait for."""
    if offset:
        moved: Any = partial(MovedClock, Path(offset))
        wiring.SystemClock = moved  # type: ignore[misc]
    stripe_receivables.DEADLINE_SECONDS = DEADLINE_SECONDS  # type: ignore[assignment]
    limits: Any = partial(transport.Limits, total=DEADLINE_SECONDS)
    transport.Limits = limits  # type: ignore[misc]
    engine.BUSY_SECONDS = BUSY_SECONDS  # type: ignore[assignment]
    daemon.BACKOFF_FIRST_SECONDS = FIRST_BACKOFF_SECONDS
    serve: Any = daemon.serve
    serve.__kwdefaults__["heartbeat_seconds"] = HEARTBEAT_SECONDS


def live(asked: dict[str, Any]) -> NoReturn:
    """Be the command, as if it had been started by a shell."""
    code = 70
    try:
        os.setsid()
        ctypes.CDLL(None).prctl(DIES_WITH_PARENT, signal.SIGKILL)  # nobody is left behind
        os.chdir(asked["folder"])
        os.environ.update(asked["environment"])
        flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND
        null = os.open(os.devnull, os.O_RDONLY)
        out = os.open(asked["log"] + ".out", flags, 0o600)
        log = os.open(asked["log"], flags, 0o600)
        for number, handle in enumerate((null, out, log)):
            os.dup2(handle, number)
        sys.stdout = os.fdopen(1, "w")
        sys.stderr = os.fdopen(2, "w")
        if asked.get("bytes_max"):
            limit = int(asked["bytes_max"])
            resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGCHLD):
            signal.signal(number, signal.SIG_DFL)
        signal.signal(signal.SIGINT, signal.default_int_handler)
        hasten(asked.get("offset", ""))
        cli.main(asked["words"])
    except SystemExit as left:
        code = left.code if isinstance(left.code, int) else 1
        with suppress(OSError, ValueError):
            sys.stdout.flush()
            sys.stderr.flush()
    finally:
        os._exit(code)


def main() -> None:
    """Fork when told; say how a child ended when asked."""
    ended: dict[int, int] = {}
    for line in sys.stdin:
        asked = json.loads(line)
        if "words" in asked:
            pid = os.fork()
            if not pid:
                live(asked)
            answer: Any = pid
        else:
            with suppress(ChildProcessError):
                while True:
                    pid, status = os.waitpid(-1, os.WNOHANG)
                    if not pid:
                        break
                    ended[pid] = os.waitstatus_to_exitcode(status)
            answer = ended.get(asked["ended"])
        sys.stdout.write(json.dumps(answer) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
