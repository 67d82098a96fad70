"""Advice on a wrong invoice, and the core-side steps of the path that a person chose."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from sync.commands.advise_typed import asked_share, events_in, minor, reductions
from sync.commands.options import (
    By,
    Config,
    Json,
    Unusable,
    correcting,
    print_json,
    progress,
    text,
    who,
)

if TYPE_CHECKING:
    from connectors.correcting import CorrectingCore
    from state.corrections import Correction
    from sync.advising import Answer, Question
    from sync.parts import Parts


Invoice = Annotated[
    str | None,
    typer.Argument(metavar="INVOICE", help="A core invoice; none: which need advice."),
]
Share = Annotated[
    str | None,
    typer.Option("--share", help="How much of it is wrong: nothing, part or whole."),
]
Negate = Annotated[
    list[str] | None,
    typer.Option("--negate", help="A wrong event's transaction id; again for more."),
]
Reduce = Annotated[
    list[str] | None,
    typer.Option("--reduce", help="PRODUCT=QUANTITY to take back; again for more."),
]
Resubmit = Annotated[
    Path | None,
    typer.Option("--resubmit", help="A JSON list of corrected events, as for ingest."),
]
AsIs = Annotated[
    bool, typer.Option("--as-is", help="Bill again on usage as it is; negate nothing.")
]
Locked = Annotated[bool, typer.Option("--locked", help="Its A/R period is closed.")]
Expect = Annotated[
    str | None,
    typer.Option("--expect", help="What it must come to, such as 7.00; else it stops."),
]
Negative = Annotated[
    bool, typer.Option("--negative", help="Let usage or the total fall below zero.")
]
Apply = Annotated[
    bool, typer.Option("--apply", help="Carry out the core's steps, or go on with them.")
]
Cancel = Annotated[
    bool, typer.Option("--cancel", help="Give up a correction that is under way.")
]
Why = Annotated[str, typer.Option("--reason", help="Why; kept with the correction.")]


def advise(
    invoice: Invoice = None,
    config: Config = None,
    share: Share = None,
    negate: Negate = None,
    reduce: Reduce = None,
    resubmit: Resubmit = None,
    as_is: AsIs = False,
    locked: Locked = False,
    expect: Expect = None,
    negative: Negative = False,
    apply: Apply = False,
    cancel: Cancel = False,
    reason: Why = "",
    by: By = None,
    as_json: Json = False,
) -> None:
    """Say which corrections of an invoice are open, until when, and carry one out."""
    from sync.advising import Question, ask

    if invoice is None:
        if apply or cancel:
            raise Unusable("INVOICE: say which core invoice")
        _overview(config, as_json)
        return
    person = who(by)
    question = Question(
        share=asked_share(share),
        locked=locked,
        negate=tuple(negate or ()),
        reduce=reductions(reduce or []),
        resubmits=events_in(resubmit, invoice),
        as_is=as_is,
        may_go_negative=negative,
    )
    with correcting(config) as (parts, core):
        if cancel:
            done = _cancel(parts, invoice, by=person, reason=text(reason, "--reason"))
            _say_correction(done, "", as_json)
            return
        if apply:
            said = (person, text(reason, "--reason") if reason else "")
            done, waits = _apply(parts, core, invoice, question, expect, said)
            _say_correction(done, waits, as_json)
            raise typer.Exit(0 if done.state == "DONE" else 1)
        answer = ask(parts, core, invoice, question)
        if expect is not None:
            minor(expect, answer.invoice.currency)  # said now, not first with --apply
    _say_answer(answer, as_json)
    raise typer.Exit(1 if answer.correction is not None or answer.late else 0)


def _apply(
    parts: "Parts",
    core: "CorrectingCore",
    invoice: str,
    question: "Question",
    expect: str | None,
    said: tuple[str, str],
) -> "tuple[Correction, str]":
    """Go on with the correction that stands, or begin the one that was asked for."""
    from dataclasses import replace

    from sync.advising import ask, correction_of
    from sync.correcting import begin, carry_on, standing_of

    standing = standing_of(parts, invoice)
    if standing is None:
        answer = ask(parts, core, invoice, question)
        currency = answer.invoice.currency
        expected = None if expect is None else minor(expect, currency)
        question = replace(question, expected_minor=expected)
        made = correction_of(parts, answer, question, by=said[0], reason=said[1])
        standing = begin(parts, made)
    elif question.chosen or question.resubmits:
        raise Unusable(
            f"--apply: a correction of {invoice} is under way ({standing.state} at "
            f"{standing.step}); go on with --apply alone, or give it up with --cancel"
        )
    elif expect is not None or question.may_go_negative:
        standing = replace(
            standing,
            expected_minor=standing.expected_minor
            if expect is None
            else minor(expect, standing.currency),
            may_go_negative=standing.may_go_negative or question.may_go_negative,
        )
    return carry_on(parts, core, standing)


def _cancel(parts: "Parts", invoice: str, *, by: str, reason: str) -> "Correction":
    from sync.correcting import cancel, standing_of

    standing = standing_of(parts, invoice)
    if standing is None:
        raise Unusable(f"--cancel: no correction of {invoice} is under way")
    return cancel(parts, standing, by=by, reason=reason)


def _overview(config: Path | None, as_json: bool) -> None:
    """Which invoices need advice: late usage, drafts below zero, corrections under way."""
    from state.corrections import STANDING
    from state.money import display
    from state.worklist import UNRESOLVED, Cause
    from sync.advise_payloads import amount_text
    from sync.advising import late_usage
    from sync.console import say

    with correcting(config) as (parts, core), progress() as told:
        late = list(late_usage(parts, core, told))
        under_way = [one for one in parts.store.corrections() if one.state in STANDING]
        flags = [
            flag
            for flag in parts.store.flags(UNRESOLVED)
            if flag.cause is Cause.NEGATIVE_DRAFT
        ]
    if as_json:
        print_json(
            {
                "late_usage": [
                    {
                        "core_invoice_id": one.id,
                        "currency": one.currency,
                        "billed_minor": amount_text(one),
                        "would_be_minor": amount_text(would),
                    }
                    for one, would in late
                ],
                "below_zero": [
                    {"core_invoice_id": flag.core_invoice_id, "why": flag.why}
                    for flag in flags
                ],
                "corrections": [_correction_body(one, "") for one in under_way],
            }
        )
    else:
        for one, would in late:
            was, now = (display(i.total_minor, one.currency or "") for i in (one, would))
            say(
                f"{one.id} was billed {was} and would come to {now}: usage moved after it was final"
            )
        for flag in flags:
            say(f"{flag.core_invoice_id} is a draft below zero: {flag.why}")
        for correction in under_way:
            say(f"{correction.core_invoice_id}: {correction.state} at {correction.step}")
        if not (late or flags or under_way):
            say("no invoice needs advice")
    raise typer.Exit(1 if late or flags or under_way else 0)


# --- saying it -------------------------------------------------------------------------------


def _say_answer(answer: "Answer", as_json: bool) -> None:
    from state.clock import iso
    from state.money import display
    from sync.console import say

    if as_json:
        print_json(_answer_body(answer))
        return
    invoice = answer.invoice
    money = (
        f"{display(invoice.total_minor, invoice.currency or '')} {invoice.currency or ''}"
    )
    share = answer.situation.share
    say(f"{invoice.id} is {invoice.status}, {money}; asked as: {share} of it is wrong")
    if answer.late and answer.would_be is not None:
        would = display(answer.would_be.total_minor, invoice.currency or "")
        say(f"usage moved after it was final: billed again now, it would come to {would}")
    for option in answer.options:
        until = f" until {iso(option.deadline)}" if option.deadline is not None else ""
        say(f"{'open  ' if option.open else 'closed'}  {option.path}{until}: {option.why}")
        for line in option.downstream:
            say(f"        then: {line}")
        if option.command:
            say(f"        by: {option.command}")
    for warning in answer.warnings:
        say(f"careful: {warning}")
    if answer.correction is not None:
        say(f"a correction is {answer.correction.state} at {answer.correction.step}")


def _answer_body(answer: "Answer") -> dict[str, Any]:
    from sync.advise_payloads import amount_text

    invoice = answer.invoice
    would = answer.would_be
    return {
        "core_invoice_id": invoice.id,
        "core_customer_id": invoice.customer_id,
        "status": invoice.status,
        "currency": invoice.currency,
        "amount_minor": amount_text(invoice),
        "would_be_minor": None if would is None else amount_text(would),
        "share": answer.situation.share,
        "core_time": answer.situation.now,
        "warnings": list(answer.warnings),
        "paths": [
            {
                "path": one.path,
                "open": one.open,
                "why": one.why,
                "deadline": one.deadline,
                "downstream": list(one.downstream),
                "command": one.command,
                "payload": one.payload,
            }
            for one in answer.options
        ],
        "correction": None
        if answer.correction is None
        else _correction_body(answer.correction, ""),
    }


def _say_correction(correction: "Correction", waits: str, as_json: bool) -> None:
    from state.money import display, round_minor
    from sync.console import say

    if as_json:
        print_json(_correction_body(correction, waits))
        return
    ccy = correction.currency
    preview = correction.preview_minor
    came = "" if preview is None else f"; it comes to {display(round_minor(preview), ccy)}"
    was = display(round_minor(correction.before_minor), ccy)
    say(f"{correction.core_invoice_id} was {was}{came}")
    say(f"the correction is {correction.state} at {correction.step}")
    if correction.successor is not None:
        say(f"replaced by {correction.successor}")
    if correction.detail:
        say(f"stopped: {correction.detail}")
    if waits:
        say(f"waits for: {waits}")


def _correction_body(correction: "Correction", waits: str) -> dict[str, Any]:
    from state.codec import encode

    body: dict[str, Any] = json.loads(encode(correction))
    return {**body, "waits_for": waits}
