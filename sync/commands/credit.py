"""Credits towards future billings: what there is, what became of it, and a new one."""

from typing import TYPE_CHECKING, Annotated

import typer

from sync.commands.options import (
    By,
    Config,
    Json,
    Unusable,
    books,
    correcting,
    moment,
    month,
    print_json,
    who,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from connectors.correcting import Unit
    from sync.credit_entries import Register
    from sync.granting import Granted

app = typer.Typer(
    no_args_is_help=True, help="Credits towards future billings, as the core keeps them."
)
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
    from sync.credit_entries import EVER
    from sync.credit_entries import as_json as told
    from sync.credit_register import register
    from sync.months import month_of
    from sync.wiring import SystemClock

    name = None if period is None else month(period)
    now = SystemClock().now()
    with books(config) as (settings, store):
        span = month_of(name, settings.schedule.timezone)
        made = register(
            store, now=now, start=span.start or EVER, end=span.end, customer_id=customer
        )
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
    from sync.credit_entries import amount, movements_json
    from sync.credit_entries import as_json as told
    from sync.credit_register import register
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


@app.command("grant")
def grant(
    customer: Annotated[str, typer.Argument(metavar="CUSTOMER", help="The core customer.")],
    amount: Annotated[
        str,
        typer.Argument(metavar="AMOUNT", help="In the unit's own scale: USD in cents."),
    ],
    product: Annotated[
        str, typer.Option("--product", help="What the invoice shows: a FIXED product.")
    ],
    until: Annotated[
        str | None, typer.Option("--until", help="When it ends; on the hour, UTC.")
    ] = None,
    since: Annotated[
        str | None, typer.Option("--from", help="When it begins; else today.")
    ] = None,
    monthly: Annotated[
        int,
        typer.Option("--monthly", help="So many windows of a month, one after another."),
    ] = 0,
    unit: Annotated[
        str, typer.Option("--unit", help="The pricing unit: a currency, a name or an id.")
    ] = "USD",
    contract: Annotated[
        str | None, typer.Option("--contract", help="For this contract alone.")
    ] = None,
    applies_to: Annotated[
        list[str] | None,
        typer.Option("--applies-to", help="Only this product; again for more."),
    ] = None,
    priority: Annotated[
        str, typer.Option("--priority", help="The lowest burns first.")
    ] = "5",
    name: Annotated[
        str, typer.Option("--name", help="What the invoice calls it; else the product.")
    ] = "",
    key: Annotated[
        str,
        typer.Option("--key", help="One grant only under one key; else made of the terms."),
    ] = "",
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Check it and show it; grant nothing.")
    ] = False,
    by: By = None,
    config: Config = None,
    as_json: Json = False,
) -> None:
    """Grant a credit towards future billings, once, to a customer or to one contract."""
    from sync.granting import grant_credit
    from sync.grants import Wish

    person = who(by)
    end = None if until is None else moment(until, "--until")
    begin = None if since is None else moment(since, "--from")
    with correcting(config) as (parts, core):
        wish = Wish(
            amount=amount,
            unit=unit,
            product=product,
            start=begin,
            end=end,
            monthly=monthly,
            name=name,
            priority=priority,
            contract_id=contract,
            applies_to=tuple(applies_to or ()),
            key=key,
        )
        granted = grant_credit(parts, core, customer, wish, by=person, dry_run=dry_run)
        units = core.units()
    _say_granted(granted, units, as_json)


def _show(made: "Register") -> None:
    from sync.console import Column, Kind, say, show_table
    from sync.credit_entries import amount

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


def _say_granted(granted: "Granted", units: "Sequence[Unit]", as_json: bool) -> None:
    from dataclasses import asdict

    from state.clock import iso
    from state.money import display, round_minor
    from sync.console import say

    if as_json:
        print_json(asdict(granted))
        return
    unit = next(one for one in units if one.id == granted.grant.unit_id)
    for item in granted.grant.items:
        told = f"{item.amount:f} {unit.name}"
        if unit.currency is not None:
            minor = round_minor(item.amount.scaleb(unit.places))
            told = f"{display(minor, unit.currency)} {unit.currency}"
        say(f"{told} from {iso(item.start)} until {iso(item.end)}")
    for warning in granted.warnings:
        say(f"note: {warning}")
    done = (
        f"granted: {granted.credit_id}"
        if granted.credit_id
        else "granted nothing (dry run)"
    )
    say(f"{granted.grant.name}: {done}")
