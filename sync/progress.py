"""Progress of long work, behind a port: log lines where nobody watches, or silence.

The bar for a terminal is in `sync.console`, so that nothing here needs a terminal.
"""

from collections.abc import Callable
from typing import Protocol

from connectors.redaction import one_line
from connectors.structured import structlog

REPORT_SECONDS = 10.0  # between two lines on one step


class Progress(Protocol):
    """Who is told how far the work has come. Safe to tell from several threads."""

    def step(self, name: str, total: int | None) -> None:
        """A new piece of work begins; `total` is None when nobody knows how much."""

    def advance(self, count: int = 1) -> None:
        """So much more of it is done."""

    def note(self, text: str) -> None:
        """Something worth a line."""


class Silent:
    """Tells nobody."""

    def step(self, name: str, total: int | None) -> None:
        """Say nothing."""

    def advance(self, count: int = 1) -> None:
        """Say nothing."""

    def note(self, text: str) -> None:
        """Say nothing."""


class LogProgress:
    """Tells the log: notes as warnings; steps, and every few seconds how far, as info."""

    def __init__(self, monotonic: Callable[[], float]) -> None:
        self._monotonic = monotonic
        self._log = structlog.get_logger("tieout.progress")
        self._name, self._done = "", 0
        self._total: int | None = None
        self._said_at = monotonic()

    def step(self, name: str, total: int | None) -> None:
        """Say what begins."""
        self._name, self._total, self._done = name, total, 0
        self._say("step.begun")

    def advance(self, count: int = 1) -> None:
        """Say how far, unless it was said a moment ago."""
        self._done += count
        if self._monotonic() - self._said_at >= REPORT_SECONDS:
            self._say("step.advanced")

    def note(self, text: str) -> None:
        """Say it."""
        self._log.warning(one_line(text, 1000), action="note")

    def _say(self, action: str) -> None:
        self._said_at = self._monotonic()
        self._log.info(self._name, action=action, done=self._done, total=self._total)
