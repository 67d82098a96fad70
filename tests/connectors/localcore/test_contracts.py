"""Contracts in both of Metronome's versions, through the official client."""

from datetime import UTC, datetime
from typing import Any

import pytest
from metronome import BadRequestError, ConflictError, Metronome, NotFoundError

from tests.connectors.localcore.conftest import Core
from tests.connectors.localcore.test_catalogue import a_rate_card

JAN = datetime(2026, 1, 1, tzinfo=UTC)
FEB = datetime(2026, 2, 1, tzinfo=UTC)
JUL = datetime(2026, 7, 1, tzinfo=UTC)


def a_customer(sdk: Metronome, name: str = "Acme") -> str:
    return sdk.v1.customers.create(name=name).data.id


def a_contract(sdk: Metronome, customer: str, **more: Any) -> str:
    given = {"starting_at": JAN, **more}
    return sdk.v1.contracts.create(customer_id=customer, **given).data.id


def test_a_contract_reads_alike_in_both_versions(sdk: Metronome) -> None:
    customer, card = a_customer(sdk), a_rate_card(sdk, "list")
    made = sdk.v1.contracts.create(
        customer_id=customer,
        starting_at=datetime(2026, 1, 15, 8, tzinfo=UTC),
        ending_before=JUL,
        rate_card_alias="list",
        name="Order 1",
        net_payment_terms_days=30,
        usage_statement_schedule={"frequency": "MONTHLY"},
        uniqueness_key="order-1",
        salesforce_opportunity_id="opp-1",
    ).data
    assert made.contract is not None
    v2 = sdk.v2.contracts.retrieve(customer_id=customer, contract_id=made.id).data
    v1 = sdk.v1.contracts.retrieve(customer_id=customer, contract_id=made.id).data
    assert (v2.name, v2.ending_before, v2.net_payment_terms_days) == ("Order 1", JUL, 30)
    assert (v2.rate_card_id, v1.current.rate_card_id) == (card, card)
    assert v2.usage_statement_schedule.billing_anchor_date == JAN
    assert (v1.current.name, v1.uniqueness_key) == ("Order 1", "order-1")
    assert v1.current.usage_filter is None
    assert v2.usage_filter == []


def test_a_uniqueness_key_makes_one_contract(sdk: Metronome) -> None:
    customer = a_customer(sdk)
    first = a_contract(sdk, customer, uniqueness_key="k")
    with pytest.raises(
        ConflictError, match=f"uniqueness_key: k is already used by {first}"
    ):
        a_contract(sdk, customer, uniqueness_key="k")
    assert len(list(sdk.v2.contracts.list(customer_id=customer))) == 1


def test_both_lists_page_by_cursor_in_the_body(sdk: Metronome) -> None:
    customer = a_customer(sdk)
    made = [a_contract(sdk, customer, name=f"C{n}") for n in range(5)]
    assert [c.id for c in sdk.v2.contracts.list(customer_id=customer, limit=2)] == made
    assert [c.id for c in sdk.v1.contracts.list(customer_id=customer, limit=2)] == made
    with pytest.raises(BadRequestError, match="limit must be between 1 and 20"):
        sdk.v2.contracts.list(customer_id=customer, limit=21)


def test_the_list_filters_by_date_and_hides_the_archived(sdk: Metronome) -> None:
    customer = a_customer(sdk)
    old = a_contract(sdk, customer, ending_before=FEB)
    new = a_contract(sdk, customer, starting_at=FEB)
    covering = sdk.v2.contracts.list(customer_id=customer, covering_date=JAN)
    assert [c.id for c in covering] == [old]
    later = sdk.v2.contracts.list(customer_id=customer, starting_at=FEB)
    assert [c.id for c in later] == [new]
    sdk.v1.contracts.archive(customer_id=customer, contract_id=old, void_invoices=False)
    assert [c.id for c in sdk.v2.contracts.list(customer_id=customer)] == [new]
    everything = sdk.v2.contracts.list(customer_id=customer, include_archived=True)
    assert [c.id for c in everything] == [old, new]
    with pytest.raises(BadRequestError, match="exclude each other"):
        sdk.v2.contracts.list(customer_id=customer, covering_date=JAN, starting_at=JAN)


def test_an_edit_changes_terms_and_is_kept_in_the_history(
    sdk: Metronome, core: Core
) -> None:
    customer = a_customer(sdk)
    contract = a_contract(sdk, customer, name="Before", net_payment_terms_days=30)
    core.to(FEB)
    edit = sdk.v2.contracts.edit(
        customer_id=customer,
        contract_id=contract,
        update_contract_name="After",
        update_contract_end_date=JUL,
        update_net_payment_terms_days=14,
        uniqueness_key="e-1",
    ).data
    now = sdk.v2.contracts.retrieve(customer_id=customer, contract_id=contract).data
    assert (now.name, now.ending_before, now.net_payment_terms_days) == ("After", JUL, 14)
    then = sdk.v2.contracts.retrieve(
        customer_id=customer, contract_id=contract, as_of_date=JAN
    ).data
    assert (then.name, then.ending_before, then.net_payment_terms_days) == (
        "Before",
        None,
        30,
    )
    v1 = sdk.v1.contracts.retrieve(customer_id=customer, contract_id=contract).data
    assert (v1.initial.name, v1.current.name) == ("Before", "After")
    (kept,) = sdk.v2.contracts.get_edit_history(
        customer_id=customer, contract_id=contract
    ).data
    assert (kept.id, kept.update_contract_end_date, kept.timestamp) == (edit.id, JUL, FEB)
    with pytest.raises(ConflictError, match="e-1 is already used"):
        sdk.v2.contracts.edit(
            customer_id=customer,
            contract_id=contract,
            update_contract_name="Again",
            uniqueness_key="e-1",
        )


def test_an_end_can_be_set_moved_and_taken_away(sdk: Metronome) -> None:
    customer = a_customer(sdk)
    contract = a_contract(sdk, customer)
    sdk.v1.contracts.update_end_date(
        customer_id=customer, contract_id=contract, ending_before=JUL
    )
    read = sdk.v2.contracts.retrieve(customer_id=customer, contract_id=contract).data
    assert read.ending_before == JUL
    sdk.v2.contracts.edit(
        customer_id=customer, contract_id=contract, update_contract_end_date=None
    )
    read = sdk.v2.contracts.retrieve(customer_id=customer, contract_id=contract).data
    assert read.ending_before is None
    with pytest.raises(BadRequestError, match="ending_before must be after the contract's"):
        sdk.v1.contracts.update_end_date(
            customer_id=customer, contract_id=contract, ending_before=JAN
        )


def test_a_contract_names_who_delivers(sdk: Metronome) -> None:
    customer = a_customer(sdk)
    (config,) = sdk.v1.customers.set_billing_configurations(
        data=[
            {
                "customer_id": customer,
                "billing_provider": "stripe",
                "delivery_method": "direct_to_billing_provider",
                "configuration": {"stripe_customer_id": "cus_1"},
            }
        ]
    ).data
    contract = a_contract(
        sdk,
        customer,
        billing_provider_configuration={
            "billing_provider": "stripe",
            "delivery_method": "direct_to_billing_provider",
        },
    )
    read = sdk.v2.contracts.retrieve(customer_id=customer, contract_id=contract).data
    assert read.customer_billing_provider_configuration is not None
    assert read.customer_billing_provider_configuration.id == config.id
    with pytest.raises(BadRequestError, match="has no netsuite configuration"):
        a_contract(
            sdk, customer, billing_provider_configuration={"billing_provider": "netsuite"}
        )
    bare = a_contract(sdk, customer)
    sdk.v2.contracts.edit(
        customer_id=customer,
        contract_id=bare,
        add_billing_provider_configuration_update={
            "billing_provider_configuration": {
                "billing_provider_configuration_id": config.id
            },
            "schedule": {"effective_at": "START_OF_CURRENT_PERIOD"},
        },
    )
    edited = sdk.v1.contracts.retrieve(customer_id=customer, contract_id=bare).data
    assert edited.customer_billing_provider_configuration is not None


def test_archiving_a_customer_archives_its_contracts(sdk: Metronome) -> None:
    customer = a_customer(sdk)
    contract = a_contract(sdk, customer)
    sdk.v1.customers.archive(id=customer)
    (read,) = sdk.v2.contracts.list(customer_id=customer, include_archived=True)
    assert (read.id, read.archived_at) == (contract, JAN)
    with pytest.raises(BadRequestError, match="is archived, and that is final"):
        a_contract(sdk, customer)
    with pytest.raises(BadRequestError, match="is archived, and that is final"):
        sdk.v2.contracts.edit(
            customer_id=customer, contract_id=contract, update_contract_name="Back"
        )


def test_a_contract_is_found_only_at_its_customer(sdk: Metronome) -> None:
    contract = a_contract(sdk, a_customer(sdk))
    other = a_customer(sdk, "Other")
    with pytest.raises(NotFoundError, match=f"was not found at customer {other}"):
        sdk.v2.contracts.retrieve(customer_id=other, contract_id=contract)
    with pytest.raises(NotFoundError, match="customer_id: customer nobody was not found"):
        a_contract(sdk, "nobody")


@pytest.mark.parametrize(
    ("more", "message"),
    [
        (
            {"ending_before": "2026-01-01T00:00:00Z"},
            "ending_before must be after starting_at",
        ),
        ({"starting_at": "2026-01-01"}, "starting_at must be an RFC 3339 time such as"),
        ({"commits": [{"type": "PREPAID"}]}, "commits: this core does not serve commits"),
        ({"rate_card": "x"}, "rate_card is not a known field; did you mean rate_card_id?"),
        (
            {"usage_statement_schedule": {"frequency": "MONTHLY", "day": "CUSTOM_DATE"}},
            "usage_statement_schedule.billing_anchor_date goes with day CUSTOM_DATE",
        ),
        (
            {"net_payment_terms_days": 1.5},
            "net_payment_terms_days must be a whole number",
        ),
    ],
)
def test_a_contract_is_refused_by_field(
    core: Core, more: dict[str, object], message: str
) -> None:
    customer = core.post("/v1/customers", {"name": "Acme"})["data"]["id"]
    body = {"customer_id": customer, "starting_at": "2026-01-01T00:00:00Z", **more}
    status, text = core.refusal("/v1/contracts/create", body)
    assert status == 400
    assert text.startswith(message)


def test_an_edit_that_changes_nothing_is_refused(sdk: Metronome) -> None:
    customer = a_customer(sdk)
    contract = a_contract(sdk, customer)
    with pytest.raises(BadRequestError, match="the edit changes nothing"):
        sdk.v2.contracts.edit(customer_id=customer, contract_id=contract)
