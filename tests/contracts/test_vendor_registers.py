"""The vendors' connectors against replays of their APIs, held to the one contract."""

from collections.abc import Iterator

import pytest

from tests.contracts.registers import RegisterContract
from tests.contracts.vendors.desk import VendorDesk, replayed
from tests.contracts.vendors.netsuite import NetSuiteDesk


class TestNetSuite(RegisterContract):
    @pytest.fixture
    def desk(self) -> Iterator[VendorDesk]:
        yield from replayed(NetSuiteDesk)
