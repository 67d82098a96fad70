"""docs/operations.md names everything that can stick, and nothing that cannot."""

import re
from pathlib import Path

import pytest

from state.pushes import PushState
from state.worklist import Cause
from sync import cli, daemon
from sync.settings import Schedule

ROOT = Path(__file__).parent.parent
PAGE = (ROOT / "docs/operations.md").read_text()
# Where a push is given its reason.
REASONS_IN = ("decide", "protocol", "prepare", "push", "people")
LOGS_IN = ("daemon", "progress", "logs")
# Capitals in those modules that are no reason.
NO_REASON = {"FINALIZED", "VOID", "DRAFT", "ABSENT", "UTC", "USAGE"}


def section(title: str) -> set[str]:
    """The first cell of each row of one table, without backticks."""
    text = PAGE.partition(f"## {title}\n")[2].partition("\n## ")[0]
    cells = re.findall(r"(?m)^\| ([^|]+) \|", text)
    return {cell.strip("` ") for cell in cells} - {"---"} - set(cells[:1])


def reasons() -> set[str]:
    found: set[str] = set()
    for name in REASONS_IN:
        text = (ROOT / f"sync/{name}.py").read_text()
        found |= set(re.findall(r'"([A-Z][A-Z_]{3,})"', text))
    return found - NO_REASON


def actions() -> set[str]:
    found = {"http.request"}
    for name in LOGS_IN:
        text = (ROOT / f"sync/{name}.py").read_text()
        found |= set(re.findall(r'action=f?"([^"]+)"', text))
        found |= set(re.findall(r'"((?:step|push|register)\.[a-z_]+)"', text))
    return {
        one.replace("{job.name}", "JOB").replace("{library}", "LIBRARY") for one in found
    }


def test_every_push_state_is_explained() -> None:
    assert section("Push states") == {str(state) for state in PushState}


def test_every_cause_is_explained() -> None:
    assert section("Causes of a flag") == {str(cause) for cause in Cause}


def test_every_reason_is_explained() -> None:
    assert section("Reasons of a push that stopped or was left out") == reasons()
    assert len(reasons()) > 15


def test_every_action_of_the_log_is_explained() -> None:
    assert section("The log's actions") == actions()


def test_every_exit_code_is_explained() -> None:
    codes = {0, 1, 2, cli.BY_HAND, cli.PIPE_CLOSED, cli.TERMINATED}
    assert section("Exit codes") == {str(code) for code in codes}


def test_every_job_is_named() -> None:
    (names,) = re.findall(r"JOB is one of ([a-z, ]+);", PAGE)
    jobs = [job.name for job in daemon.jobs_of(Schedule())]
    assert names.split(", ") == jobs


@pytest.mark.parametrize("figure", ["60 seconds", "24 h 15 min", "10 minutes"])
def test_its_figures_are_those_of_the_code(figure: str) -> None:
    from sync.cycle import LEASE_SECONDS
    from sync.protocol import KEY_LIFE

    minutes = round(KEY_LIFE.total_seconds() / 60)
    said = {
        f"{LEASE_SECONDS} seconds",
        f"{minutes // 60} h {minutes % 60} min",
        f"{round(daemon.BACKOFF_MAX_SECONDS / 60)} minutes",
    }
    assert figure in said
    assert figure in PAGE
