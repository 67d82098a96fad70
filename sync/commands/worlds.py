"""The command that runs seeded worlds."""

from typing import Annotated

import typer

from sync.commands.options import Json, progress


def simulate(
    seeds: Annotated[int, typer.Option("--seeds", help="How many worlds.")] = 2000,
    first_seed: Annotated[int, typer.Option("--first-seed", help="The first one's.")] = 0,
    fault: Annotated[
        list[str] | None, typer.Option("--fault", help="Only this one; again for more.")
    ] = None,
    mode: Annotated[
        str, typer.Option("--mode", help="fast, real, singles or pairs.")
    ] = "fast",
    state: Annotated[
        str | None,
        typer.Option("--state", help="A database of its own for --mode real, by URL."),
    ] = None,
    jobs: Annotated[int, typer.Option("--jobs", help="Processes that share them.")] = 1,
    as_json: Json = False,
) -> None:
    """Live whole worlds from their seeds under named faults, and check every invariant."""
    from sync.simulation.command import command

    with progress() as told:
        code = command(
            seeds,
            first_seed,
            fault or (),
            mode,
            as_json,
            told,
            state_url=state,
            jobs=jobs,
        )
    raise typer.Exit(code)
