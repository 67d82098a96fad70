"""The main job in separate processes: the daemon, `tieout core serve`, the stand-in."""

import json
import signal
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import metronome
import pytest

from tests.acceptance.processes import CORE_TOKEN, Installation, Server, tieout, until

USD = "2714e483-4ff1-48e4-9e25-ac732e8f24f2"


class Vendor:
    """The billing core's user: one customer with tokens at 2 cents, by the official client."""

    def __init__(self, url: str, data: Path) -> None:
        self.data = data
        self.sdk: Any = metronome.Metronome(
            bearer_token=CORE_TOKEN, base_url=url, _strict_response_validation=True
        )
        v1 = self.sdk.v1
        metric = v1.billable_metrics.create(
            name="Tokens", aggregation_type="SUM", aggregation_key="count",
            event_type_filter={"in_values": ["tokens"]},
        ).data.id  # fmt: skip
        make = v1.contracts.products.create
        self.tokens = make(name="Tokens", type="USAGE", billable_metric_id=metric).data.id
        self.goodwill = make(name="Goodwill", type="FIXED").data.id
        self.card = v1.contracts.rate_cards.create(name="List").data.id
        v1.contracts.rate_cards.rates.add(
            rate_card_id=self.card, product_id=self.tokens, entitled=True,
            starting_at="2026-01-01T00:00:00Z", rate_type="FLAT", price=2,
        )  # fmt: skip
        v1.custom_fields.add_key(
            entity="customer", key="stripe_customer_id", enforce_uniqueness=False
        )
        self.customer = ""

    def sign(self, stripe_customer: str) -> None:
        v1 = self.sdk.v1
        self.customer = v1.customers.create(
            name="Acme", custom_fields={"stripe_customer_id": stripe_customer}
        ).data.id
        v1.contracts.create(
            customer_id=self.customer,
            starting_at="2026-09-01T00:00:00Z",
            rate_card_id=self.card,
        )

    def grant(self, amount: int) -> None:
        self.sdk.v1.customers.credits.create(
            customer_id=self.customer,
            product_id=self.goodwill,
            priority=1,
            name="Downtime",
            access_schedule={
                "credit_type_id": USD,
                "schedule_items": [
                    {
                        "amount": amount,
                        "starting_at": "2026-09-01T00:00:00Z",
                        "ending_before": "2026-10-01T00:00:00Z",
                    }
                ],
            },
        )

    def use(self, name: str, count: int, day: str) -> None:
        event = {
            "transaction_id": name,
            "customer_id": self.customer,
            "event_type": "tokens",
            "timestamp": f"{day}T12:00:00Z",
            "properties": {"count": str(count)},
        }
        self.sdk.v1.usage.ingest(usage=[event])

    def to(self, moment: str) -> None:
        moved = tieout(self.data.parent, "core", "clock", "set", moment, "--data", "core")
        assert moved.returncode == 0, moved.stderr

    def finalized(self) -> list[Any]:
        rows = self.sdk.v1.customers.invoices.list(
            customer_id=self.customer, status="FINALIZED", sort="date_asc"
        )
        return list(rows)


@pytest.fixture
def world(tmp_path: Path) -> Iterator[tuple[Vendor, Installation]]:
    with ExitStack() as servers:
        begin = ("--clock", "manual", "--now", "2026-09-15T00:00:00Z")
        data = tmp_path / "core"
        core = Server("core", "serve", "--data", str(data), "--token", CORE_TOKEN, *begin)
        servers.callback(core.stop)
        stripe = Server("sandbox", "stripe", "--data", str(tmp_path / "stripe"))
        servers.callback(stripe.stop)
        vendor = Vendor(core.url, data)
        installation = Installation(tmp_path, core.url, stripe.url)
        address = {"name": "Acme", "email": "ap@acme.test"}
        vendor.sign(installation.person.customers.create(address).id)
        yield vendor, installation


def test_the_main_job_in_separate_processes(world: tuple[Vendor, Installation]) -> None:
    """Pushed once, voided to one flag, regenerated and linked, across kill -9."""
    vendor, tieout_here = world
    vendor.use("u1", 1000, "2026-09-10")
    vendor.grant(500)
    vendor.to("2026-10-02T12:00:00Z")
    (wrong,) = vendor.finalized()
    assert wrong.total == 1500

    first = tieout_here.daemon()
    until(tieout_here.in_stripe)
    first.kill()  # wherever it is: after the draft, before its lines, or done
    assert CORE_TOKEN not in first.communicate()[1]
    tieout_here.let_lease_lapse()
    second = tieout_here.daemon()
    old = until(lambda: [i for i in tieout_here.in_stripe(wrong.id) if i.status == "open"])[
        0
    ]
    assert (old.total, len(tieout_here.in_stripe())) == (1500, 1)

    vendor.use("negated", -1000, "2026-09-10")
    vendor.use("right", 600, "2026-09-10")
    vendor.sdk.v1.invoices.void(id=wrong.id)
    fresh = vendor.sdk.v1.invoices.regenerate(id=wrong.id).data.id

    def replaced() -> list[Any]:
        return [i for i in tieout_here.in_stripe(fresh) if i.status == "open"]

    new = until(replaced)[0]
    assert new.total == 700
    links = new.metadata.to_dict()
    assert (links["regenerated_from"], links["replaces"]) == (wrong.id, old.id)
    second.kill()
    second.communicate()
    tieout_here.let_lease_lapse()

    third = tieout_here.daemon()

    def flags() -> list[dict[str, Any]]:
        listed = tieout_here.run("worklist", "list", "--json")
        return list(json.loads(listed.stdout))

    (flag,) = until(flags)
    assert (flag["cause"], flag["downstream_id"]) == ("VOIDED_IN_CORE", old.id)
    assert flag["exposure_minor"] == 1500
    tieout_here.person.invoices.void_invoice(old.id)
    until(lambda: flags() == [])
    third.send_signal(signal.SIGTERM)
    third.communicate(timeout=30)
    assert third.returncode == 0

    assert sorted(i.status for i in tieout_here.in_stripe()) == ["open", "void"]
    known = json.loads(tieout_here.run("credit", "list", "--json").stdout)
    assert "Downtime" in json.dumps(known)
    reconciled = tieout_here.run("reconcile", "--json")
    run = json.loads(reconciled.stdout)
    assert (run["outcome"], sorted(run["kinds"])) == ("CLEAR", ["MATCHED", "VOIDED_BOTH"])
    assert tieout_here.run("audit", "verify").returncode == 0


def test_a_folder_and_a_port_serve_one_program(world: tuple[Vendor, Installation]) -> None:
    vendor, tieout_here = world
    folder = tieout_here.folder
    port = tieout_here.core_url.rpartition(":")[2]
    stripe_port = tieout_here.stripe_url.rpartition(":")[2]
    for words, says in [
        (("core", "serve", "--data", "core", "--port", "0"), "core"),
        (("core", "serve", "--data", "other", "--port", port), f"--port {port}"),
        (("sandbox", "stripe", "--data", "stripe", "--port", "0"), "stripe"),
        (("sandbox", "stripe", "--data", "other2", "--port", stripe_port), stripe_port),
    ]:
        ended = tieout(folder, *words)
        assert (ended.returncode, ended.stderr.count("\n")) == (2, 1), words
        assert says in ended.stderr
    assert vendor.finalized() == []
