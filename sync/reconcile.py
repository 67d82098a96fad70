"""Reconcile: pin what is known, compare as of the cutoff, keep the run whole."""

import gc
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime

from connectors.failures import Incomplete
from state.clock import LATEST
from state.codec import fingerprint
from state.observations import CORE, AuditEntry
from sync import signoff
from sync.asides import custom_unit, loose_memo, of_custom_unit, unnamed
from sync.asked import asked
from sync.books import (
    AgedBy,
    Aging,
    ChainFinding,
    Check,
    Matched,
    Outcome,
    Row,
    Run,
    Source,
)
from sync.checks import make_checks, used_rows
from sync.classify import Kind
from sync.cycle import LeaseHeld, read_whole
from sync.ledger import (
    CHUNK,
    Ground,
    Ledger,
    invoices_met,
    order,
    plain_rows,
    take_invoices,
    take_strangers,
)
from sync.months import Month, month_of
from sync.pairs import paired
from sync.parts import Parts
from sync.progress import Progress
from sync.report.codec import content_sha256, read_run, run_text
from sync.rest import set_aside, set_memos_aside, set_strays_aside
from sync.screen import Tally
from sync.setwise import Screened, screen
from sync.sources import told
from sync.subsequent import after_cutoff, pairs_with_timing
from sync.unread import texts

KEEP_PLAIN = 5_000  # so many plainly matched rows are kept in a run; more are counted


# Whatever their amounts: the links say that somebody is, or may be, billed twice, or that
# a customer was given more than was asked for.
CROSSED = frozenset(
    {
        Kind.DUPLICATE_DOWNSTREAM,
        Kind.LINK_CONFLICT,
        Kind.MEMO_EXCEEDS_INVOICE,
        Kind.DOUBLE_BILLED,
        Kind.BROKEN_LINEAGE,
    }
)

ENGINE_FROM = 20_000  # observations from which the set engine is worth its start
COLLECT_FROM = 20_000  # objects made between two looks of Python's collector


@dataclass(frozen=True, slots=True)
class How:
    """How a run is made; what it shows does not hang on it."""

    keep_plain: int = KEEP_PLAIN
    engine: bool | None = None  # the set engine: None where it is worth it


def reconcile(
    parts: Parts,
    *,
    period: str | None = None,
    as_of: datetime | None = None,
    progress: Progress,
    read_first: bool = True,
    how: How = How(),
) -> Run:
    """Read every source, compare as of the cutoff, and keep the run.

    The cutoff is `as_of`, else the end of a period that is over, else now. Where the same
    cutoff was run before and shows the same figures, that run stands and is returned. Where a
    daemon holds the lease, its recorded reading is used: the run says when each source was
    read. Raises Incomplete when a source was never read whole.
    """
    if read_first:
        try:
            read_whole(parts, progress=progress)
        except LeaseHeld:
            progress.note("a daemon is at work: its latest complete reading is used")
    run, again = made(parts, period=period, as_of=as_of, progress=progress, how=how)
    return _kept(parts, run, progress, again=again)


def made(
    parts: Parts,
    *,
    period: str | None,
    as_of: datetime | None,
    progress: Progress,
    how: How,
) -> tuple[Run, bool]:
    """The run of what is known, not kept yet; and whether its cutoff can come again."""
    made_at = parts.clock.now()
    if as_of is not None and as_of > made_at:
        raise Incomplete("--as-of lies in the future; nothing is known of it yet")
    zone = parts.settings.schedule.timezone
    month = month_of(period, zone)
    cutoff = as_of or month.cutoff(made_at)
    if cutoff == made_at:
        cutoff = None
    run = _run(parts, month, cutoff, made_at, progress, how)
    if run.remark and month.start is not None and month.start > made_at:
        raise Incomplete(
            f"--period: {month.name} has not begun, and nothing is dated in it; name a month "
            "that has"
        )
    return run, cutoff is not None


def _run(
    parts: Parts,
    month: Month,
    cutoff: datetime | None,
    made_at: datetime,
    progress: Progress,
    how: How,
) -> Run:
    targets = tuple(register.target for register in parts.registers)
    sources = _require_sweeps(parts, targets)
    ground = _ground(parts, month, cutoff, targets)
    with _seldom_collected():
        ledger, rows, matched = _compared(parts, ground, progress, how)
        between = paired(rows, targets, ground.tolerance, ground.period.zone)
    progress.step("checking the run", None)
    checks = make_checks(
        rows,
        ledger.excluded,
        ledger.counted,
        asked(ground.books, ground.later),
        matched=matched,
    )
    policy, report = parts.settings.policy, parts.settings.report
    audit_seq, head = parts.store.audit_head()
    return Run(
        run_id=f"R-{made_at:%Y%m%dT%H%M%S}-{parts.new_id()[:6]}",
        entity=parts.settings.entity,
        outcome=_outcome(
            rows, ledger.chains, checks, policy.item_threshold, policy.total_threshold
        ),
        as_of=cutoff or made_at,
        made_at=made_at,
        period=month.name,
        timezone=parts.settings.schedule.timezone,
        tolerance_minor=parts.policy.tolerance_minor,
        item_threshold_minor=policy.item_threshold,
        total_threshold_minor=policy.total_threshold,
        version=parts.version,
        targets=targets,
        rows=rows,
        chains=tuple(
            sorted(ledger.chains, key=lambda one: (one.kind, one.root, one.target))
        ),
        excluded=tuple(
            sorted(ledger.excluded, key=lambda one: (one.target, one.what, one.id))
        ),
        checks=checks,
        sources=_sources(sources, rows, matched, ledger),
        audit_seq=audit_seq,
        audit_head=head,
        subsequent=after_cutoff(ground, rows),
        made_by=parts.holder,
        config_sha256=fingerprint(parts.settings.model_dump_json()),
        seq=ground.books.seq,
        matched=matched,
        pairs=pairs_with_timing(ground, between.pairs),
        agreed=between.agreed(matched),
        aging=Aging(AgedBy(report.aging_by), report.aging_days),
    )


def _ground(
    parts: Parts, month: Month, cutoff: datetime | None, targets: tuple[str, ...]
) -> Ground:
    """Pin what is known by now; the books at the cutoff, and beside them all of it."""
    seq = parts.store.last_seq()
    latest = parts.store.as_of(seq, LATEST)
    moment = cutoff or month.last
    return Ground(
        books=parts.store.as_of(seq, moment),
        later=latest if moment < LATEST else None,
        targets=targets,
        period=month,
        tolerance=parts.policy.tolerance_minor,
    )


def _kept(parts: Parts, run: Run, progress: Progress, *, again: bool) -> Run:
    """Keep the run; one of the same cutoff with the same figures stands instead."""
    progress.step("keeping the run", None)
    if again:
        before = parts.store.run_at(run.as_of, period=run.period)
        if before is not None:
            known = read_run(before[0])
            restated = before[1]
            if content_sha256(known) == content_sha256(run):
                if known.aging == run.aging:
                    return known
                restated = known.restated_from  # the same figures, to be aged otherwise
            run = replace(run, restated_from=restated)
    given = signoff.ever_given(parts.store)
    signed = signoff.latest(parts.store, run.period) if given else None
    body, digest = run_text(run)
    parts.store.keep_run(
        run.run_id,
        kind="reconciliation",
        period=run.period,
        at=run.made_at,
        as_of=run.as_of,
        body=body,
        sha256=digest,
        audit=AuditEntry("run.kept", "run", run.run_id, after=run.outcome, reason=digest),
    )
    for fallen in signoff.reopen(parts, signed, run):
        progress.note(f"{fallen.who}'s sign-off as {fallen.role} falls: {fallen.why}")
    return run


def _compared(
    parts: Parts, ground: Ground, progress: Progress, how: How
) -> tuple[Ledger, tuple[Row, ...], tuple[Matched, ...]]:
    """Every row that a person may want to look at, and the count of the others."""
    ledger = Ledger(tally=Tally(zone=ground.period.zone))
    engine = how.engine
    if engine is None:  # it costs a second and some memory to begin with
        engine = ground.books.seq >= ENGINE_FROM
    screened = screen(parts.store, ground, progress) if engine else None
    if screened is None:
        matched = _one_by_one(ledger, ground, progress, how.keep_plain)
    else:
        matched = _screened(ledger, ground, screened, progress, how.keep_plain)
    return ledger, tuple(sorted(ledger.rows, key=order)), matched


def _one_by_one(
    ledger: Ledger, ground: Ground, progress: Progress, keep_plain: int
) -> tuple[Matched, ...]:
    progress.step("comparing", None)
    for some in invoices_met(ground, ledger):
        ids = [one.id for one in some]
        take_invoices(ledger, ground, ids, screened=False, keep_plain=keep_plain + 1)
        progress.advance(len(some))
    take_strangers(ledger, ground, set_aside(ledger, ground))
    set_memos_aside(ledger, ground)
    if len(ledger.plain) > keep_plain:
        return ledger.tally.matched()
    ledger.rows.extend(ledger.plain)  # few enough to show each
    return ()


def _screened(
    ledger: Ledger, ground: Ground, screened: Screened, progress: Progress, keep_plain: int
) -> tuple[Matched, ...]:
    ledger.counted = screened.counted
    ledger.digests = screened.digests
    progress.step("comparing", len(screened.wanted))
    for first in range(0, len(screened.wanted), CHUNK):
        some = screened.wanted[first : first + CHUNK]
        take_invoices(ledger, ground, some, screened=True, keep_plain=0)
        progress.advance(len(some))
    take_strangers(ledger, ground, screened.strangers)
    books = ground.books
    ledger.excluded.extend(map(custom_unit, books.invoices(screened.custom).values()))
    for target in ground.targets:
        names = [name for of, name in screened.unnamed if of == target]
        ledger.excluded.extend(map(unnamed, books.documents_by_id(target, names).values()))
        names = [name for of, name in screened.customs if of == target]
        found = books.documents_by_id(target, names).values()
        ledger.excluded.extend(map(of_custom_unit, found))
    ledger.excluded.extend(map(loose_memo, books.memos_by_id(screened.loose).values()))
    set_strays_aside(ledger, ground, screened.stray)
    if sum(one.count for one in screened.matched) > keep_plain:
        return screened.matched
    ledger.rows.extend(plain_rows(ground, screened.plain))
    return ()


@contextmanager
def _seldom_collected() -> Iterator[None]:
    """The words of a large book stay: to look through them again and again finds nothing."""
    before = gc.get_threshold()
    gc.set_threshold(COLLECT_FROM, *before[1:])
    try:
        yield
    finally:
        gc.set_threshold(*before)


def _require_sweeps(parts: Parts, targets: Iterable[str]) -> dict[str, Source]:
    sources = {}
    names = (CORE, *targets)
    if stale := [one for name, one in parts.store.unread().items() if name in names]:
        raise Incomplete(f"{texts(stale)}; nothing is reconciled on an older reading")
    for name in names:
        sweep = parts.store.last_sweep(name)
        if sweep is None:
            raise Incomplete(
                f"{name} was never read whole, so nothing can be reconciled against it; "
                "run `tieout sync` first"
            )
        endpoint, asked = told(parts.settings, name)
        sources[name] = Source(
            name,
            sweep.finished_at,
            sweep.pages,
            sweep.rows,
            rows_used=0,
            rows_excluded=0,
            started_at=sweep.started_at,
            endpoint=endpoint,
            filter=asked,
        )
    return sources


def _outcome(
    rows: Iterable[Row],
    chains: Iterable[ChainFinding],
    checks: Iterable[Check],
    item: int,
    whole: int,
) -> Outcome:
    """Amounts that cancel out do not make crossed links right: those a person must look at."""
    crossed = any(row.kind in CROSSED for row in rows) or any(
        one.kind in CROSSED for one in chains
    )
    if crossed or not all(check.ok for check in checks):
        return Outcome.OPEN_ITEMS
    unexplained = [row for row in rows if row.unexplained]
    if not unexplained:
        return Outcome.CLEAR
    # Each leg by itself: what one asks too much is not made good by what another lacks.
    sums: Counter[tuple[str, str]] = Counter()
    for row in unexplained:
        sums[row.target, row.currency] += row.unexplained
    small = all(abs(row.unexplained) <= item for row in unexplained) and all(
        abs(amount) <= whole for amount in sums.values()
    )
    return Outcome.WITHIN_THRESHOLD if small else Outcome.OPEN_ITEMS


def _sources(
    read: dict[str, Source],
    rows: tuple[Row, ...],
    matched: tuple[Matched, ...],
    ledger: Ledger,
) -> tuple[Source, ...]:
    counted = ledger.counted
    control: dict[str, dict[str, int]] = {CORE: dict(counted.core_minor)}
    for (target, currency), minor in counted.gross_minor.items():
        control.setdefault(target, {})[currency] = minor
    used = used_rows(rows, matched, counted)
    used[CORE] = counted.invoices
    left_out = Counter(some.target for some in ledger.excluded) + counted.elsewhere
    return tuple(
        replace(
            one,
            rows_used=used[one.name],
            rows_excluded=left_out[one.name],
            sha256=ledger.digests.of(one.name),
            control=tuple(
                (currency, minor)
                for currency, minor in sorted(control.get(one.name, {}).items())
                if minor
            ),
        )
        for one in read.values()
    )
