"""A report as JSON: keys sorted, amounts as text with minor units, row after row."""

import json
from collections.abc import Iterator
from dataclasses import asdict
from decimal import Decimal
from typing import Any, BinaryIO

from state.clock import iso
from sync.report.cells import decimal_text, places, plain
from sync.report.document import Cell, Chart, Column, Document, Facts, Kind, Table

VERSION = 1  # of the shape; its schemas are in schemas/


def write(document: Document, out: BinaryIO) -> None:
    """Write the report. A long table is written as it is read."""
    out.writelines(piece.encode("utf-8", "replace") for piece in _pieces(document))


def _pieces(document: Document) -> Iterator[str]:
    """The object, its keys in order."""
    yield "{\n"
    facts = {
        block.key: dict(block.pairs)
        for section in document.sections
        for block in section.blocks
        if isinstance(block, Facts)
    }
    charts = {
        block.key: {"title": block.title, "words": block.words, "currency": block.currency}
        for section in document.sections
        for block in section.blocks
        if isinstance(block, Chart)
    }
    head = {**asdict(document.head), "as_of": iso(document.head.as_of)}
    plain = {
        "charts": charts,
        "facts": facts,
        "failed_checks": document.failed,
        "head": head,
    }
    for key in sorted(plain):
        yield f"{dumped(key)}: {dumped(plain[key])},\n"
    yield f'"outcome": {dumped(document.outcome)},\n"report": {dumped(document.name)},\n'
    yield '"tables": {'
    tables = sorted(document.tables(), key=lambda one: one.key)
    for number, one in enumerate(tables):
        yield "\n" if number == 0 else ",\n"
        yield from _table(one)
    yield f'\n}},\n"version": {VERSION}\n}}\n'


def _table(one: Table[Any]) -> Iterator[str]:
    yield f'{dumped(one.key)}: {{"count": {one.count}, "rows": ['
    for number, row in one.numbered_rows():
        yield "\n" if number == 1 else ",\n"
        yield dumped(row_body(one, number, row))
    totals: dict[str, Any] = {}
    for (group, currency), sums in one.totals.items():
        under = totals.setdefault(group, {}) if one.group else totals
        under[currency] = {key: _amount(minor, currency) for key, minor in sums.items()}
    yield f'], "title": {dumped(one.title)}, "totals": {dumped(totals)}}}'


def row_body(one: Table[Any], number: int, row: Any) -> dict[str, Any]:
    """A row as an object."""
    currency = one.currency_of(row)
    body = {c.key: _value(c, c.of(row), currency) for c in one.columns}
    return {**body, "line": number} if one.numbered else body


def _value(column: Column[Any], cell: Cell, currency: str) -> Any:
    if cell is None:
        return None
    if column.kind is Kind.MONEY and isinstance(cell, int):
        return _amount(cell, currency)
    if column.kind is Kind.WHOLE:
        return cell
    if column.kind is Kind.NUMBER and isinstance(cell, Decimal):
        return plain(cell)
    return str(cell)


def _amount(minor: int, currency: str) -> dict[str, Any]:
    return {
        "amount": decimal_text(minor, currency),
        "currency": currency,
        "exponent": places(currency),
        "minor": minor,
    }


def dumped(value: Any) -> str:
    """A value on one line, its keys sorted."""
    return json.dumps(value, sort_keys=True, ensure_ascii=False)
