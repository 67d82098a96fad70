"""The commands as separate processes: core, stand-in and Tieout, as an operator runs them."""

import os
import re
import select
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import stripe
import yaml

ROOT = Path(__file__).parent.parent.parent
TIEOUT = [sys.executable, "-m", "sync"]
CORE_TOKEN = "canary-core-token"
STRIPE_KEY = "sk_test_canary_stripe_key"
SECRETS = {"CORE_TOKEN": CORE_TOKEN, "STRIPE_KEY": STRIPE_KEY}


def environment(**more: str) -> dict[str, str]:
    """What a command sees: nothing of the shell that runs the tests but the essentials."""
    kept = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
    return {**kept, "PYTHONPATH": str(ROOT), **SECRETS, **more}


def tieout(
    folder: Path, *words: str, env: dict[str, str] | None = None, seconds: int = 60
) -> subprocess.CompletedProcess[str]:
    """One command, run to its end."""
    return subprocess.run(
        [*TIEOUT, *words],
        cwd=folder,
        env=environment() if env is None else env,
        capture_output=True,
        text=True,
        timeout=seconds,
        check=False,
    )


def until(wanted: Callable[[], Any], seconds: float = 30) -> Any:
    """Wait for something to come to pass, and give it."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if found := wanted():
            return found
        time.sleep(0.05)
    raise AssertionError("it did not come to pass in time")


class Server:
    """A command that serves on loopback until it is stopped; knows its address."""

    def __init__(self, *words: str) -> None:
        self.process = subprocess.Popen(
            [*TIEOUT, *words, "--port", "0"],
            env=environment(),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        self.url = self._address()

    def _address(self) -> str:
        stream = self.process.stdout
        assert stream is not None
        assert select.select([stream], [], [], 30)[0], "nothing was said within 30 s"
        found = re.search(r"http://127\.0\.0\.1:\d+", said := stream.readline())
        assert found is not None, said
        return found[0]

    def stop(self) -> int:
        self.process.send_signal(signal.SIGTERM)
        self.process.communicate(timeout=30)
        return self.process.returncode


class Installation:
    """A folder with a configuration, and the two systems it names."""

    def __init__(self, folder: Path, core_url: str, stripe_url: str) -> None:
        self.folder, self.core_url, self.stripe_url = folder, core_url, stripe_url
        config = {
            "core": {"kind": "metronome", "base_url": core_url, "token": "env:CORE_TOKEN"},
            "stripe": {
                "api_key": "env:STRIPE_KEY",
                "api_base": stripe_url,
                "requests_per_second": 100,
            },
            "schedule": {"poll_every": "1s", "sweep_every": "1s", "observe_every": "1s"},
        }
        (folder / "config.yaml").write_text(yaml.safe_dump(config))
        client = stripe.StripeClient(STRIPE_KEY, base_addresses={"api": stripe_url})
        self.person: Any = client.v1

    def run(self, *words: str, **env: str) -> subprocess.CompletedProcess[str]:
        return tieout(self.folder, *words, env=environment(**env))

    def daemon(self) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [*TIEOUT, "run"],
            cwd=self.folder,
            env=environment(),
            stderr=subprocess.PIPE,
            text=True,
        )

    def let_lease_lapse(self) -> None:
        """A minute passes for the lease of a process that was killed."""
        with sqlite3.connect(self.folder / ".tieout/state.db") as db:
            db.execute("UPDATE leases SET expires_at = ''")

    def in_stripe(self, core_invoice: str | None = None) -> list[Any]:
        """The invoices in Stripe, or those of one core invoice."""
        every = self.person.invoices.list({"limit": 100}).data
        if core_invoice is None:
            return list(every)
        return [i for i in every if i.metadata.to_dict()["core_invoice_id"] == core_invoice]
