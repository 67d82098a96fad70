"""Words to canonical JSON and back: what observations keep and fingerprints are made of."""

import json
from collections.abc import Callable
from dataclasses import fields, is_dataclass
from datetime import date, datetime
from decimal import Decimal
from enum import Enum
from functools import cache
from hashlib import sha256
from operator import attrgetter
from typing import Any, TypeVar

from pydantic import TypeAdapter

from state.clock import iso

_W = TypeVar("_W")


def encode(word: Any) -> str:
    """One text for one word: keys sorted, Decimals and times as text, enums by value."""
    return _TEXT(_plain(word))


def fingerprint(text: str) -> str:
    """The sha256 of a canonical text."""
    return sha256(text.encode()).hexdigest()


def decode(kind: type[_W], text: str) -> _W:
    """The word that `encode` wrote."""
    any_kind: Any = kind
    word: _W = _reader(any_kind).validate_json(text)
    return word


_TEXT = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode
_AS_IS = frozenset({str, int, bool, type(None)})


def _plain(value: Any) -> Any:
    """The JSON shape of a value; a dataclass gives its fields in the order of their names."""
    kind: Any = type(value)
    if kind in _AS_IS:
        return value
    return _writer(kind)(value)


@cache
def _writer(kind: Any) -> Callable[[Any], Any]:
    """How to write one type; found once, for a book holds a million of each."""
    if is_dataclass(kind):
        names = sorted(one.name for one in fields(kind))
        read = attrgetter(*names) if len(names) > 1 else None
        if read is None:
            return lambda value: {name: _plain(getattr(value, name)) for name in names}

        def write_word(value: Any) -> dict[str, Any]:
            return {
                name: one if type(one) in _AS_IS else _plain(one)
                for name, one in zip(names, read(value), strict=True)
            }

        return write_word
    if issubclass(kind, Enum):
        return lambda value: value.value
    if issubclass(kind, Decimal):
        return lambda value: format(value, "f")
    if issubclass(kind, datetime):
        return iso
    if issubclass(kind, date):
        return lambda value: value.isoformat()
    if issubclass(kind, tuple):
        return lambda value: [_plain(one) for one in value]
    return lambda value: value


@cache
def _reader(kind: Any) -> TypeAdapter[Any]:
    """How to read one type back from JSON; found once, and done outside of Python."""
    return TypeAdapter(kind)
