"""Consent in the browser for an ERP that gives its key to a person alone."""

import sys
from datetime import datetime
from typing import Annotated

import typer

from sync.commands.options import Config, Json, Unusable, print_json, start_logs

WAIT_MAX = 3600  # seconds


def auth(
    name: Annotated[str, typer.Argument(help="The ERP, by its name in the settings.")],
    config: Config = None,
    wait: Annotated[
        int, typer.Option("--wait", min=1, max=WAIT_MAX, help="Seconds to wait for it.")
    ] = 300,
    as_json: Json = False,
) -> None:
    """Have a person consent in the browser that Tieout reads QuickBooks or Xero."""
    from sync.console import say
    from sync.settings import load
    from sync.settings_erp import VendorErp
    from sync.wiring import SystemClock, steady_random
    from sync.wiring_vendors import Making, ask_consent

    start_logs()
    settings = load(config)
    erp = next((one for one in settings.erp if one.name == name), None)
    if erp is None:
        known = ", ".join(one.name for one in settings.erp) or "none"
        raise Unusable(f"NAME: the settings have no ERP of this name; they have: {known}")
    if not isinstance(erp, VendorErp):
        raise Unusable(f"NAME: {name} is of kind {erp.kind}, which needs no consent")
    making = Making(settings, SystemClock(), steady_random())
    try:
        until = ask_consent(erp, making, seconds=wait, show=_show, paste=_paste)
    finally:
        while making.closers:
            making.closers.pop()()
    if as_json:
        print_json({"name": name, "consented": True, "until": until})
    else:
        say(f"{name}: Tieout may read it{_ending(until)}")


def _show(url: str) -> None:
    typer.echo(f"Open this address in a browser and consent:\n{url}", err=True)


def _paste() -> str:
    typer.echo("Then paste the address to which the browser was sent:", err=True)
    return sys.stdin.readline()


def _ending(until: datetime | None) -> str:
    if until is None:
        return ""
    return f", until {until.date().isoformat()} at the latest unless it is used before"
