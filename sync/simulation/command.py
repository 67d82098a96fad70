"""`tieout simulate`: run seeded worlds and say what they came to."""

import json
import sys
from collections.abc import Callable, Sequence
from time import perf_counter

from connectors.redaction import one_line
from state.engine import StoreUnusable
from sync.progress import Progress, Silent
from sync.simulation.run import MODES, SEEDED, Broken, Mode, Outcome, simulate

SEEDS = 2000  # where nobody says how many
PLANNED_MAX = 10**9  # single faults: all of them
STOPPED = 130  # 128 + SIGINT, as shells say it


def command(
    seeds: int | None,
    first_seed: int,
    fault: Sequence[str],
    mode: str,
    as_json: bool,
    progress: Progress | None = None,
    state_url: str | None = None,
    jobs: int = 1,
    stopping: Callable[[], bool] = lambda: False,
) -> int:
    """Run `seeds` worlds from `first_seed`.

    Answers 0: none broken, 1: some, 2: could not run, 130: stopped before its end.
    `fault` names the only faults that may strike; empty means all. `mode` is fast (the
    decisions, in a modelled shell), real (all of the worker and its database), singles or
    pairs (every fault at every point of fixed scenarios), or real-singles; in those the
    seeds are the numbers of their single faults, None all of them, so that a run that was
    stopped can go on. `state_url` names a database for the real mode. `jobs` processes
    share the worlds.
    """
    which: Mode | None = next((one for one in MODES if one == mode), None)
    if which is None:
        return _refuse(f"--mode {mode}: there are {', '.join(MODES)}")
    if (seeds is not None and seeds < 1) or first_seed < 0 or jobs < 1:
        return _refuse("--seeds and --jobs are at least 1, and --first-seed at least 0")
    if state_url is not None and which != "real":
        return _refuse("--state names the database of --mode real; the others have none")
    if fault and which not in SEEDED:
        return _refuse(f"--fault: --mode {which} tries every fault; leave it out")
    many = seeds or (SEEDS if which in SEEDED else PLANNED_MAX)
    started = perf_counter()
    try:
        outcome = simulate(
            range(first_seed, first_seed + many),
            faults=frozenset(fault) or None,
            mode=which,
            progress=progress or Silent(),
            state_url=state_url,
            jobs=jobs,
            stopping=stopping,
        )
    except (ValueError, StoreUnusable) as wrong:
        return _refuse(one_line(str(wrong)))
    seconds = perf_counter() - started
    text = _as_json(outcome, seconds) if as_json else _as_text(outcome, seconds)
    sys.stdout.write(text + "\n")
    if outcome.stopped:
        _say_how_to_go_on(outcome, first_seed, seeds, fault, which, state_url, jobs)
    if outcome.broken:
        return 1
    return STOPPED if outcome.stopped else 0


def _say_how_to_go_on(
    outcome: Outcome,
    first_seed: int,
    seeds: int | None,
    fault: Sequence[str],
    mode: Mode,
    state_url: str | None,
    jobs: int,
) -> None:
    """The command that lives what is left; not a database's URL, which may hold a secret."""
    words = ["tieout simulate", f"--mode {mode}", f"--first-seed {outcome.next}"]
    if seeds is not None or mode in SEEDED:
        words.append(f"--seeds {first_seed + (seeds or SEEDS) - outcome.next}")
    words += [f"--fault {name}" for name in fault]
    words += ["--state URL"] if state_url is not None else []
    words += [f"--jobs {jobs}"] if jobs > 1 else []
    sys.stderr.write(f"stopped before the end; go on with: {' '.join(words)}\n")


def _refuse(why: str) -> int:
    sys.stderr.write(f"tieout: {why}\n")
    return 2


def _as_text(outcome: Outcome, seconds: float) -> str:
    head = (
        f"{outcome.worlds:,} worlds, {outcome.broken:,} broken. "
        f"{outcome.struck:,} faults at {outcome.points:,} points, "
        f"{outcome.calls:,} calls; {seconds:.1f} s, "
        f"{outcome.worlds / max(seconds, 0.001):,.0f} worlds/s"
    )
    lines = [head]
    if outcome.broken:
        counts = (f"{number}: {n:,}" for number, n in outcome.invariants.items())
        lines.append("broken invariants and their worlds: " + ", ".join(counts))
    for one in outcome.shown:
        lines += [f"{one.name}: {one.what}", *(f"    {entry}" for entry in one.schedule)]
    return "\n".join(lines)


def _as_json(outcome: Outcome, seconds: float) -> str:
    return json.dumps(
        {
            "stopped": outcome.stopped,
            "next": outcome.next,
            "worlds": outcome.worlds,
            "broken": outcome.broken,
            "invariants": dict(outcome.invariants),
            "points": outcome.points,
            "struck": outcome.struck,
            "calls": outcome.calls,
            "seconds": round(seconds, 2),
            "faults": dict(sorted(outcome.faults.items())),
            "shown": [_story(one) for one in outcome.shown],
        },
        indent=2,
    )


def _story(one: Broken) -> dict[str, object]:
    return {"world": one.name, "broken": one.what, "schedule": list(one.schedule)}
