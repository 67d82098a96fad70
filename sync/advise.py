"""The decision tree of the credit-memo document: which paths are open, until when, and why.

Pure. Every path is answered for every invoice: an open one says when it is meant and what
follows downstream, a closed one says why. Nothing here acts.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from functools import partial
from typing import Any

from state.clock import iso
from state.invoices import CoreInvoice, CoreStatus
from state.money import display
from state.receivables import DocumentStatus
from sync.advise_window import WINDOW, Reach, Span, Standing, standing
from sync.decide import Held

GRACE = timedelta(hours=24)
"""Metronome: how long a draft stays open after its period, unless its support set it otherwise."""
_MONEY_CAME = frozenset({DocumentStatus.PAID, DocumentStatus.PART_PAID})


class Path(StrEnum):
    """The paths of the document, in its own order."""

    CUSTOMER_CREDIT = "CUSTOMER_CREDIT"
    CONTRACT_CREDIT = "CONTRACT_CREDIT"
    CREDIT_MEMO = "CREDIT_MEMO"
    NEGATE_USAGE = "NEGATE_USAGE"
    CREDIT_AND_REBILL = "CREDIT_AND_REBILL"
    CORRECT_DOWNSTREAM = "CORRECT_DOWNSTREAM"
    REFUND = "REFUND"


class Share(StrEnum):
    """How much of the invoice is wrong, as a person says it."""

    NOTHING = "nothing"  # it is right; the customer is to be satisfied
    PART = "part"
    WHOLE = "whole"


class Act(StrEnum):
    """What a person must do with one downstream document once the core has voided its own."""

    NOTHING = "NOTHING"
    DELETE = "DELETE"
    VOID = "VOID"
    MEMO = "MEMO"  # money came in, or its period is closed


@dataclass(frozen=True, slots=True)
class Situation:
    """An invoice with everything that the answer rests on."""

    invoice: CoreInvoice
    now: datetime  # the core's own
    share: Share = Share.WHOLE
    documents: tuple[Held, ...] = ()
    successor: str | None = None
    locked: bool = False  # its A/R period is closed
    usage: tuple[Span, ...] = ()  # the days on which the wrong usage lies
    not_negatable: str = ""  # why an event cannot take its usage back
    contract_open: bool = True
    customer_archived: bool = False
    holds_paid: bool = True  # policy: a replacement of a paid invoice waits for a person


@dataclass(frozen=True, slots=True)
class Option:
    """One path: open or closed, why, until when, and what follows."""

    path: Path
    open: bool
    why: str
    deadline: datetime | None = None
    downstream: tuple[str, ...] = ()
    command: str = ""  # how it is walked here, where it can be
    payload: Any = field(default=None, hash=False)  # what is sent, ready to be sent


def advice(case: Situation) -> tuple[Option, ...]:
    """Every path for this invoice, in the document's order."""
    return tuple(_RULES[path](case) for path in Path)


def act_of(held: Held, *, locked: bool) -> Act:
    """What a person must do with a document whose core invoice is void."""
    status = held.document.status
    if not status.live or (status.posted and held.exposure_minor == 0):
        return Act.NOTHING
    if status is DocumentStatus.DRAFT:
        return Act.DELETE
    return Act.MEMO if locked or status in _MONEY_CAME else Act.VOID


def reach(case: Situation) -> Standing | None:
    """Where the wrong usage stands against the 34 days; None where there is none."""
    return standing(case.usage, case.now)


# --- the paths -----------------------------------------------------------------------------


def _customer_credit(case: Situation) -> Option:
    if (why := _no_credit(case)) is not None:
        return _closed(Path.CUSTOMER_CREDIT, why)
    why = "the customer accepts value towards future billings, on any of its contracts"
    return Option(Path.CUSTOMER_CREDIT, open=True, why=why, downstream=_CREDIT_FOLLOWS)


def _contract_credit(case: Situation) -> Option:
    closed = partial(_closed, Path.CONTRACT_CREDIT)
    if (why := _no_credit(case)) is not None:
        return closed(why)
    if case.invoice.contract_id is None:
        return closed("the invoice names no contract")
    if not case.contract_open:
        return closed(
            f"contract {case.invoice.contract_id} has ended: nothing would burn there"
        )
    why = "the same, and it is to burn on this contract alone"
    return Option(Path.CONTRACT_CREDIT, open=True, why=why, downstream=_CREDIT_FOLLOWS)


_CREDIT_FOLLOWS = (
    "nothing moves downstream: the next core invoice is lower by it",
    "this invoice and its revenue stay as they are",
)


def _no_credit(case: Situation) -> str | None:
    if case.customer_archived:
        return "the customer is archived: nothing more will be billed"
    if case.invoice.status is CoreStatus.VOID:
        return _void_says(case)
    return None


def _credit_memo(case: Situation) -> Option:
    closed = partial(_closed, Path.CREDIT_MEMO)
    posted = [one for one in case.documents if one.exposure_minor > 0]
    if case.invoice.status is CoreStatus.DRAFT:
        return closed("nothing is invoiced yet: correct the draft")
    if not posted:
        return closed("nothing stands in A/R that a memo could reduce")
    if case.invoice.status is CoreStatus.VOID:
        posted = [one for one in posted if act_of(one, locked=case.locked) is Act.MEMO]
        if not posted:
            return closed(
                "it is void in the core: void it downstream too, see the worklist"
            )
        why = "it is void in the core and cannot be voided downstream: credit it in full"
    else:
        why = "the charge and its revenue are to be reduced, and the core keeps its invoice"
    dated = " The A/R period is closed: date it in the open one." if case.locked else ""
    follows = [
        f"{_named(one)}: a memo of up to {_money(one)} in that system, approved by a second "
        f"person and linked to the document.{dated}"
        for one in posted
    ]
    follows.append("the reconciliation shows the difference as explained by the memo")
    return Option(Path.CREDIT_MEMO, open=True, why=why, downstream=tuple(follows))


def _negate_usage(case: Situation) -> Option:
    closed = partial(_closed, Path.NEGATE_USAGE)
    if case.invoice.status is not CoreStatus.DRAFT:
        return closed(
            "a final invoice does not move with usage; late events change nothing on it"
        )
    if case.share is Share.NOTHING:
        return closed("its usage is right: nothing is to be negated")
    if (why := _cannot_negate(case)) is not None:
        return closed(why)
    stands = reach(case)
    final = None if case.invoice.end is None else case.invoice.end + GRACE
    limits = [
        one for one in (final, stands.deadline if stands else None) if one is not None
    ]
    why = "its usage is wrong and it is still a draft: negating events move it at once"
    if stands is not None and stands.reach is Reach.PARTLY:
        limits = [final] if final is not None else []
        why += f"; only usage of {_since(case)} on can still be negated"
    return Option(
        Path.NEGATE_USAGE,
        open=True,
        why=why,
        deadline=min(limits, default=None),
        downstream=("nothing stands downstream yet",),
    )


def _credit_and_rebill(case: Situation) -> Option:
    closed = partial(_closed, Path.CREDIT_AND_REBILL)
    invoice = case.invoice
    if invoice.status is CoreStatus.DRAFT:
        return closed("it is a draft: correct its usage, there is nothing to void")
    if case.successor is not None:
        return closed(_void_says(case))
    void = invoice.status is CoreStatus.VOID
    if not void and case.share is not Share.WHOLE:
        return closed(_WHOLE_ONLY)
    if case.share is not Share.NOTHING and (why := _cannot_negate(case)) is not None:
        return closed(why)
    stands = reach(case)
    negates = case.share is not Share.NOTHING and stands is not None
    return Option(
        Path.CREDIT_AND_REBILL,
        open=True,
        why=(
            "it is void and nothing replaces it: regenerate it"
            if void
            else "it is wrong as a whole: negate, send again, void, regenerate"
        ),
        deadline=stands.deadline if negates and stands is not None else None,
        downstream=tuple(_rebill_follows(case)),
    )


def _correct_downstream(case: Situation) -> Option:
    closed = partial(_closed, Path.CORRECT_DOWNSTREAM)
    invoice = case.invoice
    if invoice.status is CoreStatus.DRAFT:
        return closed("it is a draft: correct its usage in the core")
    if case.successor is not None:
        return closed(_void_says(case))
    if case.share is not Share.WHOLE:
        return closed(_WHOLE_ONLY)
    barred = _cannot_negate(case)
    if barred is None:
        stands = reach(case)
        until = f" until {iso(stands.deadline)}" if stands is not None else ""
        return closed(f"the core can still do it{until}: then both books agree")
    live = [one for one in case.documents if one.document.status.live]
    if invoice.status is CoreStatus.FINALIZED and not live:
        return closed("nothing stands downstream that could be corrected")
    follows = [f"{_named(one)}: {_ACTS[act_of(one, locked=case.locked)]}" for one in live]
    follows.append(
        "bill the right amount there by hand; the core keeps its invoice as it is"
    )
    follows.append(
        "say in A/R why the two books differ; the reconciliation shows it until then"
    )
    return Option(
        Path.CORRECT_DOWNSTREAM,
        open=True,
        why=f"it is wrong as a whole, and {barred}",
        downstream=tuple(follows),
    )


def _refund(case: Situation) -> Option:
    paid = [one for one in case.documents if one.document.status in _MONEY_CAME]
    why = "money goes back by the payment processor or the ERP; the core and Tieout never move it"
    if not paid:
        why += ", and nothing was paid on this invoice"
    return _closed(Path.REFUND, why)


_RULES: dict[Path, Callable[[Situation], Option]] = {
    Path.CUSTOMER_CREDIT: _customer_credit,
    Path.CONTRACT_CREDIT: _contract_credit,
    Path.CREDIT_MEMO: _credit_memo,
    Path.NEGATE_USAGE: _negate_usage,
    Path.CREDIT_AND_REBILL: _credit_and_rebill,
    Path.CORRECT_DOWNSTREAM: _correct_downstream,
    Path.REFUND: _refund,
}
_WHOLE_ONLY = (
    "it is for an invoice that is wrong as a whole; a credit or a memo repairs less"
)
_ACTS = {
    Act.NOTHING: "nothing to do, it asks for no money",
    Act.DELETE: "delete the draft by hand",
    Act.VOID: "void it by hand",
    Act.MEMO: "it cannot be voided (paid, or its period is closed): credit it in full by a memo",
}


# --- what the paths share ------------------------------------------------------------------


def _closed(path: Path, why: str) -> Option:
    return Option(path, open=False, why=why)


def _cannot_negate(case: Situation) -> str | None:
    """Why its usage cannot be taken back in the core, or None."""
    if case.invoice.kind != "USAGE":
        return (
            "its charges are scheduled, not metered: no event negates them; change the "
            "contract's schedule in the core, then void and regenerate there"
        )
    if case.not_negatable:
        return case.not_negatable
    stands = reach(case)
    if stands is None or stands.reach is Reach.OPEN:
        return None
    if stands.reach is Reach.CLOSED:
        return f"all its usage is older than 34 days since {iso(stands.lost)}"
    if case.share is Share.WHOLE:
        return (
            f"some of its usage is older than 34 days since {iso(stands.deadline)}; only what "
            f"is of {_since(case)} on could be negated"
        )
    return None


def _since(case: Situation) -> str:
    return str(iso(case.now - WINDOW))


def _rebill_follows(case: Situation) -> list[str]:
    """What a void and a regeneration ask of the people downstream."""
    follows = []
    for one in case.documents:
        act = act_of(one, locked=case.locked)
        follows.append(f"{_named(one)}: {_ACTS[act]}")
    if not case.documents:
        follows.append("nothing stands downstream: the new invoice will be the only one")
    if case.invoice.delivery is not None:
        provider = case.invoice.delivery.provider or "billing provider"
        follows.append(
            f"the core's own {provider} integration sends the new invoice by itself"
        )
    elif case.holds_paid and any(
        one.document.status in _MONEY_CAME for one in case.documents
    ):
        follows.append(
            "the new invoice waits until the paid one is credited, or a person lets it go"
        )
    else:
        follows.append("the new invoice is pushed by the next pass")
    follows.append(
        "voiding in the core voids nothing downstream: the worklist asks a person"
    )
    return follows


def _void_says(case: Situation) -> str:
    if case.successor is not None:
        return f"it is void and replaced by {case.successor}: ask for advice on that one"
    return "it is void: it bills nothing any more"


def _named(held: Held) -> str:
    document = held.document
    return f"{document.target} {document.number or document.id} ({document.status})"


def _money(held: Held) -> str:
    currency = held.document.currency
    return f"{display(held.exposure_minor, currency)} {currency}"
