"""Words to canonical JSON and back: what observations keep and fingerprints are made of."""

import json
import types
from collections.abc import Callable
from dataclasses import fields, is_dataclass
from datetime import date, datetime
from decimal import Decimal
from enum import Enum
from functools import cache
from hashlib import sha256
from typing import Any, TypeVar, Union, get_args, get_origin, get_type_hints

from state.clock import iso, utc

_W = TypeVar("_W")


def encode(word: Any) -> str:
    """One text for one word: keys sorted, Decimals and times as text, enums by value."""
    return json.dumps(
        _plain(word), sort_keys=True, ensure_ascii=False, separators=(",", ":")
    )


def fingerprint(text: str) -> str:
    """The sha256 of a canonical text."""
    return sha256(text.encode()).hexdigest()


def decode(kind: type[_W], text: str) -> _W:
    """The word that `encode` wrote."""
    any_kind: Any = kind
    word: _W = _reader(any_kind)(json.loads(text))
    return word


def _plain(value: Any) -> Any:
    if is_dataclass(value):
        return {one.name: _plain(getattr(value, one.name)) for one in fields(value)}
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, Decimal):
        return format(value, "f")
    if isinstance(value, datetime):
        return iso(value)
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, tuple):
        return [_plain(one) for one in value]
    return value


@cache
def _reader(kind: Any) -> Callable[[Any], Any]:
    """How to read one annotated type back from JSON."""
    if get_origin(kind) in {Union, types.UnionType}:
        inner = next(one for one in get_args(kind) if one is not type(None))
        read = _reader(inner)
        return lambda value: None if value is None else read(value)
    if get_origin(kind) is tuple:
        read = _reader(get_args(kind)[0])
        return lambda value: tuple(read(one) for one in value)
    if kind is Decimal:
        return Decimal
    if kind is datetime:
        return utc
    if kind is date:
        return date.fromisoformat
    if isinstance(kind, type) and issubclass(kind, Enum):
        return kind
    if is_dataclass(kind):
        make: Any = kind
        hints = get_type_hints(kind)
        readers = [(one.name, _reader(hints[one.name])) for one in fields(kind)]

        def read_word(value: Any) -> Any:
            return make(
                **{name: read(value[name]) for name, read in readers if name in value}
            )

        return read_word
    return lambda value: value
