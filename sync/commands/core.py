"""The embedded billing core: serve it, ask its time, move its clock."""

from pathlib import Path
from typing import Annotated

import typer

from sync.commands.options import Config, Json, Unusable, moment, print_json

app = typer.Typer(no_args_is_help=True, help="The embedded billing core.")
clock = typer.Typer(no_args_is_help=True, help="Its manual clock.")
app.add_typer(clock, name="clock")

PORT = 8422
LOOPBACK = "127.0.0.1"
Data = Annotated[
    Path | None, typer.Option("--data", help="Its folder; else core.data_dir.")
]
Bind = Annotated[str, typer.Option("--bind", help="127.0.0.1, and nothing else.")]
Port = Annotated[
    int, typer.Option("--port", min=0, max=65_535, help="On 127.0.0.1; 0: any free one.")
]


@app.command("serve")
def serve(
    port: Port = PORT,
    data: Data = None,
    token: Annotated[
        str | None,
        typer.Option(envvar="TIEOUT_CORE_TOKEN", help="Else one is kept in the folder."),
    ] = None,
    clock_kind: Annotated[
        str | None,
        typer.Option("--clock", help="real or manual; fixed at the first start."),
    ] = None,
    now: Annotated[
        str | None, typer.Option("--now", help="Where a manual clock begins.")
    ] = None,
    bind: Bind = LOOPBACK,
    config: Config = None,
) -> None:
    """Serve Metronome's paths on loopback until SIGTERM or SIGINT."""
    from connectors.localcore import service

    only_loopback(bind)
    start = None if now is None else moment(now, "--now")
    service.serve(folder(data, config), port, token, clock_kind, start, typer.echo)


@app.command("now")
def tell_time(data: Data = None, config: Config = None, as_json: Json = False) -> None:
    """Print the core's time; it need not be served."""
    from connectors.localcore import service
    from state.clock import iso

    time = iso(service.now(folder(data, config)))
    if as_json:
        print_json({"now": time})
    else:
        typer.echo(time)


@clock.command("set")
def set_clock(
    time: Annotated[str, typer.Argument(metavar="TIME", help="2026-11-01T00:00:00Z")],
    data: Data = None,
    config: Config = None,
    as_json: Json = False,
) -> None:
    """Move a manual clock forward; returns when all due work has run."""
    from connectors.localcore import service
    from state.clock import iso

    where, to = folder(data, config), moment(time, "TIME")
    done = service.set_clock(where, to)
    if as_json:
        print_json({"now": iso(to), "pieces_of_work": done})
    else:
        typer.echo(f"it is {iso(to)}; {done} pieces of due work were run")


def only_loopback(bind: str) -> None:
    """The stand-ins hold no defence of their own, so they are for this machine alone."""
    if bind != LOOPBACK:
        raise Unusable(f"--bind: it serves {LOOPBACK} and nothing else")


def folder(data: Path | None, config: Path | None) -> Path:
    """The data folder: as given, else as the settings say."""
    if data is not None:
        return data
    from sync.settings import load

    return Path(load(config).core.data_dir)
