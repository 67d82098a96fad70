"""A vendor's books as a register: its rows in our words, whole pages, and one cursor.

A vendor answers a few questions in its own language (`Source`, `Look`); everything that
is the same for all of them is here: cash told apart from credit, a memo in its parts,
what is gone, what moved, and how far back the next look reaches.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from itertools import chain
from typing import Protocol

from connectors.erp.reading import gone, in_chunks, understood
from connectors.erp.rows import Applied, Invoice, Memo, Standing, midnight, minor
from connectors.erp.shapes import MEMO_STATUS, Application, cash, parts, status_of
from connectors.failures import Misconfigured
from connectors.ports import Capabilities, Entity, Hints, Identity, Page, PeriodLock, Shown
from state.clock import iso, utc
from state.receivables import CreditMemo, DownstreamInvoice, Given, Way


@dataclass(frozen=True, slots=True)
class Ask:
    """Which rows: those changed since then, those with these ids, or (neither) all."""

    since: datetime | None = None
    ids: tuple[str, ...] | None = None


@dataclass(frozen=True, slots=True)
class Moved:
    """What a change feed names besides the changed rows themselves."""

    invoices: frozenset[str] = frozenset()  # deleted, or with a credit applied or taken off
    gap: bool = False  # the feed was cut off: only a sweep finds the rest


class Look(Protocol):
    """One look at a vendor's books. What it keeps in memory lives as long as the look."""

    def now(self) -> datetime:
        """Their clock, as they compare modified stamps with it."""

    def invoices(self, ask: Ask) -> Iterator[list[Invoice]]:
        """Invoices, page by page. Raises Incomplete."""

    def memos(self, ask: Ask) -> Iterator[list[Memo]]:
        """Credit memos, page by page. Raises Incomplete."""

    def applied_to(self, invoices: Sequence[Invoice]) -> list[Applied]:
        """What was applied to these invoices."""

    def applied_from(self, memos: Sequence[Memo]) -> list[Applied]:
        """Where these memos were applied."""

    def moved(self, since: datetime) -> Moved:
        """What moved without its own stamp moving, as far as a feed tells."""


class Source(Protocol):
    """One vendor's system."""

    @property
    def system(self) -> str:
        """Its kind, as the settings name it."""

    @property
    def capabilities(self) -> Capabilities:
        """What it can tell."""

    @property
    def overlap(self) -> timedelta:
        """How far the next look reaches back behind the last one."""

    @property
    def remembers(self) -> timedelta | None:
        """How far back its feed of deletions reaches; None: as far as one likes."""

    @property
    def ids_at_once(self) -> int:
        """How many documents may be asked for by id in one request."""

    def identify(self) -> Identity:
        """Who answers, with which entities in sight. Raises Misconfigured."""

    def locks(self) -> tuple[PeriodLock, ...]:
        """The periods that are closed now."""

    def look(self) -> Look:
        """A fresh look."""


class Board(Source, Protocol):
    """A vendor in whose system a flag can be shown."""

    def show_flag(self, document_id: str, tag: str, words: str) -> Shown:
        """Show it once, and find it again by its tag."""


class VendorRegister:
    """A vendor's books, as `ports.Register`."""

    def __init__(self, target: str, source: Source) -> None:
        self.target = target
        self._source = source

    def __repr__(self) -> str:
        return f"VendorRegister({self.target}, {self._source.system})"

    @property
    def capabilities(self) -> Capabilities:
        """What this register can tell."""
        return self._source.capabilities

    @understood
    def identify(self) -> Identity:
        """Who answers, with which entities in sight. Raises Misconfigured."""
        return self._source.identify()

    @understood
    def locks(self) -> tuple[PeriodLock, ...]:
        """The periods that are closed now."""
        return self._source.locks()

    @understood
    def sweep(self) -> Iterator[Page]:
        """Every invoice, then every memo in its parts. Raises Incomplete."""
        look = self._source.look()
        for invoices in look.invoices(Ask()):
            yield Page(documents=self._documents(invoices, look.applied_to(invoices)))
        for memos in look.memos(Ask()):
            yield Page(memos=self._memos(memos, look.applied_from(memos)))

    @understood
    def changes(self, cursor: str | None, now: datetime) -> Hints:  # noqa: ARG002 - their clock counts, not ours
        """Changed invoices with all their memos; changed memos; and ids to look at again."""
        look = self._source.look()
        began = look.now()
        if cursor is None:
            return Hints((), iso(began))
        last = utc(cursor)
        remembers = self._source.remembers
        if remembers is not None and began - last > remembers - timedelta(days=1):
            return Hints((), iso(began), gap=True)
        since = last - self._source.overlap
        pages = [self._whole(look, rows) for rows in look.invoices(Ask(since=since))]
        pages += [
            Page(memos=self._memos(rows, look.applied_from(rows)))
            for rows in look.memos(Ask(since=since))
        ]
        named = {memo.invoice_id for page in pages for memo in page.memos}
        moved = look.moved(since)
        again = moved.invoices | {name for name in named if name is not None}
        here = {one.id for page in pages for one in page.documents}
        return Hints(tuple(sorted(again - here)), iso(began), moved.gap, tuple(pages))

    @understood
    def look_again(self, ids: Sequence[str]) -> Iterator[Page]:
        """Invoices by id as they are now, each with all its memos; DELETED when gone."""
        look = self._source.look()
        for some in in_chunks(list(dict.fromkeys(ids)), self._source.ids_at_once):
            rows = list(chain.from_iterable(look.invoices(Ask(ids=tuple(some)))))
            page = self._whole(look, rows)
            missing = set(some) - {row.id for row in rows}
            system = self._source.system
            lost = tuple(gone(self.target, one, system) for one in some if one in missing)
            yield Page((*page.documents, *lost), page.memos, whole=True)

    def _whole(self, look: Look, rows: list[Invoice]) -> Page:
        """Invoices with every memo that is applied to one of them, in all its parts."""
        applied = look.applied_to(rows)
        names = sorted({one.memo for one in applied})
        memos: list[CreditMemo] = []
        for some in in_chunks(names, self._source.ids_at_once):
            for found in look.memos(Ask(ids=tuple(some))):
                memos.extend(self._memos(found, look.applied_from(found)))
        return Page(self._documents(rows, applied), tuple(memos), whole=True)

    def _documents(
        self, rows: list[Invoice], applied: Iterable[Applied]
    ) -> tuple[DownstreamInvoice, ...]:
        sums: dict[str, int] = {}
        currencies = {row.id: row.currency for row in rows}
        for one in applied:
            if one.invoice in currencies:
                what = f"the credit on invoice {one.invoice}"
                used = minor(one.amount, currencies[one.invoice], what)
                sums[one.invoice] = sums.get(one.invoice, 0) + used
        return tuple(self._document(row, sums.get(row.id, 0)) for row in rows)

    def _document(self, row: Invoice, credited: int) -> DownstreamInvoice:
        what = f"invoice {row.number or row.id}"

        def units(amount: object) -> int:
            return minor(amount, row.currency, what)  # type: ignore[arg-type]  # a Decimal

        total, tax = units(row.total), units(row.tax)
        posted = row.standing is Standing.POSTED
        # A cancelled or a draft invoice may still show an open amount; nobody owes it.
        open_minor = units(row.balance) if posted else 0
        paid = 0
        if posted:
            paid = cash(
                total_minor=total, open_minor=open_minor, credited_minor=credited
            ) if row.paid is None else units(row.paid)  # fmt: skip
        return DownstreamInvoice(
            target=self.target,
            id=row.id,
            status=status_of(row.standing, paid_minor=paid, open_minor=open_minor),
            currency=row.currency,
            gross_minor=total - tax,
            number=row.number or None,
            tax_minor=tax,
            paid_minor=paid,
            open_minor=open_minor,
            customer_id=row.customer or None,
            posted_at=midnight(row.posted_on),
            due_on=row.due_on,
            url=row.url,
            system=self._source.system,
            entity_id=row.entity,
            native_status=row.native,
            external_ids=tuple(dict.fromkeys(one for one in row.references if one)),
        )

    def _memos(
        self, rows: Iterable[Memo], applied: Iterable[Applied]
    ) -> tuple[CreditMemo, ...]:
        used: dict[str, list[Applied]] = {}
        for one in applied:
            used.setdefault(one.memo, []).append(one)
        return tuple(
            chain.from_iterable(self._parts(row, used.get(row.id, [])) for row in rows)
        )

    def _parts(self, row: Memo, applied: Iterable[Applied]) -> list[CreditMemo]:
        what = f"credit memo {row.number or row.id}"
        total = minor(row.total, row.currency, what)
        tax = minor(row.tax, row.currency, what)
        whole = CreditMemo(
            target=self.target,
            id=row.id,
            status=MEMO_STATUS[row.standing],
            currency=row.currency,
            amount_minor=total - tax,
            number=row.number or None,
            tax_minor=tax,
            invoice_id=row.names,
            customer_id=row.customer or None,
            text=row.text,
            raised_by=row.raised_by or None,
            document_at=midnight(row.document_on),
            posted_at=midnight(row.posted_on),
            system=self._source.system,
            entity_id=row.entity,
            native_status=row.native,
        )

        def units(amount: Decimal) -> int:
            return minor(amount, row.currency, what)

        used = [
            Application(one.invoice, units(one.amount), one.exact, one.on)
            for one in applied
        ]
        left = None if row.left is None else units(row.left)
        if row.refunds is None:
            return parts(whole, used, left_minor=left)
        refunds = (
            Given(Way.REFUND, units(amount), midnight(on)) for amount, on in row.refunds
        )
        return parts(whole, used, left_minor=left, refunds=tuple(refunds))


class NotingRegister(VendorRegister):
    """A vendor's books in which a flag can be shown, as `ports.FlagBoard`."""

    def __init__(self, target: str, source: Board) -> None:
        super().__init__(target, source)
        self._board = source

    def show_flag(self, document_id: str, tag: str, text: str) -> Shown:
        """Show it once: what stands there under the same tag is found, not doubled."""
        return self._board.show_flag(document_id, tag, text)


def in_sight(
    seen: Sequence[Entity], wanted: Sequence[str], who: str, what: str
) -> tuple[Entity, ...]:
    """The entities that are read. One that is not seen would be missing without a word."""
    missing = sorted(set(wanted) - {one.id for one in seen})
    if missing:
        raise Misconfigured(
            f"the {who} does not see {what} {', '.join(missing)}; its invoices would be "
            f"missing; let it see them, or take them out of erp.companies"
        )
    return tuple(one for one in seen if not wanted or one.id in wanted)
