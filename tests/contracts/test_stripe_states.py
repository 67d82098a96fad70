"""The Stripe contract: keys that make a call safe to repeat, and what an invoice becomes."""

import threading
from uuid import uuid4

import pytest
import stripe

from connectors.stripe_parse import memo
from state.receivables import Given, Way
from tests.contracts.stripe_account import Account, refused


class TestKeys:
    def test_the_same_key_repeats_the_first_answer(self, account: Account) -> None:
        body = {"customer": account.customer().id, "currency": "usd"}
        key = {"idempotency_key": uuid4().hex}
        first = account.v1.invoices.create(dict(body), key)
        again = account.v1.invoices.create(dict(body), key)
        assert first.id == again.id
        assert again.last_response.headers["Idempotent-Replayed"] == "true"

    def test_a_key_stands_for_one_request(self, account: Account) -> None:
        body = {"customer": account.customer().id}
        key = {"idempotency_key": uuid4().hex}
        account.v1.invoices.create({**body, "description": "a"}, key)
        error = refused(
            lambda: account.v1.invoices.create({**body, "description": "b"}, key),
            kind=stripe.IdempotencyError,
        )
        assert error.error is not None
        assert error.error.type == "idempotency_error"

    def test_four_at_once_with_one_key_make_one_invoice(self, account: Account) -> None:
        customer, key = account.customer().id, uuid4().hex
        ended: list[str] = []

        def create() -> None:
            client = account.client()
            try:
                made = client.v1.invoices.create(
                    {"customer": customer}, {"idempotency_key": key}
                )
                ended.append(made.id)
            except stripe.StripeError as error:
                ended.append(f"http {error.http_status}")

        threads = [threading.Thread(target=create) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(30)
        assert len({one for one in ended if one.startswith("in_")}) == 1
        assert {one for one in ended if not one.startswith("in_")} <= {"http 409"}

    def test_a_refused_request_leaves_its_key_free(self, account: Account) -> None:
        customer, key = account.customer().id, {"idempotency_key": uuid4().hex}
        body = {"customer": customer, "no_such_param": "1"}
        refused(lambda: account.v1.invoices.create(body, key), code="parameter_unknown")
        assert account.v1.invoices.create({"customer": customer}, key).id

    def test_a_key_has_at_most_255_characters(self, account: Account) -> None:
        options = {"idempotency_key": "k" * 256}
        refused(lambda: account.v1.customers.create({"name": "x"}, options))


class TestStates:
    def test_finalizing_opens_numbers_and_makes_due(self, account: Account) -> None:
        opened = account.opened(10_000)
        assert opened.status == "open"
        assert (opened.total, opened.amount_due, opened.amount_remaining) == (10_000,) * 3
        assert opened.number
        assert opened.status_transitions.finalized_at

    def test_what_is_finalized_stays_so(self, account: Account) -> None:
        opened = account.opened()
        refused(lambda: account.v1.invoices.finalize_invoice(opened.id))
        line = {"lines": [{"amount": 1, "description": "late"}]}
        refused(lambda: account.v1.invoices.add_lines(opened.id, line))
        refused(lambda: account.v1.invoices.delete(opened.id))
        changed = {"default_tax_rates": [], "days_until_due": 5}
        refused(lambda: account.v1.invoices.update(opened.id, changed))

    def test_its_metadata_may_still_be_written(self, account: Account) -> None:
        opened = account.opened(metadata={"core_invoice_id": "i1"})
        flagged = account.v1.invoices.update(
            opened.id, {"metadata": {"tieout_flag": "void_requested"}}
        )
        assert flagged.metadata.to_dict() == {
            "core_invoice_id": "i1",
            "tieout_flag": "void_requested",
        }

    def test_a_void_is_final(self, account: Account) -> None:
        opened = account.opened()
        void = account.v1.invoices.void_invoice(opened.id)
        assert void.status == "void"
        assert void.status_transitions.voided_at
        refused(lambda: account.v1.invoices.void_invoice(opened.id))
        refused(lambda: account.v1.invoices.pay(opened.id, {"paid_out_of_band": True}))

    def test_a_draft_cannot_be_voided(self, account: Account) -> None:
        made = account.draft(100)
        refused(lambda: account.v1.invoices.void_invoice(made.id))

    def test_an_uncollectible_one_can_be_voided(self, account: Account) -> None:
        opened = account.opened()
        lost = account.v1.invoices.mark_uncollectible(opened.id)
        assert lost.status == "uncollectible"
        assert lost.status_transitions.marked_uncollectible_at
        refused(lambda: account.v1.invoices.mark_uncollectible(opened.id))
        assert account.v1.invoices.void_invoice(opened.id).status == "void"

    def test_paid_out_of_band_is_paid_and_not_voided(self, account: Account) -> None:
        opened = account.opened()
        paid = account.v1.invoices.pay(opened.id, {"paid_out_of_band": True})
        assert (paid.status, paid.amount_remaining) == ("paid", 0)
        assert paid.status_transitions.paid_at
        refused(lambda: account.v1.invoices.void_invoice(opened.id))

    def test_there_must_be_something_to_charge(self, account: Account) -> None:
        opened = account.opened()
        with pytest.raises(stripe.StripeError) as met:
            account.v1.invoices.pay(opened.id)
        assert met.value.http_status in {400, 402}

    def test_a_card_pays_and_is_refunded(self, account: Account) -> None:
        customer = account.customer().id
        card = account.v1.payment_methods.attach("pm_card_visa", {"customer": customer})
        opened = account.opened(4000, customer=customer)
        paid = account.v1.invoices.pay(
            opened.id, {"payment_method": card.id, "expand": ["payments"]}
        )
        assert paid.status == "paid"
        intent = paid.payments.data[0].payment.payment_intent
        refund = account.v1.refunds.create({"payment_intent": intent, "amount": 1500})
        assert (refund.status, refund.amount) == ("succeeded", 1500)
        rest = {"payment_intent": intent, "amount": 2501}
        refused(lambda: account.v1.refunds.create(rest))


class TestBalance:
    def test_a_total_of_zero_is_paid_at_once(self, account: Account) -> None:
        done = account.opened(700, -700)
        assert (done.status, done.total) == ("paid", 0)

    def test_a_negative_total_becomes_the_customers_credit(self, account: Account) -> None:
        customer = account.customer().id
        done = account.opened(-900, customer=customer)
        assert (done.status, done.total, done.amount_due) == ("paid", -900, 0)
        assert account.v1.customers.retrieve(customer).balance == -900

    def test_a_credit_balance_is_used_by_itself(self, account: Account) -> None:
        customer = account.customer().id
        credit = {"amount": -300, "currency": "usd", "description": "goodwill"}
        account.v1.customers.balance_transactions.create(customer, credit)
        opened = account.opened(1000, customer=customer)
        assert (opened.total, opened.amount_due) == (1000, 700)
        assert (opened.starting_balance, opened.ending_balance) == (-300, 0)

    def test_a_larger_credit_balance_leaves_the_rest(self, account: Account) -> None:
        customer = account.customer().id
        credit = {"amount": -3000, "currency": "usd"}
        account.v1.customers.balance_transactions.create(customer, credit)
        done = account.opened(1000, customer=customer)
        assert (done.status, done.amount_due, done.ending_balance) == ("paid", 0, -2000)

    def test_below_the_smallest_charge_it_waits_on_the_balance(
        self, account: Account
    ) -> None:
        customer = account.customer().id
        done = account.opened(30, customer=customer)
        assert (done.status, done.amount_due) == ("paid", 0)
        assert account.v1.customers.retrieve(customer).balance == 30
        assert account.opened(1000, customer=customer).amount_due == 1030

    def test_a_void_gives_the_balance_back(self, account: Account) -> None:
        customer = account.customer().id
        credit = {"amount": -300, "currency": "usd"}
        account.v1.customers.balance_transactions.create(customer, credit)
        opened = account.opened(1000, customer=customer)
        assert account.v1.customers.retrieve(customer).balance == 0
        account.v1.invoices.void_invoice(opened.id)
        assert account.v1.customers.retrieve(customer).balance == -300

    def test_a_balance_belongs_to_its_currency(self, account: Account) -> None:
        customer = account.customer().id
        credit = {"amount": -300, "currency": "usd"}
        account.v1.customers.balance_transactions.create(customer, credit)
        opened = account.opened(1000, customer=customer, currency="eur")
        assert (opened.amount_due, opened.starting_balance) == (1000, 0)
        assert account.v1.customers.retrieve(customer).balance == -300

    def test_more_than_stripe_can_charge_is_refused(self, account: Account) -> None:
        with pytest.raises(stripe.InvalidRequestError):
            account.opened(99_999_999, 1)


class TestCreditNotes:
    def test_a_note_takes_off_what_is_due(self, account: Account) -> None:
        opened = account.opened(10_000)
        note = account.v1.credit_notes.create(
            {
                "invoice": opened.id,
                "amount": 2500,
                "reason": "order_change",
                "memo": "downtime",
                "metadata": {"core_invoice_id": "i1"},
                "email_type": "none",
            }
        )
        assert (note.status, note.type) == ("issued", "pre_payment")
        assert (note.pre_payment_amount, note.post_payment_amount) == (2500, 0)
        read = memo("stripe", note.to_dict())
        assert (read.pre_payment_minor, read.taken_off_minor, read.given) == (
            2500,
            2500,
            (),
        )
        invoice = account.v1.invoices.retrieve(opened.id)
        assert (invoice.total, invoice.amount_remaining) == (10_000, 7500)
        assert invoice.pre_payment_credit_notes_amount == 2500
        listed = account.v1.credit_notes.list(
            {"invoice": opened.id, "created": {"gte": note.created - 600}}
        )
        assert [one.id for one in listed.data] == [note.id]

    def test_a_voided_note_gives_it_back(self, account: Account) -> None:
        opened = account.opened(10_000)
        body = {"invoice": opened.id, "amount": 2500, "email_type": "none"}
        note = account.v1.credit_notes.create(body)
        assert account.v1.credit_notes.void_credit_note(note.id).status == "void"
        assert account.v1.invoices.retrieve(opened.id).amount_remaining == 10_000
        refused(lambda: account.v1.credit_notes.void_credit_note(note.id))

    def test_no_more_can_be_credited_than_was_billed(self, account: Account) -> None:
        opened = account.opened(10_000)
        note = {"invoice": opened.id, "email_type": "none"}
        refused(lambda: account.v1.credit_notes.create({**note, "amount": 10_001}))
        account.v1.credit_notes.create({**note, "amount": 6000})
        refused(lambda: account.v1.credit_notes.create({**note, "amount": 4001}))
        refused(lambda: account.v1.credit_notes.create({**note, "amount": 0}))
        refused(lambda: account.v1.credit_notes.create(note))

    def test_credited_down_to_nothing_is_paid(self, account: Account) -> None:
        opened = account.opened(10_000)
        account.v1.credit_notes.create(
            {"invoice": opened.id, "amount": 10_000, "email_type": "none"}
        )
        read = account.v1.invoices.retrieve(opened.id)
        assert (read.status, read.amount_remaining) == ("paid", 0)

    def test_what_was_paid_goes_back_in_named_ways(self, account: Account) -> None:
        opened = account.opened(10_000)
        account.v1.invoices.pay(opened.id, {"paid_out_of_band": True})
        body = {"invoice": opened.id, "amount": 1000, "email_type": "none"}
        refused(lambda: account.v1.credit_notes.create({**body, "credit_amount": 1}))
        ways = {"credit_amount": 600, "out_of_band_amount": 400}
        note = account.v1.credit_notes.create({**body, **ways})
        assert (note.type, note.post_payment_amount) == ("post_payment", 1000)
        assert note.out_of_band_amount == 400
        assert note.customer_balance_transaction
        read = memo("stripe", note.to_dict())
        assert (read.pre_payment_minor, read.post_payment_minor) == (0, 1000)
        assert read.given == (Given(Way.BALANCE, 600), Given(Way.OUT_OF_BAND, 400))
        assert read.document_at == read.posted_at
        assert account.v1.customers.retrieve(opened.customer).balance == -600

    def test_a_note_can_refund_the_card(self, account: Account) -> None:
        customer = account.customer().id
        card = account.v1.payment_methods.attach("pm_card_visa", {"customer": customer})
        opened = account.opened(4000, customer=customer)
        account.v1.invoices.pay(opened.id, {"payment_method": card.id})
        body = {"invoice": opened.id, "amount": 1500, "email_type": "none"}
        note = account.v1.credit_notes.create({**body, "refund_amount": 1500})
        assert note.refunds[0].amount_refunded == 1500
        assert memo("stripe", note.to_dict()).given == (Given(Way.REFUND, 1500),)

    def test_nothing_paid_by_card_is_refunded(self, account: Account) -> None:
        opened = account.opened(4000)
        account.v1.invoices.pay(opened.id, {"paid_out_of_band": True})
        body = {"invoice": opened.id, "amount": 1500, "email_type": "none"}
        refused(lambda: account.v1.credit_notes.create({**body, "refund_amount": 1500}))

    def test_a_preview_keeps_nothing_and_lines_are_listed(self, account: Account) -> None:
        opened = account.opened(10_000)
        part = {
            "type": "invoice_line_item",
            "invoice_line_item": opened.lines.data[0].id,
            "amount": 100,
        }
        seen = account.v1.credit_notes.preview({"invoice": opened.id, "lines": [part]})
        assert seen.amount == 100
        own = {
            "type": "custom_line_item",
            "description": "adjustment",
            "quantity": 1,
            "unit_amount": 55,
        }
        note = account.v1.credit_notes.create(
            {"invoice": opened.id, "email_type": "none", "lines": [own]}
        )
        listed = account.v1.credit_notes.line_items.list(note.id)
        assert [line.amount for line in listed.data] == [55]
        assert account.v1.invoices.retrieve(opened.id).amount_remaining == 9945

    def test_a_draft_or_void_invoice_is_not_credited(self, account: Account) -> None:
        void = account.opened(100)
        account.v1.invoices.void_invoice(void.id)
        for one in (account.draft(100), void):
            body = {"invoice": one.id, "amount": 1, "email_type": "none"}
            refused(lambda body=body: account.v1.credit_notes.create(body))  # type: ignore[misc]  # bound now
