"""Reports: from a kept run only, so that the same run gives the same bytes."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from sync.commands.options import Config, Unusable, books

if TYPE_CHECKING:
    from state.books import Books

NAMES = ("reconciliation", "worklist")
FORMATS = ("csv", "json")
LATER = ("xlsx", "html", "pdf")


def report(
    name: Annotated[str, typer.Argument(metavar="NAME", help=" or ".join(NAMES) + ".")],
    config: Config = None,
    run: Annotated[
        str | None, typer.Option("--run", help="A kept run's id; else the latest.")
    ] = None,
    period: Annotated[
        str | None, typer.Option("--period", help="The latest run of this month, YYYY-MM.")
    ] = None,
    kind: Annotated[
        str | None,
        typer.Option(
            "--format", help=f"{' or '.join(FORMATS)}; else as -o ends, else csv."
        ),
    ] = None,
    output: Annotated[
        Path | None, typer.Option("-o", "--output", help="A file; else printed.")
    ] = None,
) -> None:
    """Write a report: the reconciliation of a kept run, or the worklist as it stands."""
    if name not in NAMES:
        raise Unusable(f"NAME: {name!r} is no report; take {' or '.join(NAMES)}")
    form = _form(kind, output)
    if run is not None and period is not None:
        raise Unusable("--run and --period: give one of the two")
    if name == "worklist" and (run or period):
        raise Unusable("--run, --period: the worklist is as it stands now, of no run")
    with books(config) as (_, store):
        if name == "worklist":
            text = _worklist(store, form)
        else:
            text = _reconciliation(store, form, run, period)
    if output is None:
        typer.echo(text, nl=False)
        return
    with _whole(output) as file:
        file.write_text(text, encoding="utf-8", newline="")


def _form(kind: str | None, output: Path | None) -> str:
    ending = "" if output is None else output.suffix.removeprefix(".").lower()
    form = kind or (ending if ending in {*FORMATS, *LATER} else FORMATS[0])
    if form not in FORMATS:
        also = " yet" if form in LATER else ""
        raise Unusable(f"--format: {form} is not made{also}; take {' or '.join(FORMATS)}")
    return form


def _worklist(store: "Books", form: str) -> str:
    from sync.report import tables

    flags = store.flags()
    return tables.worklist_csv(flags) if form == "csv" else tables.worklist_json(flags)


def _reconciliation(store: "Books", form: str, run: str | None, period: str | None) -> str:
    from sync.report import tables
    from sync.report.codec import read_run

    text, digest = _kept(store, run, period)
    if sha256(text.encode()).hexdigest() != digest:
        raise Unusable(
            "the kept run is not as it was kept (its sha256 differs); nothing was written. "
            "See: tieout audit verify"
        )
    made = read_run(text)
    if form == "csv":
        return tables.reconciliation_csv(made)
    return tables.reconciliation_json(made, digest)


def _kept(store: "Books", run: str | None, period: str | None) -> tuple[str, str]:
    kept = store.run(run, period=period)
    if kept is not None:
        return kept
    if run is not None:
        raise Unusable(f"--run: {run} is not kept; see: tieout status")
    if period is not None:
        raise Unusable(
            f"--period: no run of {period} is kept; make one: "
            f"tieout reconcile --period {period}"
        )
    raise Unusable("no run is kept yet; make one: tieout reconcile")


@contextmanager
def _whole(path: Path) -> Iterator[Path]:
    """A file that is there whole or not at all; half a report is worse than none."""
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        yield part
        part.replace(path)
    except OSError as error:
        raise Unusable(f"-o: {path} cannot be written: {error.strerror}") from error
    finally:
        part.unlink(missing_ok=True)
