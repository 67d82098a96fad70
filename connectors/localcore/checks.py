"""What a body or a query may hold, declared field by field; a refusal names the field."""

import difflib
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any

from connectors.localcore.errors import BadRequest
from state.clock import utc

Check = Callable[[str, Any], Any]
"""Takes a place and the value there; gives the value to use or raises BadRequest."""

TEXT_MAX = 4096
LIST_MAX = 1000


def text(*, longest: int = TEXT_MAX) -> Check:
    """A string that is not empty."""

    def check(where: str, value: Any) -> str:
        if not isinstance(value, str) or not value.strip():
            raise BadRequest(f"{where} must be a string that is not empty")
        if len(value) > longest:
            raise BadRequest(f"{where} must have at most {longest} characters")
        return value

    return check


def boolean(where: str, value: Any) -> bool:
    """`true` or `false`; in a query the words."""
    if value in ("true", "false"):
        return bool(value == "true")
    if not isinstance(value, bool):
        raise BadRequest(f"{where} must be true or false")
    return value


def integer(low: int, high: int) -> Check:
    """A whole number between two limits; in a query its digits."""

    def check(where: str, value: Any) -> int:
        number = value
        if isinstance(value, Decimal) and value == value.to_integral_value():
            number = int(value)
        if (
            isinstance(value, str)
            and value.isascii()
            and value.isdigit()
            and len(value) <= len(str(high))
        ):
            number = int(value)
        if not isinstance(number, int) or isinstance(number, bool):
            raise BadRequest(f"{where} must be a whole number")
        if not low <= number <= high:
            raise BadRequest(f"{where} must be between {low} and {high}")
        return number

    return check


def number(where: str, value: Any) -> Decimal:
    """A JSON number, exact."""
    if isinstance(value, bool) or not isinstance(value, (int, Decimal)):
        raise BadRequest(f"{where} must be a number")
    return Decimal(value)


def instant(where: str, value: Any) -> datetime:
    """An RFC 3339 time; without a zone it is UTC (the SDK sends naive times so)."""
    try:
        if not isinstance(value, str) or "T" not in value:
            raise ValueError(value)
        return utc(value)
    except ValueError as error:
        raise BadRequest(
            f"{where} must be an RFC 3339 time such as 2026-01-01T00:00:00Z"
        ) from error


def one_of(*words: str) -> Check:
    """One of a closed set of words."""

    def check(where: str, value: Any) -> str:
        if value not in words:
            raise BadRequest(f"{where} must be one of {', '.join(words)}")
        return str(value)

    return check


def listing(item: Check, *, least: int = 0, most: int = LIST_MAX) -> Check:
    """A JSON array whose items all pass `item`."""

    def check(where: str, value: Any) -> list[Any]:
        if not isinstance(value, list):
            raise BadRequest(f"{where} must be a list")
        if not least <= len(value) <= most:
            raise BadRequest(f"{where} must have {least} to {most} items")
        return [item(f"{where}[{place}]", inner) for place, inner in enumerate(value)]

    return check


def comma_list(item: Check) -> Check:
    """A query array: comma joined in one parameter (the SDK's way)."""
    rows = listing(item, most=100)
    return lambda where, value: rows(where, value.split(","))


def texts_by_name(*, longest: int = 200) -> Check:
    """An object of strings. Metronome: a custom field holds at most 200 characters."""
    value_check, key_check = text(longest=longest), text(longest=longest)

    def check(where: str, value: Any) -> dict[str, str]:
        if not isinstance(value, dict):
            raise BadRequest(f"{where} must be an object of strings")
        return {
            key_check(where, key): value_check(f"{where}.{key}", inner)
            for key, inner in value.items()
        }

    return check


def json_object(where: str, value: Any) -> dict[str, Any]:
    """Any JSON object, kept as it came."""
    if not isinstance(value, dict):
        raise BadRequest(f"{where} must be an object")
    return value


def not_served(what: str) -> Check:
    """A field that Metronome takes and this core does not; empty is let through."""

    def check(where: str, value: Any) -> Any:
        if value in ([], {}, False):
            return value
        raise BadRequest(f"{where}: this core does not serve {what}")

    return check


def nullable(check: Check) -> Check:
    """Let null through: for the fields where null means something."""
    inner = lambda where, value: None if value is None else check(where, value)  # noqa: E731 -- it carries a mark
    inner.keeps_null = True  # type: ignore[attr-defined] # read by `record`
    return inner


def record(
    required: Mapping[str, Check] | None = None,
    optional: Mapping[str, Check] | None = None,
) -> Check:
    """A JSON object of known fields only. An optional null counts as absent."""
    need = dict(required or {})
    checks = {**need, **(optional or {})}

    def check(where: str, value: Any) -> dict[str, Any]:
        if not isinstance(value, dict):
            raise BadRequest(f"{where or 'body'} must be a JSON object")
        prefix = f"{where}." if where else ""
        for name in value:
            if name not in checks:
                raise BadRequest(_unknown(prefix, name, list(checks)))
        for name in need:
            if value.get(name) is None:
                raise BadRequest(f"{prefix}{name} is required")
        return {
            name: checks[name](f"{prefix}{name}", inner)
            for name, inner in value.items()
            if inner is not None or getattr(checks[name], "keeps_null", False)
        }

    return check


def _unknown(prefix: str, name: str, known: Sequence[str]) -> str:
    near = difflib.get_close_matches(name, known, n=1)
    hint = (
        f"did you mean {prefix}{near[0]}?" if near else f"known: {', '.join(sorted(known))}"
    )
    return f"{prefix}{name[:80]} is not a known field; {hint}"


EMPTY = record()
ID = text(longest=200)
LIMIT = integer(1, 100)
CURSOR = text()
BALANCES_LIMIT = integer(1, 25)
PAGE: Mapping[str, Check] = {"limit": LIMIT, "next_page": CURSOR}
"""The query of P1 and P2."""
