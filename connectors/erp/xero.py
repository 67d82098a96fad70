"""Xero: invoices and credit notes, whose allocations say what paid what.

A void keeps its total. Rows are read in the order of their ids: in the order of their
change a row that moves to the end pulls another over a page's edge. `AmountCredited`
counts prepayments and overpayments too, which are cash: only credit notes are credits.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

from connectors.erp import rows as row_of
from connectors.erp.faults import Fault, Meaning
from connectors.erp.register import Ask, Moved
from connectors.erp.rows import Applied, Invoice, Memo, Standing, text
from connectors.failures import Incomplete, Misconfigured, Refused
from connectors.ports import (
    Capabilities,
    Entity,
    Identity,
    Pairing,
    PeriodLock,
    Shown,
    Voiding,
)
from connectors.wire import Params, Wire, segment

PAGE = 100
PAGES_MAX = 10_000
NOTE_MAX = 2500  # characters of a history note
KEY_MAX = 128  # of an idempotency key
API = "/api.xro/2.0"
CAPABILITIES = Capabilities(
    voiding=Voiding.STATUS,
    cursor="If-Modified-Since, 10 min of overlap",
    deletions="drafts by status; nothing else is deleted",
    pairing=Pairing.EXACT,
    currencies=True,
    entities=False,
    locks=True,
    flags=True,
    page=PAGE,
    concurrency=1,
)
MEANINGS = {
    "AuthorizationUnsuccessful": Meaning.SETTING,
    "Forbidden": Meaning.SETTING,
    "Unauthorized": Meaning.LOGIN,
}
REMEDIES = {
    "Forbidden": "is erp.company the tenant's id, and was it chosen when consenting?",
    "AuthorizationUnsuccessful": "is erp.company the tenant's id, and was it chosen?",
}
_STATUS = {
    "DRAFT": Standing.DRAFT,
    "SUBMITTED": Standing.DRAFT,
    "AUTHORISED": Standing.POSTED,
    "PAID": Standing.POSTED,
    "VOIDED": Standing.VOID,
}
_DELETED = "DELETED"
_MOMENT = re.compile(r"/Date\((-?\d{1,15})(?:[+-]\d{4})?\)/")
_GUID = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")


def read_fault(body: Any) -> Fault | None:
    """Xero: the first validation error where there is one, else what stands on top."""
    elements = body.get("Elements") or [{}]
    errors = elements[0].get("ValidationErrors") or [{}]
    said = errors[0].get("Message") or body.get("Message") or body.get("Detail") or ""
    code = body.get("Type") or body.get("Title") or ""
    return Fault(str(code), str(said)) if said or code else None


def day_over(headers: Mapping[str, str]) -> bool:
    """Is it the day's quota, and not the minute's, that is used up?"""
    return headers.get("X-Rate-Limit-Problem", "").strip().lower() == "day"


@dataclass(frozen=True, slots=True)
class Xero:
    """One organisation, which Xero calls a tenant. `wire` names it in a header."""

    wire: Wire
    tenant: str
    page: int = PAGE

    system = "xero"
    capabilities = CAPABILITIES
    overlap = timedelta(minutes=10)
    remembers = None
    ids_at_once = 40  # an address of 40 ids is 1,500 characters long

    def identify(self) -> Identity:
        """The organisation; it must be one that was chosen when somebody consented."""
        found = self.wire.get("/connections").data
        chosen = row_of.listed(found, "Xero answered without its connections")
        known = {text(one, "tenantId"): text(one, "tenantName") for one in chosen}
        if self.tenant not in known:
            names = ", ".join(f"{name} ({key})" for key, name in known.items()) or "none"
            raise Misconfigured(f"company {self.tenant} was not chosen; chosen: {names}")
        row = self._organisation()
        entity = Entity(self.tenant, text(row, "Name"), text(row, "BaseCurrency") or None)
        return Identity("Xero", text(row, "Name"), entities=(entity,))

    def locks(self) -> tuple[PeriodLock, ...]:
        """The later of the two lock dates."""
        row = self._organisation()
        told = (moment(row.get(name)) for name in ("PeriodLockDate", "EndOfYearLockDate"))
        days = [one.date() for one in told if one is not None]
        return (PeriodLock(None, max(days)),) if days else ()

    def look(self) -> "Xero":
        """Nothing is kept between questions."""
        return self

    # --- what is asked --------------------------------------------------------------

    def now(self) -> datetime:
        """The time of an answer."""
        data = self._ask("Organisation")
        found = moment(data.get("DateTimeUTC"))
        if found is None:
            raise Incomplete("Xero does not say what time it is")
        return found

    def invoices(self, ask: Ask) -> Iterator[list[Invoice]]:
        """Sales invoices. A deleted draft is still told, and is left out here."""
        where = {"where": 'Type=="ACCREC"', "order": "InvoiceID ASC"}
        if ask.ids is not None:
            where["IDs"] = ",".join(guid(name) for name in ask.ids)
        for rows in self._pages("Invoices", "InvoiceID", where, ask.since):
            found = [self._invoice(row) for row in rows if text(row, "Status") != _DELETED]
            if found:
                yield found

    def memos(self, ask: Ask) -> Iterator[list[Memo]]:
        """Credit notes to customers; by id one at a time, as there is no list of ids."""
        if ask.ids is not None:
            found = [self._note(name) for name in ask.ids]
            rows = [row for row in found if row is not None]
            yield [self._memo(row) for row in rows if text(row, "Status") != _DELETED]
            return
        where = {"where": 'Type=="ACCRECCREDIT"', "order": "CreditNoteID ASC"}
        for page in self._pages("CreditNotes", "CreditNoteID", where, ask.since):
            yield [self._memo(row) for row in page if text(row, "Status") != _DELETED]

    def applied_to(self, invoices: Sequence[Invoice]) -> list[Applied]:
        """The credit notes that an invoice lists, each with what it took off."""
        found = []
        for one in invoices:
            for note in one.raw.get("CreditNotes") or []:
                name = text(note, "CreditNoteID")
                if "AppliedAmount" in note:
                    used = row_of.amount(note["AppliedAmount"], f"invoice {one.number}")
                    found.append(Applied(name, one.id, used))
                elif (row := self._note(name)) is not None:
                    found += [use for use in _allocations(row) if use.invoice == one.id]
        return found

    def applied_from(self, memos: Sequence[Memo]) -> list[Applied]:
        """Allocations. A payment of a credit note is a refund, and applies nothing."""
        return [use for one in memos for use in _allocations(one.raw)]

    def moved(self, since: datetime) -> Moved:  # noqa: ARG002 - an allocation moves its own stamps
        """An allocation moves the stamps of both its documents."""
        return Moved()

    # --- a flag where people work ---------------------------------------------------

    def show_flag(self, document_id: str, tag: str, words: str) -> Shown:
        """A note in the invoice's history: append-only, found again by its tag."""
        path = f"{API}/Invoices/{segment(document_id)}/History"
        rows = _listed(self.wire.get(path).data, "HistoryRecords")
        if any(text(row, "Details").startswith(tag) for row in rows):
            return Shown(tag, made=False)
        note = {"HistoryRecords": [{"Details": f"{tag} {words}"[:NOTE_MAX]}]}
        key = re.sub(r"[^A-Za-z0-9]+", "-", tag).strip("-")[:KEY_MAX]
        self.wire.write("PUT", path, note, headers={"Idempotency-Key": key})
        return Shown(tag, made=True)

    # --- how it is asked ------------------------------------------------------------

    def _organisation(self) -> Mapping[str, Any]:
        rows = _listed(self._ask("Organisation"), "Organisations")
        if not rows:
            raise Incomplete("Xero answered without an organisation")
        return rows[0]

    def _note(self, name: str) -> Mapping[str, Any] | None:
        try:
            rows = _listed(self._ask(f"CreditNotes/{segment(name)}"), "CreditNotes")
        except Refused as no:
            if no.status == 404:  # noqa: PLR2004 - gone
                return None
            raise
        return rows[0] if rows else None

    def _ask(self, what: str) -> Mapping[str, Any]:
        data = self.wire.get(f"{API}/{what}").data
        if not isinstance(data, dict):
            raise Incomplete(f"Xero answered {what} with something else")
        return data

    def _pages(
        self, what: str, key: str, query: Mapping[str, str], since: datetime | None
    ) -> Iterator[list[Mapping[str, Any]]]:
        headers = {}
        if since is not None:
            headers["If-Modified-Since"] = since.strftime("%Y-%m-%dT%H:%M:%S")
        seen: set[str] = set()
        for page in range(1, PAGES_MAX):
            asked: Params = {**query, "page": page, "pageSize": self.page}
            data = self.wire.get(f"{API}/{what}", asked, headers=headers).data
            rows = _listed(data, what)
            fresh = [row for row in rows if text(row, key) not in seen]
            seen |= {text(row, key) for row in fresh}
            if fresh:
                yield fresh
            pages = (data.get("pagination") or {}).get("pageCount")
            if not isinstance(pages, int):
                raise Incomplete(f"Xero does not say how many pages of {what} there are")
            if page >= pages:
                return
        raise Incomplete(f"Xero's list of {what} does not come to an end")

    # --- what it says ---------------------------------------------------------------

    def _invoice(self, row: Mapping[str, Any]) -> Invoice:
        name = text(row, "InvoiceID")
        what = f"invoice {text(row, 'InvoiceNumber') or name}"
        return Invoice(
            id=name,
            number=text(row, "InvoiceNumber"),
            standing=row_of.standing(_STATUS, text(row, "Status"), what),
            native=text(row, "Status"),
            currency=text(row, "CurrencyCode"),
            total=row_of.amount(row.get("Total"), what),
            balance=row_of.amount(row.get("AmountDue"), what),
            tax=row_of.amount(row.get("TotalTax") or 0, what),
            references=(text(row, "Reference"), text(row, "Url")),
            customer=text(row, "Contact", "ContactID"),
            entity=self.tenant,
            posted_on=_day(row.get("Date")),
            due_on=_day(row.get("DueDate")),
            url=f"https://go.xero.com/AccountsReceivable/View.aspx?InvoiceID={name}",
            raw=row,
        )

    def _memo(self, row: Mapping[str, Any]) -> Memo:
        name = text(row, "CreditNoteID")
        what = f"credit note {text(row, 'CreditNoteNumber') or name}"
        return Memo(
            id=name,
            number=text(row, "CreditNoteNumber"),
            standing=row_of.standing(_STATUS, text(row, "Status"), what),
            native=text(row, "Status"),
            currency=text(row, "CurrencyCode"),
            total=row_of.amount(row.get("Total"), what),
            tax=row_of.amount(row.get("TotalTax") or 0, what),
            text=text(row, "Reference"),
            customer=text(row, "Contact", "ContactID"),
            entity=self.tenant,
            posted_on=_day(row.get("Date")),
            document_on=_day(row.get("Date")),
            left=row_of.told_amount(row, "RemainingCredit", what),
            refunds=_refunds(row, what),
            raw=row,
        )


def _allocations(row: Mapping[str, Any]) -> list[Applied]:
    what = f"credit note {text(row, 'CreditNoteNumber')}"
    return [
        Applied(
            text(row, "CreditNoteID"),
            text(one, "Invoice", "InvoiceID"),
            row_of.amount(one.get("Amount"), what),
            on=_day(one.get("Date")),
        )
        for one in row.get("Allocations") or []
        if not one.get("IsDeleted")
    ]


def _refunds(
    row: Mapping[str, Any], what: str
) -> tuple[tuple[Decimal, date | None], ...] | None:
    """A payment of a credit note pays it out."""
    told = row.get("Payments")
    if told is None:
        return None
    return tuple(
        (row_of.amount(one["Amount"], what), _day(one.get("Date")))
        for one in told
        if "Amount" in one
    )


def moment(value: Any) -> datetime | None:
    """A time like /Date(1539993600000+0000)/, whose offset is only how it was shown."""
    if value is None or value == "":
        return None
    found = _MOMENT.fullmatch(str(value))
    if found is None:
        raise Incomplete(f"Xero sent a time that is none: {str(value)[:40]!r}")
    return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=int(found[1]))


def guid(name: str) -> str:
    """An id for a list of ids. Raises Incomplete for what is none."""
    if _GUID.fullmatch(name) is None:
        raise Incomplete(f"{name[:40]!r} is no id of Xero")
    return name


def _day(value: Any) -> date | None:
    found = moment(value)
    return None if found is None else found.date()


def _listed(data: Any, name: str) -> list[Mapping[str, Any]]:
    found = data.get(name) if isinstance(data, dict) else None
    return row_of.listed(found, f"Xero answered without {name}")
