"""A run as canonical JSON, and back: what is kept, hashed, and reported from."""

import json
from dataclasses import asdict, fields
from datetime import datetime
from hashlib import sha256
from typing import Any

from state.clock import iso, utc
from sync.books import ChainFinding, Check, Excluded, Outcome, Row, Run, Source

FORMAT = 1  # raised when the shape changes, so that old runs stay readable


class RunUnreadable(Exception):
    """The kept run was written by a newer Tieout; use that version to report from it."""


def run_text(run: Run) -> tuple[str, str]:
    """The canonical text of a run and its sha256."""
    body = {"format": FORMAT, **asdict(run)}
    text = json.dumps(body, sort_keys=True, ensure_ascii=False, default=_plain)
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
    body["sources"] = tuple(
        Source(**{**one, "read_at": _moment(one["read_at"])}) for one in body["sources"]
    )
    return Run(**body)


_ROW_TIMES = ("issued_at", "posted_at", "start", "end")
_ROW_TUPLES = ("memo_refs", "flag_refs")


def _row(body: dict[str, Any]) -> Row:
    for name in _ROW_TIMES:
        body[name] = _moment(body[name])
    for name in _ROW_TUPLES:
        body[name] = tuple(body[name])
    return Row(**{one.name: body[one.name] for one in fields(Row)})


def _moment(text: str | None) -> datetime | None:
    return None if text is None else utc(text)


def _plain(value: object) -> str | None:
    if isinstance(value, datetime):
        return iso(value)
    raise TypeError(f"{type(value).__name__} has no place in a run")
