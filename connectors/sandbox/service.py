"""Start and stop the stand-in: in a thread for demos and tests, or as a process."""

import asyncio
import contextlib
import fcntl
import socket
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO, Any

import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol

from connectors.loopback import listening
from connectors.sandbox.app import Sandbox
from connectors.sandbox.books import Books

API_KEY = "sk_test_tieout_sandbox"
START_SECONDS = 15


class AlreadyServed(Exception):
    """Another process serves this folder; stop it, or name another --data folder."""


class NotStarted(Exception):
    """The server did not come up on its port."""


class Handle:
    """A running stand-in."""

    def __init__(self, sandbox: Sandbox, server: uvicorn.Server, url: str) -> None:
        self.sandbox = sandbox
        self.url = url
        self.api_key = API_KEY
        self._server = server
        self._closers: list[Callable[[], Any]] = []

    def stop(self) -> None:
        """Stop serving and close the books."""
        self._server.should_exit = True
        for closer in self._closers:
            closer()
        self._closers.clear()


def start(data_dir: Path | None = None, port: int = 0) -> Handle:
    """Serve in a thread, on loopback; without a folder nothing is kept."""
    locks = contextlib.ExitStack()
    if data_dir is not None:
        locks.enter_context(locked(data_dir))
    books = Books(None if data_dir is None else data_dir / "stripe.db")
    sandbox = Sandbox(books)
    listener = loopback(port)
    server = uvicorn.Server(config(sandbox))
    thread = threading.Thread(
        target=_run, args=(server, listener), name="stripe-sandbox", daemon=True
    )
    thread.start()
    _await_start(server, thread)
    handle = Handle(sandbox, server, f"http://127.0.0.1:{listener.getsockname()[1]}")
    handle._closers.extend(  # noqa: SLF001 - its own maker
        [lambda: thread.join(START_SECONDS), listener.close, books.close, locks.close]
    )
    return handle


def serve(data_dir: Path, port: int, log: Callable[[str], None]) -> None:
    """Serve in the foreground until a signal ends it."""
    with locked(data_dir):
        books = Books(data_dir / "stripe.db")
        listener = loopback(port)
        log(f"Stripe stand-in on http://127.0.0.1:{listener.getsockname()[1]} {API_KEY}")
        try:
            _run(uvicorn.Server(config(Sandbox(books))), listener)
        finally:
            listener.close()
            books.close()


def config(sandbox: Sandbox) -> uvicorn.Config:
    """How both ways of serving run."""
    return uvicorn.Config(
        sandbox.app(),
        http=_Droppable,
        log_level="critical",
        lifespan="off",
        ws="none",
        timeout_graceful_shutdown=1,
    )


class _Droppable(H11Protocol):
    """A connection that the application can end without an answer (`scope["drop"]`)."""

    def connection_made(self, transport: Any) -> None:
        super().connection_made(transport)
        self._gone = asyncio.Event()
        answering: Any = self.app

        async def drop() -> None:
            transport.close()
            await self._gone.wait()

        async def app(scope: Any, receive: Any, send: Any) -> None:
            await answering({**scope, "drop": drop}, receive, send)

        self.app = app

    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(exc)
        self._gone.set()


@contextlib.contextmanager
def locked(data_dir: Path) -> Iterator[IO[str]]:
    """Hold the folder for one process."""
    try:
        data_dir.mkdir(parents=True, exist_ok=True)
        lock = (data_dir / "serving.lock").open("w")
    except OSError as error:
        raise NotStarted(f"--data: {data_dir} cannot be used: {error.strerror}") from error
    with lock as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise AlreadyServed(
                f"another process serves {data_dir}; stop it, or name another --data folder"
            ) from error
        yield file


def loopback(port: int) -> socket.socket:
    """A listening socket on 127.0.0.1, nowhere else. Raises NotStarted when it is taken."""
    try:
        return listening(port)
    except (OSError, OverflowError) as error:
        raise NotStarted(f"port {port} is in use; name another with --port") from error


def _run(server: uvicorn.Server, listener: socket.socket) -> None:
    server.run(sockets=[listener])


def _await_start(server: uvicorn.Server, thread: threading.Thread) -> None:
    pause = threading.Event()
    for _ in range(START_SECONDS * 100):
        if server.started:
            return
        if not thread.is_alive():
            break
        pause.wait(0.01)
    raise NotStarted("the Stripe stand-in did not start")
