"""The worklist, decided: which flags a case calls for, and which of them are settled.

Pure. A flag is opened and resolved from what was seen and recorded; a person's click only
claims. Actions are written in the words of the system where the person will do them.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime

from state.invoices import CoreStatus
from state.money import display
from state.observations import CORE
from state.pushes import PushState
from state.receivables import STRIPE, DocumentStatus
from state.worklist import Cause, Flag, FlagState
from sync.by_hand import void_action
from sync.decide import Case, Held, paid_ancestor
from sync.drafts import below_zero

# Causes that only a look at their document can end.
ON_A_DOCUMENT = frozenset({Cause.VOIDED_IN_CORE, Cause.DUPLICATE_DOWNSTREAM})


@dataclass(frozen=True, slots=True)
class _Want:
    """A flag that the facts call for, before it is given a life."""

    target: str
    subject: str
    cause: Cause
    action: str
    why: str
    currency: str
    exposure_minor: int
    priority: int
    url: str | None = None
    double_billed: bool = False


def decide_flags(
    case: Case, existing: Iterable[Flag], *, now: datetime, looked_at: datetime
) -> tuple[Flag, ...]:
    """The flags of one case that change, given those it has.

    `looked_at` is when the downstream facts were last read: a claim made after that is
    not contradicted by them yet.
    """
    wanted = {(want.target, want.subject, want.cause): want for want in _wanted(case)}
    changed: list[Flag] = []
    for flag in existing:
        want = wanted.pop(flag.key, None)
        moved = (
            _settle(flag, case, now)
            if want is None
            else _keep(flag, want, case, looked_at=looked_at)
        )
        if moved != flag:
            changed.append(moved)
    changed.extend(_open(want, case, now) for want in wanted.values())
    return tuple(changed)


def _wanted(case: Case) -> list[_Want]:
    wants = [*_anomalies(case), *_negative_draft(case), *_voids(case), *_duplicates(case)]
    wants += _voided_by_hand(case)
    record, invoice = case.record, case.invoice
    if record is None:
        return wants
    subject = record.document_id or f"core:{case.core_invoice_id}"
    base = _Want(
        target=STRIPE,
        subject=f"core:{case.core_invoice_id}",
        cause=Cause.QUARANTINED,
        action="",
        why=record.detail,
        currency=record.currency,
        exposure_minor=abs(record.total_minor),
        priority=2,
    )
    if record.state is PushState.QUARANTINED:
        action = (
            f"Look at why ({record.reason}), then: tieout push retry {case.core_invoice_id}"
            f" (or: tieout push skip {case.core_invoice_id})"
        )
        wants.append(replace(base, subject=subject, action=action))
    if record.reason == "MISSING_MAPPING" and record.state is PushState.SKIPPED:
        action = (
            "Name the Stripe customer in the billing core: custom field "
            f"stripe_customer_id on customer {record.core_customer_id}"
        )
        wants.append(replace(base, cause=Cause.MISSING_MAPPING, action=action))
    # A person who leaves it out as well has not issued its credit memo.
    owed = record.reason == "NEGATIVE_INVOICE" or (
        record.reason == "BY_HAND" and record.total_minor < 0
    )
    if owed and record.state is PushState.SKIPPED:
        action = (
            f"Issue a credit memo of {display(-record.total_minor, record.currency)} in A/R"
        )
        live = invoice is not None and invoice.status is CoreStatus.FINALIZED
        if live:
            wants.append(replace(base, cause=Cause.NEGATIVE_INVOICE, action=action))
    held = paid_ancestor(case)
    if record.state is PushState.HELD and held is not None:
        document = held.document
        action = (
            f"Credit {document.number or document.id} "
            f"({display(held.exposure_minor, document.currency)}), or let both stand with: "
            f"tieout push retry {case.core_invoice_id}"
        )
        why = f"it replaces {document.id}, which is {document.status}"
        wants.append(
            replace(
                base,
                subject=document.id,
                cause=Cause.REPLACEMENT_OF_PAID,
                action=action,
                why=why,
                priority=1,
                url=document.url,
            )
        )
    return wants


def _anomalies(case: Case) -> list[_Want]:
    """The core changed what cannot change: we keep what we had, and ask."""
    if not case.anomaly:
        return []
    known = case.invoice
    return [
        _Want(
            target=CORE,
            subject=f"core:{case.core_invoice_id}",
            cause=Cause.CORE_ANOMALY,
            action=f"Ask the billing core's operator about invoice {case.core_invoice_id}",
            why=case.anomaly,
            currency=(known.currency if known else None) or "",
            exposure_minor=abs(known.total_minor) if known else 0,
            priority=1,
        )
    ]


def _negative_draft(case: Case) -> list[_Want]:
    """A draft below zero, while its usage can still be corrected."""
    draft = case.invoice
    below = () if draft is None else below_zero(draft)
    if draft is None or draft.status is not CoreStatus.DRAFT or not below:
        return []
    return [
        _Want(
            target=CORE,
            subject=f"core:{draft.id}",
            cause=Cause.NEGATIVE_DRAFT,
            action=f"Correct its usage before it is final; see: tieout advise {draft.id}",
            why="; ".join(below),
            currency=draft.currency or "",
            exposure_minor=max(-draft.total_minor, 0),
            priority=2,
        )
    ]


def _voids(case: Case) -> list[_Want]:
    """Voided in the core, live downstream: the reason Tieout exists."""
    if case.invoice is None or case.invoice.status is not CoreStatus.VOID:
        return []
    return [
        _removal(
            held,
            Cause.VOIDED_IN_CORE,
            why=f"core invoice {case.core_invoice_id} is VOID",
            priority=_priority(held, case),
            double_billed=held.document.target in case.successor_live,
        )
        for held in case.documents
        if _still_asks(held)
    ]


def _duplicates(case: Case) -> list[_Want]:
    """More than one live document for one core invoice: all but ours, or the oldest."""
    wants: list[_Want] = []
    for target in sorted({held.document.target for held in case.documents}):
        live = case.live_on(target)
        wants.extend(
            _removal(
                extra,
                Cause.DUPLICATE_DOWNSTREAM,
                why=f"{live[0].document.id} already bills {case.core_invoice_id}",
                priority=1,
                double_billed=True,
            )
            for extra in live[1:]
            if _still_asks(extra)
        )
    return wants


def _still_asks(held: Held) -> bool:
    """Does the document ask for money, or would it once finalized?"""
    return held.exposure_minor > 0 or held.document.status is DocumentStatus.DRAFT


def _removal(
    held: Held, cause: Cause, *, why: str, priority: int, double_billed: bool
) -> _Want:
    """The wish that one document should no longer stand."""
    document = held.document
    return _Want(
        target=document.target,
        subject=document.id,
        cause=cause,
        action=void_action(held),
        why=why,
        currency=document.currency,
        exposure_minor=held.exposure_minor,
        priority=priority,
        url=document.url,
        double_billed=double_billed,
    )


def _voided_by_hand(case: Case) -> list[_Want]:
    """Voided downstream, alive in the core: the customer is billed by nobody."""
    invoice, record = case.invoice, case.record
    if invoice is None or invoice.status is not CoreStatus.FINALIZED or record is None:
        return []
    wants = []
    for held in case.documents:
        gone = held.document.status in {DocumentStatus.VOID, DocumentStatus.DELETED}
        alive = any(other.document.status.live for other in case.on(held.document.target))
        ours = held.document.id == record.document_id and record.state is PushState.DONE
        if gone and ours and not alive:
            wants.append(
                _Want(
                    target=held.document.target,
                    subject=held.document.id,
                    cause=Cause.VOIDED_DOWNSTREAM_ONLY,
                    action=(
                        f"Void {case.core_invoice_id} in the billing core as well, or bill"
                        f" it again with: tieout push retry {case.core_invoice_id}"
                    ),
                    why=f"it is {held.document.status} there and FINALIZED in the core",
                    currency=record.currency,
                    exposure_minor=record.pushed_minor,
                    priority=2,
                    url=held.document.url,
                )
            )
    return wants


def _priority(held: Held, case: Case) -> int:
    """1: money was or will be taken by itself, or the customer is billed twice."""
    document = held.document
    if document.status is DocumentStatus.DRAFT:
        return 3
    taken = document.status in {DocumentStatus.PAID, DocumentStatus.PART_PAID}
    twice = document.target in case.successor_live
    return 1 if taken or twice or document.auto_charge else 2


def _open(want: _Want, case: Case, now: datetime) -> Flag:
    return Flag(
        target=want.target,
        subject=want.subject,
        cause=want.cause,
        core_invoice_id=case.core_invoice_id,
        core_customer_id=_customer_id(case),
        state=FlagState.OPEN,
        action=want.action,
        why=want.why,
        currency=want.currency,
        exposure_minor=want.exposure_minor,
        priority=want.priority,
        opened_at=now,
        url=want.url,
        successor=case.successor,
        double_billed=want.double_billed,
    )


def _keep(flag: Flag, want: _Want, case: Case, *, looked_at: datetime) -> Flag:
    """The work is still there. Say it as it is now; a claim that did not hold reopens."""
    kept = replace(
        flag,
        core_invoice_id=case.core_invoice_id,
        core_customer_id=_customer_id(case),
        action=want.action,
        why=want.why,
        exposure_minor=want.exposure_minor,
        priority=want.priority,
        url=want.url,
        successor=case.successor,
        double_billed=want.double_billed,
    )
    claim_failed = flag.state is FlagState.AWAITING_VERIFICATION and (
        flag.claimed_at is not None and flag.claimed_at < looked_at
    )
    waiver_outgrown = flag.state is FlagState.WAIVED and (
        want.exposure_minor != flag.exposure_minor
    )
    if flag.state is FlagState.RESOLVED or claim_failed or waiver_outgrown:
        return replace(
            kept,
            state=FlagState.REOPENED,
            reopened=flag.reopened + 1,
            closed_at=None,
            evidence="",
            waived_by=None,
            waiver_approved_by=None,
        )
    return kept


def _settle(flag: Flag, case: Case, now: datetime) -> Flag:
    """Nothing calls for it any more: resolved, with what was seen as the evidence."""
    not_looked = flag.cause is Cause.CORE_ANOMALY and case.anomaly is None
    out_of_sight = flag.cause in ON_A_DOCUMENT and _subject(flag, case) is None
    if flag.state is FlagState.RESOLVED or not_looked or out_of_sight:
        return flag
    here = replace(flag, core_invoice_id=case.core_invoice_id)
    if _stands_for_nothing_known(flag, case):
        return here
    return replace(
        here,
        state=FlagState.RESOLVED,
        closed_at=now,
        evidence=_evidence(flag, case),
        double_billed=False,
    )


def _stands_for_nothing_known(flag: Flag, case: Case) -> bool:
    """Its document names an invoice that the core does not know: nobody saw it closed."""
    held = _subject(flag, case)
    live = held is not None and held.document.status.live
    return flag.cause is Cause.VOIDED_IN_CORE and case.invoice is None and live


def _subject(flag: Flag, case: Case) -> Held | None:
    """The document that the flag is about, as it is seen now."""
    for held in case.on(flag.target):
        if held.document.id == flag.subject:
            return held
    return None


def _evidence(flag: Flag, case: Case) -> str:
    held = _subject(flag, case)
    if held is not None and not held.document.status.live:
        return f"{held.document.id} was seen {held.document.status}"
    if held is not None and held.memos and held.exposure_minor == 0:
        names = ", ".join(sorted(memo.number or memo.id for memo in held.memos))
        return f"{held.document.id} was seen credited in full by {names}"
    record = case.record
    if flag.core_invoice_id != case.core_invoice_id:
        return f"{flag.subject} was seen to stand for {case.core_invoice_id}"
    if record is not None and flag.subject in {
        record.document_id,
        f"core:{flag.core_invoice_id}",
    }:
        return f"the push was seen {record.state}"
    if case.invoice is not None:
        return f"core invoice {case.core_invoice_id} was seen {case.invoice.status}"
    return "nothing calls for it any more"


def _customer_id(case: Case) -> str:
    if case.invoice is not None:
        return case.invoice.customer_id
    if case.record is not None:
        return case.record.core_customer_id
    return next(
        (
            held.document.core_customer_id
            for held in case.documents
            if held.document.core_customer_id
        ),
        "",
    )
