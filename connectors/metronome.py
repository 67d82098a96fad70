"""Metronome as the billing core, read only. The embedded core has the same face."""

from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from itertools import chain
from typing import Any, TypeAlias

from connectors import metronome_parse as parse
from connectors.failures import Incomplete, Refused
from connectors.ports import Hints, Identity
from connectors.wire import Reply, Wire, segment
from state.clock import utc
from state.credits import CoreCredit
from state.invoices import CoreCustomer, CoreInvoice, CoreStatus

PAGE = 100
BALANCES_PAGE = 25  # Metronome: a live account rejects more
CONTRACTS_PAGE = 20
PAGES_MAX = 100_000  # of one list; more is a list that does not end
_NOT_FOUND = 404
Row: TypeAlias = Mapping[str, Any]
Turn: TypeAlias = dict[str, str]  # the cursor by its name; empty for the first page


class Metronome:
    """One Metronome account, or the embedded core."""

    def __init__(self, wire: Wire) -> None:
        self._wire = wire

    @property
    def wire(self) -> Wire:
        """The way to this account, for a connector of the same system."""
        return self._wire

    def identify(self) -> Identity:
        """Who answers. Metronome names no account, so the host stands for it."""
        reply = self._wire.get("/v1/credit-types/list", {"limit": 1})
        return Identity(
            "billing core", self._wire.host, skew_seconds=self._wire.skew(reply)
        )

    def customers(self) -> Iterator[tuple[CoreCustomer, ...]]:
        """Active customers, then archived ones: archived ones leave the plain list."""
        for archived in (False, True):
            query: dict[str, Any] = {"limit": PAGE}
            if archived:
                query["only_archived"] = True
            for rows in self._pages("/v1/customers", query):
                yield tuple(self._customer(row) for row in rows)

    def customer(self, customer_id: str) -> CoreCustomer | None:
        """One customer, or None."""
        body = self._get_or_none(f"/v1/customers/{segment(customer_id)}")
        return None if body is None else self._customer(body)

    def invoices(
        self, customer_id: str, status: CoreStatus
    ) -> Iterator[tuple[CoreInvoice, ...]]:
        """A customer's invoices in one status, oldest first."""
        path = f"/v1/customers/{segment(customer_id)}/invoices"
        query = {"status": status.value, "sort": "date_asc", "limit": PAGE}
        for rows in self._pages(path, query):
            yield tuple(parse.invoice(row) for row in rows)

    def invoice(self, customer_id: str, invoice_id: str) -> CoreInvoice | None:
        """One invoice as it is now, or None."""
        path = f"/v1/customers/{segment(customer_id)}/invoices/{segment(invoice_id)}"
        body = self._get_or_none(path)
        return None if body is None else parse.invoice(body)

    def credits(self, customer_id: str) -> tuple[CoreCredit, ...]:
        """Customer and contract credits with ledgers, archived ones too."""
        path = "/v1/contracts/customerCredits/list"
        asked = {
            "customer_id": customer_id,
            "include_contract_credits": True,
            "include_archived": True,
            "include_balance": True,
            "include_ledgers": True,
            "limit": BALANCES_PAGE,
        }
        pages = self._walked(path, lambda turn: self._wire.query(path, {**asked, **turn}))
        return tuple(parse.credit(customer_id, row) for rows in pages for row in rows)

    def hints(self, cursor: str | None) -> Hints:
        """Ids from the audit log. It always names a next page; an empty page ends it."""
        names: dict[str, None] = {}
        voided: dict[str, datetime] = {}
        for _ in range(PAGES_MAX):
            query: dict[str, Any] = {"limit": PAGE}
            if cursor is not None:
                query["next_page"] = cursor
            rows, after = page_of(self._wire.get("/v1/auditLogs", query).data, "auditLogs")
            for row in rows:
                if row.get("status", "success") == "success" and row.get("resource_id"):
                    names[str(row["resource_id"])] = None
                    voided.update(_void_told(row))
            if not rows:
                return Hints(tuple(names), after or cursor, voided=voided)
            if not after or after == cursor:
                return Hints(tuple(names), after, voided=voided)
            cursor = after
        raise Incomplete("the billing core's audit log does not come to an end")

    def _customer(self, body: Mapping[str, Any]) -> CoreCustomer:
        name = str(parse.need(body, "id", "customer"))
        reply = self._wire.query(
            "/v1/getCustomerBillingProviderConfigurations", {"customer_id": name}
        )
        billing, _ = page_of(reply.data, "billing provider configurations")
        native = [
            str(parse.need(row, "id", f"contract of customer {name}"))
            for row in (self._contracts(name) if billing else ())
            if row.get("customer_billing_provider_configuration")
        ]
        return parse.customer(body, billing, native)

    def _contracts(self, customer_id: str) -> Iterator[Row]:
        """Every contract; an archived one still says who delivers its invoices."""
        path = "/v2/contracts/list"
        asked = {
            "customer_id": customer_id,
            "include_archived": True,
            "limit": CONTRACTS_PAGE,
        }
        pages = self._walked(
            path, lambda turn: self._wire.query(path, {**asked, **turn}), cursor="cursor"
        )
        return chain.from_iterable(pages)

    def _get_or_none(self, path: str) -> Mapping[str, Any] | None:
        try:
            data = self._wire.get(path).data
        except Refused as no:
            if no.status == _NOT_FOUND:
                return None
            raise
        if not isinstance(data, dict) or not isinstance(data.get("data"), dict):
            raise Incomplete(f"the billing core answered {path} with something else")
        body: Mapping[str, Any] = data["data"]
        return body

    def _pages(self, path: str, query: Mapping[str, Any]) -> Iterator[list[Row]]:
        """Every page of a list that is read by GET."""
        return self._walked(path, lambda turn: self._wire.get(path, {**query, **turn}))

    def _walked(
        self, path: str, ask: Callable[[Turn], Reply], *, cursor: str = "next_page"
    ) -> Iterator[list[Row]]:
        """Every page; `ask` is given the cursor to go on from, under its own name.

        Metronome carries it in the query or in the body. One that comes again would
        never end, and half a list is no answer.
        """
        turn: Turn = {}
        seen: set[str] = set()
        while True:
            rows, after = page_of(ask(turn).data, path, cursor)
            yield rows
            if not after:
                return
            if after in seen or len(seen) >= PAGES_MAX:
                raise Incomplete(f"the billing core's {path} does not come to an end")
            seen.add(after)
            turn = {cursor: after}


def page_of(
    data: Any, path: str, cursor: str = "next_page"
) -> tuple[list[Row], str | None]:
    """The rows of one page and where the next begins. Raises Incomplete for anything else."""
    rows = data.get("data") if isinstance(data, dict) else None
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise Incomplete(f"the billing core answered {path} with something that is no page")
    return rows, data.get(cursor) or None


def _void_told(row: Mapping[str, Any]) -> dict[str, datetime]:
    """When a line of the audit log says that an invoice was voided.

    The words of its actions are not published; "void" in one is taken at its word, and only
    of an id that turns out to be a void invoice.
    """
    when = row.get("timestamp")
    if "void" not in str(row.get("action", "")).lower() or not isinstance(when, str):
        return {}
    try:
        return {str(row["resource_id"]): utc(when)}
    except ValueError:
        return {}  # a hint at most: the reading dates it then
