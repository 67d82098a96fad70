"""Progress of long work, behind a port: a terminal, log lines, or silence."""

from typing import Protocol


class Progress(Protocol):
    """Who is told how far the work has come."""

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
