"""Defects that somebody might write, to be planted in the fast worlds."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from connectors.ports import CurrencyRule
from state.pushes import PushRecord, PushState
from state.receivables import DownstreamInvoice
from sync.decide import Case, Policy, decide_push
from sync.moves import Action, Answer, Ask, Done, Doubt, LookUp, Seen, Undertaking
from sync.protocol import absorb, next_action, retry
from sync.simulation.fast import Worker
from sync.simulation.memory import Memory


def no_look_up(record: PushRecord, seen: Seen, undertaking: Undertaking) -> Action:
    """Trust the idempotency key alone: never look before asking again."""
    action = next_action(record, seen, undertaking)
    if isinstance(action, LookUp):
        blind = replace(seen, found=())
        return next_action(record, blind, undertaking)
    return action


def new_key_after_5xx(record: PushRecord, answer: Answer, now: datetime) -> PushRecord:
    """Take an error of the other side for a no, and ask again under a new key."""
    after = absorb(record, answer, now)
    if isinstance(answer, Doubt):
        return replace(after, in_doubt=False, refusal="", generation=after.generation + 1)
    return after


def finalize_unread(record: PushRecord, seen: Seen, undertaking: Undertaking) -> Action:
    """Finalize without a look at the total."""
    action = next_action(record, seen, undertaking)
    if record.state is PushState.FILLED and isinstance(action, Ask):
        return action
    if record.state is PushState.FILLED and seen.document is not None:
        asked = replace(
            record,
            step="finalize",
            in_flight=True,
            tried=record.tried + 1,
            asked_at=seen.now,
        )
        return Ask(asked)
    return action


def cancelled_though_tried(
    record: PushRecord, seen: Seen, undertaking: Undertaking
) -> Action:
    """What stood here before: a restarted push forgets that it had asked."""
    untried = replace(record, tried=0)
    pending = record.state is PushState.PENDING and not record.in_flight
    return next_action(untried if pending else record, seen, undertaking)


def retry_at_once(record: PushRecord, seen_closed: Sequence[str]) -> PushRecord:
    """What stood here before: a new key beside an unanswered one."""
    return replace(retry(record, seen_closed), not_before=None)


def believe_the_answer(seen: Seen, asked: PushRecord, answer: Answer) -> Seen:
    """What stood here before: the total is taken from an answer, not read."""
    if not isinstance(answer, Done):
        return Seen(now=seen.now, core_status=seen.core_status)
    keys = ("k0", "k1") if asked.step.startswith("lines-") else ()
    return Seen(seen.now, seen.core_status, document=answer.document, line_keys=keys)


def look_at_the_list_alone(
    self: Worker, record: PushRecord
) -> tuple[DownstreamInvoice, ...]:
    """What stood here before: a look knows nothing but the customer's list."""
    return self.world.stripe.find(record.customer_id or "", record.core_invoice_id)


def commit_regardless(self: Memory, token: int | None, now: datetime, **what: Any) -> bool:
    """What stood here before: a pass overrules what a person has decided meanwhile."""
    what["based_on"] = None
    return _commit(self, token, now, **what)


_commit = Memory.commit


def hold_for_ever(
    case: Case, policy: Policy, rule: CurrencyRule | None
) -> PushRecord | None:
    """What stood here before: a held push does not hear of its invoice's void."""
    after = decide_push(case, policy, rule)
    if after is not None and after.state is PushState.CANCELLED:
        return None
    return after
