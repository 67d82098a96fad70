"""The Stripe contract: lists, searches, events, and the few other resources."""

import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import pytest
import stripe

from tests.contracts.stripe_account import Account, refused


class TestLists:
    def test_by_time_of_making(self, account: Account) -> None:
        made = account.draft()
        now = int(time.time())
        recent = {"created": {"gte": now - 600}, "customer": made.customer}
        assert [one.id for one in account.v1.invoices.list(recent).data] == [made.id]
        later = {"created": {"gte": now + 600}}
        assert account.v1.invoices.list(later).data == []

    def test_by_status_and_by_customer(self, account: Account) -> None:
        made, opened = account.draft(), account.opened()
        drafts = account.v1.invoices.list({"status": "draft", "limit": 100}).data
        assert {one.status for one in drafts} == {"draft"}
        assert made.id in {one.id for one in drafts}
        own = account.v1.invoices.list({"customer": opened.customer}).data
        assert [one.id for one in own] == [opened.id]

    def test_pages_go_back_in_time_and_repeat_nothing(self, account: Account) -> None:
        customer = account.customer().id
        made = [account.draft(customer=customer).id for _ in range(7)]
        pages = account.v1.invoices.list({"limit": 3, "customer": customer})
        seen = list(pages.auto_paging_iter())
        assert sorted(one.id for one in seen) == sorted(made)
        times = [one.created for one in seen]
        assert times == sorted(times, reverse=True)

    def test_a_page_can_be_walked_towards_now(self, account: Account) -> None:
        customer = account.customer().id
        for _ in range(4):
            account.draft(customer=customer)
        query = {"customer": customer, "limit": 3}
        newest = account.v1.invoices.list(query).data
        before = {**query, "ending_before": newest[2].id}
        newer = account.v1.invoices.list(before).data
        assert [one.id for one in newer] == [one.id for one in newest[:2]]

    @pytest.mark.parametrize("limit", [0, 101, -1])
    def test_a_page_has_1_to_100_rows(self, account: Account, limit: int) -> None:
        refused(lambda: account.v1.invoices.list({"limit": limit}))

    def test_a_cursor_names_what_is_there(self, account: Account) -> None:
        gone = account.draft()
        kept = account.draft()
        account.v1.invoices.delete(gone.id)
        for cursor in ("starting_after", "ending_before"):
            refused(
                lambda cursor=cursor: account.v1.invoices.list({cursor: gone.id}),  # type: ignore[misc]  # bound now
                code="resource_missing",
            )
        both = {"starting_after": kept.id, "ending_before": kept.id}
        refused(lambda: account.v1.invoices.list(both))

    def test_search_finds_no_more_than_matches(self, account: Account) -> None:
        account.draft(metadata={"core_invoice_id": account.run})
        query = f"metadata['core_invoice_id']:'{account.run}'"
        found = account.v1.invoices.search({"query": query, "limit": 5})
        assert len(found.data) <= 1

    def test_a_reading_changes_nothing(self, account: Account) -> None:
        made = account.draft(100)

        def shown() -> str:
            body = account.v1.invoices.retrieve(made.id).to_dict(for_json=True)
            return json.dumps(body, sort_keys=True)

        before = shown()
        account.v1.invoices.list({"limit": 5})
        assert shown() == before

    def test_customer_and_payments_can_be_expanded(self, account: Account) -> None:
        made = account.draft()
        wide = {"expand": ["customer", "payments"]}
        read = account.v1.invoices.retrieve(made.id, wide)
        assert read.customer.id == made.customer
        assert read.payments.object == "list"
        refused(lambda: account.v1.invoices.retrieve(made.id, {"expand": ["nonsense"]}))


class TestEvents:
    def test_every_move_is_told(self, account: Account) -> None:
        since = int(time.time()) - 5
        opened = account.opened()
        body = {"invoice": opened.id, "amount": 1, "email_type": "none"}
        account.v1.credit_notes.create(body)
        account.v1.invoices.void_invoice(opened.id)
        paid = account.opened()
        account.v1.invoices.pay(paid.id, {"paid_out_of_band": True})
        wanted = {
            "invoice.created",
            "invoice.finalized",
            "invoice.paid",
            "invoice.updated",
            "invoice.voided",
            "credit_note.created",
        }
        mine = {opened.id, paid.id}

        def told() -> bool:
            query = {
                "types": sorted(wanted),
                "created": {"gte": since},
                "limit": 100,
            }
            kinds = set()
            for one in account.v1.events.list(query).auto_paging_iter():
                thing = one.data.object
                if (thing.invoice if "credit" in one.type else thing.id) in mine:
                    kinds.add(one.type)
            return kinds == wanted

        assert account.seen(told)

    def test_one_type_can_be_asked_for(self, account: Account) -> None:
        made = account.draft()

        def told() -> bool:
            found = account.v1.events.list({"type": "invoice.created", "limit": 100}).data
            assert {one.type for one in found} <= {"invoice.created"}
            assert all(one.api_version for one in found)
            return made.id in {one.data.object.id for one in found}

        assert account.seen(told)

    def test_they_come_newest_first_and_can_be_followed(self, account: Account) -> None:
        for _ in range(4):
            account.customer()
        account.seen(lambda: len(account.v1.events.list({"limit": 4}).data) == 4)
        newest = account.v1.events.list({"limit": 4}).data
        times = [one.created for one in newest]
        assert times == sorted(times, reverse=True)
        after = account.v1.events.list({"limit": 3, "ending_before": newest[3].id}).data
        if account.here:
            assert [one.id for one in after] == [one.id for one in newest[:3]]

    def test_twenty_types_are_the_most(self, account: Account) -> None:
        types = [f"invoice.kind{n}" for n in range(21)]
        refused(lambda: account.v1.events.list({"types": types}))


@contextmanager
def listening() -> Iterator[tuple[str, list[tuple[bytes, str]]]]:
    """A web server that keeps what is posted to it."""
    kept: list[tuple[bytes, str]] = []

    class Keeper(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            length = int(self.headers["Content-Length"])
            kept.append((self.rfile.read(length), self.headers["Stripe-Signature"]))
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            """Say nothing."""

    server = HTTPServer(("127.0.0.1", 0), Keeper)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/hook", kept
    finally:
        server.shutdown()
        thread.join(5)
        server.server_close()


class TestTheRest:
    def test_a_delivery_is_signed(self, account: Account) -> None:
        if not account.here:
            pytest.skip("Stripe cannot reach this machine")
        with listening() as (url, kept):
            endpoint = account.v1.webhook_endpoints.create(
                {"url": url, "enabled_events": ["invoice.created"]}
            )
            account.draft()
            until = time.monotonic() + 6
            while not kept and time.monotonic() < until:
                time.sleep(0.01)
        payload, signature = kept[0]
        event = stripe.Webhook.construct_event(payload, signature, endpoint.secret)
        assert event.type == "invoice.created"
        with pytest.raises(stripe.SignatureVerificationError):
            stripe.Webhook.construct_event(payload, signature, "whsec_other")

    def test_a_test_clock_can_be_made(self, account: Account) -> None:
        clock = account.v1.test_helpers.test_clocks.create(
            {"frozen_time": int(time.time())}
        )
        assert clock.status == "ready"

    def test_a_preview_shows_a_total(self, account: Account) -> None:
        items = [{"amount": 100, "currency": "usd", "description": "x"}]
        seen = account.v1.invoices.create_preview(
            {"customer": account.customer().id, "invoice_items": items}
        )
        assert seen.total == 100
