"""Requests are policed by the Stripe SDK's own parameter types.

The form text is decoded by the annotations of the pinned client, so a misspelt key at any
depth, a missing one, a wrong type or a value outside an enumeration is refused the way
Stripe refuses it. What annotations cannot say (lengths, either-or) each handler checks.
"""

import re
import sys
import types
import typing
from decimal import Decimal
from functools import cache
from typing import Any, ForwardRef, Literal, get_args, get_origin
from urllib.parse import unquote_plus

from typing_extensions import is_typeddict

from connectors.sandbox.errors import Refusal

Tree = dict[str, Any]
DEPTH_MAX = 8
_INTEGER = re.compile(r"-?[0-9]{1,15}")
_DECIMAL = re.compile(r"-?[0-9]{1,15}(\.[0-9]{1,12})?")  # 1E+3 is none


def form_tree(text: str) -> Tree:
    """Decode Stripe's form encoding: `a[b][0][c]=1` becomes nested dicts."""
    tree: Tree = {}
    for pair in text.split("&") if text else ():
        raw_key, _, raw_value = pair.partition("=")
        path = unquote_plus(raw_key).replace("]", "").split("[")
        if len(path) > DEPTH_MAX:
            raise Refusal(f"Invalid parameter: {path[0]}", param=path[0])
        here = tree
        for step in path[:-1]:
            name = step or str(len(here))
            nested = here.setdefault(name, {})
            if not isinstance(nested, dict):
                raise Refusal(f"Invalid object: {path[0]}", param=path[0])
            here = nested
        here[path[-1] or str(len(here))] = unquote_plus(raw_value)
    return tree


def decode(name: str, tree: Tree) -> Tree:
    """Check a request against the SDK's type of this name; values get their types."""
    decoded: Tree = _object(_params(name), tree, "", top=True)
    return decoded


@cache
def _params(name: str) -> Any:
    import stripe.params

    home: Any = stripe.params
    for part in name.split("."):
        home = getattr(home, part)
    return home


@cache
def _fields(kind: Any) -> dict[str, tuple[Any, bool]]:
    """The fields of one TypedDict: their types, and whether they are required."""
    from stripe._request_options import RequestOptions

    options = set(RequestOptions.__annotations__)
    space = {**vars(typing), **vars(sys.modules[kind.__module__])}
    space.setdefault("UntypedStripeObject", dict)
    fields: dict[str, tuple[Any, bool]] = {}
    for name, hint in kind.__annotations__.items():
        if name in options and kind.__name__.endswith("Params"):
            continue
        required = True
        resolved = hint
        while True:
            if isinstance(resolved, ForwardRef):
                resolved = eval(resolved.__forward_arg__, space)  # noqa: S307 - the SDK's own
            elif get_origin(resolved) is typing.NotRequired:
                required, resolved = False, get_args(resolved)[0]
            elif get_origin(resolved) is typing.Required:
                resolved = get_args(resolved)[0]
            else:
                break
        fields[name] = (_resolve(resolved, space), required)
    return fields


def _resolve(kind: Any, space: dict[str, Any]) -> Any:
    """Give every forward name inside an annotation its meaning."""
    if isinstance(kind, str):
        kind = ForwardRef(kind)
    if isinstance(kind, ForwardRef):
        return _resolve(eval(kind.__forward_arg__, space), space)  # noqa: S307 - the SDK's
    origin, inner = get_origin(kind), get_args(kind)
    if origin is list:
        return list[_resolve(inner[0], space)]  # type: ignore[misc]  # built at run time
    if origin in {typing.Union, types.UnionType}:
        return typing.Union[tuple(_resolve(one, space) for one in inner)]  # noqa: UP007
    return kind


def _object(kind: Any, tree: Any, path: str, *, top: bool = False) -> Tree:
    if not isinstance(tree, dict):
        raise Refusal(
            f"Invalid object: {path}", param=path, code="parameter_invalid_object"
        )
    fields = _fields(kind)
    decoded: Tree = {}
    for name, value in tree.items():
        where = name if top else f"{path}[{name}]"
        if name not in fields:
            raise Refusal(
                f"Received unknown parameter: {where}",
                code="parameter_unknown",
                param=where,
            )
        decoded[name] = _value(fields[name][0], value, where)
    for name, (_, required) in fields.items():
        if required and name not in decoded:
            where = name if top else f"{path}[{name}]"
            raise Refusal(
                f"Missing required param: {where}.", code="parameter_missing", param=where
            )
    return decoded


def _value(kind: Any, value: Any, path: str) -> Any:
    origin = get_origin(kind)
    if origin in {typing.Union, types.UnionType}:
        return _union(get_args(kind), value, path)
    if origin is Literal:
        if value not in get_args(kind):
            raise _wrong(path, f"must be one of {', '.join(map(str, get_args(kind)))}")
        return value
    if origin is list:
        if not isinstance(value, dict):
            raise Refusal(f"Invalid array: {path}", param=path)
        inner = get_args(kind)[0]
        return [_value(inner, one, f"{path}[{index}]") for index, one in value.items()]
    if origin is dict:
        if not isinstance(value, dict):
            raise Refusal(f"Invalid object: {path}", param=path)
        if nested := [key for key, one in value.items() if isinstance(one, dict)]:
            raise Refusal(f"Invalid string: {path}[{nested[0]}]", param=path)
        return dict(value)
    if is_typeddict(kind):
        return _object(kind, value, path)
    return _plain(kind, value, path)


def _union(kinds: tuple[Any, ...], value: Any, path: str) -> Any:
    """One of several types.

    An enumeration beside `str` is open in the SDK; for what we send it is closed.
    """
    named = [kind for kind in kinds if kind is not type(None)]
    if value == "" and any(get_origin(k) is Literal and "" in get_args(k) for k in named):
        return ""
    choices = [
        kind for kind in named if get_origin(kind) is Literal and get_args(kind) != ("",)
    ]
    if choices:
        named = [kind for kind in named if kind is not str]
    named = [kind for kind in named if get_args(kind) != ("",)]
    nested = isinstance(value, dict)
    fitting = [kind for kind in named if _is_nested(kind) == nested]
    failure: Refusal | None = None
    for kind in fitting or named:
        try:
            return _value(kind, value, path)
        except Refusal as refusal:
            failure = failure or refusal
    raise failure or _wrong(path, "has a type that is not accepted here")


def _is_nested(kind: Any) -> bool:
    return get_origin(kind) in {list, dict} or is_typeddict(kind)


def _plain(kind: Any, value: Any, path: str) -> Any:
    if isinstance(value, dict):
        raise Refusal(f"Invalid string: {path}", param=path)
    if kind is bool:
        if value not in {"true", "false"}:
            raise _wrong(path, "must be true or false")
        return value == "true"
    if kind is int:
        if not _INTEGER.fullmatch(value):
            raise Refusal(
                f"Invalid integer: {value}", code="parameter_invalid_integer", param=path
            )
        return int(value)
    if kind in {Decimal, float} and not _DECIMAL.fullmatch(value):
        raise Refusal(f"Invalid decimal: {value}", param=path)
    return value


def _wrong(path: str, why: str) -> Refusal:
    return Refusal(f"Invalid {path}: {why}", param=path)
