"""What is wrong with a configuration, one line a problem: the key, the value, the remedy.

Pure. A value is shown only where it cannot be a secret: numbers, and short plain words.
"""

import difflib
import re
from collections.abc import Iterator, Mapping
from types import GenericAlias, UnionType
from typing import Any, Literal, Union, get_args, get_origin

from annotated_types import Ge, Le, MaxLen, MinLen
from pydantic import BaseModel, ValidationError
from pydantic.fields import FieldInfo

from connectors.redaction import one_line, redact

LINE_MAX = 300
NOT_SHOWN = (
    "looks like a secret and is not shown; take it out of the file, renew it if others "
    "could read it, and write env:NAME or file:PATH"
)
_PLAIN_WORD = re.compile(r"[A-Za-z][A-Za-z0-9_ /.:-]{0,23}")
Path = tuple[str, ...]
Model = type[BaseModel]


def line(text: str) -> str:
    """One line without control characters or keys."""
    return redact(one_line(text, LINE_MAX))


def placed(name: str, path: Path, text: str, lines: Mapping[Path, int]) -> str:
    """A problem with its file, its line and its key."""
    at = path
    while at and at not in lines:
        at = at[:-1]
    where = f"{name}:{lines[at]}" if at else name
    return line(f"{where}: {shown(path)}: {text}")


def shown(path: Path) -> str:
    """A path as people write it: erp[0].name."""
    text = ""
    for step in path:
        text += f"[{step}]" if step.isdigit() else f".{step}" if text else step
    return text


def without_empty_parts(body: Mapping[Any, Any], model: Model) -> dict[Any, Any]:
    """Drop groups with nothing in them: a group whose every key is commented out."""
    return {
        key: value
        for key, value in body.items()
        if not (value is None and isinstance(key, str) and _is_group(model, key))
    }


def problems_of(error: ValidationError, model: Model) -> Iterator[tuple[Path, str]]:
    """Every problem that pydantic found, in our words."""
    for one in error.errors(include_url=False):
        path = tuple(str(step) for step in one["loc"])
        kind = one["type"]
        if kind == "union_tag_not_found":
            yield (*path, "kind"), f"is missing; must be {allowed((*path, 'kind'), model)}"
        elif kind == "union_tag_invalid":
            yield (*path, "kind"), _unknown_kind(str(one["ctx"]["tag"]), path, model)
        elif kind in {"extra_forbidden", "invalid_key"}:
            yield untagged(path, model), _unknown(path, model)
        elif kind == "missing":
            yield untagged(path, model), f"is missing; must be {allowed(path, model)}"
        elif kind == "value_error":
            yield untagged(path, model), str(one["ctx"]["error"])
        else:
            said = f"is {_what(one['input'])}; must be {allowed(path, model)}"
            yield untagged(path, model), said


def untagged(path: Path, model: Model) -> Path:
    """A path without the word by which pydantic tells kinds of one list apart."""
    kept: list[str] = []
    here: Any = model
    for step in path:
        choice = {_kind_of(one): one for one in _parts(here)}
        if len(choice) > 1 and kept and kept[-1].isdigit() and step in choice:
            here = choice[step]
            continue
        kept.append(step)
        here = _below(here, step)
    return tuple(kept)


def _unknown_kind(word: str, path: Path, model: Model) -> str:
    return f"is {_what(word)}; must be {allowed((*path, 'kind'), model)}"


def allowed(path: Path, model: Model) -> str:
    """What a key takes, from its own declaration."""
    field, kind = _declared(path, model)
    metadata = [] if field is None else field.metadata
    low = next((one.ge for one in metadata if isinstance(one, Ge)), None)
    high = next((one.le for one in metadata if isinstance(one, Le)), None)
    shortest = next((one.min_length for one in metadata if isinstance(one, MinLen)), None)
    longest = next((one.max_length for one in metadata if isinstance(one, MaxLen)), None)
    if _parts(kind) and get_origin(kind) is not tuple:
        return "a group of keys; see config.example.yaml"
    if kind is bool:
        return "true or false"
    if kind is int:
        return f"a whole number from {low} to {high}"
    if words := [str(word) for word in _words(kind)]:
        return f"one of {', '.join(words)}" if len(words) > 1 else words[0]
    if kind is str and path[-1] in {"entity", "name"}:
        return f"1 to {longest} of a-z, 0-9, - and _, beginning with a letter or digit"
    if kind is str and longest is None:
        return "text: a reference, env:NAME or file:PATH"
    if kind is str:
        return (
            f"text of 1 to {longest} characters"
            if shortest
            else f"text of at most {longest}"
        )
    if get_origin(kind) is tuple:
        return f"a list of at most {longest}"
    return "a group of keys; see config.example.yaml"


def every_path(model: Model, before: Path = ()) -> Iterator[Path]:
    """Every key that the settings know, list entries as `0`, each path once."""
    for name, field in model.model_fields.items():
        below = (*before, name)
        yield below
        many = get_origin(field.annotation) is tuple
        found: dict[Path, None] = {}
        for part in _parts(field.annotation):
            found.update(dict.fromkeys(every_path(part, (*below, "0") if many else below)))
        yield from found


def _unknown(path: Path, model: Model) -> str:
    """Not a key here; the nearest one that is, here first and then anywhere."""
    *group, last = path
    here_parts = _groups_at(tuple(group), model)
    here = [name for part in here_parts for name in part.model_fields]
    place = untagged(tuple(group), model)
    anywhere: dict[str, Path] = {
        one[-1]: one
        for one in reversed(list(every_path(model)))
        if one[:-1] != tuple("0" if step.isdigit() else step for step in place)
    }
    near = difflib.get_close_matches(last, here, n=1)
    if near:
        return f"is not a known key; did you mean {shown((*place, near[0]))}?"
    near = difflib.get_close_matches(last, list(anywhere), n=1, cutoff=0.8)
    if near:
        path_text = shown(anywhere[near[0]]).replace("[0]", "[]")
        return f"is not a known key here; did you mean {path_text}?"
    return f"is not a known key; known here: {', '.join(sorted(here))}"


def _what(value: object) -> str:
    """The value's type, and the value where it cannot be a secret."""
    match value:
        case None:
            return "empty"
        case bool():
            return "true" if value else "false"
        case int():
            text = str(value)
            return text if len(text) <= LINE_MAX // 10 else "a very large number"
        case str() if value == "":
            return "empty text"
        case str():
            plain = _PLAIN_WORD.fullmatch(value)
            return f"the text '{value}'" if plain else "text"
        case list() | tuple():
            return f"a list of {len(value)}"
        case dict():
            return "a group of keys"
        case _:
            return f"{value}, a decimal number"


def _declared(path: Path, model: Model) -> tuple[FieldInfo | None, Any]:
    """The field at a path and its kind; for a list's entry, the entry's kind."""
    here: Any = model
    field: FieldInfo | None = None
    for step in path:
        field = _field(here, step)
        here = _below(here, step)
    if field is not None and _choice(path, model):
        return None, Literal[_choice(path, model)]
    return field, _bare(here)


def _choice(path: Path, model: Model) -> tuple[str, ...]:
    """The kinds that stand to choose, where the path is the key that chooses."""
    kinds = tuple(_kind_of(part) for part in _groups_at(path[:-1], model))
    return kinds if path[-1] == "kind" and len(kinds) > 1 else ()


def _groups_at(path: Path, model: Model) -> list[Model]:
    here: Any = model
    for step in path:
        here = _below(here, step)
    return _parts(here)


def _field(here: Any, step: str) -> FieldInfo | None:
    """The field of that name in a group of keys, or in the first of several kinds."""
    return next(
        (p.model_fields[step] for p in _parts(here) if step in p.model_fields), None
    )


def _below(here: Any, step: str) -> Any:
    """What stands under one step of a path; here itself where nothing does."""
    if step.isdigit() and get_origin(here) is tuple:
        return get_args(here)[0]
    chosen = [part for part in _parts(here) if _kind_of(part) == step]
    field = _field(here, step)
    if field is not None:
        return field.annotation
    return chosen[0] if chosen else here


def _kind_of(part: Model) -> str:
    """The word that chooses a group among several."""
    words = (
        _words(part.model_fields["kind"].annotation) if "kind" in part.model_fields else ()
    )
    return str(words[0]) if len(words) == 1 else ""


def _bare(kind: Any) -> Any:
    return get_args(kind)[0] if hasattr(kind, "__metadata__") else kind


def _words(kind: Any) -> tuple[Any, ...]:
    return () if isinstance(kind, GenericAlias | type) else get_args(kind)


def _parts(kind: Any) -> list[Model]:
    """The groups of keys behind an annotation; several where a list has several kinds."""
    if get_origin(kind) is tuple:
        kind = get_args(kind)[0]
    kind = _bare(kind)
    every = get_args(kind) if get_origin(kind) in {Union, UnionType} else (kind,)
    return [one for one in every if isinstance(one, type) and issubclass(one, BaseModel)]


def _is_group(model: Model, key: str) -> bool:
    field = model.model_fields.get(key)
    if field is None:
        return False
    return bool(_parts(field.annotation)) or get_origin(field.annotation) is tuple
