"""Reconcile: gather the books as recorded, compare row by row, keep the run whole."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from itertools import islice
from typing import TypeVar

from connectors.failures import Incomplete
from state.codec import fingerprint
from state.invoices import CoreInvoice, CoreStatus
from state.observations import AuditEntry
from state.receivables import CreditMemo, DocumentStatus, MemoStatus
from state.worklist import Flag
from sync import signoff
from sync.books import ChainFinding, Check, Excluded, Outcome, Row, Run, Source
from sync.cases import gather
from sync.chains import Version, chain_findings
from sync.checks import Counted, make_checks
from sync.classify import SEVERITY
from sync.compare import claims, compare, standing
from sync.cycle import LeaseHeld, leased, look
from sync.decide import Case, Held
from sync.parts import Parts
from sync.progress import Progress
from sync.report.codec import run_text

_T = TypeVar("_T")
CHUNK = 500  # core invoices gathered at once


@dataclass(slots=True)
class _Gathered:
    """What a run collects while it reads the books once."""

    rows: list[Row] = field(default_factory=list)
    chains: list[ChainFinding] = field(default_factory=list)
    excluded: list[Excluded] = field(default_factory=list)
    counted: Counted = field(default_factory=Counted)


def reconcile(
    parts: Parts,
    *,
    period: str | None = None,
    as_of: datetime | None = None,
    progress: Progress,
    read_first: bool = True,
) -> Run:
    """Read every source, compare, and keep the run.

    Where a daemon holds the lease, its recorded reading is used instead: the run says
    when each source was read. Raises Incomplete when a source was never read whole.
    """
    if read_first:
        try:
            with leased(parts) as acting:
                look(acting, progress, sweep=True)
        except LeaseHeld:
            progress.note("a daemon is at work: its latest complete reading is used")
    made_at = parts.clock.now()
    as_of = as_of or made_at
    if as_of > made_at:
        raise Incomplete("--as-of lies in the future; nothing is known of it yet")
    targets = tuple(register.target for register in parts.registers)
    sources_read = _require_sweeps(parts, targets)
    gathered = _gather_rows(parts, targets, period, progress)
    policy = parts.settings.policy
    rows = tuple(sorted(gathered.rows, key=_order))
    checks = make_checks(rows, gathered.excluded, gathered.counted, parts.store.flags())
    seq, head = parts.store.audit_head()
    run = Run(
        run_id=f"R-{made_at:%Y%m%dT%H%M%S}-{parts.new_id()[:6]}",
        entity=parts.settings.entity,
        outcome=_outcome(rows, checks, policy.item_threshold, policy.total_threshold),
        as_of=as_of,
        made_at=made_at,
        period=period or "",
        tolerance_minor=parts.policy.tolerance_minor,
        item_threshold_minor=policy.item_threshold,
        total_threshold_minor=policy.total_threshold,
        version=parts.version,
        targets=targets,
        rows=rows,
        chains=tuple(gathered.chains),
        excluded=tuple(gathered.excluded),
        checks=checks,
        sources=_sources(sources_read, rows, gathered),
        audit_seq=seq,
        audit_head=head,
        made_by=parts.holder,
        config_sha256=fingerprint(parts.settings.model_dump_json()),
    )
    before = signoff.latest(parts.store, run.period)
    body, digest = run_text(run)
    parts.store.keep_run(
        run.run_id,
        kind="reconciliation",
        at=made_at,
        as_of=as_of,
        body=body,
        sha256=digest,
        audit=AuditEntry("run.kept", "run", run.run_id, after=run.outcome, reason=digest),
    )
    signoff.reopen(parts, before, run)
    return run


def in_period(moment: datetime | None, period: str | None) -> bool:
    """Does a posting time fall in a calendar month, in UTC?"""
    if period is None:
        return True
    return moment is not None and moment.astimezone(UTC).strftime("%Y-%m") == period


def _require_sweeps(parts: Parts, targets: Iterable[str]) -> dict[str, Source]:
    sources = {}
    for name in ("core", *targets):
        sweep = parts.store.last_sweep(name)
        if sweep is None:
            raise Incomplete(
                f"{name} was never read whole, so nothing can be reconciled against it; "
                "run `tieout sync` first"
            )
        sources[name] = Source(
            name,
            sweep.finished_at,
            sweep.pages,
            sweep.rows,
            rows_used=0,
            rows_excluded=0,
            started_at=sweep.started_at,
        )
    return sources


def _gather_rows(
    parts: Parts, targets: tuple[str, ...], period: str | None, progress: Progress
) -> _Gathered:
    gathered = _Gathered()
    counts = parts.store.count_invoices()
    progress.step("comparing", sum(counts.values()))
    claimed = claims(parts.store.pushes_by_id())
    seen_roots: set[str] = set()
    for chunk in _chunks(parts.store.iter_invoices(), CHUNK):
        wanted = [one for one in chunk if in_period(_posted(one), period)]
        gathered.excluded.extend(_custom_units(wanted))
        wanted = [one for one in wanted if one.currency is not None]
        for one in wanted:
            gathered.counted.core(one)
        cases, flags = gather(parts.store, [one.id for one in wanted])
        ids = {one.id for one in wanted}
        for case in cases:
            if case.core_invoice_id in ids:
                _add_case(gathered, parts, case, targets, flags, claimed)
        _add_chains(gathered, cases, ids, seen_roots, targets)
        progress.advance(len(chunk))
    _add_strangers(gathered, parts, targets, period, claimed)
    return gathered


def _add_case(
    gathered: _Gathered,
    parts: Parts,
    case: Case,
    targets: tuple[str, ...],
    flags: dict[str, list[Flag]],
    claimed: dict[str, str],
) -> None:
    elsewhere = frozenset(
        held.document.id
        for held in case.documents
        if claimed.get(held.document.id, case.core_invoice_id) != case.core_invoice_id
    )
    compared = compare(
        case,
        targets,
        tolerance=parts.policy.tolerance_minor,
        flags=flags.get(case.core_invoice_id, ()),
        claimed_elsewhere=elsewhere,
    )
    gathered.rows.extend(compared.rows)
    gathered.counted.memos_used.update(compared.counted)
    used = set(compared.counted)
    for held in case.documents:
        gathered.counted.document(held)
        gathered.excluded.extend(
            Excluded(
                memo.target,
                "memo",
                memo.id,
                memo.currency,
                memo.amount_minor,
                _why_not_counted(memo, held),
            )
            for memo in held.memos
            if (memo.target, memo.id) not in used
        )


def _add_strangers(
    gathered: _Gathered,
    parts: Parts,
    targets: tuple[str, ...],
    period: str | None,
    claimed: dict[str, str],
) -> None:
    """Documents that name no core invoice we know, and memos that name no document."""
    unknown: dict[str, None] = {}
    for document in parts.store.iter_documents():
        if not in_period(document.posted_at or document.created_at, period):
            continue
        if document.core_invoice_id is None:
            gathered.excluded.append(
                Excluded(
                    document.target,
                    "invoice",
                    document.id,
                    document.currency,
                    document.gross_minor if document.status.posted else 0,
                    "names no core invoice",
                )
            )
        else:
            unknown[document.core_invoice_id] = None
    for chunk in _chunks(iter(unknown), CHUNK):
        known = parts.store.known_ids(chunk)
        strangers = [name for name in chunk if name not in known]
        cases, flags = gather(parts.store, strangers)
        for case in cases:
            if case.core_invoice_id in strangers:
                _add_case(gathered, parts, case, targets, flags, claimed)
    for memo in parts.store.iter_memos():
        if memo.invoice_id is None:
            gathered.excluded.append(
                Excluded(
                    memo.target,
                    "memo",
                    memo.id,
                    memo.currency,
                    memo.amount_minor,
                    _why_loose(memo),
                )
            )


def _add_chains(
    gathered: _Gathered,
    cases: list[Case],
    ids: set[str],
    seen_roots: set[str],
    targets: tuple[str, ...],
) -> None:
    """Chain findings, once for each chain, from its root."""
    by_id = {case.core_invoice_id: case for case in cases}
    for case in cases:
        if case.core_invoice_id not in ids or case.invoice is None:
            continue
        root = case
        while root.invoice is not None and root.invoice.regenerated_from in by_id:
            root = by_id[root.invoice.regenerated_from]
        if root.core_invoice_id in seen_roots:
            continue
        seen_roots.add(root.core_invoice_id)
        chain = _chain_of(root, by_id)
        for target in targets:
            gathered.chains.extend(_findings(chain, target))


def _chain_of(root: Case, by_id: dict[str, Case]) -> list[Case]:
    chain = [root]
    while chain[-1].successor is not None and chain[-1].successor in by_id:
        chain.append(by_id[chain[-1].successor])
    return chain


def _custom_units(invoices: Iterable[CoreInvoice]) -> list[Excluded]:
    return [
        Excluded(
            "core", "invoice", one.id, "", one.total_minor, "is in a custom pricing unit"
        )
        for one in invoices
        if one.currency is None
    ]


def _why_not_counted(memo: CreditMemo, held: Held) -> str:
    """The rule that keeps a memo from explaining anything, in an accountant's words."""
    if memo.status is MemoStatus.DRAFT:
        return "is a draft: it explains nothing until it is issued"
    if memo.status is not MemoStatus.ISSUED:
        return f"is {memo.status}"
    if not memo.approved:
        return "is not approved"
    if not memo.applied and held.document.status.live:
        return f"is not applied to {held.document.id} yet"
    if memo.currency != held.document.currency:
        return f"is in {memo.currency}, its invoice in {held.document.currency}"
    return f"its invoice {held.document.id} does not stand for the core invoice"


def _why_loose(memo: CreditMemo) -> str:
    """What keeps a memo without an invoice from explaining anything."""
    if memo.status is MemoStatus.ISSUED:
        return "is applied to no invoice yet"
    return f"is {memo.status} and names no invoice"


def _findings(chain: list[Case], target: str) -> list[ChainFinding]:
    """What the versions of one invoice show together, in one register."""
    versions = [_version(case, target) for case in chain]
    currency = next((c.invoice.currency for c in chain if c.invoice), None) or ""
    return [
        ChainFinding(one.kind, chain[0].core_invoice_id, currency, one.exposure, one.text)
        for one in chain_findings(versions)
    ]


def _version(case: Case, target: str) -> Version:
    held = standing(case.on(target))
    invoice = case.invoice
    posted = held is not None and held.document.status.posted
    paid = held is not None and held.document.status in {
        DocumentStatus.PAID,
        DocumentStatus.PART_PAID,
    }
    finalized = invoice is not None and invoice.status is CoreStatus.FINALIZED
    net = 0
    if held is not None and posted:
        net = held.document.gross_minor - held.credited_minor
    return Version(
        core_id=case.core_invoice_id,
        status=invoice.status if invoice is not None else CoreStatus.ABSENT,
        regenerated_from=invoice.regenerated_from if invoice is not None else None,
        core_minor=invoice.total_minor if invoice is not None and finalized else 0,
        net_minor=net,
        live=posted,
        paid=paid,
    )


def _posted(invoice: CoreInvoice) -> datetime | None:
    return invoice.issued_at or invoice.end


def _outcome(
    rows: tuple[Row, ...], checks: tuple[Check, ...], item: int, total: int
) -> Outcome:
    unexplained = [row for row in rows if row.unexplained]
    if not unexplained and all(check.ok for check in checks):
        return Outcome.CLEAR
    sums: dict[str, int] = {}
    for row in unexplained:
        sums[row.currency] = sums.get(row.currency, 0) + row.unexplained
    small = all(abs(row.unexplained) <= item for row in unexplained) and all(
        abs(amount) <= total for amount in sums.values()
    )
    if small and all(check.ok for check in checks):
        return Outcome.WITHIN_THRESHOLD
    return Outcome.OPEN_ITEMS


def _order(row: Row) -> tuple[object, ...]:
    """Worst first, then the largest, then names: a total order, so bytes are stable."""
    return (
        -SEVERITY[row.kind],
        -abs(row.unexplained),
        row.customer_id,
        row.issued_at.isoformat() if row.issued_at is not None else "",
        row.core_invoice_id,
        row.target,
    )


def _sources(
    read: dict[str, Source], rows: tuple[Row, ...], gathered: _Gathered
) -> tuple[Source, ...]:
    counted = gathered.counted
    control = {"core": dict(counted.core_minor)}
    for (target, currency), minor in counted.gross_minor.items():
        control.setdefault(target, {})[currency] = minor
    return tuple(
        replace(
            one,
            rows_used=counted.invoices
            if one.name == "core"
            else sum(1 for row in rows if row.target == one.name and row.document_id),
            rows_excluded=sum(1 for some in gathered.excluded if some.target == one.name),
            control=tuple(sorted(control.get(one.name, {}).items())),
        )
        for one in read.values()
    )


def _chunks(rows: Iterator[_T], size: int) -> Iterator[list[_T]]:
    while chunk := list(islice(rows, size)):
        yield chunk
