"""What nobody foresaw: the details in a file with no secret in it, one line for a person."""

import os
import platform
import traceback
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from connectors.redaction import one_line, redact
from sync.secrets import resolved

FOLDER = Path(".tieout")
BYTES_MAX = 200_000
_SECRET_OPTIONS = ("--token",)


def keep(error: BaseException, argv: Sequence[str], *, now: datetime) -> str:
    """Write the traceback down and answer with the line that says where."""
    what = redact(one_line(f"{type(error).__name__}: {error}"), resolved())
    path = FOLDER / f"crash-{now.astimezone(UTC):%Y%m%dT%H%M%SZ}-{os.getpid()}.log"
    try:
        FOLDER.mkdir(mode=0o700, parents=True, exist_ok=True)
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8", errors="replace") as file:
            file.write(_text(error, argv, now))
    except OSError as unwritten:
        return f"{what}; this is a mistake in Tieout (no details: {unwritten.strerror})"
    return f"{what}; this is a mistake in Tieout, and its details are in {path}"


def _text(error: BaseException, argv: Sequence[str], now: datetime) -> str:
    lines = traceback.format_exception(error)
    said = f"{now.isoformat()} Python {platform.python_version()}\n"
    said += f"tieout {' '.join(_shown(argv))}\n\n{''.join(lines)}"
    return redact(said, resolved())[-BYTES_MAX:]  # a cut would leave half a secret


def _shown(argv: Sequence[str]) -> list[str]:
    """The command as given, without what follows an option that takes a secret."""
    hidden = [before in _SECRET_OPTIONS for before in ("", *argv)]
    shown = []
    for word, hide in zip(argv, hidden, strict=False):
        name, equals, _ = word.partition("=")
        secret = name in _SECRET_OPTIONS and equals
        shown.append("[hidden]" if hide else f"{name}=[hidden]" if secret else word)
    return shown
