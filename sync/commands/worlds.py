"""The command that runs seeded worlds."""

import signal
from threading import Event
from typing import Annotated

import typer

from sync.commands.options import Json, progress


def simulate(
    seeds: Annotated[
        int | None,
        typer.Option(
            "--seeds",
            help="How many worlds, 2000 unless said; of singles and "
            "pairs: how many first faults, unless said all.",
        ),
    ] = None,
    first_seed: Annotated[
        int,
        typer.Option("--first-seed", help="The first one's: a stopped run goes on there."),
    ] = 0,
    fault: Annotated[
        list[str] | None, typer.Option("--fault", help="Only this one; again for more.")
    ] = None,
    mode: Annotated[
        str, typer.Option("--mode", help="fast, real, singles, pairs or real-singles.")
    ] = "fast",
    state: Annotated[
        str | None,
        typer.Option("--state", help="A database of its own for --mode real, by URL."),
    ] = None,
    jobs: Annotated[int, typer.Option("--jobs", help="Processes that share them.")] = 1,
    as_json: Json = False,
) -> None:
    """Live whole worlds from their seeds under named faults, and check every invariant.

    ^C ends a long run with what was done until then, and says how to go on.
    """
    from sync.simulation.command import command

    stop = Event()
    # What ends a run that took too long (timeout, a job's limit) is heard as ^C is.
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    with progress(usual_logs="info") as told:
        code = command(
            seeds,
            first_seed,
            fault or (),
            mode,
            as_json,
            told,
            state_url=state,
            jobs=jobs,
            stopping=stop.is_set,
        )
    raise typer.Exit(code)
