"""The worklist: what a person must do by hand, and what they say about it."""

from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from sync.commands.options import (
    By,
    Config,
    Json,
    Reason,
    Unusable,
    books,
    opened,
    print_json,
    text,
    who,
)

if TYPE_CHECKING:
    from state.worklist import Flag
    from sync.parts import Parts

app = typer.Typer(no_args_is_help=True, help="What a person must do by hand.")
FlagId = Annotated[str, typer.Argument(metavar="FLAG", help="Such as F-000001.")]


@app.command("list")
def list_flags(
    config: Config = None,
    everything: Annotated[bool, typer.Option("--all", help="Closed ones too.")] = False,
    as_json: Json = False,
) -> None:
    """List the open flags, the most urgent first."""
    from state.money import display
    from state.worklist import UNRESOLVED
    from sync.console import Column, Kind, say, show_table
    from sync.report.tables import worklist_rows

    with books(config) as (_, store):
        flags = store.flags(None if everything else UNRESOLVED)
    flags.sort(key=lambda flag: (flag.priority, -flag.exposure_minor, flag.id))
    if as_json:
        print_json(worklist_rows(flags))
    elif not flags:
        say("nothing to do by hand")
    else:
        columns = [Column(title) for title in ("Flag", "State", "", "Cause", "Ccy")]
        columns += [Column("Exposure", Kind.MONEY), Column("Do this", Kind.WORDS)]
        rows = [
            (
                flag.id,
                flag.state,
                f"P{flag.priority}",
                flag.cause,
                flag.currency,
                display(flag.exposure_minor, flag.currency),
                flag.action,
            )
            for flag in flags
        ]
        show_table(columns, rows)
    raise typer.Exit(1 if any(flag.state in UNRESOLVED for flag in flags) else 0)


@app.command("show")
def show_flag(flag_id: FlagId, config: Config = None, as_json: Json = False) -> None:
    """Show everything about one flag."""
    from state.money import display
    from sync.console import Column, Kind, show_table

    with books(config) as (_, store):
        flag = store.flag(flag_id)
    if flag is None:
        raise Unusable(f"there is no flag {flag_id}; see: tieout worklist list --all")
    if as_json:
        print_json(asdict(flag))
        return
    rows = [
        (name.replace("_", " "), value)
        for name, value in asdict(flag).items()
        if value not in {None, "", 0} and name != "exposure_minor"
    ]
    rows.append(("exposure", display(flag.exposure_minor, flag.currency)))
    show_table([Column(""), Column("", Kind.WORDS)], rows)


@app.command("assign")
def assign(
    flag_id: FlagId,
    to: Annotated[str, typer.Argument(metavar="WHO", help="Who takes it up.")],
    config: Config = None,
    as_json: Json = False,
) -> None:
    """Take up a flag, for yourself or for somebody."""
    from sync import people

    _act(config, lambda parts: people.assign(parts, flag_id, who(to, "WHO")), as_json)


@app.command("claim")
def claim(
    flag_id: FlagId, by: By = None, config: Config = None, as_json: Json = False
) -> None:
    """Say that it is done downstream; the next look believes it or reopens the flag."""
    from sync import people

    _act(config, lambda parts: people.claim(parts, flag_id, who(by)), as_json)


@app.command("waive")
def waive(
    flag_id: FlagId,
    approver: Annotated[str, typer.Option("--approver", help="The second person.")],
    reason: Reason,
    by: By = None,
    config: Config = None,
    as_json: Json = False,
) -> None:
    """Let a flag stand undone, for a reason, approved by a second person."""
    from sync import people

    def act(parts: "Parts") -> "Flag":
        why = text(reason, "--reason")
        return people.waive(
            parts, flag_id, by=who(by), approver=who(approver, "--approver"), reason=why
        )

    _act(config, act, as_json)


@app.command("note")
def note(
    flag_id: FlagId,
    words: Annotated[str, typer.Argument(metavar="TEXT", help="The note.")],
    by: By = None,
    config: Config = None,
    as_json: Json = False,
) -> None:
    """Write a note on a flag; earlier ones stay in the audit log."""
    from sync import people

    _act(
        config,
        lambda parts: people.note(parts, flag_id, who(by), text(words, "TEXT")),
        as_json,
    )


def _act(config: Path | None, act: "Callable[[Parts], Flag]", as_json: bool) -> None:
    from sync.console import say

    with opened(config, books_only=True) as parts:
        flag = act(parts)
    if as_json:
        print_json(asdict(flag))
    else:
        say(f"{flag.id} is {flag.state}: {flag.action}")
