"""The register contract against a real Odoo, and what only a real one can show."""

import pytest

from tests.contracts.registers import RegisterContract
from tests.live.odoo_desk import OdooDesk
from tests.live.servers import Server
from tests.live.steady import CLOCK


class TestOdooLive(RegisterContract):
    @pytest.fixture
    def desk(self, odoo: Server) -> OdooDesk:
        return OdooDesk(odoo.url, odoo.keys, CLOCK)
