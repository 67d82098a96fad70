"""The cap counts what a pass would send, and nothing else: it must not halt for ever."""

from dataclasses import replace

import pytest

from connectors.failures import NotNow, Refused
from state.pushes import PushState
from sync.decide import Policy
from tests.sync.stand import Stand


def unmapped(stand: Stand, name: str, count: int, **what: object) -> None:
    """A customer that Stripe does not know, with so many invoices."""
    mapped = stand.core.people["cc_1"]
    nobody = replace(mapped, id=name, stripe_customer_field=None, **what)  # type: ignore[arg-type]  # a table of field values
    stand.core.people[name] = nobody
    for number in range(count):
        stand.core.bill(f"{name}-{number}", 1000)
        billed = stand.core.books[f"{name}-{number}"]
        stand.core.books[billed.id] = replace(billed, customer_id=name)


def test_what_nobody_has_mapped_halts_nothing(stand: Stand) -> None:
    stand.parts.policy = Policy(push_cap_count=2)
    unmapped(stand, "cc_2", 3)
    stand.core.bill("ci_1", 1000)
    first, second = stand.passes(1), stand.passes(1)
    assert (first.halted, first.pushed) == ("", 1)
    assert second.halted == ""
    assert stand.push("cc_2-0").reason == "MISSING_MAPPING"


def test_what_is_mapped_by_now_counts(stand: Stand) -> None:
    stand.parts.policy = Policy(push_cap_count=2)
    unmapped(stand, "cc_2", 3)
    stand.passes(1)
    made = {"name": "Beta", "metadata": {"core_customer_id": "cc_2"}}
    stand.person.customers.create(made)
    before = len(stand.requests())
    assert "3 invoices are waiting" in stand.passes(1).halted
    assert len(stand.requests()) == before


@pytest.mark.parametrize(
    ("create", "email", "halted"),
    [(True, "ap@beta.test", True), (True, None, False), (False, "ap@beta.test", False)],
)
def test_what_a_customer_can_be_made_for_counts(
    stand: Stand, create: bool, email: str | None, halted: bool
) -> None:
    stand.parts.policy = Policy(push_cap_count=2, create_customers=create)
    unmapped(stand, "cc_2", 3, email=email)
    assert bool(stand.passes(1).halted) is halted
    assert stand.requests() == []


@pytest.mark.parametrize(
    ("failure", "halted"), [(Refused("two carry its name"), False), (NotNow("429"), True)]
)
def test_where_nobody_can_say_it_counts(
    stand: Stand, failure: Exception, halted: bool
) -> None:
    stand.parts.policy = Policy(push_cap_count=2)
    unmapped(stand, "cc_2", 3)

    def fails(core_customer_id: str) -> str | None:
        assert core_customer_id == "cc_2"
        raise failure

    stand.parts.stripe.find_customer = fails  # type: ignore[method-assign]  # Stripe's answer
    assert bool(stand.passes(1).halted) is halted


def test_what_the_core_has_voided_since_does_not_count(stand: Stand) -> None:
    """A person saw the runaway and voided it in the core: the next pass goes on."""
    stand.parts.policy = Policy(push_cap_count=2)
    for number in range(3):
        stand.core.bill(f"ci_{number}", 1000)
    assert stand.passes(1).halted
    for number in range(3):
        stand.core.void(f"ci_{number}")
    assert stand.passes(1).halted == ""
    assert {stand.push(f"ci_{n}").state for n in range(3)} == {PushState.CANCELLED}
    assert stand.requests() == []
