"""The stand-in is no softer than Stripe: keys, events, limits, and requests of every shape."""

import threading
import time
from random import Random
from typing import Any

import pytest
import requests
import stripe

from connectors.sandbox.routes import _TABLE
from connectors.sandbox.service import Handle
from tests.contracts.stripe_account import Account, refused

DAY = 24 * 3600


@pytest.fixture
def account(sandbox: Handle) -> Account:
    return Account(sandbox.api_key, sandbox.url, patience=0)


def switch(handle: Handle, what: str, body: Any) -> None:
    requests.post(f"{handle.url}/_sandbox/{what}", json=body, timeout=5).raise_for_status()


def test_a_second_request_under_a_key_in_use_is_a_409(
    sandbox: Handle, account: Account
) -> None:
    customer = account.customer().id
    body, key = {"customer": customer}, {"idempotency_key": "in use"}
    begun, go_on = threading.Event(), threading.Event()
    held = threading.Thread(target=_hold_books, args=(sandbox, begun, go_on))
    held.start()
    assert begun.wait(5)
    first = threading.Thread(target=lambda: account.v1.invoices.create(dict(body), key))
    first.start()
    while not sandbox.sandbox._in_flight:
        time.sleep(0.001)
    with pytest.raises(stripe.APIError) as met:
        account.v1.invoices.create(dict(body), key)
    assert (met.value.http_status, met.value.error.code) == (409, "idempotency_key_in_use")  # type: ignore[union-attr]  # it has one
    go_on.set()
    for thread in (held, first):
        thread.join(5)
    assert len(account.v1.invoices.list({"customer": customer}).data) == 1


def _hold_books(sandbox: Handle, begun: threading.Event, go_on: threading.Event) -> None:
    with sandbox.sandbox.books.transaction("acct_sandbox"):
        begun.set()
        go_on.wait(5)


def test_a_lock_timeout_is_repeated_under_its_key_for_a_day(
    sandbox: Handle, account: Account
) -> None:
    customer = account.customer().id
    switch(sandbox, "faults", [{"kind": "lock_timeout", "path": "/v1/invoices$"}])
    for _ in range(2):
        with pytest.raises(stripe.RateLimitError) as met:
            account.v1.invoices.create({"customer": customer}, {"idempotency_key": "k"})
        assert met.value.error.code == "lock_timeout"  # type: ignore[union-attr]  # it has one
    assert met.value.headers["Idempotent-Replayed"] == "true"  # type: ignore[index]  # it has some
    switch(sandbox, "clock", {"advance_seconds": DAY - 60})
    with pytest.raises(stripe.RateLimitError):
        account.v1.invoices.create({"customer": customer}, {"idempotency_key": "k"})
    switch(sandbox, "clock", {"advance_seconds": 61})
    assert account.v1.invoices.create({"customer": customer}, {"idempotency_key": "k"}).id


def test_a_key_belongs_to_its_account_and_its_path(account: Account) -> None:
    key = {"idempotency_key": "k"}
    first = account.v1.customers.create({"name": "A"}, key)
    elsewhere = {**key, "stripe_account": "acct_1032D82eZvKYlo2C"}
    assert account.v1.customers.create({"name": "A"}, elsewhere).id
    refused(
        lambda: account.v1.customers.update(first.id, {"name": "A"}, key),
        kind=stripe.IdempotencyError,
    )


def test_a_state_refusal_is_repeated_under_its_key(account: Account) -> None:
    """It began to execute, so its answer is kept: only a new key asks anew."""
    made, key = account.draft(100), {"idempotency_key": "k"}
    refused(lambda: account.v1.invoices.void_invoice(made.id, {}, key))
    account.v1.invoices.finalize_invoice(made.id)
    again = refused(lambda: account.v1.invoices.void_invoice(made.id, {}, key))
    assert again.headers["Idempotent-Replayed"] == "true"  # type: ignore[index]  # it has some
    assert account.v1.invoices.void_invoice(made.id).status == "void"


def test_events_follow_after_a_while(sandbox: Handle, account: Account) -> None:
    switch(sandbox, "events", {"lag_seconds": 30})
    account.customer()
    assert account.v1.events.list({}).data == []
    switch(sandbox, "clock", {"advance_seconds": 30})
    assert account.v1.events.list({}).data


def test_events_are_kept_for_30_days_and_their_cursor_with_them(
    sandbox: Handle, account: Account
) -> None:
    account.customer()
    old = account.v1.events.list({"limit": 1}).data[0].id
    switch(sandbox, "clock", {"advance_seconds": 30 * DAY + 1})
    assert account.v1.events.list({}).data == []
    error = refused(lambda: account.v1.events.list({"ending_before": old}))
    assert "retention" in str(error)


def test_an_event_shows_the_object_as_it_was(account: Account) -> None:
    made = account.draft(100)
    account.v1.invoices.finalize_invoice(made.id)
    (event,) = account.v1.events.list({"type": "invoice.created"}).data
    assert event.data.object.status == "draft"


def test_a_line_is_credited_by_amount_or_by_quantity_and_not_beyond(
    account: Account,
) -> None:
    made = account.draft()
    price = {"currency": "usd", "unit_amount": 100, "product_data": {"name": "Seats"}}
    lines = {"lines": [{"price_data": price, "quantity": 5}]}
    line = account.v1.invoices.add_lines(made.id, lines).lines.data[0].id
    account.v1.invoices.finalize_invoice(made.id)
    part = {"type": "invoice_line_item", "invoice_line_item": line}

    def credit(**more: int) -> Any:
        body = {"invoice": made.id, "email_type": "none", "lines": [{**part, **more}]}
        return account.v1.credit_notes.create(body)

    assert credit(quantity=2).amount == 200
    refused(lambda: credit(amount=50))
    refused(lambda: credit(quantity=4))
    assert credit(quantity=3).amount == 300


def test_a_parameter_that_is_not_carried_out_is_never_dropped(account: Account) -> None:
    customer = account.customer().id
    body = {"customer": customer, "automatic_tax": {"enabled": True}}
    error = refused(lambda: account.v1.invoices.create(body))
    assert error.param == "automatic_tax"  # type: ignore[attr-defined]  # a StripeError
    made = account.draft()
    line = {"lines": [{"amount": 1, "discountable": True}]}
    error = refused(lambda: account.v1.invoices.add_lines(made.id, line))
    assert error.param == "lines[0][discountable]"  # type: ignore[attr-defined]  # a StripeError


def test_a_number_is_used_once(account: Account) -> None:
    account.draft(number="TO-1")
    refused(lambda: account.draft(number="TO-1"))
    other = account.draft()
    refused(lambda: account.v1.invoices.update(other.id, {"number": "TO-1"}))


_WORDS = (
    "", "0", "-1", "1", "99999999999999999999", "1e400", "NaN", "1.5", "true", "null",
    "usd", "EUR", "isk", "x" * 6000, "\0", "\N{SNOWMAN}", "' OR 1=1 --", "%00", "in_1",
)  # fmt: skip
_NAMES = (
    "amount", "customer", "currency", "invoice", "lines", "lines[0]", "lines[0][amount]",
    "lines[0][price_data][currency]", "lines[x][amount]", "lines[]", "metadata",
    "metadata[a]", "metadata[a][b]", "created[gte]", "created[nope]", "created", "limit",
    "starting_after", "ending_before", "types[0]", "types", "type", "query", "email",
    "expand[0]", "expand", "unit_amount_decimal", "quantity", "quantity_decimal", "number",
    "period[start]", "balance", "refund_amount", "credit_amount", "percentage", "url",
    "payment_method", "due_date", "days_until_due", "frozen_time", "a[b][c][d][e][f][g][h]",
    "enabled_events[0]", "display_name", "inclusive", "collection_method", "a=b", "&", "[",
)  # fmt: skip


@pytest.mark.parametrize("seed", range(8))
def test_no_request_however_odd_is_answered_with_a_5xx(account: Account, seed: int) -> None:
    dice = Random(seed)
    customer = account.customer().id
    ids = [
        customer,
        account.draft(100, 200).id,
        account.opened().id,
        "cus_nope",
        "%2e",
        "é",
    ]
    with requests.Session() as session:
        session.headers["Authorization"] = f"Bearer {account.key}"
        for method, path, _ in [dice.choice(_TABLE) for _ in range(150)]:
            url = account.url + path.replace("{}", dice.choice(ids))
            sent = [
                (dice.choice(_NAMES), dice.choice([*_WORDS, *ids]))
                for _ in range(dice.randrange(6))
            ]
            if method == "GET":
                answer = session.get(url, params=sent, timeout=10)
            else:
                answer = session.request(method, url, data=sent, timeout=10)
            assert answer.status_code < 500, (method, url, sent)
            answer.json()


@pytest.mark.parametrize(
    "body", [b"\xff\xfe=\x80", b"{}", b"a" * 70_000, b"=&=&&=", b"[]=1"]
)
def test_a_body_that_is_no_form_is_refused(account: Account, body: bytes) -> None:
    answer = requests.post(
        account.url + "/v1/customers",
        data=body,
        headers={"Authorization": f"Bearer {account.key}"},
        timeout=10,
    )
    assert answer.status_code == 400
    assert answer.json()["error"]["type"] == "invalid_request_error"


@pytest.mark.parametrize("what", ["clock", "faults", "latency", "limits", "events", "nope"])
@pytest.mark.parametrize("body", [b"{", b"[1]", b"7", b'{"advance_seconds": "x"}', b"\xff"])
def test_a_switch_that_is_set_wrongly_says_so(
    account: Account, what: str, body: bytes
) -> None:
    answer = requests.post(f"{account.url}/_sandbox/{what}", data=body, timeout=5)
    assert answer.status_code in {400, 404}
    assert answer.json()["message"]
