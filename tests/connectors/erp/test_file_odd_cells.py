"""Each cell of each export, made odd in turn: a whole register comes, or one line of refusal.

Nothing is half-written: a refused file stays where it is and the archive is as it was.
"""

import csv
import io
from collections.abc import Iterator
from datetime import date, datetime, time, timedelta
from pathlib import Path
from random import Random
from typing import Any

import pytest

from connectors.erp import file_rows
from connectors.erp.file_drop import FileDrop
from connectors.erp.file_rows import Export, Reading, export_of
from connectors.erp.file_tables import BadFile, Row
from connectors.failures import Incomplete
from state.codec import decode, encode
from state.receivables import CreditMemo, DownstreamInvoice
from sync.months import dated
from sync.report.cells import Calendar
from tests.connectors.erp.test_file_exports import (
    BUSINESS_CENTRAL,
    INTACCT,
    NETSUITE,
    QUICKBOOKS,
    XERO,
)
from tests.contracts.test_file_register import Later

OURS = """\
kind,number,external_id,customer,entity,date,currency,total,balance,status,applied_to,applied_amount,memo
invoice,I-1,ci_1,Acme,US,2026-10-01,USD,110.00,110.00,open,,,usage
credit memo,C-1,,Acme,US,2026-10-02,USD,50.00,0.00,issued,I-1,50.00,goodwill
"""
EXPORTS: dict[str, tuple[str, dict[str, Any]]] = {
    "ours": (OURS, {}),
    "xero": (XERO, {}),
    "netsuite": (NETSUITE, {"dates": "mdy"}),
    "quickbooks": (QUICKBOOKS, {"dates": "dmy"}),
    "intacct": (INTACCT, {}),
    "business central": (BUSINESS_CENTRAL, {"currency": "USD"}),
}
WRITTEN = (
    "", " ", "x", "-", "()", "NaN", "-inf", "1e400", "1e5", "7.9", "0.1.2", "1,2,3", "\u0661\u0662",
    "\u00b2", "9" * 40, "-0", "=1+1", "\ufffd", "a\r\nb", "I-1", "I-1, I-2", "x" * 4_000,
    "2026-13-45", "0001-01-01", "9999-12-31", "0000-00-00", "31/12/9999", "Dec 31, 9999", "true",
    "\u202e", "USD", "EUR", "draft", "void",
)  # fmt: skip
CELLS: tuple[Any, ...] = (
    None, True, 0, -1, 10**30, 7.9, 0.1 + 0.2, 1e300, float("nan"), float("inf"), date(1, 1, 1),
    datetime(9999, 12, 31, 23, 59),  # noqa: DTZ001 - a workbook knows no zone
    time(1, 2), timedelta(days=-1), "#REF!",
)  # fmt: skip


EACH = 2  # odd things in each cell


def read(system: str, table: list[list[Any]], monkeypatch: pytest.MonkeyPatch) -> Export:
    """A table as it comes out of a workbook, whose cells have types."""
    rows = [Row(number, tuple(cells)) for number, cells in enumerate(table, 1)]
    monkeypatch.setattr(file_rows, "tables", lambda *_: iter([rows]))
    return export_of("export.xlsx", b"", Reading("books", **EXPORTS[system][1]))


def table_of(system: str) -> list[list[Any]]:
    text = EXPORTS[system][0]
    delimiter = ";" if system == "quickbooks" else ","
    return list(csv.reader(io.StringIO(text), delimiter=delimiter))


def harmed(
    system: str, odd: tuple[Any, ...] = (*WRITTEN, *CELLS)
) -> Iterator[tuple[str, list[list[Any]]]]:
    """Some odd things in every cell; over the rows of a column each has its turn."""
    sound, dice = table_of(system), Random(7)
    for number, cells in enumerate(sound):
        for column in range(len(cells)):
            for one in dice.sample(odd, EACH):
                made = [list(row) for row in sound]
                made[number][column] = one
                yield f"row {number + 1} column {column + 1}: {str(one)[:20]!r}", made


@pytest.mark.parametrize("system", EXPORTS)
def test_no_cell_ends_in_a_crash(system: str, monkeypatch: pytest.MonkeyPatch) -> None:
    assert read(system, table_of(system), monkeypatch).invoices
    refused: list[str] = []
    for where, table in harmed(system):
        try:
            export = read(system, table, monkeypatch)
        except BadFile as no:
            refused.append(str(no))
            continue
        words: list[DownstreamInvoice | CreditMemo] = [*export.invoices.values()]
        words += export.memos.values()
        for word in words:
            assert decode(type(word), encode(word)) == word, where
            on = dated(word.posted_at, "Asia/Tokyo")
            assert on is None or Calendar("America/New_York").month(on), where
    assert refused
    assert [
        one for one in refused if not one.startswith("export.xlsx: ") or "\n" in one
    ] == []


def test_a_refused_file_is_one_line_and_the_folder_is_as_it_was(tmp_path: Path) -> None:
    """Beside a sound one, which waits; what an earlier file told still stands in the archive."""
    drop = FileDrop(tmp_path, Reading("books"), clock=Later())
    (tmp_path / "a.csv").write_text(OURS)
    before = list(drop.sweep())
    archived = sorted((tmp_path / "archive").iterdir())
    refused = 0
    for number, (where, table) in enumerate(harmed("ours", WRITTEN)):
        out = io.StringIO()
        csv.writer(out).writerows(table)
        try:
            export_of("z.csv", out.getvalue().encode(), Reading("books"))
        except BadFile:
            refused += 1
        else:
            continue
        (tmp_path / "z.csv").write_bytes(out.getvalue().encode())
        (tmp_path / "b.csv").write_text(
            OURS.replace("I-1", f"I-{number + 2}").replace("C-1", "C-2")
        )
        with pytest.raises(Incomplete) as said:
            list(drop.sweep())
        assert "z.csv" in str(said.value), where
        assert "\n" not in str(said.value), where
        assert sorted((tmp_path / "archive").iterdir()) == archived, where
        assert (tmp_path / "z.csv").read_bytes() == out.getvalue().encode(), where
        (tmp_path / "z.csv").unlink()
        (tmp_path / "b.csv").unlink()
    assert refused > 10
    assert list(drop.sweep()) == before
