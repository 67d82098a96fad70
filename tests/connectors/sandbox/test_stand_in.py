"""The Stripe stand-in, driven through the real client: states, money, keys and faults."""

import sqlite3
from pathlib import Path
from typing import Any

import pytest
import requests
import stripe

from connectors.sandbox.service import AlreadyServed, Handle, start


def client_of(handle: Handle) -> stripe.StripeClient:
    return stripe.StripeClient(
        handle.api_key, base_addresses={"api": handle.url}, max_network_retries=0
    )


@pytest.fixture
def v1(sandbox: Handle) -> Any:
    return client_of(sandbox).v1


def admin(handle: Handle, what: str, body: Any) -> None:
    requests.post(f"{handle.url}/_sandbox/{what}", json=body, timeout=5).raise_for_status()


def draft(v1: Any, amount: int = 10_000, **more: Any) -> Any:
    customer = v1.customers.create({"name": "Acme", "email": "ap@acme.test"})
    invoice = v1.invoices.create(
        {
            "customer": customer.id,
            "currency": "usd",
            "collection_method": "send_invoice",
            "days_until_due": 30,
            "pending_invoice_items_behavior": "exclude",
            **more,
        }
    )
    return v1.invoices.add_lines(
        invoice.id, {"lines": [{"amount": amount, "description": "usage"}]}
    )


def test_a_draft_opens_with_a_number_and_its_total_due(v1: Any) -> None:
    opened = v1.invoices.finalize_invoice(draft(v1).id, {"auto_advance": False})
    assert (opened.status, opened.total, opened.amount_remaining) == (
        "open",
        10_000,
        10_000,
    )
    assert opened.number
    assert opened.status_transitions.finalized_at


def test_a_misspelt_parameter_is_refused_by_the_clients_own_types(v1: Any) -> None:
    with pytest.raises(stripe.InvalidRequestError) as refused:
        v1.invoices.create({"customer": "cus_1", "curency": "usd"})
    assert refused.value.code == "parameter_unknown"
    invoice = draft(v1)
    with pytest.raises(stripe.InvalidRequestError) as nested:
        v1.invoices.add_lines(invoice.id, {"lines": [{"amount": 1, "perod": {"start": 1}}]})
    assert nested.value.param == "lines[0][perod]"


def test_more_than_250_lines_are_refused_and_none_is_kept(v1: Any) -> None:
    invoice = draft(v1)
    many = [{"amount": 1, "description": str(n)} for n in range(250)]
    with pytest.raises(stripe.InvalidRequestError):
        v1.invoices.add_lines(invoice.id, {"lines": many})
    assert v1.invoices.retrieve(invoice.id).total == 10_000


def test_the_same_key_makes_one_invoice(v1: Any) -> None:
    customer = v1.customers.create({"name": "Acme"})
    body = {"customer": customer.id, "currency": "usd"}
    first = v1.invoices.create(dict(body), {"idempotency_key": "k1"})
    second = v1.invoices.create(dict(body), {"idempotency_key": "k1"})
    assert first.id == second.id
    with pytest.raises(stripe.IdempotencyError):
        v1.invoices.create({**body, "description": "x"}, {"idempotency_key": "k1"})


def test_a_key_is_forgotten_after_24_hours(sandbox: Handle, v1: Any) -> None:
    customer = v1.customers.create({"name": "Acme"})
    body = {"customer": customer.id, "currency": "usd"}
    first = v1.invoices.create(dict(body), {"idempotency_key": "k1"})
    admin(sandbox, "clock", {"advance_seconds": 24 * 3600 + 1})
    assert v1.invoices.create(dict(body), {"idempotency_key": "k1"}).id != first.id


def test_a_saved_500_is_given_again_and_an_unsaved_one_is_not(
    sandbox: Handle, v1: Any
) -> None:
    customer = v1.customers.create({"name": "Acme"})
    body = {"customer": customer.id, "currency": "usd"}
    rule = {"kind": "status", "path": "/v1/invoices$", "status": 500}
    admin(sandbox, "faults", [{**rule, "saved": True, "executed": True}])
    for _ in range(2):
        with pytest.raises(stripe.APIError):
            v1.invoices.create(dict(body), {"idempotency_key": "saved"})
    assert len(v1.invoices.list({"customer": customer.id}).data) == 1
    admin(sandbox, "faults", [rule])
    with pytest.raises(stripe.APIError):
        v1.invoices.create(dict(body), {"idempotency_key": "unsaved"})
    assert v1.invoices.create(dict(body), {"idempotency_key": "unsaved"}).id


@pytest.mark.parametrize(
    ("kind", "made"), [("drop_before", 0), ("drop_after", 1), ("html", 1), ("truncated", 1)]
)
def test_a_lost_answer_tells_nothing_of_what_was_done(
    sandbox: Handle, v1: Any, kind: str, made: int
) -> None:
    customer = v1.customers.create({"name": "Acme"})
    admin(sandbox, "faults", [{"kind": kind, "method": "POST", "path": "/v1/invoices$"}])
    with pytest.raises(stripe.StripeError):
        v1.invoices.create({"customer": customer.id, "currency": "usd"})
    assert len(v1.invoices.list({"customer": customer.id}).data) == made


def test_limits_answer_429_without_saving_it(sandbox: Handle, v1: Any) -> None:
    customer = v1.customers.create({"name": "Acme"})
    body = {"customer": customer.id, "currency": "usd"}
    admin(sandbox, "limits", {"per_endpoint_per_second": 1})
    v1.invoices.create(dict(body), {"idempotency_key": "a"})
    with pytest.raises(stripe.RateLimitError):
        v1.invoices.create(dict(body), {"idempotency_key": "b"})
    admin(sandbox, "limits", {})
    assert v1.invoices.create(dict(body), {"idempotency_key": "b"}).id


def test_only_open_and_uncollectible_are_voided_and_only_drafts_deleted(v1: Any) -> None:
    invoice = draft(v1)
    with pytest.raises(stripe.InvalidRequestError):
        v1.invoices.void_invoice(invoice.id)
    opened = v1.invoices.finalize_invoice(invoice.id)
    with pytest.raises(stripe.InvalidRequestError):
        v1.invoices.delete(opened.id)
    assert v1.invoices.void_invoice(opened.id).status == "void"


def test_a_credit_note_takes_what_is_due_first_and_a_void_gives_it_back(v1: Any) -> None:
    opened = v1.invoices.finalize_invoice(draft(v1).id)
    note = v1.credit_notes.create(
        {"invoice": opened.id, "amount": 2500, "email_type": "none"}
    )
    assert (note.type, note.pre_payment_amount) == ("pre_payment", 2500)
    assert v1.invoices.retrieve(opened.id).amount_remaining == 7500
    v1.credit_notes.void_credit_note(note.id)
    assert v1.invoices.retrieve(opened.id).amount_remaining == 10_000


@pytest.mark.parametrize(
    ("currency", "amount"), [("isk", 150), ("kwd", 1234), ("ugx", 99), ("clf", 100)]
)
def test_amounts_that_stripe_cannot_say_are_refused(
    v1: Any, currency: str, amount: int
) -> None:
    with pytest.raises(stripe.InvalidRequestError):
        draft(v1, amount=amount, currency=currency)


def test_what_was_answered_survives_a_restart(tmp_path: Path) -> None:
    first = start(tmp_path)
    invoice = draft(client_of(first).v1)
    with pytest.raises(AlreadyServed):
        start(tmp_path)
    first.stop()
    second = start(tmp_path)
    assert client_of(second).v1.invoices.retrieve(invoice.id).total == 10_000
    second.stop()
    with sqlite3.connect(tmp_path / "stripe.db") as db:
        assert db.execute("PRAGMA journal_mode").fetchone() == ("wal",)


def test_a_live_key_is_turned_away(sandbox: Handle) -> None:
    live = stripe.StripeClient("sk_live_" + "x" * 8, base_addresses={"api": sandbox.url})
    with pytest.raises(stripe.AuthenticationError):
        live.v1.customers.list()
