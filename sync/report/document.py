"""The one shape of every report: sections of facts, charts and tables of typed cells.

A report is built once in this shape and written by any renderer, so that a figure is
defined in one place for XLSX, CSV, JSON, HTML and PDF.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, fields, replace
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from itertools import islice
from typing import Any, Generic, TypeVar

from connectors.redaction import redact

_R = TypeVar("_R")
Cell = str | int | Decimal | None


class Kind(StrEnum):
    """What the cells of a column are."""

    TEXT = "text"  # words; may be broken over lines
    ID = "id"  # an id or a code: text, never a number, never broken
    DAY = "day"  # YYYY-MM-DD
    TIME = "time"  # UTC with a Z
    WHOLE = "whole"  # a count
    NUMBER = "number"  # a quantity or a unit price: exact, with the decimals that it has
    MONEY = "money"  # integer minor units of the row's currency
    PERCENT = "percent"  # a ratio; 1 is 100 %
    LINK = "link"  # an address


# Kinds whose cells are set on the right, and begin no formula.
FIGURES = frozenset({Kind.MONEY, Kind.WHOLE, Kind.NUMBER, Kind.PERCENT})
_OF_OTHERS = frozenset({Kind.TEXT, Kind.ID, Kind.LINK})  # kinds that hold words of others


@dataclass(frozen=True, slots=True)
class Column(Generic[_R]):
    """One column of a table, for every format.

    `formula` is what XLSX computes live: `{key}` is a cell of the same row, `{table.key}`
    a whole column of a table of this report, `{exponent}` the currency's decimals. A
    figure is always given beside it, because most viewers do not calculate.
    """

    key: str
    title: str
    kind: Kind
    of: Callable[[_R], Cell]
    width: int = 14  # characters in a sheet
    brief: bool = False  # one of the columns (10 at most) that are set on paper
    total: bool = False
    formula: str | Callable[[_R], str] = ""
    choices: tuple[str, ...] = ()  # what a person may fill in, of which words
    spare: bool = False  # the first to be left out where paper has no room
    fill: bool = False  # a person fills it in, in the workbook or on paper
    varies: str = ""  # where the run's settings choose its key: the pattern of them all


@dataclass(frozen=True, slots=True)
class Table(Generic[_R]):
    """Rows with one definition for each column.

    `rows` is called anew by each reader, so that a long table is never held whole.
    `totals` are per group and currency, in minor units, by column key. Amounts of two
    groups are never added: each leg shows the same invoices once more.
    """

    key: str
    title: str
    columns: tuple[Column[_R], ...]
    rows: Callable[[], Iterable[_R]]
    count: int
    currency_of: Callable[[_R], str]
    totals: Mapping[tuple[str, str], Mapping[str, int]] = field(default_factory=dict)
    note: str = ""
    empty: str = "None."
    marked: Callable[[_R], bool] | None = None  # rows that a reader must not miss
    numbered: bool = False  # its lines are counted from 1, so that one can be cited
    group: str = ""  # the column whose values are never added to one another

    def named_totals(self) -> Iterator[tuple[str, str, Mapping[str, int]]]:
        """Each total with its name and its currency."""
        groups = {group for group, _ in self.totals}
        for (group, currency), sums in self.totals.items():
            name = f"Total {currency}".strip()
            yield (f"{name}, {group}" if len(groups) > 1 else name, currency, sums)

    def used_columns(self, most: int) -> tuple["Column[_R]", ...]:
        """The columns that say something in one of the first rows; others only widen."""
        used = {one.key for one in self.columns if one.fill and one.brief}
        for row in islice(self.rows(), most):
            used.update(
                one.key
                for one in self.columns
                if one.key not in used
                and one.of(row) not in ((None, "") if one.brief else (None, "", 0))
            )
        return tuple(one for one in self.columns if one.key in used or not self.count)

    def numbered_rows(self) -> Iterable[tuple[int, _R]]:
        """Its rows with their line numbers."""
        return enumerate(self.rows(), 1)


@dataclass(frozen=True, slots=True)
class Facts:
    """Names and values, one under the other."""

    key: str
    title: str
    pairs: tuple[tuple[str, str], ...]

    def __post_init__(self) -> None:
        """Words of others stand here too."""
        hidden = tuple((name, redact(value)) for name, value in self.pairs)
        object.__setattr__(self, "pairs", hidden)


@dataclass(frozen=True, slots=True)
class Prose:
    """Paragraphs."""

    title: str
    paragraphs: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Series:
    """One colour of a chart: a figure for each label, in minor units."""

    name: str
    minor: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Chart:
    """A picture of a table that stands beside it; `words` say what it shows."""

    key: str
    title: str
    currency: str
    labels: tuple[str, ...]
    series: tuple[Series, ...]
    words: str
    stacked: bool = False


Block = Facts | Prose | Chart | Table[Any]


@dataclass(frozen=True, slots=True)
class Section:
    """One sheet, one heading."""

    key: str
    title: str
    blocks: tuple[Block, ...]
    on_paper: bool = True


@dataclass(frozen=True, slots=True)
class Head:
    """What every sheet and page repeats: which books, when, from which run."""

    entity: str
    title: str
    period: str
    as_of: datetime
    run_id: str
    version: str
    digest: str  # sha256 of the kept run
    audit: str  # the audit chain's head: sequence and hash
    currencies: str
    restated_from: str = ""

    def __post_init__(self) -> None:
        """An entity's name is somebody's word too."""
        for one in fields(self):
            value = getattr(self, one.name)
            if isinstance(value, str):
                object.__setattr__(self, one.name, redact(value))


@dataclass(frozen=True, slots=True)
class Document:
    """A report, whole. `main` is the table that a CSV file holds."""

    name: str
    head: Head
    sections: tuple[Section, ...]
    main: str
    outcome: str = ""
    failed: int = 0  # check lines that do not hold

    def tables(self) -> Iterable[Table[Any]]:
        """Every table, in order."""
        for section in self.sections:
            for block in section.blocks:
                if isinstance(block, Table):
                    yield block

    def table(self, key: str) -> Table[Any]:
        """One table. Raises KeyError."""
        for one in self.tables():
            if one.key == key:
                return one
        raise KeyError(key)


def table(
    key: str,
    title: str,
    columns: tuple[Column[_R], ...],
    rows: Iterable[_R] | Callable[[], Iterable[_R]],
    currency_of: Callable[[_R], str],
    *,
    note: str = "",
    empty: str = "None.",
    marked: Callable[[_R], bool] | None = None,
    numbered: bool = False,
    group: str = "",
) -> Table[_R]:
    """A table with its totals, in one reading of its rows.

    Words of others may hold a key that somebody wrote down in a memo or took for a number:
    it is hidden here, for every format at once.
    """
    columns = tuple(
        replace(one, of=_hidden(one.of)) if one.kind in _OF_OTHERS else one
        for one in columns
    )
    if callable(rows):
        again = rows
    else:
        kept = tuple(rows)

        def again() -> Iterable[_R]:
            return kept

    summed = [one for one in columns if one.total]
    grouped = next((one.of for one in columns if one.key == group), None)
    totals: dict[tuple[str, str], dict[str, int]] = {}
    count = 0
    for row in again():
        count += 1
        if summed:
            name = str(grouped(row)) if grouped is not None else ""
            _add(totals.setdefault((name, currency_of(row)), {}), summed, row)
    ordered = {name: totals[name] for name in sorted(totals)}
    return Table(
        key,
        title,
        columns,
        again,
        count,
        currency_of,
        ordered,
        note,
        empty,
        marked,
        numbered,
        group,
    )


def _hidden(of: Callable[[_R], Cell]) -> Callable[[_R], Cell]:
    def read(row: _R) -> Cell:
        cell = of(row)
        return redact(cell) if isinstance(cell, str) else cell

    return read


def _add(sums: dict[str, int], columns: list[Column[_R]], row: _R) -> None:
    for column in columns:
        cell = column.of(row)
        if isinstance(cell, int):
            sums[column.key] = sums.get(column.key, 0) + cell
