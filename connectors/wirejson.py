"""Bodies as they travel: exact decimals, aware times, forms, and errors in their words."""

import json
import re
from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from email.utils import parsedate_to_datetime
from typing import Any

from connectors.redaction import one_line
from connectors.transport import Answer, Unreadable
from state.clock import iso, utc

FORM = "application/x-www-form-urlencoded"
DIGITS_MAX = 21  # before the point
_HALF = re.compile("[\ud800-\udfff]")


class Form(str):
    """A body of form fields, already encoded: this is how tokens are asked for."""

    __slots__ = ()


def encoded(body: Any) -> bytes:
    """A body as it is sent."""
    return body.encode() if isinstance(body, Form) else dumps(body)


def kind_of(body: Any) -> str:
    """The content type of a body."""
    return FORM if isinstance(body, Form) else "application/json"


def dumps(body: Any) -> bytes:
    """JSON with exact decimals; a time without a zone is a mistake of ours."""
    return json.dumps(body, default=_plain, allow_nan=False, separators=(",", ":")).encode()


def loads(text: str | bytes) -> Any:
    """JSON with every fraction as an exact Decimal. Raises ValueError, RecursionError."""
    found = json.loads(
        text, parse_float=_fraction, parse_int=_whole, parse_constant=_no_number
    )
    return storable(found) if may_be_cut(text) else found


def may_be_cut(text: str | bytes) -> bool:
    """May a text in this JSON hold half a character: escaped, or as it stands?"""
    if isinstance(text, str):
        return "\\u" in text or _HALF.search(text) is not None
    return b"\\u" in text or b"\xed" in text


def storable(value: Any) -> Any:
    """The same, with a mark where a text was cut through a character.

    A program that cuts a text at so many units may leave half an emoji. No database keeps
    that, and no report can show it.
    """
    if isinstance(value, str):
        return _HALF.sub("\ufffd", value) if _HALF.search(value) else value
    if isinstance(value, dict):
        return {storable(key): storable(one) for key, one in value.items()}
    return [storable(one) for one in value] if isinstance(value, list) else value


def parsed(answer: Answer) -> Any:
    """The JSON of a good answer; None when it is empty. Raises Unreadable."""
    if not answer.body.strip():
        return None
    kind = answer.headers.get("Content-Type", "").partition(";")[0].strip().lower()
    if kind and not kind.endswith(("/json", "+json")):
        raise Unreadable(f"answered {answer.status} with {one_line(kind)}, not JSON")
    try:
        return loads(answer.body)
    except (ValueError, RecursionError) as error:
        raise Unreadable(
            f"answered {answer.status} with what is no JSON ({type(error).__name__}, "
            f"{len(answer.body)} bytes)"
        ) from None


class NumberTooLong(ValueError):
    """A number beyond any amount: our arithmetic could not keep it exact."""


def _fraction(text: str) -> Decimal:
    number = Decimal(text)
    if number.adjusted() >= DIGITS_MAX:
        raise NumberTooLong(text[:20])
    return number


def _whole(text: str) -> int:
    if len(text) > DIGITS_MAX:
        raise NumberTooLong(text[:20])
    return int(text)


def _no_number(name: str) -> None:
    raise ValueError(f"{name} is no number")


def _plain(value: Any) -> Any:
    if isinstance(value, Decimal):
        whole = value == value.to_integral_value()
        return int(value) if whole else format(value, "f")
    if isinstance(value, datetime):
        return aware(value)
    raise TypeError(f"{type(value).__name__} cannot be sent as JSON")


def aware(moment: datetime) -> str:
    """A time as it is sent."""
    if moment.tzinfo is None:
        raise TypeError("a time without a zone is never sent")
    return iso(moment) or ""


def error_fields(answer: Answer) -> Mapping[str, Any]:
    """The fields of an error body; none where it is no JSON."""
    try:
        data = loads(answer.body)
    except (ValueError, RecursionError):
        return {}
    if isinstance(data, dict) and isinstance(data.get("error"), dict):
        data = data["error"]
    return data if isinstance(data, dict) else {}


def message(answer: Answer) -> str:
    """What they say is wrong, in their words, on one line."""
    fields = error_fields(answer)
    for name in ("message", "error_description", "detail", "error", "title"):
        if isinstance(fields.get(name), str):
            return one_line(fields[name])
    kind = one_line(answer.headers.get("Content-Type", "").partition(";")[0])
    return f"({kind or 'no content'})"


def code(answer: Answer) -> str:
    """Their own short word for it, where there is one."""
    code = error_fields(answer).get("code")
    return one_line(code, 60) if isinstance(code, str) else ""


def dated(answer: Answer) -> datetime | None:
    """When they say it was."""
    text = answer.headers.get("Date")
    if text is None:
        return None
    try:
        return parsedate_to_datetime(text)
    except ValueError:
        return None


def core_time(answer: Answer) -> datetime | None:
    """When the embedded core says it is; nobody else sends this header."""
    text = answer.headers.get("Core-Time")
    try:
        return None if text is None else utc(text)
    except ValueError:
        return None
