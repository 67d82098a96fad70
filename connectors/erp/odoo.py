"""Odoo as a register: read by a robot that may read accounting and nothing more.

What an accountant sees as an invoice is `account.move`. Rows are paged by id inside a
window of `write_date`: the API cuts that stamp to seconds while the table sorts by
microseconds, so paging by it loses rows. It is also the start of the transaction, so rows
become visible late: the window reaches back ten minutes.
"""

from collections.abc import Iterator, Mapping, Sequence
from datetime import date, datetime, timedelta
from typing import Any

from connectors.erp.odoo_api import Door
from connectors.erp.odoo_parse import MOVE_FIELDS, applications, invoice, memo, stamp
from connectors.erp.reading import by_rising_id, gone, in_chunks, understood
from connectors.failures import Incomplete, Misconfigured, Refused
from connectors.ports import (
    Capabilities,
    Entity,
    Hints,
    Identity,
    Page,
    Pairing,
    PeriodLock,
    Shown,
    Voiding,
)

PAGE = 1000
OVERLAP = timedelta(minutes=10)
KEY_ENDS_SOON = timedelta(days=14)
CHANGES_MAX = 20_000  # more than this at once is quicker read in a sweep
_TIME = "%Y-%m-%d %H:%M:%S"
_TYPES = ["out_invoice", "out_refund"]
_LOCKS = ("fiscalyear_lock_date", "sale_lock_date", "hard_lock_date", "period_lock_date")
_PARTIAL_FIELDS = [
    "debit_move_id",
    "credit_move_id",
    "debit_amount_currency",
    "credit_amount_currency",
    "debit_currency_id",
    "credit_currency_id",
    "max_date",
]
ACTIVITY = "mail.mail_activity_data_todo"


class Odoo:
    """One Odoo database, with the companies that the robot may see."""

    def __init__(
        self,
        target: str,
        door: Door,
        *,
        base_url: str,
        companies: Sequence[str] = (),
        page: int = PAGE,
        modern: bool = True,
    ) -> None:
        self.target = target
        self.capabilities = Capabilities(
            voiding=Voiding.STATUS,
            cursor="write_date, 10 min overlap",
            deletions="by id, and by each sweep",
            pairing=Pairing.EXACT,
            currencies=True,
            entities=True,
            locks=True,
            flags=True,
            page=page,
            concurrency=1,
        )
        self._door = door
        self._base = base_url.rstrip("/")
        self._wanted = tuple(companies)
        self._page = page
        self._modern = modern
        self._companies: list[int] | None = None
        self._journals: frozenset[int] | None = None

    def __repr__(self) -> str:
        return f"Odoo({self.target})"

    # --- who it is ------------------------------------------------------------------

    @understood
    def identify(self) -> Identity:
        """The server, the companies in sight, and what the robot may do too much of."""
        version = self._door.version()
        ids = self._company_ids()
        rows = self._search(
            "res.company", [["id", "in", ids]], ["name", "currency_id"], order="id"
        )
        entities = tuple(
            Entity(str(row["id"]), str(row["name"]), str(row["currency_id"][1]))
            for row in rows
        )
        warnings, notes = [], []
        if self._may_write():
            warnings.append(
                "this robot may write invoices: give it read-only accounting alone"
            )
        for ends in self._key_ends():
            now = self._door.when
            notes.append(f"its key ends on {ends:%Y-%m-%d}")
            if now is not None and ends - now < KEY_ENDS_SOON:
                warnings.append(f"its key ends on {ends:%Y-%m-%d}: renew it")
        return Identity(
            f"Odoo {version}",
            self._base.partition("://")[2],
            notes=tuple(notes),
            entities=entities,
            warnings=tuple(warnings),
        )

    def _may_write(self) -> bool:
        if self._modern:
            return bool(self._door.read("account.move", "has_access", operation="write"))
        asked = {"operation": "write", "raise_exception": False}
        return bool(self._door.read("account.move", "check_access_rights", **asked))

    def _key_ends(self) -> list[datetime]:
        if not self._modern:
            return []
        rows = self._search("res.users.apikeys", [], ["expiration_date"])
        ends = (stamp(row["expiration_date"]) for row in rows)
        return sorted(one for one in ends if one is not None)[:1]

    # --- reading --------------------------------------------------------------------

    @understood
    def sweep(self) -> Iterator[Page]:
        """Every invoice and credit note, page by page, by id."""
        for rows in self._moves([]):
            yield self._told(rows)

    @understood
    def changes(self, cursor: str | None, now: datetime) -> Hints:  # noqa: ARG002 - the server's clock counts
        """What was written since `cursor`, told in full."""
        if cursor is None:
            return Hints((), self._newest())
        since = datetime.strptime(cursor, _TIME) - OVERLAP  # noqa: DTZ007 - UTC on both sides
        pages: list[Page] = []
        newest, count = cursor, 0
        for rows in self._moves([["write_date", ">=", f"{since:{_TIME}}"]]):
            count += len(rows)
            if count > CHANGES_MAX:
                return Hints((), self._newest(), gap=True)
            newest = max(newest, *(str(row["write_date"]) for row in rows))
            pages.append(self._told(rows))
        return Hints((), newest, pages=tuple(pages))

    @understood
    def look_again(self, ids: Sequence[str]) -> Iterator[Page]:
        """Invoices by id with their credit notes; what is not answered was deleted."""
        for some in in_chunks([int(name) for name in ids], self._page):
            rows = self._search("account.move", [["id", "in", some]], MOVE_FIELDS)
            found = {int(row["id"]) for row in rows}
            named = [["reversed_entry_id", "in", some], ["move_type", "in", _TYPES]]
            rows += self._search("account.move", named, MOVE_FIELDS, order="id")
            page = self._told(rows, with_credits=True)
            lost = tuple(
                gone(self.target, str(one), "odoo") for one in some if one not in found
            )
            yield Page((*page.documents, *lost), page.memos, whole=True)

    @understood
    def locks(self) -> tuple[PeriodLock, ...]:
        """The lock dates of each company: what is dated up to then stays as it is."""
        known = self._door.read("res.company", "fields_get", attributes=["type"])
        names = [name for name in _LOCKS if name in known]
        rows = self._search("res.company", [["id", "in", self._company_ids()]], names)
        found = []
        for row in rows:
            days = [date.fromisoformat(row[name]) for name in names if row[name]]
            if days:
                found.append(PeriodLock(str(row["id"]), through=max(days)))
        return tuple(found)

    def _moves(self, window: list[Any]) -> Iterator[list[dict[str, Any]]]:
        """Pages of entries by rising id."""

        def ask(after: int) -> list[dict[str, Any]]:
            domain = [["move_type", "in", _TYPES], *window, ["id", ">", after]]
            domain += [["company_id", "in", self._company_ids()]]
            return self._search(
                "account.move", domain, MOVE_FIELDS, order="id asc", limit=self._page
            )

        return by_rising_id(ask, lambda row: int(row["id"]), size=self._page, system="Odoo")

    def _told(
        self, rows: Sequence[Mapping[str, Any]], *, with_credits: bool = False
    ) -> Page:
        """Entries as documents and memos, with what was used on what.

        `with_credits`: bring the credit notes that are not among the rows as well.
        """
        by_credit, by_debit, kinds = self._used([int(row["id"]) for row in rows])
        kinds |= {str(row["id"]): str(row["move_type"]) for row in rows}
        every = {str(row["id"]): row for row in rows}
        if with_credits:
            notes = {name for name in by_credit if kinds.get(name) == "out_refund"}
            missing = sorted(int(name) for name in notes - set(every))
            if missing:
                more = self._search("account.move", [["id", "in", missing]], MOVE_FIELDS)
                every |= {str(row["id"]): row for row in more}
                by_credit, _, more_kinds = self._used([int(name) for name in every])
                kinds |= more_kinds
        locked = self._locked_journals()
        documents, memos = [], []
        for name, row in every.items():
            url = self._url(name)
            if row["move_type"] == "out_refund":
                used = [
                    one
                    for debit, some in by_credit.get(name, {}).items()
                    for one in some
                    # A payment or another entry: that is no invoice, and `left` tells it.
                    if kinds.get(debit) != "entry"
                ]
                memos += memo(self.target, row, url=url, applied=used)
            elif row["move_type"] == "out_invoice":
                credited = sum(
                    amount
                    for credit, amount in by_debit.get(name, ())
                    if kinds.get(credit) == "out_refund"
                )
                journal = int(row["journal_id"][0])
                documents.append(
                    invoice(
                        self.target,
                        row,
                        url=url,
                        credited=credited,
                        locked=journal in locked,
                    )
                )
        return Page(tuple(documents), tuple(memos))

    def _used(self, moves: list[int]) -> tuple[Any, Any, dict[str, str]]:
        """The reconciliations of these entries, and what kind of entry each side is."""
        if not moves:
            return {}, {}, {}
        either = [
            "|",
            ["debit_move_id.move_id", "in", moves],
            ["credit_move_id.move_id", "in", moves],
        ]
        partials = self._search("account.partial.reconcile", either, _PARTIAL_FIELDS)
        names = sorted(
            {int(row[side][0]) for row in partials for side in _PARTIAL_FIELDS[:2]}
        )
        if not names:
            return {}, {}, {}
        lines = self._search("account.move.line", [["id", "in", names]], ["move_id"])
        owner = {int(row["id"]): str(row["move_id"][0]) for row in lines}
        others = sorted({int(name) for name in owner.values()} - set(moves))
        kinds = {
            str(row["id"]): str(row["move_type"])
            for row in self._search("account.move", [["id", "in", others]], ["move_type"])
        }
        by_credit, by_debit = applications(list(partials), owner)
        return by_credit, by_debit, kinds

    def _newest(self) -> str:
        """Where the next reading begins: the newest stamp, else the server's own time."""
        domain = [["move_type", "in", _TYPES]]
        rows = self._search(
            "account.move", domain, ["write_date"], order="write_date desc", limit=1
        )
        if rows:
            return str(rows[0]["write_date"])
        if self._door.when is None:
            raise Incomplete("Odoo tells no time; its answers carry no Date header")
        return f"{self._door.when:{_TIME}}"

    def _locked_journals(self) -> frozenset[int]:
        """Journals whose entries cannot be taken back once posted."""
        if self._journals is None:
            rows = self._search(
                "account.journal", [["restrict_mode_hash_table", "=", True]], ["id"]
            )
            self._journals = frozenset(int(row["id"]) for row in rows)
        return self._journals

    def _company_ids(self) -> list[int]:
        """The companies to read. Without naming them Odoo shows the user's own alone."""
        if self._companies is None:
            context = self._door.read("res.users", "context_get")
            domain = [["id", "=", int(context["uid"])]]
            rows = self._door.read(
                "res.users", "search_read", domain=domain, fields=["company_ids"]
            )
            seen = [int(one) for row in rows for one in row["company_ids"]]
            wanted = [int(one) for one in self._wanted] or seen
            if missing := sorted(set(wanted) - set(seen)):
                raise Misconfigured(
                    f"Odoo: this robot may not see company {missing[0]}; allow it there, "
                    "or take it out of companies"
                )
            self._companies = sorted(wanted)
        return self._companies

    def _search(
        self, model: str, domain: list[Any], fields: list[str], **more: Any
    ) -> list[dict[str, Any]]:
        rows = self._door.read(
            model,
            "search_read",
            domain=domain,
            fields=fields,
            context={"allowed_company_ids": self._company_ids(), "lang": "en_US"},
            **more,
        )
        if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
            raise Incomplete(f"Odoo: {model} answered with no list of rows")
        for row in rows:
            if missing := [name for name in (*fields, "id") if name not in row]:
                raise Incomplete(f"Odoo: a row of {model} has no {missing[0]}")
        return rows

    def _url(self, name: str) -> str:
        if self._modern:
            return f"{self._base}/odoo/account.move/{name}"
        return f"{self._base}/web#id={name}&model=account.move&view_type=form"

    # --- a flag where people work ---------------------------------------------------

    def show_flag(self, document_id: str, tag: str, text: str) -> Shown:
        """A to-do on the invoice, for everybody: a read-only robot may leave one.

        Found again by its tag, done or not. To give it to one person would need the
        right to write invoices, and with it the right to void them.
        """
        domain = [
            ["res_model", "=", "account.move"],
            ["res_id", "=", int(document_id)],
            ["summary", "=like", f"{_literal(tag)}%"],
            ["active", "in", [True, False]],
        ]
        rows = self._search(
            "mail.activity", domain, ["active", "feedback"], order="id", limit=1
        )
        if rows:
            said = rows[0]["feedback"] or ""
            return Shown(
                str(rows[0]["id"]), made=False, done=not rows[0]["active"], feedback=said
            )
        made = self._door.write(
            "account.move",
            "activity_schedule",
            ids=[int(document_id)],
            act_type_xmlid=ACTIVITY,
            summary=f"{tag} {text}",
            user_id=False,
        )
        return Shown(str(_first(made)), made=True)


def _first(made: Any) -> int:
    """The id of what was made: a number, or a list of one."""
    value = made[0] if isinstance(made, list) and made else made
    if not isinstance(value, int):
        raise Refused("Odoo did not say which to-do it made")
    return value


def _literal(text: str) -> str:
    """Text without the wildcards of =like."""
    return text.replace("\\", "\\\\").replace("_", "\\_").replace("%", "\\%")
