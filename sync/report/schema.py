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
    columns = {one.key: _cell(one) for one in table.columns if not one.varies}
    required = list(columns)
    chosen = {one.varies: _kind(one) for one in table.columns if one.varies}
    if table.numbered:
        columns["line"] = {"type": "integer", "minimum": 1}
        required.append("line")
    row: dict[str, Any] = {
        "type": "object",
        "additionalProperties": False,
        "required": sorted(required),
        "properties": columns,
    }
    if chosen:
        row["patternProperties"] = chosen
    return {
        "type": "object",
        "additionalProperties": False,
        "required": ["count", "rows", "title", "totals"],
        "properties": {
            "count": {"type": "integer", "minimum": 0},
            "title": {"type": "string"},
            "rows": {"type": "array", "items": row},
            "totals": _totals(table),
        },
    }


def _totals(table: Table[Any]) -> dict[str, Any]:
    """By currency; in a table with groups by group, and in each by currency."""
    amount = {"$ref": "#/$defs/amount"}
    summed = [one for one in table.columns if one.total]
    of_currency: dict[str, Any] = {
        "type": "object",
        "additionalProperties": False,
        "properties": {one.key: amount for one in summed if not one.varies},
    }
    if chosen := {one.varies: amount for one in summed if one.varies}:
        of_currency["patternProperties"] = chosen
    sums: dict[str, Any] = {"type": "object", "additionalProperties": of_currency}
    return {"type": "object", "additionalProperties": sums} if table.group else sums


def _cell(column: Column[Any]) -> dict[str, Any]:
    return {"title": column.title, **_kind(column)}


def _kind(column: Column[Any]) -> dict[str, Any]:
    if column.kind is Kind.MONEY:
        return {"anyOf": [{"$ref": "#/$defs/amount"}, {"type": "null"}]}
    if column.kind is Kind.WHOLE:
        return {"type": ["integer", "null"]}
    if column.kind is Kind.DAY:
        return {"type": "string", "pattern": "^([0-9]{4}-[0-9]{2}-[0-9]{2})?$"}
    if column.kind in {Kind.PERCENT, Kind.NUMBER}:
        return {"type": ["string", "null"], "pattern": r"^-?[0-9]+(\.[0-9]+)?$"}
    return {"type": "string"}
