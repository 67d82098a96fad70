"""Are the pure modules held by their tests? Every branch walked, and mutants killed.

`make cover` and `make mutate` call this. The modules and their tests stand in one place,
[tool.mutmut] of pyproject.toml.
"""

import json
import os
import shutil
import subprocess
import sys
import tomllib
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parent.parent
SETTINGS: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"][
    "mutmut"
]
MODULES: list[str] = SETTINGS["only_mutate"]
TESTS: list[str] = SETTINGS["pytest_add_cli_args_test_selection"]
MUTANTS = ROOT / "mutants"
KILLED_AT_LEAST = 90  # of a hundred, in every module
SURVIVED, UNTESTED = 0, {5, 33}  # mutmut's words for how the tests of a mutant ended


def cover() -> int:
    """Walk every branch of the pure modules; 1 where one is not walked."""
    named = [f"--cov={path.removesuffix('.py').replace('/', '.')}" for path in MODULES]
    wanted = ["--cov-branch", "--cov-report=term-missing", "--cov-fail-under=100"]
    return _run("pytest", "-n", "2", *TESTS, *named, *wanted)


def mutate(jobs: str = "2") -> int:
    """Change each rule in turn, and see if a test notices; 1 where too few are noticed."""
    shutil.rmtree(MUTANTS, ignore_errors=True)
    os.environ["HYPOTHESIS_PROFILE"] = "mutants"
    code = _run("mutmut", "run", "--max-children", jobs)
    return code or judge()


def judge() -> int:
    """What the last run came to, module by module."""
    below = False
    for path in MODULES:
        ends = _ends(json.loads((MUTANTS / f"{path}.meta").read_text()))
        total = sum(ends.values())
        if not total:
            sys.stdout.write(f"{path:40} has no rule that a machine can change\n")
            continue
        killed = ends["killed"]
        below |= killed * 100 < total * KILLED_AT_LEAST or ends["unfinished"] > 0
        rest = ", ".join(f"{count} {how}" for how, count in ends.items() if how != "killed")
        said = f"{path:40} {killed:4} of {total:4} killed ({killed * 100 / total:.1f} %)"
        sys.stdout.write(f"{said}{'; ' + rest if rest else ''}\n")
    return int(below)


def _ends(meta: Mapping[str, Any]) -> Counter[str]:
    """How the mutants of one module ended. A test that never ends has noticed as well."""
    ends: Counter[str] = Counter()
    for code in meta["exit_code_by_key"].values():
        if code is None:
            ends["unfinished"] += 1
        elif code == SURVIVED:
            ends["survived"] += 1
        else:
            ends["untested" if code in UNTESTED else "killed"] += 1
    return ends


def _run(module: str, *words: str) -> int:
    return subprocess.run(
        [sys.executable, "-m", module, *words], cwd=ROOT, check=False
    ).returncode


if __name__ == "__main__":
    sys.exit({"cover": cover, "mutate": mutate, "judge": judge}[sys.argv[1]]())
