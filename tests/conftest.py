"""What every test shares: no network beyond loopback, no telemetry, and a seed to repeat by.

Sockets are shut by pytest-socket (pyproject.toml). Hypothesis runs the profile `ci`, the
same examples every time; HYPOTHESIS_PROFILE=dev looks for new ones. `make mutate` runs the
tests some thousand times, with the profile `mutants`.
"""

import os
from typing import Any

import pytest
import stripe
from hypothesis import settings

from tests.servers import either_url, postgres, postgres_url, sandbox

__all__ = ["either_url", "postgres", "postgres_url", "sandbox"]  # fixtures for every room

settings.register_profile("ci", derandomize=True, deadline=None, max_examples=150)
settings.register_profile("mutants", derandomize=True, deadline=None, max_examples=25)
settings.register_profile("dev", deadline=None, max_examples=500, print_blob=True)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "ci"))
# Otherwise the SDK writes an id into the user's home and sends platform data.
stripe.enable_telemetry = False
# A developer's own settings must not decide how a test ends.
for name in ("TIEOUT_LOG", "TIEOUT_CORE_TOKEN", "COLUMNS", "NO_COLOR", "FORCE_COLOR"):
    os.environ.pop(name, None)


def pytest_addoption(parser: pytest.Parser) -> None:
    """Golden reports (tests/report) are written anew by a person's wish only."""
    parser.addoption(
        "--update-golden", action="store_true", help="write golden reports anew"
    )


def pytest_terminal_summary(terminalreporter: Any, exitstatus: int, config: Any) -> None:
    """A failure that rests on the order of the tests is found again by its seed."""
    if exitstatus:
        seed = config.getoption("randomly_seed", default=None)
        terminalreporter.write_line(f"the same order again: pytest --randomly-seed={seed}")
