"""Stripe as receivables, through its own client: drafts, lines, finalize, notes; and reads.

There is no way here to void, pay, refund, write off or delete: those are a person's acts.
"""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from itertools import chain
from typing import Any, TypeAlias, TypeVar
from urllib.parse import quote

import stripe

from connectors.budget import EVERYWHERE, Budget, Unlimited
from connectors.failures import ConnectorFailure, Incomplete, Misconfigured, NotNow, Refused
from connectors.patience import Patience, Rng
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
from connectors.redaction import one_line
from connectors.stripe_failures import failure_of
from connectors.stripe_http import OurManner
from connectors.stripe_money import currency_rule, to_stripe
from connectors.stripe_parse import gone, id_of, invoice, listed, memo, truth
from connectors.transport import Limits, Transport, Unreadable
from connectors.wirejson import may_be_cut, storable
from state.clock import Clock
from state.receivables import CreditMemo, DocumentStatus, DownstreamInvoice

_A = TypeVar("_A")
Body: TypeAlias = dict[str, Any]
DEADLINE_SECONDS = 60
PAGE = 100
DESCRIPTION_MAX = 5000
EVENT_LAG = timedelta(seconds=60)  # Stripe's events are eventually consistent
EVENT_OVERLAP = timedelta(minutes=5)
EVENT_MEMORY = timedelta(days=29)  # Stripe keeps them for 30 days
READING = Patience(attempts=4, first=0.5, cap=8.0, longest=20.0)
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
    """One Stripe account, within one rate budget. Safe to share between threads.

    Readings are asked again when a failure is of the moment; a writing goes out once, and
    its push record decides what then.
    """

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
        clock: Clock,
        rng: Rng,
        api_base: str | None = None,
        account: str | None = None,
        auto_advance: bool = False,
        budget: Budget | None = None,
        connections: int = 16,
    ) -> None:
        """`connections` are kept; how many requests are in flight is the budget's."""
        addresses: Any = {} if api_base is None else {"api": api_base}
        limits = Limits(total=DEADLINE_SECONDS)
        transport = Transport(clock=clock, limits=limits, connections=connections)
        self._client = stripe.StripeClient(
            api_key,
            stripe_account=account,
            base_addresses=addresses,
            max_network_retries=0,  # one retry layer, and it is the push record's
            http_client=OurManner(transport),
        )
        self._auto_advance = auto_advance
        self._budget = budget or Unlimited()
        self._clock = clock
        self._rng = rng

    def __repr__(self) -> str:
        return "StripeReceivables(...)"

    # --- reads ----------------------------------------------------------------------

    def identify(self) -> Identity:
        """Which account answers. Raises Misconfigured."""
        account = self._read("account", read=id_of)
        live = self._read("invoices", {"limit": 1}, read=_livemode)
        return Identity("Stripe", account, livemode=live)

    def try_reads(self) -> None:
        """Read a little of everything the walk reads. Raises Misconfigured for a refusal."""
        for path in ("invoices", "credit_notes", "events", "customers"):
            self._read(path, {"limit": 1}, read=lambda found: found["data"])

    def sweep(self) -> Iterator[Page]:
        """Every invoice and credit note, page by page."""
        for documents in self._pages("invoices", {}, self._document):
            yield Page(documents=documents)
        for memos in self._pages("credit_notes", {}, self._memo):
            yield Page(memos=memos)

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
        for named in self._pages("events", query, _named):
            names.update(dict.fromkeys(name for name in named if name))
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
            document = self._read("invoices/{}", name=document_id, read=self._document)
        except Refused as no:
            if no.status == _MISSING:
                return Page(documents=(gone(self.target, document_id),))
            raise
        if document.status is DocumentStatus.DRAFT:
            return Page(documents=(document,), whole=True)  # a draft is never credited
        pages = self._pages("credit_notes", {"invoice": document_id}, self._memo)
        memos = tuple(chain.from_iterable(pages))
        return Page(documents=(document,), memos=memos, whole=True)

    def find(self, customer_id: str, core_invoice_id: str) -> tuple[DownstreamInvoice, ...]:
        """Our documents for one core invoice, by listing: the search index lags."""
        pages = self._pages("invoices", {"customer": customer_id}, self._document)
        documents = chain.from_iterable(pages)
        return tuple(one for one in documents if one.core_invoice_id == core_invoice_id)

    def line_keys(self, document_id: str) -> tuple[str, ...]:
        """The key of every line, '' for a line that is not ours."""

        def key(row: Body) -> str:
            return str((row.get("metadata") or {}).get("core_line_key", ""))

        pages = self._pages("invoices/{}/lines", {}, key, name=document_id)
        return tuple(chain.from_iterable(pages))

    def currency_rule(self, currency: str) -> CurrencyRule | None:
        """Stripe's rule for a currency."""
        return currency_rule(currency)

    def find_customer(self, core_customer_id: str) -> str | None:
        """The customer whose metadata names this core customer, by listing them.

        Raises Refused where several do: none of them is guessed.
        """

        def names(row: Body) -> tuple[str | None, str]:
            return (row.get("metadata") or {}).get("core_customer_id"), id_of(row)

        named = [
            customer_id
            for customers in self._pages("customers", {}, names)
            for core_id, customer_id in customers
            if core_id == core_customer_id
        ]
        if len(named) > 1:
            raise Refused(
                f"several Stripe customers name {core_customer_id}: "
                f"{', '.join(sorted(named))}. Name one of them in the billing core",
                code="customer_ambiguous",
            )
        return named[0] if named else None

    # --- keyed writes ---------------------------------------------------------------

    def create_customer(
        self, core_customer_id: str, name: str, *, email: str | None, key: str
    ) -> str:
        """Make a customer for this core customer; Stripe sends none without an email."""
        body: Any = {"name": name, "metadata": {"core_customer_id": core_customer_id}}
        if email is not None:
            body["email"] = email
        return self._write("customers", body, key, read=id_of)

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
        return self._write("invoices", json.loads(terms), key, read=self._document)

    def add_lines(
        self, document_id: str, lines: Sequence[DraftLine], currency: str, *, key: str
    ) -> DownstreamInvoice:
        """Add lines, each a flat amount with our key."""
        body = {"lines": [_line(line, currency) for line in lines]}
        to = "invoices/{}/add_lines"
        return self._write(to, body, key, name=document_id, read=self._document)

    def finalize(self, document_id: str, *, key: str) -> DownstreamInvoice:
        """Finalize; `auto_advance` decides whether Stripe collects by itself."""
        body = {"auto_advance": self._auto_advance}
        to = "invoices/{}/finalize"
        return self._write(to, body, key, name=document_id, read=self._document)

    def annotate(
        self, document_id: str, metadata: Mapping[str, str], *, key: str
    ) -> DownstreamInvoice:
        """Write metadata; Stripe merges it."""
        body = {"metadata": dict(metadata)}
        to = "invoices/{}"
        return self._write(to, body, key, name=document_id, read=self._document)

    # --- one manner of calling ------------------------------------------------------

    def _document(self, body: Body) -> DownstreamInvoice:
        return invoice(self.target, body)

    def _memo(self, body: Body) -> CreditMemo:
        return memo(self.target, body)

    def _write(
        self, path: str, body: Body, key: str, *, read: Callable[[Body], _A], name: str = ""
    ) -> _A:
        return self._once("POST", path, name, {**body, "idempotency_key": key}, read)

    def _read(
        self,
        path: str,
        query: Body | None = None,
        *,
        read: Callable[[Body], _A],
        name: str = "",
    ) -> _A:
        try:
            return READING.reading(
                lambda _: self._once("GET", path, name, query or {}, read),
                clock=self._clock,
                rng=self._rng,
            )
        except Unreadable as unreadable:
            raise Incomplete(str(unreadable)) from None

    def _once(
        self, method: str, path: str, name: str, params: Body, read: Callable[[Body], _A]
    ) -> _A:
        """One request within the budget, and its answer in our words.

        The client's plain requests are used: its objects cost more than all of the rest.
        """
        endpoint = f"{method} {path}"
        url = f"/v1/{path.format(quote(name, safe=''))}"
        turn = 0.0
        try:
            with self._budget.turn(endpoint) as turn:
                answer = self._client.raw_request(method.lower(), url, **params)
        except stripe.StripeError as error:
            failure = failure_of(error, endpoint)
            if isinstance(failure, NotNow) and failure.limit:
                at = EVERYWHERE if failure.limit.startswith("global") else endpoint
                self._budget.slow_down(at, turn)
            raise failure from error
        except ConnectorFailure as failure:
            failure.args = (f"Stripe, {endpoint}: {failure}",)
            raise
        except ValueError as error:
            raise Misconfigured(f"Stripe cannot be asked: {error}") from error
        try:
            return read(storable(answer.data) if may_be_cut(answer.body) else answer.data)
        except Incomplete as odd:
            if method == "GET":
                raise
            raise Unreadable(str(odd)) from odd
        except (LookupError, TypeError, ValueError, AttributeError, ArithmeticError) as odd:
            raise Unreadable(
                f"Stripe, {endpoint}: the answer is not what Stripe answers "
                f"({type(odd).__name__}: {one_line(str(odd), 100)})"
            ) from odd

    def _pages(
        self, path: str, query: Body, read: Callable[[Body], _A], *, name: str = ""
    ) -> Iterator[tuple[_A, ...]]:
        def page(body: Body) -> tuple[tuple[_A, ...], str | None, bool]:
            rows, more = listed(body)
            last = id_of(rows[-1]) if rows else None
            return tuple(read(row) for row in rows), last, more

        after: str | None = None
        while True:
            wanted = {**query, "limit": PAGE}
            if after is not None:
                wanted["starting_after"] = after
            try:
                rows, last, more = self._read(path, wanted, read=page, name=name)
            except Refused as no:
                if after is None:
                    raise
                # The row we stood at is gone: a draft was deleted meanwhile.
                raise Incomplete(f"Stripe's {path} moved while read: {no}") from no
            yield rows
            if not more:
                return
            if last is None or last == after:
                raise Incomplete(f"Stripe's {path} does not come to an end")
            after = last


def _livemode(found: Body) -> bool | None:
    """The mode of the first invoice; None where there is none yet."""
    rows, _ = listed(found)
    return truth(rows[0]["livemode"], "livemode") if rows else None


def _named(event: Body) -> str | None:
    """The invoice that an event is about."""
    thing = event["data"]["object"]
    name = thing.get("invoice") if "credit" in event["type"] else thing.get("id")
    return name if isinstance(name, str) else None


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
