"""Whatever an ERP's answer holds, a reading ends in our words, and half of it is no fact."""

import random
from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any

import pytest
import responses

from connectors import wire, wirejson
from connectors.erp.reading import by_rising_id, gone, understood
from connectors.failures import ConnectorFailure, Incomplete, NotNow
from connectors.ports import Register
from state.receivables import DocumentStatus
from tests.connectors.erp.fake_odoo import FakeOdoo
from tests.connectors.erp.fake_tryton import FakeTryton
from tests.contracts.test_odoo_register import OdooReplay
from tests.contracts.test_tryton_register import TrytonReplay
from tests.contracts.vendors.business_central import BusinessCentralDesk
from tests.contracts.vendors.desk import replayed
from tests.contracts.vendors.intacct import IntacctDesk
from tests.contracts.vendors.netsuite import NetSuiteDesk
from tests.contracts.vendors.quickbooks import QuickBooksDesk
from tests.contracts.vendors.xero import XeroDesk

ODD: tuple[Any, ...] = (
    None,
    7,
    "x",
    [],
    {},
    [1],
    {"a": 1},
    True,
    "2026-13-45",
    "NaN",
    [[]],
)
TRIES = 25
NOW = datetime(2026, 11, 24, tzinfo=UTC)
CLOUDS = (NetSuiteDesk, QuickBooksDesk, XeroDesk, IntacctDesk, BusinessCentralDesk)


def odoo() -> Iterator[Any]:
    with responses.RequestsMock(assert_all_requests_are_fired=False) as mock:
        yield OdooReplay(FakeOdoo(mock))


def tryton() -> Iterator[Any]:
    with responses.RequestsMock(assert_all_requests_are_fired=False) as mock:
        yield TrytonReplay(FakeTryton(mock))


DESKS: dict[str, Callable[[], Iterator[Any]]] = {
    **{kind.__name__: lambda kind=kind: replayed(kind) for kind in CLOUDS},  # type: ignore[misc]  # bound here
    "odoo": odoo,
    "tryton": tryton,
}


def places(body: Any) -> Iterator[tuple[Any, Any]]:
    """Every place of an answer: the list or object, and the index or name in it."""
    if isinstance(body, dict | list):
        for key in list(body) if isinstance(body, dict) else range(len(body)):
            yield body, key
            yield from places(body[key])


class Harm:
    """Puts something odd into one answer, a different place and thing each time."""

    def __init__(self, seed: int) -> None:
        self.dice = random.Random(seed)
        self.left = self.dice.randrange(5)  # so many answers stay whole

    def __call__(self, answer: Any) -> Any:
        body = self.parsed(answer)
        if self.left == 0 and (found := list(places(body))):
            here, key = self.dice.choice(found)
            here[key] = self.dice.choice(ODD)
        self.left -= 1
        return body

    parsed = staticmethod(wirejson.parsed)


@pytest.mark.parametrize("system", DESKS)
def test_an_odd_answer_is_told_as_one(system: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for desk in DESKS[system]():
        desk.credit(desk.invoice("core-1", 10_000), 2_000)
        began = desk.register.changes(None, NOW).cursor
        for seed in range(TRIES):
            monkeypatch.setattr(wire, "parsed", Harm(seed))
            read(desk.register, began)
        # An odd id that was believed may have been asked for.
        getattr(desk, "violations", []).clear()


def read(register: Register, began: str) -> None:
    """Everything that is read of a register; only our own failures may come."""
    for reading in (
        lambda: list(register.sweep()),
        lambda: register.changes(began, NOW),
        register.identify,
        register.locks,
    ):
        with suppress(ConnectorFailure):
            reading()


class Odd:
    """A register whose readings fail as they are told to."""

    target = "books"

    @understood
    def identify(self, failure: Exception) -> None:
        raise failure

    @understood
    def sweep(self, failure: Exception) -> Iterator[int]:
        yield 1
        raise failure


@pytest.mark.parametrize(
    ("failure", "told"),
    [
        (KeyError("id"), Incomplete),
        (TypeError("'int' object is not iterable"), Incomplete),
        (ValueError("no date"), Incomplete),
        (ZeroDivisionError("x"), Incomplete),
        (NotNow("later"), NotNow),
        (AssertionError("ours"), AssertionError),
    ],
)
def test_only_what_the_shape_of_an_answer_can_bring_about_is_the_answers_fault(
    failure: Exception, told: type[Exception]
) -> None:
    with pytest.raises(told) as plain:
        Odd().identify(failure)
    pages = Odd().sweep(failure)
    assert next(pages) == 1
    with pytest.raises(told):
        next(pages)
    if told is Incomplete:
        assert str(plain.value).startswith("books: an answer is not of the shape")


@pytest.mark.parametrize("count", [0, 1, 4, 5, 9])
def test_rows_are_read_by_rising_id_and_none_twice(count: int) -> None:
    asked: list[int] = []

    def ask(after: int) -> list[int]:
        asked.append(after)
        return [one for one in range(1, count + 1) if one > after][:2]

    pages = list(by_rising_id(ask, int, size=2, system="X"))
    assert [one for page in pages for one in page] == list(range(1, count + 1))
    assert len(asked) == count // 2 + 1


def test_a_list_that_stands_still_does_not_go_on_for_ever() -> None:
    with pytest.raises(Incomplete, match="X: a list does not come to an end"):
        list(by_rising_id(lambda _: [3, 3], int, size=2, system="X"))


def test_what_is_gone_asks_for_no_money() -> None:
    one = gone("books", "7", "odoo")
    assert (one.status, one.open_minor, one.system) == (DocumentStatus.DELETED, 0, "odoo")
