"""Usage invoices: drafts as they are now, finalization, void, regeneration.

A draft is computed when it is asked for and moves with usage, rates and credits. Its id
follows from its contract and period, so it stays when the draft becomes final.
"""

import uuid
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from connectors.localcore import (
    billing_periods,
    credit_book,
    invoice_shapes,
    ledger,
    rate_cards,
    scheduled_invoices,
)
from connectors.localcore.burndown import DEDUCTION
from connectors.localcore.errors import BadRequest, NotFound
from connectors.localcore.invoice_shapes import KIND, SCHEDULED, USAGE
from connectors.localcore.lifecycle import (
    DRAFT,
    FINALIZED,
    VOID,
    due_at,
    regenerate_refusal,
    void_refusal,
)
from connectors.localcore.metering import Source, booked, meters_of
from connectors.localcore.rating import rate, spend
from connectors.localcore.tx import Stored, Tx
from connectors.localcore.words import Draft, LedgerEntry, Period, Segment
from state.clock import iso, utc

LIVE = "live_usage_invoice"
SUCCESSOR = "regenerated_invoice"
_SPACE = uuid.UUID("6f1c0b52-5f0e-4a36-9d43-6d7c9a1d4a10")
NOTHING = Draft()
Payers = Sequence[tuple[Stored, Segment]]


@dataclass(frozen=True, slots=True)
class OpenInvoice:
    """A period without a final invoice, and what it comes to now."""

    contract: Stored
    period: Period
    id: str
    unit_id: str
    draft: Draft = NOTHING
    charges: tuple[scheduled_invoices.Item, ...] = ()
    payers: Payers = ()


def usage_invoice_id(contract_id: str, start: datetime) -> str:
    """The id of a period's invoice, from its draft on."""
    return str(uuid.uuid5(_SPACE, f"{contract_id} {iso(start)}"))


def unit_of(tx: Tx, contract: Stored) -> str:
    """The pricing unit that a contract's usage is invoiced in."""
    card = tx.need(rate_cards.KIND, contract.body["rate_card_id"])
    return str(card.body["fiat_credit_type_id"])


def rated(
    tx: Tx,
    contract: Stored,
    period: Period,
    payers: Payers,
    source: Source,
    cuts: Iterable[datetime] = (),
) -> Draft:
    """What a period of a contract comes to, with these credits and this usage."""
    meters = meters_of(tx, contract.body["rate_card_id"], period, source)
    mine = [
        segment
        for credit, segment in payers
        if credit_book.pays_on(credit, contract.id)
        and segment.window.start < period.end
        and segment.window.end > period.start
    ]
    return rate(meters, mine, period, cuts=cuts)


def open_invoices(
    tx: Tx, customer_id: str, source: Source | None = None
) -> list[OpenInvoice]:
    """A customer's drafts, in the order in which they will become final.

    A credit that may pay on several of them pays the first one first.
    """
    usage = source or booked(tx, customer_id)
    begun = [
        (period, contract)
        for contract in tx.find("contract", customer_id=customer_id, state="ACTIVE")
        for period in billing_periods.begun_periods(contract, tx.now)
    ]
    begun.sort(key=lambda pair: (pair[0].end, pair[1].seq))
    payers: dict[str, Payers] = {}
    found = []
    for period, contract in begun:
        unit_id = unit_of(tx, contract)
        if unit_id not in payers:
            payers[unit_id] = credit_book.segments_of(tx, customer_id, unit_id)
        before = payers[unit_id]
        draft = rated(tx, contract, period, before, usage)
        payers[unit_id] = _after(before, draft)
        identity = usage_invoice_id(contract.id, period.start)
        charges = scheduled_invoices.with_period(tx, contract, period.end)
        found.append(
            OpenInvoice(contract, period, identity, unit_id, draft, charges, before)
        )
    return found


def _after(payers: Payers, draft: Draft) -> Payers:
    left = spend([segment for _, segment in payers], draft.drawdowns)
    return [(credit, one) for (credit, _), one in zip(payers, left, strict=True)]


def shown_drafts(
    tx: Tx, customer_id: str, source: Source | None = None
) -> list[dict[str, Any]]:
    """A customer's drafts as invoices: usage first, then charges of days to come."""
    usage = [usage_body(tx, one) for one in open_invoices(tx, customer_id, source)]
    charges = [
        {**one.body(tx), "status": DRAFT}
        for contract in tx.find("contract", customer_id=customer_id, state="ACTIVE")
        for one in scheduled_invoices.still_to_come(tx, contract)
    ]
    return [*({**one, "status": DRAFT} for one in usage), *charges]


def usage_body(tx: Tx, one: OpenInvoice) -> dict[str, Any]:
    """A usage invoice, without a status."""
    lines = invoice_shapes.usage_lines(tx, one.draft, one.unit_id)
    lines += scheduled_invoices.lines_of(tx, one.charges, one.unit_id)
    shown = invoice_shapes.invoice(tx, one.contract, one.id, USAGE, one.unit_id, lines)
    return {
        **shown,
        "start_timestamp": one.period.start,
        "end_timestamp": one.period.end,
    }


# --- what becomes final ------------------------------------------------------------------


def finalize_period(tx: Tx, contract: Stored, period: Period) -> Stored:
    """Make the draft of a contract's oldest open period final, as of when it fell due."""
    one = OpenInvoice(
        contract,
        period,
        usage_invoice_id(contract.id, period.start),
        unit_of(tx, contract),
        charges=scheduled_invoices.with_period(tx, contract, period.end),
    )
    body = {**contract.body, "next_period": period.end}
    invoice = _finalize(tx, one, due_at(period), drawn_at=period.end)
    tx.update("contract", contract.id, body)
    return invoice


def _finalize(
    tx: Tx, one: OpenInvoice, issued_at: datetime, *, drawn_at: datetime, **more: Any
) -> Stored:
    customer_id = one.contract.customer_id or ""
    payers = credit_book.segments_of(tx, customer_id, one.unit_id)
    source = booked(tx, customer_id)
    final = replace(one, draft=rated(tx, one.contract, one.period, payers, source))
    body = {**usage_body(tx, final), "status": FINALIZED, "issued_at": issued_at, **more}
    scheduled_invoices.mark(tx, one.charges, one.id)
    for taken in final.draft.drawdowns:
        entry = LedgerEntry(
            DEDUCTION,
            taken.amount.copy_negate(),
            drawn_at,
            taken.segment_id,
            one.id,
            one.contract.id,
        )
        ledger.write(tx, customer_id, taken.credit_id, entry)
    tx.claim(LIVE, _live_key(one.contract.id, one.period.start), one.id)
    invoice = scheduled_invoices.keep(tx, one.contract, body)
    tx.audit("finalize", KIND, one.id)
    return invoice


def _live_key(contract_id: str, start: datetime) -> str:
    return f"{contract_id} {iso(start)}"


# --- void and regenerate -------------------------------------------------------------------


def status_of(tx: Tx, identity: str) -> tuple[str, Stored | None]:
    """An invoice's status, and its document unless it is a draft; 404 when unknown."""
    stored = tx.get(KIND, identity)
    if stored is not None:
        return str(stored.state), stored
    for contract in tx.find("contract", state="ACTIVE"):
        begun = billing_periods.begun_periods(contract, tx.now)
        names = {usage_invoice_id(contract.id, period.start) for period in begun}
        names |= {one.id for one in scheduled_invoices.still_to_come(tx, contract)}
        if identity in names:
            return DRAFT, None
    raise NotFound(f"id: invoice {identity} was not found")


def void_invoice(tx: Tx, identity: str) -> None:
    """Void a final invoice. Its lines and total stay; credits get back what it drew."""
    status, invoice = status_of(tx, identity)
    refused = void_refusal(identity, status)
    if refused is not None or invoice is None:
        raise BadRequest(refused or f"id: invoice {identity} is {status}")
    ledger.give_back(tx, invoice.customer_id or "", identity)
    tx.release(LIVE, identity=identity)
    tx.update(KIND, identity, {**invoice.body, "status": VOID}, state=VOID)
    tx.audit("void", KIND, identity)


def regenerate_invoice(tx: Tx, identity: str) -> str:
    """Bill a void invoice's period again, from usage, rates and balances as they are now.

    The new invoice is final at once and names the old one; the old one never changes.
    """
    status, invoice = status_of(tx, identity)
    refused = regenerate_refusal(identity, status, tx.holder(SUCCESSOR, identity))
    if refused is not None or invoice is None:
        raise BadRequest(refused or f"id: invoice {identity} is {status}")
    contract = tx.need("contract", invoice.body["contract_id"])
    fresh = tx.new_id()
    tx.claim(SUCCESSOR, identity, fresh)
    link = {"regenerated_from_invoice_id": identity}
    if invoice.body["type"] == SCHEDULED:
        scheduled_invoices.regenerate(tx, contract, invoice, fresh, link)
    else:
        _regenerate_usage(tx, contract, invoice, fresh, link)
    tx.audit("regenerate", KIND, fresh, f"from {identity}")
    return fresh


def _regenerate_usage(
    tx: Tx, contract: Stored, invoice: Stored, fresh: str, link: dict[str, str]
) -> None:
    start = utc(invoice.body["start_timestamp"])
    end = utc(invoice.body["end_timestamp"])
    ending = billing_periods.terms_of(contract).ending_before
    if ending is not None and ending <= start:
        raise BadRequest(
            f"id: invoice {invoice.id} is of a period from {iso(start)}, and its contract"
            f" now ends {iso(ending)}: there is nothing to bill again"
        )
    period = Period(start, end if ending is None else min(end, ending))
    live = tx.holder(LIVE, _live_key(contract.id, start))
    if live is not None:
        raise BadRequest(f"id: invoice {live} bills this contract and period already")
    charges = scheduled_invoices.let_go(tx, contract, invoice)
    unit_id = unit_of(tx, contract)
    one = OpenInvoice(contract, period, fresh, unit_id, charges=charges)
    _finalize(tx, one, tx.now, drawn_at=tx.now, **link)
