"""The terminal: results on standard output, progress and failures on standard error."""

import sys

from rich.console import Console

# A pipe has no width of its own: tables get room, so that no id is cut.
out = Console(width=None if sys.stdout.isatty() else 150)
err = Console(stderr=True)


class ConsoleProgress:
    """A line for each step, on standard error."""

    def step(self, name: str, total: int | None) -> None:
        """Say what begins."""
        err.print(f"{name} ..." if total is None else f"{name}: {total}", style="dim")

    def advance(self, count: int = 1) -> None:
        """Nothing: steps are short."""

    def note(self, text: str) -> None:
        """Say it."""
        err.print(text, style="yellow", markup=False)
