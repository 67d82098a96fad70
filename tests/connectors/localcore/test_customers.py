"""Customers through the official client: names, aliases, configurations, archive."""

import pytest
from metronome import BadRequestError, ConflictError, Metronome, NotFoundError

from tests.connectors.localcore.conftest import Core


def test_a_customer_is_created_and_read_back(sdk: Metronome) -> None:
    made = sdk.v1.customers.create(name="Acme", ingest_aliases=["acme", "acme-eu"]).data
    read = sdk.v1.customers.retrieve(customer_id=made.id).data
    assert (read.name, read.ingest_aliases, read.external_id) == (
        "Acme",
        ["acme", "acme-eu"],
        "acme",
    )
    assert read.archived_at is None
    assert read.created_at.isoformat() == "2026-01-01T00:00:00+00:00"


def test_a_name_is_cut_at_160_characters(sdk: Metronome) -> None:
    made = sdk.v1.customers.create(name="x" * 200).data
    assert made.name == "x" * 160
    assert (
        sdk.v1.customers.set_name(customer_id=made.id, name="y" * 161).data.name
        == "y" * 160
    )


def test_a_customer_with_no_alias_is_known_by_its_id(sdk: Metronome) -> None:
    made = sdk.v1.customers.create(name="Acme").data
    assert made.external_id == made.id


def test_an_alias_has_one_holder(sdk: Metronome) -> None:
    first = sdk.v1.customers.create(name="Acme", ingest_aliases=["acme"]).data
    with pytest.raises(
        ConflictError, match=f"ingest_aliases: acme is already used by {first.id}"
    ):
        sdk.v1.customers.create(name="Other", ingest_aliases=["acme"])
    other = sdk.v1.customers.create(name="Other").data
    with pytest.raises(ConflictError):
        sdk.v1.customers.set_ingest_aliases(customer_id=other.id, ingest_aliases=["acme"])
    with pytest.raises(ConflictError, match="is the id of a customer"):
        sdk.v1.customers.set_ingest_aliases(customer_id=other.id, ingest_aliases=[first.id])


def test_setting_aliases_replaces_them_and_frees_the_old(sdk: Metronome) -> None:
    first = sdk.v1.customers.create(name="Acme", ingest_aliases=["a", "b"]).data
    sdk.v1.customers.set_ingest_aliases(customer_id=first.id, ingest_aliases=["b", "c"])
    assert sdk.v1.customers.retrieve(customer_id=first.id).data.ingest_aliases == ["b", "c"]
    second = sdk.v1.customers.create(name="Second", ingest_aliases=["a"]).data
    assert second.ingest_aliases == ["a"]


def test_a_refused_create_leaves_nothing_behind(sdk: Metronome) -> None:
    sdk.v1.customers.create(name="Acme", ingest_aliases=["acme"])
    with pytest.raises(ConflictError):
        sdk.v1.customers.create(name="Other", ingest_aliases=["new", "acme"])
    assert [c.name for c in sdk.v1.customers.list()] == ["Acme"]
    assert sdk.v1.customers.create(name="New", ingest_aliases=["new"]).data.name == "New"


def test_the_list_pages_and_filters(sdk: Metronome) -> None:
    ids = [
        sdk.v1.customers.create(name=f"C{n}", ingest_aliases=[f"c{n}"]).data.id
        for n in range(5)
    ]
    assert [c.id for c in sdk.v1.customers.list(limit=2)] == ids
    assert [c.id for c in sdk.v1.customers.list(customer_ids=[ids[3], ids[1]])] == [
        ids[1],
        ids[3],
    ]
    assert [c.id for c in sdk.v1.customers.list(ingest_alias="c4")] == [ids[4]]
    assert list(sdk.v1.customers.list(ingest_alias="nobody")) == []


def test_the_salesforce_account_is_kept_filtered_and_cleared(sdk: Metronome) -> None:
    made = sdk.v1.customers.create(name="Acme").data
    sdk.v1.customers.update_config(customer_id=made.id, salesforce_account_id="sf-1")
    found = list(sdk.v1.customers.list(salesforce_account_ids=["sf-1", "sf-2"]))
    assert [c.customer_config.salesforce_account_id for c in found] == ["sf-1"]
    sdk.v1.customers.update_config(customer_id=made.id, salesforce_account_id=None)
    config = sdk.v1.customers.retrieve(customer_id=made.id).data.customer_config
    assert config.salesforce_account_id is None


def test_an_archived_customer_leaves_the_list_and_stays_readable(sdk: Metronome) -> None:
    gone = sdk.v1.customers.create(name="Gone").data
    kept = sdk.v1.customers.create(name="Kept").data
    assert sdk.v1.customers.archive(id=gone.id).data.id == gone.id
    assert [c.id for c in sdk.v1.customers.list()] == [kept.id]
    assert [c.id for c in sdk.v1.customers.list(only_archived=True)] == [gone.id]
    assert sdk.v1.customers.retrieve(customer_id=gone.id).data.archived_at is not None
    with pytest.raises(BadRequestError, match="is archived"):
        sdk.v1.customers.set_name(customer_id=gone.id, name="Back")
    with pytest.raises(BadRequestError, match="is archived"):
        sdk.v1.customers.archive(id=gone.id)


def test_an_unknown_customer_is_not_found(sdk: Metronome) -> None:
    with pytest.raises(NotFoundError, match="customer nobody was not found"):
        sdk.v1.customers.retrieve(customer_id="nobody")


def test_a_stripe_configuration_is_kept_and_archived(sdk: Metronome) -> None:
    made = sdk.v1.customers.create(
        name="Acme",
        customer_billing_provider_configurations=[
            {
                "billing_provider": "stripe",
                "delivery_method": "direct_to_billing_provider",
                "configuration": {
                    "stripe_customer_id": "cus_1",
                    "stripe_collection_method": "send_invoice",
                },
            }
        ],
    ).data
    (config,) = sdk.v1.customers.retrieve_billing_configurations(customer_id=made.id).data
    assert config.configuration["stripe_customer_id"] == "cus_1"
    (offered,) = [
        row
        for row in sdk.v1.settings.billing_providers.list().data
        if row.billing_provider == "stripe"
    ]
    assert config.delivery_method_id == offered.delivery_method_id

    (second,) = sdk.v1.customers.set_billing_configurations(
        data=[
            {
                "customer_id": made.id,
                "billing_provider": "stripe",
                "delivery_method_id": offered.delivery_method_id,
                "configuration": {"stripe_customer_id": "cus_2"},
                "tax_provider": "stripe",
            }
        ]
    ).data
    assert (second.customer_id, second.tax_provider) == (made.id, "stripe")
    archived = sdk.v1.customers.archive_billing_configurations(
        customer_id=made.id, customer_billing_provider_configuration_ids=[config.id]
    ).data
    assert archived.customer_billing_provider_configuration_ids == [config.id]
    now = sdk.v1.customers.retrieve_billing_configurations(customer_id=made.id).data
    assert [row.id for row in now] == [second.id]
    both = sdk.v1.customers.retrieve_billing_configurations(
        customer_id=made.id, include_archived=True
    ).data
    assert [row.archived_at is not None for row in both] == [True, False]


@pytest.mark.parametrize(
    ("config", "message"),
    [
        (
            {"billing_provider": "stripe", "delivery_method": "direct_to_billing_provider"},
            "data[0].configuration.stripe_customer_id is required",
        ),
        (
            {"billing_provider": "netsuite"},
            "data[0].delivery_method is required, or data[0].delivery_method_id",
        ),
        (
            {"billing_provider": "netsuite", "delivery_method": "tackle"},
            "data[0].delivery_method: tackle is not set up for netsuite",
        ),
        (
            {"billing_provider": "paypal"},
            "data[0].billing_provider must be one of aws_marketplace, stripe, netsuite",
        ),
    ],
)
def test_a_wrong_configuration_is_refused_by_field(
    core: Core, config: dict[str, str], message: str
) -> None:
    customer = core.post("/v1/customers", {"name": "Acme"})["data"]["id"]
    body = {"data": [{"customer_id": customer, **config}]}
    status, text = core.refusal("/v1/setCustomerBillingProviderConfigurations", body)
    assert status == 400
    assert text.startswith(message)
