"""config.yaml as frozen settings: every default and every limit of Tieout stands here.

Settings are plain data. A secret is only referred to; `sync.secrets` resolves it, and
only wiring asks for that.
"""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, BeforeValidator, Field
from pydantic import ValidationError as _Invalid

from connectors.loopback import is_loopback
from sync import yamlfile
from sync.secrets import looks_like_a_secret
from sync.setting_values import (
    AGES_MAX,
    EVERY_SECONDS_MAX,
    NAME_MAX,
    URL_MAX,
    Address,
    Folder,
    Name,
    Part,
    Reference,
    Seconds,
    a_database,
    a_time_of_day,
    a_timezone,
    an_account,
    listed,
    own_address,
    rising_days,
)
from sync.settings_erp import Erp
from sync.settings_erp import disagreements as erp_disagreements

# --- limits ------------------------------------------------------------------------
ERPS_MAX = 20
NOTIFY_MAX = 20
DAYS_UNTIL_DUE_MAX = 365
REQUESTS_PER_SECOND_MAX = 1000  # Stripe: 100 live and 25 in a sandbox; more if it agrees
TOLERANCE_MAX = 1000  # minor units; more is no rounding
THRESHOLD_MAX = 10**12  # minor units
PUSH_CAP_COUNT_MAX = 1_000_000  # invoices
PUSH_CAP_AMOUNT_MAX = 10**15  # minor units
PORT_MAX = 65_535

DEFAULT_FILE = Path("config.yaml")
Path_ = tuple[str, ...]


class ConfigError(Exception):
    """The configuration cannot be used; each line names a key and the remedy."""

    def __init__(self, *problems: str) -> None:
        super().__init__("\n".join(problems))
        self.problems = problems


class Core(Part):
    """Where the billing core is."""

    kind: Literal["embedded", "metronome"] = "embedded"
    base_url: Address = ""  # '': api.metronome.com, or the embedded core started here
    token: Reference = ""
    data_dir: Folder = ".tieout/core"


class Stripe(Part):
    """Which Stripe account, and how invoices are brought there."""

    mode: Literal["sandbox", "test", "live"] = "sandbox"
    api_key: Reference = ""
    api_base: Address = ""  # '': api.stripe.com, or the stand-in started here
    account: Annotated[str, Field(max_length=NAME_MAX), AfterValidator(an_account)] = ""
    delivery: Literal["auto", "push", "observe"] = "auto"
    finalize: bool = True
    collection_method: Literal["send_invoice", "charge_automatically"] = "send_invoice"
    days_until_due: int = Field(default=30, ge=0, le=DAYS_UNTIL_DUE_MAX)
    create_customers: bool = False
    requests_per_second: int = Field(default=5, ge=1, le=REQUESTS_PER_SECOND_MAX)


class State(Part):
    """Where Tieout remembers."""

    url: Annotated[str, Field(max_length=URL_MAX), AfterValidator(a_database)] = (
        "sqlite:///.tieout/state.db"
    )
    token_key: Reference = ""  # seals the tokens of ERPs that are kept there


class Schedule(Part):
    """How often the daemon does what, in seconds, and by which clock on the wall."""

    poll_every: Seconds = Field(default=60, ge=1, le=EVERY_SECONDS_MAX)
    sweep_every: Seconds = Field(default=900, ge=1, le=EVERY_SECONDS_MAX)
    observe_every: Seconds = Field(default=300, ge=1, le=EVERY_SECONDS_MAX)
    reconcile_at: Annotated[str, Field(max_length=5), AfterValidator(a_time_of_day)] = (
        "06:00"
    )
    timezone: Annotated[str, Field(max_length=64), AfterValidator(a_timezone)] = "UTC"


class PolicyPart(Part):
    """What may happen without a person. Amounts in minor units of each currency."""

    tolerance: int = Field(default=1, ge=0, le=TOLERANCE_MAX)
    void: Literal["flag"] = "flag"
    replace_paid: Literal["hold", "push"] = "hold"
    skip_zero: bool = True
    push_cap_count: int = Field(default=500, ge=1, le=PUSH_CAP_COUNT_MAX)
    push_cap_amount: int = Field(default=100_000_000, ge=1, le=PUSH_CAP_AMOUNT_MAX)
    item_threshold: int = Field(default=0, ge=0, le=THRESHOLD_MAX)
    total_threshold: int = Field(default=0, ge=0, le=THRESHOLD_MAX)


class Report(Part):
    """How reports show what is owed."""

    aging_by: Literal["due", "invoice"] = "due"
    aging_days: Annotated[tuple[int, ...], BeforeValidator(rising_days)] = Field(
        default=(30, 60, 90), max_length=AGES_MAX
    )


class Web(Part):
    """The web view, which this version does not have yet."""

    bind: Annotated[str, Field(max_length=NAME_MAX), AfterValidator(own_address)] = (
        "127.0.0.1"
    )
    port: int = Field(default=8420, ge=1, le=PORT_MAX)
    auth: Literal["local"] = "local"


class Settings(Part):
    """One file is one legal entity; several may share one state database."""

    entity: Name = "default"
    core: Core = Core()
    stripe: Stripe = Stripe()
    erp: Annotated[tuple[Erp, ...], BeforeValidator(listed)] = Field(
        default=(), max_length=ERPS_MAX
    )
    state: State = State()
    schedule: Schedule = Schedule()
    policy: PolicyPart = PolicyPart()
    report: Report = Report()
    notify: Annotated[tuple[Reference, ...], BeforeValidator(listed)] = Field(
        default=(), max_length=NOTIFY_MAX
    )
    web: Web = Web()


# --- reading a file -----------------------------------------------------------------
def load(path: Path | None = None) -> Settings:
    """The settings of a file. Raises ConfigError with every problem, one a line.

    Without a path it is config.yaml here, and where that is missing everything is
    embedded: the core, the Stripe stand-in and the state in `.tieout`.
    """
    if path is None:
        path = DEFAULT_FILE
        if not path.exists():
            return Settings()
    return parse(_bytes_of(path), str(path))


def parse(text: bytes, name: str = "config.yaml") -> Settings:
    """The settings of a text; `name` is what the messages call it. Raises ConfigError."""
    from sync import settings_errors as told

    try:
        body, lines = yamlfile.read(text)
    except yamlfile.NotYaml as error:
        raise ConfigError(told.line(f"{name}: {error}")) from None
    if body is None:
        return Settings()
    if not isinstance(body, dict):
        raise ConfigError(f"{name}: holds no keys; see config.example.yaml")
    found = list(secrets_in(body))
    problems = [told.placed(name, path, told.NOT_SHOWN, lines) for path in found]
    try:
        settings = Settings.model_validate(told.without_empty_parts(body, Settings))
    except _Invalid as error:
        wrong = [one for one in told.problems_of(error, Settings) if one[0] not in found]
        problems += [told.placed(name, path, text, lines) for path, text in wrong]
    else:
        wrong = list(disagreements(settings))
        problems += [told.placed(name, path, text, lines) for path, text in wrong]
        if not problems:
            return settings
    raise ConfigError(*problems)


def secrets_in(body: Any, path: Path_ = ()) -> Iterator[Path_]:
    """The paths of values that look like a secret; the values stay unsaid."""
    if isinstance(body, Mapping):
        for key, value in body.items():
            yield from secrets_in(value, (*path, str(key)))
    elif isinstance(body, list):
        for index, value in enumerate(body):
            yield from secrets_in(value, (*path, str(index)))
    elif isinstance(body, str) and looks_like_a_secret(body):
        yield path


def disagreements(settings: Settings) -> Iterator[tuple[Path_, str]]:
    """Keys that are sound alone and not together, each with what to do."""
    core, stripe = settings.core, settings.stripe
    if not core.token and core.kind == "metronome":
        yield ("core", "token"), "is needed for core.kind metronome; write env:NAME"
    if not core.token and core.kind == "embedded" and core.base_url:
        yield ("core", "token"), "is needed for a core served elsewhere; write env:NAME"
    if not stripe.api_key and stripe.mode != "sandbox":
        yield ("stripe", "api_key"), f"is needed in mode {stripe.mode}; write env:NAME"
    base = urlsplit(stripe.api_base).hostname or ""
    if base and not is_loopback(base) and not stripe.api_key and stripe.mode == "sandbox":
        yield ("stripe", "api_key"), "is needed for Stripe itself; write env:NAME"
    if base and not is_loopback(base) and base != "api.stripe.com":
        yield ("stripe", "api_base"), "must be https://api.stripe.com or a stand-in here"
    if base and is_loopback(base) and stripe.mode == "live":
        yield ("stripe", "api_base"), "mode live talks to https://api.stripe.com alone"
    names = [erp.name for erp in settings.erp]
    for index, erp in enumerate(settings.erp):
        if erp.name in {"core", "stripe"} or erp.name in names[:index]:
            yield ("erp", str(index), "name"), f"{erp.name} is taken; choose another name"
        for key, text in erp_disagreements(erp):
            yield ("erp", str(index), key), text


def _bytes_of(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            text = file.read(yamlfile.BYTES_MAX + 1)
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read: {error.strerror}") from error
    if len(text) > yamlfile.BYTES_MAX:
        raise ConfigError(
            f"{path}: is over {yamlfile.BYTES_MAX} bytes; is it the right file?"
        )
    return text
