"""What a value in config.yaml may be: durations, addresses, references, names.

Each check raises ValueError with the remedy; `sync.settings_errors` adds the place.
"""

import re
from ipaddress import ip_address
from typing import Annotated, Any
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field

from connectors.loopback import is_loopback
from sync.secrets import REFERENCE_MAX, reference_problem

NAME_MAX = 40  # characters
URL_MAX = 500
PATH_MAX = 1000
EVERY_SECONDS_MAX = 7 * 86_400
AGES_MAX = 4  # aging buckets with an end: a page has ten columns
AGE_DAYS_MAX = 3650

_DURATION = re.compile(r"([0-9]{1,6})(s|m|h|d)")
_UNIT_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86_400}
_TIME_OF_DAY = re.compile(r"(?:[01][0-9]|2[0-3]):[0-5][0-9]")


class Part(BaseModel):
    """A group of keys: frozen, strict, and closed to keys it does not know."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


def duration(value: object) -> int:
    """Seconds of a duration like 30s, 5m, 1h or 7d."""
    found = _DURATION.fullmatch(value.strip()) if isinstance(value, str) else None
    seconds = int(found[1]) * _UNIT_SECONDS[found[2]] if found is not None else 0
    if not 1 <= seconds <= EVERY_SECONDS_MAX:
        raise ValueError("must be a duration like 30s, 5m or 1h, from 1s to 7d")
    return seconds


def _reference(value: str) -> str:
    if value and (problem := reference_problem(value)):
        raise ValueError(problem)
    return value


def _address(value: str) -> str:
    """https, or http on this very machine; nothing that is not the address."""
    if not value:
        return value
    try:
        parts = urlsplit(value)
        port = parts.port
    except ValueError:
        raise ValueError("is no URL; write it like https://api.example.com") from None
    host = parts.hostname or ""
    if "@" in parts.netloc:
        raise ValueError("must not carry a user name or password")
    if parts.scheme not in {"http", "https"} or not host or port == 0:
        raise ValueError("is no URL; write it like https://api.example.com")
    if parts.query or parts.fragment:
        raise ValueError("must be a base address: no ? and no #")
    if parts.scheme == "http" and not is_loopback(host):
        raise ValueError("keys travel over https only; write https://")
    if _is_inside(host):
        raise ValueError("names an address inside a network; name the system's own host")
    return value.rstrip("/")


def _is_inside(host: str) -> bool:
    """Private and link-local numbers: where a forged address would point (SSRF)."""
    try:
        number = ip_address(host)
    except ValueError:
        return False
    return not number.is_loopback and not number.is_global


def a_database(value: str) -> str:
    """A database URL without a password, or a reference to one."""
    if value.startswith(("env:", "file:")):
        return _reference(value)
    if value.startswith("sqlite:///") and value != "sqlite:///":
        return value
    parts = urlsplit(value)
    if parts.scheme != "postgresql+psycopg" or not parts.hostname:
        raise ValueError(
            "must be sqlite:///PATH, postgresql+psycopg://USER@HOST/NAME, or a reference"
        )
    if parts.password is not None:
        raise ValueError(
            "carries a password; put the whole URL behind env:NAME or file:PATH"
        )
    return value


def an_account(value: str) -> str:
    """A connected Stripe account."""
    if value and not re.fullmatch(r"acct_\w+", value):
        raise ValueError("must be a connected account's id, acct_...")
    return value


def a_time_of_day(value: str) -> str:
    """A time of day, 00:00 to 23:59."""
    if not _TIME_OF_DAY.fullmatch(value):
        raise ValueError("must be a time of day from 00:00 to 23:59, like 06:00")
    return value


def a_timezone(value: str) -> str:
    """A time zone by its name."""
    try:
        ZoneInfo(value)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise ValueError("must be a time zone like UTC or Europe/Berlin") from None
    return value


def own_address(value: str) -> str:
    """This machine itself."""
    if not is_loopback(value):
        raise ValueError("must be this machine itself: 127.0.0.1")
    return value


def rising_days(value: object) -> object:
    """Where aging buckets end, in days, one after the other."""
    days = list(value) if isinstance(value, list | tuple) else []
    whole = all(type(one) is int and 1 <= one <= AGE_DAYS_MAX for one in days)
    if not (whole and 1 <= len(days) <= AGES_MAX and sorted(set(days)) == days):
        raise ValueError(
            f"must be 1 to {AGES_MAX} whole numbers of days from 1 to {AGE_DAYS_MAX}, each "
            "larger than the one before, like [30, 60, 90]"
        )
    return tuple(days)


def listed(value: Any) -> Any:
    """A list as the tuple that frozen settings keep."""
    return tuple(value) if isinstance(value, list) else value


Seconds = Annotated[int, BeforeValidator(duration)]
Reference = Annotated[str, Field(max_length=REFERENCE_MAX), AfterValidator(_reference)]
Address = Annotated[str, Field(max_length=URL_MAX), AfterValidator(_address)]
Folder = Annotated[str, Field(min_length=1, max_length=PATH_MAX)]
Name = Annotated[
    str, Field(pattern=r"^[a-z0-9][a-z0-9_-]*$", min_length=1, max_length=NAME_MAX)
]
