"""The Stripe contract: who may call, customers, and drafts with their lines."""

import time
from decimal import Decimal

import pytest
import stripe

from tests.contracts.stripe_account import Account, refused


class TestCalling:
    def test_a_key_of_no_form_is_turned_away(self, account: Account) -> None:
        client = account.client("nonsense")
        refused(
            lambda: client.v1.customers.list({"limit": 1}),
            status=401,
            kind=stripe.AuthenticationError,
        )

    def test_a_restricted_key_has_its_own_prefix(self, account: Account) -> None:
        if not account.here:
            pytest.skip("a made-up key opens the stand-in only")
        account.client("rk_test_" + "a" * 24).v1.customers.list({"limit": 1})

    def test_every_answer_names_its_request_and_its_version(self, account: Account) -> None:
        headers = account.raw("/v1/customers?limit=1").headers
        assert headers["Request-Id"].startswith("req_")
        assert headers["Stripe-Version"] == stripe.api_version

    def test_an_unknown_path_is_a_404_in_the_error_form(self, account: Account) -> None:
        answer = account.raw("/v1/no_such_thing_here")
        assert answer.status_code == 404
        assert answer.json()["error"]["type"] == "invalid_request_error"

    def test_a_version_nobody_published_is_refused(self, account: Account) -> None:
        answer = account.raw("/v1/customers", **{"Stripe-Version": "1999-01-01.nowhere"})
        assert answer.status_code == 400

    def test_a_connected_account_is_named_by_header(self, account: Account) -> None:
        if not account.here:
            pytest.skip("this needs an account that is connected to the sandbox")
        mine = account.customer()
        options = {"stripe_account": "acct_1032D82eZvKYlo2C"}
        other = account.v1.customers.list({"limit": 100}, options)
        assert mine.id not in {one.id for one in other.data}


class TestCustomers:
    def test_metadata_is_kept_and_merged(self, account: Account) -> None:
        made = account.customer(metadata={"core_customer_id": "c1"})
        assert made.id.startswith("cus_")
        account.v1.customers.update(made.id, {"metadata": {"second": "2"}})
        read = account.v1.customers.retrieve(made.id)
        assert read.metadata.to_dict() == {"core_customer_id": "c1", "second": "2"}
        account.v1.customers.update(made.id, {"metadata": {"second": ""}})
        assert "second" not in account.v1.customers.retrieve(made.id).metadata

    def test_a_list_by_email_finds_the_one(self, account: Account) -> None:
        made = account.customer()
        found = account.v1.customers.list({"email": made.email}).data
        assert [one.id for one in found] == [made.id]

    def test_search_finds_no_more_than_matches(self, account: Account) -> None:
        account.customer(metadata={"core_customer_id": account.run})
        query = f"metadata['core_customer_id']:'{account.run}'"
        assert len(account.v1.customers.search({"query": query}).data) <= 1

    def test_a_deleted_customer_is_billed_no_more(self, account: Account) -> None:
        made = account.customer()
        account.v1.customers.delete(made.id)
        assert account.v1.customers.retrieve(made.id).deleted is True
        refused(lambda: account.draft(customer=made.id), code="resource_missing")


class TestDrafts:
    def test_a_draft_keeps_what_it_was_given(self, account: Account) -> None:
        made = account.draft(
            description="memo",
            footer="foot",
            custom_fields=[{"name": "PO", "value": "PO-1"}],
            metadata={"core_invoice_id": "i1"},
        )
        assert (made.status, made.auto_advance, made.currency) == ("draft", False, "usd")
        assert (made.description, made.footer) == ("memo", "foot")
        assert made.collection_method == "send_invoice"
        assert made.custom_fields[0].value == "PO-1"
        assert made.metadata["core_invoice_id"] == "i1"
        assert made.due_date == pytest.approx(made.created + 30 * 86_400, abs=60)

    def test_a_draft_needs_a_customer_only(self, account: Account) -> None:
        made = account.v1.invoices.create({"customer": account.customer().id})
        assert (made.status, made.total, made.due_date) == ("draft", 0, None)

    def test_a_sent_invoice_needs_an_email_address(self, account: Account) -> None:
        silent = account.v1.customers.create({"name": "No address"})
        refused(lambda: account.draft(customer=silent.id))
        plain = account.v1.invoices.create({"customer": silent.id})
        assert plain.status == "draft"

    def test_pending_items_come_along_only_when_asked(self, account: Account) -> None:
        customer = account.customer().id
        item = {"customer": customer, "amount": 700, "currency": "usd"}
        account.v1.invoice_items.create(item)
        assert account.draft(customer=customer).total == 0
        swept = account.draft(customer=customer, pending_invoice_items_behavior="include")
        assert (swept.status, swept.total) == ("draft", 700)

    def test_due_date_effective_date_and_number_are_kept(self, account: Account) -> None:
        now = int(time.time())
        number = f"TO-{account.run}"
        made = account.v1.invoices.create(
            {
                "customer": account.customer().id,
                "collection_method": "send_invoice",
                "currency": "usd",
                "due_date": now + 40 * 86_400,
                "effective_at": now - 86_400,
                "number": number,
            }
        )
        assert (made.due_date, made.number) == (now + 40 * 86_400, number)
        assert made.effective_at == now - 86_400

    def test_a_due_date_is_said_in_one_way(self, account: Account) -> None:
        soon = int(time.time()) + 86_400
        refused(lambda: account.draft(due_date=soon))
        refused(lambda: account.draft(collection_method="charge_automatically"))

    @pytest.mark.parametrize(
        "field",
        [
            {"description": "x" * 1501},
            {"footer": "x" * 5001},
            {"number": "x" * 27},
            {"custom_fields": [{"name": f"n{n}", "value": "v"} for n in range(5)]},
            {"custom_fields": [{"name": "x" * 41, "value": "v"}]},
            {"custom_fields": [{"name": "n", "value": "x" * 141}]},
            {"metadata": {"x" * 41: "v"}},
            {"metadata": {"k": "x" * 501}},
            {"metadata": {f"k{n}": "v" for n in range(51)}},
            {"currency": "zzz"},
            {"default_tax_rates": ["txr_nope"]},
        ],
        ids="-".join,
    )
    def test_what_is_too_long_or_unknown_is_refused(
        self, account: Account, field: dict[str, object]
    ) -> None:
        refused(lambda: account.draft(**field))

    def test_an_unknown_parameter_is_named(self, account: Account) -> None:
        error = refused(lambda: account.draft(no_such_param="1"), code="parameter_unknown")
        assert error.param == "no_such_param"  # type: ignore[attr-defined]  # a StripeError

    def test_an_unknown_customer_is_no_404(self, account: Account) -> None:
        refused(lambda: account.draft(customer="cus_nope"), code="resource_missing")

    def test_an_unknown_invoice_is_a_404(self, account: Account) -> None:
        refused(
            lambda: account.v1.invoices.retrieve("in_nope"),
            status=404,
            code="resource_missing",
        )

    def test_a_draft_can_be_deleted_and_is_gone(self, account: Account) -> None:
        made = account.draft()
        assert account.v1.invoices.delete(made.id).deleted is True
        refused(lambda: account.v1.invoices.retrieve(made.id), status=404)


class TestLines:
    def test_an_item_goes_on_the_draft_it_names(self, account: Account) -> None:
        made = account.draft()
        item = account.v1.invoice_items.create(
            {
                "customer": made.customer,
                "invoice": made.id,
                "amount": 1234,
                "currency": "usd",
                "description": "API calls",
                "period": {"start": 1_700_000_000, "end": 1_702_591_999},
            }
        )
        read = account.v1.invoices.retrieve(made.id)
        assert item.invoice == made.id
        assert (len(read.lines.data), read.subtotal, read.total) == (1, 1234, 1234)

    @pytest.mark.parametrize(
        ("price", "quantity", "total"),
        [
            ("0.0125", {"quantity": 100_000}, 1250),
            ("100", {"quantity_decimal": Decimal("1.5")}, 150),
        ],
    )
    def test_a_price_has_fractions_of_a_cent(
        self, account: Account, price: str, quantity: dict[str, object], total: int
    ) -> None:
        made = account.draft()
        item = {"customer": made.customer, "invoice": made.id, "currency": "usd"}
        price_of = {"unit_amount_decimal": Decimal(price), **quantity}
        account.v1.invoice_items.create({**item, **price_of})
        assert account.v1.invoices.retrieve(made.id).total == total

    def test_lines_come_in_one_call_and_may_be_negative(self, account: Account) -> None:
        made = account.draft()
        price = {
            "currency": "usd",
            "unit_amount_decimal": Decimal("0.5"),
            "product_data": {"name": "P"},
        }
        filled = account.v1.invoices.add_lines(
            made.id,
            {
                "lines": [
                    {
                        "amount": 1000,
                        "description": "A",
                        "metadata": {"core_line_key": "a"},
                    },
                    {"amount": -250, "description": "credit"},
                    {"price_data": price, "quantity": 300},
                ],
                "invoice_metadata": {"lines_pushed": "3"},
            },
        )
        assert (len(filled.lines.data), filled.total) == (3, 900)
        assert filled.metadata["lines_pushed"] == "3"
        keys = [line.metadata.to_dict() for line in filled.lines.data]
        assert {"core_line_key": "a"} in keys

    def test_250_lines_fit_and_one_more_does_not(self, account: Account) -> None:
        made = account.draft(*range(100, 350))
        assert made.total == sum(range(100, 350))
        pages = account.v1.invoices.line_items.list(made.id, {"limit": 100})
        assert len(list(pages.auto_paging_iter())) == 250
        one = {"lines": [{"amount": 1, "description": "one too many"}]}
        refused(lambda: account.v1.invoices.add_lines(made.id, one))
        assert account.v1.invoices.retrieve(made.id).total == made.total

    def test_only_ten_lines_are_shown_inside_an_invoice(self, account: Account) -> None:
        made = account.draft(*range(100, 112))
        assert (len(made.lines.data), made.lines.has_more) == (10, True)
        every = list(made.lines.auto_paging_iter())
        assert len({line.id for line in every}) == 12

    def test_lines_are_changed_and_taken_off(self, account: Account) -> None:
        made = account.draft(500, 700)
        first, second = made.lines.data
        change = {"lines": [{"id": first.id, "description": "changed"}]}
        account.v1.invoices.update_lines(made.id, change)
        off = {"lines": [{"id": second.id, "behavior": "delete"}]}
        left = account.v1.invoices.remove_lines(made.id, off)
        assert [line.description for line in left.lines.data] == ["changed"]

    def test_yen_have_no_decimals(self, account: Account) -> None:
        made = account.draft(5000, currency="jpy")
        assert (made.currency, made.total) == ("jpy", 5000)

    @pytest.mark.parametrize(("currency", "amount"), [("isk", 150), ("kwd", 1234)])
    def test_an_amount_that_a_currency_cannot_say_is_refused(
        self, account: Account, currency: str, amount: int
    ) -> None:
        refused(lambda: account.draft(amount, currency=currency))

    def test_a_line_has_the_currency_of_its_invoice(self, account: Account) -> None:
        made = account.draft()
        item = {"customer": made.customer, "invoice": made.id, "amount": 5}
        refused(lambda: account.v1.invoice_items.create({**item, "currency": "eur"}))

    def test_a_tax_rate_is_added_to_the_total(self, account: Account) -> None:
        rate = account.v1.tax_rates.create(
            {"display_name": "VAT", "percentage": 20, "inclusive": False}
        )
        made = account.draft(1000, default_tax_rates=[rate.id])
        assert (made.total, made.total_excluding_tax) == (1200, 1000)
        assert made.total_taxes[0].amount == 200

    def test_tax_from_outside_is_taken_as_it_is(self, account: Account) -> None:
        made = account.draft()
        tax = {
            "amount": 77,
            "taxable_amount": 1000,
            "tax_rate_data": {
                "display_name": "Sales tax",
                "inclusive": False,
                "percentage": 7.7,
            },
        }
        line = {"amount": 1000, "description": "A", "tax_amounts": [tax]}
        filled = account.v1.invoices.add_lines(made.id, {"lines": [line]})
        assert (filled.total, filled.total_excluding_tax) == (1077, 1000)

    @pytest.mark.parametrize(
        "line",
        [
            {"amount": 1, "description": "x" * 5001},
            {"amount": 1, "metadata": {"k": "x" * 501}},
            {"amount": "1E+3"},
            {"amount": "1.5"},
            {"description": "neither amount nor price"},
            {"amount": 1, "perod": {"start": 1}},
        ],
        ids=["description", "metadata", "exponent", "fraction", "no amount", "misspelt"],
    )
    def test_a_bad_line_is_refused_and_none_of_its_call_is_kept(
        self, account: Account, line: dict[str, object]
    ) -> None:
        made = account.draft(100)
        lines = {"lines": [{"amount": 1, "description": "good"}, line]}
        refused(lambda: account.v1.invoices.add_lines(made.id, lines))
        assert account.v1.invoices.retrieve(made.id).total == 100
