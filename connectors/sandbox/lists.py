"""Lists and searches: newest first, cursors by id, filters as Stripe has them."""

import re
from typing import Any

from connectors.sandbox.books import Body, Tx
from connectors.sandbox.errors import Refusal, missing
from connectors.sandbox.shapes import listing

LIMIT_MAX = 100
LIMIT_DEFAULT = 10
_COMPARE = {"gte": ">=", "gt": ">", "lte": "<=", "lt": "<"}
_CLAUSE = re.compile(
    r"^\s*(?P<field>[a-z_]+)(\['(?P<key>[^']+)'\])?\s*[:~]\s*['\"](?P<value>[^'\"]*)['\"]\s*$"
)


def page(
    tx: Tx,
    kind: str,
    url: str,
    params: Body,
    *,
    where: str = "",
    values: tuple[Any, ...] = (),
    oldest_first: bool = False,
) -> Body:
    """One page of a list, `limit` 1 to 100, walked by starting_after or ending_before."""
    limit = limit_of(params)
    clauses, bound = [where], list(values)
    for name, column in (("customer", "customer"), ("status", "status")):
        if params.get(name):
            clauses.append(f" AND {column} = ?")
            bound.append(params[name])
    created = params.get("created")
    if isinstance(created, dict):
        for name, value in created.items():
            clauses.append(f" AND created {_COMPARE[name]} ?")
            bound.append(value)
    elif created is not None:
        clauses.append(" AND created = ?")
        bound.append(created)
    backwards = "ending_before" in params
    if backwards and "starting_after" in params:
        raise Refusal(
            "Send starting_after or ending_before, not both", param="ending_before"
        )
    cursor = "ending_before" if backwards else "starting_after"
    after = params.get(cursor)
    descending = oldest_first == backwards
    if after is not None:
        seq = tx.seq(kind, after)
        if seq is None:
            raise missing(kind, after, in_path=False, param=cursor)
        clauses.append(f" AND seq {'<' if descending else '>'} ?")
        bound.append(seq)
    order = "DESC" if descending else "ASC"
    rows = tx.select(kind, "".join(clauses), bound, order=order, limit=limit + 1)
    more = len(rows) > limit
    rows = rows[:limit]
    if backwards:
        rows.reverse()
    return listing(url, rows, more=more)


def search(tx: Tx, kind: str, url: str, params: Body) -> Body:
    """Search by metadata or a plain field; the index lags by `search_lag` seconds."""
    limit = limit_of(params)
    tests = [_clause(part) for part in re.split(r"\s+AND\s+", str(params["query"]))]
    visible = tx.now() - tx.setting("search_lag")
    rows = tx.select(kind, " AND created <= ?", [visible], order="DESC", limit=100_000)
    found = [row for row in rows if all(_matches(row, *test) for test in tests)]
    return {
        "object": "search_result",
        "url": url,
        "has_more": len(found) > limit,
        "next_page": None,
        "data": found[:limit],
    }


def limit_of(params: Body) -> int:
    """The page size asked for. Raises outside 1 to 100."""
    limit = int(params.get("limit", LIMIT_DEFAULT))
    if not 1 <= limit <= LIMIT_MAX:
        raise Refusal(
            f"Invalid integer: limit must be between 1 and {LIMIT_MAX}",
            code="parameter_invalid_integer",
            param="limit",
        )
    return limit


def _clause(text: str) -> tuple[str, str | None, str]:
    found = _CLAUSE.match(text)
    if found is None:
        raise Refusal(f"Your search query is malformed: {text}", param="query")
    return found["field"], found["key"], found["value"]


def _matches(row: Body, field: str, key: str | None, value: str) -> bool:
    here = row.get(field)
    if key is not None:
        here = (here or {}).get(key)
    return str(here) == value
