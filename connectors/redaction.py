"""Keys and tokens never leave the process: not in a log line, an error or a repr."""

import re
from collections.abc import Iterable, MutableMapping
from typing import Any

HIDDEN = "[hidden]"

# What a key looks like, for text from elsewhere (a server that echoes its caller).
_KEY_SHAPES = re.compile(
    r"""(?xi)
    \b(?: (?:sk|rk|pk)_(?:live|test)_ | whsec_ | ek_(?:live|test)_ )[A-Za-z0-9_*.]{4,}
    | \b(?:bearer|basic)\s+[A-Za-z0-9._~+/=-]{6,}
    """
)
_SECRET_FIELD = re.compile(r"(?i)authorization|api[_-]?key|token|secret|password|cookie")
CUT = "…"  # ends a text that was cut
_SHORTEST = 6  # shorter values would blot out ordinary words


class Secret:
    """A value that shows itself only to who asks for it by name."""

    __slots__ = ("_value",)

    def __init__(self, value: str) -> None:
        self._value = value

    def reveal(self) -> str:
        """The value itself, for the one place that sends it."""
        return self._value

    def __repr__(self) -> str:
        return f"Secret({HIDDEN})"

    __str__ = __repr__

    def __format__(self, format_spec: str) -> str:
        return repr(self)

    def __bool__(self) -> bool:
        return bool(self._value)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and self._value == other._value

    def __hash__(self) -> int:
        return hash((Secret, self._value))

    def __reduce__(self) -> str | tuple[Any, ...]:
        raise TypeError("a Secret is not written down")


def redact(text: str, secrets: Iterable[Secret] = ()) -> str:
    """Hide the given secrets, and whatever looks like a key."""
    for secret in secrets:
        value = secret.reveal()
        if len(value) >= _SHORTEST:
            text = _without_beginning(text.replace(value, HIDDEN), value)
    return _KEY_SHAPES.sub(HIDDEN, text) if _may_hold_a_key(text.lower()) else text


def _may_hold_a_key(low: str) -> bool:
    """One of these stands in each key shape; a report asks this of a million texts."""
    if "_live_" in low or "_test_" in low or "whsec_" in low:
        return True
    return "bearer" in low or "basic" in low


def _without_beginning(text: str, value: str) -> str:
    """Hide what a cut has left of a secret: its beginning, and the mark of the cut."""
    if CUT in text:
        for length in range(len(value) - 1, _SHORTEST - 1, -1):
            text = text.replace(value[:length] + CUT, HIDDEN + CUT)
    return text


def one_line(text: str, limit: int = 300) -> str:
    """Other people's text on one line of ours: no control characters, cut to `limit`."""
    flat = " ".join("".join(c if c.isprintable() else " " for c in text).split())
    return flat if len(flat) <= limit else flat[: limit - 1] + CUT


def redact_event(
    _logger: Any, _name: str, event: MutableMapping[str, Any]
) -> MutableMapping[str, Any]:
    """Hide keys in a structlog event; put this processor before the renderer."""
    for field, value in event.items():
        if _SECRET_FIELD.search(field) and value:
            event[field] = HIDDEN
        elif isinstance(value, str):
            event[field] = redact(value)
    return event
