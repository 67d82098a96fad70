"""Real ERPs on loopback for one session: installed once, with a fresh database each time.

They live in the folder $TIEOUT_LIVE (`make live`: .live). Odoo comes from a moving suite of
Debian, so where it cannot be had its tests are skipped and say why; Tryton comes from the
package index, and where it fails the tests fail.
"""

import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psycopg
import pytest
import requests

from tests.servers import postgres_server

HERE = Path(__file__).parent
LACKING = 3  # install.sh: not to be had here
UP_SECONDS = 120


@dataclass(frozen=True, slots=True)
class Server:
    """An ERP that answers: its address, and who may do what."""

    url: str
    keys: Path
    home: Path
    database: str = ""  # how to reach its PostgreSQL


def home_of(name: str) -> Path:
    """Where a system is installed."""
    return Path(os.environ["TIEOUT_LIVE"]).resolve() / name


def installed(name: str) -> Path:
    """Install where it is not; skips where the script says that it cannot be had."""
    home = home_of(name)
    home.mkdir(parents=True, exist_ok=True)
    if not (home / ".installed").exists():
        done = subprocess.run(
            ["bash", str(HERE / name / "install.sh"), str(home)],
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode == LACKING:
            pytest.skip(f"no {name} here: {done.stderr.strip().splitlines()[-1]}")
        assert done.returncode == 0, done.stdout + done.stderr
    return home


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def run(home: Path, *words: str, **more: str) -> None:
    """A program of the ERP's own, in its folder."""
    stdin = more.pop("stdin", None)
    done = subprocess.run(
        list(words),
        cwd=home,
        env={**os.environ, **more},
        input=stdin,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, (done.stdout + done.stderr)[-4000:]


@contextmanager
def serving(home: Path, url: str, *words: str, **more: str) -> Iterator[None]:
    """A server until the end of the session; only what was started here is stopped."""
    with (home / "server.log").open("w") as log:
        process = subprocess.Popen(
            list(words), cwd=home, env={**os.environ, **more}, stdout=log, stderr=log
        )
        try:
            until = time.monotonic() + UP_SECONDS
            while not _answers(url):
                alive = process.poll() is None and time.monotonic() < until
                assert alive, (home / "server.log").read_text()[-4000:]
                time.sleep(0.3)
            yield
        finally:
            process.terminate()
            process.wait(30)


def _answers(url: str) -> bool:
    try:
        return requests.get(url, timeout=5).status_code < 500
    except requests.RequestException:
        return False


@contextmanager
def odoo_server() -> Iterator[Server]:
    """Odoo 19 with two companies, on a PostgreSQL of its own."""
    home = installed("odoo")
    packages = home / "src/usr/lib/python3/dist-packages"
    python, program = str(home / "venv/bin/python"), str(home / "src/usr/bin/odoo")
    port = free_port()
    shutil.rmtree(home / "data", ignore_errors=True)
    (home / "data").mkdir()
    with postgres_server() as sockets:
        with psycopg.connect(
            f"host={sockets} user=postgres dbname=postgres", autocommit=True
        ) as connection:
            connection.execute("create role odoo login createdb")
        (home / "odoo.conf").write_text(
            "[options]\n"
            f"db_host = {sockets}\ndb_user = odoo\ndb_name = erp\nlist_db = False\n"
            f"addons_path = {packages}/odoo/addons\ndata_dir = {home}/data\n"
            f"http_interface = 127.0.0.1\nhttp_port = {port}\n"
            "workers = 0\nmax_cron_threads = 0\n"
        )
        where = {"PYTHONPATH": str(packages), "HOME": str(home)}
        common = [python, "-W", "ignore", program]
        tail = ["-c", "odoo.conf", "-d", "erp", "--log-level=warn"]
        modules = ["-i", "account,rpc", "--without-demo", "--skip-auto-install"]
        run(home, *common, *tail, *modules, "--stop-after-init", **where)
        script = (HERE / "odoo/bootstrap.py").read_text()
        run(home, *common, "shell", *tail, "--no-http", stdin=script, **where)
        url = f"http://127.0.0.1:{port}"
        with serving(home, f"{url}/web/version", *common, *tail, **where):
            dsn = f"host={sockets} user=odoo dbname=erp"
            yield Server(url, home / "keys.json", home, dsn)


@contextmanager
def tryton_server() -> Iterator[Server]:
    """Tryton 8.2 with one company, on SQLite."""
    home = installed("tryton")
    port = free_port()
    shutil.rmtree(home / "db", ignore_errors=True)
    (home / "db").mkdir()
    (home / "db/erp.sqlite").touch()
    (home / "pass").write_text("Tests-only-1\n")
    (home / "trytond.conf").write_text(
        f"[database]\nuri = sqlite://\npath = {home}/db\n[web]\nlisten = 127.0.0.1:{port}\n"
    )
    admin = [str(home / "venv/bin/trytond-admin"), "-c", "trytond.conf", "-d", "erp"]
    secret = {"TRYTONPASSFILE": str(home / "pass")}
    first = ["--all", "--email", "admin@example.test", "--language", "en"]
    run(home, *admin, *first, **secret)
    modules = ["account_invoice", "account_invoice_correction"]
    run(home, *admin, "-u", *modules, "--activate-dependencies", **secret)
    python = str(home / "venv/bin/python")
    script = str(HERE / "tryton/bootstrap.py")
    run(home, python, "-W", "ignore", script, "trytond.conf", "erp")
    url = f"http://127.0.0.1:{port}"
    words = [str(home / "venv/bin/trytond"), "-c", "trytond.conf", "-d", "erp"]
    with serving(home, url, *words):
        yield Server(url, home / "keys.json", home)
