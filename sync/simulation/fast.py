"""The worker's shell in small: the same looks, calls and commits as sync.push, no I/O.

The decisions are the worker's own (`sync.protocol`, `sync.decide`, `sync.flags`); only
the hands are written again here, so that a world takes less than a millisecond. The real
hands are run by the real mode.
"""

from dataclasses import replace
from datetime import datetime, timedelta

from state.invoices import CoreInvoice
from state.pushes import SETTLED, PushRecord, PushState
from state.receivables import DocumentStatus, DownstreamInvoice
from sync.moves import (
    BATCH_LINES_MAX,
    Answer,
    Ask,
    Done,
    Doubt,
    LookUp,
    ReadCore,
    ReadDocument,
    Seen,
    Settle,
    Undertaking,
    Wait,
)
from sync.simulation.core_model import line_keys
from sync.simulation.faults import Crash, Fault, Point
from sync.simulation.memory import Fenced, Moved
from sync.simulation.stripe_model import INSTANCE, Request, asks_for_money
from sync.simulation.world import World

STEPS_MAX = 60  # as sync.push
PATIENCE = timedelta(seconds=5)
CALL_TAKES = timedelta(milliseconds=400)
DEADLINE = timedelta(seconds=60)
_PENDING = PushState.PENDING


class DiskRefuses(Exception):
    """A commit could not be written; the process lives, and its pass is over."""


class ReadFailed(Exception):
    """A look did not succeed: the pass, or this push, is left for the next time."""


def one_cycle(world: World, number: int) -> None:
    """One pass, as sync.cycle walks it. A crash ends it; so does a lost lease."""
    world.sweep = None
    world.died = False
    try:
        for event in world.scenario.script.get(number, ()):
            world.happen(event)
        world.memory.back_up()
        worker = Worker(world)
        worker.poll()
        worker.observe()
        worker.push()
    except (Crash, Fenced, DiskRefuses, ReadFailed) as end:
        world.died = True
        world.schedule.append(f"[{type(end).__name__.lower()}]")
    world.pass_time(world.scenario.every)


class Worker:
    """One process: what it holds besides the world dies with it."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.memory = world.memory
        self.token = world.memory.take_lease()

    # --- looking ----------------------------------------------------------------------

    def poll(self) -> None:
        """Read the core and keep what moved, with the decisions that follow."""
        self._look()
        invoices = tuple(self.world.core.invoices.values())
        self._before_commit(Point.BEFORE_SETTLE)
        self.memory.commit(
            self.token,
            self.world.ours(),
            invoices=invoices,
            stripe_customer=self.world.core.stripe_customer,
            decide=True,
        )
        self.world.strike(Point.AFTER_SETTLE)

    def observe(self) -> None:
        """Sweep the receivables; what we knew and no longer see is looked at by id."""
        self._look()
        stripe = self.world.stripe
        known = self.memory.kept.documents
        shown = [
            one.shown()
            for one in stripe.documents.values()
            if one.status is not DocumentStatus.DELETED or one.id in known
        ]
        memos = [memo for one in stripe.documents.values() for memo in one.memos]
        live = tuple(
            (one.core_invoice_id or "", one.id)
            for one in shown
            if asks_for_money(stripe.documents[one.id])
        )
        self._before_commit(Point.BEFORE_SETTLE)
        self.memory.commit(
            self.token,
            self.world.ours(),
            documents=shown,
            memos=memos,
            decide=True,
            looked=True,
        )
        self.world.sweep = live
        self.world.strike(Point.AFTER_SETTLE)

    def _look(self) -> None:
        if self.world.strike(Point.READ) is Fault.READ_FAILS:
            self.world.pass_time(DEADLINE)
            raise ReadFailed

    # --- pushing ----------------------------------------------------------------------

    def push(self) -> None:
        """Every open push, as far as it goes now."""
        records = self.memory.kept.records
        for core_id in list(records):
            if records[core_id].state in SETTLED:
                continue
            try:
                self._push_one(records[core_id])
            except (ReadFailed, Moved) as end:
                self.world.schedule.append(f"[push of {core_id}: {type(end).__name__}]")

    def _push_one(self, record: PushRecord) -> None:
        world = self.world
        invoice = self.memory.kept.invoices[record.core_invoice_id]
        if (record.in_flight or record.state is _PENDING) and invoice.regenerated_from:
            record = self._refresh_ancestor(record, invoice.regenerated_from)
            if record.state in SETTLED and not record.in_flight:
                return
        undertaking = Undertaking(line_keys(invoice), finalize=world.scenario.finalize)
        seen = Seen(now=world.ours(), core_status=invoice.status)
        decide = world.rules.next_action
        for _ in range(STEPS_MAX):
            now = world.ours()
            if seen.now != now:
                seen = _at(now, seen)
            match decide(record, seen, undertaking):
                case LookUp():
                    found = self._look_up(record)
                    seen = Seen(now, seen.core_status, found=found)
                case ReadDocument():
                    self._look()
                    document = world.stripe.read(record.document_id or "")
                    seen = Seen(
                        now,
                        seen.core_status,
                        document=document.shown(),
                        line_keys=document.line_keys,
                    )
                case ReadCore():
                    self._look()
                    seen = replace(seen, core=world.core.invoices[invoice.id])
                case Settle(settled):
                    self._settle(record, settled, invoice, seen)
                    record = settled
                case Ask(asked):
                    record, seen = self._ask(record, asked, seen, invoice, undertaking)
                case Wait(until):
                    if until is None or until - seen.now > PATIENCE:
                        return
                    world.pass_time(until - seen.now)
                    seen = Seen(now=seen.now, core_status=seen.core_status)

    def _look_up(self, record: PushRecord) -> tuple[DownstreamInvoice, ...]:
        """As sync.push: those listed, and those our books know."""
        self._look()
        stripe, core_id = self.world.stripe, record.core_invoice_id
        found = stripe.find(record.customer_id or "", core_id)
        listed = {document.id for document in found}
        missed = [
            document.id
            for document in self.memory.kept.documents.values()
            if document.core_invoice_id == core_id and document.id not in listed
        ]
        if missed:
            return (*found, *(stripe.read(name).shown() for name in missed))
        return found

    def _refresh_ancestor(self, record: PushRecord, parent: str) -> PushRecord:
        """As sync.prepare: the replaced invoice may have been paid a minute ago."""
        if record.generation:
            return record
        self._look()
        found = self.world.stripe.find(record.customer_id or "", parent)
        if found:
            memos = [m for one in found for m in self.world.stripe.read(one.id).memos]
            self._before_commit(Point.BEFORE_SETTLE)
            self.memory.commit(
                self.token, self.world.ours(), documents=found, memos=memos, decide=True
            )
            self.world.strike(Point.AFTER_SETTLE)
        return self.memory.kept.records[record.core_invoice_id]

    def _ask(
        self,
        record: PushRecord,
        asked: PushRecord,
        seen: Seen,
        invoice: CoreInvoice,
        undertaking: Undertaking,
    ) -> tuple[PushRecord, Seen]:
        """Commit the intent, call, commit the answer."""
        world = self.world
        if asked.step == "create" and not asked.terms:
            terms = f"{asked.core_invoice_id} {asked.customer_id} {asked.replaces}"
            asked = replace(asked, terms=f"create {terms}")
        self._before_commit(Point.BEFORE_INTENT)
        self.memory.commit(self.token, world.ours(), record=asked, based_on=record)
        self.memory.intents.add(asked.key(INSTANCE, asked.step))
        request = self._request(asked, invoice, undertaking)
        if world.strike(Point.AFTER_INTENT) is Fault.TWO_WORKERS:
            # Stalled between the intent and the call: the call goes out when the lease
            # is another's, and the answer finds a process that may keep nothing.
            self.memory.take_lease()
            world.stripe.trace.append(request)
            world.send_later(request)
            raise Fenced
        answer = self._call(request)
        self._before_commit(Point.AFTER_CALL)
        answered = world.rules.absorb(asked, answer, world.ours())
        self.memory.commit(
            self.token,
            world.ours(),
            record=answered,
            documents=(answer.document,) if isinstance(answer, Done) else (),
            decide=answered.state in SETTLED,
        )
        world.strike(Point.AFTER_ANSWER)
        return answered, _seen_after(seen, asked, answer)

    def _call(self, request: Request) -> Answer:
        world = self.world
        fault = world.strike(Point.CALL)
        world.stripe.trace.append(request)
        if fault is Fault.LATE_REQUEST:
            world.send_later(request)
        answer = world.stripe.send(request, world.now, fault)
        lost = isinstance(answer, Doubt)
        world.pass_time(DEADLINE if lost else CALL_TAKES)
        return answer

    def _request(
        self, asked: PushRecord, invoice: CoreInvoice, undertaking: Undertaking
    ) -> Request:
        key = asked.key(INSTANCE, asked.step)
        keys: tuple[str, ...] = ()
        body: tuple[str, ...] = (asked.document_id or "",)
        if asked.step == "create":
            body = (asked.terms,)
        elif asked.step != "finalize":
            first = int(asked.step.removeprefix("lines-")) * BATCH_LINES_MAX
            keys = undertaking.line_keys[first : first + BATCH_LINES_MAX]
            body = (*body, *keys)
        document = self.world.stripe.documents.get(asked.document_id or "")
        return Request(
            key=key,
            step=asked.step,
            core_id=asked.core_invoice_id,
            document_id=asked.document_id,
            body=body,
            customer_id=asked.customer_id or "",
            line_keys=keys,
            add_minor=invoice.total_minor // len(undertaking.line_keys) * len(keys),
            intended=key in self.memory.intents,
            read=-1 if document is None else document.read,
        )

    def _settle(
        self, record: PushRecord, settled: PushRecord, invoice: CoreInvoice, seen: Seen
    ) -> None:
        """Commit a move without a call, with what was seen that moved it."""
        documents: tuple[DownstreamInvoice, ...] = seen.found or ()
        if seen.document is not None:
            documents = (seen.document,)
        ends = settled.state in SETTLED
        learned = ends and seen.core is not None and seen.core != invoice
        self._before_commit(Point.BEFORE_SETTLE)
        self.memory.commit(
            self.token,
            self.world.ours(),
            record=settled,
            based_on=record,
            invoices=(seen.core,) if learned and seen.core is not None else (),
            documents=documents,
            decide=ends,
        )
        self.world.strike(Point.AFTER_SETTLE)

    def _before_commit(self, point: Point) -> None:
        fault = self.world.strike(point)
        if fault is Fault.DISK_REFUSES:
            raise DiskRefuses
        if fault is Fault.TWO_WORKERS:
            self.memory.take_lease()  # by another: the commit that follows is refused


def _at(now: datetime, seen: Seen) -> Seen:
    """The same sight at a later moment; `replace` would cost the worlds a tenth."""
    return Seen(
        now,
        seen.core_status,
        seen.core,
        seen.core_gone,
        seen.found,
        seen.document,
        seen.line_keys,
    )


def _seen_after(seen: Seen, asked: PushRecord, answer: Answer) -> Seen:
    """As sync.push: a new draft is known to be empty; after anything else look again."""
    if not isinstance(answer, Done) or asked.step != "create":
        return Seen(now=seen.now, core_status=seen.core_status)
    return Seen(
        now=seen.now, core_status=seen.core_status, document=answer.document, line_keys=()
    )
