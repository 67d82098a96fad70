"""Words to rows: what is asked of each, typed and narrow, beside its canonical text."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from state.codec import decode, encode, fingerprint
from state.effective import effective_at, rewound
from state.invoices import CoreInvoice, CoreStatus
from state.observations import Changes
from state.receivables import DocumentStatus, DownstreamInvoice
from state.worklist import Flag

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


@dataclass(frozen=True, slots=True)
class WordRow:
    """One word on its way in."""

    kind: str
    id: str
    body: str
    fingerprint: str
    dated_at: int | None  # by its source
    ref: str = ""
    parent: str = ""
    status: str = ""
    currency: str = ""
    minor: int = 0
    tax: int = 0
    paid: int = 0
    open: int = 0
    began_at: int | None = None
    posted_at: int | None = None
    paid_at: int | None = None


def micros(moment: datetime) -> int:
    """A time as the tables keep it: microseconds since 1970, UTC."""
    return (moment - _EPOCH) // _MICROSECOND


def moment(value: int) -> datetime:
    """And back."""
    return _EPOCH + value * _MICROSECOND


def rows_of(changes: Changes) -> Iterator[WordRow]:
    """A row for each word but the flags, which need a number first."""
    for customer in changes.customers:
        yield _row("customer", customer.id, customer)
    for invoice in changes.invoices:
        yield _invoice_row(invoice)
    for credit in changes.credits:
        yield _row("credit", credit.id, credit, ref=credit.customer_id)
    yield from _downstream_rows(changes)
    for push in changes.pushes:
        yield _row(
            "push",
            push.core_invoice_id,
            push,
            ref=push.document_id or "",
            parent=push.reason,
            status=push.state.value,
            currency=push.currency,
            minor=push.total_minor,
        )
    for link in changes.links:
        yield _row(
            "link",
            link.id,
            link,
            ref=link.core_invoice_id,
            parent=f"{link.target}|{link.new_document_id}",
            status=link.state.value,
        )
    for one in changes.corrections:
        yield _row(
            "correction", one.id, one, ref=one.core_invoice_id, status=str(one.state)
        )


def _downstream_rows(changes: Changes) -> Iterator[WordRow]:
    """Documents and the memos on them."""
    for document in changes.documents:
        yield _document_row(document)
    for memo in changes.memos:
        yield _row(
            "memo",
            f"{memo.target}|{memo.id}",
            memo,
            ref=f"{memo.target}|{memo.invoice_id}",
            parent=memo.target,
            status=memo.status.value,
            currency=memo.currency,
            minor=memo.amount_minor,
            tax=memo.tax_minor,
            open=memo.taken_off_minor,
            posted_at=_micros(memo.posted_at),
        )


def stood_between(row: WordRow, before: str) -> WordRow | None:
    """What a word was from its posting on, until the later date that it now shows.

    A draft that is next seen paid or void already; a core invoice whose void was known, and
    that only now is told to have stood until its void.
    """
    if row.posted_at is None or row.dated_at is None or row.dated_at <= row.posted_at:
        return None
    posted = moment(row.posted_at)
    if row.kind == "document" and before == DocumentStatus.DRAFT.value:
        was = rewound(decode(DownstreamInvoice, row.body), posted)
        return None if was is None else _document_row(was)
    if row.kind == "invoice" and before == row.status == CoreStatus.VOID.value:
        stood = rewound(decode(CoreInvoice, row.body), posted)
        return None if stood is None else _invoice_row(stood)
    return None


def _invoice_row(invoice: CoreInvoice) -> WordRow:
    return _row(
        "invoice",
        invoice.id,
        invoice,
        ref=invoice.customer_id,
        parent=invoice.regenerated_from or "",
        status=invoice.status.value,
        currency=invoice.currency or "",
        minor=invoice.due_minor,
        posted_at=_micros(invoice.issued_at or invoice.end),
    )


def _document_row(document: DownstreamInvoice) -> WordRow:
    return _row(
        "document",
        f"{document.target}|{document.id}",
        document,
        ref=document.core_invoice_id or "",
        parent=document.target,
        status=document.status.value,
        currency=document.currency,
        minor=document.gross_minor,
        tax=document.tax_minor,
        paid=document.paid_minor,
        open=document.open_minor,
        began_at=_micros(document.created_at),
        posted_at=_micros(document.posted_at or document.created_at),
        paid_at=_micros(document.paid_at),
    )


def flag_row(key: str, flag: Flag) -> WordRow:
    """The row of a flag that has its number."""
    return _row(
        "flag",
        key,
        flag,
        ref=flag.core_invoice_id,
        parent=flag.id,
        status=flag.state.value,
        currency=flag.currency,
        minor=flag.exposure_minor,
        posted_at=micros(flag.opened_at),
    )


def _row(kind: str, identity: str, word: Any, **asked: Any) -> WordRow:
    body = encode(word)
    dated = effective_at(word)
    return WordRow(kind, identity, body, fingerprint(body), _micros(dated), **asked)


def _micros(when: datetime | None) -> int | None:
    return None if when is None else micros(when)
