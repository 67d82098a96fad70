"""Each field of Stripe's JSON, made odd in turn: a whole word of ours comes, or Incomplete.

An amount that is no whole number is never cut off, and a page that does not say whether more
follow is never taken for the last one.
"""

import json
from collections.abc import Callable
from copy import deepcopy
from dataclasses import fields
from datetime import UTC, datetime
from random import Random
from typing import Any

import pytest

from connectors.failures import ConnectorFailure, Incomplete
from connectors.stripe_parse import invoice, memo
from connectors.stripe_receivables import StripeReceivables
from connectors.transport import Answer, Transport, Unreadable
from state.codec import decode, encode
from tests.clocks import StillClock
from tests.connectors.erp.test_odd_answers import ODD, places

INVOICE: dict[str, Any] = {
    "id": "in_1", "currency": "usd", "status": "open", "total": 1190, "total_excluding_tax": 1000,
    "amount_paid": 190, "amount_remaining": 1000, "number": "A-1", "customer": {"id": "cus_1"},
    "created": 1_790_000_000, "due_date": 1_791_000_000, "livemode": False,
    "collection_method": "send_invoice",
    "metadata": {
        "core_invoice_id": "ci_1", "core_customer_id": "cc_1", "tieout_instance": "t",
        "regenerated_from": "ci_0", "replaces": "in_0", "replaced_by": "in_2", "tieout_flag": "x",
    },
    "status_transitions": {
        "finalized_at": 1_790_000_001, "paid_at": 1_790_000_002, "voided_at": 1_790_000_003,
    },
}  # fmt: skip
NOTE: dict[str, Any] = {
    "id": "cn_1", "currency": "usd", "status": "issued", "total": 119, "total_excluding_tax": 100,
    "number": "CN-1", "invoice": {"id": "in_1"}, "reason": "duplicate", "memo": "twice",
    "post_payment_amount": 9, "pre_payment_amount": 110, "out_of_band_amount": 2,
    "refunds": [{"amount_refunded": 3}], "customer": "cus_1", "customer_balance_transaction": "t",
    "effective_at": 1_790_000_000, "created": 1_790_000_001,
    "voided_at": 1_790_000_004,
}  # fmt: skip
CUSTOMER = {"id": "cus_1", "metadata": {"core_customer_id": "cc_1"}}
EVENT = {"id": "evt_1", "type": "invoice.paid", "data": {"object": {"id": "in_1"}}}
LINE = {"id": "il_1", "metadata": {"core_line_key": "k"}}
MONEY = {
    "total",
    "total_excluding_tax",
    "amount_paid",
    "amount_remaining",
    "post_payment_amount",
}
MORE_ODD = (*ODD, 7.9, "7", 10**30, -1, "")
BASE = "http://127.0.0.1:9"


def harmed(body: dict[str, Any]) -> list[tuple[Any, Any, dict[str, Any]]]:
    """Every place of a body, with everything odd in it."""
    made = []
    for number in range(len(list(places(body)))):
        for odd in MORE_ODD:
            copy = deepcopy(body)
            here, key = list(places(copy))[number]
            here[key] = odd
            made.append((key, odd, copy))
    return made


def believed(
    read: Callable[[str, dict[str, Any]], Any], body: dict[str, Any]
) -> Any | None:
    """What is made of a body; None where it is refused, which a reading tells as such."""
    try:
        return read("stripe", body)
    except (LookupError, TypeError, ValueError, ArithmeticError, AttributeError):
        return None


@pytest.mark.parametrize(("body", "read"), [(INVOICE, invoice), (NOTE, memo)])
def test_no_field_is_half_believed(
    body: dict[str, Any], read: Callable[[str, dict[str, Any]], Any]
) -> None:
    whole = read("stripe", body)
    assert decode(type(whole), encode(whole)) == whole
    for key, odd, copy in harmed(body):
        found = believed(read, copy)
        if found is None:
            continue
        # What is believed is of the very types that the books keep.
        for one in fields(found):
            here, there = getattr(found, one.name), getattr(whole, one.name)
            assert here is None or isinstance(here, type(there)), (key, odd, one.name)
        assert decode(type(found), encode(found)) == found, (key, odd)
        if key in MONEY:
            assert odd is None or type(odd) is int, f"{key} {odd!r} was believed"


def test_a_credit_note_of_an_unknown_status_explains_nothing() -> None:
    with pytest.raises(ValueError, match="credit note cn_1 has the status 'pending'"):
        memo("stripe", {**NOTE, "status": "pending"})


# --- over the wire --------------------------------------------------------------------------

ANSWERS: dict[str, dict[str, Any]] = {
    "account": {"id": "acct_1"},
    "invoices": {"data": [INVOICE], "has_more": False},
    "credit_notes": {"data": [NOTE], "has_more": False},
    "customers": {"data": [CUSTOMER], "has_more": False},
    "events": {"data": [EVENT], "has_more": False},
    "invoices/in_1": INVOICE,
    "invoices/in_1/lines": {"data": [LINE], "has_more": False},
}
READINGS: dict[str, tuple[str, Callable[[StripeReceivables], Any]]] = {
    # which answer is harmed, and the reading that believes it or not
    "account": ("account", lambda s: s.identify()),
    "mode": ("invoices", lambda s: s.identify()),
    "sweep of invoices": ("invoices", lambda s: list(s.sweep())),
    "sweep of notes": ("credit_notes", lambda s: list(s.sweep())),
    "events": (
        "events",
        lambda s: s.changes("1790000000", datetime(2026, 10, 1, tzinfo=UTC)),
    ),
    "one invoice": ("invoices/in_1", lambda s: s.read("in_1")),
    "notes of one": ("credit_notes", lambda s: s.read("in_1")),
    "found again": ("invoices", lambda s: s.find("cus_1", "ci_1")),
    "lines": ("invoices/in_1/lines", lambda s: s.line_keys("in_1")),
    "customer": ("customers", lambda s: s.find_customer("cc_1")),
    "a look": ("customers", lambda s: s.try_reads()),
}


class Wire:
    """Stripe's answers by path, one of which is harmed."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.answers = dict(ANSWERS)
        clock = StillClock(datetime(2026, 10, 1, tzinfo=UTC))
        self.stripe = StripeReceivables(
            "sk_test_x", clock=clock, rng=Random(1), api_base=BASE
        )
        monkeypatch.setattr(Transport, "exchange", self.exchange)

    def exchange(self, _method: str, url: str, **_: Any) -> Answer:
        path = url.removeprefix(f"{BASE}/v1/").partition("?")[0]
        return Answer(200, {}, json.dumps(self.answers[path]).encode())


@pytest.mark.parametrize("what", READINGS)
def test_an_odd_answer_ends_a_reading_with_one_line(
    what: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, reading = READINGS[what]
    wire = Wire(monkeypatch)
    assert reading(wire.stripe) is None or reading(wire.stripe)
    told = []
    for _, _, copy in harmed(ANSWERS[path]):
        wire.answers[path] = copy
        try:
            reading(wire.stripe)
        except ConnectorFailure as failure:
            told.append(str(failure))
    assert told or what == "a look", "which believes whatever it is shown"
    assert [one for one in told if "\n" in one or not one.startswith("Stripe")] == []
    for odd in MORE_ODD:
        wire.answers[path] = odd
        with pytest.raises(ConnectorFailure):
            reading(wire.stripe)


@pytest.mark.parametrize("path", ["invoices", "credit_notes"])
@pytest.mark.parametrize(
    "harm", [{"has_more": None}, {"has_more": "no"}, {"data": {}}, {"data": None}]
)
def test_a_page_that_does_not_say_so_is_not_the_last(
    path: str, harm: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else what it left out would count as gone."""
    wire = Wire(monkeypatch)
    wire.answers[path] = {**ANSWERS[path], **harm}
    with pytest.raises(Incomplete, match="the answer is not what Stripe answers"):
        list(wire.stripe.sweep())


def test_half_a_character_is_marked_and_kept_from_the_books(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A text that was cut through an emoji would stop the recording of all of them."""
    wire = Wire(monkeypatch)
    wire.answers["invoices"] = {
        "data": [{**INVOICE, "number": "A\ud83d"}],
        "has_more": False,
    }
    wire.answers["credit_notes"] = {
        "data": [{**NOTE, "memo": "\ud83d\ude00"}],
        "has_more": False,
    }
    (document,), (note,) = (page.documents or page.memos for page in wire.stripe.sweep())
    assert getattr(document, "number", "") == "A\ufffd"
    assert getattr(note, "text", "") == "\N{GRINNING FACE}", "a whole pair is one character"
    assert encode(document)


def test_a_mode_that_is_not_told_is_not_guessed(monkeypatch: pytest.MonkeyPatch) -> None:
    wire = Wire(monkeypatch)
    assert wire.stripe.identify().livemode is False
    for odd in (None, "false", 0):
        wire.answers["invoices"] = {
            "data": [{**INVOICE, "livemode": odd}],
            "has_more": False,
        }
        with pytest.raises(Incomplete, match="livemode is neither true nor false"):
            wire.stripe.identify()
    wire.answers["invoices"] = {"data": [], "has_more": False}
    assert wire.stripe.identify().livemode is None


WRITINGS: dict[str, tuple[str, Callable[[StripeReceivables], Any]]] = {
    "draft": ("invoices", lambda s: s.create_draft("{}", key="k")),
    "lines": ("invoices/in_1/add_lines", lambda s: s.add_lines("in_1", [], "USD", key="k")),
    "finalize": ("invoices/in_1/finalize", lambda s: s.finalize("in_1", key="k")),
    "note": ("invoices/in_1", lambda s: s.annotate("in_1", {}, key="k")),
    "customer": (
        "customers",
        lambda s: s.create_customer("cc_1", "Acme", email=None, key="k"),
    ),
}


@pytest.mark.parametrize("what", WRITINGS)
def test_an_odd_answer_to_a_writing_says_that_it_may_have_been_done(
    what: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What went out once is looked for before it goes out again, whatever was answered."""
    path, writing = WRITINGS[what]
    body = CUSTOMER if what == "customer" else INVOICE
    wire = Wire(monkeypatch)
    wire.answers[path] = body
    assert writing(wire.stripe)
    refused = 0
    for _, _, copy in harmed(body):
        wire.answers[path] = copy
        try:
            writing(wire.stripe)
        except Unreadable:
            refused += 1
    assert refused > len(MORE_ODD) / 2
