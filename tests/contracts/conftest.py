import os
from collections.abc import Iterator

import pytest

from connectors.sandbox.service import start
from tests.contracts.stripe_account import KEY_VARIABLE, LIVE_URL, Account, problem_with
from tests.contracts.stripe_account import PATIENCE_SECONDS as PATIENCE


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--stripe-live",
        action="store_true",
        help=f"run the Stripe contract against the sandbox of {KEY_VARIABLE}",
    )


def pytest_configure(config: pytest.Config) -> None:
    """Refuse a wrong key before anything is asked; a traceback would show it."""
    key = os.environ.get(KEY_VARIABLE, "")
    if config.getoption("--stripe-live") and key and (problem := problem_with(key)):
        raise pytest.UsageError(problem)


@pytest.fixture(scope="session")
def account(request: pytest.FixtureRequest) -> Iterator[Account]:
    """The user's own sandbox when asked for, else the stand-in."""
    if not request.config.getoption("--stripe-live", default=False):
        handle = start()
        yield Account(handle.api_key, handle.url, patience=0)
        handle.stop()
        return
    if problem := problem_with(os.environ.get(KEY_VARIABLE, "")):
        pytest.skip(problem)
    yield Account(os.environ[KEY_VARIABLE], LIVE_URL, patience=PATIENCE)
