"""Words to canonical JSON and back: what observations keep and fingerprints are made of."""

from functools import cache
from hashlib import sha256
from typing import Any, TypeVar

from msgspec.json import Decoder, Encoder

_W = TypeVar("_W")
_encoder = Encoder(order="sorted")


def encode(word: object) -> str:
    """One text for one word: keys sorted, Decimals and times as text, enums by value."""
    return _encoder.encode(word).decode()


def fingerprint(text: str) -> str:
    """The sha256 of a canonical text."""
    return sha256(text.encode()).hexdigest()


def decode(kind: type[_W], text: str) -> _W:
    """The word that `encode` wrote; what a later version knows besides has its default."""
    any_kind: Any = kind
    word: _W = _decoder(any_kind).decode(text)
    return word


@cache
def _decoder(kind: Any) -> Decoder[Any]:
    """How to read one type back; found once, for a book holds a million of each."""
    return Decoder(kind)
