"""The embedded core as a service: its books, its routes, its clock, on loopback only."""

import os
import secrets
import socket
import sys
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Self

import uvicorn

from connectors.localcore import duework
from connectors.localcore.books import FILE_NAME, Books
from connectors.localcore.errors import CoreUnavailable
from connectors.localcore.moments import micros, moment
from connectors.localcore.surface import routes, schema
from connectors.localcore.tx import Tx
from connectors.localcore.web import Frame, Log, build_app
from connectors.loopback import HOST, listening
from state.clock import iso

TICK_SECONDS = 1.0
START_SECONDS = 10.0
STOP_SECONDS = 10.0
LOCK_NAME = "core.lock"
TOKEN_NAME = "token"  # noqa: S105 -- the name of the file that holds it


def wall_time() -> datetime:
    """The real time, the one place in the core that asks for it."""
    return moment(time.time_ns() // 1000)


def random_id() -> str:
    """An id that nobody has used."""
    return str(uuid.UUID(bytes=secrets.token_bytes(16), version=4))


def open_books(
    data_dir: Path,
    *,
    wall: Callable[[], datetime] = wall_time,
    new_id: Callable[[], str] = random_id,
) -> Books:
    """Open the books in `data_dir`, with every module's tables."""
    return Books(data_dir, wall=wall, new_id=new_id, schema=schema())


def catch_up(books: Books) -> int:
    """Run due work until none is left, each batch its own transaction; the pieces done."""
    done = 0
    while True:
        with books.read() as tx:
            due = duework.next_due(tx)
            if due is None or due > tx.now:
                return done
        with books.write(actor="clock") as tx:
            pieces = duework.run_due(tx, tx.now)
        if not pieces:
            return done
        done += pieces


# --- the clock ---------------------------------------------------------------------


def _set_up_clock(books: Books, kind: str | None, now: datetime | None, log: Log) -> str:
    """Write the clock at first start; later starts keep it and never move it back."""
    if kind not in {None, "real", "manual"}:
        raise CoreUnavailable(f"--clock must be real or manual, not {kind}")
    if now is not None and kind != "manual":
        raise CoreUnavailable("--now is for --clock manual only")
    with books.write(actor="clock") as tx:
        row = tx.execute("SELECT kind, now FROM clock").fetchone()
        if row is None:
            start = now if now is not None else tx.now
            chosen = kind or "real"
            stored = micros(start) if chosen == "manual" else None
            tx.execute("INSERT INTO clock VALUES (1, ?, ?)", (chosen, stored))
            return chosen
        known = str(row[0])
        if kind is not None and kind != known:
            raise CoreUnavailable(
                f"--clock: these books were begun with a {known} clock and keep it;"
                " use another --data for the other kind"
            )
        if now is not None and now > tx.now:
            _move(tx, now)
        elif now is not None and now < tx.now:
            log(f"the clock stays at {iso(tx.now)}: it has passed --now {iso(now)}")
        return known


def _move(tx: Tx, to: datetime) -> None:
    tx.execute("UPDATE clock SET now = ?", (micros(to),))


def now(data_dir: Path) -> datetime:
    """The core's time, from its books; a served core need not be running."""
    with _existing(data_dir) as books, books.read() as tx:
        return tx.now


def set_clock(data_dir: Path, to: datetime) -> int:
    """Move a manual clock forward and run all due work; the pieces of it that were run.

    Raises:
        CoreUnavailable: the clock is real, or `to` is in its past.
    """
    with _existing(data_dir) as books:
        catch_up(books)
        with books.write(actor="clock") as tx:
            if tx.clock_kind != "manual":
                raise CoreUnavailable("clock set: this core runs on the real clock")
            if to < tx.now:
                raise CoreUnavailable(
                    f"clock set: {iso(to)} is before the core's time {iso(tx.now)};"
                    " a clock moves forward only"
                )
            _move(tx, to)
        return catch_up(books)


@contextmanager
def _existing(data_dir: Path) -> Iterator[Books]:
    if not (data_dir / FILE_NAME).exists():
        raise CoreUnavailable(
            f"no core books in {data_dir}:"
            f" start `tieout core serve --data {data_dir}` first"
        )
    books = open_books(data_dir)
    try:
        yield books
    finally:
        books.close()


# --- serving -------------------------------------------------------------------------


class Handle:
    """A running core; `stop()` ends it and lets go of its data folder."""

    def __init__(
        self, server: uvicorn.Server, listener: socket.socket, books: Books, lock: int
    ) -> None:
        self._server = server
        self._listener = listener
        self._lock = lock
        self.books = books
        self.url = f"http://{HOST}:{listener.getsockname()[1]}"
        self._thread: threading.Thread | None = None

    def run(self) -> None:
        """Serve in this thread until stopped (SIGINT and SIGTERM stop the main one)."""
        try:
            self._server.run(sockets=[self._listener])
        finally:
            self._listener.close()
            self.books.close()
            os.close(self._lock)

    def run_in_thread(self) -> None:
        """Serve in a thread of its own; returns when calls are answered."""
        self._thread = threading.Thread(target=self.run, name="core", daemon=True)
        self._thread.start()
        waited = threading.Event()
        for _ in range(int(START_SECONDS * 200)):
            if self._server.started:
                return
            if not self._thread.is_alive():
                break
            waited.wait(0.005)
        raise CoreUnavailable("the core did not start; its log has the reason")

    def stop(self) -> None:
        """Answer what is under way, then end."""
        self._server.should_exit = True
        if self._thread is not None:
            self._thread.join(STOP_SECONDS)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()


def _lock_folder(data_dir: Path) -> int:
    """Hold the folder for one server; the lock ends with the process, however it ends."""
    descriptor = os.open(data_dir / LOCK_NAME, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        if sys.platform == "win32":
            import msvcrt

            msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
        else:
            import fcntl

            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        os.close(descriptor)
        raise CoreUnavailable(
            f"another core is serving {data_dir}: stop it, or use another --data"
        ) from error
    return descriptor


def _token(data_dir: Path, given: str | None, log: Log) -> str:
    """The token given, else the one kept in the folder, made at first start."""
    if given:
        return given
    path = data_dir / TOKEN_NAME
    if not path.exists():
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w", encoding="ascii") as file:
            file.write(secrets.token_urlsafe(32))
    log(f"the bearer token is in {path}")
    return path.read_text(encoding="ascii").strip()


def _make_folder(data_dir: Path) -> None:
    try:
        data_dir.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise CoreUnavailable(
            f"--data, core.data_dir: {data_dir} cannot be used: {error.strerror}"
        ) from error


def _listen(port: int) -> socket.socket:
    try:
        return listening(port)
    except (OSError, OverflowError) as error:
        raise CoreUnavailable(f"--port {port}: cannot listen there: {error}") from error


def prepare(
    data_dir: Path,
    *,
    port: int,
    token: str | None,
    clock_kind: str | None,
    now: datetime | None,
    log: Log,
    wall: Callable[[], datetime] = wall_time,
    new_id: Callable[[], str] = random_id,
) -> Handle:
    """Lock the folder, open the books, set up the clock and listen; serves nothing yet."""
    listener = _listen(port)
    lock: int | None = None
    books: Books | None = None
    try:
        _make_folder(data_dir)
        lock = _lock_folder(data_dir)
        books = open_books(data_dir, wall=wall, new_id=new_id)
        kind = _set_up_clock(books, clock_kind, now, log)
        catch_up(books)
        frame = Frame(books, _token(data_dir, token, log), catch_up, new_id, log)
        app = build_app(
            frame, routes(), tick_seconds=TICK_SECONDS if kind == "real" else None
        )
    except BaseException:
        listener.close()
        if books is not None:
            books.close()
        if lock is not None:
            os.close(lock)
        raise
    config = uvicorn.Config(
        app,
        http="h11",
        ws="none",
        loop="asyncio",
        lifespan="on",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        timeout_graceful_shutdown=5,
    )
    return Handle(uvicorn.Server(config), listener, books, lock)


def serve(
    data_dir: Path,
    port: int,
    token: str | None,
    clock_kind: str | None = None,
    now: datetime | None = None,
    log: Log = lambda _: None,
) -> None:
    """Serve until SIGINT or SIGTERM. `token` None keeps one in the data folder.

    Raises:
        CoreUnavailable: one line for the operator (port taken, folder in use, clock).
    """
    handle = prepare(
        data_dir,
        port=port,
        token=token,
        clock_kind=clock_kind,
        now=now,
        log=log,
    )
    log(f"the embedded core serves {handle.url}")
    handle.run()


def start(
    data_dir: Path,
    *,
    port: int = 0,
    token: str = "core-token",  # noqa: S107 -- the demo's own core, on loopback, for its life
    clock_kind: str | None = None,
    now: datetime | None = None,
    log: Log = lambda _: None,
    wall: Callable[[], datetime] = wall_time,
    new_id: Callable[[], str] = random_id,
) -> Handle:
    """Serve in a thread of this process, for the demo and tests; `.url`, `.stop()`."""
    handle = prepare(
        data_dir,
        port=port,
        token=token,
        clock_kind=clock_kind,
        now=now,
        log=log,
        wall=wall,
        new_id=new_id,
    )
    handle.run_in_thread()
    return handle
