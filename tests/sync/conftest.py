"""What the tests of the walk share."""

from tests.sync.stand import impatient, stand

__all__ = ["impatient", "stand"]
