"""Billing periods and scheduled charges of contracts, through the official client."""

from datetime import UTC, datetime
from typing import Any

import pytest
from metronome import Metronome

from connectors.localcore import surface
from connectors.localcore.own_billing import OwnBilling
from connectors.localcore.tx import Stored, Tx
from tests.connectors.localcore.conftest import Core
from tests.connectors.localcore.test_contracts import FEB, JAN, JUL, a_contract, a_customer


class Unplanned(OwnBilling):
    """Contracts alone: what they keep, whatever is invoiced from it."""

    def contract_changed(self, tx: Tx, contract: Stored) -> None:
        """Plan nothing."""


@pytest.fixture
def nothing_is_invoiced(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(surface, "BILLING", Unplanned())


@pytest.mark.parametrize(
    ("schedule", "anchor"),
    [
        (
            {"frequency": "MONTHLY", "day": "CONTRACT_START"},
            datetime(2026, 1, 15, tzinfo=UTC),
        ),
        (
            {"frequency": "WEEKLY", "day": "CUSTOM_DATE", "billing_anchor_date": FEB},
            FEB,
        ),
        ({"frequency": "ANNUAL", "day": "FIRST_OF_MONTH"}, JAN),
    ],
)
def test_billing_periods_are_counted_from_their_anchor(
    nothing_is_invoiced: None, sdk: Metronome, schedule: Any, anchor: datetime
) -> None:
    customer = a_customer(sdk)
    contract = a_contract(
        sdk,
        customer,
        starting_at=datetime(2026, 1, 15, tzinfo=UTC),
        usage_statement_schedule=schedule,
    )
    read = sdk.v2.contracts.retrieve(customer_id=customer, contract_id=contract).data
    assert read.usage_statement_schedule.billing_anchor_date == anchor


def test_scheduled_charges_are_kept_with_agreeing_amounts(
    nothing_is_invoiced: None, sdk: Metronome
) -> None:
    customer = a_customer(sdk)
    product = sdk.v1.contracts.products.create(name="Platform fee", type="FIXED").data.id
    contract = a_contract(
        sdk,
        customer,
        scheduled_charges=[
            {
                "product_id": product,
                "name": "Fee",
                "schedule": {
                    "schedule_items": [
                        {"timestamp": FEB, "unit_price": 250, "quantity": 4},
                        {"timestamp": JUL, "amount": 99},
                    ]
                },
            }
        ],
    )
    (charge,) = sdk.v2.contracts.retrieve(
        customer_id=customer, contract_id=contract
    ).data.scheduled_charges
    items = charge.schedule.schedule_items or []
    assert [(i.amount, i.quantity, i.unit_price) for i in items] == [
        (1000, 4, 250),
        (99, 1, 99),
    ]
    assert charge.product.name == "Platform fee"
    sdk.v2.contracts.edit(
        customer_id=customer,
        contract_id=contract,
        archive_scheduled_charges=[{"id": charge.id}],
        add_scheduled_charges=[
            {
                "product_id": product,
                "schedule": {"schedule_items": [{"timestamp": JUL, "amount": 5}]},
            }
        ],
    )
    read = sdk.v2.contracts.retrieve(customer_id=customer, contract_id=contract).data
    assert [c.id == charge.id for c in read.scheduled_charges] == [False]


def test_a_charge_is_its_price_times_its_quantity_to_the_last_digit(
    nothing_is_invoiced: None, sdk: Metronome, core: Core
) -> None:
    customer = a_customer(sdk)
    product = sdk.v1.contracts.products.create(name="Fee", type="FIXED").data.id
    body = (
        f'{{"customer_id":"{customer}","starting_at":"2026-01-01T00:00:00Z",'
        f'"scheduled_charges":[{{"product_id":"{product}","schedule":{{"schedule_items":'
        '[{"timestamp":"2026-02-01T00:00:00Z","unit_price":1234567890123456789.1,'
        '"quantity":1000000000000000.1}]}}]}'
    )
    answer = core.call("POST", "/v1/contracts/create", raw=body.encode())
    assert '"amount":1234567890123456912556789012345678.91' in answer.text
