"""Due work runs before a call is answered, when the clock is moved, and by itself."""

import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from metronome import Metronome

from connectors.localcore import duework, service
from connectors.localcore.duework import DueWork
from connectors.localcore.tx import Tx
from tests.connectors.localcore.conftest import BEGIN, Core

DAY = timedelta(days=1)


def reminders(done: list[str]) -> DueWork:
    """A kind of work that does one waiting document at a time, in order of its instant."""

    def next_at(tx: Tx) -> datetime | None:
        first = next(tx.scan("reminder", state="WAITING", by_instant=True, limit=1), None)
        return None if first is None else first.at

    def run(tx: Tx, now: datetime) -> int:
        for one in tx.find(
            "reminder", state="WAITING", at_or_before=now, by_instant=True, limit=1
        ):
            tx.update("reminder", one.id, state="DONE")
            done.append(one.id)
            return 1
        return 0

    return DueWork("reminders", next_at, run)


@pytest.fixture
def done(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    done: list[str] = []
    monkeypatch.setattr(duework, "works", lambda: (reminders(done),))
    return done


def remind(data_dir: Path, *names_and_days: tuple[str, int]) -> None:
    books = service.open_books(data_dir)
    with books.write() as tx:
        for name, days in names_and_days:
            tx.insert("reminder", name, {}, state="WAITING", at=BEGIN + days * DAY)
    books.close()


def test_moving_the_clock_does_what_fell_due_in_order(done: list[str], core: Core) -> None:
    remind(core.data_dir, ("late", 20), ("early", 3), ("never", 99))
    assert core.to(BEGIN + 2 * DAY) == 0
    assert core.to(BEGIN + 31 * DAY) == 2
    assert done == ["early", "late"]


def test_a_call_is_answered_after_what_fell_due(done: list[str], core: Core) -> None:
    remind(core.data_dir, ("now", 0))
    assert core.call("GET", "/v1/customers").status_code == 200
    assert done == ["now"]


def test_a_start_catches_up(done: list[str], tmp_path: Path) -> None:
    service.start(tmp_path, clock_kind="manual", now=BEGIN).stop()
    remind(tmp_path, ("soon", 1))
    service.start(tmp_path, clock_kind="manual", now=BEGIN + 2 * DAY).stop()
    assert done == ["soon"]


def test_a_real_clock_does_it_by_itself(
    done: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(service, "TICK_SECONDS", 0.01)
    seen = threading.Event()
    work = reminders(done)

    def run(tx: Tx, now: datetime) -> int:
        pieces = work.run(tx, now)
        if pieces:
            seen.set()
        return pieces

    watched = DueWork("reminders", work.next_at, run)
    monkeypatch.setattr(duework, "works", lambda: (watched,))
    wall = [BEGIN]
    with service.start(tmp_path, clock_kind="real", wall=lambda: wall[0]):
        remind(tmp_path, ("tick", 1))
        assert not seen.wait(0.05)
        wall[0] = BEGIN + 2 * DAY
        assert seen.wait(5)
    assert done == ["tick"]


def test_work_that_fails_is_logged_and_stops_every_answer(
    core: Core, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Answering before the invoice is final would show a book that is not true."""

    def broken(tx: Tx, now: datetime) -> int:
        raise RuntimeError("no rate card")

    broken_work = DueWork("broken", lambda tx: tx.now, broken)
    monkeypatch.setattr(duework, "works", lambda: (broken_work,))
    assert core.call("GET", "/v1/customers").status_code == 500
    assert any("no rate card" in line for line in core.log)


def a_billed_contract(sdk: Metronome, core: Core) -> tuple[str, str]:
    """A customer and contract whose January is FINALIZED."""
    metric = sdk.v1.billable_metrics.create(
        name="Calls", aggregation_type="COUNT", event_type_filter={"in_values": ["call"]}
    ).data.id
    product = sdk.v1.contracts.products.create(
        name="Calls", type="USAGE", billable_metric_id=metric
    ).data.id
    card = sdk.v1.contracts.rate_cards.create(name="List").data.id
    sdk.v1.contracts.rate_cards.rates.add(
        rate_card_id=card,
        product_id=product,
        starting_at=BEGIN,
        entitled=True,
        rate_type="FLAT",
        price=100,
    )
    customer = sdk.v1.customers.create(name="Acme").data.id
    contract = sdk.v1.contracts.create(
        customer_id=customer, starting_at=BEGIN, rate_card_id=card
    ).data.id
    sdk.v1.usage.ingest(
        usage=[
            {
                "transaction_id": "t1",
                "customer_id": customer,
                "event_type": "call",
                "timestamp": BEGIN.isoformat(),
            }
        ]
    )
    core.to(datetime(2026, 2, 3, tzinfo=UTC))
    return customer, contract


def statuses(sdk: Metronome, customer: str) -> list[str]:
    return [row.status for row in sdk.v1.customers.invoices.list(customer_id=customer)]


@pytest.mark.parametrize(("void", "left"), [(True, ["VOID"]), (False, ["FINALIZED"])])
def test_archiving_a_contract_voids_its_invoices_only_if_told(
    sdk: Metronome, core: Core, void: bool, left: list[str]
) -> None:
    customer, contract = a_billed_contract(sdk, core)
    assert "FINALIZED" in statuses(sdk, customer)
    sdk.v1.contracts.archive(customer_id=customer, contract_id=contract, void_invoices=void)
    assert statuses(sdk, customer) == left


def test_archiving_a_customer_voids_its_invoices(sdk: Metronome, core: Core) -> None:
    customer, _ = a_billed_contract(sdk, core)
    sdk.v1.customers.archive(id=customer)
    assert statuses(sdk, customer) == ["VOID"]


def test_a_contract_does_not_end_before_a_finalized_invoice_unless_told(
    sdk: Metronome, core: Core
) -> None:
    customer, contract = a_billed_contract(sdk, core)
    ending = datetime(2026, 1, 20, tzinfo=UTC)
    with pytest.raises(Exception, match="before the end of a finalised invoice"):
        sdk.v1.contracts.update_end_date(
            customer_id=customer, contract_id=contract, ending_before=ending
        )
    sdk.v1.contracts.update_end_date(
        customer_id=customer,
        contract_id=contract,
        ending_before=ending,
        allow_ending_before_finalized_invoice=True,
    )
    read = sdk.v2.contracts.retrieve(customer_id=customer, contract_id=contract).data
    assert read.ending_before == ending
