"""Compare the books of one core invoice, leg by leg; pure.

Chooses which document stands for the invoice, which memos count, and hands the figures to
the one `classify_leg`. What classification cannot see in one leg, duplicates and crossed
links, is found here, before it.
"""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime

from state.invoices import CoreStatus
from state.links import BY_HAND, NAMED_BY_HAND
from state.money import display
from state.pushes import PushRecord, PushState
from state.receivables import STRIPE, CreditMemo, DocumentStatus, DownstreamInvoice
from state.worklist import Flag
from sync.books import Ask, Row
from sync.classify import CoreSide, Kind, Leg, LegResult, Memo, classify_leg
from sync.decide import Case, Held

_STILL_COMING = frozenset(
    {PushState.PENDING, PushState.ATTEMPTED, PushState.CREATED, PushState.FILLED}
)


@dataclass(frozen=True, slots=True)
class Compared:
    """The rows of one core invoice, and the memos each of them counted."""

    rows: tuple[Row, ...]
    counted: tuple[tuple[str, str], ...]  # (target, memo id)


def compare(
    case: Case,
    targets: Iterable[str],
    *,
    tolerance: int,
    flags: Iterable[Flag] = (),
    claimed_elsewhere: frozenset[str] = frozenset(),
) -> Compared:
    """One row for each leg in which there is something to say.

    `claimed_elsewhere` are documents that the push of another core invoice claims.
    """
    rows: list[Row] = []
    counted: list[tuple[str, str]] = []
    named = tuple(flags)
    for target in targets:
        held = case.on(target)
        if case.invoice is None and not held:
            continue
        made, used = _leg_rows(case, target, held, tolerance, claimed_elsewhere)
        rows.extend(_with_flags(row, named) for row in made)
        counted.extend((target, memo.id) for memo in used)
    return Compared(tuple(rows), tuple(counted))


def standing(held: Iterable[Held]) -> Held | None:
    """The document that stands for the invoice: the live one, else the last that was."""
    some = sorted(
        held,
        key=lambda one: (
            one.document.status.live,
            one.document.created_at is not None,
            one.document.created_at,
            one.document.id,
        ),
    )
    return some[-1] if some else None


def eligible(held: Held) -> list[CreditMemo]:
    """The memos that may explain: issued, linked, approved, same currency, each id once.

    One that is posted and not applied explains nothing yet. Where its invoice is void or
    deleted it counts all the same: it gives away what nobody is billed any more.
    """
    counted = {
        memo.id: memo
        for memo in held.memos
        if _linked(memo, held.document)
        and memo.issued_to_an_invoice
        and memo.currency == held.document.currency
    }
    return [counted[name] for name in sorted(counted)]


def _linked(memo: CreditMemo, document: DownstreamInvoice) -> bool:
    """Does this memo bear on this document?"""
    return memo.invoice_id is not None and (memo.applied or not document.status.live)


def _leg_rows(
    case: Case,
    target: str,
    held: tuple[Held, ...],
    tolerance: int,
    claimed_elsewhere: frozenset[str],
) -> tuple[list[Row], list[CreditMemo]]:
    chosen = standing(held)
    core = _core_side(case, chosen)
    if sum(one.document.status.live for one in held) > 1:
        return _duplicates(case, target, core)
    result = classify_leg(core, _leg(case, target, chosen), tolerance)
    if result.kind in {Kind.NOT_DUE, Kind.NOT_CONFIGURED} and chosen is None:
        return [], []
    used = eligible(chosen) if chosen is not None else []
    row = _row(case, target, chosen, core, result, used)
    if case.invoice is not None and case.invoice.consolidated_in is not None:
        row = _noted(row, f"a statement: {case.invoice.consolidated_in} bills its lines")
    if chosen is not None and chosen.document.linked_by.startswith(BY_HAND):
        row = _explained_by_link(row, chosen.document)
    elif chosen is not None and chosen.document.id in claimed_elsewhere:
        row = replace(row, kind=Kind.LINK_CONFLICT)
    elif chosen is not None and chosen.document.linked_by.startswith(NAMED_BY_HAND):
        row = _noted(row, chosen.document.linked_by)
    return [row], used


def _explained_by_link(row: Row, document: DownstreamInvoice) -> Row:
    """Two persons tied this document to the invoice: what it differs by is explained.

    What the core does not bill, or bills no more, has nothing to differ from.
    """
    if row.core_status == CoreStatus.FINALIZED:
        row = replace(row, explained=row.explained + row.unexplained, unexplained=0)
    return _noted(row, f"linked {document.linked_by}")


def _noted(row: Row, note: str) -> Row:
    return replace(row, note="; ".join(some for some in (row.note, note) if some))


def _core_side(case: Case, chosen: Held | None) -> CoreSide:
    invoice = case.invoice
    if invoice is None or invoice.status is CoreStatus.ABSENT:
        currency = chosen.document.currency if chosen is not None else "USD"
        return CoreSide(CoreStatus.ABSENT, 0, currency)
    return CoreSide(invoice.status, invoice.due_minor, invoice.currency or "")


def _leg(case: Case, target: str, chosen: Held | None) -> Leg:
    record = case.record
    pending = target == STRIPE and record is not None and record.state in _STILL_COMING
    if chosen is None:
        currency = (case.invoice.currency if case.invoice else None) or "USD"
        return Leg(DocumentStatus.ABSENT, currency=currency, push_pending=pending)
    document = chosen.document
    return Leg(
        status=document.status,
        gross=document.gross_minor,
        currency=document.currency,
        memos=tuple(
            Memo(
                id=memo.id,
                amount=memo.amount_minor,
                currency=memo.currency,
                status=memo.status,
                linked=_linked(memo, document),
                approved=memo.approved,
            )
            for memo in chosen.memos
        ),
        push_pending=pending,
    )


def _row(
    case: Case,
    target: str,
    chosen: Held | None,
    core: CoreSide,
    result: LegResult,
    used: list[CreditMemo],
) -> Row:
    invoice = case.invoice
    document = chosen.document if chosen is not None else None
    posted = document is not None and document.status.posted
    gross = document.gross_minor if document is not None and posted else 0
    memos = -sum(memo.amount_minor for memo in used)
    return Row(
        target=target,
        kind=result.kind,
        customer_id=_customer_id(case, chosen),
        customer=case.customer.name if case.customer is not None else "",
        core_invoice_id=case.core_invoice_id,
        core_status=core.status,
        currency=document.currency if document is not None else core.currency,
        core_minor=core.amount if core.status == CoreStatus.FINALIZED else 0,
        original_minor=invoice.total_minor if invoice is not None else 0,
        document_id=document.id if document is not None else "",
        document_number=(document.number or "") if document is not None else "",
        document_status=document.status if document is not None else DocumentStatus.ABSENT,
        gross_minor=gross,
        memos_minor=memos,
        net_minor=gross + memos,
        net_variance=result.net_variance,
        rounding=result.rounding,
        closed=result.closed,
        explained=result.explained,
        unexplained=result.unexplained,
        tax_minor=document.tax_minor if document is not None and posted else 0,
        paid_minor=document.paid_minor if document is not None else 0,
        open_minor=document.owed_minor if document is not None else 0,
        regenerated_from=(invoice.regenerated_from or "") if invoice is not None else "",
        replaced_by=case.successor or "",
        issued_at=invoice.issued_at if invoice is not None else None,
        posted_at=_posted_at(document),
        start=invoice.start if invoice is not None else None,
        end=invoice.end if invoice is not None else None,
        memo_refs=tuple(memo.number or memo.id for memo in used),
        memo_tax_minor=-sum(memo.tax_minor for memo in used),
        core_currency=_other_currency(core, document),
        note=_crossed(core, document),
    )


def _posted_at(document: DownstreamInvoice | None) -> datetime | None:
    """Its posting date; where its register tells none, the day it was entered."""
    if document is None:
        return None
    entered = document.created_at if document.status.posted else None
    return document.posted_at or entered


def _other_currency(core: CoreSide, document: DownstreamInvoice | None) -> str:
    """The core's currency where the document has another."""
    billed = core.status in {CoreStatus.FINALIZED, CoreStatus.VOID}
    crossed = document is not None and billed and document.currency != core.currency
    return core.currency if crossed else ""


def _crossed(core: CoreSide, document: DownstreamInvoice | None) -> str:
    if not _other_currency(core, document):
        return ""
    return f"the core has {display(core.amount, core.currency)} {core.currency}: not netted"


def _duplicates(
    case: Case, target: str, core: CoreSide
) -> tuple[list[Row], list[CreditMemo]]:
    """More than one live document: all of them stand against the one core amount.

    Nothing is netted across currencies: each has a row of its own, and the core's amount
    stands in the first.
    """
    live = case.live_on(target)
    stays = None if core.status == CoreStatus.VOID else live[0].document.id
    newest = standing(live)
    assert newest is not None  # noqa: S101 - there are two
    currencies = {one.document.currency for one in live}
    first = core.currency if core.currency in currencies else newest.document.currency
    rows: list[Row] = []
    used: list[CreditMemo] = []
    for currency in sorted(currencies, key=lambda one: (one != first, one)):
        some = [one for one in live if one.document.currency == currency]
        memos = [memo for one in some for memo in eligible(one)]
        side = core if currency == first else CoreSide(core.status, 0, currency)
        row = _row(case, target, standing(some), side, _DUPLICATE, memos)
        if currency != first:
            row = _noted(
                replace(row, further=True, original_minor=0), f"not netted with {first}"
            )
        elif len(currencies) > 1:
            others = ", ".join(sorted(currencies - {first}))
            row = _noted(row, f"also billed in {others}: in a row of its own")
        rows.append(_together(row, some, stays))
        used += memos
    return rows, used


_DUPLICATE = LegResult(Kind.DUPLICATE_DOWNSTREAM)


def _together(row: Row, some: list[Held], stays: str | None) -> Row:
    """The row of one document, for several: all that is asked for, and what is to go."""
    documents = [one.document for one in some]
    posted = [one for one in documents if one.status.posted]
    gross = sum(one.gross_minor for one in posted)
    variance = gross + row.memos_minor - row.netted_core_minor
    asks = tuple(
        Ask(name, minor, minor)
        for name, minor in sorted(
            (one.document.id, 0 if one.document.id == stays else one.exposure_minor)
            for one in some
        )
    )
    own = variance - sum(ask.minor for ask in asks)
    if own and stays in {one.id for one in documents}:
        row = _noted(row, f"{stays} stays, and differs by {display(own, row.currency)}")
    return replace(
        row,
        document_id=", ".join(ask.document_id for ask in asks),
        gross_minor=gross,
        net_minor=gross + row.memos_minor,
        net_variance=variance,
        unexplained=variance,
        tax_minor=sum(one.tax_minor for one in posted),
        open_minor=sum(one.owed_minor for one in documents),
        paid_minor=sum(one.paid_minor for one in documents),
        asks=asks,
        own_minor=own,
    )


def _with_flags(row: Row, flags: Collection[Flag]) -> Row:
    if not flags:
        return row
    documents = set(row.document_id.split(", "))
    named = [
        flag
        for flag in flags
        if flag.target == row.target
        and (flag.downstream_id is None or flag.downstream_id in documents)
    ]
    if not named:
        return row
    since = min(flag.opened_at for flag in named)
    return replace(row, flag_refs=tuple(flag.id for flag in named), first_seen=since)


def _customer_id(case: Case, chosen: Held | None) -> str:
    if case.invoice is not None:
        return case.invoice.customer_id
    return (chosen.document.core_customer_id or "") if chosen is not None else ""


def claims(records: Mapping[str, PushRecord]) -> dict[str, str]:
    """Which push claims which Stripe document."""
    return {
        record.document_id: core_id
        for core_id, record in records.items()
        if record.document_id is not None
    }
