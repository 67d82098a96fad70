"""A run as canonical JSON, and back: what is kept, hashed, and reported from."""

import json
from collections.abc import Callable
from dataclasses import fields, is_dataclass
from datetime import datetime
from functools import cache, lru_cache
from hashlib import sha256
from operator import attrgetter
from typing import Any

from state.clock import iso, utc
from sync.books import (
    Agreed,
    ChainFinding,
    Check,
    Excluded,
    Matched,
    Outcome,
    Pair,
    Row,
    Run,
    Source,
    Subsequent,
)

FORMAT = 1  # raised when the shape changes, so that old runs stay readable


class RunUnreadable(Exception):
    """The kept run was written by a newer Tieout; use that version to report from it."""


def run_text(run: Run) -> tuple[str, str]:
    """The canonical text of a run and its sha256."""
    text = _text.encode({"format": FORMAT, **_shape(run)})
    return text, sha256(text.encode()).hexdigest()


def read_run(text: str) -> Run:
    """Read a kept run. Raises RunUnreadable for a shape this version does not know."""
    body: dict[str, Any] = json.loads(text)
    if body.pop("format", None) != FORMAT:
        raise RunUnreadable(RunUnreadable.__doc__ or "")
    body["outcome"] = Outcome(body["outcome"])
    body["as_of"], body["made_at"] = utc(body["as_of"]), utc(body["made_at"])
    body["targets"] = tuple(body["targets"])
    body["rows"] = tuple(_row(row) for row in body["rows"])
    body["chains"] = tuple(ChainFinding(**one) for one in body["chains"])
    body["excluded"] = tuple(Excluded(**one) for one in body["excluded"])
    body["checks"] = tuple(Check(**one) for one in body["checks"])
    body["matched"] = tuple(Matched(**one) for one in body.get("matched", ()))
    body["pairs"] = tuple(_pair(one) for one in body.get("pairs", ()))
    body["agreed"] = tuple(Agreed(**one) for one in body.get("agreed", ()))
    body["sources"] = tuple(_source(one) for one in body["sources"])
    body["subsequent"] = tuple(
        Subsequent(**{**one, "posted_at": utc(one["posted_at"])})
        for one in body.get("subsequent", ())
    )
    return Run(**body)


def content_sha256(run: Run) -> str:
    """The sha256 of what a run found: equal for two runs that show the same books.

    Names and times of the run itself are left out, so that a sign-off stands when the
    same figures are found again, and falls when a figure moves.
    """
    found = (run.entity, run.period, run.targets, run.outcome, run.rows, run.chains)
    hashed = sha256()
    told = (*run.matched, *run.pairs, *run.agreed, *run.excluded, *run.checks)
    for one in (*found[:4], *found[4], *found[5], *told):
        # What is empty is left out: a later version may know more to leave empty.
        plain: object = one
        if is_dataclass(one) and not isinstance(one, type):
            plain = {name: value for name, value in _shape(one).items() if value}
        hashed.update(_text.encode(plain).encode() + b"\n")
    return hashed.hexdigest()


_ROW_TIMES = ("issued_at", "posted_at", "start", "end", "first_seen")
_ROW_TUPLES = ("memo_refs", "flag_refs")


def _row(body: dict[str, Any]) -> Row:
    for name in _ROW_TIMES:
        body[name] = _moment(body.get(name))
    for name in _ROW_TUPLES:
        body[name] = tuple(body[name])
    return Row(**{one.name: body[one.name] for one in fields(Row) if one.name in body})


def _pair(body: dict[str, Any]) -> Pair:
    for name in ("stripe_posted_at", "posted_at"):
        body[name] = _moment(body[name])
    for name in ("stripe_memo_refs", "memo_refs"):
        body[name] = tuple(body[name])
    return Pair(**body)


def _source(body: dict[str, Any]) -> Source:
    for name in ("read_at", "started_at"):
        body[name] = _moment(body.get(name))
    body["control"] = tuple((name, minor) for name, minor in body.get("control", ()))
    return Source(**body)


def _moment(text: str | None) -> datetime | None:
    return None if text is None else utc(text)


def _shape(word: object) -> dict[str, Any]:
    """A word's own fields, times as text. Made one by one, as the encoder asks for them."""
    kind: Any = type(word)
    names, read = _fields(kind)
    return {
        name: _text_of_time(value) if type(value) is datetime else value
        for name, value in zip(names, read(word), strict=True)
    }


@cache
def _fields(kind: Any) -> tuple[tuple[str, ...], Callable[[Any], tuple[Any, ...]]]:
    """The names of a word's fields in order, and how to read them all at once."""
    names = tuple(sorted(one.name for one in fields(kind)))
    read: Any = attrgetter(*names)
    return names, read


_text_of_time = lru_cache(10_000)(iso)  # many rows of a month share a time


def _plain(value: object) -> dict[str, Any]:
    """What JSON has no shape for. The encoder comes back for what lies deeper."""
    if is_dataclass(value) and not isinstance(value, type):
        return _shape(value)
    raise TypeError(f"{type(value).__name__} has no place in a run")


_text = json.JSONEncoder(sort_keys=True, ensure_ascii=False, default=_plain)
