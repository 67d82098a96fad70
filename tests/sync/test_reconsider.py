"""What waits is decided again after a change that touches no invoice, and only then."""

from collections.abc import Collection, Iterator
from dataclasses import replace

import pytest

from connectors.sandbox.service import Handle
from state.invoices import CoreCustomer
from state.observations import Changes
from state.pushes import PushState
from sync.decide import Delivery
from sync.parts import Parts
from sync.push import due, reconsider
from tests.world import MemoryCore, parts_on


class Counting(Parts):
    """The parts, with what was decided again written down."""

    again: list[list[str]]

    def decide_again(self, core_ids: Collection[str]) -> None:
        self.again.append(sorted(core_ids))
        super().decide_again(core_ids)


@pytest.fixture
def parts(sandbox: Handle, core: MemoryCore) -> Iterator[Counting]:
    made = parts_on(sandbox, core)
    counting = Counting(**{name: getattr(made, name) for name in Parts.__slots__})
    counting.again = []
    core.people["cc_2"] = CoreCustomer("cc_2", "Birch", stripe_customer_field="cus_2")
    for number, owner in ((1, "cc_1"), (2, "cc_2"), (3, "cc_1")):
        core.bill(f"ci_{number}", 1000)
        core.books[f"ci_{number}"] = replace(core.books[f"ci_{number}"], customer_id=owner)
    counting.decide_and_record(
        Changes(customers=tuple(core.people.values()), invoices=tuple(core.books.values()))
    )
    yield counting
    made.store.close()  # type: ignore[attr-defined]  # the port has no close


def again(parts: Counting) -> list[list[str]]:
    """What one more look decides again."""
    parts.again.clear()
    reconsider(parts)
    return list(parts.again)


def test_what_waits_is_read_once_and_then_where_something_moved(
    parts: Counting, core: MemoryCore
) -> None:
    assert again(parts) == [["ci_1", "ci_2", "ci_3"]]
    assert again(parts) == []
    moved = replace(core.people["cc_2"], stripe_customer_field="cus_new")
    parts.record(Changes(customers=(core.people["cc_1"], moved)))
    assert again(parts) == [["ci_2"]], "cc_1 was read again, and is as it was"
    assert again(parts) == []
    record = parts.store.push("ci_2")
    assert record is not None
    assert record.customer_id == "cus_new"


def test_other_settings_and_another_release_read_all_of_it(parts: Counting) -> None:
    again(parts)
    parts.policy = replace(parts.policy, delivery=Delivery.OBSERVE)
    assert again(parts) == [["ci_1", "ci_2", "ci_3"]]
    assert {one.reason for one in parts.store.pushes({PushState.SKIPPED})} == {"OBSERVED"}
    assert again(parts) == []
    parts.version = "another"
    assert again(parts) == [], "nothing waits any more"


def test_only_what_lacks_a_customer_is_read_of_what_was_left_out(parts: Counting) -> None:
    parts.policy = replace(parts.policy, delivery=Delivery.OBSERVE)
    again(parts)
    assert due(parts) == []
    record = parts.store.push("ci_3")
    assert record is not None
    parts.record(Changes(pushes=(replace(record, reason="MISSING_MAPPING"),)))
    assert [one.core_invoice_id for one in due(parts)] == ["ci_3"]
    assert parts.store.pushes_because("OBSERVED")[0].core_invoice_id == "ci_1"
