"""How things stand: status, doctor, config check, audit verify, backup."""

import re
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from sync.commands.options import Config, Json, Unusable, books, print_json, start_logs

config_app = typer.Typer(no_args_is_help=True, help="The configuration.")
audit_app = typer.Typer(no_args_is_help=True, help="The audit log.")


@config_app.callback()
def config_group() -> None:
    """The configuration."""


@audit_app.callback()
def audit_group() -> None:
    """The audit log."""


def status(config: Config = None, as_json: Json = False) -> None:
    """Say what is known: invoices, pushes, flags, and when each source was read."""
    from state.clock import iso
    from state.worklist import UNRESOLVED
    from sync.console import Column, Kind, show_table
    from sync.wiring import SystemClock
    from sync.wiring_vendors import consent_notices

    with books(config) as (settings, store):
        notices = consent_notices(settings, SystemClock().now())
        sources = ("core", "stripe", *(erp.name for erp in settings.erp))
        sweeps = {name: store.last_sweep(name) for name in sources}
        unread = {n: one for n, one in store.unread().items() if n in sources}
        flags = store.flags(UNRESOLVED)
        seq, head = store.audit_head()
        body = {
            "entity": settings.entity,
            "instance": store.instance,
            "invoices": store.count_invoices(),
            "pushes": store.count_pushes(),
            "open_flags": len(flags),
            "read_whole": {
                name: None if sweep is None else iso(sweep.finished_at)
                for name, sweep in sweeps.items()
            },
            "unread": {name: one.text for name, one in unread.items()},
            "last_run": store.last_run_id(),
            "audit": {"seq": seq, "hash": head},
            "consents": {one.name: f"{one.text}; {one.remedy}" for one in notices},
        }
    if as_json:
        print_json(body)
    else:
        rows = [(name.replace("_", " "), _listed(value)) for name, value in body.items()]
        show_table([Column(""), Column("", Kind.WORDS)], rows)
    look = flags or unread or any(one.ended for one in notices)
    raise typer.Exit(1 if look else 0)


def _listed(value: object) -> object:
    if isinstance(value, dict):
        value = ", ".join(f"{name} {one or 'never'}" for name, one in value.items())
    return "none" if value in (None, "") else value


def doctor(config: Config = None, as_json: Json = False) -> None:
    """Check this machine, the settings, the state database and every system; say remedies."""
    from sync import doctor as checks
    from sync.console import Column, Kind, show_table

    start_logs("error")
    lines = list(checks.examine(config))
    if as_json:
        print_json([asdict(line) for line in lines])
    else:
        columns = [Column(""), Column(""), Column("", Kind.WORDS)]
        rows = [
            (one.level, one.name, f"{one.text}; {one.remedy}" if one.remedy else one.text)
            for one in lines
        ]
        show_table(columns, rows)
    failed = any(line.level is checks.Level.FAIL for line in lines)
    raise typer.Exit(1 if failed else 0)


@config_app.command("check")
def config_check(config: Config = None, as_json: Json = False) -> None:
    """Read the settings and say every mistake in them, with line and remedy."""
    from sync.console import say
    from sync.settings import DEFAULT_FILE, load

    settings = load(config)
    if as_json:
        print_json(settings.model_dump(mode="json"))
        return
    used = config or DEFAULT_FILE
    where = str(used) if used.exists() else "the built-in defaults (no config.yaml here)"
    say(
        f"{where}: sound; entity {settings.entity}, core {settings.core.kind}, "
        f"Stripe {settings.stripe.mode}, {len(settings.erp)} ERPs"
    )


@audit_app.command("verify")
def audit_verify(
    config: Config = None,
    head: Annotated[
        list[str] | None,
        typer.Option(
            "--head",
            help="A last line as an earlier report prints it, like '51 03fb...': "
            "it must still stand. May be given again.",
        ),
    ] = None,
    as_json: Json = False,
) -> None:
    """Walk the audit log's hash chain from its first line."""
    from state.audit import GENESIS
    from sync.console import say

    told = [_head(one) for one in head or []]
    with books(config) as (_, store):
        verdict = store.verify_audit()
        wanted = {seq for seq, _ in told}
        lines = store.audit_lines(max(wanted)) if wanted else ()
        kept = {one.seq: one.hash for one in lines if one.seq in wanted}
    kept[0] = GENESIS  # what a report says of a log without a line
    lost = [f"{seq} {found}" for seq, found in told if kept.get(seq) != found]
    if as_json:
        print_json({**asdict(verdict), "heads_lost": lost})
    elif verdict.ok:
        say(f"the audit log holds: {verdict.lines} lines, head {verdict.head}")
    else:
        say(
            f"the audit log does not hold: line {verdict.broken_at} is not as it was "
            "written; compare with a backup and with the heads in earlier reports"
        )
    for one in () if as_json else lost:
        say(f"the audit log has no line {one}: its end was cut off, or it is another log")
    raise typer.Exit(0 if verdict.ok and not lost else 1)


def _head(text: str) -> tuple[int, str]:
    """A line of the log as reports print it: its number and its hash."""
    number, _, found = text.strip().partition(" ")
    found = found.strip().lower()
    if not number.isdecimal() or re.fullmatch("[0-9a-f]{64}", found) is None:
        raise Unusable(
            f"--head: {text[:80]!r} is no line of the log; copy it from a report, its number "
            "and the 64 signs of its hash"
        )
    return int(number), found


def backup(
    config: Config = None,
    output: Annotated[
        Path | None,
        typer.Option("-o", "--output", help="A file; else .tieout/backups/state-TIME.db"),
    ] = None,
    as_json: Json = False,
) -> None:
    """Copy the state database whole while it is in use, and check the copy."""
    from state.backup import back_up
    from sync.console import say
    from sync.secrets import database_url
    from sync.wiring import SystemClock

    with books(config) as (settings, _):
        made = back_up(
            database_url(settings.state.url),
            settings.entity,
            output,
            now=SystemClock().now(),
        )
    if as_json:
        print_json(asdict(made))
    else:
        say(f"{made.path}: {made.bytes} bytes, {made.audit_lines} audit lines hold")
