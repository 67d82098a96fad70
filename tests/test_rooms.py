"""Who may know whom: the contracts hold, and each name stands in its one place."""

import ast
import re
import subprocess
import sys
import tomllib
from importlib.metadata import packages_distributions
from itertools import chain
from pathlib import Path

import pytest

from sync import rooms

ROOT = Path(__file__).parent.parent
# What may be named, and where (paths from the checkout).
ONLY_IN = {
    "apscheduler": ("sync/daemon.py",),
    "stripe": ("connectors/",),
    "requests": ("connectors/",),
    "urllib3": ("connectors/",),
    "tenacity": ("connectors/",),
    "cryptography": ("connectors/",),
    "jwt": ("connectors/",),
    "oauthlib": ("connectors/",),
    "sqlmodel": ("state/",),
    "sqlalchemy": ("state/",),
    "alembic": ("state/upgrade.py", "state/migrations/"),
    "duckdb": ("sync/setwise.py",),
    "adbc_driver_sqlite": ("state/slim.py",),
    "adbc_driver_postgresql": ("state/slim.py",),
    "sqlite3": ("state/", "connectors/localcore/", "connectors/sandbox/"),
    "typer": ("sync/cli.py", "sync/commands/"),
    "rich": ("sync/console.py",),
    "yaml": ("sync/yamlfile.py",),
    "uvicorn": ("connectors/localcore/", "connectors/sandbox/"),
    "starlette": ("connectors/localcore/", "connectors/sandbox/"),
    "pydyf": ("connectors/localcore/",),
    "python_calamine": ("connectors/erp/",),
    "xlsxwriter": ("sync/report/",),
    "jinja2": ("sync/report/",),
    "pygal": ("sync/report/",),
    "typst": ("sync/report/to_pdf.py",),
}

# Part of the public face of a library that we require.
BROUGHT_BY = {"urllib3": {"requests"}, "annotated_types": {"pydantic"}}


def imports_of(path: Path) -> set[str]:
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found.update(alias.name.partition(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            found.add(node.module.partition(".")[0])
    return found


def test_every_contract_holds() -> None:
    program = Path(sys.executable).parent / "lint-imports"
    done = subprocess.run(
        [str(program), "--no-cache"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout[done.stdout.find("Broken") :]
    kept = re.search(r"(\d+) kept, 0 broken", done.stdout)
    assert kept is not None
    assert int(kept[1]) >= 10


@pytest.mark.parametrize("name", ONLY_IN)
def test_a_library_is_named_in_its_own_place_only(name: str) -> None:
    for room in rooms.ROOMS:
        for path in (ROOT / room).rglob("*.py"):
            where = path.relative_to(ROOT).as_posix()
            if not where.startswith(ONLY_IN[name]):
                assert name not in imports_of(path), where


def _normal(name: str) -> str:
    """A distribution's name as every index writes it (PEP 503)."""
    return re.sub(r"[-_.]+", "-", name).lower()


def test_every_library_that_is_imported_is_required() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    lines = chain(project["dependencies"], *project["optional-dependencies"].values())
    required = {re.split(r"[<>=;\[ ]", line, maxsplit=1)[0] for line in lines}
    owners = packages_distributions()
    for room in rooms.ROOMS:
        for path in (ROOT / room).rglob("*.py"):
            for name in imports_of(path) - set(sys.stdlib_module_names) - set(rooms.ROOMS):
                given = {_normal(owner) for owner in owners[name]} | BROUGHT_BY.get(
                    name, set()
                )
                assert given & required, f"{path}: {name} is not in pyproject.toml"


# --- the three names ------------------------------------------------------------------------
def test_the_rooms_of_this_environment_have_one_owner() -> None:
    assert rooms.problem() == ""


def test_a_stranger_in_a_room_is_named() -> None:
    found = {"state": ["tieout", "state"], "sync": ["tieout"], "connectors": ["tieout"]}
    said = rooms.problem(lambda: found)
    assert "the package state also ships state/" in said
    assert "environment of its own" in said


@pytest.mark.parametrize("owners", [{}, {"sync": ["tieout"]}, {"state": ["tieout"] * 2}])
def test_our_own_checkout_or_wheel_is_no_stranger(owners: dict[str, list[str]]) -> None:
    assert rooms.problem(lambda: owners) == ""


# --- a command imports what it needs, and no more --------------------------------------------
def loaded_by(words: str) -> set[str]:
    """The top-level modules in a process that has run one command."""
    program = (
        "import sys, atexit\n"
        "atexit.register(lambda: print('\\n'.join({m.partition('.')[0] for m in sys.modules})))\n"
        f"from sync.cli import main; main({words.split()!r})"
    )
    done = subprocess.run(
        [sys.executable, "-c", program],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode in {0, 2}, done.stderr
    return set(done.stdout.split())


# pydantic is not among them: typer itself loads it where a command has options.
HEAVY = {"sqlalchemy", "sqlmodel", "stripe", "requests", "apscheduler", "structlog"}


@pytest.mark.parametrize("words", ["--help", "worklist --help", "core serve --help"])
def test_help_imports_nothing_heavy(words: str) -> None:
    assert loaded_by(words) & (HEAVY | {"starlette", "uvicorn"}) == set()


def test_the_embedded_core_is_served_without_the_database_layer_or_stripe(
    tmp_path: Path,
) -> None:
    loaded = loaded_by(f"core now --data {tmp_path}")
    assert "uvicorn" in loaded
    assert loaded & (HEAVY - {"structlog"}) == set()


def test_config_check_needs_no_database_and_no_network_library() -> None:
    assert loaded_by("config check") & HEAVY == set()
