"""The commands. Exit 0: clean; 1: a person must look; 2: could not run.

Whatever goes wrong is one line on standard error that names the remedy, never a traceback.
"""

import os
import signal
import sys
from collections.abc import Sequence
from types import FrameType
from typing import Annotated, Any, NoReturn

import typer
from typer.exceptions import TyperException

from sync.commands import (
    advise,
    auth,
    core,
    credit,
    health,
    links,
    pushes,
    reports,
    sandbox,
    walk,
    worklist,
    worlds,
)

BY_HAND = 130  # 128 + SIGINT, as shells say it
TERMINATED = 143  # 128 + SIGTERM
LOG_LEVELS = ("debug", "info", "warning", "error")
PIPE_CLOSED = 141  # 128 + SIGPIPE

app = typer.Typer(
    name="tieout",
    add_completion=False,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    help="Keeps receivables in Stripe and the ERP true to the billing core.",
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.command()(walk.demo)
app.command()(walk.run)
app.command()(walk.sync)
app.command()(walk.plan)
app.command()(walk.reconcile)
app.command()(reports.report)
app.command()(reports.signoff)
app.command()(reports.evidence)
app.add_typer(worklist.app, name="worklist")
app.add_typer(pushes.app, name="push")
app.add_typer(links.app, name="link")
app.add_typer(credit.app, name="credit")
app.command()(advise.advise)
app.command()(auth.auth)
app.command()(health.status)
app.command()(health.doctor)
app.add_typer(health.config_app, name="config")
app.add_typer(core.app, name="core")
app.add_typer(sandbox.app, name="sandbox")
app.add_typer(health.audit_app, name="audit")
app.command()(health.backup)
app.command()(worlds.simulate)

# What an operator can do something about, by the module that says it. An exception's
# module is loaded when it is raised, so nothing is imported to look it up.
FORESEEN: dict[str, tuple[str, ...]] = {
    "connectors.failures": ("ConnectorFailure",),
    "connectors.localcore.errors": ("CoreUnavailable",),
    "connectors.sandbox.service": ("AlreadyServed", "NotStarted"),
    "state.books": ("FactDiffers",),
    "state.engine": ("StoreUnusable",),
    "state.store": ("LeaseLost",),
    "sync.advise_events": ("CannotNegate",),
    "sync.commands.options": ("Unusable",),
    "sync.correcting": ("NotCorrectable",),
    "sync.cycle": ("LeaseHeld",),
    "sync.grants": ("NotGranted",),
    "sync.links": ("NotLinkable",),
    "sync.logs": ("UnknownLevel",),
    "sync.people": ("NotPossible",),
    "sync.persons": ("Nameless",),
    "sync.plan": ("PlanMoved", "PlanUnreadable"),
    "sync.prepare": ("CapReached",),
    "sync.report.codec": ("RunUnreadable",),
    "sync.report.to_pdf": ("PdfMissing",),
    "sync.report.xlsx_layout": ("TooLong",),
    "sync.reporting": ("NoReport",),
    "sync.secrets": ("SecretUnusable",),
    "sync.signoff": ("NotSignable",),
}


class _Terminated(BaseException):
    """SIGTERM came: leave by the way that gives the lease back."""


def say_version(wanted: bool) -> None:
    """Say the version and leave."""
    if wanted:
        from importlib.metadata import version

        typer.echo(f"tieout {version('tieout')}")
        raise typer.Exit


@app.callback()
def options(
    log_level: Annotated[
        str | None,
        typer.Option("--log-level", help="debug, info, warning or error (or TIEOUT_LOG)."),
    ] = None,
    version: Annotated[  # noqa: ARG001 - answered by its callback
        bool, typer.Option("--version", help="Say it.", is_eager=True, callback=say_version)
    ] = False,
) -> None:
    """Keep receivables in Stripe and the ERP true to the billing core."""
    if log_level is not None:
        if log_level.lower() not in LOG_LEVELS:
            raise typer.BadParameter(
                f"one of {', '.join(LOG_LEVELS)}, not {log_level!r}",
                param_hint="'--log-level'",
            )
        os.environ["TIEOUT_LOG"] = log_level


def main(argv: Sequence[str] | None = None) -> NoReturn:
    """Run a command and leave with its exit code."""
    words = list(sys.argv[1:] if argv is None else argv)
    _open_streams()
    for stream in (sys.stdout, sys.stderr):
        # A name in a script this terminal lacks is shown escaped; it stops nothing.
        getattr(stream, "reconfigure", lambda **_: None)(errors="backslashreplace")
    signal.signal(signal.SIGTERM, _on_term)
    sys.exit(_exit_code(words))


def _open_streams() -> None:
    """A stream that the caller closed leads nowhere; the work goes on."""
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, "w", encoding="utf-8"))  # noqa: SIM115, PTH123 - for the life of the process


def _exit_code(words: list[str]) -> int:
    try:
        code = app(words, prog_name="tieout", standalone_mode=False)
        sys.stdout.flush()
        if code == BY_HAND:  # typer has swallowed the interrupt
            return _stopped_by_hand()
        return code if isinstance(code, int) else 0
    except typer.Exit as left:
        return left.exit_code
    except TyperException as misuse:
        return _misused(misuse)
    except (KeyboardInterrupt, typer.Abort):
        return _stopped_by_hand()
    except _Terminated:
        _complain("terminated; what was committed stands, and the next pass goes on")
        return TERMINATED
    except (BrokenPipeError, SystemExit):  # rich leaves by SystemExit(1) in that case
        # Who read our output has gone. Nothing is left to say, not even at exit.
        _abandon_output()
        return PIPE_CLOSED
    except Exception as error:  # noqa: BLE001 - the last line of defence, and it speaks
        for line in _told(error, words):
            _complain(line)
        try:
            sys.stdout.flush()
        except OSError:
            _abandon_output()  # a full disk: the interpreter would try again at exit
        return 2


def _stopped_by_hand() -> int:
    _complain("stopped by hand; what was committed stands, and the next pass goes on")
    return BY_HAND


def _abandon_output() -> None:
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _misused(misuse: Any) -> int:
    """A command that was not understood; an empty one has been answered with help."""
    said = " ".join(misuse.format_message().split())
    where = getattr(getattr(misuse, "ctx", None), "command_path", "tieout")
    if said:
        _complain(f"{said} See: {where} --help")
    return 2


def _told(error: Exception, words: list[str]) -> list[str]:
    """The lines for a failure: its own words where it was foreseen."""
    from connectors.redaction import one_line, redact
    from sync.secrets import resolved

    def clean(text: str) -> str:
        return redact(one_line(text, 1000), resolved())

    settings = sys.modules.get("sync.settings")
    if settings is not None and isinstance(error, settings.ConfigError):
        return [clean(problem) for problem in error.problems]
    if _is_foreseen(error):
        return [clean(str(error) or " ".join((type(error).__doc__ or "").split()))]
    if isinstance(error, OSError):
        name = f"{error.filename}: " if error.filename else ""
        return [clean(f"{name}{error.strerror or error}")]
    if (database := _database_says(error)) is not None:
        return [clean(f"the state database (state.url): {database}; see: tieout doctor")]
    from sync import crash
    from sync.wiring import SystemClock

    return [clean(crash.keep(error, words, now=SystemClock().now()))]


def _is_foreseen(error: Exception) -> bool:
    kinds = [
        getattr(sys.modules[module], name)
        for module, names in FORESEEN.items()
        if module in sys.modules
        for name in names
    ]
    return isinstance(error, tuple(kinds))


def _database_says(error: Exception) -> str | None:
    """What a database driver said, without the statement and its values."""
    errors = sys.modules.get("sqlalchemy.exc")
    if errors is None or not isinstance(error, errors.DBAPIError):
        return None
    return str(error.orig)


def _complain(line: str) -> None:
    sys.stderr.write(f"tieout: {line}\n")


def _on_term(_number: int, _frame: FrameType | None) -> None:
    raise _Terminated


if __name__ == "__main__":
    main()
