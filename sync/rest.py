"""The rest of what was read: what no core invoice of the month stands for, set aside one by one.

The set engine finds the same by its joins (`sync.setwise`).
"""

from collections.abc import Collection, Iterable, Mapping
from itertools import groupby

from state.invoices import CoreInvoice
from state.receivables import CreditMemo, DownstreamInvoice
from state.store import PastBooks
from sync.asides import loose_memo, of_custom_unit, stray_memo, unnamed
from sync.canon import of_document, of_memo
from sync.ledger import CHUNK, Ground, Ledger, chunks, posted


def set_aside(ledger: Ledger, ground: Ground) -> list[str]:
    """Set documents aside; answers with the core invoices named in the month that nobody knows."""
    linked = ground.books.linked_documents()
    counted = ledger.counted
    strangers: set[str] = set()
    unknown: list[tuple[str, str]] = []  # the register, and what is named
    documents = (
        one for one in ground.books.each_document() if one.target in ground.targets
    )
    for some in chunks(documents, CHUNK):
        named = {(one.target, one.id): name_of(one, linked) for one in some}
        known = ground.books.invoices([name for name in named.values() if name])
        for document in some:
            counted.stood[document.target] += 1
            if document.core_invoice_id not in known:  # the others have been met
                ledger.digests.take(document.target, of_document(document))
            name = named[document.target, document.id]
            in_month = ground.period.holds(document.posted_at or document.created_at)
            invoice = known.get(name or "")
            if invoice is not None and not ground.period.holds(posted(invoice)):
                counted.elsewhere[document.target] += 1
            elif invoice is not None:
                if invoice.currency is None:
                    ledger.excluded.append(of_custom_unit(document))
            elif name is not None:
                unknown.append((document.target, name))
                strangers |= {name} if in_month else set()
            elif in_month:
                ledger.excluded.append(unnamed(document))
            else:
                counted.elsewhere[document.target] += 1
    for target, name in unknown:
        counted.elsewhere[target] += name not in strangers
    return sorted(strangers)


def set_memos_aside(ledger: Ledger, ground: Ground) -> None:
    """Set every memo aside that is on no document of the rows taken so far."""
    stray: list[str] = []
    for memo in ground.books.each_memo():
        if memo.target not in ground.targets:
            continue
        ledger.counted.stood[memo.target] += 1
        ledger.digests.take(memo.target, of_memo(memo))
        if memo.invoice_id is None:
            ledger.excluded.append(loose_memo(memo))
        else:
            stray.append(f"{memo.target}|{memo.id}")
    set_strays_aside(ledger, ground, stray)


def set_strays_aside(ledger: Ledger, ground: Ground, keys: Iterable[str]) -> None:
    """Those of these memos, by register and id, that were met on no document so far."""
    met = {f"{target}|{name}" for target, name in ledger.counted.memos}
    linked = ground.books.linked_documents()
    for some in chunks((key for key in sorted(keys) if key not in met), CHUNK):
        memos = sorted(ground.books.memos_by_id(some).values(), key=_register)
        for target, group in groupby(memos, key=_register):
            _set_aside(ledger, ground, target, list(group), linked)


def _set_aside(
    ledger: Ledger,
    ground: Ground,
    target: str,
    memos: Collection[CreditMemo],
    linked: Mapping[tuple[str, str], str],
) -> None:
    books, period = ground.books, ground.period
    documents = books.documents_by_id(target, [one.invoice_id or "" for one in memos])
    invoices = _invoices(books, documents.values(), linked)
    for memo in memos:
        document = documents.get(memo.invoice_id or "")
        invoice = None
        dates = [memo.posted_at]
        if document is not None:
            invoice = invoices.get(name_of(document, linked) or "")
            began = document.posted_at or document.created_at
            dates.append(began if invoice is None else posted(invoice))
        if any(period.holds(one) for one in dates):
            ledger.excluded.append(stray_memo(memo, document, invoice))
        else:
            ledger.counted.elsewhere[target] += 1


def name_of(
    document: DownstreamInvoice, linked: Mapping[tuple[str, str], str]
) -> str | None:
    """The core invoice that a document names, or that a person tied it to."""
    return document.core_invoice_id or linked.get((document.target, document.id))


def _invoices(
    books: PastBooks,
    documents: Iterable[DownstreamInvoice],
    linked: Mapping[tuple[str, str], str],
) -> dict[str, CoreInvoice]:
    names = (name_of(one, linked) for one in documents)
    return books.invoices([name for name in names if name is not None])


def _register(memo: CreditMemo) -> str:
    return memo.target
