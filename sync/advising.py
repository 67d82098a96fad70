"""Advice on one invoice, from live facts: the paths, their payloads, and a correction of them."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal

from connectors.correcting import CorrectingCore
from state.corrections import (
    Correction,
    CorrectionKind,
    CorrectionState,
    UsageEvent,
)
from state.invoices import CoreInvoice, CoreStatus
from sync.advise import Option, Path, Share, Situation, advice
from sync.advise_events import (
    CannotNegate,
    Ground,
    TooOld,
    below_zero_after,
    checked_resubmits,
    mirror,
    negation_id,
    quantities,
    some_usage,
    whole_usage,
)
from sync.advise_payloads import Goods, with_payload
from sync.advise_steps import ORDER
from sync.advise_window import Span
from sync.cases import gather
from sync.correcting import NotCorrectable, rebilled, standing_of
from sync.decide import Case
from sync.parts import Parts
from sync.progress import Progress

INSTANT = timedelta(microseconds=1)
LATE_LOOK = timedelta(days=68)
"""How far back finalized invoices are compared with their usage: twice the 34 days."""


@dataclass(frozen=True, slots=True)
class Question:
    """What a person says about the invoice, and what is to be done about its usage."""

    share: Share | None = None  # None: nobody said
    locked: bool = False
    negate: tuple[str, ...] = ()  # transaction ids of wrong events
    reduce: Mapping[str, Decimal] | None = None  # a product's id or name, and how much less
    resubmits: tuple[UsageEvent, ...] = ()
    as_is: bool = False  # bill again on usage as it is; negate nothing
    expected_minor: int | None = None
    may_go_negative: bool = False

    @property
    def chosen(self) -> bool:
        """Did a person say which usage is wrong?"""
        return bool(self.negate or self.reduce or self.as_is or self.share is Share.WHOLE)


@dataclass(frozen=True, slots=True)
class Answer:
    """Every path of one invoice, what it would come to now, and the correction that stands."""

    invoice: CoreInvoice
    situation: Situation
    options: tuple[Option, ...]
    would_be: CoreInvoice | None  # a final invoice billed again on usage as it is
    negations: tuple[UsageEvent, ...]
    warnings: tuple[str, ...]  # what the negations would drive below zero
    correction: Correction | None

    @property
    def late(self) -> bool:
        """Would a re-bill change it, although nobody touched it?"""
        would = self.would_be
        return would is not None and would.exact_minor != self.invoice.exact_minor


def ask(parts: Parts, core: CorrectingCore, invoice_id: str, question: Question) -> Answer:
    """Advice from live facts. Raises NotCorrectable, CannotNegate."""
    invoice, case = _live(parts, core, invoice_id)
    ground = _ground(core, invoice)
    negations, why_not = _negations(parts, core, ground, question)
    spans = tuple(_spans(ground, negations, question))
    situation = Situation(
        invoice=invoice,
        now=ground.now,
        share=question.share or Share.WHOLE,
        documents=case.documents,
        successor=case.successor,
        locked=question.locked,
        usage=spans,
        not_negatable=why_not,
        contract_open=_contract_open(core, invoice, ground),
        customer_archived=case.customer is not None and case.customer.archived,
        holds_paid=parts.policy.hold_replacement_of_paid,
    )
    final = invoice.status is CoreStatus.FINALIZED and invoice.kind == "USAGE"
    goods = Goods(ground.products, core.units())
    options = tuple(
        with_payload(
            one,
            situation,
            goods,
            negations=negations,
            resubmits=question.resubmits,
            chosen=question.chosen,
        )
        for one in advice(situation)
    )
    return Answer(
        invoice=invoice,
        situation=situation,
        options=options,
        would_be=rebilled(core, invoice) if final else None,
        negations=negations,
        warnings=tuple(below_zero_after(ground, (*negations, *question.resubmits))),
        correction=standing_of(parts, invoice_id),
    )


def correction_of(
    parts: Parts, answer: Answer, question: Question, *, by: str, reason: str
) -> Correction:
    """The correction that a person asked to be carried out. Raises NotCorrectable."""
    invoice = answer.invoice
    draft = invoice.status is CoreStatus.DRAFT
    path = Path.NEGATE_USAGE if draft else Path.CREDIT_AND_REBILL
    option = next(one for one in answer.options if one.path is path)
    if not option.open:
        raise NotCorrectable(f"{path} is closed for {invoice.id}: {option.why}")
    if not (question.chosen or (draft and question.resubmits)):
        raise NotCorrectable(
            "say which usage is wrong before anything is sent: --negate TRANSACTION_ID, "
            "--reduce PRODUCT=QUANTITY, --share whole"
            + ("" if draft else ", or --as-is to bill again on usage as it is")
        )
    if answer.warnings and not question.may_go_negative:
        raise NotCorrectable(
            f"it would drive usage below zero: {'; '.join(answer.warnings)}; take back less, "
            "or say --negative"
        )
    if _burned(answer) and not question.negate and not question.may_go_negative:
        raise NotCorrectable(
            "a credit burned on this usage, and the core never nets a later or earlier "
            "negation against it: take each wrong event back at its own instant, with "
            "--negate TRANSACTION_ID"
        )
    kind = CorrectionKind.USAGE if draft else CorrectionKind.REBILL
    return Correction(
        id=parts.new_id(),
        core_invoice_id=invoice.id,
        core_customer_id=invoice.customer_id,
        kind=kind,
        state=CorrectionState.OPEN,
        step=ORDER[kind][0],
        currency=invoice.currency or "",
        before_minor=invoice.exact_minor,
        opened_at=parts.clock.now(),
        by=by,
        reason=reason,
        negations=answer.negations,
        resubmits=question.resubmits,
        expected_minor=question.expected_minor,
        may_go_negative=question.may_go_negative,
    )


def _burned(answer: Answer) -> bool:
    """Were negations made by the day, on an invoice that a credit paid for?"""
    return bool(answer.negations) and any(
        line.applies_credit for line in answer.invoice.lines
    )


def late_usage(
    parts: Parts, core: CorrectingCore, progress: Progress
) -> Iterator[tuple[CoreInvoice, CoreInvoice]]:
    """Each finalized invoice that a re-bill would change now, and what it would come to.

    The core is asked about each one by itself, which takes its time.
    """
    since = core.time() - LATE_LOOK
    progress.step("comparing final invoices with their usage", None)
    for invoice in parts.store.iter_invoices():
        final = invoice.status is CoreStatus.FINALIZED and invoice.kind == "USAGE"
        if not final or invoice.end is None or invoice.end < since:
            continue
        would = rebilled(core, invoice)
        progress.advance()
        if would is not None and would.exact_minor != invoice.exact_minor:
            yield invoice, would


# --- facts ---------------------------------------------------------------------------------


def _live(parts: Parts, core: CorrectingCore, invoice_id: str) -> tuple[CoreInvoice, Case]:
    known = parts.store.invoice(invoice_id)
    if known is None:
        raise NotCorrectable(
            f"INVOICE: {invoice_id} is not known here; run tieout sync, or check the id"
        )
    invoice = core.invoice(known.customer_id, invoice_id)
    if invoice is None:
        raise NotCorrectable(
            f"INVOICE: the core does not know {invoice_id} any more; ask its operator"
        )
    cases, _ = gather(parts.store, [invoice_id])
    case = next(one for one in cases if one.core_invoice_id == invoice_id)
    return invoice, case


def _ground(core: CorrectingCore, invoice: CoreInvoice) -> Ground:
    windows = tuple(core.breakdown(invoice)) if invoice.kind == "USAGE" else ()
    return Ground(invoice, windows, core.products(), core.time())


def _negations(
    parts: Parts, core: CorrectingCore, ground: Ground, question: Question
) -> tuple[tuple[UsageEvent, ...], str]:
    """The negating events, and why they cannot be made where nobody named the usage."""
    serial = len(parts.store.corrections(ground.invoice.id))
    known = core.events([one.transaction_id for one in question.resubmits])
    checked_resubmits(question.resubmits, ground, known)
    if question.negate:
        return tuple(_mirrored(core, ground, question.negate)), ""
    if question.reduce:
        wanted = {_product(ground, name): less for name, less in question.reduce.items()}
        return some_usage(ground, wanted, serial=serial), ""
    if question.as_is or question.share in {Share.NOTHING, Share.PART}:
        return (), ""
    try:
        return whole_usage(ground, serial=serial), ""
    except TooOld:
        return (), ""  # the window judges age, and says more than one event can
    except CannotNegate as no:
        return (), str(no)


def _mirrored(
    core: CorrectingCore, ground: Ground, wanted: tuple[str, ...]
) -> Iterator[UsageEvent]:
    names = dict.fromkeys(wanted)
    found = core.events([*names, *(negation_id(name) for name in names)])
    for name in names:
        if name not in found:
            raise CannotNegate(
                f"event {name}: the core shows none of this id in its last 34 days; check the "
                "id, or correct it downstream"
            )
        if negation_id(name) in found:
            raise CannotNegate(f"event {name} was negated already, by {negation_id(name)}")
        yield mirror(found[name], ground)


def _spans(
    ground: Ground, negations: tuple[UsageEvent, ...], question: Question
) -> Iterator[Span]:
    """Where the wrong usage lies: what was named, else every day with usage."""
    if question.negate or question.reduce:
        yield from (Span(one.at, one.at + INSTANT) for one in negations)
    elif not question.as_is:
        for one in ground.windows:
            if any(quantities([one]).values()):
                yield Span(one.start, one.end)


def _product(ground: Ground, name: str) -> str:
    found = [one for one in ground.products if name in {one.id, one.name}]
    if len(found) != 1:
        many = "several products" if found else "no product"
        raise CannotNegate(f"--reduce: {name!r} names {many}; give a product's id")
    return found[0].id


def _contract_open(core: CorrectingCore, invoice: CoreInvoice, ground: Ground) -> bool:
    if invoice.contract_id is None:
        return False
    return any(
        one.id == invoice.contract_id
        and not one.archived
        and (one.end is None or one.end > ground.now)
        for one in core.contracts(invoice.customer_id)
    )
