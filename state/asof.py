"""The books as of an instant, rebuilt from observations up to a sequence number.

Two times decide. Of what was observed up to `seq`, a word is what its last observation
says that had become so by `moment`; what was first seen later is rewound by its own dates
(`state.effective`), and a balance by what memos did to it later (`state.winding`). The same
two give the same books for good.
"""

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, TypeVar

from sqlalchemy import or_, select
from sqlmodel import col

from state.asking import CHUNK, Asking, chunks
from state.clock import LATEST
from state.codec import decode
from state.effective import rewound
from state.invoices import CoreCustomer, CoreInvoice
from state.links import Link, LinkState
from state.pushes import PushRecord
from state.receivables import CreditMemo, DocumentStatus, DownstreamInvoice
from state.rows import micros
from state.statements import ever_held, standing
from state.tables import BodyRow, ObservationRow
from state.winding import Seen, wound_back
from state.worklist import Flag

_W = TypeVar("_W")
_O = ObservationRow
_CLOSED = (DocumentStatus.VOID.value, DocumentStatus.DELETED.value)


@dataclass(frozen=True, slots=True)
class AsOf:
    """One entity's books at `moment`, as known at `seq`."""

    asked: Asking
    seq: int
    moment: datetime
    _asked: list[frozenset[str]] = field(default_factory=list, repr=False, compare=False)

    # --- what a case is gathered from ------------------------------------------------

    def invoices(self, ids: Collection[str]) -> dict[str, CoreInvoice]:
        """Core invoices by id."""
        return dict(self._at(CoreInvoice, "invoice", ids))

    def children_of(self, ids: Collection[str]) -> dict[str, tuple[str, ...]]:
        """What was regenerated from each of these."""
        wanted = set(ids)
        found: dict[str, tuple[str, ...]] = {}
        for name, one in self._at(CoreInvoice, "invoice", wanted, by="parent"):
            parent = one.regenerated_from
            if parent is not None and parent in wanted:
                found[parent] = (*found.get(parent, ()), name)
        return found

    def documents_of(self, core_ids: Collection[str]) -> dict[str, list[DownstreamInvoice]]:
        """Documents in every register, by the core invoice they name."""
        wanted = set(core_ids)
        found: dict[str, list[DownstreamInvoice]] = {}
        for _, one in self._documents(wanted, by="ref"):
            if one.core_invoice_id is not None and one.core_invoice_id in wanted:
                found.setdefault(one.core_invoice_id, []).append(one)
        return found

    def documents_by_id(
        self, target: str, ids: Collection[str]
    ) -> dict[str, DownstreamInvoice]:
        """Documents of one register by id."""
        keys = [f"{target}|{name}" for name in ids]
        return {one.id: one for _, one in self._documents(keys)}

    def memos_of(
        self, target: str, document_ids: Collection[str]
    ) -> dict[str, list[CreditMemo]]:
        """Memos by the document they reduce."""
        wanted = set(document_ids)
        keys = [f"{target}|{name}" for name in wanted]
        found: dict[str, list[CreditMemo]] = {}
        for _, one in self._at(CreditMemo, "memo", keys, by="ref"):
            if one.target == target and one.invoice_id in wanted:
                found.setdefault(one.invoice_id or "", []).append(one)
        return found

    def pushes_for(self, ids: Collection[str]) -> dict[str, PushRecord]:
        """The pushes of these core invoices."""
        return dict(self._at(PushRecord, "push", ids))

    def claimed(self, document_ids: Collection[str]) -> dict[str, set[str]]:
        """Which core invoices' pushes claim each of these Stripe documents."""
        wanted = set(document_ids)
        found: dict[str, set[str]] = {}
        for name, one in self._at(PushRecord, "push", wanted, by="ref"):
            if one.document_id in wanted:
                found.setdefault(one.document_id or "", set()).add(name)
        return found

    def customers_by_id(self, ids: Collection[str]) -> dict[str, CoreCustomer]:
        """Core customers by id; one first seen later is named as it was then."""
        return dict(self._at(CoreCustomer, "customer", ids, as_first_seen=True))

    def flags_of(self, core_ids: Collection[str]) -> dict[str, list[Flag]]:
        """Flags that had been opened, by core invoice."""
        found: dict[str, list[Flag]] = {}
        for _, one in self._at(Flag, "flag", core_ids, by="ref"):
            found.setdefault(one.core_invoice_id, []).append(one)
        return found

    def links_of(self, core_ids: Collection[str]) -> dict[str, list[Link]]:
        """Links that stood, by core invoice."""
        found: dict[str, list[Link]] = {}
        for _, one in self._at(Link, "link", core_ids, by="ref"):
            if one.state is LinkState.ACTIVE:
                found.setdefault(one.core_invoice_id, []).append(one)
        return found

    def linked_documents(self) -> dict[tuple[str, str], str]:
        """The documents, by register and id, that links name, and for which invoice."""
        return {
            (one.target, one.new_document_id): one.core_invoice_id
            for one in self._each(Link, "link")
            if one.state is LinkState.ACTIVE
        }

    # --- walks -----------------------------------------------------------------------

    def customer_chunks(self) -> Iterator[list[str]]:
        """The customers that have invoices, by id, some at a time."""
        after, limit = "", 50
        ref = col(_O.ref)
        while True:
            query = (
                select(ref)
                .where(*self._scope("invoice"), ref > after)
                .group_by(ref)
                .order_by(ref)
                .limit(limit)
            )
            found = [str(row[0]) for row in self._all(query)]
            if found:
                yield found
            if len(found) < limit:
                return
            after = found[-1]

    def invoices_of_customers(self, customer_ids: Collection[str]) -> list[CoreInvoice]:
        """These customers' invoices: by customer, date and id."""
        wanted = set(customer_ids)
        found = [
            one
            for _, one in self._at(CoreInvoice, "invoice", wanted, by="ref")
            if one.customer_id in wanted
        ]
        return sorted(found, key=_by_customer)

    def each_invoice(self) -> Iterator[CoreInvoice]:
        """Every core invoice, by id."""
        return self._each(CoreInvoice, "invoice")

    def each_document(self) -> Iterator[DownstreamInvoice]:
        """Every document, by register and id."""
        for some in self._id_chunks("document"):
            yield from (one for _, one in self._documents(some))

    def each_memo(self) -> Iterator[CreditMemo]:
        """Every memo, by register and id."""
        return self._each(CreditMemo, "memo")

    def each_flag(self) -> Iterator[Flag]:
        """Every flag."""
        return self._each(Flag, "flag")

    def moved_later(self, kind: str, statuses: Collection[str]) -> Iterator[list[str]]:
        """Ids of a kind that came into one of these statuses only after `moment`."""
        late = col(_O.effective_at) > micros(self.moment)
        yield from self._id_chunks(kind, late, col(_O.status).in_(sorted(statuses)))

    def memos_by_id(self, keys: Collection[str]) -> dict[str, CreditMemo]:
        """Memos by register and id."""
        return dict(self._at(CreditMemo, "memo", keys))

    def _each(self, word: type[_W], kind: str) -> Iterator[_W]:
        for some in self._id_chunks(kind):
            yield from (one for _, one in self._at(word, kind, some))

    def _id_chunks(self, kind: str, *where: Any) -> Iterator[list[str]]:
        after = ""
        name = col(_O.id)
        while True:
            query = (
                select(name)
                .where(*self._scope(kind), name > after, *where)
                .group_by(name)
                .order_by(name)
                .limit(CHUNK)
            )
            found = [str(row[0]) for row in self._all(query)]
            if found:
                yield found
            if len(found) < CHUNK:
                return
            after = found[-1]

    # --- balances ---------------------------------------------------------------------

    def wound(self) -> Iterator[tuple[str, DownstreamInvoice]]:
        """Each document whose balance may not be as it was read, by its key."""
        for some in chunks(sorted(self._touched())):
            yield from self._documents(some)

    def _documents(
        self, values: Collection[str], *, by: str = "id"
    ) -> Iterator[tuple[str, DownstreamInvoice]]:
        """Documents by register and id, each with the balance it had."""
        touched = self._touched()
        found = list(self._pairs(DownstreamInvoice, "document", values, by=by))
        moved = {name for name, *_ in found if name in touched}
        then, ever = self._memos_on(moved)
        for name, seq, kept, was in found:
            if name in moved:
                memos = then.get(name, ()), ever.get(name, {})
                yield name, wound_back((seq, kept), was, *memos)
            else:
                yield name, was

    def _memos_on(
        self, keys: Collection[str]
    ) -> tuple[dict[str, list[CreditMemo]], dict[str, dict[str, list[Seen]]]]:
        """The memos on each of these documents, and every memo that ever was."""
        names = self._ids("memo", "ref", keys)
        then: dict[str, list[CreditMemo]] = {}
        for _, one in self._at(CreditMemo, "memo", names):
            then.setdefault(f"{one.target}|{one.invoice_id}", []).append(one)
        ever: dict[str, dict[str, list[Seen]]] = {}
        for some in chunks(sorted(names)):
            query = (
                select(col(_O.seq), col(BodyRow.body))
                .join(BodyRow, col(BodyRow.seq) == col(_O.seq))
                .where(*self._scope("memo"), col(_O.id).in_(some))
                .order_by(col(_O.seq))
            )
            versions: dict[str, list[Seen]] = {}
            for seq, body in self._all(query):
                one = decode(CreditMemo, body)
                versions.setdefault(one.id, []).append((int(seq), one))
            for name, seen in versions.items():
                for key in {f"{one.target}|{one.invoice_id}" for _, one in seen}:
                    ever.setdefault(key, {})[name] = seen
        return then, ever

    def _touched(self) -> frozenset[str]:
        """Documents with memos that moved, or came to be known, only after `moment`.

        And those voided after it. Asked once; books of all that is known have none.
        """
        if not self._asked:
            self._asked.append(self._ask() if self.moment < LATEST else frozenset())
        return self._asked[0]

    def _ask(self) -> frozenset[str]:
        cut = micros(self.moment)
        late, seen_late = col(_O.effective_at) > cut, col(_O.observed_at) > cut
        query = select(col(_O.id)).where(*self._scope("memo"), or_(late, seen_late))
        memos = {str(row[0]) for row in self._all(query)}
        found: set[str] = set()
        for some in chunks(sorted(memos)):
            query = select(col(_O.ref)).where(*self._scope("memo"), col(_O.id).in_(some))
            found.update(str(row[0]) for row in self._all(query))
        closed = col(_O.status).in_(_CLOSED)
        query = select(col(_O.id)).where(*self._scope("document"), late, closed)
        found.update(str(row[0]) for row in self._all(query))
        return frozenset(found)

    # --- the one rule ----------------------------------------------------------------

    def _at(
        self,
        word: type[_W],
        kind: str,
        values: Iterable[str],
        *,
        by: str = "id",
        as_first_seen: bool = False,
    ) -> Iterator[tuple[str, _W]]:
        """Each of these as it was, by id."""
        pairs = self._pairs(word, kind, values, by=by, as_first_seen=as_first_seen)
        for name, _, _, was in pairs:
            yield name, was

    def _pairs(
        self,
        word: type[_W],
        kind: str,
        values: Iterable[str],
        *,
        by: str = "id",
        as_first_seen: bool = False,
    ) -> Iterator[tuple[str, int, _W, _W]]:
        """The words that ever held one of these values in the column `by`, in order of id.

        Of each: by which observation it stands, as read, and as it was.
        """
        cut = micros(self.moment)
        about = {"entity": self.asked.entity, "kind": kind, "until": self.seq, "cut": cut}
        told: dict[str, tuple[int, bool, str]] = {}
        met: set[str] = set()
        for some in chunks(sorted(set(values))):
            asked = self.asked.ask(standing(by), {**about, "some": some})
            for name, seq, effective, began, body in asked:
                if effective <= cut:
                    told[name] = (seq, False, body)
                elif name not in met and (kind != "memo" or began is None or began <= cut):
                    # A part that began later was in its memo.
                    told[name] = (seq, True, body)
                met.add(name)
        for name, (seq, early, body) in sorted(told.items()):
            one = decode(word, body)
            was = rewound(one, self.moment) if early and not as_first_seen else one
            if was is not None:
                yield name, seq, one, was

    def _ids(self, kind: str, column: str, values: Iterable[str]) -> set[str]:
        """The ids of a kind that ever held one of these values; the word decides."""
        found: set[str] = set()
        for some in chunks(sorted(set(values))):
            about = {"entity": self.asked.entity, "kind": kind, "until": self.seq}
            rows = self.asked.ask(ever_held(column), {**about, "some": some})
            found.update(row[0] for row in rows)
        return found

    def _scope(self, kind: str) -> tuple[Any, ...]:
        return (
            col(_O.entity) == self.asked.entity,
            col(_O.kind) == kind,
            col(_O.seq) <= self.seq,
        )

    def _all(self, query: Any) -> list[Any]:
        return self.asked.ask(query)


def _by_customer(one: CoreInvoice) -> tuple[str, int, str]:
    posted = one.issued_at or one.end
    return (one.customer_id, -1 if posted is None else micros(posted), one.id)
