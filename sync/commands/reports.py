"""Reports, sign-off and evidence: from a kept run, so that the same run gives the same bytes."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from sync.commands.options import (
    By,
    Config,
    Json,
    Unusable,
    books,
    month,
    opened,
    print_json,
    progress,
    text,
    who,
)

if TYPE_CHECKING:
    from state.books import Books
    from sync.report.document import Document
    from sync.report.to_csv import Dialect
    from sync.reporting import Wish

NAMES = (
    "reconciliation",
    "worklist",
    "rollforward",
    "credit-memos",
    "credits",
    "corrections",
    "audit",
)
FORMATS = ("xlsx", "csv", "json", "jsonl", "html", "pdf")
ONE_TABLE = ("csv", "jsonl")
ROLES = ("preparer", "reviewer", "approver")
BINARY = ("xlsx", "pdf")
RunId = Annotated[str, typer.Option("--run", help="A kept run's id; see: tieout status.")]
Mark = Annotated[
    str, typer.Option("--csv-bom", help="csv: on or off; Excel needs the mark.")
]
Separator = Annotated[
    str,
    typer.Option("--csv-separator", help="csv: , or ; with a decimal comma, as in Europe."),
]


def report(
    name: Annotated[str, typer.Argument(metavar="NAME", help=", ".join(NAMES) + ".")],
    config: Config = None,
    run: Annotated[
        str | None, typer.Option("--run", help="A kept run's id; else the latest.")
    ] = None,
    period: Annotated[
        str | None, typer.Option("--period", help="The latest run of this month, YYYY-MM.")
    ] = None,
    kind: Annotated[
        str | None,
        typer.Option("--format", help=f"{', '.join(FORMATS)}; else as -o ends, else csv."),
    ] = None,
    output: Annotated[
        Path | None, typer.Option("-o", "--output", help="A file; else printed.")
    ] = None,
    table: Annotated[
        str, typer.Option("--table", help="csv, jsonl: another of the report's tables.")
    ] = "",
    closed: Annotated[
        bool, typer.Option("--all", help="worklist: settled flags as well.")
    ] = False,
    internal: Annotated[
        bool, typer.Option("--internal", help="corrections: flags, steps and ids as well.")
    ] = False,
    customer: Annotated[
        str, typer.Option("--customer", help="corrections: of one customer id.")
    ] = "",
    ledger: Annotated[
        list[str] | None,
        typer.Option(
            "--gl", help="rollforward: the G/L control account, like USD=1234.56."
        ),
    ] = None,
    about: Annotated[
        str, typer.Option("--about", help="audit: one object id, object type or actor.")
    ] = "",
    bom: Mark = "on",
    separator: Separator = ",",
) -> None:
    """Write a report of a kept run; worklist and audit also as they stand now."""
    if name not in NAMES:
        raise Unusable(f"NAME: {name!r} is no report; take {' or '.join(NAMES)}")
    form = _form(kind, output)
    shape = Shape(table, _dialect(bom, separator))
    if run is not None and period is not None:
        raise Unusable("--run and --period: give one of the two")
    if period is not None:
        month(period)
    from sync.reporting import Wish

    wish = Wish(
        closed=closed,
        internal=internal,
        customer=customer,
        general_ledger=_amounts(ledger or []),
        about=about,
    )
    with books(config) as (settings, store):
        made = _document(store, settings.entity, name, run, period, wish)
        if output is None:
            _print(made, form, shape)
        else:
            _keep(made, form, output, shape)
    raise typer.Exit(1 if made.failed else 0)


def signoff(
    run: RunId,
    role: Annotated[str, typer.Option("--role", help=" or ".join(ROLES) + ".")],
    config: Config = None,
    by: By = None,
    comment: Annotated[
        str, typer.Option("--comment", help="What was looked at and followed up.")
    ] = "",
    as_json: Json = False,
) -> None:
    """Put a name to a run's figures; each role is another person than those before it."""
    from sync import signoff as signing
    from sync.console import say
    from sync.reporting import kept

    if role not in ROLES:
        raise Unusable(f"--role: {role!r} is no role; take {' or '.join(ROLES)}")
    words = text(comment, "--comment") if comment else ""
    with books(config) as (_, store):
        found, _digest = kept(store, run, None)
    with opened(config, books_only=True) as parts:
        made = signing.sign(parts, found, role=role, who=who(by), comment=words)
    if as_json:
        print_json({"run": run, **asdict(made)})
    else:
        say(f"{run}: signed by {made.who} as {made.role}, figures {made.content}")


def evidence(
    run: RunId,
    output: Annotated[Path, typer.Option("-o", "--output", help="The zip file.")],
    config: Config = None,
    as_json: Json = False,
) -> None:
    """Bundle a run for the audit file: every report, its sources, and a manifest."""
    from connectors.redaction import redact
    from sync import evidence as bundling
    from sync.console import say
    from sync.reporting import kept
    from sync.secrets import resolved

    with books(config) as (_, store), progress() as told:
        found, digest = kept(store, run, None)
        with _whole(output) as part, part.open("w+b") as file:
            sums = bundling.bundle(
                store,
                found,
                digest,
                file,
                redact=lambda line: redact(line, resolved()),
                progress=told,
            )
    if as_json:
        print_json({"run": run, "path": str(output), "files": sums})
    else:
        say(f"{output}: {len(sums)} files; unpacked, check it by: sha256sum -c SHA256SUMS")
        say(f"MANIFEST.json has the sha256 {sums['MANIFEST.json']}; keep that elsewhere")


def _document(
    store: "Books",
    entity: str,
    name: str,
    run: str | None,
    period: str | None,
    wish: "Wish",
) -> "Document":
    from sync import reporting

    if name in reporting.STANDING and run is None and period is None:
        from importlib.metadata import version

        from sync.wiring import SystemClock

        now = SystemClock().now()
        material = reporting.standing(store, entity, version("tieout"), now)
        return reporting.document(name, material, wish)
    found, digest = reporting.kept(store, run, period)
    with progress() as told:
        material = reporting.of_run(store, found, digest, (name,), wish=wish, progress=told)
        return reporting.document(name, material, wish)


def _form(kind: str | None, output: Path | None) -> str:
    ending = "" if output is None else output.suffix.removeprefix(".").lower()
    form = kind or (ending if ending in FORMATS else "csv")
    if form not in FORMATS:
        raise Unusable(f"--format: {form!r} is no format; take {' or '.join(FORMATS)}")
    if form in BINARY and output is None and sys.stdout.isatty():
        raise Unusable(f"-o: {form} is no text for a terminal; name a file")
    return form


def _amounts(given: list[str]) -> dict[str, int]:
    """What was typed in for the control account: `USD=1234.56`, once for each currency."""
    from state.money import UnknownCurrency, parse_major

    amounts = {}
    for one in given:
        currency, mark, amount = one.partition("=")
        if not mark:
            raise Unusable(f"--gl: {one!r} names no currency; write it like USD=1234.56")
        if currency in amounts:
            raise Unusable(f"--gl: {currency} stands twice; give one balance a currency")
        try:
            amounts[currency] = parse_major(amount, currency)
        except UnknownCurrency as error:
            raise Unusable(f"--gl: {error}") from None
        except ValueError as error:
            raise Unusable(f"--gl: {currency}: {error}") from None
    return amounts


@dataclass(frozen=True, slots=True)
class Shape:
    """Which table a file of one table holds, and how a CSV is written."""

    table: str
    dialect: "Dialect"


def _dialect(bom: str, separator: str) -> "Dialect":
    from sync.report.to_csv import Dialect

    if bom not in {"on", "off"}:
        raise Unusable(f"--csv-bom: {bom!r} is neither on nor off")
    if separator not in {",", ";"}:
        raise Unusable(f"--csv-separator: {separator!r} is neither , nor ;")
    return Dialect(bom=bom == "on", semicolon=separator == ";")


def _print(made: "Document", form: str, shape: Shape) -> None:
    import io

    whole = io.BytesIO()
    _write(made, form, whole, shape)
    sys.stdout.flush()
    sys.stdout.buffer.write(whole.getvalue())
    sys.stdout.buffer.flush()


def _keep(made: "Document", form: str, output: Path, shape: Shape) -> None:
    with _whole(output) as part, part.open("w+b") as file:
        _write(made, form, file, shape)


def _write(made: "Document", form: str, file: object, shape: Shape) -> None:
    from typing import BinaryIO, cast

    from sync import reporting

    out = cast("BinaryIO", file)
    if form in ONE_TABLE:
        from sync.report import to_csv, to_jsonl

        try:
            if form == "csv":
                to_csv.write(made, out, table=shape.table, dialect=shape.dialect)
            else:
                to_jsonl.write(made, out, table=shape.table)
        except KeyError:
            keys = ", ".join(one.key for one in made.tables())
            raise Unusable(f"--table: {shape.table!r} is none of {keys}") from None
        return
    if shape.table:
        raise Unusable(
            "--table: only csv and jsonl hold one table; the other formats hold them all"
        )
    with progress() as told:
        reporting.write(made, form, out, progress=told)


@contextmanager
def _whole(path: Path) -> Iterator[Path]:
    """A file that is there whole or not at all; half a report is worse than none."""
    part = path.parent / f".{path.name}.{os.getpid()}.part"
    try:
        yield part
        part.replace(path)
    except OSError as error:
        raise Unusable(f"-o: {path} cannot be written: {error.strerror}") from error
    finally:
        part.unlink(missing_ok=True)
