"""Lists of ids told as one value: found by an index, never by reading a table through."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, func, select

from state.among import among
from state.engine import open_engine
from state.statements import FOOTING, ever_held, known_as, standing, words
from state.tables import BodyRow


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Engine]:
    made = open_engine(f"sqlite:///{tmp_path}/state.db")
    yield made
    made.dispose()


@pytest.mark.parametrize(
    "statement",
    [
        *(standing(column) for column in ("id", "ref", "parent")),
        *(ever_held(column) for column in ("ref", "parent")),
        *(words(column, many=True) for column in ("id", "ref", "parent", "status")),
        known_as(many=True),
        FOOTING,
    ],
)
def test_no_table_is_read_through_for_a_list(engine: Engine, statement: Any) -> None:
    asked = str(statement.compile(dialect=engine.dialect))
    with engine.connect() as connection:
        plan = connection.exec_driver_sql(
            f"EXPLAIN QUERY PLAN {asked}", (None,) * asked.count("?")
        )
        steps = [row[3] for row in plan]
    assert steps
    assert [one for one in steps if one.startswith("SCAN") and "json_each" not in one] == []


@pytest.mark.parametrize("some", [[], [2], [3, 1, 1], list(range(5000))])
def test_many_numbers_are_one_value(engine: Engine, some: list[int]) -> None:
    with engine.begin() as connection:
        for seq in (1, 2, 3):
            connection.exec_driver_sql("INSERT INTO bodies VALUES (?, '{}')", (seq,))
    query = select(func.count()).where(among(BodyRow.seq, "some"))
    with engine.connect() as connection:
        found = connection.execute(query, {"some": some}).scalar_one()
    assert found == len({1, 2, 3} & set(some))
