"""Metronome by replays: pages, units, keys, and what is no whole answer."""

import json
import random
from datetime import UTC, datetime
from decimal import Decimal
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from connectors.failures import Incomplete, Misconfigured, Refused
from connectors.metronome import Metronome
from connectors.metronome_parse import USD_CREDIT_TYPE, invoice
from connectors.redaction import Secret
from connectors.wire import Wire
from connectors.wirejson import loads
from state.invoices import CoreStatus

USD = {"id": USD_CREDIT_TYPE, "name": "USD (cents)"}
EUR = {"id": "e", "name": "EUR"}


class RealishClock:
    def now(self) -> datetime:
        return datetime(2026, 11, 1, tzinfo=UTC)

    def monotonic(self) -> float:
        return 0.0

    def sleep(self, seconds: float) -> None:
        """No time passes in a replay."""


class Replay:
    """A loopback server that answers from a table, and remembers what was asked."""

    def __init__(self) -> None:
        self.answers: dict[str, list[tuple[int, str]]] = {}
        self.asked: list[tuple[str, str, str]] = []
        replay = self

        class Handler(BaseHTTPRequestHandler):
            def _do(self) -> None:
                length = int(self.headers.get("content-length") or 0)
                body = self.rfile.read(length).decode()
                replay.asked.append((self.command, self.path, body))
                queue = replay.answers.get(urlsplit(self.path).path, [(404, "{}")])
                status, text = queue.pop(0) if len(queue) > 1 else queue[0]
                kind = "application/json" if text[:1] in "{[" else "text/html"
                self.send_response(status)
                self.send_header("Content-Type", kind)
                self.send_header("Content-Length", str(len(text.encode())))
                self.end_headers()
                self.wfile.write(text.encode())

            do_GET = do_POST = _do  # noqa: N815 - the server's own names

            def log_message(self, *args: Any) -> None:
                """Say nothing."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.thread = Thread(target=self.server.serve_forever, args=(0.02,), daemon=True)
        self.thread.start()

    def says(self, path: str, *bodies: Any, status: int = 200) -> None:
        texts = [body if isinstance(body, str) else json.dumps(body) for body in bodies]
        self.answers[path] = [(status, text) for text in texts]

    def close(self) -> None:
        self.server.shutdown()
        self.server.server_close()
        self.thread.join()


@pytest.fixture
def replay() -> Any:
    made = Replay()
    yield made
    made.close()


@pytest.fixture
def core(replay: Replay) -> Metronome:
    url = f"http://127.0.0.1:{replay.server.server_port}"
    token = Secret("a-token-nobody-may-see")
    wire = Wire(url, clock=RealishClock(), rng=random.Random(1), token=token)
    return Metronome(wire)


def a_row(name: str = "i1", **more: Any) -> dict[str, Any]:
    line = {"credit_type": USD, "name": "Tokens", "type": "usage", "total": 1234.5}
    return {
        "id": name, "customer_id": "c1", "status": "FINALIZED", "type": "USAGE",
        "credit_type": USD, "total": 1234.5, "line_items": [line], **more,
    }  # fmt: skip


def parsed(body: dict[str, Any]) -> Any:
    return invoice(loads(json.dumps(body)))


def test_a_hierarchy_says_who_pays_and_what_was_consolidated() -> None:
    payer = {"customer_id": "c9", "contract_id": "k9"}
    child = parsed(a_row(payer=payer))
    assert (child.payer_id, child.payer_contract_id) == ("c9", "k9")
    own = parsed(a_row(payer={**payer, "customer_id": "c1"}))
    assert (own.payer_id, own.payer_contract_id) == (None, None)
    parts = [
        {"customer_id": "c1", "contract_id": "k1", "invoice_id": "i1"},
        {"customer_id": "c2", "contract_id": "k2", "invoice_id": "i2"},
    ]
    whole = parsed(a_row("i3", type="USAGE_CONSOLIDATED", constituent_invoices=parts))
    assert whole.constituents == (("c1", "i1"), ("c2", "i2"))
    with pytest.raises(Incomplete, match="invoice i3 has no invoice_id"):
        parsed(a_row("i3", constituent_invoices=[{"customer_id": "c1"}]))


def test_copies_for_revenue_name_invoices_alone() -> None:
    def copy(kind: str, name: str | None) -> dict[str, Any]:
        return {
            "revenue_system_provider": "netsuite",
            "revenue_system_external_entity_type": kind,
            "revenue_system_external_entity_id": name,
            "sync_status": "SYNCED",
        }

    some = [copy("invoice", "9000"), copy("CustInvc", "9001"), copy("INVOICE", None)]
    some += [copy("sales_order", "8000"), copy("customer", "7000")]
    read = parsed(a_row(revenue_system_invoices=some))
    assert read.copies == (("netsuite", "9000"), ("netsuite", "9001"))
    assert parsed(a_row(revenue_system_invoices=None)).copies == ()


def test_pages_are_walked_to_the_end(replay: Replay, core: Metronome) -> None:
    path = "/v1/customers/c1/invoices"
    replay.says(
        path,
        {"data": [a_row("i1")], "next_page": "p2"},
        {"data": [a_row("i2")], "next_page": None},
    )
    pages = list(core.invoices("c1", CoreStatus.FINALIZED))
    assert [[one.id for one in page] for page in pages] == [["i1"], ["i2"]]
    first = parse_qs(urlsplit(replay.asked[0][1]).query)
    assert (first["status"], first["sort"]) == (["FINALIZED"], ["date_asc"])


def test_an_endless_cursor_is_no_whole_answer(replay: Replay, core: Metronome) -> None:
    replay.says("/v1/customers/c1/invoices", {"data": [a_row()], "next_page": "again"})
    with pytest.raises(Incomplete, match="does not come to an end"):
        list(core.invoices("c1", CoreStatus.FINALIZED))


@pytest.mark.parametrize(
    "body",
    [
        "<html>login</html>",
        '{"data": [{"id"',
        '{"data": 7}',
        "[1]",
        '{"data": [{"id": "x"}]}',
    ],
)
def test_garbage_is_no_whole_answer(replay: Replay, core: Metronome, body: str) -> None:
    replay.says("/v1/customers/c1/invoices", body)
    with pytest.raises(Incomplete):
        list(core.invoices("c1", CoreStatus.FINALIZED))


def test_a_wrong_token_is_said_once_and_never_shown(
    replay: Replay, core: Metronome
) -> None:
    replay.says("/v1/credit-types/list", {"message": "no"}, status=401)
    with pytest.raises(Misconfigured) as wrong:
        core.identify()
    assert "a-token" not in str(wrong.value)
    assert len(replay.asked) == 1


def test_unknown_ids_are_none_and_other_refusals_are_not(
    replay: Replay, core: Metronome
) -> None:
    replay.says("/v1/customers/c1", {"message": "no such"}, status=404)
    assert core.customer("c1") is None
    replay.says("/v1/customers/c1", {"message": "bad"}, status=400)
    with pytest.raises(Refused):
        core.customer("c1")


def test_archived_customers_are_read_too_with_their_mapping(
    replay: Replay, core: Metronome
) -> None:
    fields = {"stripe_customer_id": "cus_1", "billing_email": "ap@acme.test"}
    row = {"id": "c1", "name": "Acme", "custom_fields": fields}
    old = {"id": "c2", "name": "Old", "archived_at": "2026-01-01T00:00:00Z"}
    replay.says("/v1/customers", {"data": [row]}, {"data": [old]})
    config = {
        "billing_provider": "stripe",
        "configuration": {"stripe_customer_id": "cus_9"},
    }
    replay.says("/v1/getCustomerBillingProviderConfigurations", {"data": [config]})
    contract = {"id": "k1", "customer_billing_provider_configuration": {"id": "b"}}
    replay.says("/v2/contracts/list", {"data": [contract, {"id": "k2"}], "cursor": None})
    first, second = (page[0] for page in core.customers())
    assert (first.stripe_customer_field, first.stripe_billing_customer) == (
        "cus_1",
        "cus_9",
    )
    assert (first.email, second.email) == ("ap@acme.test", None)
    assert first.native_contracts == ("k1",)
    assert second.archived


def test_an_archived_contract_still_says_who_delivers_its_invoices(
    replay: Replay, core: Metronome
) -> None:
    replay.says("/v1/customers/c1", {"data": {"id": "c1", "name": "Acme"}})
    billing = "/v1/getCustomerBillingProviderConfigurations"
    replay.says(billing, {"data": [{"billing_provider": "stripe"}]})
    replay.says("/v2/contracts/list", {"data": [], "cursor": None})
    core.customer("c1")
    _, _, body = replay.asked[-1]
    assert json.loads(body)["include_archived"] is True


def test_half_a_list_of_contracts_tells_nobody_who_delivers(
    replay: Replay, core: Metronome
) -> None:
    replay.says("/v1/customers/c1", {"data": {"id": "c1", "name": "Acme"}})
    billing = "/v1/getCustomerBillingProviderConfigurations"
    replay.says(billing, {"data": [{"billing_provider": "stripe"}]})
    replay.says("/v2/contracts/list", {"data": [{"id": "k1"}], "cursor": "again"})
    with pytest.raises(Incomplete, match="does not come to an end"):
        core.customer("c1")


def test_the_audit_log_ends_at_its_empty_page_and_the_cursor_is_kept(
    replay: Replay, core: Metronome
) -> None:
    row = {"id": "a", "resource_id": "i1", "status": "success"}
    when = "2026-11-02T09:00:00Z"
    failed = {"id": "b", "resource_id": "i2", "status": "failure", "action": "void"}
    void = {"id": "c", "resource_id": "i3", "action": "invoice.voided", "timestamp": when}
    undated = {"id": "d", "resource_id": "i4", "action": "void", "timestamp": "soon"}
    replay.says(
        "/v1/auditLogs",
        {"data": [row, {**failed, "timestamp": when}, void, undated], "next_page": "n1"},
        {"data": [], "next_page": "n2"},
    )
    hints = core.hints(None)
    assert (hints.ids, hints.cursor) == (("i1", "i3", "i4"), "n2")
    assert hints.voided == {"i3": datetime(2026, 11, 2, 9, tzinfo=UTC)}


def test_usd_is_in_fractional_cents_and_others_in_whole_units() -> None:
    assert parsed(a_row()).exact_minor == Decimal("1234.5")
    assert parsed(a_row()).total_minor == 1234
    euro = parsed(a_row(credit_type=EUR, total=29.99, line_items=[]))
    assert (euro.currency, euro.total_minor) == ("EUR", 2999)
    unit = parsed(a_row(credit_type={"id": "u", "name": "AI tokens"}, line_items=[]))
    assert unit.currency is None


def test_postpaid_applications_are_not_lines_of_the_total() -> None:
    applied = {
        "credit_type": USD, "name": "Postpaid applied", "total": -99,
        "type": "applied_commit_or_credit", "commit_type": "PostpaidCommit",
    }  # fmt: skip
    body = a_row()
    body["line_items"].append(applied)
    assert [line.exact_minor for line in parsed(body).lines] == [Decimal("1234.5")]


def test_line_keys_are_stable_and_twins_are_told_apart() -> None:
    body = a_row()
    body["line_items"] *= 2
    first, second = parsed(body).lines
    assert first.key != second.key
    assert [line.key for line in parsed(body).lines] == [first.key, second.key]


def test_a_line_keeps_its_key_in_whatever_order_its_groups_come() -> None:
    keys = set()
    for groups in ({"region": "eu", "model": "a"}, {"model": "a", "region": "eu"}):
        body = a_row()
        body["line_items"][0]["pricing_group_values"] = groups
        keys |= {line.key for line in parsed(body).lines}
    assert len(keys) == 1


@pytest.mark.parametrize(
    "harm",
    [
        {"total": None}, {"total": "12"}, {"status": "ODD"}, {"line_items": None},
        {"credit_type": 3}, {"issued_at": "yesterday"}, {"customer_id": None},
        {"line_items": [7]}, {"line_items": {"a": 1}}, {"external_invoice": "in_1"},
    ],
)  # fmt: skip
def test_half_an_invoice_is_refused(harm: dict[str, Any]) -> None:
    with pytest.raises(Incomplete):
        parsed(a_row(**harm))


def test_credits_are_read_with_ledgers(replay: Replay, core: Metronome) -> None:
    item = {"id": "s1", "amount": 10000, "starting_at": "2026-11-01T00:00:00Z",
            "ending_before": "2026-12-01T00:00:00Z"}  # fmt: skip
    entry = {"type": "CREDIT_AUTOMATED_INVOICE_DEDUCTION", "amount": -500,
             "timestamp": "2026-11-02T00:00:00Z", "segment_id": "s1", "invoice_id": "i1"}  # fmt: skip
    row: dict[str, Any] = {
        "id": "cr1", "product": {"id": "p", "name": "Goodwill"}, "type": "CREDIT",
        "priority": 5, "balance": 9500, "ledger": [entry],
        "access_schedule": {"credit_type": USD, "schedule_items": [item]},
    }  # fmt: skip
    path = "/v1/contracts/customerCredits/list"
    for harm in (
        {"ledger": [{**entry, "timestamp": "yesterday"}]},
        {
            "access_schedule": {
                "credit_type": USD,
                "schedule_items": [{**item, "ending_before": 7}],
            }
        },
        {"access_schedule": "none"},
        {"ledger": {"a": 1}},
    ):
        replay.says(path, {"data": [{**row, **harm}], "next_page": None})
        with pytest.raises(Incomplete, match="credit cr1"):
            core.credits("c1")
    replay.asked.clear()
    replay.says(path, {"data": [row], "next_page": None})
    (found,) = core.credits("c1")
    assert found.segments[0].amount == 10000
    assert found.ledger[0].invoice_id == "i1"
    assert json.loads(replay.asked[0][2])["limit"] == 25
