"""The embedded billing core: serve it, ask its time, move its clock, fill it for a trial."""

from pathlib import Path
from typing import Annotated
from urllib.parse import urlsplit

import typer

from connectors.loopback import HOST, is_loopback
from sync.commands.options import Config, Json, Unusable, moment, print_json

app = typer.Typer(no_args_is_help=True, help="The embedded billing core.")
clock = typer.Typer(no_args_is_help=True, help="Its manual clock.")
app.add_typer(clock, name="clock")

PORT = 8422
STRIPE_PORT = 8421
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
    bind: Bind = HOST,
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


@app.command("seed")
def seed_company(
    url: Annotated[
        str | None,
        typer.Option(
            "--url", help=f"Where the core is served; else core.base_url, else port {PORT}."
        ),
    ] = None,
    stripe_url: Annotated[
        str | None,
        typer.Option(
            "--stripe",
            help=f"Where the stand-in is; else stripe.api_base, else port {STRIPE_PORT}.",
        ),
    ] = None,
    data: Data = None,
    token: Annotated[
        str | None,
        typer.Option(envvar="TIEOUT_CORE_TOKEN", help="Else the one in the folder."),
    ] = None,
    config: Config = None,
    as_json: Json = False,
) -> None:
    """Give an empty core a company to try things on: last month billed, this one drafted."""
    from connectors.localcore import service
    from sync.demo import seed_served
    from sync.settings import load

    settings = load(config)
    core = url or settings.core.base_url or f"http://{HOST}:{PORT}"
    stripe = stripe_url or settings.stripe.api_base or f"http://{HOST}:{STRIPE_PORT}"
    for option, address in (("--url", core), ("--stripe", stripe)):
        if not is_loopback(urlsplit(address).hostname or ""):
            raise Unusable(f"{option}: a trial is for stand-ins on this machine alone")
    where = data or Path(settings.core.data_dir)
    now = service.now(where)
    names = seed_served(core, token or _kept_token(where), stripe, now)
    if as_json:
        print_json({"customers": list(names)})
    else:
        typer.echo(f"{', '.join(names)} used tokens last month and this; next: tieout sync")


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


def _kept_token(where: Path) -> str:
    """The token that a served core keeps in its folder."""
    from connectors.localcore.service import TOKEN_NAME

    try:
        return (where / TOKEN_NAME).read_text(encoding="ascii").strip()
    except (OSError, ValueError) as error:
        raise Unusable(
            f"--data: {where} keeps no token; serve the core first, or give --token"
        ) from error


def only_loopback(bind: str) -> None:
    """The stand-ins hold no defence of their own, so they are for this machine alone."""
    if bind != HOST:
        raise Unusable(f"--bind: it serves {HOST} and nothing else")


def folder(data: Path | None, config: Path | None) -> Path:
    """The data folder: as given, else as the settings say."""
    if data is not None:
        return data
    from sync.settings import load

    return Path(load(config).core.data_dir)
