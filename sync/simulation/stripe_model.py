"""A model of Stripe, as small as its promises: drafts, lines, finalize, keys, people.

Stripe: the first answer under a key is saved once the work began, a 500 and a
lock_timeout included, and is given again, word for word, until the key is pruned after
24 hours. Another body under the same key is refused. A rate limit and a 409 are met
before the key is looked at.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TypeAlias

from state.receivables import CreditMemo, DocumentStatus, DownstreamInvoice, MemoStatus
from sync.moves import Answer, Denied, Done, Doubt, Later
from sync.simulation.faults import Fault

KEY_KEPT = timedelta(hours=24)
INSTANCE = "sim"


@dataclass(frozen=True, slots=True)
class Request:
    """One POST: what it asks, under which key. `body` is all that the key is bound to."""

    key: str
    step: str
    core_id: str
    document_id: str | None
    body: tuple[str, ...]
    line_keys: tuple[str, ...] = ()
    add_minor: int = 0  # what its lines add to the total
    currency: str = "USD"
    customer_id: str = "cus_c1"
    core_customer_id: str = "c1"
    intended: bool = True  # an intent with this very key was committed before
    read: int = -1  # when its document had last been truly seen


@dataclass(slots=True)
class Document:
    """One Stripe invoice. `edited` and `read` are ticks of the world's event counter."""

    id: str
    core_id: str
    currency: str
    created_at: datetime
    customer_id: str = "cus_c1"
    core_customer_id: str = "c1"
    status: DocumentStatus = DocumentStatus.DRAFT
    gross_minor: int = 0
    line_keys: tuple[str, ...] = ()
    edited: int = -1  # when a person last changed the draft
    read: int = -1  # when we last truly saw it
    finalized: bool = False
    by_hand: bool = False  # finalized by a person
    unseen: bool = False  # finalized by us, edited after our last look: nobody can know
    memos: tuple[CreditMemo, ...] = ()
    flagged: bool = False
    replaced_by: str | None = None
    _shown: DownstreamInvoice | None = None

    def touch(self) -> None:
        """It has changed: what was shown of it is stale."""
        self._shown = None

    def shown(self) -> DownstreamInvoice:
        """The document as Stripe answers with it."""
        if self._shown is None:
            self._shown = DownstreamInvoice(
                target="stripe",
                id=self.id,
                status=self.status,
                currency=self.currency,
                gross_minor=self.gross_minor,
                paid_minor=self.gross_minor * (self.status is DocumentStatus.PAID),
                customer_id=self.customer_id,
                core_invoice_id=self.core_id,
                core_customer_id=self.core_customer_id,
                instance=INSTANCE,
                replaced_by=self.replaced_by,
                flagged=self.flagged,
                created_at=self.created_at,
            )
        return self._shown


_Saved: TypeAlias = tuple[datetime, tuple[str, ...], Answer]


@dataclass(slots=True)
class StripeModel:
    """Everything Stripe knows, and the trace of everything it was asked."""

    documents: dict[str, Document] = field(default_factory=dict)
    saved: dict[str, _Saved] = field(default_factory=dict)
    trace: list[Request] = field(default_factory=list)
    tick: int = 0
    events: list[str] = field(default_factory=list)  # ids of documents that moved, in order

    # --- what the worker may ask ------------------------------------------------------

    def send(self, request: Request, at: datetime, fault: Fault | None) -> Answer:
        """Carry out a request, or what a fault makes of it, and answer."""
        match fault:
            case Fault.REFUSED:
                return Denied("resource_missing", "No such customer: 'cus_c1'")
            case Fault.RATE_LIMIT:
                return Later("429 rate_limit")
            case Fault.CONFLICT_409:
                return Later("409 another request holds the key")
            case Fault.TIMEOUT_BEFORE | Fault.LATE_REQUEST:
                return Doubt("read timeout")
            case Fault.PLAIN_500:
                return Doubt("500")
            case Fault.LOCK_TIMEOUT_UNSAVED:
                return Denied("lock_timeout", "429 lock_timeout")
            case Fault.TIMEOUT_AFTER | Fault.TRUNCATED:
                self.carry_out(request, at)
                return Doubt(f"the answer was lost ({fault})")
            case Fault.SAVED_500_DONE | Fault.SAVED_500_NOT_DONE | Fault.LOCK_TIMEOUT:
                if self._standing(request, at) is None:
                    return self._save_a_failure(request, at, fault)
        return self.carry_out(request, at)

    def carry_out(self, request: Request, at: datetime) -> Answer:
        """Under a saved key the saved answer, else the work itself."""
        standing = self._standing(request, at)
        if standing is not None:
            return standing
        answer = self._work(request, at)
        self.saved[request.key] = (at, request.body, answer)
        return answer

    def find(self, customer_id: str, core_id: str) -> tuple[DownstreamInvoice, ...]:
        """List a customer's documents of one core invoice; deleted drafts are in no list."""
        return tuple(
            document.shown()
            for document in self.documents.values()
            if document.core_id == core_id
            and document.customer_id == customer_id
            and document.status is not DocumentStatus.DELETED
        )

    def read(self, document_id: str) -> Document:
        """One document, truly looked at."""
        document = self.documents[document_id]
        self.tick += 1
        document.read = self.tick
        return document

    def annotate(self, document: Document, replaced_by: str | None) -> None:
        """Metadata: it moves no money, and no rule hangs on it."""
        document.flagged, document.replaced_by = True, replaced_by
        self._moved(document)

    # --- what people do ---------------------------------------------------------------

    def person_sets(self, document: Document, status: DocumentStatus) -> None:
        """A person moves a document through the dashboard."""
        if status.posted and not document.finalized:
            document.finalized = document.by_hand = True
        document.status = status
        self._moved(document)

    def person_adds_line(self, document: Document) -> None:
        """A person writes a line of their own on our draft."""
        self._edit(document, (*document.line_keys, ""), document.gross_minor + 77)

    def person_empties(self, document: Document) -> None:
        """A person deletes every line of our draft."""
        self._edit(document, (), 0)

    def person_credits(self, document: Document) -> None:
        """A person credits a posted invoice in full."""
        memo = CreditMemo(
            target="stripe",
            id=f"cn_{document.id}",
            status=MemoStatus.ISSUED,
            currency=document.currency,
            amount_minor=document.gross_minor,
            invoice_id=document.id,
        )
        document.memos = (memo,)
        self._moved(document)

    def _edit(self, document: Document, keys: tuple[str, ...], gross: int) -> None:
        self.tick += 1
        document.edited = self.tick
        document.line_keys, document.gross_minor = keys, gross
        self._moved(document)

    def _moved(self, document: Document) -> None:
        document.touch()
        self.events.append(document.id)

    # --- the idempotency layer --------------------------------------------------------

    def _standing(self, request: Request, at: datetime) -> Answer | None:
        """What the key answers without any work being done."""
        held = self.saved.get(request.key)
        if held is None:
            return None
        since, body, answer = held
        if at - since >= KEY_KEPT:
            del self.saved[request.key]
            return None
        if body != request.body:
            return Denied("idempotency_error", "this key was used with other parameters")
        match answer:
            case Denied(code, message):
                return Denied(code, message, replayed=True)
            case Doubt(message):
                return Doubt(message, replayed=True)
        return answer

    def _save_a_failure(self, request: Request, at: datetime, fault: Fault) -> Answer:
        answer: Answer
        if fault is Fault.LOCK_TIMEOUT:
            answer = Denied("lock_timeout", "429 lock_timeout")
        else:
            if fault is Fault.SAVED_500_DONE:
                self._work(request, at)
            answer = Doubt("500")
        self.saved[request.key] = (at, request.body, answer)
        return answer

    # --- the work itself --------------------------------------------------------------

    def _work(self, request: Request, at: datetime) -> Answer:
        if request.step == "create":
            document = Document(
                f"in_{len(self.documents) + 1}",
                request.core_id,
                request.currency,
                at,
                request.customer_id,
                request.core_customer_id,
            )
            self.documents[document.id] = document
            return self._done(document)
        document = self.documents[request.document_id or ""]
        if document.status is DocumentStatus.DELETED:
            return Denied("resource_missing", f"No such invoice: {document.id}")
        if document.status is not DocumentStatus.DRAFT:
            return Denied("invoice_not_editable", f"{document.id} is {document.status}")
        if request.step == "finalize":
            document.status = DocumentStatus.OPEN
            document.finalized = True
            document.unseen = document.edited > request.read
        else:
            document.line_keys = (*document.line_keys, *request.line_keys)
            document.gross_minor += request.add_minor
        return self._done(document)

    def _done(self, document: Document) -> Done:
        self._moved(document)
        return Done(self.read(document.id).shown())


def live_of(documents: Sequence[Document], core_id: str) -> list[Document]:
    """The documents of one core invoice that a customer may be asked to pay."""
    return [one for one in documents if one.core_id == core_id and one.status.live]


def asks_for_money(document: Document) -> bool:
    """Is there anything for a person to void? A draft, or a posted amount not credited."""
    if document.status is DocumentStatus.DRAFT:
        return True
    return document.status.live and document.gross_minor > 0 and not document.memos
