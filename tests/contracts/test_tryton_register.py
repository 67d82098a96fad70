"""The Tryton connector as a register, on answers in the shape of a real Tryton 8.2."""

import random
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pytest
import responses

from connectors.erp.tryton import Tryton
from connectors.redaction import Secret
from tests.connectors.erp.fake_tryton import KEY, URL, FakeTryton
from tests.connectors.test_metronome import RealishClock
from tests.contracts.registers import ENTITIES, Desk, RegisterContract

_DRAFT: dict[str, Any] = {"state": "draft", "amount_to_pay": Decimal(0)}


def register(page: int = 10) -> Tryton:
    return Tryton(
        "books",
        URL,
        database="acme",
        token=Secret(KEY),
        clock=RealishClock(),
        rng=random.Random(1),
        page=page,
    )


class TrytonReplay:
    """The accountant of the tests' own Tryton."""

    lacks: frozenset[str] = frozenset({ENTITIES})

    def __init__(self, tryton: FakeTryton) -> None:
        self.tryton = tryton
        self.register = register()

    def invoice(
        self,
        reference: str,
        minor: int,
        *,
        currency: str = "USD",
        entity: int = 0,
        draft: bool = False,
    ) -> str:
        more: dict[str, Any] = _DRAFT if draft else {}
        code = {"id": 1, "code": currency}
        return str(self.tryton.invoice(minor, reference=reference, currency=code, **more))

    def many(self, count: int) -> list[str]:
        return [self.invoice(f"core-many-{n}", 100) for n in range(count)]

    def void(self, document_id: str) -> None:
        name = int(document_id)
        self.tryton.touch(
            name, state="cancelled", amount_to_pay=Decimal(0), cancel_move=name * 100 + 1
        )

    def pay(self, document_id: str, minor: int) -> None:
        row = self.tryton.tables["account.invoice"][int(document_id)]
        left = row["amount_to_pay"] - Decimal(minor) / 100
        state = "posted" if left else "paid"
        self.tryton.touch(int(document_id), amount_to_pay=left, state=state)

    def credit(self, document_id: str, minor: int, *, how: str = "applied") -> str:
        of = self.tryton.tables["account.invoice"][int(document_id)]
        more: dict[str, Any] = _DRAFT if how == "draft" else {}
        origin = None if how == "unapplied" else of["id"]
        made = self.tryton.invoice(-minor, origin=origin, currency=of["currency"], **more)
        return str(made)

    def delete(self, document_id: str) -> None:
        del self.tryton.tables["account.invoice"][int(document_id)]

    def late(self, reference: str, minor: int) -> str:
        name = self.invoice(reference, minor)
        row = self.tryton.tables["account.invoice"][int(name)]
        row["create_date"] = self.tryton.stamp(ago=120)
        return name

    def fault(self, kind: str, times: int) -> None:
        self.tryton.faults = [kind] * times


@pytest.fixture
def tryton() -> Iterator[FakeTryton]:
    with responses.RequestsMock(assert_all_requests_are_fired=False) as mock:
        yield FakeTryton(mock)


class TestTryton(RegisterContract):
    @pytest.fixture
    def desk(self, tryton: FakeTryton) -> Desk:
        return TrytonReplay(tryton)
