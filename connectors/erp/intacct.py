"""Sage Intacct by its REST query service: one object a question, applications by the line.

A void is a reversal: the original stays, reversed, beside a second document that takes it
back. An adjustment below zero is a credit memo, one above it a debit memo. An invoice made
by order entry is deleted and made anew when its source changes, so its key moves.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from connectors.erp import rows as row_of
from connectors.erp.faults import Fault, Meaning
from connectors.erp.register import Ask, Moved, in_sight
from connectors.erp.rows import Applied, Invoice, Memo, Standing, text
from connectors.failures import Incomplete
from connectors.ports import (
    Capabilities,
    Entity,
    Identity,
    Pairing,
    PeriodLock,
    Voiding,
)
from connectors.wire import Wire
from state.clock import iso

PAGE = 2000
PAGES_MAX = 10_000
QUERY = "/ia/api/v1/services/core/query"
RETRY_HEADERS = ("X-IA-Throttle-Limit-RetryAfter", "Retry-After")
CAPABILITIES = Capabilities(
    voiding=Voiding.REVERSAL,
    cursor="modifiedDateTime, 10 min of overlap",
    deletions="by id",
    pairing=Pairing.EXACT,
    currencies=True,
    entities=True,
    locks=False,
    flags=False,
    page=PAGE,
    concurrency=1,
)
MEANINGS = {
    "GW-0010": Meaning.LATER,
    "GW-0011": Meaning.SETTING,
    "GW-0012": Meaning.SETTING,
    "REST-2102": Meaning.LOGIN,
    "tokenInvalid": Meaning.LOGIN,
    "permissionDenied": Meaning.SETTING,
}
REMEDIES = {
    "GW-0012": "erp.username must name the company too: user@company",
    "REST-2102": "another login of the same user ends this one; give Tieout its own user",
    "permissionDenied": "give the user the permissions of docs/erp/intacct.md",
}
_STATES = {
    "draft": Standing.DRAFT,
    "posted": Standing.POSTED,
    "partiallypaid": Standing.POSTED,
    "paid": Standing.POSTED,
    "reversed": Standing.VOID,
    "reversal": Standing.VOID,  # the document that takes the other one back
}
_STAMP = "audit.modifiedDateTime"
_SHARED = ("key", "state", "description", "customer.id", "entity.id", _STAMP)
_INVOICE = (
    *_SHARED,
    "invoiceNumber",
    "referenceNumber",
    "invoiceDate",
    "dueDate",
    "totalTxnAmount",
    "totalTxnAmountDue",
    "currency.txnCurrency",
    "moduleKey",
    "salesDocument.id",
)
_ADJUSTMENT = (
    *_SHARED,
    "adjustmentNumber",
    "documentNumber",
    "createdDate",
    "glPostingDate",
    "txnCurrency.totalEntered",
    "txnCurrency.totalDue",
    "txnCurrency.currency",
)
_DETAIL = (
    "key",
    "arInvoice.key",
    "arAdjustment.key",
    "txnCurrency.adjustmentAmount",
    "paymentDate",
    _STAMP,
)


def read_fault(body: Any) -> Fault | None:
    """Intacct: `ia::error`, whose `errorId` is finer than its `code`."""
    error = body["ia::error"]
    return Fault(
        str(error.get("errorId") or error.get("code")), str(error.get("message", ""))
    )


@dataclass(frozen=True, slots=True)
class Intacct:
    """One company; `entities` are read, or all that the user sees."""

    wire: Wire
    company: str
    entities: tuple[str, ...] = ()
    page: int = PAGE

    system = "intacct"
    capabilities = CAPABILITIES
    overlap = timedelta(minutes=10)
    remembers = None
    ids_at_once = 200

    def identify(self) -> Identity:
        """The company and the entities that this user sees."""
        rows = self._rows("company-config/entity", ("key", "id", "name"), [])
        seen = [Entity(text(row, "id"), text(row, "name")) for row in rows]
        entities = in_sight(seen, self.entities, "user", "entity")
        return Identity("Sage Intacct", self.company, entities=entities)

    def locks(self) -> tuple[PeriodLock, ...]:
        """Intacct's reporting periods do not say whether they are closed."""
        return ()

    def look(self) -> "Intacct":
        """Nothing is kept between questions."""
        return self

    # --- what is asked --------------------------------------------------------------

    def now(self) -> datetime:
        """The time of an answer."""
        reply = self.wire.query(
            QUERY, _question("accounts-receivable/invoice", ("key",), [], 1, 1)
        )
        if reply.date is None:
            raise Incomplete("Sage Intacct does not say what time it is")
        return reply.date

    def invoices(self, ask: Ask) -> Iterator[list[Invoice]]:
        """Invoices by key."""
        for rows in self._pages(
            "accounts-receivable/invoice", _INVOICE, self._filters(ask)
        ):
            yield [self._invoice(row) for row in rows]

    def memos(self, ask: Ask) -> Iterator[list[Memo]]:
        """Adjustments below zero."""
        pages = self._pages(
            "accounts-receivable/adjustment", _ADJUSTMENT, self._filters(ask)
        )
        for rows in pages:
            yield [self._memo(row) for row in rows if _entered(row) < 0]

    def applied_to(self, invoices: Sequence[Invoice]) -> list[Applied]:
        """Payment details of these invoices that use an adjustment."""
        return self._applied("arInvoice.key", [one.id for one in invoices])

    def applied_from(self, memos: Sequence[Memo]) -> list[Applied]:
        """Payment details that use these adjustments."""
        return self._applied("arAdjustment.key", [one.id for one in memos])

    def moved(self, since: datetime) -> Moved:
        """Invoices of changed payment details: paying moves no other stamp for sure."""
        rows = self._rows("accounts-receivable/payment-detail", _DETAIL, [_after(since)])
        return Moved(frozenset(filter(None, (text(row, "arInvoice.key") for row in rows))))

    # --- how it is asked ------------------------------------------------------------

    def _filters(self, ask: Ask) -> list[Mapping[str, Any]]:
        filters: list[Mapping[str, Any]] = []
        if ask.ids is not None:
            filters.append({"$in": {"key": list(ask.ids)}})
        elif ask.since is not None:
            filters.append(_after(ask.since))
        if self.entities:
            filters.append({"$in": {"entity.id": list(self.entities)}})
        return filters

    def _applied(self, side: str, names: Sequence[str]) -> list[Applied]:
        if not names:
            return []
        where = [{"$in": {side: list(names)}}]
        return [
            Applied(
                text(row, "arAdjustment.key"),
                text(row, "arInvoice.key"),
                row_of.amount(row["txnCurrency.adjustmentAmount"], "a payment detail"),
                on=row_of.day(text(row, "paymentDate"), "a payment detail"),
            )
            for row in self._rows("accounts-receivable/payment-detail", _DETAIL, where)
            if text(row, "arAdjustment.key") and row.get("txnCurrency.adjustmentAmount")
        ]

    def _rows(
        self, kind: str, fields: Sequence[str], filters: Sequence[Mapping[str, Any]]
    ) -> Iterator[Mapping[str, Any]]:
        for rows in self._pages(kind, fields, filters):
            yield from rows

    def _pages(
        self, kind: str, fields: Sequence[str], filters: Sequence[Mapping[str, Any]]
    ) -> Iterator[list[Mapping[str, Any]]]:
        """Pages by key, each beginning with the last row of the one before it.

        Rows are counted, not named, by `start`: one that goes away pulls another over a
        page's edge. Then that first row is another, and the list is no answer; the total
        alone would not say so where a row has come meanwhile.
        """
        start, total = 1, 0
        last = None  # the key at the edge
        for _ in range(PAGES_MAX):
            question = _question(kind, fields, filters, start, self.page)
            rows, meta = _answered(self.wire.query(QUERY, question).data, kind)
            edge = text(rows[0], "key") if rows else None
            count = meta.get("totalCount")
            if not isinstance(count, int) or count < total or (last and edge != last):
                raise Incomplete(
                    f"Sage Intacct: the list of {kind} moved while it was read"
                )
            total = count
            fresh = rows[1:] if last else rows
            if fresh:
                yield fresh
            after = meta.get("next")
            if after is None:
                return
            if not isinstance(after, int) or not fresh or after <= start + 1:
                break
            start, last = after - 1, text(rows[-1], "key")
        raise Incomplete(f"Sage Intacct: the list of {kind} does not come to an end")

    # --- what it says ---------------------------------------------------------------

    def _invoice(self, row: Mapping[str, Any]) -> Invoice:
        what = f"invoice {text(row, 'invoiceNumber') or text(row, 'key')}"
        return Invoice(
            id=text(row, "key"),
            number=text(row, "invoiceNumber"),
            standing=_standing(row, what),
            native=text(row, "state"),
            currency=text(row, "currency.txnCurrency"),
            total=row_of.amount(row.get("totalTxnAmount"), what),
            balance=row_of.amount(row.get("totalTxnAmountDue"), what),
            references=(
                text(row, "referenceNumber"),
                text(row, "description"),
                text(row, "salesDocument.id"),
            ),
            customer=text(row, "customer.id"),
            entity=text(row, "entity.id") or None,
            posted_on=row_of.day(text(row, "invoiceDate"), what),
            due_on=row_of.day(text(row, "dueDate"), what),
        )

    def _memo(self, row: Mapping[str, Any]) -> Memo:
        what = f"adjustment {text(row, 'adjustmentNumber') or text(row, 'key')}"
        return Memo(
            id=text(row, "key"),
            number=text(row, "adjustmentNumber"),
            standing=_standing(row, what),
            native=text(row, "state"),
            currency=text(row, "txnCurrency.currency"),
            total=-_entered(row),
            text=text(row, "description") or text(row, "documentNumber"),
            customer=text(row, "customer.id"),
            entity=text(row, "entity.id") or None,
            posted_on=row_of.day(
                text(row, "glPostingDate") or text(row, "createdDate"), what
            ),
            document_on=row_of.day(text(row, "createdDate"), what),
            left=_left(row, what),
        )


def _left(row: Mapping[str, Any], what: str) -> Decimal | None:
    due = row_of.told_amount(row, "txnCurrency.totalDue", what)
    return None if due is None else abs(due)


def _question(
    kind: str,
    fields: Sequence[str],
    filters: Sequence[Mapping[str, Any]],
    start: int,
    size: int,
) -> Mapping[str, Any]:
    """One question; rows that are private to an entity are asked for too."""
    return {
        "object": kind,
        "fields": list(fields),
        "filters": list(filters),
        "filterExpression": "and",
        "filterParameters": {"includePrivate": True},
        "orderBy": [{"key": "asc"}],
        "start": start,
        "size": size,
    }


def _answered(data: Any, kind: str) -> tuple[list[Mapping[str, Any]], Mapping[str, Any]]:
    said = f"Sage Intacct answered a query of {kind} with no page"
    meta = data.get("ia::meta") if isinstance(data, dict) else None
    if not isinstance(meta, dict):
        raise Incomplete(said)
    return row_of.listed(data.get("ia::result"), said), meta


def _after(since: datetime) -> Mapping[str, Any]:
    return {"$gte": {_STAMP: iso(since)}}


def _entered(row: Mapping[str, Any]) -> Decimal:
    return row_of.amount(row.get("txnCurrency.totalEntered"), "an adjustment")


def _standing(row: Mapping[str, Any], what: str) -> Standing:
    """The state, however it is spelt: partiallyPaid, partially_paid ..."""
    word = re.sub(r"[^a-z]", "", text(row, "state").lower())
    return row_of.standing(_STATES, word, what)
