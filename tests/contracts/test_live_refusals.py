"""`make stripe-live` takes the key of a sandbox and no other; without one it says so."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.contracts.stripe_account import KEY_VARIABLE, problem_with

ROOT = Path(__file__).parent.parent.parent
LIVE = "_li" + "ve_"  # in one piece it would look like a key that leaked


@pytest.mark.parametrize(
    ("key", "says"),
    [
        ("", "is not set"),
        (f"sk{LIVE}abc", "is a live key"),
        (f"rk{LIVE}abc", "is a live key"),
        ("pk_test_abc", "must begin with"),
        ("whsec_abc", "must begin with"),
    ],
)
def test_a_key_that_is_none_of_a_sandbox_is_refused(key: str, says: str) -> None:
    problem = problem_with(key)
    assert problem is not None
    assert says in problem
    assert not key or key not in problem


@pytest.mark.parametrize("key", ["sk_test_abc", "rk_test_abc"])
def test_the_key_of_a_sandbox_is_taken(key: str) -> None:
    assert problem_with(key) is None


def live_run(key: str | None) -> subprocess.CompletedProcess[str]:
    """The contract suite as `make stripe-live` runs it; no network is reached."""
    environment = {k: v for k, v in os.environ.items() if k != KEY_VARIABLE}
    if key is not None:
        environment[KEY_VARIABLE] = key
    words = ["tests/contracts/test_stripe_reading.py", "-p", "no:cacheprovider", "-rs"]
    return subprocess.run(
        [sys.executable, "-m", "pytest", "--stripe-live", "-k", "preview", *words],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_without_a_key_the_run_is_skipped_and_says_why() -> None:
    ended = live_run(None)
    assert ended.returncode == 0, ended.stdout
    assert f"{KEY_VARIABLE} is not set" in ended.stdout


def test_a_live_key_ends_the_run_before_a_request() -> None:
    ended = live_run(f"sk{LIVE}secret")
    assert ended.returncode != 0
    assert "is a live key" in ended.stdout + ended.stderr
    assert "secret" not in ended.stdout + ended.stderr
