"""When a fact became so, as far as its source tells; pure."""

from datetime import datetime
from typing import Any

from state.invoices import CoreInvoice, CoreStatus
from state.receivables import CreditMemo, DownstreamInvoice


def effective_at(word: Any) -> datetime | None:
    """The instant of a word's latest known change; None: only the reading dates it.

    Metronome gives no time of a void, so a voided core invoice is dated by observation.
    """
    match word:
        case CoreInvoice(status=CoreStatus.FINALIZED):
            return word.issued_at
        case DownstreamInvoice():
            times = (word.created_at, word.posted_at, word.paid_at, word.voided_at)
            return max((one for one in times if one is not None), default=None)
        case CreditMemo():
            return word.voided_at or word.posted_at
        case _:
            return None
