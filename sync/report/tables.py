"""CSV and JSON of any report, from its columns.

CSV: RFC 4180, CRLF, a byte-order mark for Excel; two columns for each amount, the decimal
text and the minor units; text that a spreadsheet would run as a formula gets a leading
apostrophe (OWASP: CSV injection).
"""

import csv
import io
import json
from collections.abc import Callable, Iterable, Sequence
from typing import Any, TypeVar

from state.clock import iso
from state.money import exponent, format_minor
from state.worklist import Flag
from sync.books import Run
from sync.report.columns import DETAIL, WORKLIST, Amount, Column

_R = TypeVar("_R")
_FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r", "\n", "\0")
BOM = "\ufeff"


def reconciliation_csv(run: Run) -> str:
    """The detail of a run: one line for each core invoice and leg."""
    return _csv(DETAIL, run.rows, lambda row: row.currency)


def worklist_csv(flags: Iterable[Flag]) -> str:
    """The worklist, one line for each flag."""
    return _csv(WORKLIST, flags, lambda flag: flag.currency)


def reconciliation_json(run: Run, digest: str) -> str:
    """A run with its rows; amounts as text with minor units, keys sorted."""
    body = {
        "report": "reconciliation",
        "version": 1,
        "sha256": digest,
        **summary(run),
        "rows_detail": _objects(DETAIL, run.rows, lambda row: row.currency),
        "chains": [
            {
                "kind": one.kind,
                "core_invoice_id": one.root,
                "exposure": _amount(one.exposure_minor, one.currency),
                "text": one.text,
            }
            for one in run.chains
        ],
        "excluded": [
            {
                "system": one.target,
                "what": one.what,
                "id": one.id,
                "amount": _amount(one.amount_minor, one.currency),
                "reason": one.reason,
            }
            for one in run.excluded
        ],
    }
    return _json(body)


def worklist_json(flags: Iterable[Flag]) -> str:
    """The worklist with every column."""
    rows = _objects(WORKLIST, flags, lambda flag: flag.currency)
    return _json({"report": "worklist", "version": 1, "flags": rows})


def summary(run: Run) -> dict[str, Any]:
    """The head of a run: what `tieout reconcile --json` prints, and more beside it."""
    kinds: dict[str, dict[str, Any]] = {}
    for row in run.rows:
        kind = kinds.setdefault(row.kind, {"count": 0, "unexplained_minor": {}})
        kind["count"] += 1
        if row.unexplained:
            minor = kind["unexplained_minor"]
            minor[row.currency] = minor.get(row.currency, 0) + row.unexplained
    return {
        "run_id": run.run_id,
        "entity": run.entity,
        "outcome": run.outcome,
        "as_of": iso(run.as_of),
        "period": run.period,
        "kinds": kinds,
        "checks": [
            {"name": one.name, "ok": one.ok, "figures": one.figures} for one in run.checks
        ],
        "rows": len(run.rows),
        "sources": [
            {
                "name": one.name,
                "read_at": iso(one.read_at),
                "pages": one.pages,
                "rows_read": one.rows_read,
                "rows_used": one.rows_used,
                "rows_excluded": one.rows_excluded,
            }
            for one in run.sources
        ],
        "audit": {"seq": run.audit_seq, "hash": run.audit_head},
    }


def worklist_rows(flags: Iterable[Flag]) -> list[dict[str, Any]]:
    """What `tieout worklist list --json` prints."""
    return [
        {
            "id": flag.id,
            "state": flag.state,
            "system": flag.target,
            "core_invoice_id": flag.core_invoice_id,
            "downstream_id": flag.downstream_id,
            "cause": flag.cause,
            "action": flag.action,
            "exposure_minor": flag.exposure_minor,
            "currency": flag.currency,
        }
        for flag in flags
    ]


def safe_cell(text: str) -> str:
    """Text that no spreadsheet takes for a formula."""
    return f"'{text}" if text.startswith(_FORMULA_STARTS) else text


def _csv(
    columns: Sequence[Column[_R]], rows: Iterable[_R], currency_of: Callable[[_R], str]
) -> str:
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\r\n")
    head: list[str] = []
    for column in columns:
        head.append(column.title)
        if isinstance(column, Amount):
            head.append(f"{column.title} (minor)")
    writer.writerow(head)
    for row in rows:
        cells: list[str] = []
        for column in columns:
            if isinstance(column, Amount):
                minor = column.of(row)
                cells.extend([_decimal(minor, currency_of(row)), str(minor)])
            else:
                cells.append(safe_cell(column.of(row)))
        writer.writerow(cells)
    return BOM + out.getvalue()


def _objects(
    columns: Sequence[Column[_R]], rows: Iterable[_R], currency_of: Callable[[_R], str]
) -> list[dict[str, Any]]:
    return [
        {
            _name(column.title): _amount(column.of(row), currency_of(row))
            if isinstance(column, Amount)
            else column.of(row)
            for column in columns
        }
        for row in rows
    ]


def _amount(minor: int, currency: str) -> dict[str, Any]:
    places = exponent(currency) if currency else 0
    return {
        "amount": _decimal(minor, currency),
        "minor": minor,
        "currency": currency,
        "exponent": places,
    }


def _decimal(minor: int, currency: str) -> str:
    return format_minor(minor, currency) if currency else str(minor)


def _name(title: str) -> str:
    kept = "".join(sign if sign.isalnum() else " " for sign in title.lower())
    return "_".join(kept.split())


def _json(body: Any) -> str:
    return json.dumps(body, indent=2, sort_keys=True, ensure_ascii=False) + "\n"
