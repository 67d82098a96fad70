"""Credits towards future billings: what there is and what became of it."""

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated

import typer

from sync.commands.options import Config, Json, Unusable, books, moment, print_json

if TYPE_CHECKING:
    from sync.credit_register import Register

app = typer.Typer(
    no_args_is_help=True, help="Credits towards future billings, as the core keeps them."
)
MONTHS = 12
Period = Annotated[
    str | None, typer.Option("--period", help="A month, YYYY-MM; else from the beginning.")
]


@app.command("list")
def list_credits(
    config: Config = None,
    customer: Annotated[
        str | None, typer.Option("--customer", help="Only this core customer's.")
    ] = None,
    period: Period = None,
    as_json: Json = False,
) -> None:
    """List credits with their roll-forward; what does not hold is said below."""
    from sync.console import say
    from sync.credit_register import as_json as told
    from sync.credit_register import register
    from sync.wiring import SystemClock

    start, end = month(period)
    now = SystemClock().now()
    with books(config) as (_, store):
        made = register(store, now=now, start=start, end=end, customer_id=customer)
    if as_json:
        print_json([told(one) for one in made.entries])
    elif not made.entries:
        say("no credit is known")
    else:
        _show(made)
    raise typer.Exit(1 if made.findings else 0)


@app.command("show")
def show_credit(
    credit_id: Annotated[str, typer.Argument(metavar="CREDIT", help="The credit's id.")],
    config: Config = None,
    as_json: Json = False,
) -> None:
    """Show one credit: its schedule, every movement, and what does not hold."""
    from state.clock import iso
    from sync.console import Column, Kind, say, show_table
    from sync.credit_register import amount, movements_json, register
    from sync.credit_register import as_json as told
    from sync.wiring import SystemClock

    with books(config) as (_, store):
        known = next((one for one in store.iter_credits() if one.id == credit_id), None)
        if known is None:
            raise Unusable(f"CREDIT: {credit_id} is not known; see: tieout credit list")
        made = register(store, now=SystemClock().now(), customer_id=known.customer_id)
    entry = next(one for one in made.entries if one.credit.id == credit_id)
    if as_json:
        print_json({**told(entry), "movements": movements_json(entry)})
        raise typer.Exit(1 if entry.findings else 0)
    credit = entry.credit
    level = f"contract {credit.contract_id}" if credit.contract_id else "customer"
    say(
        f"{credit.name or credit.id} of {entry.customer} ({level}), priority {credit.priority:f}"
    )
    show_table(
        [Column("Schedule"), Column("From"), Column("Until"), Column("Amount", Kind.MONEY)],
        [
            (one.id, iso(one.start), iso(one.end), amount(credit, one.amount))
            for one in credit.segments
        ],
    )
    show_table(
        [
            Column("At"),
            Column("Movement"),
            Column("Amount", Kind.MONEY),
            Column("Core invoice"),
            Column("", Kind.WORDS),
        ],
        [
            (iso(one.at), one.move, amount(credit, one.amount), one.invoice_id, one.text)
            for one in entry.moved
        ],
    )
    left = entry.rolled.accessible if credit.balance is None else credit.balance
    say(f"balance {amount(credit, left)}")
    for text in (*entry.notices, *(f"{one.breach}: {one.text}" for one in entry.findings)):
        say(text)
    raise typer.Exit(1 if entry.findings else 0)


def month(period: str | None) -> tuple[datetime, datetime | None]:
    """The start of a month and of the next; without one, from the beginning until now."""
    from sync.credit_register import EVER

    if period is None:
        return EVER, None
    first = moment(f"{period}-01", "--period")
    following = first.year * MONTHS + first.month
    year, place = divmod(following, MONTHS)
    return first, datetime(year, place + 1, 1, tzinfo=UTC)


def _show(made: "Register") -> None:
    from sync.console import Column, Kind, say, show_table
    from sync.credit_register import amount

    figures = ("opening", "granted", "edited", "burned", "returned", "adjusted", "expired")
    columns = [Column("Credit"), Column("Customer", Kind.WORDS), Column("Name", Kind.WORDS)]
    columns += [Column(one.capitalize(), Kind.MONEY) for one in (*figures, "closing")]
    rows = [
        (
            one.credit.id,
            one.customer,
            one.credit.name,
            *(
                amount(one.credit, getattr(one.rolled, name))
                for name in (*figures, "closing")
            ),
        )
        for one in made.entries
    ]
    show_table(columns, rows)
    for entry in made.entries:
        for notice in entry.notices:
            say(f"{entry.credit.id} {notice}")
    for finding in made.findings:
        place = f" on {finding.invoice_id}" if finding.invoice_id else ""
        say(f"{finding.breach} {finding.credit_id}{place}: {finding.text}")
