"""What commands print of a run and of the worklist as JSON; programs rely on its names."""

from collections.abc import Iterable
from typing import Any

from state.clock import iso
from state.worklist import Flag
from sync.books import Run


def summary(run: Run) -> dict[str, Any]:
    """The head of a run: what `tieout reconcile --json` prints, and more beside it."""
    kinds: dict[str, dict[str, Any]] = {}
    for row in run.rows:
        kind = kinds.setdefault(
            row.kind, {"count": 0, "unexplained_minor": {}, "timing_minor": {}}
        )
        kind["count"] += 1
        amounts = {"unexplained_minor": row.unexplained, "timing_minor": row.timing}
        for name, minor in amounts.items():
            if minor:
                kind[name][row.currency] = kind[name].get(row.currency, 0) + minor
    return {
        "run_id": run.run_id,
        "entity": run.entity,
        "outcome": run.outcome,
        "remark": run.remark,
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
