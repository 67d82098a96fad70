"""Tryton as a register, by its REST API and the key of a user application.

Tryton: docs.tryton.org/latest/server, "REST". A domain travels as base64 JSON. Rows are
paged by id; `write_date` is empty until the first change, so the cursor asks for either
stamp, and reaches back ten minutes.
"""

import base64
import json
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from connectors.erp.reading import by_rising_id, gone, in_chunks, understood
from connectors.erp.tryton_parse import (
    FIELDS,
    Row,
    invoice,
    is_memo,
    memo,
    moment,
    origin_of,
    plain,
)
from connectors.failures import Incomplete
from connectors.patience import Rng
from connectors.ports import (
    Capabilities,
    Entity,
    Hints,
    Identity,
    Page,
    Pairing,
    PeriodLock,
    Voiding,
)
from connectors.redaction import Secret
from connectors.wire import Repeated, Wire, segment
from state.clock import Clock, iso, utc

PAGE = 500
OVERLAP = timedelta(minutes=10)
_OUT = ["type", "=", "out"]


class Tryton:
    """One Tryton database; the key sees one company."""

    def __init__(
        self,
        target: str,
        base_url: str,
        *,
        database: str,
        token: Secret,
        clock: Clock,
        rng: Rng,
        companies: Sequence[str] = (),
        page: int = PAGE,
    ) -> None:
        self.target = target
        self.capabilities = Capabilities(
            voiding=Voiding.STATUS,
            cursor="write_date or create_date, 10 min overlap",
            deletions="by id, and by each sweep",
            pairing=Pairing.EXACT,
            currencies=True,
            entities=False,
            locks=True,
            flags=False,
            page=page,
            concurrency=1,
        )
        self._base = base_url.rstrip("/")
        self._database = database
        self._companies = [int(one) for one in companies]
        self._page = page
        self._wire = Wire(base_url, clock=clock, rng=rng, token=token, system="Tryton")
        self._when: datetime | None = None

    def __repr__(self) -> str:
        return f"Tryton({self.target})"

    # --- the port -------------------------------------------------------------------

    @understood
    def identify(self) -> Identity:
        """The companies that the key can see."""
        rows = self._find("company.company", [], ("party.name", "currency.code"))
        entities = tuple(
            Entity(str(row["id"]), str(row["party"]["name"]), str(row["currency"]["code"]))
            for row in rows
        )
        account = f"{self._base.partition('://')[2]}/{self._database}"
        return Identity("Tryton", account, entities=entities)

    @understood
    def sweep(self) -> Iterator[Page]:
        """Every customer invoice and credit note, page by page, by id."""
        for rows in self._pages([]):
            yield self._told(rows)

    @understood
    def changes(self, cursor: str | None, now: datetime) -> Hints:  # noqa: ARG002 - the server's clock counts
        """What was made or changed since `cursor`, told in full."""
        if cursor is None:
            self._find("account.invoice", [_OUT], ("create_date",), size=1)
            return Hints((), iso(self._server_time()))
        since = _stamp(utc(cursor) - OVERLAP)
        either = ["OR", ["write_date", ">=", since], ["create_date", ">=", since]]
        pages, newest = [], utc(cursor)
        for rows in self._pages([either]):
            stamps = (
                moment(row[name]) for row in rows for name in ("write_date", "create_date")
            )
            newest = max(newest, *(one for one in stamps if one is not None))
            pages.append(self._told(rows))
        return Hints((), iso(newest), pages=tuple(pages))

    @understood
    def look_again(self, ids: Sequence[str]) -> Iterator[Page]:
        """Invoices by id with their credit notes; what is not answered was deleted."""
        for some in in_chunks([int(name) for name in ids], self._page):
            rows = self._find("account.invoice", [["id", "in", some]], FIELDS)
            found = {int(row["id"]) for row in rows}
            page = self._told(rows, with_memos=True)
            lost = tuple(
                gone(self.target, str(one), "tryton") for one in some if one not in found
            )
            yield Page((*page.documents, *lost), page.memos, whole=True)

    @understood
    def locks(self) -> tuple[PeriodLock, ...]:
        """Closed and locked periods; an entry in one of them stays as it is."""
        fields = ("start_date", "end_date", "fiscalyear.company")
        closed = ["state", "in", ["closed", "close", "locked"]]
        ranges: dict[str, list[Any]] = {}
        for row in self._find("account.period", [closed], fields):
            company = str(row["fiscalyear"]["company"])
            ranges.setdefault(company, []).append((row["start_date"], row["end_date"]))
        return tuple(
            PeriodLock(company, ranges=tuple(sorted(days)))
            for company, days in sorted(ranges.items())
        )

    # --- reading --------------------------------------------------------------------

    def _pages(self, window: list[Any]) -> Iterator[list[Row]]:
        def ask(after: int) -> list[Row]:
            domain = [_OUT, *window, ["id", ">", after]]
            if self._companies:
                domain.append(["company", "in", self._companies])
            return self._find("account.invoice", domain, FIELDS, size=self._page)

        return by_rising_id(
            ask, lambda row: int(row["id"]), size=self._page, system="Tryton"
        )

    def _told(self, rows: Sequence[Row], *, with_memos: bool = False) -> Page:
        """Rows as documents and memos; what credits them is read beside."""
        invoices = {int(row["id"]): row for row in rows if not is_memo(row)}
        memos = {int(row["id"]): row for row in rows if is_memo(row)}
        noted = self._crediting(list(invoices))
        mine = {**noted, **memos} if with_memos else memos
        owners = self._owners([*noted.values(), *memos.values()])
        against: dict[str, list[Row]] = {}
        for row in {**noted, **memos}.values():
            for name in {owners.get(origin_of(line) or 0) for line in row["lines"]}:
                if name is not None:
                    against.setdefault(name, []).append(row)
        return Page(
            documents=tuple(
                invoice(
                    self.target,
                    row,
                    against.get(str(number), []),
                    url=self._url(number),
                )
                for number, row in invoices.items()
            ),
            memos=tuple(
                part
                for number, row in mine.items()
                for part in memo(self.target, row, owners, url=self._url(number))
            ),
        )

    def _crediting(self, invoices: list[int]) -> dict[int, Row]:
        """Credit notes with a line that comes from one of these invoices."""
        if not invoices:
            return {}
        named = ["lines.origin.invoice.id", "in", invoices, "account.invoice.line"]
        rows = self._find("account.invoice", [_OUT, named], FIELDS)
        return {int(row["id"]): row for row in rows if is_memo(row)}

    def _owners(self, memos: Sequence[Row]) -> dict[int, str]:
        """The invoice of each line that these credit notes take back."""
        lines = sorted(
            {
                origin
                for row in memos
                for line in row["lines"]
                if (origin := origin_of(line))
            }
        )
        if not lines:
            return {}
        rows = self._find("account.invoice.line", [["id", "in", lines]], ("invoice",))
        return {int(row["id"]): str(row["invoice"]) for row in rows if row["invoice"]}

    def _find(
        self,
        model: str,
        domain: list[Any],
        fields: Sequence[str],
        *,
        size: int | None = None,
    ) -> list[Row]:
        path = f"/{segment(self._database)}/rest/model/{model}"
        reply = self._wire.get(
            path,
            {
                "d": _packed(domain),
                "f": Repeated(fields),
                "s": size,
                "o": _packed([["id", "ASC"]]),
            },
        )
        self._when = reply.date or self._when
        rows = plain(reply.data)
        if not isinstance(rows, list) or not all(isinstance(row, Mapping) for row in rows):
            raise Incomplete(f"Tryton: {model} answered with no list of rows")
        wanted = {name.partition(".")[0] for name in fields} | {"id"}
        for row in rows:
            if missing := sorted(wanted - set(row)):
                raise Incomplete(f"Tryton: a row of {model} has no {missing[0]}")
        return rows

    def _server_time(self) -> datetime:
        if self._when is None:
            raise Incomplete("Tryton tells no time; its answers carry no Date header")
        return self._when

    def _url(self, number: int) -> str:
        return f"{self._base}/#{self._database}/model/account.invoice/{number}"


def _packed(value: Any) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).decode()


def _stamp(at: datetime) -> dict[str, Any]:
    """A time in Tryton's own JSON."""
    names = ("year", "month", "day", "hour", "minute", "second", "microsecond")
    return {"__class__": "datetime", **{name: getattr(at, name) for name in names}}
