"""The reads of what stands downstream: documents, memos, and the flags on them."""

from collections.abc import Collection, Iterator

from sqlalchemy import select
from sqlmodel import col

from state.asking import Asking
from state.links import Link, LinkState
from state.receivables import CreditMemo, DocumentStatus, DownstreamInvoice
from state.tables import Current
from state.worklist import UNRESOLVED, Flag, FlagState

_ENDED = [DocumentStatus.VOID.value, DocumentStatus.DELETED.value]


class DownstreamReads(Asking):
    """What can be asked of the registers as they were last seen."""

    def documents_by_id(
        self, target: str, ids: Collection[str]
    ) -> dict[str, DownstreamInvoice]:
        """Documents of one register by id."""
        keys = [f"{target}|{name}" for name in ids]
        return {one.id: one for one in self._in(DownstreamInvoice, "document", "id", keys)}

    def documents_of(self, core_ids: Collection[str]) -> dict[str, list[DownstreamInvoice]]:
        """Documents in every register, by the core invoice they name."""
        found: dict[str, list[DownstreamInvoice]] = {}
        for one in self._in(DownstreamInvoice, "document", "ref", core_ids):
            found.setdefault(one.core_invoice_id or "", []).append(one)
        return found

    def iter_documents(self, target: str | None = None) -> Iterator[DownstreamInvoice]:
        """Every document, or those of one register."""
        for one in self._each(DownstreamInvoice, "document"):
            if target is None or one.target == target:
                yield one

    def tracked_documents(self, target: str) -> list[str]:
        """Documents that may still move: not void, deleted or paid, or with a flag."""
        ended = {DocumentStatus.VOID, DocumentStatus.DELETED, DocumentStatus.PAID}
        flagged = {flag.subject for flag in self.flags(UNRESOLVED) if flag.target == target}
        return [
            one.id
            for one in self.iter_documents(target)
            if one.status not in ended or one.id in flagged
        ]

    def standing_documents(self, target: str) -> list[str]:
        """Documents that are not void and not deleted, paid ones among them."""
        with self._turn, self._reads.connect() as connection:
            query = (
                select(col(Current.id))
                .where(
                    col(Current.entity) == self._entity,
                    col(Current.kind) == "document",
                    col(Current.parent) == target,
                    col(Current.status).not_in(_ENDED),
                )
                .order_by(col(Current.id))
            )
            keys = [str(row[0]) for row in connection.execute(query)]
        return [key.removeprefix(f"{target}|") for key in keys]

    def memos_by_id(self, target: str, ids: Collection[str]) -> dict[str, CreditMemo]:
        """Memos of one register by id."""
        keys = [f"{target}|{name}" for name in ids]
        return {one.id: one for one in self._in(CreditMemo, "memo", "id", keys)}

    def memos_of(
        self, target: str, document_ids: Collection[str]
    ) -> dict[str, list[CreditMemo]]:
        """Memos by the document they reduce."""
        found: dict[str, list[CreditMemo]] = {}
        keys = [f"{target}|{name}" for name in document_ids]
        for one in self._in(CreditMemo, "memo", "ref", keys):
            found.setdefault(one.invoice_id or "", []).append(one)
        return found

    def iter_memos(self, target: str | None = None) -> Iterator[CreditMemo]:
        """Every memo, or those of one register."""
        for one in self._each(CreditMemo, "memo"):
            if target is None or one.target == target:
                yield one

    def links(self) -> list[Link]:
        """Every link that was ever made, by number."""
        return list(self._each(Link, "link"))

    def links_of(self, core_ids: Collection[str]) -> dict[str, list[Link]]:
        """Links that stand, by core invoice."""
        found: dict[str, list[Link]] = {}
        for one in self._in(Link, "link", "ref", core_ids):
            if one.state is LinkState.ACTIVE:
                found.setdefault(one.core_invoice_id, []).append(one)
        return found

    def flags(self, states: Collection[FlagState] | None = None) -> list[Flag]:
        """Flags, all or in these states, by number."""
        if states is None:
            found = list(self._each(Flag, "flag"))
        else:
            found = self._in(Flag, "flag", "status", [str(state) for state in states])
        return sorted(found, key=lambda flag: flag.id)

    def flag(self, flag_id: str) -> Flag | None:
        """One flag by its number."""
        return next(iter(self._in(Flag, "flag", "parent", [flag_id])), None)

    def flags_of(self, core_ids: Collection[str]) -> dict[str, list[Flag]]:
        """Flags by core invoice."""
        found: dict[str, list[Flag]] = {}
        for flag in self._in(Flag, "flag", "ref", core_ids):
            found.setdefault(flag.core_invoice_id, []).append(flag)
        return found
