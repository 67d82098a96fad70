"""The demo: the credit-memo document lived through on embedded parts, in a minute.

The embedded core and the Stripe stand-in run on loopback; the walk is the production one.
"""

import platform
import tempfile
from collections.abc import Callable
from datetime import UTC, datetime
from itertools import count
from pathlib import Path
from typing import Any

from connectors.localcore import service as core_service
from connectors.metronome import Metronome
from connectors.redaction import Secret
from connectors.sandbox import service as stripe_service
from connectors.sandbox.operator import Operator
from connectors.stripe_receivables import StripeReceivables
from connectors.wire import Wire
from state.books import Books
from state.worklist import UNRESOLVED
from sync.books import Run
from sync.cycle import one_pass
from sync.decide import Policy
from sync.parts import Parts
from sync.progress import Silent
from sync.reconcile import reconcile
from sync.report.codec import run_text
from sync.report.tables import (
    reconciliation_csv,
    reconciliation_json,
    worklist_csv,
    worklist_json,
)
from sync.settings import Settings
from sync.wiring import SystemClock, steady_random

Say = Callable[[str], None]
USD = "2714e483-4ff1-48e4-9e25-ac732e8f24f2"
TOKEN = Secret("demo-core-token")  # of a core that lives for a minute, on loopback
BEGIN = datetime(2026, 9, 1, tzinfo=UTC)


class Story:
    """A company that bills tokens at 2 cents each, and three of its customers."""

    def __init__(self, wire: Wire, operator: Operator) -> None:
        self._wire = wire
        metric = self._make(
            "/v1/billable-metrics/create",
            name="Output tokens",
            aggregation_type="SUM",
            aggregation_key="token_count",
            event_type_filter={"in_values": ["output_tokens"]},
        )
        product = "/v1/contract-pricing/products/create"
        tokens = self._make(
            product, name="Output tokens", type="USAGE", billable_metric_id=metric
        )
        self.goodwill = self._make(
            product, name="Customer Satisfaction Credit", type="FIXED"
        )
        self._card = self._make("/v1/contract-pricing/rate-cards/create", name="List price")
        self.post(
            "/v1/contract-pricing/rate-cards/addRate",
            rate_card_id=self._card,
            product_id=tokens,
            starting_at="2026-01-01T00:00:00Z",
            entitled=True,
            rate_type="FLAT",
            price=2,
        )
        self.post(
            "/v1/customFields/addKey",
            entity="customer",
            key="stripe_customer_id",
            enforce_uniqueness=False,
        )
        self.customers = {
            name: self._customer(name, operator.add_customer(name))
            for name in ("Acme", "Birch", "Cedar")
        }

    def post(self, path: str, **body: Any) -> Any:
        """One call on the core."""
        return self._wire.write("POST", path, body).data

    def _make(self, path: str, **body: Any) -> str:
        return str(self.post(path, **body)["data"]["id"])

    def _customer(self, name: str, stripe_id: str) -> str:
        made = self._make(
            "/v1/customers", name=name, custom_fields={"stripe_customer_id": stripe_id}
        )
        self._make(
            "/v1/contracts/create",
            customer_id=made,
            starting_at="2026-09-01T00:00:00Z",
            rate_card_id=self._card,
        )
        return made

    def use(self, customer: str, name: str, count: int, day: str) -> None:
        """Report usage; a negative count takes back."""
        event = {
            "transaction_id": name,
            "customer_id": self.customers[customer],
            "event_type": "output_tokens",
            "timestamp": f"{day}T12:00:00Z",
            "properties": {"token_count": str(count)},
        }
        self._wire.write("POST", "/v1/ingest", [event])

    def grant(self, customer: str, amount: int) -> None:
        """A satisfaction credit for the month."""
        item = {
            "amount": amount,
            "starting_at": "2026-09-01T00:00:00Z",
            "ending_before": "2026-10-01T00:00:00Z",
        }
        self._make(
            "/v1/contracts/customerCredits/create",
            customer_id=self.customers[customer],
            product_id=self.goodwill,
            priority=5,
            name="Downtime on 3 September",
            access_schedule={"credit_type_id": USD, "schedule_items": [item]},
        )


def play(folder: Path, say: Say, show: Callable[[Run], None]) -> None:
    """Live through the story, and leave the reports in a folder."""
    with tempfile.TemporaryDirectory(prefix="tieout-demo-") as scratch:
        home = Path(scratch)
        core = core_service.start(
            home / "core", token=TOKEN.reveal(), clock_kind="manual", now=BEGIN
        )
        stripe = stripe_service.start()
        store = Books(f"sqlite:///{home}/state.db", "demo", new_id=lambda: "demo")
        try:
            _story(home, core.url, stripe, store, folder, say, show)
        finally:
            store.close()
            stripe.stop()
            core.stop()


def _story(
    home: Path,
    core_url: str,
    stripe: stripe_service.Handle,
    store: Books,
    folder: Path,
    say: Say,
    show: Callable[[Run], None],
) -> None:
    wire = Wire(
        core_url,
        clock=SystemClock(),
        rng=steady_random(),
        token=TOKEN,
        system="core",
        log=_quiet,
    )
    operator = Operator(stripe.url, stripe.api_key)
    parts = _parts(wire, stripe, store)

    def walk(what: str) -> None:
        result = one_pass(parts, progress=Silent())
        say(
            f"  tieout sync: {what}: pushed {result.pushed}, flags opened "
            f"{result.flags_opened}, closed {result.flags_closed}"
        )

    say("September. Acme, Birch and Cedar use tokens at 2 cents each.")
    story = Story(wire, operator)
    core_service.set_clock(home / "core", datetime(2026, 9, 20, tzinfo=UTC))
    story.use("Acme", "a1", 30_000, "2026-09-10")
    story.use("Birch", "b1", 20_000, "2026-09-10")
    story.use("Cedar", "c1", 50_000, "2026-09-10")
    say("Cedar was down for an hour: a satisfaction credit of 100.00.")
    story.grant("Cedar", 10_000)
    say("Birch's draft is wrong by 5,000 tokens: a negative event takes them back.")
    story.use("Birch", "b2", -5_000, "2026-09-10")
    say("October 2. The invoices are final.")
    core_service.set_clock(home / "core", datetime(2026, 10, 2, tzinfo=UTC))
    walk("the new invoices go to Stripe")
    by_customer = {
        i.customer_id: i for i in store.iter_invoices() if i.status == "FINALIZED"
    }
    acme = by_customer[story.customers["Acme"]]
    birch = by_customer[story.customers["Birch"]]
    say("Acme's invoice is wholly wrong: negate, resubmit, void, regenerate.")
    story.use("Acme", "a2", -30_000, "2026-09-10")
    story.use("Acme", "a3", 24_000, "2026-09-10")
    story.post("/v1/invoices/void", id=acme.id)
    story.post("/v1/invoices/regenerate", id=acme.id)
    say("Birch gets 40.00 back by a credit note in Stripe: the core knows nothing of it.")
    document = store.push(birch.id)
    if document is not None and document.document_id is not None:
        operator.credit(document.document_id, 4_000, "Invoice correction")
    walk("the replacement goes to Stripe, the old one is flagged")
    show(reconcile(parts, progress=Silent()))
    say("\nThe worklist. Voiding in the core voids nothing downstream; a person must:")
    for flag in store.flags(UNRESOLVED):
        say(f"  {flag.id}  P{flag.priority}  {flag.action}")
        say("  (the person voids it in the Stripe Dashboard)")
        operator.void(flag.subject)
    walk("the flag closes on what is seen")
    for flag in store.flags():
        say(f"  {flag.id} is {flag.state}: {flag.evidence}")
    run = reconcile(parts, progress=Silent())
    show(run)
    _write(folder, run, store)
    say(f"\nThe reports are in {folder}/")


def _parts(wire: Wire, stripe: stripe_service.Handle, store: Books) -> Parts:
    receivables = StripeReceivables(
        stripe.api_key, clock=SystemClock(), rng=steady_random(), api_base=stripe.url
    )
    numbers = count(1)
    return Parts(
        settings=Settings(entity="demo"),
        policy=Policy(),
        store=store,
        core=Metronome(wire),
        stripe=receivables,
        registers=(receivables,),
        clock=SystemClock(),
        holder=f"demo on {platform.node()}",
        new_id=lambda: f"{next(numbers):06d}",
        version="demo",
    )


def _write(folder: Path, run: Run, store: Books) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    digest = run_text(run)[1]
    texts = {
        "reconciliation.csv": reconciliation_csv(run),
        "reconciliation.json": reconciliation_json(run, digest),
        "worklist.csv": worklist_csv(store.flags()),
        "worklist.json": worklist_json(store.flags()),
    }
    for name, text in texts.items():
        (folder / name).write_text(text, newline="")


def _quiet(_: object) -> None:
    """The demo tells its own story; the request log would drown it."""
