"""Links by hand: a new document that stands for an invoice the core can correct no more."""

from dataclasses import asdict
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
    reason: Reason,
    approver: Approver,
    document: Annotated[
        str | None,
        typer.Option("--document", help="Its document there, which lacks its id."),
    ] = None,
    old: Annotated[
        str | None, typer.Option("--old", help="The document voided there.")
    ] = None,
    new: Annotated[
        str | None, typer.Option("--new", help="The document written there.")
    ] = None,
    by: By = None,
    config: Config = None,
    as_json: Json = False,
) -> None:
    """Tie a document to a core invoice: in place of the voided one, or as its own."""
    from sync import links

    why, second, person = text(reason, "--reason"), who(approver, "--approver"), who(by)
    persons = {"by": person, "approver": second, "reason": why}
    with opened(config, books_only=True) as parts:
        if document is not None and old is None and new is None:
            made = links.name(
                parts, core_invoice_id, target=target, document=document, **persons
            )
        elif document is None and old is not None and new is not None:
            made = links.add(
                parts, core_invoice_id, target=target, old=old, new=new, **persons
            )
        else:
            raise Unusable(
                "name the document that is the invoice's own with --document, or the voided "
                "and the new one with --old and --new"
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
        place = (
            f"in place of {link.old_document_id}" if link.old_document_id else "as its own"
        )
        say(
            f"{link.id} is {link.state}: {link.new_document_id} for {link.core_invoice_id} "
            f"in {link.target}, {place}"
        )
