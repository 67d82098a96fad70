"""The demo: the credit-memo document lived through on embedded parts, in a minute.

The embedded core and the Stripe stand-in run on loopback; the walk is the production one.
"""

import platform
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.util import find_spec
from itertools import count
from pathlib import Path

from connectors.erp.file_drop import FileDrop
from connectors.erp.file_rows import Reading
from connectors.failures import Incomplete, Refused
from connectors.localcore import service as core_service
from connectors.metronome import Metronome
from connectors.redaction import Secret
from connectors.sandbox import service as stripe_service
from connectors.sandbox.operator import Operator
from connectors.stripe_receivables import StripeReceivables
from connectors.wire import Wire
from state.books import Books
from state.invoices import CoreInvoice, CoreStatus
from state.worklist import UNRESOLVED
from sync import reporting
from sync.books import Run
from sync.cycle import one_pass
from sync.decide import Policy
from sync.demo_company import Bookkeeper, Story, seed
from sync.parts import Parts
from sync.progress import Silent
from sync.reconcile import reconcile
from sync.report.codec import run_text
from sync.settings import Settings
from sync.wiring import SystemClock, steady_random

Say = Callable[[str], None]
TOKEN = Secret("demo-core-token")  # of a core that lives for a minute, on loopback
BEGIN = datetime(2026, 9, 1, tzinfo=UTC)


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


@dataclass(frozen=True, slots=True)
class Stage:
    """What the acts play on."""

    home: Path
    parts: Parts
    story: Story
    stripe: Operator
    books: Bookkeeper
    say: Say

    def now(self, month: int, day: int) -> None:
        """Move the core's clock."""
        core_service.set_clock(self.home / "core", datetime(2026, month, day, tzinfo=UTC))

    def walk(self, what: str) -> None:
        """One pass of the production walk."""
        result = one_pass(self.parts, progress=Silent())
        self.say(
            f"  tieout sync: {what}: pushed {result.pushed}, flags opened "
            f"{result.flags_opened}, closed {result.flags_closed}"
        )

    def document(self, core_id: str) -> str:
        """The Stripe invoice that a core invoice was pushed to."""
        record = self.parts.store.push(core_id)
        if record is None or record.document_id is None:
            raise Incomplete(f"the demo's invoice {core_id} did not reach Stripe")
        return record.document_id

    def invoice(self, customer: str) -> CoreInvoice:
        """A customer's invoice of September that is final and not void."""
        return next(
            one
            for one in self.parts.store.iter_invoices()
            if one.customer_id == self.story.customers[customer]
            and one.status is CoreStatus.FINALIZED
            and one.total_minor > 0
        )


def seed_served(url: str, token: str, stripe_url: str, now: datetime) -> tuple[str, ...]:
    """Fill a core and a stand-in that are served on this machine; the customers' names."""
    wire = _core(url, Secret(token))
    if wire.get("/v1/customers", {"limit": 1}).data["data"]:
        raise Refused(
            f"the core at {url} has customers already; a trial wants an empty one"
        )
    return seed(wire, Operator(stripe_url, stripe_service.API_KEY), now)


def _story(
    home: Path,
    core_url: str,
    stripe: stripe_service.Handle,
    store: Books,
    folder: Path,
    say: Say,
    show: Callable[[Run], None],
) -> None:
    wire = _core(core_url, TOKEN)
    operator = Operator(stripe.url, stripe.api_key)
    exports = home / "exports"
    exports.mkdir()
    stage = Stage(
        home=home,
        parts=_parts(wire, stripe, store, exports),
        story=Story(wire, operator),
        stripe=operator,
        books=Bookkeeper(exports),
        say=say,
    )
    _usage(stage)
    _corrections(stage)
    show(reconcile(stage.parts, progress=Silent()))
    _worklist(stage)
    _late(stage)
    run = reconcile(stage.parts, progress=Silent())
    show(run)
    _write(folder, run, store)
    say(f"\nThe reports are in {folder}/")


def _usage(stage: Stage) -> None:
    """A month of usage, a satisfaction credit, and a draft put right."""
    say, story = stage.say, stage.story
    say("September. Acme, Birch, Cedar and Dune use tokens at 2 cents each.")
    stage.now(9, 20)
    story.use("Acme", "a1", 30_000, "2026-09-10")
    story.use("Birch", "b1", 20_000, "2026-09-10")
    story.use("Cedar", "c1", 50_000, "2026-09-10")
    story.use("Dune", "d1", 10_000, "2026-09-10")
    say("Cedar was down for an hour: a satisfaction credit of 100.00.")
    story.grant("Cedar", 10_000)
    say("Birch's draft is wrong by 5,000 tokens: a negative event takes them back.")
    story.use("Birch", "b2", -5_000, "2026-09-10")
    say("October 2. The invoices are final.")
    stage.now(10, 2)
    stage.books.book("INV-000", "opening balance", "Aster", 100)
    stage.books.export()
    stage.walk("the new invoices go to Stripe")
    say("The bookkeeper books them in the ERP, Cedar's without its credit of 100.00.")
    for number, customer in enumerate(story.customers, start=101):
        invoice = stage.invoice(customer)
        amount = invoice.total_minor + (10_000 if customer == "Cedar" else 0)
        stage.books.book(f"INV-{number}", stage.document(invoice.id), customer, amount)


def _corrections(stage: Stage) -> None:
    """Credit and re-bill in the core; a credit memo in Stripe and in the ERP."""
    say, story = stage.say, stage.story
    acme, birch = stage.invoice("Acme"), stage.invoice("Birch")
    say("Acme's invoice is wholly wrong: negate, resubmit, void, regenerate.")
    story.use("Acme", "a2", -30_000, "2026-09-10")
    story.use("Acme", "a3", 24_000, "2026-09-10")
    story.post("/v1/invoices/void", id=acme.id)
    story.post("/v1/invoices/regenerate", id=acme.id)
    say("Birch gets 40.00 back: a credit note in Stripe, a credit memo in the ERP.")
    say("The core knows nothing of either; they explain what differs.")
    stage.stripe.credit(stage.document(birch.id), 4_000, "Invoice correction")
    stage.books.credit("CM-201", stage.books.name_of("Birch"), 4_000)
    say("Birch's card is refunded 5.00 by the payment processor: out of scope, no row.")
    stage.books.refund("RF-301", "Birch", 500)
    stage.books.export()
    stage.walk("the replacement goes to Stripe, the old one is flagged")
    replaced = stage.invoice("Acme")
    stage.books.book("INV-105", stage.document(replaced.id), "Acme", replaced.total_minor)
    stage.books.export()
    stage.walk("the bookkeeper has booked the replacement too")


def _worklist(stage: Stage) -> None:
    """A person voids by hand, in Stripe and in the ERP; the flags close on what is seen."""
    say, store = stage.say, stage.parts.store
    say("\nThe worklist. Voiding in the core voids nothing downstream; a person must:")
    for flag in store.flags(UNRESOLVED):
        say(f"  {flag.id}  P{flag.priority}  {flag.action}")
        if flag.target == "stripe":
            say("  (the person voids it in the Stripe Dashboard)")
            stage.stripe.void(flag.subject)
        else:
            say("  (the person voids it in the ERP)")
            stage.books.void(flag.subject)
    stage.books.export()
    stage.walk("the flags close on what is seen")
    for flag in store.flags():
        say(f"  {flag.id} is {flag.state}: {flag.evidence}")


def _late(stage: Stage) -> None:
    """Past 34 days the core takes no usage any more: only a credit memo downstream is left."""
    say = stage.say
    say("\nNovember 10. Dune's September was still too high by 1,000 tokens.")
    stage.now(11, 10)
    try:
        stage.story.use("Dune", "d2", -1_000, "2026-09-10")
    except Refused as no:
        say(f"  {no}")
    say("That is past 34 days, so the core cannot be corrected: 20.00 are credited")
    say("downstream, in Stripe and in the ERP.")
    stage.stripe.credit(stage.document(stage.invoice("Dune").id), 2_000, "Past 34 days")
    stage.books.credit("CM-202", stage.books.name_of("Dune"), 2_000)
    stage.books.export()
    stage.walk("the credit memos are seen")


def _parts(wire: Wire, stripe: stripe_service.Handle, store: Books, exports: Path) -> Parts:
    receivables = StripeReceivables(
        stripe.api_key, clock=SystemClock(), rng=steady_random(), api_base=stripe.url
    )
    ledger = FileDrop(exports, Reading("erp"), clock=SystemClock(), settle_seconds=0)
    numbers = count(1)
    return Parts(
        settings=Settings(entity="demo"),
        policy=Policy(),
        store=store,
        core=Metronome(wire),
        stripe=receivables,
        registers=(receivables, ledger),
        clock=SystemClock(),
        holder=f"demo on {platform.node()}",
        new_id=lambda: f"{next(numbers):06d}",
        version="demo",
    )


def _write(folder: Path, run: Run, store: Books) -> None:
    """Every report in every format that is installed."""
    folder.mkdir(parents=True, exist_ok=True)
    material = reporting.of_run(store, run, run_text(run)[1], reporting.NAMES)
    wish = reporting.Wish(closed=True, internal=True)
    pdf = find_spec("typst") is not None
    for name in reporting.NAMES:
        made = reporting.document(name, material, wish)
        for form in reporting.FORMATS:
            if form == "pdf" and not pdf:
                continue
            with (folder / f"{name}.{form}").open("w+b") as file:
                reporting.write(made, form, file)


def _core(url: str, token: Secret) -> Wire:
    """The way to a core, without a request log: the demo tells its own story."""
    return Wire(
        url,
        clock=SystemClock(),
        rng=steady_random(),
        token=token,
        system="core",
        log=lambda _: None,
    )
