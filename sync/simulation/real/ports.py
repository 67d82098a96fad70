"""The ports of the walk over the models: every call is a point where a fault may strike."""

import json
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime

from connectors.ports import (
    Capabilities,
    CurrencyRule,
    Draft,
    DraftLine,
    Hints,
    Identity,
    Page,
    Pairing,
    PeriodLock,
    Voiding,
)
from state.credits import CoreCredit
from state.invoices import CoreCustomer, CoreInvoice, CoreStatus
from state.receivables import DocumentStatus, DownstreamInvoice
from sync.moves import Done
from sync.simulation.core_model import RULE
from sync.simulation.real.around import Around
from sync.simulation.stripe_model import Document, Request, asks_for_money

PAGE = 2  # documents a page; so few that there are pages


class ModelCore:
    """The billing core's port."""

    def __init__(self, around: Around) -> None:
        self._around = around

    def identify(self) -> Identity:
        """The world's core."""
        return Identity("model", "core")

    def customers(self) -> Iterator[tuple[CoreCustomer, ...]]:
        """One customer a page."""
        self._around.whole.discard("core")
        for customer in tuple(self._around.customers.values()):
            self._around.read()
            yield (customer,)
        self._around.whole.add("core")

    def customer(self, customer_id: str) -> CoreCustomer | None:
        """One customer."""
        self._around.read()
        return self._around.customers.get(customer_id)

    def invoices(
        self, customer_id: str, status: CoreStatus
    ) -> Iterator[tuple[CoreInvoice, ...]]:
        """A customer's invoices in one status."""
        self._around.read()
        yield tuple(
            one
            for one in self._around.invoices().values()
            if one.customer_id == customer_id and one.status is status
        )

    def invoice(self, customer_id: str, invoice_id: str) -> CoreInvoice | None:
        """One invoice, now."""
        self._around.read()
        found = self._around.invoices().get(invoice_id)
        return found if found is not None and found.customer_id == customer_id else None

    def credits(self, customer_id: str) -> tuple[CoreCredit, ...]:  # noqa: ARG002 - the port
        """None in these worlds."""
        return ()

    def hints(self, cursor: str | None) -> Hints:
        """The customers whose invoices moved since."""
        self._around.read()
        events = self._around.core_events
        ids = events[int(cursor) :] if cursor is not None else list(self._around.customers)
        return Hints(tuple(ids), str(len(events)))


class ModelStripe:
    """Stripe's port. There is nothing here that the real one cannot say."""

    target = "stripe"
    capabilities = Capabilities(
        voiding=Voiding.STATUS,
        cursor="the world's events",
        deletions="told",
        pairing=Pairing.EXACT,
        currencies=False,
        entities=False,
        locks=False,
        flags=True,
        page=PAGE,
        concurrency=1,
    )

    def __init__(self, around: Around) -> None:
        self._around = around
        self._model = around.stripe

    # --- reading ----------------------------------------------------------------------

    def identify(self) -> Identity:
        """The world's Stripe."""
        return Identity("model", "stripe", livemode=False)

    def sweep(self) -> Iterator[Page]:
        """Every document that is in a list, page by page, newest first."""
        names = [
            one.id
            for one in reversed(self._model.documents.values())
            if one.status is not DocumentStatus.DELETED
        ]
        self._around.whole.discard("stripe")
        self._around.listed.clear()
        self._around.read()
        for first in range(0, len(names), PAGE):
            self._around.listed += [
                (self._model.documents[name].core_id, name)
                for name in names[first : first + PAGE]
                if asks_for_money(self._model.documents[name])
            ]
            pages = [self._page(name) for name in names[first : first + PAGE]]
            yield Page(
                tuple(one for page in pages for one in page.documents),
                tuple(memo for page in pages for memo in page.memos),
            )
            self._around.read()
        self._around.whole.add("stripe")

    def changes(self, cursor: str | None, now: datetime) -> Hints:  # noqa: ARG002 - the port
        """Documents that moved since."""
        self._around.read()
        events = self._model.events
        return Hints(tuple(events[int(cursor or 0) :]), str(len(events)))

    def read(self, document_id: str) -> Page:
        """One document with its memos."""
        self._around.read()
        return self._page(document_id)

    def find(self, customer_id: str, core_invoice_id: str) -> tuple[DownstreamInvoice, ...]:
        """Our documents for one core invoice, by listing the customer's."""
        self._around.read()
        return self._model.find(customer_id, core_invoice_id)

    def line_keys(self, document_id: str) -> tuple[str, ...]:
        """The keys of a document's lines."""
        self._around.read()
        return self._model.documents[document_id].line_keys

    def currency_rule(self, currency: str) -> CurrencyRule | None:
        """The same for every currency of these worlds."""
        return RULE if currency else None

    def find_customer(self, core_customer_id: str) -> str | None:
        """The customer whose metadata names this core customer."""
        self._around.read()
        for name, core_id in self._around.stripe_customers.items():
            if core_id == core_customer_id:
                return name
        return None

    def create_customer(
        self,
        core_customer_id: str,
        name: str,  # noqa: ARG002 - the port
        *,
        email: str | None,  # noqa: ARG002 - the port
        key: str,  # noqa: ARG002 - the port
    ) -> str:
        """Make a customer; the key makes it one."""
        self._around.read()
        self._around.writes += 1
        made = f"cus_{core_customer_id}"
        self._around.stripe_customers[made] = core_customer_id
        return made

    def draft_terms(self, draft: Draft) -> str:
        """The create request as canonical JSON."""
        return json.dumps(
            {
                "customer": draft.customer_id,
                "currency": draft.currency,
                "metadata": dict(draft.metadata),
                "auto_charge": draft.auto_charge,
                "days_until_due": draft.days_until_due,
            },
            sort_keys=True,
        )

    def create_draft(self, terms: str, *, key: str) -> DownstreamInvoice:
        """A draft with nothing on it."""
        said = json.loads(terms)
        request = Request(
            key=key,
            step="create",
            core_id=said["metadata"]["core_invoice_id"],
            document_id=None,
            body=(terms,),
            currency=said["currency"],
            customer_id=said["customer"],
            core_customer_id=said["metadata"]["core_customer_id"],
            intended=key in self._around.intents,
        )
        return self._send(request)

    def add_lines(
        self, document_id: str, lines: Sequence[DraftLine], currency: str, *, key: str
    ) -> DownstreamInvoice:
        """Lines, by their keys."""
        keys = tuple(line.key for line in lines)
        amounts = tuple(str(line.amount_minor) for line in lines)
        return self._send(
            self._about(
                document_id,
                key,
                "lines-0",
                body=(document_id, currency, *keys, *amounts),
                line_keys=keys,
                add_minor=sum(line.amount_minor for line in lines),
            )
        )

    def finalize(self, document_id: str, *, key: str) -> DownstreamInvoice:
        """From here it is a receivable."""
        return self._send(self._about(document_id, key, "finalize", body=(document_id,)))

    def annotate(
        self, document_id: str, metadata: Mapping[str, str], *, key: str
    ) -> DownstreamInvoice:
        """Metadata. It is no step of a push, so it has no intent; it meets reads' faults."""
        assert key  # noqa: S101 - every write carries one
        self._around.read()
        self._around.writes += 1
        document = self._model.documents[document_id]
        self._model.annotate(document, metadata.get("replaced_by"))
        return document.shown()

    def _about(
        self,
        document_id: str,
        key: str,
        step: str,
        *,
        body: tuple[str, ...],
        line_keys: tuple[str, ...] = (),
        add_minor: int = 0,
    ) -> Request:
        document = self._model.documents[document_id]
        # The step's own name is in the key: {instance}:{core id}:{step}:{generation}.
        return Request(
            key=key,
            step=key.split(":")[2] if step != "finalize" else step,
            core_id=document.core_id,
            document_id=document_id,
            body=body,
            line_keys=line_keys,
            add_minor=add_minor,
            intended=key in self._around.intents,
            read=document.read,
        )

    def _send(self, request: Request) -> DownstreamInvoice:
        answer = self._around.send(request)
        assert isinstance(answer, Done)  # noqa: S101 - anything else was raised
        return answer.document

    def look_again(self, ids: Sequence[str]) -> Iterator[Page]:
        """Documents by id, one after the other."""
        for name in ids:
            yield self.read(name)

    def locks(self) -> tuple[PeriodLock, ...]:
        """None."""
        return ()

    def _page(self, document_id: str) -> Page:
        """As Stripe shows it: of what was deleted, nothing is left but the name."""
        document: Document | None = self._model.documents.get(document_id)
        if document is None or document.status is DocumentStatus.DELETED:
            gone = DownstreamInvoice(
                self.target, document_id, DocumentStatus.DELETED, "USD", 0
            )
            return Page((gone,))
        return Page((self._model.read(document_id).shown(),), document.memos)
