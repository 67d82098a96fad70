"""Processes that a test starts, stops, kills and waits for, each by its own id."""

import json
import os
import subprocess
import sys
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parent.parent.parent


class Zygote:
    """The process that forks what a test starts."""

    def __init__(self) -> None:
        self._turn = threading.Lock()
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.kills.zygote"],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def ask(self, asked: dict[str, Any]) -> Any:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        with self._turn:
            self._process.stdin.write(json.dumps(asked) + "\n")
            self._process.stdin.flush()
            return json.loads(self._process.stdout.readline())

    def close(self) -> None:
        self._process.kill()
        self._process.communicate()


@dataclass
class Child:
    """A process that was started, by its id."""

    zygote: Zygote
    pid: int
    code: int | None = None

    def ended(self) -> int | None:
        if self.code is None:
            self.code = self.zygote.ask({"ended": self.pid})
        return self.code

    def wait(self, seconds: float = 20) -> int:
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            if (code := self.ended()) is not None:
                return code
            time.sleep(0.01)
        raise AssertionError("a process did not end in time")

    def signal(self, number: int) -> None:
        if self.ended() is None:
            os.kill(self.pid, number)

    def stands(self) -> bool:
        """Has a SIGSTOP reached each thread? One takes it, and stops the others in its turn."""
        threads = Path(f"/proc/{self.pid}/task").glob("*/stat")
        try:
            return all(one.read_text().rpartition(") ")[2][0] == "T" for one in threads)
        except FileNotFoundError:  # a thread ended meanwhile
            return False
