"""The only place that names concrete connectors: settings in, parts out."""

import os
import platform
import random  # noqa: TID251 - the one source of jitter
import secrets
import time
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from threading import Event

from connectors.budget import RateBudget
from connectors.correcting import CorrectingCore
from connectors.metronome import Metronome
from connectors.metronome_correcting import MetronomeCorrections
from connectors.ports import Register
from connectors.redaction import Secret
from connectors.stripe_receivables import StripeReceivables
from connectors.wire import Wire
from state.books import Books, FactDiffers
from state.clock import Clock, Stopped
from sync.decide import Delivery, Policy
from sync.parts import Gate, Parts
from sync.secrets import database_url, key_problem, resolve
from sync.settings import ConfigError, Settings
from sync.wiring_erp import boards_of, connected_erps
from sync.wiring_vendors import Closer, new_id

METRONOME_URL = "https://api.metronome.com"
NOWHERE = "http://127.0.0.1:1"  # nothing answers there
SANDBOX_FOLDER = ".tieout/stripe-sandbox"
WORKERS = 4
ENDPOINT_PER_SECOND = 25  # Stripe's limit for each endpoint of an account
AT_ONCE_MAX = 30  # Stripe sheds requests somewhere above 30 in flight
WRITERS_MAX = 60  # customers; about half of them wait for a turn, the disk or the core


class SystemClock:
    """The machine's clock. Once `stop` is set, nobody sleeps by it any more."""

    def __init__(self, stop: Event | None = None) -> None:
        self._stop = stop or Event()

    def now(self) -> datetime:
        """The time in UTC."""
        return datetime.now(UTC)  # noqa: TID251 - the one real clock

    def monotonic(self) -> float:
        """Seconds that never run backwards."""
        return time.monotonic()

    def sleep(self, seconds: float) -> None:
        """Wait. Raises Stopped."""
        if self._stop.wait(seconds):
            raise Stopped


def build(settings: Settings, *, books_only: bool = False) -> Parts:
    """Open and connect everything. Raises ConfigError, StoreUnusable, Misconfigured.

    `books_only` is for a person's act on what is recorded: it needs no secret, starts
    nothing, and its connectors lead nowhere.
    """
    stop = Event()
    clock = SystemClock(stop)
    closers: list[Closer] = []
    erps: tuple[Register, ...] = ()
    try:
        if books_only:
            core, stripe = (
                _core(NOWHERE, Secret(""), clock),
                StripeReceivables("sk_test_none", clock=clock, rng=steady_random()),
            )
        else:
            core = connected_core(settings, clock, closers)
            stripe = connected_stripe(settings, clock, closers)
            erps = connected_erps(settings, clock, steady_random(), closers)
        # Last: a secret that is missing must not leave empty books behind.
        store = Books(database_url(settings.state.url), settings.entity, new_id=new_id)
        closers.append(store.close)
    except BaseException:
        _close(closers)
        raise
    return Parts(
        settings=settings,
        policy=policy_of(settings),
        store=store,
        core=core,
        stripe=stripe,
        registers=(stripe, *erps),
        boards=boards_of(settings, erps),
        clock=clock,
        stop=stop,
        holder=f"{platform.node()}:{os.getpid()}",
        new_id=new_id,
        version=version("tieout"),
        workers=WORKERS,
        writers=writers_for(settings.stripe.requests_per_second),
        gate=Gate(same_books),
        closers=closers,
    )


def correcting_core(parts: Parts) -> CorrectingCore:
    """The same core with its own verbs, for a person's correction and nobody else."""
    core = parts.core
    if not isinstance(core, Metronome):
        raise TypeError(f"{type(core).__name__} has no verbs of a correction")
    return MetronomeCorrections(core.wire)


def _close(closers: list[Closer]) -> None:
    while closers:
        closers.pop()()


def policy_of(settings: Settings) -> Policy:
    """The policy that decisions rest on."""
    policy, stripe = settings.policy, settings.stripe
    return Policy(
        delivery=Delivery(stripe.delivery),
        finalize=stripe.finalize,
        skip_zero=policy.skip_zero,
        hold_replacement_of_paid=policy.replace_paid == "hold",
        create_customers=stripe.create_customers,
        auto_charge=stripe.collection_method == "charge_automatically",
        days_until_due=stripe.days_until_due,
        push_cap_count=policy.push_cap_count,
        push_cap_minor=policy.push_cap_amount,
        tolerance_minor=policy.tolerance,
        annotate=stripe.mode != "live",
    )


def same_books(parts: Parts) -> None:
    """Refuse another Stripe account or mode than these books know. Raises ConfigError."""
    identity = parts.stripe.identify()
    live = identity.livemode
    if live is not None and live != (parts.settings.stripe.mode == "live"):
        raise ConfigError("stripe.mode: does not agree with the mode of this key")
    try:
        parts.store.keep_fact("stripe.account", identity.account)
    except FactDiffers as error:
        raise ConfigError(
            f"stripe.api_key: belongs to another account than these books: {error}"
        ) from error
    try:
        # Test and live mode share one account, and must never share books.
        parts.store.keep_fact("stripe.mode", parts.settings.stripe.mode)
    except FactDiffers as error:
        raise ConfigError(
            f"stripe.mode: these books are of another mode; take another state.url or "
            f"entity: {error}"
        ) from error


def connected_core(settings: Settings, clock: Clock, closers: list[Closer]) -> Metronome:
    """Metronome, the embedded core where it is served, or one that is started here."""
    url, token = settings.core.base_url, Secret("")
    if settings.core.token:
        token = resolve(settings.core.token, "core.token")
    if settings.core.kind == "metronome":
        url = url or METRONOME_URL
    elif not url:
        from connectors.localcore import service

        token = Secret(secrets.token_urlsafe(24))
        handle = service.start(Path(settings.core.data_dir), token=token.reveal())
        closers.append(handle.stop)
        url = handle.url
    return _core(url, token, clock)


def _core(url: str, token: Secret, clock: Clock) -> Metronome:
    return Metronome(
        Wire(url, clock=clock, rng=steady_random(), token=token, system="core")
    )


def connected_stripe(
    settings: Settings, clock: Clock, closers: list[Closer]
) -> StripeReceivables:
    """The Stripe account, the stand-in where it is served, or one that is started here."""
    stripe, base = settings.stripe, settings.stripe.api_base or None
    if stripe.api_key:
        key = resolve(stripe.api_key, "stripe.api_key")
        if problem := key_problem(stripe.mode, key):
            raise ConfigError(problem)
    else:
        from connectors.sandbox import service

        key = Secret(service.API_KEY)
        if base is None:
            handle = service.start(Path(SANDBOX_FOLDER))
            closers.append(handle.stop)
            base = handle.url
    rate = stripe.requests_per_second
    budget = RateBudget(
        rate,
        clock=clock,
        per_endpoint=min(rate, ENDPOINT_PER_SECOND),
        at_once=AT_ONCE_MAX,
    )
    return StripeReceivables(
        key.reveal(),
        clock=clock,
        rng=steady_random(),
        api_base=base,
        account=stripe.account or None,
        auto_advance=stripe.collection_method == "charge_automatically",
        budget=budget,
        connections=AT_ONCE_MAX,
    )


def writers_for(per_second: int) -> int:
    """So many customers at once as keep that rate up at 6 requests and 1.5 s an invoice."""
    return min(WRITERS_MAX, max(WORKERS, per_second // 4))


def unstarted() -> tuple[type[Exception], ...]:
    """What an embedded part raises when it cannot be started here."""
    from connectors.localcore.errors import CoreUnavailable
    from connectors.sandbox.service import AlreadyServed, NotStarted

    return (CoreUnavailable, AlreadyServed, NotStarted)


def steady_random() -> random.Random:
    """Randomness for the jitter of retries."""
    return random.Random(secrets.randbits(64))  # noqa: S311 - jitter, not a secret
