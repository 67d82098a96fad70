"""The set engine: whole books joined in bulk, and only what is not plain handed on.

DuckDB reads the narrow rows of the observations through ADBC, in batches, and says which
core invoices are plainly matched (`sync.screen`); those it counts, sums and hashes. Every
other invoice goes to the same comparison, one by one. The statements keep to plain SQL.
The programs come with the extra `engine`; without it, or over a database in memory, each
invoice is compared one by one, with the same result.
"""

from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from hashlib import sha256
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from state.asking import Asking
from state.rows import micros
from state.slim import Slim, open_slim
from sync.books import Matched
from sync.by_hand import STRIPE
from sync.checks import Counted
from sync.ledger import Ground
from sync.progress import Progress
from sync.statements import (
    APART,
    COLUMNS,
    DOCUMENTS,
    FLAGS,
    LINES,
    MEMOS,
    PLAIN,
    SCOPE,
    SEEN,
    STANDS,
    STRANGERS,
    TEXTS,
    UNNAMED,
)

MEMORY = "240MB"  # what DuckDB may hold; beyond it, it spills to a folder of its own
FEW = 100_000  # so many ids of the plainly matched are told by name
BATCH = 50_000  # rows in one step out of DuckDB
NEEDED = ("duckdb", "pyarrow", "adbc_driver_manager")


@dataclass(slots=True)
class Screened:
    """What the joins have found."""

    matched: tuple[Matched, ...] = ()
    plain: list[str] = field(default_factory=list)  # their ids, while they are few
    wanted: list[str] = field(default_factory=list)  # core invoices to compare, in order
    strangers: list[str] = field(default_factory=list)  # core ids that nobody knows
    custom: list[str] = field(default_factory=list)  # core invoices in a custom unit
    unnamed: list[tuple[str, str]] = field(default_factory=list)  # (register, document)
    loose: list[str] = field(default_factory=list)  # memos that name no invoice
    counted: Counted = field(default_factory=Counted)


def screen(store: Any, ground: Ground, progress: Progress) -> Screened | None:
    """Join the books as of the ground; None: compare one by one."""
    if not isinstance(store, Asking):
        return None
    missing = [name for name in NEEDED if find_spec(name) is None]
    if missing:
        progress.note(
            "books are compared one by one; for large ones: pip install 'tieout[engine]'"
        )
        return None
    slim = open_slim(store)
    if slim is None:
        return None
    with closing(slim), TemporaryDirectory(prefix="tieout-engine-") as folder:
        return _Engine(slim, ground, Path(folder)).screen(progress)


class _Engine:
    """One screening: its database lives as long as it does."""

    def __init__(self, slim: Slim, ground: Ground, folder: Path) -> None:
        import duckdb

        self._slim = slim
        self._ground = ground
        self._db = duckdb.connect(
            ":memory:",
            config={
                "memory_limit": MEMORY,
                "temp_directory": str(folder),
                "preserve_insertion_order": "false",
                "threads": "2",
            },
        )

    def screen(self, progress: Progress) -> Screened:
        found = Screened()
        with closing(self._db):
            for number, kind in enumerate(COLUMNS):
                progress.step(f"reading {kind}s in bulk", len(COLUMNS))
                progress.advance(number)
                self._load(kind)
            progress.step("joining the books", None)
            for statement in self._statements():
                self._db.execute(statement)
            self._count(found)
            found.matched = self._matched()
            if sum(one.count for one in found.matched) <= FEW:
                found.plain = self._names(
                    "SELECT id FROM plain ORDER BY customer, posted, id"
                )
            found.wanted = self._names(
                "SELECT i.id FROM scope i WHERE NOT EXISTS "
                "(SELECT 1 FROM plain p WHERE p.id = i.id) ORDER BY customer, posted, id"
            )
            self._loose_ends(found)
        return found

    # --- in ---------------------------------------------------------------------------

    def _load(self, kind: str) -> None:
        """The observations of a kind, and of each id the one that stands at the cutoff."""
        cut = micros(self._ground.books.moment)
        with self._slim.read(kind, COLUMNS[kind], self._ground.books.seq) as batches:
            self._db.register("incoming", batches)
            self._db.execute(SEEN.format(kind=kind, cut=cut, typed=_typed(COLUMNS[kind])))
            self._db.unregister("incoming")
        self._db.execute(STANDS.format(cut=cut, kind=kind))

    def _statements(self) -> Iterator[str]:
        cut = micros(self._ground.books.moment)
        period = self._ground.period
        month = "1 = 1"
        if period.start is not None and period.end is not None:
            month = (
                f"posted_at >= {micros(period.start)} AND posted_at < {micros(period.end)}"
            )
        weights = " ".join(
            f"WHEN {_text(target)} THEN {1 << n}"
            for n, target in enumerate(self._ground.targets)
        )
        registers = ", ".join(map(_text, self._ground.targets)) or "''"
        yield SCOPE.format(month=month)
        yield DOCUMENTS.format(cut=cut, registers=registers)
        yield MEMOS.format(cut=cut, registers=registers)
        yield FLAGS.format(cut=cut)
        yield PLAIN.format(
            weights=weights,
            count=len(self._ground.targets),
            whole=(1 << len(self._ground.targets)) - 1,
        )

    # --- out --------------------------------------------------------------------------

    def _count(self, found: Screened) -> None:
        """Control totals, straight from what was read and apart from every comparison."""
        counted = found.counted
        rows = self._rows
        for currency, count, minor in rows(
            "SELECT currency, count(*), sum(CASE WHEN status = 'FINALIZED' THEN minor "
            "ELSE 0 END) FROM scope GROUP BY currency"
        ):
            counted.invoices += count
            if minor:
                counted.core_minor[currency] = int(minor)
        counted.other_month = rows("SELECT count(*) FROM other_month")[0][0]
        for target, currency, count, gross, owed in rows(
            "SELECT target, d.currency, count(*), sum(d.gross), sum(d.owed) "
            "FROM documents d JOIN scope i ON i.id = d.ref GROUP BY target, d.currency"
        ):
            counted.documents += count
            counted.gross_minor[target, currency] = int(gross)
            counted.open_minor[target, currency] = int(owed)
        due = rows("SELECT count(*) FROM scope WHERE status IN ('FINALIZED', 'VOID')")[0][0]
        with_document = dict(
            rows(
                "SELECT d.target, count(DISTINCT i.id) FROM documents d JOIN scope i "
                "ON i.id = d.ref WHERE i.status NOT IN ('FINALIZED', 'VOID') "
                "GROUP BY d.target"
            )
        )
        for target in self._ground.targets:
            counted.expected[target] = due + with_document.get(target, 0)

    def _matched(self) -> tuple[Matched, ...]:
        sums = self._rows(
            "SELECT d.target, p.currency, count(*), sum(p.minor), sum(d.gross), "
            "sum(d.tax), sum(d.paid), sum(d.owed) FROM plain p "
            "JOIN documents d ON d.ref = p.id GROUP BY d.target, p.currency"
        )
        hashes = self._hashes()
        apart = {
            (target, currency): (int(count), int(minor))
            for target, currency, count, minor in self._db.execute(
                APART, {"stripe": STRIPE}
            ).fetchall()
        }
        return tuple(
            Matched(
                target,
                currency,
                int(count),
                int(core),
                int(gross),
                int(tax),
                int(paid),
                int(owed),
                hashes[target, currency],
                *apart.get((target, currency), (0, 0)),
            )
            for target, currency, count, core, gross, tax, paid, owed in sorted(sums)
        )

    def _hashes(self) -> dict[tuple[str, str], str]:
        """One hash for each register and currency, over its lines in their order."""
        found: dict[tuple[str, str], str] = {}
        for (currency,) in self._rows("SELECT DISTINCT currency FROM plain"):
            for target in self._ground.targets:
                hashed = sha256()
                told = self._db.sql(LINES, params={"target": target, "currency": currency})
                batches: Any = told.to_arrow_reader(BATCH)
                for batch in batches:
                    hashed.update(_bytes_of(batch.column(0)))
                found[target, currency] = hashed.hexdigest()
        return found

    def _loose_ends(self, found: Screened) -> None:
        period = self._ground.period
        month = "1 = 1"
        if period.start is not None and period.end is not None:
            month = f"posted >= {micros(period.start)} AND posted < {micros(period.end)}"
        found.custom = self._names("SELECT id FROM custom ORDER BY id")
        found.strangers = self._names(STRANGERS.format(month=month))
        found.unnamed = [
            (target, name) for target, name in self._rows(UNNAMED.format(month=month))
        ]
        found.loose = self._names("SELECT id FROM memos WHERE loose = 1 ORDER BY id")

    def _rows(self, statement: str) -> list[Any]:
        found: list[Any] = self._db.execute(statement).fetchall()
        return found

    def _names(self, statement: str) -> list[str]:
        return [str(row[0]) for row in self._rows(statement)]


def _typed(columns: Sequence[str]) -> str:
    """A column without a value has no type of its own in SQLite."""
    return ", ".join(
        f"CAST({name} AS {'VARCHAR' if name in TEXTS else 'BIGINT'}) AS {name}"
        for name in columns
    )


def _text(value: str) -> str:
    return "'" + value.replace("'", "''") + "'"


def _bytes_of(column: Any) -> memoryview:
    """The texts of one Arrow column, one after another, without a copy."""
    _, offsets, data = column.buffers()
    if data is None:
        return memoryview(b"")
    width = 8 if str(column.type).startswith("large") else 4
    marks = memoryview(offsets).cast("q" if width == 8 else "i")  # noqa: PLR2004 - 64 bits
    first, last = marks[column.offset], marks[column.offset + len(column)]
    return memoryview(data)[first:last]
