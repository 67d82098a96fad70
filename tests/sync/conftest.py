"""What the tests of the walk share."""

from collections.abc import Iterator

import pytest

from connectors.sandbox.service import Handle, start
from tests.sync.stand import impatient, stand
from tests.world import MemoryCore

__all__ = ["impatient", "stand"]


@pytest.fixture
def sandbox() -> Iterator[Handle]:
    """The Stripe stand-in, with nothing in it."""
    handle = start()
    yield handle
    handle.stop()


@pytest.fixture
def core() -> MemoryCore:
    """A billing core with nothing in it."""
    return MemoryCore()
