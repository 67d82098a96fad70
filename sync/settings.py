"""config.yaml as frozen settings: known keys only, and never a secret in the file."""

import difflib
import os
import re
import stat
from pathlib import Path
from typing import Any, Literal, get_args, get_origin

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from connectors.redaction import Secret

_KEY_SHAPE = re.compile(r"\b(sk|rk|pk|whsec)_[A-Za-z0-9_]{6,}|^[A-Za-z0-9_\-]{32,}$")
_DURATION = re.compile(r"^(\d+)(s|m|h|d)$")
_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400}
BYTES_MAX = 1_000_000


class ConfigError(Exception):
    """The configuration cannot be used; each line names a key and the remedy."""


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


def _reference(value: str) -> str:
    if value and not value.startswith(("env:", "file:")):
        raise ValueError("must be a reference, env:NAME or file:PATH, never the secret")
    return value


class Core(_Part):
    """Where the billing core is."""

    kind: Literal["embedded", "metronome"] = "embedded"
    base_url: str = ""  # '': https://api.metronome.com, or the embedded core started here
    token: str = ""
    data_dir: str = ".tieout/core"

    _token = field_validator("token")(_reference)


class Stripe(_Part):
    """Which Stripe account, and how invoices are brought there."""

    mode: Literal["sandbox", "test", "live"] = "sandbox"
    api_key: str = ""
    api_base: str = ""
    account: str = ""
    delivery: Literal["auto", "push", "observe"] = "auto"
    finalize: bool = True
    collection_method: Literal["send_invoice", "charge_automatically"] = "send_invoice"
    days_until_due: int = Field(default=30, ge=0, le=365)
    create_customers: bool = False
    requests_per_second: int = Field(default=5, ge=1, le=100)

    _key = field_validator("api_key")(_reference)


class Erp(_Part):
    """One ERP. Only the file drop is spoken yet."""

    name: str = Field(min_length=1, max_length=40)
    kind: Literal["file"]
    folder: str


class State(_Part):
    """Where Tieout remembers."""

    url: str = "sqlite:///.tieout/state.db"


class Schedule(_Part):
    """How often the daemon does what; durations like 30s, 5m, 1h."""

    poll_every: str = "1m"
    sweep_every: str = "15m"
    observe_every: str = "5m"
    reconcile_at: str = "06:00"
    timezone: str = "UTC"

    @field_validator("poll_every", "sweep_every", "observe_every")
    @classmethod
    def _duration(cls, value: str) -> str:
        seconds(value)
        return value


class PolicyPart(_Part):
    """What may happen without a person. Amounts in minor units of each currency."""

    tolerance: int = Field(default=1, ge=0, le=1000)
    void: Literal["flag"] = "flag"
    replace_paid: Literal["hold", "push"] = "hold"
    skip_zero: bool = True
    push_cap_count: int = Field(default=500, ge=1, le=1_000_000)
    push_cap_amount: int = Field(default=100_000_000, ge=1, le=10**15)
    item_threshold: int = Field(default=0, ge=0, le=10**12)
    total_threshold: int = Field(default=0, ge=0, le=10**12)


class Web(_Part):
    """The web view, which this version does not have yet."""

    bind: str = "127.0.0.1"
    port: int = Field(default=8420, ge=1, le=65535)
    auth: Literal["local"] = "local"


class Settings(_Part):
    """One file is one legal entity; several may share one state database."""

    entity: str = Field(default="default", pattern=r"^[a-z0-9][a-z0-9_-]{0,39}$")
    core: Core = Core()
    stripe: Stripe = Stripe()
    erp: tuple[Erp, ...] = ()
    state: State = State()
    schedule: Schedule = Schedule()
    policy: PolicyPart = PolicyPart()
    notify: tuple[str, ...] = ()
    web: Web = Web()


def load(path: Path | None) -> Settings:
    """The settings of a file; without one, everything embedded. Raises ConfigError."""
    if path is None:
        path = Path("config.yaml")
        if not path.exists():
            return Settings()
    try:
        raw = path.read_bytes()
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read: {error.strerror}") from error
    if len(raw) > BYTES_MAX:
        raise ConfigError(
            f"{path}: is larger than {BYTES_MAX} bytes; is this the right file?"
        )
    try:
        body = yaml.safe_load(raw) or {}
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        mark = getattr(error, "problem_mark", None)
        where = f"line {mark.line + 1}, column {mark.column + 1}" if mark else "somewhere"
        raise ConfigError(
            f"{path}: {where}: this is no YAML; check the indentation"
        ) from None
    if not isinstance(body, dict):
        raise ConfigError(f"{path}: must hold keys and values; see config.example.yaml")
    problems = [*_secrets_in(body, "")]
    if problems:
        raise ConfigError("\n".join(f"{path}: {problem}" for problem in problems))
    try:
        return Settings.model_validate(body)
    except ValidationError as error:
        lines = [f"{path}: {_told(one)}" for one in error.errors(include_input=False)]
        raise ConfigError("\n".join(lines)) from None


def seconds(text: str) -> int:
    """A duration like 30s, 5m, 1h in seconds, from 1 s to 7 d."""
    found = _DURATION.match(text)
    if found is None or not 1 <= int(found[1]) * _SECONDS[found[2]] <= 7 * 86400:
        raise ValueError("must be a duration like 30s, 5m or 1h, at most 7d")
    return int(found[1]) * _SECONDS[found[2]]


def resolve(reference: str, key: str) -> Secret:
    """The secret behind a reference. Raises ConfigError, never showing it."""
    kind, _, name = reference.partition(":")
    if kind == "env":
        value = os.environ.get(name, "")
        if not value:
            raise ConfigError(f"{key}: the environment variable {name} is not set")
        return Secret(value)
    path = Path(name)
    try:
        if stat.S_IMODE(path.stat().st_mode) & 0o077:
            raise ConfigError(f"{key}: {name} may be read by others; chmod 600 {name}")
        return Secret(path.read_text().strip())
    except OSError as error:
        raise ConfigError(f"{key}: {name} cannot be read: {error.strerror}") from error


def _secrets_in(body: Any, path: str) -> list[str]:
    """Keys whose value looks like a secret; the value is not repeated."""
    if isinstance(body, dict):
        return [
            problem
            for key, value in body.items()
            for problem in _secrets_in(value, f"{path}.{key}" if path else str(key))
        ]
    if isinstance(body, list):
        return [
            one
            for i, value in enumerate(body)
            for one in _secrets_in(value, f"{path}[{i}]")
        ]
    looks = isinstance(body, str) and _KEY_SHAPE.search(body)
    if looks and not str(body).startswith(("env:", "file:")):
        return [f"{path}: this looks like a secret; write env:NAME or file:PATH instead"]
    return []


def _told(error: Any) -> str:
    """One line: the key, what is wrong, and the nearest known key."""
    where = [str(one) for one in error["loc"]]
    path = ".".join(where)
    if error["type"] != "extra_forbidden":
        text = str(error["msg"]).removeprefix("Value error, ")
        return f"{path}: {text[0].lower()}{text[1:]}"
    known = _keys_at(where[:-1])
    near = difflib.get_close_matches(where[-1], known, n=1)
    hint = f"did you mean {near[0]}?" if near else f"known: {', '.join(sorted(known))}"
    return f"{path}: is not a known key; {hint}"


def _keys_at(path: list[str]) -> list[str]:
    here: Any = Settings
    for step in path:
        if not step.isdigit():
            here = here.model_fields[step].annotation
        elif get_origin(here) is tuple:
            here = get_args(here)[0]
    if get_origin(here) is tuple:
        here = get_args(here)[0]
    return list(here.model_fields)
