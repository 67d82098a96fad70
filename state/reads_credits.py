"""The reads of credits and corrections, with the history that the core itself does not keep."""

from collections.abc import Iterator

from state.corrections import Correction
from state.credits import CoreCredit
from state.reads import Reader


class CreditReader(Reader):
    """What can be asked of one legal entity's memory of credits and corrections."""

    def credits_of(self, customer_id: str) -> list[CoreCredit]:
        """A customer's credits and its contracts' credits."""
        return self._in(CoreCredit, "credit", "ref", [customer_id])

    def iter_credits(self) -> Iterator[CoreCredit]:
        """Every credit as it was last read, by id."""
        return self._each(CoreCredit, "credit")

    def correction(self, correction_id: str) -> Correction | None:
        """One correction."""
        return next(iter(self._in(Correction, "correction", "id", [correction_id])), None)

    def corrections(self, core_invoice_id: str | None = None) -> list[Correction]:
        """Every correction, or those of one core invoice, the oldest first."""
        if core_invoice_id is None:
            found = list(self._each(Correction, "correction"))
        else:
            found = self._in(Correction, "correction", "ref", [core_invoice_id])
        return sorted(found, key=lambda one: (one.opened_at, one.id))
