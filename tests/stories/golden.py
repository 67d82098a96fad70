"""Golden reports: what a story leaves behind, ids and the wall's times left out.

`TIEOUT_GOLDEN=write pytest tests/stories` writes them anew; then look at what moved.
"""

import os
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from tests.stories.company import Company

FOLDER = Path(__file__).parent / "golden"
_ID = re.compile(
    r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}|\b(?:in|cus|cn)_\w+"
)
_NUMBER = re.compile(r"\b[0-9A-F]{8}-\d{4}\b")
DETAIL = "kind leg core_status status currency core_amount gross memos net_variance explained closed unexplained"
WORKLIST = "state priority cause system currency exposure action why"
CREDITS = (
    "name level currency opening granted edited burned returned expired closing findings"
)


def check(company: Company, name: str) -> None:
    """Compare what the story came to with its golden report."""
    company.told("reconcile")
    told = "\n".join(
        [
            *_table(company, "reconciliation", "detail", DETAIL),
            *_table(company, "worklist", "flags", WORKLIST, "--all"),
            *_table(company, "credits", "register", CREDITS),
        ]
    )
    told = _named(told) + "\n"
    path = FOLDER / f"{name}.txt"
    if os.environ.get("TIEOUT_GOLDEN") == "write":
        FOLDER.mkdir(exist_ok=True)
        path.write_text(told)
    assert told == path.read_text()


def _table(
    company: Company, report: str, table: str, columns: str, *more: str
) -> Iterable[str]:
    body = company.told("report", report, "--format", "json", *more, json_option=False)
    rows: list[dict[str, Any]] = body["tables"][table]["rows"]
    yield f"{report}: {len(rows)} row{'' if len(rows) == 1 else 's'}"
    yield ""
    # Ids are made by chance, and so is an order that rests on them.
    yield from sorted(
        (_row(row, columns) for row in rows), key=lambda one: _ID.sub("", one)
    )


def _row(row: dict[str, Any], columns: str) -> str:
    told = ""
    for column in columns.split():
        value = row[column]
        if isinstance(value, dict):
            value = value["amount"]
        if value not in {"", None, "0.00"}:
            told += f"  {column:16} {value}\n"
    return told


def _named(text: str) -> str:
    """Each id by the order in which it is told."""
    names: dict[str, str] = {}
    text = _ID.sub(lambda one: names.setdefault(one[0], f"<id {len(names) + 1}>"), text)
    return _NUMBER.sub(
        lambda one: names.setdefault(one[0], f"<number {len(names) + 1}>"), text
    )
