"""Links by hand: a new document that stands for an invoice the core can correct no more."""

from dataclasses import asdict
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
    from state.links import Link

app = typer.Typer(no_args_is_help=True, help="Documents tied to a core invoice by hand.")
Approver = Annotated[str, typer.Option("--approver", help="A second person.")]


@app.command("list")
def list_links(config: Config = None, as_json: Json = False) -> None:
    """List every link, those that were taken back too."""
    from sync.console import Column, Kind, say, show_table

    with books(config) as (_, store):
        links = store.links()
    if as_json:
        print_json([asdict(one) for one in links])
    elif not links:
        say("nothing is linked by hand")
    else:
        titles = ("Link", "State", "System", "Core invoice", "Old", "New", "By", "Approver")
        rows = [
            (
                one.id,
                one.state,
                one.target,
                one.core_invoice_id,
                one.old_document_id,
                one.new_document_id,
                one.by,
                one.approver,
                one.reason,
            )
            for one in links
        ]
        columns = [Column(title) for title in titles]
        show_table([*columns, Column("Why", Kind.WORDS)], rows)


@app.command("add")
def add(
    core_invoice_id: Annotated[
        str, typer.Argument(metavar="CORE_INVOICE", help="The core invoice's id.")
    ],
    target: Annotated[str, typer.Option("--in", help="stripe, or the ERP's name.")],
    old: Annotated[str, typer.Option("--old", help="The document voided there.")],
    new: Annotated[str, typer.Option("--new", help="The document written there.")],
    reason: Reason,
    approver: Approver,
    by: By = None,
    config: Config = None,
    as_json: Json = False,
) -> None:
    """Tie a new document to a core invoice, in place of the voided one."""
    from sync import links

    why, second, person = text(reason, "--reason"), who(approver, "--approver"), who(by)
    with opened(config, books_only=True) as parts:
        made = links.add(
            parts,
            core_invoice_id,
            target=target,
            old=old,
            new=new,
            by=person,
            approver=second,
            reason=why,
        )
    _tell(made, as_json)


@app.command("remove")
def remove(
    link_id: Annotated[str, typer.Argument(metavar="LINK", help="Such as L-000001.")],
    reason: Reason,
    approver: Approver,
    by: By = None,
    config: Config = None,
    as_json: Json = False,
) -> None:
    """Take a link back; it stays in the list."""
    from sync import links

    why, second, person = text(reason, "--reason"), who(approver, "--approver"), who(by)
    with opened(config, books_only=True) as parts:
        gone = links.remove(parts, link_id, by=person, approver=second, reason=why)
    _tell(gone, as_json)


def _tell(link: "Link", as_json: bool) -> None:
    from sync.console import say

    if as_json:
        print_json(asdict(link))
    else:
        say(
            f"{link.id} is {link.state}: {link.new_document_id} for {link.core_invoice_id} "
            f"in {link.target}, in place of {link.old_document_id}"
        )
