"""The Stripe stand-in, for machines with no account."""

from pathlib import Path
from typing import Annotated

import typer

from connectors.loopback import HOST
from sync.commands.core import STRIPE_PORT, Bind, Port, only_loopback

app = typer.Typer(no_args_is_help=True, help="Stand-ins for systems with no account.")


@app.callback()
def group() -> None:
    """Stand-ins for systems with no account."""


@app.command("stripe")
def stripe(
    port: Port = STRIPE_PORT,
    data: Annotated[Path, typer.Option("--data", help="Its folder.")] = Path(
        ".tieout/stripe-sandbox"
    ),
    bind: Bind = HOST,
) -> None:
    """Serve the Stripe stand-in on loopback until SIGTERM or SIGINT."""
    from connectors.sandbox import service

    only_loopback(bind)
    service.serve(data, port, typer.echo)
