"""Copy the state database whole while it is in use, and prove that the copy holds."""

import os
import sqlite3
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from sqlalchemy.exc import DatabaseError

from state.engine import StoreUnusable
from state.reads import Reader

PAGES_AT_ONCE = 1000  # of SQLite's pages; between two batches a writer gets its turn
BUSY_SECONDS = 15.0


@dataclass(frozen=True, slots=True)
class Backup:
    """A copy that was opened again and found whole."""

    path: str
    bytes: int
    audit_lines: int
    audit_head: str


def back_up(url: str, entity: str, to: Path | None, *, now: datetime) -> Backup:
    """Copy a SQLite state database; the copy appears under its name only once it holds.

    Raises StoreUnusable where there is nothing to copy, no room, or a copy that differs.
    """
    if not url.startswith("sqlite:///"):
        raise StoreUnusable(
            "state.url: this is no SQLite file; back PostgreSQL up with its own pg_dump"
        )
    source = Path(url.removeprefix("sqlite:///"))
    if to is None:
        name = f"state-{now.astimezone(UTC):%Y%m%dT%H%M%SZ}.db"
        to = source.parent / "backups" / name
    if to.exists():
        raise StoreUnusable(f"{to} is there already; name another file with -o")
    part = to.with_name(f".{to.name}.part")
    try:
        to.parent.mkdir(parents=True, exist_ok=True)
        part.touch(mode=0o600)
        _copy(source, part)
        lines, head = _checked(part, entity)
        os.replace(part, to)  # noqa: PTH105 - one step, over nothing
        return Backup(str(to), to.stat().st_size, lines, head)
    except (OSError, sqlite3.Error, DatabaseError) as error:
        said = getattr(error, "strerror", None) or error
        raise StoreUnusable(f"{to} was not written: {said}") from error
    finally:
        for left in (part, Path(f"{part}-wal"), Path(f"{part}-shm")):
            left.unlink(missing_ok=True)


def _copy(source: Path, to: Path) -> None:
    reading = sqlite3.connect(f"file:{source}?mode=ro", uri=True, timeout=BUSY_SECONDS)
    with closing(reading), closing(sqlite3.connect(to)) as writing:
        reading.backup(writing, pages=PAGES_AT_ONCE)
        found = writing.execute("PRAGMA integrity_check").fetchone()[0]
    if found != "ok":
        raise StoreUnusable(f"{source} is damaged: {found}; restore an earlier backup")


def _checked(copy: Path, entity: str) -> tuple[int, str]:
    reader = Reader(f"sqlite:///{copy}", entity)
    try:
        verdict = reader.verify_audit()
    finally:
        reader.close()
    if not verdict.ok:
        raise StoreUnusable(
            f"the audit log breaks at line {verdict.broken_at}; see: tieout audit verify"
        )
    return verdict.lines, verdict.head
