"""The Odoo connector as a register, on answers in the shape of a real Odoo 19."""

import random
from collections.abc import Iterator

import pytest
import responses

from connectors.erp.odoo import Odoo
from connectors.erp.odoo_api import Json2
from connectors.redaction import Secret
from tests.connectors.erp.fake_odoo import EUR, KEY, URL, USD, FakeOdoo
from tests.connectors.test_metronome import RealishClock
from tests.contracts.registers import Desk, RegisterContract


class OdooReplay:
    """The accountant of the tests' own Odoo."""

    lacks: frozenset[str] = frozenset()

    def __init__(self, odoo: FakeOdoo) -> None:
        self.odoo = odoo
        door = Json2(
            URL,
            database="erp",
            token=Secret(KEY),
            clock=RealishClock(),
            rng=random.Random(1),
        )
        self.register = Odoo("books", door, base_url=URL, page=10)

    def invoice(
        self,
        reference: str,
        minor: int,
        *,
        currency: str = "USD",
        entity: int = 0,
        draft: bool = False,
    ) -> str:
        return str(
            self.odoo.post(
                "out_invoice",
                minor,
                ref=reference,
                invoice_origin=f"billing:{reference}",
                currency_id=EUR if currency == "EUR" else USD,
                company_id=[entity + 1, "Acme"],
                state="draft" if draft else "posted",
            )
        )

    def many(self, count: int) -> list[str]:
        return [self.invoice(f"core-many-{n}", 100) for n in range(count)]

    def void(self, document_id: str) -> None:
        row = self.odoo.tables["account.move"][int(document_id)]
        # A cancelled entry goes on showing its whole residual.
        self.odoo.touch(
            int(document_id), state="cancel", amount_residual=row["amount_total"]
        )

    def pay(self, document_id: str, minor: int) -> None:
        payment = self.odoo.post("entry", minor)
        self.odoo.use(payment, int(document_id), minor)

    def credit(self, document_id: str, minor: int, *, how: str = "applied") -> str:
        of = self.odoo.tables["account.move"][int(document_id)]
        note = self.odoo.post(
            "out_refund",
            minor,
            currency_id=of["currency_id"],
            state="draft" if how == "draft" else "posted",
            reversed_entry_id=False if how == "unapplied" else [of["id"], of["name"]],
        )
        if how == "applied":
            self.odoo.use(note, of["id"], minor)
        return str(note)

    def delete(self, document_id: str) -> None:
        del self.odoo.tables["account.move"][int(document_id)]

    def late(self, reference: str, minor: int) -> str:
        name = self.invoice(reference, minor)
        row = self.odoo.tables["account.move"][int(name)]
        row["write_date"] = self.odoo.stamp(ago=120)
        return name

    def fault(self, kind: str, times: int) -> None:
        self.odoo.faults = [kind] * times


@pytest.fixture
def odoo() -> Iterator[FakeOdoo]:
    with responses.RequestsMock(assert_all_requests_are_fired=False) as mock:
        yield FakeOdoo(mock)


class TestOdoo(RegisterContract):
    @pytest.fixture
    def desk(self, odoo: FakeOdoo) -> Desk:
        return OdooReplay(odoo)
