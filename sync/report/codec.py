"""A run as canonical JSON, and back: what is kept, hashed, and reported from."""

from collections.abc import Callable
from dataclasses import dataclass, fields, is_dataclass
from functools import cache
from hashlib import sha256
from operator import attrgetter
from typing import Any

from msgspec import MsgspecError
from msgspec.json import Decoder, Encoder

from sync.books import Run

FORMAT = 1  # raised when the shape changes, so that old runs stay readable


class RunUnreadable(Exception):
    """The kept run was written by a newer Tieout; use that version to report from it."""


@dataclass(frozen=True, slots=True)
class _Head:
    """What is read of a kept run first."""

    format: int


_encoder = Encoder(order="sorted")
_head, _run = Decoder(_Head), Decoder(Run)


def run_text(run: Run) -> tuple[str, str]:
    """The canonical text of a run and its sha256."""
    text = _encoder.encode({"format": FORMAT, **_shape(run)})
    return text.decode(), sha256(text).hexdigest()


def read_run(text: str) -> Run:
    """Read a kept run. Raises RunUnreadable for a shape this version does not know."""
    try:
        if _head.decode(text).format == FORMAT:
            return _run.decode(text)
    except MsgspecError as error:
        raise RunUnreadable(RunUnreadable.__doc__ or "") from error
    raise RunUnreadable(RunUnreadable.__doc__ or "")


def content_sha256(run: Run) -> str:
    """The sha256 of what a run found: equal for two runs that show the same books.

    Names and times of the run itself are left out, so that a sign-off stands when the
    same figures are found again, and falls when a figure moves.
    """
    found = (run.entity, run.period, run.targets, run.outcome, *run.rows, *run.chains)
    hashed = sha256()
    for one in (*found, *run.matched, *run.pairs, *run.agreed, *run.excluded, *run.checks):
        # What is empty is left out: a later version may know more to leave empty.
        plain: object = one
        if is_dataclass(one) and not isinstance(one, type):
            plain = {name: value for name, value in _shape(one).items() if value}
        hashed.update(_encoder.encode(plain) + b"\n")
    return hashed.hexdigest()


def _shape(word: object) -> dict[str, Any]:
    """A word's own fields by name."""
    kind: Any = type(word)
    names, read = _fields(kind)
    return dict(zip(names, read(word), strict=True))


@cache
def _fields(kind: Any) -> tuple[tuple[str, ...], Callable[[Any], tuple[Any, ...]]]:
    """The names of a word's fields, and how to read them all at once."""
    names = tuple(one.name for one in fields(kind))
    read: Any = attrgetter(*names)
    return names, read
