"""Are the pure modules held by their tests? Every branch walked, and mutants killed.

`make cover` and `make mutate` call this. The modules and the tests that guard each stand in
one place, tests/guards.toml. Each module is held by its own tests alone, so what another
test happens to walk does not count for it.
"""

import json
import os
import shutil
import subprocess
import sys
import tomllib
from collections import Counter
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

ROOT = Path(__file__).parent.parent
GUARDS: dict[str, list[str]] = tomllib.loads((ROOT / "tests/guards.toml").read_text())
MUTANTS = ROOT / "mutants"
KILLED_AT_LEAST = 90  # of a hundred, in every module
SURVIVED, UNTESTED = 0, {5, 33}  # mutmut's words for how the tests of a mutant ended
SETTINGS = """
[tool.mutmut]
source_paths = ["state", "connectors", "sync"]
only_mutate = [{module}]
pytest_add_cli_args_test_selection = {tests}
pytest_add_cli_args = ["-p", "no:randomly", "-p", "no:xdist", "-k", "not postgresql"]
timeout_multiplier = 30.0  # a machine under load makes no mutant look killed
"""


def cover(*wanted: str) -> int:
    """Walk every branch of the pure modules, each by its own tests; 1 where one is left."""
    with ThreadPoolExecutor(2) as pool:
        ends = dict(zip(_chosen(wanted), pool.map(_covered, _chosen(wanted)), strict=True))
    for module, said in ends.items():
        sys.stdout.write(f"{module:40} {said or 'every branch is walked'}\n")
    return int(any(ends.values()))


def _covered(module: str) -> str:
    """What its own tests leave of a module; '' where they walk all of it."""
    name = module.removesuffix(".py").replace("/", ".")
    folder = _folder(module)
    folder.mkdir(parents=True, exist_ok=True)
    wanted = [f"--cov={name}", "--cov-branch", "--cov-report=term-missing:skip-covered"]
    done = subprocess.run(
        [sys.executable, "-m", "pytest", *GUARDS[module], *wanted, "--cov-fail-under=100"],
        cwd=ROOT,
        env=os.environ | {"COVERAGE_FILE": str(folder / "coverage")},
        capture_output=True,
        text=True,
        check=False,
    )
    return "" if done.returncode == 0 else f"\n{done.stdout[-3000:]}{done.stderr[-1000:]}"


def mutate(*wanted: str) -> int:
    """Change each rule in turn, and see if a test notices; 1 where too few are noticed."""
    ends = [_mutated(module) for module in _chosen(wanted)]
    return max(ends, default=0)


def _mutated(module: str) -> int:
    """The mutants of one module, in a folder that has only its own tests to run."""
    folder = _folder(module)
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    for room in ("state", "connectors", "sync", "tests"):
        (folder / room).symlink_to(ROOT / room)
    settings = SETTINGS.format(module=json.dumps(module), tests=json.dumps(GUARDS[module]))
    project = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    (folder / "pyproject.toml").write_text(project + settings, encoding="utf-8")
    with (folder / "log").open("w", encoding="utf-8") as log:
        code = subprocess.run(
            [sys.executable, "-m", "mutmut", "run", "--max-children", "2"],
            cwd=folder,
            env=os.environ | {"HYPOTHESIS_PROFILE": "mutants"},
            stdout=log,
            stderr=subprocess.STDOUT,
            check=False,
        ).returncode
    if code and _mutants(module) != {}:
        sys.stdout.write(f"{module:40} could not be tried: see {folder / 'log'}\n")
        return 1
    return judge(module)


def judge(*wanted: str) -> int:
    """What the last run of each module came to."""
    below = False
    for module in _chosen(wanted):
        ends = _ends(_mutants(module) or {})
        total = sum(ends.values())
        if not total:
            sys.stdout.write(f"{module:40} has no rule that a machine can change\n")
            continue
        killed = ends["killed"]
        below |= killed * 100 < total * KILLED_AT_LEAST or ends["unfinished"] > 0
        rest = ", ".join(f"{count} {how}" for how, count in ends.items() if how != "killed")
        said = f"{module:40} {killed:4} of {total:4} killed ({killed * 100 / total:.1f} %)"
        sys.stdout.write(f"{said}{'; ' + rest if rest else ''}\n")
        sys.stdout.flush()
    return int(below)


def _mutants(module: str) -> dict[str, int | None] | None:
    """The mutants of a module and how their tests ended; None where none were made."""
    kept = _folder(module) / "mutants" / f"{module}.meta"
    if not kept.exists():
        return None
    found: dict[str, int | None] = json.loads(kept.read_text(encoding="utf-8"))[
        "exit_code_by_key"
    ]
    return found


def _ends(mutants: Mapping[str, int | None]) -> Counter[str]:
    """How the mutants of one module ended. A test that never ends has noticed as well."""
    ends: Counter[str] = Counter()
    for code in mutants.values():
        if code is None:
            ends["unfinished"] += 1
        elif code == SURVIVED:
            ends["survived"] += 1
        else:
            ends["untested" if code in UNTESTED else "killed"] += 1
    return ends


def _chosen(wanted: Iterable[str]) -> list[str]:
    """The modules that are asked for; all of them where none is named."""
    some = list(wanted) or list(GUARDS)
    if unknown := [one for one in some if one not in GUARDS]:
        sys.exit(f"{', '.join(unknown)}: not in tests/guards.toml; name a module of it")
    return some


def _folder(module: str) -> Path:
    return MUTANTS / module.removesuffix(".py").replace("/", ".")


if __name__ == "__main__":
    sys.exit({"cover": cover, "mutate": mutate, "judge": judge}[sys.argv[1]](*sys.argv[2:]))
