"""The commands of the embedded parts; they import no more than they serve."""

from pathlib import Path
from typing import Annotated

import typer

sandbox = typer.Typer(no_args_is_help=True, help="The Stripe stand-in.")
core_app = typer.Typer(no_args_is_help=True, help="The embedded billing core.")
clock_app = typer.Typer(no_args_is_help=True, help="Its manual clock.")
core_app.add_typer(clock_app, name="clock")


@sandbox.command("stripe")
def sandbox_stripe(
    port: Annotated[int, typer.Option(help="On 127.0.0.1.")] = 8421,
    data: Annotated[Path, typer.Option(help="Its folder.")] = Path(
        ".tieout/stripe-sandbox"
    ),
) -> None:
    """Serve the Stripe stand-in on loopback."""
    from connectors.sandbox.service import serve

    serve(data, port, typer.echo)


@core_app.command("serve")
def core_serve(
    port: Annotated[int, typer.Option(help="On 127.0.0.1.")] = 8422,
    data: Annotated[Path, typer.Option(help="Its folder.")] = Path(".tieout/core"),
    token: Annotated[
        str | None, typer.Option(help="Else one is kept in the folder.")
    ] = None,
    clock: Annotated[str | None, typer.Option(help="real or manual")] = None,
    now: Annotated[str | None, typer.Option(help="Where a manual clock begins.")] = None,
) -> None:
    """Serve the embedded core on Metronome's paths, on loopback."""
    from connectors.localcore.service import serve
    from state.clock import utc

    serve(data, port, token, clock, utc(now) if now else None, typer.echo)


@core_app.command("now")
def core_now(
    data: Annotated[Path, typer.Option(help="Its folder.")] = Path(".tieout/core"),
) -> None:
    """Print the core's time."""
    from connectors.localcore.service import now
    from state.clock import iso

    typer.echo(iso(now(data)))


@clock_app.command("set")
def core_clock_set(
    time: str,
    data: Annotated[Path, typer.Option(help="Its folder.")] = Path(".tieout/core"),
) -> None:
    """Move a manual clock forward; returns when all due work has run."""
    from connectors.localcore.service import set_clock
    from state.clock import utc

    typer.echo(f"{set_clock(data, utc(time))} pieces of due work ran")
