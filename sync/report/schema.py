"""The JSON Schema of a report, from the columns that the report is made of."""

from collections.abc import Iterable
from typing import Any

from sync.report.document import Column, Document, Kind, Table
from sync.report.to_json import VERSION

DRAFT = "https://json-schema.org/draft/2020-12/schema"
_CHAIN = "chain_"  # tables of which a report has as many as it has chains

_AMOUNT = {
    "type": "object",
    "additionalProperties": False,
    "required": ["amount", "currency", "exponent", "minor"],
    "properties": {
        "amount": {"type": "string", "pattern": r"^-?[0-9]+(\.[0-9]+)?$"},
        "currency": {"type": "string", "pattern": "^([A-Z]{3})?$"},
        "exponent": {"type": "integer", "minimum": 0, "maximum": 4},
        "minor": {"type": "integer"},
    },
}
_TEXTS = {"type": "object", "additionalProperties": {"type": "string"}}
_HEAD = [
    "as_of",
    "audit",
    "currencies",
    "digest",
    "entity",
    "period",
    "restated_from",
    "run_id",
    "title",
    "version",
]


def schema_of(document: Document, also: Iterable[Table[Any]] = ()) -> dict[str, Any]:
    """What every JSON file of this report is like; `also` may stand in it, and need not."""
    extra = {one.key: _table(one) for one in also}
    fixed: dict[str, Any] = {}
    many: dict[str, Any] = {}
    for table in document.tables():
        if table.key.startswith(_CHAIN):
            kind = table.key.rpartition("_")[2]
            many[f"^{_CHAIN}[0-9]+_{kind}$"] = _table(table)
        else:
            fixed[table.key] = _table(table)
    keys = [
        "charts",
        "facts",
        "failed_checks",
        "head",
        "outcome",
        "report",
        "tables",
        "version",
    ]
    return {
        "$schema": DRAFT,
        "title": f"tieout report {document.name}",
        "type": "object",
        "additionalProperties": False,
        "required": keys,
        "$defs": {"amount": _AMOUNT},
        "properties": {
            "charts": {
                "type": "object",
                "additionalProperties": {
                    "type": "object",
                    "required": ["currency", "title", "words"],
                },
            },
            "facts": {"type": "object", "additionalProperties": _TEXTS},
            "failed_checks": {"type": "integer", "minimum": 0},
            "head": {
                "type": "object",
                "additionalProperties": False,
                "required": _HEAD,
                "properties": {name: {"type": "string"} for name in _HEAD},
            },
            "outcome": {"enum": ["", "CLEAR", "WITHIN_THRESHOLD", "OPEN_ITEMS"]},
            "report": {"const": document.name},
            "tables": {
                "type": "object",
                "additionalProperties": False,
                "required": sorted(fixed.keys() - extra.keys()),
                "properties": {**fixed, **extra},
                "patternProperties": many,
            },
            "version": {"const": VERSION},
        },
    }


def _table(table: Table[Any]) -> dict[str, Any]:
    columns = {column.key: _cell(column) for column in table.columns}
    required = [column.key for column in table.columns]
    if table.numbered:
        columns["line"] = {"type": "integer", "minimum": 1}
        required.append("line")
    summed = [column.key for column in table.columns if column.total]
    return {
        "type": "object",
        "additionalProperties": False,
        "required": ["count", "rows", "title", "totals"],
        "properties": {
            "count": {"type": "integer", "minimum": 0},
            "title": {"type": "string"},
            "rows": {
                "type": "array",
                "items": {
                    "type": "object",
                    "additionalProperties": False,
                    "required": sorted(required),
                    "properties": columns,
                },
            },
            "totals": _totals(summed, grouped=bool(table.group)),
        },
    }


def _totals(summed: list[str], *, grouped: bool) -> dict[str, Any]:
    """By currency; in a table with groups by group, and in each by currency."""
    sums: dict[str, Any] = {
        "type": "object",
        "additionalProperties": {
            "type": "object",
            "additionalProperties": False,
            "properties": {key: {"$ref": "#/$defs/amount"} for key in summed},
        },
    }
    return {"type": "object", "additionalProperties": sums} if grouped else sums


def _cell(column: Column[Any]) -> dict[str, Any]:
    title: dict[str, Any] = {"title": column.title}
    if column.kind is Kind.MONEY:
        return {**title, "anyOf": [{"$ref": "#/$defs/amount"}, {"type": "null"}]}
    if column.kind is Kind.WHOLE:
        return {**title, "type": ["integer", "null"]}
    if column.kind is Kind.DAY:
        return {**title, "type": "string", "pattern": "^([0-9]{4}-[0-9]{2}-[0-9]{2})?$"}
    if column.kind is Kind.PERCENT:
        return {**title, "type": ["string", "null"], "pattern": r"^-?[0-9]+(\.[0-9]+)?$"}
    return {**title, "type": "string"}
