"""Is everything in place? One line a check: OK, WARN or FAIL, with the remedy."""

import os
import platform
import sys
from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from shutil import disk_usage
from typing import Any

from connectors.failures import ConnectorFailure, Misconfigured, NeedsConsent
from connectors.ports import Capabilities, Identity
from connectors.redaction import one_line, redact
from state.clock import Clock
from state.engine import StoreUnusable
from state.reads import Reader
from sync import rooms, wiring
from sync.secrets import SecretUnusable, database_url, resolve, resolved
from sync.settings import ConfigError, Settings, load
from sync.settings_erp import ERP_SECRETS
from sync.wiring_erp import connected_erp
from sync.wiring_vendors import Making, consent_notices

PYTHON = (3, 11)
SKEW_WARN_SECONDS = 5
SKEW_FAIL_SECONDS = 300  # signed requests and leases go wrong beyond this
FREE_WARN_BYTES = 1_000_000_000
FREE_FAIL_BYTES = 50_000_000


class Level(StrEnum):
    """How a check came out."""

    OK = "OK"
    WARN = "WARN"  # it works, and somebody should know
    FAIL = "FAIL"  # it will not work so


@dataclass(frozen=True, slots=True)
class Line:
    """One check; the remedy is empty where none is needed."""

    level: Level
    name: str
    text: str
    remedy: str = ""


def ok(name: str, text: str) -> Line:
    """All is well."""
    return Line(Level.OK, name, _clean(text))


def warn(name: str, text: str, remedy: str) -> Line:
    """It works, but."""
    return Line(Level.WARN, name, _clean(text), remedy)


def fail(name: str, text: str, remedy: str) -> Line:
    """It will not work so."""
    return Line(Level.FAIL, name, _clean(text), remedy)


def examine(config: Path | None) -> Iterator[Line]:
    """Every check, in the order in which they rest on one another."""
    yield _python()
    yield _rooms()
    try:
        settings = load(config)
    except ConfigError as error:
        for problem in error.problems:
            yield fail("settings", problem, "mend it; then: tieout config check")
        return
    yield ok("settings", f"entity {settings.entity}")
    secrets = list(_secrets(settings))
    yield from secrets
    store = yield from _state(settings)
    try:
        clock = wiring.SystemClock()
        if all(line.level is Level.OK for line in secrets):
            yield from _core(settings, clock)
            yield from _stripe(settings, clock, store)
            for erp in settings.erp:
                yield from _erp(erp, settings, clock)
            yield from _consents(settings, clock)
    finally:
        if store is not None:
            store.close()


def _python() -> Line:
    said = f"{platform.python_version()} in {sys.prefix}"
    if sys.version_info < PYTHON:
        return fail("python", said, "Tieout needs Python 3.11 or newer")
    return ok("python", said)


def _rooms() -> Line:
    if problem := rooms.problem():
        return fail("rooms", problem, "make a new venv, and install Tieout alone")
    return ok("rooms", f"{', '.join(rooms.ROOMS)} are Tieout's own")


def _secrets(settings: Settings) -> Iterator[Line]:
    references = {
        "core.token": settings.core.token,
        "stripe.api_key": settings.stripe.api_key,
        **{f"notify[{n}]": reference for n, reference in enumerate(settings.notify)},
        "state.token_key": settings.state.token_key,
        **{
            f"erp[{n}].{key}": getattr(erp, key, "")
            for n, erp in enumerate(settings.erp)
            for key in ERP_SECRETS
        },
    }
    for key, reference in references.items():
        if not reference:
            continue
        try:
            resolve(reference, key, lines=key.endswith("private_key"))
        except SecretUnusable as error:
            yield fail("secrets", str(error), "set it, then ask again")
        else:
            yield ok("secrets", f"{key}: found by {reference}")


def _state(settings: Settings) -> Generator[Line, None, Reader | None]:
    """The state database; answers with the open store, or None."""
    try:
        url = database_url(settings.state.url)
    except SecretUnusable as error:
        yield fail("state", str(error), "set it, then ask again")
        return None
    path = Path(url.removeprefix("sqlite:///"))
    if url.startswith("sqlite:///"):
        yield from _disk(path)
        if not path.exists():
            yield ok("state", f"{path} is not there yet; the first pass makes it")
            return None
    try:
        store = Reader(url, settings.entity)
        verdict = store.verify_audit()
    except StoreUnusable as error:
        yield fail("state", str(error), "mend the file or its folder, or restore a backup")
        return None
    yield ok("state", f"{_shown(url)} opens; its schema is known")
    if verdict.ok:
        yield ok("audit", f"{verdict.lines} lines hold; head {verdict.head}")
    else:
        yield fail(
            "audit",
            f"line {verdict.broken_at} of the audit log is not as it was written",
            "compare with a backup and with the heads in earlier reports",
        )
    return store


def _disk(path: Path) -> Iterator[Line]:
    """The nearest folder that exists must take files, and have room."""
    folder = path.parent
    while not folder.exists():
        folder = folder.parent
    if not os.access(folder, os.W_OK) or (path.exists() and not os.access(path, os.W_OK)):
        yield fail(
            "state", f"{path} cannot be written", f"give this user the right to {folder}"
        )
    free = disk_usage(folder).free
    said = f"{free // 1_000_000:,} MB are free in {folder}"
    if free < FREE_FAIL_BYTES:
        yield fail("disk", said, "make room: nothing is pushed that cannot be recorded")
    elif free < FREE_WARN_BYTES:
        yield warn("disk", said, "make room soon")
    else:
        yield ok("disk", said)


def _core(settings: Settings, clock: Clock) -> Iterator[Line]:
    def ask(closers: list[Callable[[], object]]) -> Identity:
        return wiring.connected_core(settings, clock, closers).identify()

    answer = _answer("core", ask)
    if isinstance(answer, Line):
        yield answer
        return
    yield ok("core", f"{answer.system} answers at {answer.account}")
    skew = abs(answer.skew_seconds)
    said = f"the core's clock and ours differ by {skew} s"
    if skew > SKEW_FAIL_SECONDS:
        yield fail("clock", said, "set this machine's clock (NTP)")
    elif skew > SKEW_WARN_SECONDS:
        yield warn("clock", said, "set this machine's clock (NTP)")
    else:
        yield ok("clock", said)


def _stripe(settings: Settings, clock: Clock, store: Reader | None) -> Iterator[Line]:
    def ask(closers: list[Callable[[], object]]) -> Identity:
        receivables = wiring.connected_stripe(settings, clock, closers)
        receivables.try_reads()
        return receivables.identify()

    answer = _answer("stripe", ask)
    if isinstance(answer, Line):
        yield answer
        return
    mode = settings.stripe.mode
    yield ok("stripe", f"account {answer.account} answers, mode {mode}")
    if answer.livemode is not None and answer.livemode != (mode == "live"):
        other = "live" if answer.livemode else "test"
        yield fail(
            "stripe", f"its invoices are of {other} mode", "set stripe.mode, or the key"
        )
    known = None if store is None else store.fact("stripe.account")
    if known is not None and known != answer.account:
        yield fail(
            "stripe",
            f"these books belong to account {known}",
            "set stripe.api_key to that account, or state.url or entity to other books",
        )
    if mode == "live":
        yield warn("stripe", "this is live mode: what is pushed bills customers", "know it")


def _answer(
    name: str, ask: Callable[[list[Callable[[], object]]], Identity]
) -> Identity | Line:
    """Who answers, or the line that says why nobody does."""
    closers: list[Callable[[], object]] = []
    try:
        return ask(closers)
    except NeedsConsent as error:
        return fail(name, str(error), "then ask again")
    except (ConfigError, Misconfigured, SecretUnusable) as error:
        return fail(name, str(error), "set it right in the settings")
    except ConnectorFailure as error:
        return fail(name, str(error), "is the address right, and the system up?")
    except wiring.unstarted() as error:
        return warn(name, str(error), "if that is a daemon at work, all is well")
    finally:
        while closers:
            closers.pop()()


def _erp(erp: Any, settings: Settings, clock: Clock) -> Iterator[Line]:
    """Who answers, what its key may see and do, and what such a register can tell."""
    name = f"erp {erp.name}"
    tellers: list[Capabilities] = []

    def ask(closers: list[Callable[[], object]]) -> Identity:
        making = Making(settings, clock, wiring.steady_random(), closers)
        register = connected_erp(erp, making)
        tellers.append(register.capabilities)
        return register.identify()

    answer = _answer(name, ask)
    if isinstance(answer, Line):
        yield answer
    else:
        seen = ", ".join(one.name for one in answer.entities) or "no company"
        yield ok(name, f"{answer.system} answers as {answer.account}; sees {seen}")
        yield from (ok(name, note) for note in answer.notes)
        for warning in answer.warnings:
            yield warn(name, warning, f"see docs/erp/{erp.kind}.md")
    yield from (ok(name, f"can tell: {can(one)}") for one in tellers)


def _consents(settings: Settings, clock: Clock) -> Iterator[Line]:
    """Consents that have ended or end soon, and tokens that lie open in the database."""
    for one in consent_notices(settings, clock.now()):
        say = fail if one.ended else warn
        yield say(f"erp {one.name}", one.text, one.remedy)


def can(one: Capabilities) -> str:
    """What a register can tell, in one line; docs/erp has the same as a table."""
    return "; ".join(f"{name}: {value}" for name, value in told(one).items())


def told(one: Capabilities) -> dict[str, str]:
    """What a register can tell, by name."""
    return {
        "voids": one.voiding,
        "follows": one.cursor,
        "deletions": one.deletions,
        "pairing of credits": one.pairing,
        "currencies": "many" if one.currencies else "one",
        "companies": "many" if one.entities else "one",
        "closed periods": "yes" if one.locks else "no",
        "flags shown there": "yes" if one.flags else "no",
        "rows a page": str(one.page),
        "requests at once": str(one.concurrency),
    }


def _shown(url: str) -> str:
    """A database URL without its password."""
    scheme, _, rest = url.partition("://")
    return f"{scheme}://{rest.rpartition('@')[2]}"


def _clean(text: str) -> str:
    return redact(one_line(text), resolved())
