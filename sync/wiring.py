"""The only place that names concrete connectors: settings in, parts out."""

import os
import platform
import random  # noqa: TID251 - the one source of jitter
import secrets
import time
import uuid
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

from connectors.budget import RateBudget
from connectors.metronome import Metronome
from connectors.redaction import Secret
from connectors.stripe_receivables import StripeReceivables
from connectors.wire import Wire
from state.books import Books, FactDiffers
from sync.decide import Delivery, Policy
from sync.parts import Parts
from sync.settings import ConfigError, Settings, resolve

METRONOME_URL = "https://api.metronome.com"
WORKERS = 4


class SystemClock:
    """The machine's clock."""

    def now(self) -> datetime:
        """The time in UTC."""
        return datetime.now(UTC)  # noqa: TID251 - the one real clock

    def monotonic(self) -> float:
        """Seconds that never run backwards."""
        return time.monotonic()

    def sleep(self, seconds: float) -> None:
        """Wait."""
        time.sleep(seconds)  # noqa: TID251 - the one real sleep


def build(settings: Settings) -> Parts:
    """Open and connect everything. Raises ConfigError, StoreUnusable, Misconfigured."""
    clock = SystemClock()
    store = Books(settings.state.url, settings.entity, new_id=_new_id)
    parts_closers = [store.close]
    core_url, core_token = settings.core.base_url, Secret("")
    if settings.core.token:
        core_token = resolve(settings.core.token, "core.token")
    if settings.core.kind == "metronome":
        core_url = core_url or METRONOME_URL
        if not core_token:
            raise ConfigError("core.token: is needed for core.kind metronome: env:NAME")
    elif not core_url:
        from connectors.localcore import service

        token = secrets.token_urlsafe(24)
        handle = service.start(Path(settings.core.data_dir), token=token)
        parts_closers.append(handle.stop)
        core_url, core_token = handle.url, Secret(token)
    rng = steady_random()
    core = Metronome(Wire(core_url, clock=clock, rng=rng, token=core_token, system="core"))
    rate = settings.stripe.requests_per_second
    stripe = _stripe(settings, RateBudget(rate, clock=clock, burst=WORKERS), parts_closers)
    parts = Parts(
        settings=settings,
        policy=policy_of(settings),
        store=store,
        core=core,
        stripe=stripe,
        registers=(stripe,),
        clock=clock,
        holder=f"{platform.node()}:{os.getpid()}",
        new_id=_new_id,
        version=version("tieout"),
        workers=WORKERS,
        closers=parts_closers,
    )
    if settings.erp:
        raise ConfigError("erp: no register can be read yet; leave the list empty")
    return parts


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


def _stripe(settings: Settings, budget: RateBudget, closers: list) -> StripeReceivables:  # type: ignore[type-arg]  # of callables
    mode, base = settings.stripe.mode, settings.stripe.api_base or None
    if mode == "sandbox" and not settings.stripe.api_key:
        from connectors.sandbox import service

        key = service.API_KEY
        if base is None:
            handle = service.start(Path(".tieout/stripe-sandbox"))
            closers.append(handle.stop)
            base = handle.url
    else:
        if not settings.stripe.api_key:
            raise ConfigError(f"stripe.api_key: is needed in mode {mode}: env:NAME")
        key = resolve(settings.stripe.api_key, "stripe.api_key").reveal()
        if ("_live_" in key) != (mode == "live"):
            raise ConfigError(f"stripe.mode: is {mode}, and the key is of the other mode")
    if mode == "sandbox" and base and not base.startswith("http://127.0.0.1:"):
        raise ConfigError("stripe.api_base: the stand-in is on http://127.0.0.1 only")
    return StripeReceivables(
        key,
        api_base=base,
        account=settings.stripe.account or None,
        auto_advance=settings.stripe.collection_method == "charge_automatically",
        pace=budget.acquire,
    )


def steady_random() -> random.Random:
    """Randomness for the jitter of retries."""
    return random.Random(secrets.randbits(64))  # noqa: S311 - jitter, not a secret


def _new_id() -> str:
    return uuid.uuid4().hex  # noqa: TID251 - the one maker of ids
