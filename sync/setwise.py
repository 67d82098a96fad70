"""The set engine: whole books joined in bulk, and only what is not plain handed on.

DuckDB reads the narrow rows of the observations through ADBC, in batches, and says which
core invoices are plainly matched (`sync.screen`); those it counts, sums and hashes. Every
other invoice goes to the same comparison, one by one. The statements keep to plain SQL.
The programs come with the extra `engine`; without it, or over a database in memory, each
invoice is compared one by one, with the same result.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from hashlib import sha256
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from state.asking import Asking
from state.clock import LATEST
from state.observations import CORE
from state.receivables import STRIPE, DocumentStatus
from state.rows import micros
from state.slim import Slim, open_slim
from sync.books import Matched
from sync.canon import Digests
from sync.checks import Counted
from sync.ledger import Ground
from sync.progress import Progress
from sync.statements import (
    APART,
    AT_A_CUTOFF,
    COLUMNS,
    CORE_TOTALS,
    CUSTOMS,
    DOCUMENT_LINES,
    DOCUMENT_TOTALS,
    EARLY,
    ELSEWHERE,
    FURTHER,
    INVOICE_LINES,
    KEPT,
    MEMO_LINES,
    NAMES,
    NOT_PASSED,
    PASSED,
    PLAIN,
    STANDS,
    STOOD,
    STRANGE_LINES,
    STRANGERS,
    STRAY,
    SUMS,
    TEXTS,
    TIED,
    TROUBLED,
    UNNAMED,
    WANTED,
    WITH_DOCUMENT,
    WOUND,
    month_number,
)

MEMORY = "240MB"  # what DuckDB may hold; beyond it, it spills to a folder of its own
FEW = 100_000  # so many ids of the plainly matched are told by name
AS_WRITTEN = "join_order,build_side_probe_side"
BATCH = 100_000  # invoices whose lines are put in order and hashed at once
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
    customs: list[tuple[str, str]] = field(default_factory=list)  # and its documents
    loose: list[str] = field(default_factory=list)  # memos that name no invoice
    stray: list[str] = field(default_factory=list)  # memos on what is in no row
    counted: Counted = field(default_factory=Counted)
    digests: Digests = field(default_factory=Digests)


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
        self._whole = ground.books.moment >= LATEST
        self._unasked = AT_A_CUTOFF if self._whole else frozenset()
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
            progress.step("reading the books in bulk", len(COLUMNS))
            self._passed()
            self._wind()
            # Nobody knows how long a stream is: it must not be held to be the shorter side.
            self._db.execute(f"SET disabled_optimizers = '{AS_WRITTEN}'")
            for kind in COLUMNS:
                self._load(kind)
                progress.advance()
            self._db.execute("SET disabled_optimizers = ''")
            progress.step("joining the books", None)
            self._join()
            self._count(found)
            progress.step("hashing what was read", None)
            found.matched = self._matched(self._hash(found, progress))
            if sum(one.count for one in found.matched) <= FEW:
                found.plain = self._names(NAMES)
            found.wanted = self._names(WANTED)
            self._loose_ends(found)
        return found

    # --- in ---------------------------------------------------------------------------

    def _passed(self) -> None:
        """Of words that were seen again, the observations that do not stand at the cutoff."""
        with self._slim.read_again(tuple(COLUMNS), self._ground.books.seq) as batches:
            self._db.register("incoming", batches)
            self._db.execute(PASSED.format(cut=self._cut))
            self._db.unregister("incoming")
        if self._rows("SELECT count(*) FROM passed")[0][0] == 0:
            self._unasked |= {"seq"}

    def _wind(self) -> None:
        """Balances that are not as they were read, from the books themselves."""
        told: dict[str, list[Any]] = {"ids": [], "owed": [], "status": []}
        for name, one in self._ground.books.wound():
            told["ids"].append(name)
            told["owed"].append(one.owed_minor)
            told["status"].append(one.status.value)
        self._db.execute(WOUND, told)

    def _load(self, kind: str) -> None:
        """What stands of a kind at the cutoff, as far as the joins need it."""
        columns = tuple(one for one in COLUMNS[kind] if one not in self._unasked)
        statement = KEPT[kind].format(
            stands=STANDS.format(
                typed=_typed(COLUMNS[kind], columns),
                early="0" if self._whole else EARLY.format(cut=self._cut),
                among="" if "seq" in self._unasked else NOT_PASSED,
            ),
            cut=self._cut,
            month=self._month("posted_at"),
            numbered=month_number("d.posted", self._ground.period.zone),
            statuses=", ".join(_text(one.value) for one in DocumentStatus),
            registers=", ".join(map(_text, self._ground.targets)) or "''",
        )
        with self._slim.read(kind, columns, self._ground.books.seq) as batches:
            self._db.register("incoming", batches)
            self._db.execute(statement)
            self._db.unregister("incoming")

    def _join(self) -> None:
        targets = self._ground.targets
        weights = (f"WHEN {_text(one)} THEN {1 << n}" for n, one in enumerate(targets))
        self._db.execute(TIED)
        self._db.execute(TROUBLED)
        self._db.execute(
            PLAIN.format(
                weights=" ".join(weights) or "WHEN '' THEN 0",
                count=len(targets),
                whole=(1 << len(targets)) - 1,
            )
        )

    @property
    def _cut(self) -> int:
        return micros(self._ground.books.moment)

    def _month(self, column: str) -> str:
        """Does this column lie in the month of the run?"""
        period = self._ground.period
        if period.start is None or period.end is None:
            return "1 = 1"
        return f"{column} >= {micros(period.start)} AND {column} < {micros(period.end)}"

    # --- out --------------------------------------------------------------------------

    def _count(self, found: Screened) -> None:
        """Control totals, straight from what was read and apart from every comparison."""
        counted = found.counted
        rows = self._rows
        for currency, count, minor in rows(CORE_TOTALS):
            counted.invoices += count
            if minor:
                counted.core_minor[currency] = int(minor)
        other = rows("SELECT count(*) FROM invoice WHERE in_month = 0")[0][0]
        counted.elsewhere = Counter({CORE: other} if other else {})
        for target, count in rows(STOOD):
            counted.stood[target] += count
        for target, currency, count, gross, owed in rows(DOCUMENT_TOTALS):
            counted.documents += count
            counted.gross_minor[target, currency] = int(gross)
            counted.open_minor[target, currency] = int(owed)
        due = rows("SELECT count(*) FROM scope WHERE status IN ('FINALIZED', 'VOID')")[0][0]
        with_document = dict(rows(WITH_DOCUMENT))
        further = dict(rows(FURTHER))
        for target in self._ground.targets:
            more = with_document.get(target, 0) + int(further.get(target, 0))
            counted.expected[target] = due + more

    def _matched(self, hashes: dict[tuple[str, str], str]) -> tuple[Matched, ...]:
        """What is plain, by register and currency. An amount that agrees is the core's too."""
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
                int(gross),
                int(gross),
                int(tax),
                int(paid),
                int(owed),
                hashes[target, currency],
                *apart.get((target, currency), (0, 0)),
            )
            for target, currency, count, gross, tax, paid, owed in sorted(self._rows(SUMS))
        )

    def _hash(self, found: Screened, progress: Progress) -> dict[tuple[str, str], str]:
        """The canonical lines of each source, and what is plain by register and currency."""
        digests = found.digests
        plain: dict[tuple[str, str], Any] = {}
        last = self._rows("SELECT COALESCE(max(n), 0) FROM invoice")[0][0]
        for after in range(0, last, BATCH):
            some = {"after": after, "until": after + BATCH}
            self._take(digests, CORE, INVOICE_LINES, progress, some)
            told: Any = self._db.sql(DOCUMENT_LINES, params=some).to_arrow_table()
            counts = _counts(told.column("target"))
            first = 0
            for target in self._ground.targets:
                of_target = told.slice(first, counts.get(target, 0))
                first += len(of_target)
                _update(digests.hash_of(target), of_target.column("line"))
                for currency, lines in _by_currency(of_target):
                    _update(plain.setdefault((target, currency), sha256()), lines)
            progress.advance(len(told))
        for target in self._ground.targets:
            self._take(digests, target, STRANGE_LINES, progress, {"target": target})
            self._take(digests, target, MEMO_LINES, progress, {"target": target})
        return {leg: hashed.hexdigest() for leg, hashed in plain.items()}

    def _take(
        self,
        digests: Digests,
        source: str,
        lines: str,
        progress: Progress,
        of: dict[str, Any],
    ) -> None:
        told: Any = self._db.sql(lines, params=of).to_arrow_reader(BATCH)
        for batch in told:
            digests.hash_of(source).update(_bytes_of(batch.column(0)))
            progress.advance(len(batch))

    def _loose_ends(self, found: Screened) -> None:
        month = self._month("posted")
        found.custom = self._names(
            "SELECT id FROM invoice WHERE in_month = 1 AND currency = '' ORDER BY id"
        )
        found.strangers = self._names(STRANGERS.format(month=month))
        found.unnamed = [
            (target, name) for target, name in self._rows(UNNAMED.format(month=month))
        ]
        found.customs = [(target, name) for target, name in self._rows(CUSTOMS)]
        found.loose = self._names("SELECT id FROM memos WHERE loose = 1 ORDER BY id")
        found.stray = self._names(STRAY)
        elsewhere = ELSEWHERE.format(month=month, of_stranger=self._month("s.posted"))
        found.counted.elsewhere.update(dict(self._rows(elsewhere)))

    def _rows(self, statement: str) -> list[Any]:
        found: list[Any] = self._db.execute(statement).fetchall()
        return found

    def _names(self, statement: str) -> list[str]:
        return [str(row[0]) for row in self._rows(statement)]


def _typed(columns: Sequence[str], told: Sequence[str]) -> str:
    """A column without a value has no type of its own in SQLite, and one not told none at all."""
    return ", ".join(
        f"CAST({name if name in told else 'NULL'} "
        f"AS {'VARCHAR' if name in TEXTS else 'BIGINT'}) AS {name}"
        for name in columns
    )


def _counts(column: Any) -> dict[str, int]:
    """How often each value stands in a column of Arrow."""
    return {one["values"]: one["counts"] for one in column.value_counts().to_pylist()}


def _by_currency(told: Any) -> Iterator[tuple[str, Any]]:
    """The lines of what is plain, by currency, each in their order."""
    from pyarrow import compute

    plain = told.column("plain")
    for currency in filter(None, _counts(plain)):
        yield currency, told.column("line").filter(compute.equal(plain, currency))


def _update(hashed: Any, lines: Any) -> None:
    for chunk in lines.chunks:
        hashed.update(_bytes_of(chunk))


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
