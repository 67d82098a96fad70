"""What commands share: their options, the books they open, and the JSON they print."""

import getpass
import json
import re
import signal
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, is_dataclass
from datetime import date, datetime
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from threading import Event
    from types import FrameType

    from connectors.correcting import CorrectingCore
    from state.books import Books
    from sync.parts import Parts
    from sync.progress import Progress
    from sync.settings import Settings

TEXT_MAX = 2000  # characters of a reason or a note
_ENDING = (signal.SIGINT, signal.SIGTERM)
_MONTH = re.compile(r"[0-9]{4}-(?:0[1-9]|1[0-2])")

Config = Annotated[
    Path | None,
    typer.Option(
        "-c", "--config", help="Settings; else config.yaml here, else all embedded."
    ),
]
Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]
By = Annotated[
    str | None, typer.Option("--by", help="Who acts; else the user of this shell.")
]
Reason = Annotated[str, typer.Option("--reason", help="Why; kept in the audit log.")]


class Unusable(Exception):
    """What was given to a command cannot be used; the text names it and the remedy."""


def print_json(body: Any) -> None:
    """Print for a program: sorted keys, UTC times with a Z, no secret."""
    text = json.dumps(body, indent=2, sort_keys=True, ensure_ascii=False, default=_plain)
    typer.echo(text)


def start_logs(usual: str = "warning") -> None:
    """Set up the log before a part can write to it."""
    from sync.logs import configure

    configure(usual=usual)


@contextmanager
def opened(
    config: Path | None,
    *,
    books_only: bool = False,
    check: bool = True,
    usual_logs: str = "warning",
) -> "Iterator[Parts]":
    """Everything wired for one command, and closed after it.

    `books_only`: for a person's act on what is recorded; nothing else is reached.
    `check`: refuse systems other than those the books know.
    """
    from sync import wiring
    from sync.settings import load

    start_logs(usual_logs)
    settings = load(config)
    if books_only:
        _require_books(settings)
    parts = wiring.build(settings, books_only=books_only)
    try:
        with _waking(parts.stop):
            if check and not books_only:
                wiring.same_books(parts)
            yield parts
    finally:
        parts.close()


@contextmanager
def _waking(stop: "Event") -> "Iterator[None]":
    """A signal that ends the command also wakes what sleeps in its threads."""
    before = {number: signal.getsignal(number) for number in _ENDING}

    def woken(number: int, frame: "FrameType | None") -> None:
        stop.set()
        then = before[signal.Signals(number)]
        if callable(then):
            then(number, frame)

    for number in _ENDING:
        signal.signal(number, woken)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@contextmanager
def correcting(config: Path | None) -> "Iterator[tuple[Parts, CorrectingCore]]":
    """Everything wired, and the core with its own verbs: for a person's correction."""
    from sync import wiring

    with opened(config) as parts:
        yield parts, wiring.correcting_core(parts)


@contextmanager
def books(config: Path | None) -> "Iterator[tuple[Settings, Books]]":
    """The settings and the state database alone, for reading. Starts nothing."""
    from state.books import Books
    from sync.secrets import database_url
    from sync.settings import load

    start_logs()
    settings = load(config)
    _require_books(settings)
    url = database_url(settings.state.url)
    store = Books(url, settings.entity, new_id=lambda: _no_books(settings))
    try:
        yield settings, store
    finally:
        store.close()


@contextmanager
def progress(usual_logs: str = "warning") -> "Iterator[Progress]":
    """A bar where somebody watches, log lines where nobody does."""
    if sys.stderr.isatty():
        from sync.console import Bar

        with Bar() as bar:
            yield bar
    else:
        start_logs(usual_logs)  # before that, the log would go to standard output
        yield log_progress()


def log_progress() -> "Progress":
    """Log lines, for work that nobody watches."""
    from sync.progress import LogProgress
    from sync.wiring import SystemClock

    return LogProgress(SystemClock().monotonic)


def who(name: str | None, option: str = "--by") -> str:
    """The person who acts: as given, else the user of this shell. Raises Nameless, Unusable."""
    from sync.persons import person

    if name is None:
        try:
            name = getpass.getuser()
        except (KeyError, OSError) as error:
            raise Unusable("--by: this shell has no user name; say who acts") from error
    return person(name, option)


def month(period: str) -> str:
    """A month as it names a run: year and month, of a year that has a next. Raises Unusable."""
    if not _MONTH.fullmatch(period) or period[:4] in ("0000", "9999"):
        raise Unusable(f"--period: {period!r} is no month; write it like 2026-11")
    return period


def text(value: str, option: str) -> str:
    """A reason or a note as it is kept: one line of bounded length. Raises Unusable."""
    from connectors.redaction import one_line

    flat = one_line(value, TEXT_MAX + 1)
    if not 0 < len(flat) <= TEXT_MAX:
        raise Unusable(f"{option}: say it in 1 to {TEXT_MAX} characters")
    return flat


def moment(value: str, option: str) -> datetime:
    """A time like 2026-11-01T00:00:00Z or 2026-11-01. Raises Unusable."""
    from state.clock import utc

    try:
        return utc(value)
    except ValueError:
        raise Unusable(
            f"{option}: {value!r} is no time; write it like 2026-11-01T00:00:00Z"
        ) from None


def _require_books(settings: "Settings") -> None:
    """A command that only reads makes no new state database."""
    path = Path(settings.state.url.removeprefix("sqlite:///"))
    if settings.state.url.startswith("sqlite:///") and not path.exists():
        _no_books(settings)


def _no_books(settings: "Settings") -> str:
    raise Unusable(
        f"state.url: {settings.entity} has no books there yet; run `tieout sync` first, "
        "in this folder or with -c FILE"
    )


def _plain(value: Any) -> Any:
    match value:
        case datetime():
            from state.clock import iso

            return iso(value)
        case date():
            return value.isoformat()
        case Enum():
            return value.value
        case Mapping():
            return dict(value)
        case set() | frozenset():
            return sorted(value)
        case _ if is_dataclass(value) and not isinstance(value, type):
            return asdict(value)
        case _:
            return str(value)
