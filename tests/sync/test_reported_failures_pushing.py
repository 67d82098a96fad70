"""Failures that others have reported of pushing invoices to Stripe; none of them is ours.

The number of each is that of its row in docs/decisions/0002-protocol-d.md.
"""

from dataclasses import replace

import pytest
from sqlmodel import SQLModel

from state.pushes import PushState
from state.worklist import Cause
from sync.decide import Policy
from sync.people import retry_push
from tests.sync.stand import Stand

ADD, CREATE, FINALIZE = "add_lines$", "/v1/invoices$", "finalize$"
DAY = 24 * 3600
ACME = {"name": "Acme", "email": "ar@example.com"}


def rule(kind: str, path: str, **more: object) -> dict[str, object]:
    return {"kind": kind, "method": "POST", "path": path, **more}


def billed_once(stand: Stand, total: int = 1000, lines: int = 3) -> None:
    """One open invoice of this total, every line on it once."""
    assert (stand.invoice().status, stand.invoice().total) == ("open", total)
    keys = [line.metadata["core_line_key"] for line in stand.lines()]
    assert (len(keys), len(set(keys))) == (lines, lines)
    assert stand.push().state is PushState.DONE


def test_01_a_cached_lock_timeout_neither_loses_lines_nor_adds_them_twice(
    stand: Stand,
) -> None:
    """The key answered `lock_timeout` for a day; lines made anew were made twice."""
    stand.core.bill("ci_1", 1000)
    stand.faults(rule("lock_timeout", ADD))
    stand.passes(4)
    billed_once(stand)
    assert stand.push().generation == 1


def test_02_serial_writes_without_keys_leave_no_second_draft(stand: Stand) -> None:
    """Five writes without keys: a retry made a second draft and left an orphan."""
    stand.core.bill("ci_1", 1000)
    stand.faults(*(rule("drop_after", path) for path in (CREATE, ADD, FINALIZE)))
    stand.passes(4)
    billed_once(stand)


def test_03_a_push_halted_half_way_goes_on_and_repeats_no_line(stand: Stand) -> None:
    """Invoicing halted; the restart added the items again."""
    stand.core.bill("ci_1", 15_000, lines=150)
    stand.faults(rule("rate_limit", ADD, nth=2, times=99))
    stand.passes(1)
    assert len(stand.lines()) == 100
    stand.faults()
    stand.later(1000)
    stand.passes(1)
    billed_once(stand, 15_000, 150)


def test_04_a_key_forgotten_after_a_day_makes_no_second_customer(stand: Stand) -> None:
    """The key was sent again after 24 hours, and Stripe made another customer."""
    mapped = stand.core.people["cc_1"]
    stand.person.customers.delete(mapped.stripe_customer_field)
    stand.core.people["cc_1"] = replace(
        mapped, stripe_customer_field=None, email="ar@example.com"
    )
    stand.parts.policy = Policy(create_customers=True)
    stand.core.bill("ci_1", 1000)
    stand.faults(rule("drop_after", "/v1/customers$"))
    stand.passes(1)
    stand.later(DAY + 60)
    stand.passes(2)
    named = [
        one.id
        for one in stand.person.customers.list({"limit": 100}).data
        if one.metadata.to_dict().get("core_customer_id") == "cc_1"
    ]
    assert named == [stand.invoice().customer]
    billed_once(stand)


def test_05_a_redelivery_makes_no_second_invoice_for_every_write_has_its_key(
    stand: Stand,
) -> None:
    """No keys: what was delivered twice was billed, and paid, twice."""
    stand.core.bill("ci_1", 1000)
    stand.passes(3)
    billed_once(stand)
    keys = [request["key"] for request in stand.requests()]
    steps = ("create", "lines-0", "finalize")
    assert keys == [f"tieout-1:ci_1:{step}:0" for step in steps]


def test_13_more_than_250_lines_are_folded_and_nothing_pending_is_swept_in(
    stand: Stand,
) -> None:
    """Items past the 250th stuck, and came out on the customer's next invoice."""
    customer = stand.core.people["cc_1"].stripe_customer_field
    item = {"customer": customer, "amount": 999, "currency": "usd"}
    stand.person.invoice_items.create(item)
    stand.core.bill("ci_1", 60_000, lines=600)
    stand.passes(1)
    assert (stand.invoice().status, stand.invoice().total) == ("open", 60_000)
    assert stand.invoice().metadata["lines_folded"] == "1"
    assert len(stand.lines()) <= 250


def test_14_a_hundred_lines_are_one_request(stand: Stand) -> None:
    """One request for each line ran into the rate limit."""
    stand.core.bill("ci_1", 10_000, lines=100)
    stand.passes(1)
    assert len(stand.requests()) == 3


def test_15_one_writer_for_each_customer_meets_no_lock(stand: Stand) -> None:
    """Parallel writes to one customer ran into lock_timeout."""
    stand.parts.writers = 4
    for number in range(4):
        stand.core.bill(f"ci_{number}", 1000)
    stand.passes(1)
    steps = [request["path"].rpartition("/")[2] for request in stand.requests()]
    assert steps == ["invoices", "add_lines", "finalize"] * 4


def test_16_lines_with_fractions_of_a_cent_sum_to_the_total(stand: Stand) -> None:
    """Quantity times a decimal price did not fit cents, and totals drifted."""
    stand.core.bill("ci_1", 1000, lines=3)
    stand.passes(1)
    billed_once(stand)
    assert sorted(line.amount for line in stand.lines()) == [333, 333, 334]
    assert {line.quantity for line in stand.lines()} == {1}


@pytest.mark.usefixtures("impatient")
def test_17_a_replaced_line_is_known_by_our_key_whatever_id_it_has(stand: Stand) -> None:
    """A line was replaced after the push, and the sync failed for the wrong kind of id."""
    stand.core.bill("ci_1", 1000, lines=2)
    stand.faults(rule("drop_after", ADD))
    stand.passes(1)
    draft, old = stand.invoice().id, stand.lines()[0]
    new = {"amount": old.amount, "metadata": old.metadata.to_dict(), "description": "x"}
    stand.person.invoices.remove_lines(
        draft, {"lines": [{"id": old.id, "behavior": "delete"}]}
    )
    stand.person.invoices.add_lines(draft, {"lines": [new]})
    assert old.id not in {line.id for line in stand.lines()}
    stand.passes(1)
    billed_once(stand, lines=2)


def test_18_a_finalize_that_stripe_refuses_waits_for_a_person_and_stops_no_other(
    stand: Stand,
) -> None:
    """customer_tax_location_invalid at finalization: parked, with Stripe's own words."""
    stand.core.bill("ci_1", 1000)
    stand.core.bill("ci_2", 2000)
    stand.faults(rule("status", FINALIZE, status=400))
    stand.passes(1)
    assert (stand.push("ci_1").state, stand.push("ci_1").reason) == (
        PushState.QUARANTINED,
        "REFUSED",
    )
    (flag,) = stand.flags()
    assert (flag.cause, flag.subject) == (Cause.QUARANTINED, stand.push("ci_1").document_id)
    assert "An injected failure" in flag.why
    assert stand.push("ci_2").state is PushState.DONE


def test_19_an_amount_below_the_minimum_is_no_failure(stand: Stand) -> None:
    """Stripe marked it paid and moved it to the balance; that was taken for an error."""
    stand.core.bill("ci_1", 20, lines=1)
    stand.passes(1)
    assert (stand.push().state, stand.push().reason) == (
        PushState.SKIPPED,
        "BELOW_MINIMUM",
    )
    assert stand.invoices() == []
    retry_push(stand.parts, "ci_1", by="ada", reason="bill it all the same")
    stand.passes(2)
    assert (stand.invoice().status, stand.invoice().total) == ("paid", 20)
    assert stand.push().state is PushState.DONE
    assert stand.flags() == []


def test_20_a_no_is_not_asked_again_and_a_not_now_is(stand: Stand) -> None:
    """Wrong settings were retried for ever, and rate limits were not."""
    stand.core.bill("ci_1", 1000)
    stand.faults(rule("status", CREATE, status=400, times=99))
    stand.passes(5)
    assert len(stand.requests()) == 1
    assert stand.push().state is PushState.QUARANTINED
    stand.core.bill("ci_2", 2000)
    stand.faults(rule("rate_limit", CREATE, times=2))
    stand.passes(3)
    assert stand.push("ci_2").state is PushState.DONE


@pytest.mark.usefixtures("impatient")
@pytest.mark.parametrize("kind", ["drop_before", "drop_after"])
def test_21_a_timeout_is_neither_success_nor_failure_until_it_is_looked_at(
    stand: Stand, kind: str
) -> None:
    """Without an answer an invoice was guessed to be there, or not to be there."""
    stand.core.bill("ci_1", 1000)
    stand.faults(rule(kind, CREATE))
    stand.passes(1)
    assert (stand.push().state, stand.push().in_doubt) == (PushState.ATTEMPTED, True)
    stand.passes(1)
    billed_once(stand)


def test_22_a_deleted_customer_is_parked_and_a_new_mapping_is_taken_up(
    stand: Stand,
) -> None:
    """resource_missing for ever; and the retry asked for the old customer again."""
    mapped = stand.core.people["cc_1"]
    stand.person.customers.delete(mapped.stripe_customer_field)
    stand.core.bill("ci_1", 1000)
    stand.passes(1)
    (flag,) = stand.flags()
    assert f"No such customer: '{mapped.stripe_customer_field}'" in flag.why
    fresh = stand.person.customers.create(ACME).id
    stand.core.people["cc_1"] = replace(mapped, stripe_customer_field=fresh)
    stand.passes(1)
    retry_push(stand.parts, "ci_1", by="ada", reason="mapped anew")
    stand.passes(1)
    assert stand.invoice().customer == fresh
    billed_once(stand)


def test_23_no_value_is_too_long_for_its_column(stand: Stand) -> None:
    """A column was too short for a value, and the row was lost."""
    stand.core.bill("ci_1", 1000)
    (first, *rest) = stand.core.books["ci_1"].lines
    long = replace(first, description="d" * 20_000)
    stand.core.books["ci_1"] = replace(stand.core.books["ci_1"], lines=(long, *rest))
    stand.passes(1)
    assert stand.parts.store.invoice("ci_1") == stand.core.books["ci_1"]
    lengths = {
        f"{table.name}.{column.name}": getattr(column.type, "length", None)
        for table in SQLModel.metadata.sorted_tables
        for column in table.columns
    }
    assert {name for name, length in lengths.items() if length is not None} == set()


@pytest.mark.parametrize(
    ("currency", "ours", "stripes"),
    [
        ("ISK", 1500, 150_000),
        ("UGX", 7000, 700_000),
        ("JPY", 700, 700),
        ("KWD", 5120, 5120),
    ],
)
def test_26_no_currency_slips_by_a_hundred(
    stand: Stand, currency: str, ours: int, stripes: int
) -> None:
    """Zero-decimal amounts were sent a hundred times too large, or with decimals."""
    stand.core.bill("ci_1", ours, lines=2)
    billed = replace(stand.core.books["ci_1"], currency=currency)
    stand.core.books["ci_1"] = billed
    stand.passes(1)
    assert (stand.invoice().currency, stand.invoice().total) == (currency.lower(), stripes)
    (document,) = stand.parts.store.documents_of(["ci_1"])["ci_1"]
    assert (document.gross_minor, document.currency) == (ours, currency)
    assert stand.push().state is PushState.DONE


def test_27_a_text_over_its_limit_is_cut_before_the_call(stand: Stand) -> None:
    """A footer over the limit was refused, and so was the invoice."""
    stand.core.bill("ci_1", 1000, lines=1)
    (line,) = stand.core.books["ci_1"].lines
    long = replace(line, description="d" * 6000)
    stand.core.books["ci_1"] = replace(stand.core.books["ci_1"], lines=(long,))
    stand.passes(1)
    billed_once(stand, lines=1)
    assert len(stand.lines()[0].description) == 5000


def test_28_voided_in_the_core_and_paid_before_anybody_acted_asks_for_a_credit_note(
    stand: Stand,
) -> None:
    """A paid invoice cannot be voided: the worklist must not ask for it."""
    stand.core.bill("ci_1", 1000)
    stand.passes(1)
    stand.core.void("ci_1")
    stand.passes(1)
    assert "Void invoice" in stand.flags()[0].action
    stand.person.invoices.pay(stand.invoice().id, {"paid_out_of_band": True})
    stand.passes(1)
    (flag,) = stand.flags()
    assert "cannot be voided: issue a credit note of 10.00" in flag.action
    assert flag.priority == 1
