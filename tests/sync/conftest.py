"""What the tests of the walk share."""

import pytest

from tests.sync.stand import impatient, stand
from tests.world import MemoryCore

__all__ = ["impatient", "stand"]


@pytest.fixture
def core() -> MemoryCore:
    """A billing core with nothing in it."""
    return MemoryCore()
