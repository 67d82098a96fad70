"""After any sequence of grants, burns, voids and expiries the roll-forward foots.

The embedded core lives through each sequence; after every act its credits are read, and our
closing must be the core's own balance to the last digit, with no finding at all.
"""

from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path
from random import Random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from connectors.failures import Refused
from connectors.localcore import service
from connectors.metronome import Metronome
from connectors.redaction import Secret
from connectors.wire import Wire
from state.credits import CoreCredit
from state.invoices import CoreInvoice, CoreStatus
from sync.credit_checks import findings, footing
from sync.credits import Move, movements, roll_forward
from tests.connectors.test_metronome import RealishClock

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
NUMBERS = count()
INSTANT = timedelta(microseconds=1)


class Vendor:
    """A served core with tokens at 2 cents, and a new customer for each world."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.now = datetime(2026, 1, 1, tzinfo=UTC)
        self.core = service.start(folder, token="t", clock_kind="manual", now=self.now)
        self.wire = Wire(
            self.core.url,
            clock=RealishClock(),
            rng=Random(1),
            token=Secret("t"),
            log=lambda _: None,
        )
        self.reads = Metronome(self.wire)
        metric = self.make("/v1/billable-metrics/create", name="Tokens",
                           aggregation_type="SUM", aggregation_key="n")  # fmt: skip
        product = "/v1/contract-pricing/products/create"
        self.tokens = self.make(product, name="T", type="USAGE", billable_metric_id=metric)
        self.goodwill = self.make(product, name="Goodwill", type="FIXED")
        self.card = self.make("/v1/contract-pricing/rate-cards/create", name="List")
        self.post("/v1/contract-pricing/rate-cards/addRate", rate_card_id=self.card,
                  product_id=self.tokens, starting_at="2026-01-01T00:00:00Z",
                  entitled=True, rate_type="FLAT", price=2)  # fmt: skip

    def post(self, path: str, **body: Any) -> Any:
        return self.wire.write("POST", path, body).data

    def make(self, path: str, **body: Any) -> str:
        return str(self.post(path, **body)["data"]["id"])

    def to(self, moment: datetime) -> None:
        self.now = moment
        service.set_clock(self.folder, moment)


@dataclass
class World:
    """One customer with two contracts, its readings, and what it has lived through."""

    vendor: Vendor
    customer: str = ""
    contracts: tuple[str, ...] = ()
    readings: dict[str, list[tuple[datetime, CoreCredit]]] = field(default_factory=dict)
    lived: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        make, begin = self.vendor.make, self.vendor.now
        self.customer = make("/v1/customers", name="Acme")
        weekly = {"frequency": "WEEKLY", "day": "CONTRACT_START"}
        self.contracts = tuple(
            make("/v1/contracts/create", customer_id=self.customer, starting_at=begin.isoformat(),
                 rate_card_id=self.vendor.card, usage_statement_schedule=weekly)
            for _ in range(2)
        )  # fmt: skip

    def invoices(self) -> list[CoreInvoice]:
        found = (
            self.vendor.reads.invoices(self.customer, one)
            for one in CoreStatus
            if one != "ABSENT"
        )
        return [invoice for pages in found for page in pages for invoice in page]  # fmt: skip

    def check(self) -> None:
        held = self.vendor.reads.credits(self.customer)
        assert findings(held, self.invoices()) == []
        for credit in held:
            readings = self.readings.setdefault(credit.id, [])
            if not readings or readings[-1][1] != credit:
                readings.append((self.vendor.now, credit))
            moved = movements(readings)
            first = min(one.at for one in moved)
            now = self.vendor.now + INSTANT
            whole = roll_forward(credit, moved, first, now)
            assert whole.foots
            assert whole.accessible == credit.balance
            assert footing(whole) == []
            half = first + (now - first) / 2
            early = roll_forward(credit, moved, first, half)
            late = roll_forward(credit, moved, half, now)
            assert early.foots
            assert late.foots
            assert (early.closing, late.closing) == (late.opening, whole.closing)
        self.lived += [
            str(one.move) for r in self.readings.values() for one in movements(r)
        ]


# --- acts: each is tried, and a refusal of the core changes nothing --------------------------


def _grant(world: World, amount: int, begin: int, days: int) -> None:
    start = world.vendor.now.replace(minute=0, second=0, microsecond=0) + begin * DAY
    item = {"amount": amount, "starting_at": start.isoformat(),
            "ending_before": (start + days * DAY).isoformat()}  # fmt: skip
    terms = {"product_id": world.vendor.goodwill, "name": "Goodwill", "priority": amount % 3,
             "access_schedule": {"schedule_items": [item]}}  # fmt: skip
    if amount % 2:
        world.vendor.post("/v1/contracts/customerCredits/create",
                          customer_id=world.customer, **terms)  # fmt: skip
    else:
        world.vendor.post("/v2/contracts/edit", customer_id=world.customer,
                          contract_id=world.contracts[0], add_credits=[terms])  # fmt: skip


def _use(world: World, quantity: int, back: int, _days: int) -> None:
    at = world.vendor.now - abs(back) * DAY
    event = {"transaction_id": f"u{next(NUMBERS)}", "customer_id": world.customer,
             "event_type": "t", "timestamp": at.isoformat(),
             "properties": {"n": str(quantity - 100)}}  # fmt: skip
    world.vendor.wire.write("POST", "/v1/ingest", [event])


def _wait(world: World, hours: int, _back: int, days: int) -> None:
    world.vendor.to(world.vendor.now + days * DAY + hours % 24 * HOUR)


def _void(world: World, pick: int, _back: int, _days: int) -> None:
    final = [one for one in world.invoices() if one.status is CoreStatus.FINALIZED]
    if final:
        world.vendor.post("/v1/invoices/void", id=final[pick % len(final)].id)


def _regenerate(world: World, pick: int, _back: int, _days: int) -> None:
    void = [one for one in world.invoices() if one.status is CoreStatus.VOID]
    if void:
        world.vendor.post("/v1/invoices/regenerate", id=void[pick % len(void)].id)


def _edit(world: World, amount: int, _back: int, _days: int) -> None:
    held = [one for one in world.vendor.reads.credits(world.customer) if one.segments]
    if held:
        credit = held[amount % len(held)]
        item = {"id": credit.segments[0].id, "amount": amount}
        world.vendor.post("/v2/contracts/credits/edit", customer_id=world.customer,
                          credit_id=credit.id,
                          access_schedule={"update_schedule_items": [item]})  # fmt: skip


def _end(world: World, pick: int, _back: int, days: int) -> None:
    held = [one for one in world.vendor.reads.credits(world.customer) if not one.archived]
    if held:
        end = world.vendor.now.replace(minute=0, second=0, microsecond=0) + days * DAY
        world.vendor.post("/v1/contracts/customerCredits/updateEndDate",
                          customer_id=world.customer, credit_id=held[pick % len(held)].id,
                          access_ending_before=end.isoformat())  # fmt: skip


def _by_hand(world: World, amount: int, _back: int, _days: int) -> None:
    for credit in world.vendor.reads.credits(world.customer)[:1]:
        more = {"contract_id": credit.contract_id} if credit.contract_id else {}
        world.vendor.post("/v1/contracts/addManualBalanceLedgerEntry", id=credit.id,
                          customer_id=world.customer, segment_id=credit.segments[0].id,
                          amount=-amount, reason="a promise kept by hand", **more)  # fmt: skip


Act = Callable[[World, int, int, int], None]
ACTS: list[Act] = [
    _grant,
    _grant,
    _use,
    _use,
    _use,
    _wait,
    _wait,
    _void,
    _regenerate,
    _edit,
    _end,
]
STEP = st.tuples(
    st.sampled_from(ACTS), st.integers(1, 900), st.integers(-2, 2), st.integers(1, 9)
)


@pytest.fixture(scope="module")
def vendor(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Vendor]:
    made = Vendor(tmp_path_factory.mktemp("core"))
    yield made
    made.core.stop()


@settings(max_examples=20)
@given(steps=st.lists(STEP, min_size=8, max_size=25))
def test_the_roll_forward_foots_and_is_the_cores_own_balance(
    vendor: Vendor, steps: list[tuple[Act, int, int, int]]
) -> None:
    world = World(vendor)
    try:
        for act, one, two, three in steps:
            with suppress(Refused):
                act(world, one, two, three)
            world.check()
    finally:
        vendor.post("/v1/customers/archive", id=world.customer)


def test_the_worlds_lived_through_every_kind_of_movement(vendor: Vendor) -> None:
    """One world by hand holds them all, so that the property above is about something."""
    world = World(vendor)
    begin = vendor.now
    acts: list[tuple[Act, int, int, int]] = [
        (_grant, 901, 0, 14), (_use, 300, 0, 1), (_wait, 0, 0, 9), (_void, 0, 0, 0),
        (_edit, 890, 0, 0), (_by_hand, 7, 0, 0), (_use, 50, 2, 1), (_regenerate, 0, 0, 0), (_wait, 0, 0, 9),
    ]  # fmt: skip
    for act, one, two, three in acts:
        act(world, one, two, three)
        world.check()
    vendor.post("/v1/customers/archive", id=world.customer)
    assert begin < vendor.now
    assert set(world.lived) == set(Move)
