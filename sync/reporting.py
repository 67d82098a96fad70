"""Reports: gather what was seen by the time of a kept run, build, and write. Reads only.

Everything comes from the kept run and from facts that are only ever appended, so the same
run gives the same bytes, whenever it is asked for.
"""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from hashlib import sha256
from typing import BinaryIO

from state.audit import GENESIS, verify
from state.books import Books
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
from sync.report.material import Material
from sync.seen import Gathered, span_of
from sync.twins import twins_of

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
_BALANCED = frozenset({"reconciliation", "rollforward"})  # made with the ledger


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
    """Write a report in one of FORMATS, or its main table as jsonl. Raises TooLong, PdfMissing."""
    told = progress or Silent()
    rows = sum(one.count for one in made.tables()) if form == "xlsx" else None
    told.step(f"writing {made.name}.{form}", rows)
    match form:
        case "csv":
            from sync.report import to_csv

            to_csv.write(made, out)
        case "jsonl":
            from sync.report import to_jsonl

            to_jsonl.write(made, out)
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
            raise NoReport(
                f"--run: {run_id or 'an empty name'} is not kept; see: tieout status"
            )
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

    gathered = Gathered(store, run, progress or Silent())
    audited = "audit" in names
    held = _credits(store, run) if "credits" in names else Register((), ())
    return Material(
        run=run,
        digest=digest,
        content=content_sha256(run),
        rows=rows,
        count=len(run.rows) + sum(one.count for one in run.matched),
        memos=gathered.memos,
        documents=gathered.documents,
        twins=twins_of(gathered.memos, gathered.documents),
        loose=gathered.loose() if "reconciliation" in names else (),
        flags=gathered.flags,
        raised_later=gathered.raised_later,
        ledger=gathered.ledger() if _BALANCED & set(names) else (),
        chains=tuple(gathered.chains()) if "corrections" in names else (),
        names={row.customer_id: row.customer for row in rows() if row.customer},
        audit=tuple(store.audit_lines(run.audit_seq)) if audited else (),
        verdict=verify(store.audit_lines(run.audit_seq)) if audited else None,
        signoffs=signoff.of_run(store, run),
        prior=gathered.prior() if "rollforward" in names else None,
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
    start = span_of(run).start or EVER
    end = run.as_of + timedelta(microseconds=1)
    return register(store, now=run.made_at, start=start, end=end, seen_by=run.made_at)
