"""What had been seen by a run's cutoff, gathered for its reports. Reads only.

Balances are the books as of the cutoff, as the run knew them; movements are told from
every version of every document. The two meet in the roll-forward.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping
from itertools import groupby
from zoneinfo import ZoneInfo

from state.asof import AsOf
from state.books import Books
from state.clock import LATEST
from state.invoices import CoreInvoice, CoreStatus
from state.receivables import CreditMemo, DownstreamInvoice
from state.worklist import Flag
from sync import detail
from sync.asked import asked
from sync.books import NAMES_NO_INVOICE, Run
from sync.candidates import INVOICE, fits_one_of, want_of
from sync.ledger import CHUNK, chunks
from sync.months import moment_of, period_of
from sync.progress import Progress, Silent
from sync.report.codec import read_run
from sync.report.ledger import LedgerRow, MemoVersion, Span, Version, fold, fold_loose
from sync.report.material import Chain, Prior, Seen

Key = tuple[str, str]  # register, and id in it


class Gathered:
    """The facts beside a run. The same run gives the same facts."""

    def __init__(self, store: Books, run: Run, progress: Progress) -> None:
        self._store, self._run, self._progress = store, run, progress
        self._seq = run.seq or store.last_seq()
        self._books: AsOf = store.as_of(self._seq, moment_of(run))
        self.memos = tuple(self._books.each_memo())
        later = store.as_of(self._seq, LATEST) if moment_of(run) < LATEST else None
        work = asked(self._books, later)
        self.flags = tuple(sorted(work.flags, key=_number))
        self.raised_later = work.raised_later
        self.documents = self._named()
        self._credited: dict[Key, list[CreditMemo]] = {}
        for memo in self.memos:
            if memo.invoice_id is not None:
                key = (memo.target, memo.invoice_id)
                self._credited.setdefault(key, []).append(memo)

    def _named(self) -> dict[Key, DownstreamInvoice]:
        """The documents that memos and flags name, and those of open rows."""
        wanted: dict[str, set[str]] = {}
        for memo in self.memos:
            if memo.invoice_id is not None:
                wanted.setdefault(memo.target, set()).add(memo.invoice_id)
        for flag in self.flags:
            if flag.downstream_id is not None:
                wanted.setdefault(flag.target, set()).add(flag.downstream_id)
        for row in self._run.rows:
            if row.unexplained and row.document_id:
                wanted.setdefault(row.target, set()).add(row.document_id)
        return {
            (target, name): document
            for target, names in sorted(wanted.items())
            for name, document in self._books.documents_by_id(target, names).items()
        }

    def loose(self) -> tuple[DownstreamInvoice, ...]:
        """Documents that name no core invoice, of an amount that an open row lacks."""
        wants = {want for row in self._run.rows if (want := want_of(row)) is not None}
        lacking = {(target, ccy) for what, target, ccy, _ in wants if what == INVOICE}
        names: dict[str, list[str]] = {}
        for one in self._run.excluded:
            if one.reason == NAMES_NO_INVOICE and (one.target, one.currency) in lacking:
                names.setdefault(one.target, []).append(one.id)
        return tuple(
            document
            for target, ids in sorted(names.items())
            for some in chunks(iter(ids), CHUNK)
            for document in self._books.documents_by_id(target, some).values()
            if fits_one_of(document, wants)
        )

    # --- the ledger ---------------------------------------------------------------------

    def ledger(self) -> tuple[LedgerRow, ...]:
        """Movements and balances by register, currency and customer."""
        self._progress.step("rolling forward", None)
        span = span_of(self._run)
        inside = {
            hash((row.target, name))
            for row in detail.rows_of(self._store, self._run)
            if row.document_id
            for name in row.document_id.split(", ")
        }
        credited = self._memo_lives()
        rows: dict[tuple[str, str, str], LedgerRow] = {}
        for versions, standing in self._lives():
            last = versions[-1].document
            key = (last.target, last.id)
            fold(
                _row_of(rows, last),
                versions,
                credited.get(key, ()),
                span,
                standing=standing,
                outside=hash(key) not in inside,
            )
            self._progress.advance()
        for memo in self.memos:
            if memo.invoice_id is None or not memo.applied:
                name = (memo.target, memo.currency, self._customer_of(memo))
                fold_loose(rows.setdefault(name, LedgerRow(*name)), memo, span)
        return tuple(rows[key] for key in sorted(rows))

    def _customer_of(self, memo: CreditMemo) -> str:
        """Whose credit it is: the customer of the invoice it names, else its own."""
        named = self.documents.get((memo.target, memo.invoice_id or ""))
        return (_customer(named) if named is not None else memo.customer_id) or ""

    def _lives(self) -> Iterator[tuple[list[Version], DownstreamInvoice | None]]:
        """Every document: its versions as they were seen, and how it stood at the cutoff.

        Both are read in the order of the database, and nothing stands that was not seen.
        """
        history = self._store.lives(DownstreamInvoice, "document", self._seq)
        standing = self._books.each_document()
        at_hand = next(standing, None)
        for key, group in groupby(history, key=lambda one: (one[1].target, one[1].id)):
            versions = [Version(since, word) for since, word in group]
            if at_hand is not None and (at_hand.target, at_hand.id) == key:
                yield versions, at_hand
                at_hand = next(standing, None)
            else:
                yield versions, None

    def _memo_lives(self) -> dict[Key, list[list[MemoVersion]]]:
        """Every memo in its versions, by each document that one of them names."""
        found: dict[Key, list[list[MemoVersion]]] = {}
        history = self._store.lives(CreditMemo, "memo", self._seq)
        for _, group in groupby(history, key=lambda one: (one[1].target, one[1].id)):
            versions = [MemoVersion(since, word) for since, word in group]
            for key in {(one.memo.target, one.memo.invoice_id) for one in versions}:
                if key[1] is not None:
                    found.setdefault((key[0], key[1]), []).append(versions)
        return found

    def prior(self) -> Prior | None:
        """How the month before closed, as its own run knew it."""
        if not self._run.period:
            return None
        year, month = (int(part) for part in self._run.period.split("-"))
        before = f"{year - (month == 1):04d}-{(month - 2) % 12 + 1:02d}"
        found = self._store.run(period=before)
        if found is None:
            return None
        earlier = read_run(found[0])
        closing: dict[Key, int] = {}
        for row in Gathered(self._store, earlier, Silent()).ledger():
            key = (row.target, row.currency)
            closing[key] = closing.get(key, 0) + row.closing
        return Prior(earlier.run_id, closing)

    # --- chains -------------------------------------------------------------------------

    def chains(self) -> Iterator[Chain]:
        """Invoices that were voided, regenerated or credited, each with its versions."""
        # What is plainly matched has no other version, so it is in no chain.
        wanted = {row.core_invoice_id for row in self._run.rows}
        touched = {
            row.core_invoice_id
            for row in self._run.rows
            if row.memos_minor or row.core_status == CoreStatus.VOID or row.regenerated_from
        }
        links = self._store.lineage()
        seen = dict(self._seen(touched | {one for pair in links for one in pair}))
        children: dict[str, list[str]] = {}
        for one in seen.values():
            if one.invoice.regenerated_from:
                children.setdefault(one.invoice.regenerated_from, []).append(one.invoice.id)
        for root in sorted(seen):
            names = _line_of(root, children)
            if seen[root].invoice.regenerated_from in seen or not wanted & set(names):
                continue
            held = self._books.documents_of(names)
            documents = [one for name in names for one in held.get(name, ())]
            memos = [m for d in documents for m in self._credited.get((d.target, d.id), ())]
            versions = (seen[name] for name in names if name in seen)
            yield Chain(tuple(versions), tuple(documents), tuple(memos))

    def _seen(self, ids: Collection[str]) -> Iterator[tuple[str, Seen]]:
        standing = self._books.invoices(ids)
        history = self._store.history(
            CoreInvoice, "invoice", self._run.made_at, ids=sorted(ids)
        )
        for name, group in groupby(history, key=lambda one: one[1].id):
            if name not in standing:
                continue
            versions = list(group)
            void = standing[name].voided_at or next(
                (at for at, v in versions if v.status is CoreStatus.VOID), None
            )
            yield name, Seen(standing[name], versions[0][0], void)


def span_of(run: Run) -> Span:
    """The instants that a run's period holds, up to its cutoff."""
    today = run.as_of.astimezone(ZoneInfo(run.timezone)).date()
    return Span(period_of(run).start, moment_of(run), today, run.timezone, run.aging)


def _row_of(
    rows: dict[tuple[str, str, str], LedgerRow], document: DownstreamInvoice
) -> LedgerRow:
    key = (document.target, document.currency, _customer(document) or "")
    return rows.setdefault(key, LedgerRow(*key))


def _customer(document: DownstreamInvoice) -> str | None:
    return document.core_customer_id or document.customer_id


def _line_of(root: str, children: Mapping[str, Iterable[str]]) -> list[str]:
    """A chain's versions, oldest first; a loop in the links ends it."""
    names, edge = [root], list(children.get(root, ()))
    while edge:
        name = edge.pop(0)
        if name not in names:
            names.append(name)
            edge.extend(children.get(name, ()))
    return names


def _number(flag: Flag) -> str:
    return flag.id
