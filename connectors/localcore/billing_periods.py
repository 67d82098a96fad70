"""A contract's billing periods, as its body keeps them.

`next_period` in the body is the start of the first period without a final invoice.
"""

from collections.abc import Iterator
from datetime import datetime, timedelta

from connectors.localcore.contract_shapes import ending_of
from connectors.localcore.lifecycle import Terms, next_period, period_at
from connectors.localcore.tx import Stored
from connectors.localcore.words import Period
from state.clock import utc

CONTRACT = "contract"


def terms_of(contract: Stored) -> Terms:
    """What decides the periods of a contract."""
    schedule = contract.body["schedule"]
    return Terms(
        frequency=schedule["frequency"],
        anchor=utc(schedule["billing_anchor_date"]),
        starting_at=utc(contract.body["starting_at"]),
        ending_before=ending_of(contract),
    )


def begin_of(contract: Stored) -> datetime:
    """Where the first period without a final invoice begins."""
    known = contract.body.get("next_period")
    if known is not None:
        return utc(known)
    asked = contract.body["schedule"].get("invoice_generation_starting_at")
    start = utc(contract.body["starting_at"])
    return start if asked is None else max(start, utc(asked))


def open_period(contract: Stored) -> Period | None:
    """The first period without a final invoice, or None when usage is billed no more."""
    if contract.state != "ACTIVE" or contract.body["rate_card_id"] is None:
        return None
    return next_period(terms_of(contract), begin_of(contract))


def begun_periods(contract: Stored, now: datetime) -> Iterator[Period]:
    """The periods that have begun and have no final invoice, oldest first."""
    period = open_period(contract)
    while period is not None and period.start <= now:
        yield period
        period = next_period(terms_of(contract), period.end)


def ends_a_period(contract: Stored, at: datetime) -> bool:
    """Whether a usage invoice that is still to come ends at this instant."""
    first = open_period(contract)
    if first is None or at <= first.start:
        return False
    terms = terms_of(contract)
    if terms.ending_before is not None and at > terms.ending_before:
        return False
    return period_at(terms, at - timedelta(microseconds=1)).end == at
