"""Credits through their calls: granted, changed, ended, balanced, and refused."""

from datetime import datetime, timedelta
from typing import Any

import pytest

from tests.connectors.localcore.conftest import Core
from tests.connectors.localcore.vendor import APR, CREDITS, DAY, FEB, JAN, MAR, Vendor, iso

BALANCES = "/v1/contracts/customerBalances"
MANUAL = "/v1/contracts/addManualBalanceLedgerEntry"


@pytest.fixture
def vendor(core: Core) -> Vendor:
    return Vendor(core)


def an_item(amount: Any, since: datetime, until: datetime) -> dict[str, Any]:
    return {"amount": amount, "starting_at": iso(since), "ending_before": iso(until)}


@pytest.mark.parametrize(
    ("more", "status", "told"),
    [
        (
            {"since": FEB, "until": JAN},
            400,
            "access_schedule.schedule_items[0]: ending_before 2026-01-01T00:00:00Z is not after starting_at 2026-02-01T00:00:00Z",
        ),
        ({"since": JAN + timedelta(minutes=1)}, 400, "must be on the hour"),
        ({"product_id": "nothing"}, 404, "product_id"),
        ({"applicable_product_ids": ["nothing"]}, 404, "applicable_product_ids"),
        ({"applicable_contract_ids": ["nothing"]}, 404, "applicable_contract_ids"),
        ({"specifiers": [{}]}, 400, "specifiers"),
        ({"prioritty": 1}, 400, "did you mean priority"),
    ],
)
def test_a_credit_that_cannot_be_is_refused_by_its_field(
    vendor: Vendor, more: dict[str, Any], status: int, told: str
) -> None:
    refused = vendor.core.refusal(f"{CREDITS}/create", vendor.credit_body(5, **more))
    assert refused[0] == status
    assert told in refused[1]
    assert vendor.credits() == []


@pytest.mark.parametrize(
    ("schedule", "told"),
    [
        ({"schedule_items": [an_item(0, JAN, FEB)]}, "amount must be more than 0"),
        (
            {"schedule_items": [an_item(5, JAN, FEB)], "credit_type_id": "x"},
            "credit_type_id",
        ),
        ({"schedule_items": [an_item(5, JAN, FEB)], "access_type": "QUANTITY"}, "SPEND"),
        ({"schedule_items": []}, "schedule_items must have"),
    ],
)
def test_a_schedule_that_cannot_be_is_refused(
    vendor: Vendor, schedule: dict[str, Any], told: str
) -> None:
    body = vendor.credit_body(5) | {"access_schedule": schedule}
    assert told in vendor.core.refusal(f"{CREDITS}/create", body)[1]


def test_a_credit_needs_a_fixed_product(vendor: Vendor) -> None:
    body = vendor.credit_body(5, product_id=vendor.tokens)
    status, told = vendor.core.refusal(f"{CREDITS}/create", body)
    assert (status, "is USAGE, not FIXED" in told) == (400, True)


def test_a_uniqueness_key_makes_one_credit(vendor: Vendor) -> None:
    vendor.grant(5, uniqueness_key="once")
    body = vendor.credit_body(5, uniqueness_key="once")
    answer = vendor.core.call("POST", f"{CREDITS}/create", body)
    assert (answer.status_code, answer.headers["x-should-retry"]) == (409, "false")
    assert len(vendor.credits()) == 1


def test_a_contract_credit_is_refused_by_its_place(vendor: Vendor) -> None:
    credit = {
        "product_id": vendor.goodwill,
        "access_schedule": {"schedule_items": [an_item(5, FEB, JAN)]},
    }
    body = {"customer_id": vendor.customer, "starting_at": iso(JAN), "credits": [credit]}
    _, told = vendor.core.refusal("/v1/contracts/create", body)
    assert told.startswith("credits[0].access_schedule.schedule_items[0]: ending_before")


def test_a_drawn_segment_cannot_be_removed_until_its_invoice_is_void(
    vendor: Vendor,
) -> None:
    credit = vendor.grant(500)
    segment = vendor.segment(credit)
    more = {
        "add_schedule_items": [an_item(70, MAR, APR)],
        "remove_schedule_items": [{"id": segment}],
    }
    vendor.use(100)
    vendor.to(FEB + DAY)
    (invoice,) = vendor.final()
    status, told = vendor.change(credit, access_schedule=more)
    assert status == 400
    assert f"finalised invoice {invoice['id']}: void it first" in told
    vendor.void(invoice["id"])
    assert vendor.change(credit, access_schedule=more) == (200, "")
    (item,) = vendor.credit(credit)["access_schedule"]["schedule_items"]
    assert item["amount"] == 70


def test_a_segment_can_move_but_not_below_what_was_drawn(vendor: Vendor) -> None:
    credit = vendor.grant(500)
    segment = vendor.segment(credit)
    vendor.use(100)
    vendor.to(FEB + DAY)

    def to(**more: Any) -> tuple[int, str]:
        return vendor.change(
            credit, access_schedule={"update_schedule_items": [{"id": segment, **more}]}
        )

    assert "199 is less than the 200" in to(amount=199)[1]
    assert "is not after" in to(ending_before=iso(JAN))[1]
    assert (
        "was not found in this credit"
        in vendor.change(credit, access_schedule={"remove_schedule_items": [{"id": "x"}]})[
            1
        ]
    )
    assert to(amount=200) == (200, "")
    assert vendor.credit(credit)["balance"] == 0


def test_a_credit_keeps_one_window_at_least(vendor: Vendor) -> None:
    credit = vendor.grant(500)
    change = {"remove_schedule_items": [{"id": vendor.segment(credit)}]}
    assert "without a window" in vendor.change(credit, access_schedule=change)[1]


def test_a_changed_scope_and_name_move_the_draft_at_once(vendor: Vendor) -> None:
    credit = vendor.grant(500)
    vendor.use(100)
    assert vendor.drafts()[0]["total"] == 0
    other = vendor.product("Other", type="FIXED")
    assert vendor.change(credit, applicable_product_ids=[other], name="Sorry") == (200, "")
    assert vendor.drafts()[0]["total"] == 200
    assert vendor.change(credit, applicable_product_ids=None, product_id=other) == (200, "")
    (_, applied) = vendor.drafts()[0]["line_items"]
    assert (applied["name"], applied["total"]) == ("Sorry applied", -200)


def test_what_a_contract_credit_cannot_be_told(vendor: Vendor) -> None:
    body = {
        "customer_id": vendor.customer, "contract_id": vendor.contract,
        "add_credits": [{"product_id": vendor.goodwill, "access_schedule": {"schedule_items": [an_item(5, JAN, FEB)]}}],
    }  # fmt: skip
    made = vendor.core.post("/v2/contracts/edit", body)["data"]["edit"]["add_credits"][0]
    told = vendor.change(made["id"], applicable_contract_ids=[vendor.contract])[1]
    assert f"this one is of contract {vendor.contract}" in told
    edit = {"customer_id": vendor.customer, "contract_id": vendor.contract}
    vendor.core.post(
        "/v2/contracts/edit",
        edit | {"update_credits": [{"credit_id": made["id"], "priority": 7}]},
    )
    assert vendor.credit(made["id"])["priority"] == 7
    own = vendor.grant(5)
    status, told = vendor.core.refusal(
        "/v2/contracts/edit", edit | {"archive_credits": [{"id": own}]}
    )
    assert (status, "is not one of this contract" in told) == (400, True)
    vendor.core.post("/v2/contracts/edit", edit | {"archive_credits": [{"id": made["id"]}]})
    shown = vendor.credit(made["id"])
    assert (shown["balance"], "archived_at" in shown) == (0, True)
    assert sum(entry["amount"] for entry in shown["ledger"]) == 0
    assert "is archived" in vendor.change(made["id"], name="x")[1]


def test_access_can_end_earlier_but_never_later(vendor: Vendor) -> None:
    items = [an_item(5, JAN, FEB), an_item(6, FEB, MAR), an_item(7, MAR, APR)]
    credit = vendor.core.post(
        f"{CREDITS}/create",
        vendor.credit_body(5) | {"access_schedule": {"schedule_items": items}},
    )["data"]["id"]
    body = {"customer_id": vendor.customer, "credit_id": credit}
    end = f"{CREDITS}/updateEndDate"
    assert (
        "is not earlier"
        in vendor.core.refusal(end, body | {"access_ending_before": iso(APR)})[1]
    )
    assert (
        "is not after"
        in vendor.core.refusal(end, body | {"access_ending_before": iso(JAN)})[1]
    )
    vendor.core.post(end, body | {"access_ending_before": iso(FEB + DAY)})
    kept = vendor.credit(credit)["access_schedule"]["schedule_items"]
    assert [(one["amount"], one["ending_before"][:10]) for one in kept] == [
        (5, "2026-02-01"),
        (6, "2026-02-02"),
    ]


def test_a_credit_of_another_customer_is_not_found(vendor: Vendor) -> None:
    credit = vendor.grant(5)
    other = vendor.core.post("/v1/customers", {"name": "Other"})["data"]["id"]
    body = {"customer_id": other, "credit_id": credit, "name": "mine"}
    assert vendor.core.refusal("/v2/contracts/credits/edit", body)[0] == 404


def test_a_credit_for_one_contract_pays_on_that_one_and_the_first_due_pays_first(
    vendor: Vendor,
) -> None:
    second = vendor.agree()
    vendor.grant(100, applicable_contract_ids=[second], priority=5)
    vendor.use(100)
    assert [one["total"] for one in vendor.drafts()] == [200, 100]
    vendor.grant(250)
    assert [one["total"] for one in vendor.drafts()] == [0, 50]
    vendor.to(FEB + DAY)
    assert [one["total"] for one in vendor.final()] == [0, 50]


def test_lists_filter_by_window_and_archive_and_turn_pages_of_25(vendor: Vendor) -> None:
    early, late = vendor.grant(5, until=FEB), vendor.grant(6, since=MAR)

    def listed(**more: Any) -> list[str]:
        return [one["id"] for one in vendor.credits(**more)]

    assert listed() == [early, late]
    assert listed(covering_date=iso(JAN)) == [early]
    assert listed(starting_at=iso(FEB)) == [late]
    assert listed(effective_before=iso(MAR)) == [early]
    assert (
        "between 1 and 25"
        in vendor.core.refusal(
            f"{CREDITS}/list", {"customer_id": vendor.customer, "limit": 26}
        )[1]
    )
    page = vendor.core.post(f"{CREDITS}/list", {"customer_id": vendor.customer, "limit": 1})
    rest = vendor.core.post(
        f"{CREDITS}/list",
        {"customer_id": vendor.customer, "limit": 1, "next_page": page["next_page"]},
    )
    assert ([one["id"] for one in rest["data"]], rest["next_page"]) == ([late], None)
    assert "balance" not in rest["data"][0]
    assert "ledger" not in rest["data"][0]


def test_balances_can_leave_out_what_is_used_up(vendor: Vendor) -> None:
    credit, later = vendor.grant(5), vendor.grant(9, since=FEB)
    ask = {"customer_id": vendor.customer, "include_balance": True}
    rows = vendor.core.post(f"{BALANCES}/list", ask)["data"]
    assert [(one["id"], one["balance"]) for one in rows] == [(credit, 5), (later, 0)]
    rows = vendor.core.post(f"{BALANCES}/list", ask | {"exclude_zero_balances": True})[
        "data"
    ]
    assert [one["id"] for one in rows] == [credit]


def test_a_net_balance_counts_what_its_filters_name(vendor: Vendor) -> None:
    first, second = vendor.grant(500), vendor.grant(70, priority=9)
    vendor.grant(9, since=FEB)
    vendor.core.post(
        "/v1/customFields/addKey",
        {"entity": "contract_credit", "key": "why", "enforce_uniqueness": False},
    )
    vendor.core.post(
        "/v1/customFields/setValues",
        {
            "entity": "contract_credit",
            "entity_id": second,
            "custom_fields": {"why": "sorry"},
        },
    )
    vendor.use(100)

    def net(**more: Any) -> Any:
        return vendor.core.post(
            f"{BALANCES}/getNetBalance", {"customer_id": vendor.customer, **more}
        )["data"]["balance"]

    assert net() == 370
    assert net(invoice_inclusion_mode="FINALIZED") == 570
    assert net(filters=[{"ids": [first]}]) == 300
    assert net(filters=[{"custom_fields": {"why": "sorry"}}]) == 70
    assert net(filters=[{"balance_types": ["PREPAID_COMMIT"]}]) == 0
    assert net(filters=[{"ids": [first]}, {"ids": [second]}]) == 370
    euro = next(
        one["id"]
        for one in vendor.core.call("GET", "/v1/credit-types/list").json()["data"]
        if one["name"] == "EUR"
    )
    assert net(credit_type_id=euro) == 0


def test_a_manual_entry_moves_the_balance_and_may_overdraw_it(vendor: Vendor) -> None:
    credit = vendor.grant(500)
    body = {
        "id": credit, "customer_id": vendor.customer, "segment_id": vendor.segment(credit),
        "amount": -600, "reason": "agreed by phone",
    }  # fmt: skip
    vendor.core.post(MANUAL, body | {"uniqueness_key": "k"})
    assert vendor.core.refusal(MANUAL, body | {"uniqueness_key": "k"})[0] == 409
    shown = vendor.credit(credit)
    assert shown["balance"] == 0
    assert shown["ledger"][1] == {
        "type": "CREDIT_MANUAL", "amount": -600, "timestamp": "2026-01-01T00:00:00Z",
        "segment_id": vendor.segment(credit), "reason": "agreed by phone",
    }  # fmt: skip
    vendor.use(100)
    assert vendor.drafts()[0]["total"] == 200
    vendor.core.post(MANUAL, body | {"amount": 200.5, "timestamp": iso(FEB)})
    assert vendor.credit(credit)["balance"] == 100.5
    assert vendor.drafts()[0]["total"] == 99.5


@pytest.mark.parametrize(
    ("more", "status", "told"),
    [
        ({"segment_id": "x"}, 404, "segment_id"),
        ({"amount": 0}, 400, "amount must not be 0"),
        ({"contract_id": "x"}, 400, "leave it out"),
        ({"id": "x"}, 404, "id: credit x"),
        ({"per_group_amounts": {"seat": 1}}, 400, "seats"),
    ],
)
def test_a_manual_entry_that_cannot_be_is_refused(
    vendor: Vendor, more: dict[str, Any], status: int, told: str
) -> None:
    credit = vendor.grant(500)
    body = {
        "id": credit, "customer_id": vendor.customer, "segment_id": vendor.segment(credit),
        "amount": 1, "reason": "r",
    }  # fmt: skip
    refused = vendor.core.refusal(MANUAL, body | more)
    assert (refused[0], told in refused[1]) == (status, True)


def test_a_void_after_the_end_gives_back_what_then_expires_or_is_drawn_again(
    vendor: Vendor,
) -> None:
    credit = vendor.grant(500, until=FEB)
    vendor.use(100)
    vendor.to(MAR)
    (invoice,) = [
        one for one in vendor.final() if one["total"] == 0 and one["line_items"][0]["total"]
    ]
    vendor.void(invoice["id"])

    def moves() -> list[tuple[str, float]]:
        return [(one["type"], one["amount"]) for one in vendor.credit(credit)["ledger"]]

    drawn = [
        ("CREDIT_SEGMENT_START", 500),
        ("CREDIT_AUTOMATED_INVOICE_DEDUCTION", -200),
        ("CREDIT_CREDITED", 200),
    ]
    assert moves() == [*drawn, ("CREDIT_EXPIRATION", -500)]
    vendor.regenerate(invoice["id"])
    assert moves() == [
        *drawn,
        ("CREDIT_AUTOMATED_INVOICE_DEDUCTION", -200),
        ("CREDIT_EXPIRATION", -300),
    ]
