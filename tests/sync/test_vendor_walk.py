"""The walk with a vendor beside Stripe: what a person does there is what closes the flag."""

from collections.abc import Iterator
from dataclasses import replace

import pytest

from connectors.sandbox.service import Handle
from state.receivables import DocumentStatus, DownstreamInvoice
from state.worklist import Flag, FlagState
from sync.cycle import one_pass
from sync.parts import Parts
from sync.progress import LogProgress
from tests.contracts.vendors.business_central import BusinessCentralDesk
from tests.contracts.vendors.desk import VendorDesk, replayed
from tests.contracts.vendors.intacct import IntacctDesk
from tests.contracts.vendors.netsuite import NetSuiteDesk
from tests.contracts.vendors.quickbooks import QuickBooksDesk
from tests.contracts.vendors.xero import XeroDesk
from tests.world import MemoryCore, parts_on

CORE_ID = "3b0c6f0e-9d3a-4a51-8a50-6c1f2f3a9d11"
DESKS = [NetSuiteDesk, QuickBooksDesk, XeroDesk, IntacctDesk, BusinessCentralDesk]


@pytest.fixture(params=DESKS, ids=lambda kind: kind.__name__)
def desk(request: pytest.FixtureRequest) -> Iterator[VendorDesk]:
    yield from replayed(request.param)


class World:
    """One core invoice, pushed to Stripe, and copied from there into the vendor's books."""

    def __init__(self, sandbox: Handle, desk: VendorDesk, reference: str = "") -> None:
        self.core = MemoryCore()
        made = parts_on(sandbox, self.core)
        self.parts: Parts = replace(made, registers=(made.stripe, desk.register))
        self.core.bill(CORE_ID, 10_000)
        self.go()
        (copied,) = made.store.iter_documents("stripe")
        self.name = desk.invoice(reference or copied.id, 10_000)
        self.go()

    def go(self) -> None:
        one_pass(self.parts, progress=LogProgress(self.parts.clock.monotonic))

    def document(self) -> DownstreamInvoice:
        return self.parts.store.documents_by_id("books", {self.name})[self.name]

    def flag(self) -> Flag:
        (flag,) = [one for one in self.parts.store.flags() if one.target == "books"]
        return flag


def test_a_void_by_hand_closes_the_flag_and_what_it_was_is_kept(
    sandbox: Handle, desk: VendorDesk
) -> None:
    world = World(sandbox, desk)
    assert world.document().core_invoice_id == CORE_ID
    world.core.void(CORE_ID)
    world.go()
    assert world.flag().state is FlagState.OPEN
    assert world.flag().exposure_minor == 10_000
    desk.void(world.name)
    world.go()
    assert world.flag().state is FlagState.RESOLVED
    document = world.document()
    assert (document.status, document.gross_minor) == (DocumentStatus.VOID, 10_000)
    world.parts.close()


def test_a_credit_in_full_closes_it_too_and_half_of_one_does_not(
    sandbox: Handle, desk: VendorDesk
) -> None:
    world = World(sandbox, desk)
    world.core.void(CORE_ID)
    world.go()
    desk.credit(world.name, 4_000)
    world.go()
    assert (world.flag().state, world.flag().exposure_minor) == (FlagState.OPEN, 6_000)
    desk.credit(world.name, 6_000)
    world.go()
    assert world.flag().state is FlagState.RESOLVED
    world.parts.close()


@pytest.mark.parametrize("reference", [CORE_ID, CORE_ID.replace("-", ""), CORE_ID[:21]])
def test_an_id_is_known_whole_without_dashes_and_cut_short(
    sandbox: Handle, desk: VendorDesk, reference: str
) -> None:
    """QuickBooks' number takes 21 characters, Business Central's 35."""
    world = World(sandbox, desk, reference)
    assert world.document().core_invoice_id == CORE_ID
    world.parts.close()
