"""A column among many values, told as one: no statement is spelt out anew for each list.

SQLite reads the list out of a JSON text, PostgreSQL takes it as an array.
"""

import json
from collections.abc import Collection
from typing import Any

from sqlalchemy import ARRAY, BigInteger, bindparam
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.functions import FunctionElement
from sqlalchemy.types import NullType, Text, TypeDecorator


class _Many(TypeDecorator[Collection[Any]]):
    """Texts or whole numbers, as the dialect in use takes many at once."""

    impl = Text
    cache_ok = True

    def __init__(self, kind: type[Any]) -> None:
        super().__init__()
        self.kind = kind

    def load_dialect_impl(self, dialect: Any) -> Any:
        """A text, or an array of what the column holds."""
        if dialect.name == "sqlite":
            return dialect.type_descriptor(Text())
        return dialect.type_descriptor(ARRAY(BigInteger if self.kind is int else Text))

    def process_bind_param(self, value: Any, dialect: Any) -> Any:
        """The list as JSON for SQLite, as it is for PostgreSQL."""
        return json.dumps(value) if dialect.name == "sqlite" else value


class _Among(FunctionElement[Any]):
    """The column and its list."""

    name = "among"
    inherit_cache = True
    type = NullType()  # a Boolean would be compared with 1, and no index serve it


def among(column: Any, name: str) -> Any:
    """Is the column one of the values that are given under this name?"""
    return _Among(column, bindparam(name, type_=_Many(column.type.python_type)))


@compiles(_Among, "sqlite")
def _in_sqlite(element: Any, compiler: Any, **more: Any) -> str:
    column, many = (compiler.process(one, **more) for one in element.clauses)
    return f"{column} IN (SELECT value FROM json_each({many}))"  # noqa: S608 - of our own


@compiles(_Among, "postgresql")
def _in_postgresql(element: Any, compiler: Any, **more: Any) -> str:
    column, many = (compiler.process(one, **more) for one in element.clauses)
    return f"{column} = ANY({many})"
