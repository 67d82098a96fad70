"""The walk: sync, plan, reconcile, the daemon, and the demo that needs no account."""

import re
import tempfile
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from state.clock import utc
from sync.commands.options import (
    Config,
    Json,
    Unusable,
    log_progress,
    month,
    opened,
    print_json,
    progress,
    start_logs,
)

if TYPE_CHECKING:
    from sync.books import Run

SHOWN_MAX = 50  # rows of a run at the terminal, the worst first; a report has them all
PLAN_BYTES_MAX = 50_000_000
_DAY = re.compile(r"\d{4}-\d{2}-\d{2}")


def sync(
    config: Config = None,
    plan: Annotated[
        Path | None,
        typer.Option("--plan", help="Carry out this plan (tieout plan --json), or refuse."),
    ] = None,
    as_json: Json = False,
) -> None:
    """Take every invoice as far along its walk as it goes now: one pass."""
    from dataclasses import asdict

    from connectors.failures import Incomplete
    from sync.console import say
    from sync.cycle import one_pass, run_plan
    from sync.unread import GROUND, texts

    approved = None if plan is None else _plan_text(plan)
    with opened(config, check=False) as parts, progress() as told:
        if approved is None:
            result = one_pass(parts, progress=told)
        else:
            result = run_plan(parts, approved, progress=told)
    if any(one.source in GROUND for one in result.unread):
        raise Incomplete(texts(result.unread))
    if as_json:
        print_json(asdict(result))
    else:
        say(
            f"read {result.polled} invoices ({result.recorded} new or moved); "
            f"pushed {result.pushed}, waiting {result.waiting}, "
            f"stopped {result.quarantined}; flags: {result.flags_opened} opened, "
            f"{result.flags_closed} closed, {result.open_flags} open"
        )
        if result.open_flags:
            say("a person must look: tieout worklist list")
    if result.halted:
        say(result.halted, stderr=True)
    for one in result.unread:
        say(f"tieout: {one.text}", stderr=True)
    if result.unread:
        raise typer.Exit(2)
    raise typer.Exit(1 if result.open_flags or result.halted or result.waiting else 0)


def plan(config: Config = None, as_json: Json = False) -> None:
    """Look, and say what a pass would do, with a hash. Nothing outside is written."""
    from sync.console import say
    from sync.cycle import make_plan

    with opened(config, check=False) as parts, progress() as told:
        made = make_plan(parts, progress=told)
    if as_json:
        typer.echo(made.to_json(), nl=False)
        return
    for action in made.actions:
        say(action.text)
    say(f"{len(made.actions)} to do; plan {made.hash}")


def reconcile(
    config: Config = None,
    period: Annotated[
        str | None, typer.Option("--period", help="A month, YYYY-MM, as of its end.")
    ] = None,
    as_of: Annotated[
        str | None, typer.Option("--as-of", help="The cutoff: the end of a day, or a time.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Compare the core with Stripe and the ERPs, memos as the explanation; keep the run."""
    from sync import reconcile as engine
    from sync.report.tables import summary

    if period is not None:
        month(period)
    if as_of is not None:
        _cutoff(as_of, "UTC")  # before anything starts
    with opened(config, check=False) as parts, progress() as told:
        zone = parts.settings.schedule.timezone
        cutoff = None if as_of is None else _cutoff(as_of, zone)
        run = engine.reconcile(parts, period=period, as_of=cutoff, progress=told)
    if as_json:
        print_json(summary(run))
    else:
        show_run(run)
    raise typer.Exit(0 if run.clean else 1)


def run(config: Config = None) -> None:
    """Work as a daemon until SIGTERM or SIGINT: poll, sweep, observe, reconcile."""
    from sync import rooms

    if problem := rooms.problem():
        raise Unusable(problem)
    from sync.daemon import run_until_signalled

    with opened(config, usual_logs="info", check=False) as parts:
        run_until_signalled(parts, log_progress())


def demo(
    folder: Annotated[Path, typer.Option(help="Where the reports go.")] = Path(
        "tieout-demo"
    ),
    as_json: Json = False,
) -> None:
    """Live through void, re-bill and credit memo on embedded parts; needs no account."""
    from sync.console import say
    from sync.demo import play
    from sync.report.tables import summary

    start_logs()
    _made(folder)

    def tell(story: str) -> None:
        for line in story.split("\n"):
            say(line)

    if not as_json:
        play(folder, tell, show_run)
        return
    runs: list[Run] = []
    play(folder, lambda _: None, runs.append)
    print_json({"folder": str(folder), "runs": [summary(one) for one in runs]})


def _made(folder: Path) -> None:
    """The folder for the reports, before a story is told that could not be kept."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            return
    except OSError as error:
        raise Unusable(
            f"--folder: {folder} cannot be written: {error.strerror or error}"
        ) from error


def show_run(run: "Run") -> None:
    """A run as a table: its differences first, and its checks below."""
    from state.money import display
    from sync.console import Column, Kind, say, show_table

    # What is cleared after the cutoff has its own column, where there is any.
    timed = any(row.timing for row in run.rows)
    money = ("Core", "Gross", "Memos", *(("Timing",) if timed else ()), "Unexplained")
    columns = [Column(title) for title in ("Class", "Leg", "Core invoice", "Downstream")]
    columns += [Column("Ccy"), *(Column(title, Kind.MONEY) for title in money)]
    rows = [
        (
            row.kind,
            row.target,
            row.core_invoice_id,
            row.document_number or row.document_id,
            row.currency,
            display(row.core_minor, row.currency),
            display(row.gross_minor, row.currency),
            display(row.memos_minor, row.currency),
            *((display(row.timing, row.currency),) if timed else ()),
            display(row.unexplained, row.currency),
        )
        for row in run.rows[:SHOWN_MAX]
    ]
    period = f" for {run.period}" if run.period else ""
    show_table(
        columns, rows, title=f"{run.entity}: run {run.run_id}{period} is {run.outcome}"
    )
    if run.remark:
        say(run.remark)
    left = max(len(run.rows) - SHOWN_MAX, 0) + sum(one.count for one in run.matched)
    if left:
        say(f"and {left:,} more: tieout report reconciliation --run {run.run_id} -o FILE")
    # The same finding stands once for each register that bills it; it is said once.
    for line in dict.fromkeys(f"{one.kind} {one.root}: {one.text}" for one in run.chains):
        say(line)
    show_table(
        [Column(""), Column("", Kind.WORDS)],
        [
            ("OK" if check.ok else "CHECK", f"{check.name} {check.figures}")
            for check in run.checks
        ],
    )


def _cutoff(words: str, zone: str) -> datetime:
    """A time, or the end of a day in the time zone of the settings."""
    from sync.months import last_instant

    try:
        found = utc(words)
    except ValueError as error:
        raise Unusable(
            f"--as-of: {words!r} is no time; write it like 2026-10-31 or "
            "2026-10-31T18:00:00Z"
        ) from error
    try:
        return last_instant(found.date(), zone) if _DAY.fullmatch(words) else found
    except OverflowError as error:
        raise Unusable(f"--as-of: {words!r} lies beyond every calendar") from error


def _plan_text(path: Path) -> str:
    with path.open("rb") as file:
        raw = file.read(PLAN_BYTES_MAX + 1)
    if len(raw) > PLAN_BYTES_MAX:
        raise Unusable(f"--plan: {path} is over {PLAN_BYTES_MAX} bytes; is it a plan?")
    return raw.decode("utf-8", "replace")
