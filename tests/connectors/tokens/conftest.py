"""The authorization server and the shelf that token tests share."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from state.tokenbook import TokenBook
from tests.clocks import StillClock
from tests.connectors.tokens.authority import Authority
from tests.connectors.tokens.making import START, shelf_at


@pytest.fixture
def authority() -> Iterator[Authority]:
    made = Authority()
    yield made
    made.close()
    assert made.violations == []


@pytest.fixture
def shelf(tmp_path: Path) -> Iterator[TokenBook]:
    made = shelf_at(tmp_path)
    yield made
    made.close()


@pytest.fixture
def clock() -> StillClock:
    return StillClock(START)
