"""The schemas that ship in the wheel are the reports' own, and the reports obey them."""

import json
from dataclasses import replace
from importlib import resources
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from sync import reporting
from sync.report import rollforward
from sync.report.document import Document, Table
from sync.report.material import Material
from sync.report.schema import schema_of
from tests.report.conftest import rendered

Rows = tuple[Table[Any], ...]
SHELF = resources.files("sync.report").joinpath("schemas")


@pytest.fixture(scope="module")
def sometimes(beside: Material) -> dict[str, Rows]:
    """Tables that stand in a report only where there is something to show."""
    apart = [replace(row, payments=row.payments - 1) for row in beside.ledger]
    made = reporting.document("reconciliation", beside)
    uneven = rollforward.build(replace(beside, ledger=tuple(apart)))
    return {
        "reconciliation": (made.table("agreement"), made.table("pairs")),
        "rollforward": (uneven.table("reconciling"),),
    }


@pytest.mark.parametrize("name", reporting.NAMES)
def test_the_shipped_schema_is_the_report_s_own(
    documents: dict[str, Document],
    sometimes: dict[str, Rows],
    name: str,
    request: pytest.FixtureRequest,
) -> None:
    schema = schema_of(documents[name], sometimes.get(name, ()))
    path = SHELF.joinpath(f"{name}.json")
    if request.config.getoption("--update-golden"):
        text = json.dumps(schema, indent=1, sort_keys=True) + "\n"
        Path(str(path)).write_text(text, encoding="utf-8")
    assert json.loads(path.read_text(encoding="utf-8")) == schema
    jsonschema.Draft202012Validator.check_schema(schema)


@pytest.mark.parametrize("name", reporting.NAMES)
def test_a_report_obeys_its_schema(documents: dict[str, Document], name: str) -> None:
    schema = json.loads(SHELF.joinpath(f"{name}.json").read_text(encoding="utf-8"))
    body = json.loads(rendered(documents[name], "json"))
    jsonschema.validate(body, schema)
    body["tables"]["more"] = {}
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(body, schema)


def test_a_report_of_two_registers_obeys_it_too(beside: Material) -> None:
    for name in ("reconciliation", "rollforward"):
        schema = json.loads(SHELF.joinpath(f"{name}.json").read_text(encoding="utf-8"))
        jsonschema.validate(
            json.loads(rendered(reporting.document(name, beside), "json")), schema
        )


def test_keys_are_sorted_so_that_the_text_is_stable(documents: dict[str, Document]) -> None:
    for document in documents.values():
        text = rendered(document, "json").decode()
        body = json.loads(text)
        again = json.dumps(body, sort_keys=True, ensure_ascii=False)
        assert json.dumps(json.loads(text), ensure_ascii=False) == again
