"""One process that forks daemons, for all tests here."""

from collections.abc import Iterator

import pytest

from tests.kills.processes import Zygote


@pytest.fixture(scope="session")
def zygote() -> Iterator[Zygote]:
    made = Zygote()
    yield made
    made.close()
