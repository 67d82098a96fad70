"""The commands. Exit 0: clean; 1: a person must look; 2: could not run."""

import getpass
import json
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Event
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.table import Table

from sync.cli_embedded import core_app, sandbox
from sync.console import ConsoleProgress, err, out
from sync.settings import ConfigError, load

if TYPE_CHECKING:
    from state.worklist import Flag
    from sync.parts import Parts

app = typer.Typer(
    add_completion=False, no_args_is_help=True, pretty_exceptions_enable=False
)
worklist = typer.Typer(no_args_is_help=True, help="What a person must do by hand.")
pushes = typer.Typer(no_args_is_help=True, help="Pushes that wait for a person.")
audit = typer.Typer(no_args_is_help=True, help="The audit log.")
config_app = typer.Typer(no_args_is_help=True, help="The configuration.")
for name, group in (
    ("worklist", worklist),
    ("push", pushes),
    ("sandbox", sandbox),
    ("audit", audit),
    ("config", config_app),
    ("core", core_app),
):
    app.add_typer(group, name=name)

Config = Annotated[Path | None, typer.Option("-c", "--config", help="config.yaml")]
Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]
By = Annotated[str, typer.Option("--by", help="Who acts.")]
Reason = Annotated[str, typer.Option("--reason", help="Why.")]


def main() -> None:
    """Run a command; whatever goes wrong is one line and an exit code."""
    from sync.logs import configure

    configure()
    try:
        app(standalone_mode=False)
    except typer.Exit as left:
        sys.exit(left.exit_code)
    except KeyboardInterrupt:
        err.print("stopped by hand; what was committed stands", markup=False)
        sys.exit(130)
    except Exception as error:  # noqa: BLE001 - the last line of defence, and it speaks
        text = str(getattr(error, "message", "") or error) or type(error).__name__
        err.print(f"tieout: {text}", markup=False, soft_wrap=True)
        sys.exit(2)


@contextmanager
def opened(config: Path | None, *, check: bool = True) -> "Iterator[Parts]":
    """The parts for one command, closed afterwards."""
    from sync.wiring import build, same_books

    parts = build(load(config))
    try:
        if check:
            same_books(parts)
        yield parts
    finally:
        parts.close()


def _print(body: Any) -> None:
    typer.echo(json.dumps(body, indent=2, sort_keys=True, default=str))


@app.command()
def sync(config: Config = None, plan: Path | None = None, as_json: Json = False) -> None:
    """One pass: poll, record, observe, push, flag."""
    from dataclasses import asdict

    from sync.cycle import one_pass, run_plan

    with opened(config) as parts:
        if plan is None:
            result = one_pass(parts, progress=ConsoleProgress())
        else:
            result = run_plan(parts, plan.read_text(), progress=ConsoleProgress())
    if as_json:
        _print(asdict(result))
    else:
        out.print(
            f"read {result.polled} invoices, pushed {result.pushed}, waiting "
            f"{result.waiting}, stopped {result.quarantined}; flags: {result.flags_opened} "
            f"opened, {result.flags_closed} closed, {result.open_flags} open"
        )
    if result.halted:
        err.print(result.halted, markup=False, soft_wrap=True)
    raise typer.Exit(1 if result.open_flags or result.halted or result.waiting else 0)


@app.command()
def plan(config: Config = None, as_json: Json = False) -> None:
    """What a pass would do, with a hash."""
    from sync.cycle import make_plan

    with opened(config) as parts:
        made = make_plan(parts, progress=ConsoleProgress())
    if as_json:
        typer.echo(made.to_json(), nl=False)
        return
    for action in made.actions:
        out.print(action.text, markup=False)
    out.print(f"{len(made.actions)} actions, plan {made.hash[:12]}")


@app.command()
def reconcile(
    config: Config = None, period: str | None = None, as_json: Json = False
) -> None:
    """Compare the core with Stripe, memos as the explanation; keep the run."""
    from sync import reconcile as engine
    from sync.report.tables import summary

    with opened(config) as parts:
        run = engine.reconcile(parts, period=period, progress=ConsoleProgress())
    if as_json:
        _print(summary(run))
    else:
        _show_run(run)
    raise typer.Exit(0 if run.clean else 1)


def _show_run(run: Any) -> None:
    from state.money import display

    table = Table(title=f"{run.entity}: reconciliation {run.run_id}: {run.outcome}")
    table.add_column("Core invoice", overflow="fold")
    for title in ("Leg", "Downstream", "Ccy", "Class"):
        table.add_column(title, no_wrap=True)
    for title in ("Core", "Gross", "Memos", "Unexplained"):
        table.add_column(title, justify="right")
    for row in run.rows:
        money = (row.core_minor, row.gross_minor, row.memos_minor, row.unexplained)
        table.add_row(
            row.core_invoice_id,
            row.target,
            row.document_number or row.document_id,
            row.currency,
            row.kind,
            *(display(one, row.currency) for one in money),
        )
    out.print(table)
    for check in run.checks:
        out.print(
            f"{'OK   ' if check.ok else 'CHECK'} {check.name} {check.figures}".rstrip()
        )


@app.command()
def report(
    name: Annotated[str, typer.Argument(help="reconciliation or worklist")],
    config: Config = None,
    run: str | None = None,
    kind: Annotated[str, typer.Option("--format", help="csv or json")] = "csv",
    output: Annotated[Path | None, typer.Option("-o", help="File; else printed.")] = None,
) -> None:
    """A report from a kept run, or the worklist: the same run gives the same bytes."""
    from state.books import Books
    from sync.report import tables
    from sync.report.codec import read_run

    if kind not in {"csv", "json"}:
        raise ConfigError(f"--format: {kind} is not made yet; csv and json are")
    settings = load(config)
    store = Books(settings.state.url, settings.entity, new_id=_no_id)
    try:
        if name == "worklist":
            flags = store.flags()
            text = (
                tables.worklist_csv(flags) if kind == "csv" else tables.worklist_json(flags)
            )
        elif name == "reconciliation":
            kept = store.run(run)
            if kept is None:
                raise ConfigError("--run: no such run is kept; make one: tieout reconcile")
            made = read_run(kept[0])
            csv_text = tables.reconciliation_csv
            text = (
                csv_text(made)
                if kind == "csv"
                else tables.reconciliation_json(made, kept[1])
            )
        else:
            raise ConfigError(
                f"report: {name} is not known; reconciliation and worklist are"
            )
    finally:
        store.close()
    if output is None:
        typer.echo(text, nl=False)
    else:
        output.write_text(text, newline="")


def _no_id() -> str:
    raise ConfigError("state.url: holds no books yet; run `tieout sync` first")


def _row(flag: "Flag") -> tuple[str, ...]:
    from state.money import display

    amount = display(flag.exposure_minor, flag.currency)
    return (flag.id, flag.state, f"P{flag.priority}", flag.cause, amount, flag.action)


@worklist.command("list")
def worklist_list(
    config: Config = None,
    everything: Annotated[bool, typer.Option("--all", help="Closed ones too.")] = False,
    as_json: Json = False,
) -> None:
    """Open flags, the most urgent first."""
    from state.books import Books
    from state.worklist import UNRESOLVED
    from sync.report.tables import worklist_rows

    settings = load(config)
    store = Books(settings.state.url, settings.entity, new_id=_no_id)
    flags = store.flags(None if everything else UNRESOLVED)
    store.close()
    flags.sort(key=lambda flag: (flag.priority, -flag.exposure_minor, flag.id))
    if as_json:
        _print(worklist_rows(flags))
    else:
        table = Table("Flag", "State", "", "Cause", "Exposure", "Do this")
        for flag in flags:
            table.add_row(*_row(flag))
        out.print(table if flags else "Nothing to do by hand.")
    raise typer.Exit(1 if any(flag.state in UNRESOLVED for flag in flags) else 0)


def _act(config: Path | None, act: "Callable[[Parts], Flag]") -> None:
    with opened(config, check=False) as parts:
        flag = act(parts)
    out.print(f"{flag.id} is {flag.state}: {flag.action}", markup=False)


@worklist.command("assign")
def worklist_assign(flag_id: str, to: str, config: Config = None) -> None:
    """Take up a flag."""
    from sync import people

    _act(config, lambda parts: people.assign(parts, flag_id, to))


@worklist.command("claim")
def worklist_claim(flag_id: str, by: By = getpass.getuser(), config: Config = None) -> None:
    """Say that it is done downstream; the next look verifies it."""
    from sync import people

    _act(config, lambda parts: people.claim(parts, flag_id, by))


@worklist.command("waive")
def worklist_waive(
    flag_id: str,
    approver: Annotated[str, typer.Option("--approver", help="The second person.")],
    reason: Reason,
    by: By = getpass.getuser(),
    config: Config = None,
) -> None:
    """Let a flag stand undone, approved by a second person."""
    from sync import people

    _act(
        config,
        lambda parts: people.waive(parts, flag_id, by=by, approver=approver, reason=reason),
    )


@pushes.command("retry")
def push_retry(
    core_invoice_id: str, reason: Reason, by: By = getpass.getuser(), config: Config = None
) -> None:
    """Let a stopped push begin again, after its look-up."""
    from sync import people

    with opened(config, check=False) as parts:
        record = people.retry_push(parts, core_invoice_id, by=by, reason=reason)
    out.print(f"the push of {core_invoice_id} is {record.state}", markup=False)


@pushes.command("skip")
def push_skip(
    core_invoice_id: str, reason: Reason, by: By = getpass.getuser(), config: Config = None
) -> None:
    """Leave an invoice out of Stripe for good."""
    from sync import people

    with opened(config, check=False) as parts:
        record = people.skip_push(parts, core_invoice_id, by=by, reason=reason)
    out.print(f"the push of {core_invoice_id} is {record.state}", markup=False)


@app.command()
def status(config: Config = None, as_json: Json = False) -> None:
    """What is known: invoices, pushes, flags, and when each source was read."""
    from state.books import Books
    from state.worklist import UNRESOLVED

    settings = load(config)
    store = Books(settings.state.url, settings.entity, new_id=_no_id)
    sweeps = {name: store.last_sweep(name) for name in ("core", "stripe")}
    body = {
        "entity": settings.entity,
        "invoices": store.count_invoices(),
        "pushes": store.count_pushes(),
        "open_flags": len(store.flags(UNRESOLVED)),
        "read_whole": {
            n: s.finished_at.isoformat() if s else None for n, s in sweeps.items()
        },
    }
    store.close()
    if as_json:
        _print(body)
    else:
        for key, value in body.items():
            out.print(f"{key}: {value}", markup=False)


@app.command()
def run(config: Config = None) -> None:
    """The daemon."""
    from sync.daemon import serve

    stop = Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    with opened(config) as parts:
        serve(parts, stop, ConsoleProgress())


@audit.command("verify")
def audit_verify(config: Config = None, as_json: Json = False) -> None:
    """Walk the audit log's hash chain."""
    from dataclasses import asdict

    from state.books import Books

    settings = load(config)
    store = Books(settings.state.url, settings.entity, new_id=_no_id)
    verdict = store.verify_audit()
    store.close()
    if as_json:
        _print(asdict(verdict))
    elif verdict.ok:
        out.print(f"the audit log holds: {verdict.lines} lines, head {verdict.head}")
    else:
        out.print(f"the audit log is broken at line {verdict.broken_at}")
    raise typer.Exit(0 if verdict.ok else 1)


@config_app.command("check")
def config_check(config: Config = None) -> None:
    """Read the configuration and say what is wrong with it."""
    settings = load(config)
    out.print(f"the configuration of {settings.entity} is sound", markup=False)


@app.command()
def demo(
    folder: Annotated[Path, typer.Option(help="Where the reports go.")] = Path(
        "tieout-demo"
    ),
) -> None:
    """Live through void, regenerate and credit memo on embedded parts; no accounts needed."""
    from sync.demo import play

    play(folder, typer.echo, _show_run)
