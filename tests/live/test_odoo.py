"""The register contract against a real Odoo, and what only a real one can show."""

from dataclasses import replace

import pytest

from connectors.erp.odoo import Odoo
from connectors.erp.odoo_api import JsonRpc
from connectors.failures import Misconfigured, Refused
from tests.contracts.registers import RegisterContract
from tests.live.odoo_desk import OdooDesk
from tests.live.servers import Server
from tests.live.steady import CLOCK, RNG


class TestOdooLive(RegisterContract):
    @pytest.fixture
    def desk(self, odoo: Server) -> OdooDesk:
        return OdooDesk(odoo.url, odoo.keys, CLOCK)


def test_the_older_door_reads_the_same(odoo: Server) -> None:
    desk = OdooDesk(odoo.url, odoo.keys, CLOCK)
    name = desk.invoice("core-door-1", 10_000)
    desk.credit(name, 2_500)
    door = JsonRpc(
        odoo.url,
        database="erp",
        login=desk.keys["robot"]["login"],
        token=desk.key("robot"),
        clock=CLOCK,
        rng=RNG,
    )
    older = Odoo("books", door, base_url=odoo.url, modern=False)
    (new,), (old,) = desk.register.look_again([name]), older.look_again([name])
    assert [replace(one, url=None) for one in new.documents] == [
        replace(one, url=None) for one in old.documents
    ]
    assert [one.amount_minor for one in old.memos] == [2_500]
    stranger = JsonRpc(
        odoo.url,
        database="erp",
        login="nobody",
        token=desk.key("robot"),
        clock=CLOCK,
        rng=RNG,
    )
    with pytest.raises(Misconfigured, match="does not know nobody"):
        list(Odoo("books", stranger, base_url=odoo.url, modern=False).sweep())


def test_a_question_that_odoo_cannot_understand_is_asked_once(odoo: Server) -> None:
    desk = OdooDesk(odoo.url, odoo.keys, CLOCK)
    with pytest.raises(Refused, match="ValueError: Invalid field"):
        desk.door.read("account.move", "search_read", domain=[], fields=["nope"])


def test_doctor_finds_the_robot_read_only_and_its_key_dated(odoo: Server) -> None:
    identity = OdooDesk(odoo.url, odoo.keys, CLOCK).register.identify()
    assert identity.system == "Odoo 19.0"
    assert [one.name for one in identity.entities] == [
        "Acme Metering Inc",
        "Acme Metering UK",
    ]
    assert identity.warnings == ()
    assert "its key ends on" in identity.notes[0]
