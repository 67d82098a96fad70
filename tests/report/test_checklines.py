"""The nine check lines: each holds on sound books, and fails when what it guards is touched."""

import pytest

from sync.report import reconciliation
from sync.report.checklines import CheckLine
from sync.report.material import Material
from tests.report.corrupted import CORRUPTIONS, failing


def lines_of(material: Material) -> tuple[CheckLine, ...]:
    return tuple(reconciliation.build(material).table("checks").rows())


@pytest.fixture
def sound(material: Material, beside: Material) -> dict[bool, Material]:
    return {False: material, True: beside}


def test_every_line_holds_on_the_story(material: Material) -> None:
    lines = lines_of(material)
    assert {line.number for line in lines} == set(range(1, 10))
    assert failing(lines) == set()
    assert reconciliation.build(material).failed == 0


def test_each_line_is_touched_somewhere() -> None:
    assert {line for one in CORRUPTIONS.values() for line, _, _ in one.failed} == set(
        range(1, 10)
    )


@pytest.mark.parametrize("name", CORRUPTIONS)
def test_a_line_fails_when_what_it_guards_is_touched_and_no_other(
    sound: dict[bool, Material], name: str
) -> None:
    one = CORRUPTIONS[name]
    document = reconciliation.build(one.touch(sound[one.two_registers]))
    assert failing(tuple(document.table("checks").rows())) == one.failed
    assert document.failed == len(one.failed)
