"""The reads of credits and corrections, with the history that the core itself does not keep."""

from collections.abc import Iterator
from datetime import datetime

from sqlalchemy import select
from sqlmodel import col

from state.codec import decode
from state.corrections import Correction
from state.credits import CoreCredit
from state.reads import Reader
from state.rows import moment
from state.tables import BodyRow, ObservationRow


class CreditReader(Reader):
    """What can be asked of one legal entity's memory of credits and corrections."""

    def credits_of(self, customer_id: str) -> list[CoreCredit]:
        """A customer's credits and its contracts' credits."""
        return self._in(CoreCredit, "credit", "ref", [customer_id])

    def iter_credits(self) -> Iterator[CoreCredit]:
        """Every credit as it was last read, by id."""
        return self._each(CoreCredit, "credit")

    def credit_readings(self, credit_id: str) -> list[tuple[datetime, CoreCredit]]:
        """Every reading of one credit that differed from the one before, oldest first."""
        query = (
            select(col(ObservationRow.observed_at), col(BodyRow.body))
            .join(BodyRow, col(BodyRow.seq) == col(ObservationRow.seq))
            .where(
                col(ObservationRow.entity) == self._entity,
                col(ObservationRow.kind) == "credit",
                col(ObservationRow.id) == credit_id,
            )
            .order_by(col(ObservationRow.seq))
        )
        with self._turn, self._engine.connect() as connection:
            rows = connection.execute(query).all()
        return [(moment(row[0]), decode(CoreCredit, row[1])) for row in rows]

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
