"""The audit log as Metronome serves it: every page carries a cursor, also an empty one."""

from typing import Any

from connectors.localcore.checks import ID, PAGE, instant, one_of, record, text
from connectors.localcore.errors import BadRequest
from connectors.localcore.moments import micros, moment
from connectors.localcore.paging import PAGE_SIZE, cursor_for, mark_of, scope_of
from connectors.localcore.web import Call, Route

ACTORS = {"api": "API token", "clock": "the core's clock", "core": "the core"}


def _list(call: Call) -> dict[str, Any]:
    query = call.query
    if ("resource_id" in query) != ("resource_type" in query):
        raise BadRequest("resource_id and resource_type go together: send both or neither")
    bounds = {"starting_on", "ending_before"} & query.keys()
    if bounds and "next_page" in query:
        raise BadRequest(f"{min(bounds)} cannot be used with next_page")
    newest_first = query.get("sort") == "date_desc"
    scope = scope_of(
        "auditLogs",
        {
            "sort": query.get("sort", "date_asc"),
            "resource": [query.get("resource_type"), query.get("resource_id")],
        },
    )
    mark = mark_of(scope, query.get("next_page")) or {}
    if not isinstance(mark, dict):
        raise BadRequest("next_page is not a cursor of this list")
    since, until = mark.get("since"), mark.get("until")
    if "starting_on" in query:
        since = micros(query["starting_on"])
    if "ending_before" in query:
        until = micros(query["ending_before"])
    after = mark.get("after")
    clauses: list[str] = ["1 = 1"]
    values: list[Any] = []
    for clause, value in (
        ("at >= ?", since),
        ("at < ?", until),
        ("seq < ?" if newest_first else "seq > ?", after),
        ("resource_type = ?", query.get("resource_type")),
        ("resource_id = ?", query.get("resource_id")),
    ):
        if value is not None:
            clauses.append(clause)
            values.append(value)
    rows = call.tx.execute(
        "SELECT seq, id, at, request_id, actor, action, resource_type, resource_id,"  # noqa: S608 -- fixed clauses
        f" description FROM audit WHERE {' AND '.join(clauses)}"
        f" ORDER BY seq {'DESC' if newest_first else 'ASC'} LIMIT ?",
        (*values, query.get("limit", PAGE_SIZE)),
    ).fetchall()
    last = rows[-1][0] if rows else after
    position = {"after": last, "since": since, "until": until}
    return {"data": [_row(row) for row in rows], "next_page": cursor_for(scope, position)}


def _row(row: tuple[Any, ...]) -> dict[str, Any]:
    _, identity, at, request_id, actor, action, resource_type, resource_id, text_ = row
    return {
        "id": identity,
        "timestamp": moment(at),
        "request": {"id": request_id},
        "actor": {"id": actor, "name": ACTORS.get(actor, actor)},
        "action": action,
        "resource_type": resource_type,
        "resource_id": resource_id,
        "status": "success",
        "description": text_,
    }


routes: list[Route] = [
    Route(
        "GET",
        "/v1/auditLogs",
        _list,
        query=record(
            optional={
                **PAGE,
                "starting_on": instant,
                "ending_before": instant,
                "resource_type": text(),
                "resource_id": ID,
                "sort": one_of("date_asc", "date_desc"),
            }
        ),
    ),
]
