"""Pushes that wait for a person: see them, let them begin again, or leave them out."""

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
    books,
    opened,
    print_json,
    text,
    who,
)

if TYPE_CHECKING:
    from state.pushes import PushRecord

app = typer.Typer(no_args_is_help=True, help="Pushes, and a person's acts on stopped ones.")
InvoiceId = Annotated[
    str, typer.Argument(metavar="CORE_INVOICE", help="The core invoice's id.")
]
FIELDS = (
    "core_invoice_id",
    "state",
    "currency",
    "total_minor",
    "document_id",
    "reason",
    "detail",
    "tried",
    "asked_at",
)


@app.command("list")
def list_pushes(
    config: Config = None,
    everything: Annotated[bool, typer.Option("--all", help="Done ones too.")] = False,
    as_json: Json = False,
) -> None:
    """List pushes that are under way or stopped."""
    from state.money import display
    from state.pushes import PushState
    from sync.console import Column, Kind, say, show_table

    ended = {PushState.DONE, PushState.CANCELLED, PushState.SKIPPED, PushState.ABANDONED}
    wanted = set(PushState) if everything else set(PushState) - ended
    with books(config) as (_, store):
        records = sorted(store.pushes(wanted), key=lambda one: one.core_invoice_id)
    if as_json:
        print_json([{name: getattr(one, name) for name in FIELDS} for one in records])
    elif not records:
        say("no push is under way or stopped")
    else:
        columns = [Column("Core invoice"), Column("State"), Column("Ccy")]
        columns += [Column("Amount", Kind.MONEY), Column("Stripe invoice")]
        rows = [
            (
                one.core_invoice_id,
                one.state,
                one.currency,
                display(one.total_minor, one.currency),
                one.document_id or "",
                f"{one.reason} {one.detail}".strip(),
            )
            for one in records
        ]
        show_table([*columns, Column("Why", Kind.WORDS)], rows)
    waits = {PushState.QUARANTINED, PushState.HELD}
    raise typer.Exit(1 if any(one.state in waits for one in records) else 0)


@app.command("retry")
def retry(
    core_invoice_id: InvoiceId,
    reason: Reason,
    by: By = None,
    config: Config = None,
    as_json: Json = False,
) -> None:
    """Let a stopped push begin again, after it has looked what is there."""
    from sync import people

    _act(config, core_invoice_id, people.retry_push, by, reason, as_json)


@app.command("skip")
def skip(
    core_invoice_id: InvoiceId,
    reason: Reason,
    by: By = None,
    config: Config = None,
    as_json: Json = False,
) -> None:
    """Leave an invoice out of Stripe for good; the reconciliation will show it."""
    from sync import people

    _act(config, core_invoice_id, people.skip_push, by, reason, as_json)


def _act(
    config: Path | None,
    core_invoice_id: str,
    act: "Callable[..., PushRecord]",
    by: str | None,
    reason: str,
    as_json: bool,
) -> None:
    from sync.console import say

    why, person = text(reason, "--reason"), who(by)
    with opened(config, books_only=True) as parts:
        record = act(parts, core_invoice_id, by=person, reason=why)
    if as_json:
        print_json({name: asdict(record)[name] for name in FIELDS})
    else:
        say(f"the push of {core_invoice_id} is {record.state}")
