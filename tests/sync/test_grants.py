"""What is granted and what is refused, by table: one line each, that names the option."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.correcting import Contract, GrantItem, Product, Unit
from state.credits import CoreCredit, CreditSegment
from state.invoices import CoreCustomer
from sync.grants import Known, NotGranted, Wish, grant_of, warnings

NOW = datetime(2026, 9, 15, 10, 30, tzinfo=UTC)
SEPTEMBER, OCTOBER, NOVEMBER = (
    datetime(2026, month, 1, tzinfo=UTC) for month in (9, 10, 11)
)
TODAY = datetime(2026, 9, 15, tzinfo=UTC)
CENTS = Unit("u_usd", "USD (cents)", "USD", 0)
EURO = Unit("u_eur", "EUR", "EUR", 2)
POINTS = Unit("u_points", "Points", None, 0)
KNOWN = Known(
    now=NOW,
    customer=CoreCustomer("cc_1", "Acme"),
    contracts=(
        Contract("k1", SEPTEMBER, OCTOBER),
        Contract("k2", SEPTEMBER - timedelta(days=60), SEPTEMBER),
        Contract("k3", SEPTEMBER, archived=True),
    ),
    products=(
        Product("p_goodwill", "Customer Satisfaction Credit", "FIXED"),
        Product("p_tokens", "Tokens", "USAGE"),
        Product("p_old", "Old", "FIXED", archived=True),
        Product("p_a", "Twin", "FIXED"),
        Product("p_b", "Twin", "FIXED"),
    ),
    units=(CENTS, EURO, POINTS),
    held=(),
)
GOOD = Wish("10000", "USD", "Customer Satisfaction Credit", end=OCTOBER)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        # The document's own sample: it ends four years before it starts.
        ({"start": datetime(2024, 9, 1, tzinfo=UTC), "end": datetime(2020, 9, 30, tzinfo=UTC)},
         "--until: 2020-09-30T00:00:00Z is not after --from 2024-09-01T00:00:00Z"),
        ({"end": TODAY}, "--until: 2026-09-15T00:00:00Z is not after --from 2026-09-15"),
        ({"start": SEPTEMBER, "end": TODAY}, "--until: 2026-09-15T00:00:00Z is past"),
        ({"end": None}, "--until: say when the credit ends"),
        ({"monthly": 3}, "--until, --monthly: give one of the two"),
        ({"end": None, "monthly": 121}, "--monthly: must be from 1 to 120"),
        ({"end": None, "monthly": -1}, "--monthly: must be from 1 to 120"),
        ({"end": OCTOBER + timedelta(minutes=1)}, "--until: 2026-10-01T00:01:00Z is not on the hour"),
        ({"start": NOW}, "--from: 2026-09-15T10:30:00Z is not on the hour"),
        ({"amount": "0"}, "AMOUNT: 0 must be above zero"),
        ({"amount": "-5"}, "AMOUNT: -5 must be above zero"),
        ({"amount": "much"}, "AMOUNT: 'much' is no number"),
        ({"amount": "NaN"}, "AMOUNT: NaN must be above zero"),
        ({"amount": "1e20"}, "AMOUNT: 1e20 must be above zero and below"),
        ({"amount": "10.5"}, "AMOUNT: 10.5 of USD (cents) is no whole number of USD"),
        ({"amount": "0.001", "unit": "EUR"}, "AMOUNT: 0.001 of EUR is no whole number of EUR"),
        ({"unit": "GBP"}, "--unit: the core has no pricing unit 'GBP'; it has USD, EUR, Points"),
        ({"product": "Nothing"}, "--product: the core has no product 'Nothing'"),
        ({"product": "Tokens"}, "--product: Tokens is a USAGE product"),
        ({"product": "Old"}, "--product: product 'Old' is archived"),
        ({"product": "Twin"}, "--product: 'Twin' names several products; say which id: p_a, p_b"),
        ({"applies_to": ("Nobody",)}, "--applies-to: the core has no product 'Nobody'"),
        ({"contract_id": "k9"}, "--contract: k9 is no contract of customer cc_1"),
        ({"contract_id": "k2"}, "--contract: k2 has ended"),
        ({"contract_id": "k3"}, "--contract: k3 has ended"),
        ({"priority": "high"}, "--priority: 'high' is no number"),
        ({"priority": "-1"}, "--priority: -1 must be from 0"),
        ({"name": "x" * 161}, "--name: 1 to 160 printable"),
        ({"name": "two\nlines"}, "--name: 1 to 160 printable"),
    ],
)  # fmt: skip
def test_a_wish_that_cannot_be_meant_is_refused(
    change: dict[str, object], says: str
) -> None:
    with pytest.raises(NotGranted) as refused:
        grant_of(replace(GOOD, **change), KNOWN)  # type: ignore[arg-type]  # fields by name
    assert says in str(refused.value)
    assert "\n" not in str(refused.value)


def test_the_documents_credit_with_sound_dates_is_granted() -> None:
    grant = grant_of(GOOD, KNOWN)
    assert (grant.customer_id, grant.product_id, grant.unit_id) == (
        "cc_1",
        "p_goodwill",
        "u_usd",
    )
    assert grant.items == (GrantItem(Decimal(10000), TODAY, OCTOBER),)
    assert (grant.name, str(grant.priority)) == ("Customer Satisfaction Credit", "5")
    assert list(warnings(grant, KNOWN)) == []


@pytest.mark.parametrize("unit", ["EUR", "eur", "u_eur"])
def test_the_amount_is_in_the_units_own_scale(unit: str) -> None:
    grant = grant_of(replace(GOOD, amount="99.95", unit=unit), KNOWN)
    assert (grant.unit_id, grant.items[0].amount) == ("u_eur", Decimal("99.95"))
    points = grant_of(replace(GOOD, amount="0.125", unit="Points"), KNOWN)
    assert points.items[0].amount == Decimal("0.125")


def test_a_recurring_credit_is_a_window_for_each_month_from_the_same_day() -> None:
    start = datetime(2026, 10, 31, tzinfo=UTC)
    grant = grant_of(replace(GOOD, start=start, end=None, monthly=4), KNOWN)
    assert [
        (one.start.isoformat()[:10], one.end.isoformat()[:10]) for one in grant.items
    ] == [
        ("2026-10-31", "2026-11-30"),
        ("2026-11-30", "2026-12-31"),
        ("2026-12-31", "2027-01-31"),
        ("2027-01-31", "2027-02-28"),
    ]


def test_the_same_words_give_the_same_key_also_tomorrow() -> None:
    one = grant_of(GOOD, KNOWN)
    tomorrow = replace(KNOWN, now=NOW + timedelta(days=1))
    assert grant_of(GOOD, tomorrow).key == one.key
    assert grant_of(GOOD, tomorrow).items != one.items
    other = replace(GOOD, name="A second one")
    assert grant_of(other, KNOWN).key != one.key
    assert grant_of(replace(GOOD, key="mine"), KNOWN).key == "mine"


def held(**more: object) -> CoreCredit:
    made = CoreCredit(
        "cr_1", "cc_1", "Customer Satisfaction Credit", "p_goodwill", "USD (cents)",
        Decimal(5), (CreditSegment("s1", Decimal(10000), TODAY, OCTOBER),), unit_id="u_usd",
    )  # fmt: skip
    return replace(made, **more)  # type: ignore[arg-type]  # fields by name


def test_what_was_granted_is_not_granted_again() -> None:
    key = grant_of(GOOD, KNOWN).key
    twin = replace(KNOWN, held=(held(uniqueness_key=key),))
    with pytest.raises(
        NotGranted, match=r"granted already: cr_1 .* give it a --key of its own"
    ):
        grant_of(GOOD, twin)
    assert grant_of(replace(GOOD, key="another"), twin).key == "another"
    # A contract's credit carries no key: its terms tell it.
    of_contract = replace(GOOD, contract_id="k1")
    known = replace(KNOWN, held=(held(contract_id="k1"),))
    with pytest.raises(NotGranted, match=r"granted already: cr_1 .* another --name"):
        grant_of(of_contract, known)
    assert grant_of(replace(of_contract, name="Another"), known).name == "Another"
    assert grant_of(of_contract, replace(KNOWN, held=(held(),))).contract_id == "k1"


def test_what_is_allowed_and_may_not_be_meant_is_said() -> None:
    late = grant_of(replace(GOOD, contract_id="k1", start=SEPTEMBER, end=NOVEMBER), KNOWN)
    assert [one.partition(",")[0] for one in warnings(late, KNOWN)] == [
        "contract k1 ends 2026-10-01T00:00:00Z",
        "it starts in the past (2026-09-01T00:00:00Z): a draft of that time burns it at once",
    ]
    alone = replace(KNOWN, contracts=())
    assert "no contract" in next(warnings(grant_of(GOOD, alone), alone))
    with pytest.raises(NotGranted, match="CUSTOMER: cc_1 is archived"):
        grant_of(GOOD, replace(KNOWN, customer=CoreCustomer("cc_1", "Acme", archived=True)))


@given(
    start=st.datetimes(datetime(2020, 1, 1), datetime(2040, 1, 1)),  # noqa: DTZ001 - made aware below
    months=st.integers(1, 120),
)
def test_windows_follow_on_one_another_and_none_is_inverted(
    start: datetime, months: int
) -> None:
    begin = start.replace(minute=0, second=0, microsecond=0, tzinfo=UTC)
    wish = replace(GOOD, start=begin, end=None, monthly=months)
    items = grant_of(wish, replace(KNOWN, now=begin)).items
    assert len(items) == months
    assert all(one.start < one.end for one in items)
    assert all(one.end == two.start for one, two in pairwise(items))
