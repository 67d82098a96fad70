"""The log on standard error: JSON lines for a machine, short lines at a terminal.

Every line has a UTC time, a level, a sentence, and `action`, the one word by which a
machine knows it. No line holds a secret, and nothing in a line can begin another.
TIEOUT_LOG names the least level that is written: debug, info, warning, error.
"""

import logging
import os
import re
import sys
import threading
from collections.abc import MutableMapping
from datetime import UTC, datetime
from typing import Any, TextIO

from connectors.redaction import one_line, redact, redact_event
from connectors.structured import structlog
from state.clock import iso
from sync.secrets import resolved

VARIABLE = "TIEOUT_LOG"
LEVELS = ("debug", "info", "warning", "error")
TEXT_MAX = 2000  # characters of one value
DEPTH_MAX = 4
# Libraries that log for themselves. Below a warning they say nothing to an operator.
FOREIGN = ("apscheduler", "stripe", "urllib3", "uvicorn", "tzlocal", "asyncio")
_NOT_A_WORD = re.compile(r"[^a-z0-9]+")
Event = MutableMapping[str, Any]


class UnknownLevel(Exception):
    """The level is none of debug, info, warning, error."""


def configure(
    level: str | None = None,
    *,
    usual: str = "warning",
    stream: TextIO | None = None,
    terminal: bool | None = None,
) -> None:
    """Set up logging once, before anything logs. Standard output stays the answer's.

    The level is the one given, else TIEOUT_LOG, else `usual`. Raises UnknownLevel.
    """
    stream = stream or sys.stderr
    chosen = (level or os.environ.get(VARIABLE) or usual).lower()
    if chosen not in LEVELS:
        raise UnknownLevel(
            f"{VARIABLE}: the log level is one of {', '.join(LEVELS)}, not {one_line(chosen)}"
        )
    least = logging.getLevelNamesMapping()[chosen.upper()]
    terminal = stream.isatty() if terminal is None else terminal
    last: Any = at_terminal if terminal else structlog.processors.JSONRenderer()
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            flat,
            hidden,
            redact_event,
            told_apart,  # after hiding: it makes a word of the sentence
            dated,
            last,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(least),
        logger_factory=_Lines(stream),
        cache_logger_on_first_use=False,
    )
    _adopt_foreign(max(least, logging.WARNING))


class _Lines:
    """Makes loggers that write whole lines to one stream."""

    def __init__(self, stream: TextIO) -> None:
        self.stream = stream
        self.turn = threading.Lock()

    def __call__(self, *names: Any) -> "_Line":
        return _Line(self, str(names[0]) if names else "tieout")


class _Line:
    """One named logger."""

    def __init__(self, lines: _Lines, name: str) -> None:
        self.name = name
        self._lines = lines

    def msg(self, text: str) -> None:
        """Write one line; a closed stream ends the log and not the work."""
        with self._lines.turn:
            if not self._lines.stream.closed:
                self._lines.stream.write(text + "\n")
                self._lines.stream.flush()

    debug = info = warning = warn = error = critical = exception = fatal = log = msg


# --- processors ------------------------------------------------------------------------
def dated(_logger: Any, _name: str, event: Event) -> Event:
    """The time in UTC, with a Z."""
    event["at"] = iso(datetime.now(UTC).replace(microsecond=0))  # noqa: TID251 - a log's own time
    return event


def told_apart(logger: Any, _name: str, event: Event) -> Event:
    """`action`: given by who logs, or else made of the logger's name and the sentence."""
    room = str(getattr(logger, "name", "tieout")).removeprefix("tieout").strip(".")
    word = _NOT_A_WORD.sub("_", str(event.get("event", "")).lower()).strip("_")[:60]
    event.setdefault("action", ".".join(part for part in (room, word) if part) or "said")
    return event


def flat(_logger: Any, _name: str, event: Event) -> Event:
    """Plain values of bounded length on one line: no text of others can forge a line."""
    return {one_line(str(key), 60): _flat(value, 0) for key, value in event.items()}


def hidden(_logger: Any, _name: str, event: Event) -> Event:
    """Hide, wherever it stands, every secret that this process has resolved."""
    return {_hidden(key): _hidden(value) for key, value in event.items()}


def at_terminal(_logger: Any, _name: str, event: Event) -> str:
    """A line for a person: what happened, then the rest as name=value."""
    level, at = str(event.pop("level", "")), str(event.pop("at", ""))[11:19]
    sentence, action = event.pop("event", ""), event.pop("action", "")
    rest = " ".join(f"{key}={value}" for key, value in event.items() if value != "")
    return " ".join(
        part for part in (at, f"{level:7}", str(action), str(sentence), rest) if part
    )


def _flat(value: Any, depth: int) -> Any:
    match value:
        case None | bool() | int() | float():
            return value
        case dict() if depth < DEPTH_MAX:
            return {one_line(str(k), 60): _flat(v, depth + 1) for k, v in value.items()}
        case list() | tuple() | set() | frozenset() if depth < DEPTH_MAX:
            return [_flat(one, depth + 1) for one in value]
        case datetime():
            return iso(value)
        case BaseException():
            return one_line(f"{type(value).__name__}: {value}", TEXT_MAX)
        case _:
            return one_line(str(value), TEXT_MAX)


def _hidden(value: Any) -> Any:
    if isinstance(value, str):
        return redact(value, resolved())
    if isinstance(value, dict):
        return {_hidden(key): _hidden(one) for key, one in value.items()}
    if isinstance(value, list):
        return [_hidden(one) for one in value]
    return value


# --- libraries -------------------------------------------------------------------------
class _Adopted(logging.Handler):
    """Another library's line, brought into ours without its traceback."""

    def emit(self, record: logging.LogRecord) -> None:
        """Say it as ours, under the library's name."""
        level = "error" if record.levelno >= logging.ERROR else "warning"
        failure = record.exc_info[1] if record.exc_info else None
        library = record.name.partition(".")[0]
        say = getattr(structlog.get_logger(f"tieout.{library}"), level)
        say(record.getMessage(), action=f"{library}.said", failure=failure)


def _adopt_foreign(least: int) -> None:
    for name in FOREIGN:
        library = logging.getLogger(name)
        library.handlers = [_Adopted()]
        library.setLevel(least)
        library.propagate = False
