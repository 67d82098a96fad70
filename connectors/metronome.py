"""Metronome as the billing core, read only. The embedded core has the same face."""

from collections.abc import Iterator, Mapping
from typing import Any

from connectors import metronome_parse as parse
from connectors.failures import Incomplete, Refused
from connectors.ports import Hints, Identity
from connectors.wire import Wire, segment
from state.credits import CoreCredit
from state.invoices import CoreCustomer, CoreInvoice, CoreStatus

PAGE = 100
BALANCES_PAGE = 25  # Metronome: a live account rejects more
CONTRACTS_PAGE = 20
PAGES_MAX = 100_000  # of one list; more is a list that does not end
_NOT_FOUND = 404


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
        found: list[CoreCredit] = []
        cursor: str | None = None
        for _ in range(PAGES_MAX):
            asked: dict[str, Any] = {
                "customer_id": customer_id,
                "include_contract_credits": True,
                "include_archived": True,
                "include_balance": True,
                "include_ledgers": True,
                "limit": BALANCES_PAGE,
            }
            if cursor is not None:
                asked["next_page"] = cursor
            reply = self._wire.query("/v1/contracts/customerCredits/list", asked)
            rows, after = page_of(reply.data, "customerCredits/list")
            found.extend(parse.credit(customer_id, row) for row in rows)
            if not after:
                return tuple(found)
            if after == cursor:
                break
            cursor = after
        raise Incomplete("the billing core's list of credits does not come to an end")

    def hints(self, cursor: str | None) -> Hints:
        """Ids from the audit log. It always names a next page; an empty page ends it."""
        names: dict[str, None] = {}
        for _ in range(PAGES_MAX):
            query: dict[str, Any] = {"limit": PAGE}
            if cursor is not None:
                query["next_page"] = cursor
            rows, after = page_of(self._wire.get("/v1/auditLogs", query).data, "auditLogs")
            for row in rows:
                if row.get("status", "success") == "success" and row.get("resource_id"):
                    names[str(row["resource_id"])] = None
            if not rows:
                return Hints(tuple(names), after or cursor)
            if not after or after == cursor:
                return Hints(tuple(names), after)
            cursor = after
        raise Incomplete("the billing core's audit log does not come to an end")

    def _customer(self, body: Mapping[str, Any]) -> CoreCustomer:
        name = str(parse.need(body, "id", "customer"))
        reply = self._wire.query(
            "/v1/getCustomerBillingProviderConfigurations", {"customer_id": name}
        )
        billing, _ = page_of(reply.data, "billing provider configurations")
        native = self._native_contracts(name) if billing else []
        return parse.customer(body, billing, native)

    def _native_contracts(self, customer_id: str) -> list[str]:
        """Contracts that name a billing provider: the core delivers those itself."""
        found: list[str] = []
        cursor: str | None = None
        for _ in range(PAGES_MAX):
            asked: dict[str, Any] = {"customer_id": customer_id, "limit": CONTRACTS_PAGE}
            if cursor is not None:
                asked["cursor"] = cursor
            data = self._wire.query("/v2/contracts/list", asked).data
            rows, _ = page_of(data, "contracts/list")
            found.extend(
                str(row["id"])
                for row in rows
                if row.get("customer_billing_provider_configuration")
            )
            after = data.get("cursor")
            if not after or after == cursor:
                return found
            cursor = after
        raise Incomplete("the billing core's list of contracts does not come to an end")

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

    def _pages(
        self, path: str, query: Mapping[str, Any]
    ) -> Iterator[list[Mapping[str, Any]]]:
        """Every page of a list. A cursor that comes again would never end."""
        seen: set[str] = set()
        cursor: str | None = None
        while True:
            asked = dict(query) if cursor is None else {**query, "next_page": cursor}
            rows, cursor = page_of(self._wire.get(path, asked).data, path)
            yield rows
            if not cursor:
                return
            if cursor in seen or len(seen) >= PAGES_MAX:
                raise Incomplete(f"the billing core's {path} does not come to an end")
            seen.add(cursor)


def page_of(data: Any, path: str) -> tuple[list[Mapping[str, Any]], str | None]:
    """The rows of one page and the next cursor. Raises Incomplete for anything else."""
    rows = data.get("data") if isinstance(data, dict) else None
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise Incomplete(f"the billing core answered {path} with something that is no page")
    return rows, data.get("next_page") or None
