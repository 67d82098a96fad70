"""Stripe as receivables, through its own client: drafts, lines, finalize, notes; and reads.

There is no way here to void, pay, refund, write off or delete: those are a person's acts.
"""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

import stripe

from connectors.failures import Incomplete, Misconfigured, Refused
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
from connectors.stripe_failures import failure_of
from connectors.stripe_money import currency_rule, to_stripe
from connectors.stripe_parse import gone, invoice, memo
from state.receivables import DownstreamInvoice

_A = TypeVar("_A")
DEADLINE_SECONDS = 60
PAGE = 100
DESCRIPTION_MAX = 5000
EVENT_LAG = timedelta(seconds=60)  # Stripe's events are eventually consistent
EVENT_OVERLAP = timedelta(minutes=5)
EVENT_MEMORY = timedelta(days=29)  # Stripe keeps them for 30 days
_MISSING = 404
EVENTS = [
    "invoice.created",
    "invoice.finalized",
    "invoice.updated",
    "invoice.paid",
    "invoice.voided",
    "invoice.marked_uncollectible",
    "invoice.deleted",
    "invoice.overpaid",
    "credit_note.created",
    "credit_note.updated",
    "credit_note.voided",
]

stripe.enable_telemetry = False  # else the SDK writes a file and sends platform data


class StripeReceivables:
    """One Stripe account. `pace` is called before each request: the rate budget."""

    target = "stripe"
    capabilities = Capabilities(
        voiding=Voiding.STATUS,
        cursor="events, 5 min overlap, at most 29 days back",
        deletions="invoice.deleted; only drafts can be",
        pairing=Pairing.EXACT,
        currencies=True,
        entities=False,
        locks=False,
        flags=True,
        page=PAGE,
        concurrency=4,
    )

    def __init__(
        self,
        api_key: str,
        *,
        api_base: str | None = None,
        account: str | None = None,
        auto_advance: bool = False,
        pace: Callable[[str], None] = lambda _: None,
    ) -> None:
        addresses: Any = {} if api_base is None else {"api": api_base}
        self._client = stripe.StripeClient(
            api_key,
            stripe_account=account,
            base_addresses=addresses,
            max_network_retries=0,  # one retry layer, and it is the push record's
            http_client=stripe.RequestsClient(timeout=DEADLINE_SECONDS),
        )
        self._auto_advance = auto_advance
        self._pace = pace

    def __repr__(self) -> str:
        return "StripeReceivables(...)"

    # --- reads ----------------------------------------------------------------------

    def identify(self) -> Identity:
        """Which account answers. Raises Misconfigured."""
        found = self._call("GET account", self._client.v1.accounts.retrieve_current)
        listed = self._call("GET invoices", lambda: self._v1.invoices.list({"limit": 1}))
        live = bool(listed.data[0].livemode) if listed.data else None
        return Identity("Stripe", str(found.id), livemode=live)

    def sweep(self, since: datetime | None) -> Iterator[Page]:
        """Every invoice and credit note made since then, page by page."""
        created = {} if since is None else {"created": {"gte": int(since.timestamp())}}
        for rows in self._pages("GET invoices", self._v1.invoices.list, created):
            yield Page(documents=tuple(invoice(self.target, row) for row in rows))
        for rows in self._pages("GET credit_notes", self._v1.credit_notes.list, created):
            yield Page(memos=tuple(memo(self.target, row) for row in rows))

    def changes(self, cursor: str | None, now: datetime) -> Hints:
        """Invoices that events name, in a window that lags and overlaps."""
        until = now - EVENT_LAG
        mark = str(int(until.timestamp()))
        if cursor is None:
            return Hints((), mark)
        since = datetime.fromtimestamp(int(cursor), UTC) - EVENT_OVERLAP
        if now - since > EVENT_MEMORY:
            return Hints((), mark, gap=True)
        window = {"gte": int(since.timestamp()), "lte": int(until.timestamp())}
        query: dict[str, Any] = {"types": EVENTS, "created": window}
        names: dict[str, None] = {}
        for rows in self._pages("GET events", self._v1.events.list, query):
            for row in rows:
                thing = row["data"]["object"]
                name = thing.get("invoice") if "credit" in row["type"] else thing.get("id")
                if isinstance(name, str):
                    names[name] = None
        return Hints(tuple(names), mark)

    def look_again(self, ids: Sequence[str]) -> Iterator[Page]:
        """Invoices by id, one after the other, each with its credit notes."""
        for name in ids:
            yield self.read(name)

    def locks(self) -> tuple[PeriodLock, ...]:
        """None: Stripe closes no periods."""
        return ()

    def read(self, document_id: str) -> Page:
        """One invoice with its credit notes; DELETED when Stripe knows it no more."""
        try:
            found = self._call(
                "GET invoices/{}", lambda: self._v1.invoices.retrieve(document_id)
            )
        except Refused as no:
            if no.status == _MISSING:
                return Page(documents=(gone(self.target, document_id),))
            raise
        query = {"invoice": document_id}
        notes = self._pages("GET credit_notes", self._v1.credit_notes.list, query)
        return Page(
            documents=(self._document(found),),
            memos=tuple(memo(self.target, row) for rows in notes for row in rows),
            whole=True,
        )

    def find(self, customer_id: str, core_invoice_id: str) -> tuple[DownstreamInvoice, ...]:
        """Our documents for one core invoice, by listing: the search index lags."""
        query = {"customer": customer_id}
        documents = (
            invoice(self.target, row)
            for rows in self._pages("GET invoices", self._v1.invoices.list, query)
            for row in rows
        )
        return tuple(one for one in documents if one.core_invoice_id == core_invoice_id)

    def line_keys(self, document_id: str) -> tuple[str, ...]:
        """The key of every line, '' for a line that is not ours."""

        def some(query: Any) -> Any:
            return self._v1.invoices.line_items.list(document_id, query)

        return tuple(
            (row.get("metadata") or {}).get("core_line_key", "")
            for rows in self._pages("GET invoices/{}/lines", some, {})
            for row in rows
        )

    def currency_rule(self, currency: str) -> CurrencyRule | None:
        """Stripe's rule for a currency."""
        return currency_rule(currency)

    def find_customer(self, core_customer_id: str) -> str | None:
        """The customer whose metadata names this core customer, by listing them."""
        for rows in self._pages("GET customers", self._v1.customers.list, {}):
            for row in rows:
                if (row.get("metadata") or {}).get("core_customer_id") == core_customer_id:
                    return str(row["id"])
        return None

    # --- keyed writes ---------------------------------------------------------------

    def create_customer(self, core_customer_id: str, name: str, *, key: str) -> str:
        """Make a customer for this core customer."""
        body = {"name": name, "metadata": {"core_customer_id": core_customer_id}}
        made = self._write(
            "POST customers", key, lambda options: self._v1.customers.create(body, options)
        )
        return str(made.id)

    def draft_terms(self, draft: Draft) -> str:
        """The create request as canonical JSON."""
        body: dict[str, Any] = {
            "customer": draft.customer_id,
            "currency": draft.currency.lower(),
            "auto_advance": False,
            "pending_invoice_items_behavior": "exclude",
            "metadata": dict(draft.metadata),
        }
        if draft.auto_charge:
            body["collection_method"] = "charge_automatically"
        else:
            body["collection_method"] = "send_invoice"
            body["days_until_due"] = (
                30 if draft.days_until_due is None else draft.days_until_due
            )
        if draft.description:
            body["description"] = draft.description
        if draft.effective_at is not None:
            body["effective_at"] = int(draft.effective_at.timestamp())
        return json.dumps(body, sort_keys=True)

    def create_draft(self, terms: str, *, key: str) -> DownstreamInvoice:
        """Create the draft that these terms describe."""
        body = json.loads(terms)
        made = self._write(
            "POST invoices", key, lambda options: self._v1.invoices.create(body, options)
        )
        return self._document(made)

    def add_lines(
        self, document_id: str, lines: Sequence[DraftLine], currency: str, *, key: str
    ) -> DownstreamInvoice:
        """Add lines, each a flat amount with our key."""
        body: Any = {"lines": [_line(line, currency) for line in lines]}
        made = self._write(
            "POST invoices/{}/add_lines",
            key,
            lambda options: self._v1.invoices.add_lines(document_id, body, options),
        )
        return self._document(made)

    def finalize(self, document_id: str, *, key: str) -> DownstreamInvoice:
        """Finalize; `auto_advance` decides whether Stripe collects by itself."""
        body: Any = {"auto_advance": self._auto_advance}
        made = self._write(
            "POST invoices/{}/finalize",
            key,
            lambda options: self._v1.invoices.finalize_invoice(document_id, body, options),
        )
        return self._document(made)

    def annotate(
        self, document_id: str, metadata: Mapping[str, str], *, key: str
    ) -> DownstreamInvoice:
        """Write metadata; Stripe merges it."""
        body: Any = {"metadata": dict(metadata)}
        made = self._write(
            "POST invoices/{}",
            key,
            lambda options: self._v1.invoices.update(document_id, body, options),
        )
        return self._document(made)

    # --- one manner of calling ------------------------------------------------------

    @property
    def _v1(self) -> Any:
        return self._client.v1

    def _document(self, found: Any) -> DownstreamInvoice:
        return invoice(self.target, found.to_dict(for_json=True))

    def _write(self, endpoint: str, key: str, call: Callable[[Any], _A]) -> _A:
        return self._call(endpoint, lambda: call({"idempotency_key": key}))

    def _call(self, endpoint: str, call: Callable[[], _A]) -> _A:
        self._pace(endpoint)
        try:
            return call()
        except stripe.StripeError as error:
            raise failure_of(error) from error
        except ValueError as error:
            raise Misconfigured(f"Stripe cannot be asked: {error}") from error

    def _pages(
        self, endpoint: str, listing: Callable[[Any], Any], query: Mapping[str, Any]
    ) -> Iterator[list[dict[str, Any]]]:
        after: str | None = None
        while True:
            wanted = {**query, "limit": PAGE}
            if after is not None:
                wanted["starting_after"] = after
            found = self._call(endpoint, lambda wanted=wanted: listing(wanted))  # type: ignore[misc]  # bound now
            body = found.to_dict(for_json=True)
            rows = body["data"]
            yield rows
            if not body["has_more"]:
                return
            if not rows or rows[-1]["id"] == after:
                raise Incomplete(f"Stripe's {endpoint} does not come to an end")
            after = rows[-1]["id"]


def _line(line: DraftLine, currency: str) -> dict[str, Any]:
    body: dict[str, Any] = {
        "amount": to_stripe(line.amount_minor, currency),
        "description": line.description[:DESCRIPTION_MAX],
        "metadata": {"core_line_key": line.key},
    }
    if line.start is not None and line.end is not None:
        body["period"] = {
            "start": int(line.start.timestamp()),
            "end": int(line.end.timestamp()),
        }
    return body
