"""A daemon that runs for months loads what it uses: `make bench-memory` has the figures."""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parent.parent
# What a daemon on SQLite, with the core and Stripe elsewhere, has no use for.
NEEDLESS = {
    "alembic",
    "connectors.localcore",
    "connectors.sandbox",
    "pydyf",
    "psycopg",
    "sqlalchemy.dialects.postgresql",
    "starlette",
    "sync.console",
    "sync.demo",
    "sync.simulation",
    "typst",
    "uvicorn",
    "xlsxwriter",
}
PROGRAM = """
import sys
from state.books import Books
from sync import daemon, wiring
store = Books("sqlite://", "acme", new_id=lambda: "1")
import structlog.dev
print(structlog.dev.rich is None, *sys.modules)
"""


def test_the_daemon_loads_nothing_that_it_has_no_use_for() -> None:
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    without_rich, *modules = done.stdout.split()
    assert without_rich == "True", "structlog has loaded rich, which is 7 MB"
    assert NEEDLESS & set(modules) == set()
