"""The reads of the store: words out, in bulk, through one lock and one engine."""

from collections.abc import Collection, Iterator
from datetime import datetime

from sqlalchemy import Connection, select
from sqlmodel import col

from state.asking import chunks, text_of
from state.asof import AsOf
from state.audit import GENESIS, Verdict, verify
from state.codec import decode
from state.invoices import CoreCustomer, CoreInvoice
from state.observations import Sweep, Unread
from state.past import Past
from state.pushes import PushRecord, PushState
from state.statements import HEAD, LAST_SEQ
from state.tables import (
    Current,
    CursorRow,
    Fact,
    RunRow,
    SweepRow,
    UnreadRow,
)


class Reader(Past):
    """What can be asked of one legal entity's memory."""

    def fact(self, name: str) -> str | None:
        """A fact kept under a name."""
        query = select(col(Fact.value)).where(
            col(Fact.entity) == self._entity, col(Fact.name) == name
        )
        return self._scalar(query)

    def cursor(self, name: str) -> str | None:
        """Where the next reading of a source resumes."""
        query = select(col(CursorRow.value)).where(
            col(CursorRow.entity) == self._entity, col(CursorRow.name) == name
        )
        return self._scalar(query)

    def last_sweep(self, source: str) -> Sweep | None:
        """The last complete reading of a source."""
        query = select(col(SweepRow.body)).where(
            col(SweepRow.entity) == self._entity, col(SweepRow.source) == source
        )
        body = self._scalar(query)
        return None if body is None else decode(Sweep, body)

    def unread(self) -> dict[str, Unread]:
        """The sources whose last reading failed."""
        query = select(col(UnreadRow.body)).where(col(UnreadRow.entity) == self._entity)
        with self._turn, self._reads.connect() as connection:
            found = [decode(Unread, body) for body in connection.execute(query).scalars()]
        return {one.source: one for one in sorted(found, key=lambda one: one.source)}

    def customers_since(self, seq: int) -> set[str]:
        """The core customers that are not as they were at an observation."""
        query = select(col(Current.id)).where(
            col(Current.entity) == self._entity,
            col(Current.kind) == "customer",
            col(Current.seq) > seq,
        )
        with self._turn, self._reads.connect() as connection:
            return set(connection.execute(query).scalars())

    def customers_by_id(self, ids: Collection[str]) -> dict[str, CoreCustomer]:
        """Core customers by id."""
        return {one.id: one for one in self._in(CoreCustomer, "customer", "id", ids)}

    def invoice(self, core_invoice_id: str) -> CoreInvoice | None:
        """One core invoice with its lines."""
        return self.invoices([core_invoice_id]).get(core_invoice_id)

    def invoices(self, ids: Collection[str]) -> dict[str, CoreInvoice]:
        """Core invoices by id."""
        return {one.id: one for one in self._in(CoreInvoice, "invoice", "id", ids)}

    def known_ids(self, ids: Collection[str]) -> set[str]:
        """Which of these core invoices are known."""
        found: set[str] = set()
        with self._turn, self._reads.connect() as connection:
            for some in chunks(sorted(ids)):
                query = select(col(Current.id)).where(
                    col(Current.entity) == self._entity,
                    col(Current.kind) == "invoice",
                    col(Current.id).in_(some),
                )
                found.update(row[0] for row in connection.execute(query))
        return found

    def known_by_prefix(self, prefix: str) -> list[str]:
        """Core invoices whose id begins so, two at most: more than one decides nothing."""
        with self._turn, self._reads.connect() as connection:
            query = (
                select(col(Current.id))
                .where(
                    col(Current.entity) == self._entity,
                    col(Current.kind) == "invoice",
                    col(Current.id) >= prefix,
                    col(Current.id) < prefix + "\U0010ffff",
                )
                .order_by(col(Current.id))
                .limit(2)
            )
            return [str(row[0]) for row in connection.execute(query)]

    def iter_invoices(self) -> Iterator[CoreInvoice]:
        """Every core invoice, by id."""
        return self._each(CoreInvoice, "invoice")

    def invoices_of(self, customer_id: str) -> list[CoreInvoice]:
        """A customer's core invoices, by id."""
        return self._in(CoreInvoice, "invoice", "ref", [customer_id])

    def children_of(self, ids: Collection[str]) -> dict[str, tuple[str, ...]]:
        """What was regenerated from each of these."""
        found: dict[str, tuple[str, ...]] = {}
        for one in self._in(CoreInvoice, "invoice", "parent", ids):
            parent = one.regenerated_from or ""
            found[parent] = (*found.get(parent, ()), one.id)
        return found

    def count_invoices(self) -> dict[str, int]:
        """How many core invoices are known, by status."""
        return self._count("invoice")

    def push(self, core_invoice_id: str) -> PushRecord | None:
        """The push of one core invoice."""
        return self.pushes_for([core_invoice_id]).get(core_invoice_id)

    def pushes(self, states: Collection[PushState]) -> list[PushRecord]:
        """The pushes in these states."""
        return self._in(PushRecord, "push", "status", [str(state) for state in states])

    def pushes_because(self, reason: str) -> list[PushRecord]:
        """The pushes that were left out or stopped for this reason."""
        return self._in(PushRecord, "push", "parent", [reason])

    def pushes_for(self, ids: Collection[str]) -> dict[str, PushRecord]:
        """The pushes of these core invoices."""
        return {one.core_invoice_id: one for one in self._in(PushRecord, "push", "id", ids)}

    def pushes_by_id(self) -> dict[str, PushRecord]:
        """Every push, by core invoice."""
        return {one.core_invoice_id: one for one in self._each(PushRecord, "push")}

    def count_pushes(self) -> dict[str, int]:
        """How many pushes there are, by state."""
        return self._count("push")

    def run(
        self, run_id: str | None = None, *, period: str | None = None
    ) -> tuple[str, str] | None:
        """A kept run's text and sha256: the one named, or the latest (of a period)."""
        query = select(col(RunRow.body), col(RunRow.sha256)).where(
            col(RunRow.entity) == self._entity
        )
        if run_id is not None:
            query = query.where(col(RunRow.run_id) == run_id)
        if period is not None:
            query = query.where(col(RunRow.period) == period)
        query = query.order_by(col(RunRow.at).desc(), col(RunRow.run_id).desc()).limit(1)
        with self._reads.connect() as connection:
            row = connection.execute(query).first()
        return None if row is None else (row[0], row[1])

    def run_at(self, as_of: datetime, *, period: str) -> tuple[str, str] | None:
        """The latest run kept for this cutoff and period: its text and sha256."""
        query = (
            select(col(RunRow.body), col(RunRow.sha256))
            .where(
                col(RunRow.entity) == self._entity,
                col(RunRow.as_of) == text_of(as_of),
                col(RunRow.period) == period,
            )
            .order_by(col(RunRow.at).desc(), col(RunRow.run_id).desc())
            .limit(1)
        )
        rows = self.ask(query)
        return (rows[0][0], rows[0][1]) if rows else None

    def last_run_id(self) -> str | None:
        """The latest kept run."""
        query = (
            select(col(RunRow.run_id))
            .where(col(RunRow.entity) == self._entity)
            .order_by(col(RunRow.at).desc(), col(RunRow.run_id).desc())
            .limit(1)
        )
        return self._scalar(query)

    def last_seq(self) -> int:
        """The number of the last observation of any entity."""
        found = self.ask(LAST_SEQ)
        return int(found[0][0] or 0)

    def as_of(self, seq: int, moment: datetime) -> AsOf:
        """The books at an instant, as known at an observation."""
        return AsOf(self, seq, moment)

    def audit_head(self) -> tuple[int, str]:
        """Sequence and hash of the last audit line."""
        with self._reads.connect() as connection:
            return self._head(connection)

    def verify_audit(self) -> Verdict:
        """Walk the audit log's chain."""
        return verify(self.audit_lines())

    def _head(self, connection: Connection) -> tuple[int, str]:
        row = connection.execute(HEAD, {"entity": self._entity}).first()
        return (0, GENESIS) if row is None else (row[0], row[1])
