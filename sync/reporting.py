"""Reports: gather what was seen by the time of a kept run, build, and write. Reads only.

Everything comes from the kept run and from facts that are only ever appended, so the same
run gives the same bytes, whenever it is asked for.
"""

from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from itertools import groupby
from typing import BinaryIO, TypeVar

from state.audit import GENESIS, verify
from state.books import Books
from state.invoices import CoreInvoice, CoreStatus
from state.receivables import CreditMemo, DownstreamInvoice
from state.worklist import Flag
from sync import detail, signoff
from sync.books import Outcome, Row, Run
from sync.credit_entries import EVER, Register
from sync.credit_register import register
from sync.progress import Progress, Silent
from sync.report import (
    audit,
    corrections,
    credit_roll,
    memos,
    reconciliation,
    rollforward,
    worklist,
)
from sync.report.codec import content_sha256, read_run
from sync.report.document import Document
from sync.report.ledger import LedgerRow, Span, Version, fold, fold_loose
from sync.report.material import Chain, Material, Prior, Seen

_W = TypeVar("_W")
NAMES = (
    "reconciliation",
    "worklist",
    "rollforward",
    "credit-memos",
    "credits",
    "corrections",
    "audit",
)
FORMATS = ("xlsx", "csv", "json", "html", "pdf")
STANDING = ("worklist", "audit")  # may be asked for as they stand now, of no run
_KNOWN_TO_BALANCE = frozenset({"reconciliation", "rollforward"})


class NoReport(Exception):
    """There is nothing to report from; the text says what to do."""


@dataclass(frozen=True, slots=True)
class Wish:
    """What was asked of a report beside its name."""

    closed: bool = False  # worklist: settled flags too
    internal: bool = False  # corrections: flags, steps and ids, for our own eyes
    customer: str = ""  # corrections: of one customer
    general_ledger: Mapping[str, int] = field(default_factory=dict)  # rollforward
    about: str = ""  # audit: lines of one object or actor


def document(name: str, material: Material, wish: Wish | None = None) -> Document:
    """Build a report."""
    wish = wish or Wish()
    match name:
        case "reconciliation":
            return reconciliation.build(material)
        case "worklist":
            return worklist.build(material, closed=wish.closed)
        case "rollforward":
            return rollforward.build(material)
        case "credit-memos":
            return memos.build(material)
        case "credits":
            return credit_roll.build(material)
        case "corrections":
            return corrections.build(
                material, internal=wish.internal, customer=wish.customer
            )
        case _:
            return audit.build(material, about=wish.about)


def write(
    made: Document, form: str, out: BinaryIO, *, progress: Progress | None = None
) -> None:
    """Write a report in one of FORMATS. Raises TooLong, PdfMissing."""
    told = progress or Silent()
    told.step(f"writing {made.name}.{form}", sum(one.count for one in made.tables()))
    match form:
        case "csv":
            from sync.report import to_csv

            to_csv.write(made, out)
        case "json":
            from sync.report import to_json

            to_json.write(made, out)
        case "xlsx":
            from sync.report import to_xlsx

            to_xlsx.write(made, out, told=told.advance)
        case "html":
            from sync.report import to_html

            to_html.write(made, out)
        case _:
            from sync.report import to_pdf

            to_pdf.write(made, out)


def kept(store: Books, run_id: str | None, period: str | None) -> tuple[Run, str]:
    """A kept run and its sha256. Raises NoReport; nothing is read from a changed run."""
    found = store.run(run_id, period=period)
    if found is None:
        if run_id is not None:
            raise NoReport(f"--run: {run_id} is not kept; see: tieout status")
        if period is not None:
            raise NoReport(
                f"--period: no run of {period} is kept; make one: "
                f"tieout reconcile --period {period}"
            )
        raise NoReport("no run is kept yet; make one: tieout reconcile")
    text, digest = found
    if sha256(text.encode()).hexdigest() != digest:
        raise NoReport(
            "the kept run is not as it was kept (its sha256 differs); nothing was written. "
            "See: tieout audit verify"
        )
    return read_run(text), digest


def of_run(
    store: Books,
    run: Run,
    digest: str,
    names: Collection[str],
    *,
    wish: Wish | None = None,
    progress: Progress | None = None,
) -> Material:
    """What the named reports need of a kept run."""

    def rows() -> Iterator[Row]:
        return detail.rows_of(store, run)

    until = run.made_at
    gathered = _Gathered(store, run, progress or Silent())
    gathered.read(names)
    audited = "audit" in names
    held = _credits(store, run) if "credits" in names else Register((), ())
    return Material(
        run=run,
        digest=digest,
        content=content_sha256(run),
        rows=rows,
        count=len(run.rows) + sum(one.count for one in run.matched),
        memos=tuple(gathered.memos),
        documents=gathered.documents,
        flags=tuple(sorted(_latest(store, Flag, "flag", until, _flag_key), key=_number)),
        ledger=tuple(gathered.ledger[key] for key in sorted(gathered.ledger)),
        chains=tuple(gathered.chains()) if "corrections" in names else (),
        names={row.customer_id: row.customer for row in rows() if row.customer},
        audit=tuple(store.audit_lines(run.audit_seq)) if audited else (),
        verdict=verify(store.audit_lines(run.audit_seq)) if audited else None,
        signoffs=signoff.of_run(store, run),
        prior=_prior(store, run) if "rollforward" in names else None,
        general_ledger=(wish or Wish()).general_ledger,
        credits=held.entries,
        credit_findings=held.findings,
    )


def standing(store: Books, entity: str, version: str, now: datetime) -> Material:
    """The worklist and the audit log as they stand now, whether a run is kept or not."""
    found = store.run()
    last = None if found is None else read_run(found[0])
    seq, head = store.audit_head()
    run = Run(
        run_id="as it stands",
        entity=entity,
        outcome=Outcome.OPEN_ITEMS if store.flags() else Outcome.CLEAR,
        as_of=now,
        made_at=now,
        version=version,
        rows=() if last is None else last.rows,
        sources=() if last is None else last.sources,
        audit_seq=seq,
        audit_head=head if seq else GENESIS,
    )
    documents = {
        (flag.target, flag.subject): document
        for flag in store.flags()
        for document in store.documents_by_id(flag.target, [flag.subject]).values()
    }
    return Material(
        run=run,
        digest="",
        content=content_sha256(run),
        rows=lambda: run.rows,
        count=len(run.rows),
        documents=documents,
        flags=tuple(store.flags()),
        audit=tuple(store.audit_lines()),
        verdict=store.verify_audit(),
    )


def _credits(store: Books, run: Run) -> Register:
    """The credits as they were seen by the run, rolled forward over its period."""
    span = span_of(run)
    end = span.end + timedelta(microseconds=1)
    return register(
        store, now=run.made_at, start=span.start or EVER, end=end, seen_by=run.made_at
    )


def span_of(run: Run) -> Span:
    """The instants that a run's period holds."""
    if not run.period:
        return Span(None, run.as_of)
    year, month = (int(part) for part in run.period.split("-"))
    start = datetime(year, month, 1, tzinfo=UTC)
    return Span(start, min(run.as_of, _after(year, month)))


def _after(year: int, month: int) -> datetime:
    """The last instant of a month."""
    following = datetime(year + month // 12, month % 12 + 1, 1, tzinfo=UTC)
    return following - datetime.resolution


class _Gathered:
    """What was seen by the time of a run, read once."""

    def __init__(self, store: Books, run: Run, progress: Progress) -> None:
        self._store, self._run, self._progress = store, run, progress
        self.memos: list[CreditMemo] = []
        self.documents: dict[tuple[str, str], DownstreamInvoice] = {}
        self.ledger: dict[tuple[str, str, str], LedgerRow] = {}
        self._by_core: dict[str, list[DownstreamInvoice]] = {}

    def read(self, names: Collection[str]) -> None:
        """Read memos, and documents where a report wants them."""
        self._progress.step("reading what was seen by then", None)
        self.memos = list(
            _latest(self._store, CreditMemo, "memo", self._run.made_at, _memo_key)
        )
        of_document: dict[tuple[str, str], list[CreditMemo]] = {}
        for memo in self.memos:
            if memo.invoice_id is not None:
                of_document.setdefault((memo.target, memo.invoice_id), []).append(memo)
        inside = {
            (row.target, name)
            for row in detail.rows_of(self._store, self._run)
            if row.document_id
            for name in row.document_id.split(", ")
        }
        span = span_of(self._run)
        balance = bool(_KNOWN_TO_BALANCE & set(names))
        for versions in self._versions():
            last = versions[-1].document
            key = (last.target, last.id)
            mine = of_document.get(key, [])
            if balance:
                fold(self._row(last), versions, mine, span, outside=key not in inside)
            self.documents[key] = last
            core = next(
                (
                    v.document.core_invoice_id
                    for v in versions
                    if v.document.core_invoice_id
                ),
                None,
            )
            if core is not None:
                self._by_core.setdefault(core, []).append(last)
            self._progress.advance()
        for memo in self.memos if balance else ():
            if memo.invoice_id is None:
                key3 = (memo.target, memo.currency, "")
                row = self.ledger.setdefault(key3, LedgerRow(*key3))
                fold_loose(row, memo, span)

    def _versions(self) -> Iterator[list[Version]]:
        history = self._store.history(DownstreamInvoice, "document", self._run.made_at)
        for _, group in groupby(history, key=lambda one: (one[1].target, one[1].id)):
            yield [Version(seen_at, word) for seen_at, word in group]

    def _row(self, document: DownstreamInvoice) -> LedgerRow:
        customer = document.core_customer_id or document.customer_id or ""
        key = (document.target, document.currency, customer)
        return self.ledger.setdefault(key, LedgerRow(*key))

    def chains(self) -> Iterator[Chain]:
        """Invoices that were voided, regenerated or credited, each with its versions."""
        touched = {
            row.core_invoice_id
            for row in self._run.rows
            if row.memos_minor or row.core_status == CoreStatus.VOID or row.regenerated_from
        }
        links = dict(self._store.lineage())
        members = touched | {one for pair in links.items() for one in pair}
        seen = dict(self._seen(members))
        children: dict[str, list[str]] = {}
        for one in seen.values():
            if one.invoice.regenerated_from:
                children.setdefault(one.invoice.regenerated_from, []).append(one.invoice.id)
        # What is plainly matched has no other version, so it is in no chain.
        wanted = {row.core_invoice_id for row in self._run.rows}
        credited: dict[tuple[str, str], list[CreditMemo]] = {}
        for memo in self.memos:
            credited.setdefault((memo.target, memo.invoice_id or ""), []).append(memo)
        for root in sorted(seen):
            if seen[root].invoice.regenerated_from in seen:
                continue
            names = _line_of(root, children)
            if not wanted & set(names):
                continue
            documents = [one for name in names for one in self._by_core.get(name, [])]
            yield Chain(
                tuple(seen[name] for name in names if name in seen),
                tuple(documents),
                tuple(m for d in documents for m in credited.get((d.target, d.id), [])),
            )

    def _seen(self, ids: Collection[str]) -> Iterator[tuple[str, Seen]]:
        history = self._store.history(
            CoreInvoice, "invoice", self._run.made_at, ids=sorted(ids)
        )
        for name, group in groupby(history, key=lambda one: one[1].id):
            versions = list(group)
            void = next((at for at, v in versions if v.status is CoreStatus.VOID), None)
            yield name, Seen(versions[-1][1], versions[0][0], void)


def _line_of(root: str, children: Mapping[str, list[str]]) -> list[str]:
    """A chain's versions, oldest first; a loop in the links ends it."""
    names, edge = [root], list(children.get(root, ()))
    while edge:
        name = edge.pop(0)
        if name not in names:
            names.append(name)
            edge.extend(children.get(name, ()))
    return names


def _latest(
    store: Books, word: type[_W], kind: str, until: datetime, key: Callable[[_W], object]
) -> Iterator[_W]:
    """The last version of every word of a kind that was seen by then."""
    history = (one for _, one in store.history(word, kind, until))
    for _, group in groupby(history, key=key):
        yield list(group)[-1]


def _number(flag: Flag) -> str:
    return flag.id


def _flag_key(flag: Flag) -> object:
    return flag.key


def _memo_key(memo: CreditMemo) -> object:
    return (memo.target, memo.id)


def _prior(store: Books, run: Run) -> Prior | None:
    """The period before, as its own run knew it."""
    if not run.period:
        return None
    year, month = (int(part) for part in run.period.split("-"))
    before = f"{year - (month == 1):04d}-{(month - 2) % 12 + 1:02d}"
    found = store.run(period=before)
    if found is None:
        return None
    earlier = read_run(found[0])
    gathered = _Gathered(store, earlier, Silent())
    gathered.read(("rollforward",))
    closing: dict[tuple[str, str], int] = {}
    for row in gathered.ledger.values():
        key = (row.target, row.currency)
        closing[key] = closing.get(key, 0) + row.closing
    return Prior(earlier.run_id, closing)
