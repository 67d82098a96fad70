"""The vendors' connectors against replays of their APIs, held to the one contract."""

from collections.abc import Iterator

import pytest

from tests.contracts.registers import RegisterContract
from tests.contracts.vendors.business_central import BusinessCentralDesk
from tests.contracts.vendors.desk import VendorDesk, replayed
from tests.contracts.vendors.intacct import IntacctDesk
from tests.contracts.vendors.netsuite import NetSuiteDesk
from tests.contracts.vendors.quickbooks import QuickBooksDesk
from tests.contracts.vendors.xero import XeroDesk


class TestNetSuite(RegisterContract):
    @pytest.fixture
    def desk(self) -> Iterator[VendorDesk]:
        yield from replayed(NetSuiteDesk)


class TestQuickBooks(RegisterContract):
    @pytest.fixture
    def desk(self) -> Iterator[VendorDesk]:
        yield from replayed(QuickBooksDesk)


class TestXero(RegisterContract):
    @pytest.fixture
    def desk(self) -> Iterator[VendorDesk]:
        yield from replayed(XeroDesk)


class TestIntacct(RegisterContract):
    @pytest.fixture
    def desk(self) -> Iterator[VendorDesk]:
        yield from replayed(IntacctDesk)


class TestBusinessCentral(RegisterContract):
    @pytest.fixture
    def desk(self) -> Iterator[VendorDesk]:
        yield from replayed(BusinessCentralDesk)
