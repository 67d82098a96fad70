"""The nine check lines: each holds on sound books, and fails when what it guards is touched."""

import csv
import io
import json

import pytest

from sync.report import reconciliation, to_csv
from sync.report.checklines import CheckLine
from sync.report.material import Material
from tests.report.conftest import rendered
from tests.report.corrupted import CORRUPTIONS, checks_of, failing, only


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
    assert failing(document.table("checks").rows()) == one.failed
    assert document.failed == len(one.failed)


@pytest.mark.parametrize("number", range(1, 10))
def test_a_failed_line_is_marked_in_every_format(
    sound: dict[bool, Material], number: int
) -> None:
    one = only(number)
    document = reconciliation.build(one.touch(sound[one.two_registers]))
    body = json.loads(rendered(document, "json"))
    assert body["failed_checks"] == len(one.failed)
    lines = body["tables"]["checks"]["rows"]
    assert one.failed == {
        (row["number"], row["leg"], row["currency"])
        for row in lines
        if row["result"] != "OK"
    }
    out = io.BytesIO()
    to_csv.write(document, out, table="checks")
    rows = csv.DictReader(io.StringIO(out.getvalue().decode("utf-8-sig")))
    shown = {
        (int(row["No."]), row["Leg"], row["Ccy"])
        for row in rows
        if row["Result"] == "CHECK"
    }
    assert shown == one.failed
    assert rendered(document, "html").decode().count(">CHECK<") == len(one.failed)
    assert checks_of(rendered(document, "xlsx")) == one.failed
