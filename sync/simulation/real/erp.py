"""An ERP beside Stripe: it copies what is finalized there, may fail, and may be down for good."""

from collections.abc import Iterator, Sequence
from datetime import datetime
from enum import StrEnum

from connectors.failures import NotNow
from connectors.ports import Capabilities, Hints, Identity, Page, PeriodLock
from state.receivables import DocumentStatus, DownstreamInvoice
from sync.simulation.real.around import Around
from sync.simulation.real.ports import ModelStripe
from sync.simulation.stripe_model import Document

ERP = "erp"


class Health(StrEnum):
    """How it fares, in a world that has one."""

    NONE = "none"
    SOUND = "sound"  # its readings fail now and then, as everybody's do
    DOWN = "down"  # from the first day to the last
    LOST = "lost"  # it answers in the first cycles, and never again


class ModelErp:
    """A register of copies. A person who voids in Stripe voids the copy too, at once."""

    target = ERP
    capabilities: Capabilities = ModelStripe.capabilities

    def __init__(self, around: Around, *, down: bool) -> None:
        self._around = around
        self._down = down

    def identify(self) -> Identity:
        """The world's ERP."""
        return Identity("model", ERP)

    def locks(self) -> tuple[PeriodLock, ...]:
        """None; and the first that fails where it is down."""
        if self._down:
            raise NotNow("the ERP does not answer")
        return ()

    def changes(self, cursor: str | None, now: datetime) -> Hints:  # noqa: ARG002 - the port
        """Copies whose originals moved since."""
        self._around.read()
        events = self._around.stripe.events
        moved = dict.fromkeys(events[int(cursor or 0) :])
        return Hints(tuple(f"e-{name}" for name in moved), str(len(events)))

    def sweep(self) -> Iterator[Page]:
        """Every copy."""
        self._around.whole.discard(ERP)
        self._around.read()
        originals = self._around.stripe.documents.values()
        yield Page(tuple(self._copy(one) for one in originals if one.finalized))
        self._around.whole.add(ERP)

    def look_again(self, ids: Sequence[str]) -> Iterator[Page]:
        """Copies by id."""
        for name in ids:
            self._around.read()
            found = self._around.stripe.documents.get(name.removeprefix("e-"))
            if found is not None and found.finalized:
                yield Page((self._copy(found),))
            else:
                yield Page(
                    (DownstreamInvoice(ERP, name, DocumentStatus.DELETED, "USD", 0),)
                )

    def _copy(self, original: Document) -> DownstreamInvoice:
        void = original.status is DocumentStatus.VOID
        self._around.erp_shown[f"e-{original.id}"] = void
        return DownstreamInvoice(
            ERP,
            f"e-{original.id}",
            DocumentStatus.VOID if void else DocumentStatus.OPEN,
            original.currency,
            original.gross_minor,
            number=f"e-{original.id}",
            posted_at=original.created_at,
            external_ids=(original.core_id,),
        )
