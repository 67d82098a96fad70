"""The four ways in which Metronome turns a page, over opaque cursors.

P1 and P2 carry `limit` and `next_page` in the URL, P3 carries them in the body, P4 carries
`cursor` in the body; P1 to P3 answer `next_page`, P4 answers `cursor`; null ends the list.
"""

import base64
import binascii
from collections.abc import Callable, Iterable, Mapping, Sequence
from hashlib import sha256
from operator import attrgetter
from typing import Any, TypeVar

from connectors.localcore import exact
from connectors.localcore.errors import BadRequest

T = TypeVar("T")

PAGE_SIZE = 100
BALANCES_PAGE_SIZE = 25
CONTRACTS_PAGE_SIZE = 20


def cursor_for(scope: str, mark: Any) -> str:
    """An opaque cursor that goes on after `mark` and is good only for `scope`."""
    raw = exact.dumps([_stamp(scope), mark]).encode()
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def mark_of(scope: str, cursor: str | None, *, field: str = "next_page") -> Any:
    """What `cursor_for` was given, or None for the first page.

    Raises:
        BadRequest: the cursor is not ours, or comes from another list or other filters.
    """
    if not cursor:
        return None
    try:
        raw = base64.b64decode(
            cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True
        )
        stamp, mark = exact.loads(raw)
    except (ValueError, TypeError, binascii.Error) as error:
        raise BadRequest(_bad(field)) from error
    if stamp != _stamp(scope):
        raise BadRequest(_bad(field))
    return mark


def _bad(field: str) -> str:
    return f"{field} is not a cursor of this list and its filters: ask for the first page"


def _stamp(scope: str) -> str:
    return sha256(scope.encode()).hexdigest()[:12]


def scope_of(name: str, filters: Mapping[str, Any]) -> str:
    """The scope of a list: its name and every filter but the page itself."""
    kept = {
        k: filters[k] for k in sorted(filters) if k not in {"limit", "next_page", "cursor"}
    }
    return f"{name} {exact.dumps(kept)}"


def seq_after(scope: str, cursor: str | None, *, field: str = "next_page") -> int | None:
    """The seq that a page goes on after, or None for the first page."""
    mark = mark_of(scope, cursor, field=field)
    if mark is not None and (not isinstance(mark, int) or isinstance(mark, bool)):
        raise BadRequest(_bad(field))
    return mark


def take(
    rows: Iterable[T],
    *,
    limit: int,
    scope: str,
    mark: Callable[[T], Any] = attrgetter("seq"),
    keep: Callable[[T], bool] | None = None,
) -> tuple[list[T], str | None]:
    """One page of the rows that `keep` wants, and the next cursor (None at the end).

    `mark` is where a row stands in its list: for a document its seq.
    """
    page: list[T] = []
    for row in rows:
        if keep is not None and not keep(row):
            continue
        if len(page) == limit:
            return page, cursor_for(scope, mark(page[-1]))
        page.append(row)
    return page, None


def take_all(
    rows: Sequence[T], *, limit: int, scope: str, after: int | None
) -> tuple[list[T], str | None]:
    """One page of a list that is computed whole; the mark is the place in it."""
    start = after or 0
    page = list(rows[start : start + limit])
    end = start + limit
    return page, cursor_for(scope, end) if end < len(rows) else None
