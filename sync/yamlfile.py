"""A YAML file read strictly: a plain tree, and the line of every key in it.

Stricter than YAML itself where it would surprise an accountant: no key twice, no anchors,
and 10:30 is a time of day, not the number 630.
"""

import re
from typing import Any

import yaml

BYTES_MAX = 1_000_000
DEPTH_MAX = 20
Path = tuple[str, ...]


class NotYaml(Exception):
    """The text cannot be read as YAML; `line` and `column` count from 1."""

    def __init__(self, message: str, line: int, column: int) -> None:
        super().__init__(f"line {line}, column {column}: {message}")
        self.line = line


class _Loader(yaml.SafeLoader):
    """YAML's safe subset, less what would be read otherwise than it looks."""

    def compose_node(self, parent: yaml.Node | None, index: int) -> yaml.Node | None:
        """Refuse an alias: with them a small file can be a huge tree."""
        if self.check_event(yaml.AliasEvent):
            mark = self.peek_event().start_mark  # type: ignore[no-untyped-call]  # PyYAML's
            raise NotYaml(
                "anchors and aliases (& and *) are not taken; write the value out, or quote it",
                mark.line + 1,
                mark.column + 1,
            )
        return super().compose_node(parent, index)


_Loader.yaml_implicit_resolvers = {
    sign: [
        (tag, shape)
        for tag, shape in resolvers
        if tag.rpartition(":")[2] in {"bool", "null", "merge"}
    ]
    for sign, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}
_Loader.add_implicit_resolver(
    "tag:yaml.org,2002:int", re.compile(r"[-+]?(?:0|[1-9][0-9_]*)$"), list("-+0123456789")
)
_Loader.add_implicit_resolver(
    "tag:yaml.org,2002:float", re.compile(r"[-+]?[0-9]+\.[0-9]*$"), list("-+0123456789")
)


def read(text: bytes) -> tuple[Any, dict[Path, int]]:
    """The tree of a YAML text, and the line of each key by its path. Raises NotYaml."""
    try:
        decoded = text.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line, column = _place(text[: error.start].decode("utf-8", "replace"))
        raise NotYaml(
            "this is not UTF-8 text; save the file as UTF-8", line, column
        ) from None
    lines: dict[Path, int] = {}
    try:
        loader = _Loader(decoded)
        node = loader.get_single_node()
        if node is None:
            return None, lines
        _walk(node, (), lines)
        return loader.construct_document(node), lines
    except yaml.reader.ReaderError as error:
        line, column = _place(decoded[: error.position])
        raise NotYaml("a control character stands here; remove it", line, column) from None
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line, column = (1, 1) if mark is None else (mark.line + 1, mark.column + 1)
        raise NotYaml(_told(error), line, column) from None
    except RecursionError:
        raise NotYaml("the nesting is too deep to be settings", 1, 1) from None
    except ValueError:
        raise NotYaml("a value cannot be read; put it in quotes", 1, 1) from None


def _walk(node: yaml.Node, path: Path, lines: dict[Path, int]) -> None:
    """Note each key's line; refuse what may not be: aliases, keys twice, great depth."""
    line, column = node.start_mark.line + 1, node.start_mark.column + 1
    lines[path] = line
    if len(path) > DEPTH_MAX:
        raise NotYaml("the nesting is too deep to be settings", line, column)
    if isinstance(node, yaml.SequenceNode):
        for index, one in enumerate(node.value):
            _walk(one, (*path, str(index)), lines)
    elif isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            at = key.start_mark.line + 1, key.start_mark.column + 1
            if not isinstance(key, yaml.ScalarNode):
                raise NotYaml("a key must be one word", *at)
            if key.tag.endswith(":merge"):
                raise NotYaml("merging (<<) is not taken; write the keys out", *at)
            below = (*path, str(key.value))
            if below in lines:
                raise NotYaml(f"{key.value} stands here again; keep one of the two", *at)
            _walk(value, below, lines)
            lines[below] = at[0]


def _place(before: str) -> tuple[int, int]:
    return before.count("\n") + 1, len(before) - (before.rfind("\n") + 1) + 1


def _told(error: yaml.MarkedYAMLError) -> str:
    """The commonest mistakes in our words, else the parser's."""
    problem = error.problem or "this is no YAML"
    if "'\\t'" in problem:
        return "a tab stands here; indent with spaces"
    if "mapping values are not allowed" in problem:
        return "a colon stands where none may; check the indentation, or use quotes"
    if "expected a single document" in problem or "but found another" in problem:
        return "a second document begins here (---); keep one"
    if problem.startswith("could not determine a constructor"):
        return "tags (!) are not taken; write the plain value, or put it in quotes"
    return f"this is no YAML: {problem}; check the indentation, brackets and quotes"
