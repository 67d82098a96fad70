"""Puts a text into every text field of whatever dataclasses a value is made of.

The fields are found by reflection, so that a field that is added is poisoned by itself.
"""

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import Field, fields, is_dataclass, replace
from itertools import count
from typing import Any, Union, get_args, get_origin, get_type_hints

from sync.report.material import Material

# Words that are ours, made or checked by us before anything is kept; each by its name.
OURS = {
    "currency": "an ISO code, checked when it is read",
    "core_currency": "an ISO code, checked when it is read",
    "stripe_currency": "an ISO code, checked when it is read",
    "target": "a register's name, checked in the settings",
    "targets": "registers' names, checked in the settings",
    "kind": "a classification",
    "period": "a month, checked when it is asked for",
    "general_ledger": "amounts by ISO code, checked when they are typed in",
    "closing": "amounts by register and ISO code",
    "control": "amounts by ISO code",
    "sha256": "made by us",
    "timezone": "checked in the settings",
    "at": "the time of a line of the audit log",
}
HARMLESS = {"stripe", "books", "erp"}  # a register's name where it is half of a key


class Poison:
    """Another text for each text, the same for the same, so that what is linked stays so."""

    def __init__(self, text: str) -> None:
        self._text, self._numbers = text, count(1)
        self._made: dict[str, str] = {}
        self.reached: set[tuple[str, str]] = set()

    def into(self, material: Material) -> Material:
        """The same material, written by an enemy."""
        spoiled: Material = self._walk(material, Material, "")
        lines = tuple(
            replace(line, body=json.dumps(self._walk(json.loads(was.body), dict, "")))
            for line, was in zip(spoiled.audit, material.audit, strict=True)
        )
        rows = spoiled.run.rows
        return replace(spoiled, audit=lines, rows=lambda: rows)

    def _spoil(self, was: str) -> str:
        made = self._made.get(was)
        if made is None:
            made = self._made[was] = f"{self._text} {next(self._numbers)}"
        return made

    def _walk(self, value: Any, hint: Any, place: str) -> Any:
        if type(value) is str:
            return value if value in HARMLESS else self._spoil(value)
        if value is None:
            return self._spoil(place) if str in get_args(hint) else None
        if is_dataclass(value) and not isinstance(value, type):
            return self._record(value)
        if isinstance(value, tuple | frozenset | list):
            return type(value)(self._walk(one, None, place) for one in value)
        if isinstance(value, Mapping):
            return {
                key if place == "" else self._walk(key, None, place): self._walk(
                    one, None, place
                )
                for key, one in value.items()
            }
        return value

    def _record(self, value: Any) -> Any:
        name = type(value).__name__
        hints = get_type_hints(type(value))
        change = {}
        for one in own_fields(type(value)):
            now = getattr(value, one.name)
            change[one.name] = self._walk(now, hints[one.name], f"{name}.{one.name}")
            if is_text(hints[one.name]):
                self.reached.add((name, one.name))
        return replace(value, **change)


def own_fields(kind: type) -> Iterator[Field[Any]]:
    """The fields that may hold words of others."""
    return (one for one in fields(kind) if one.init and one.name not in OURS)


def is_text(hint: Any) -> bool:
    """Does a field of this type hold text?"""
    return hint is str or str in get_args(hint)


def text_fields(kind: type, seen: set[type] | None = None) -> set[tuple[str, str]]:
    """Every text field of a dataclass and of those that it is made of."""
    seen = set() if seen is None else seen
    if kind in seen:
        return set()
    seen.add(kind)
    found = set()
    hints = get_type_hints(kind)
    for one in own_fields(kind):
        if is_text(hints[one.name]):
            found.add((kind.__name__, one.name))
        for part in parts(hints[one.name]):
            found |= text_fields(part, seen)
    return found


def parts(hint: Any) -> Iterator[type]:
    """The dataclasses that a type is made of."""
    if is_dataclass(hint) and isinstance(hint, type):
        yield hint
    elif get_origin(hint) in {tuple, list, frozenset, dict, Mapping, Union, Callable} or (
        get_args(hint)
    ):
        for one in get_args(hint):
            yield from parts(one) if not isinstance(one, list) else ()
