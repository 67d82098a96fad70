"""The schemas that ship in the wheel are the reports' own, and the reports obey them."""

import json
from importlib import resources
from pathlib import Path

import jsonschema
import pytest

from sync import reporting
from sync.report.document import Document
from sync.report.schema import schema_of
from tests.report.conftest import rendered

SHELF = resources.files("sync.report").joinpath("schemas")


@pytest.mark.parametrize("name", reporting.NAMES)
def test_the_shipped_schema_is_the_report_s_own(
    documents: dict[str, Document], name: str, request: pytest.FixtureRequest
) -> None:
    schema = schema_of(documents[name])
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


def test_keys_are_sorted_so_that_the_text_is_stable(documents: dict[str, Document]) -> None:
    for document in documents.values():
        text = rendered(document, "json").decode()
        body = json.loads(text)
        again = json.dumps(body, sort_keys=True, ensure_ascii=False)
        assert json.dumps(json.loads(text), ensure_ascii=False) == again
