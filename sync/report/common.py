"""What every report has: its head, the block that says what it stands on, its words."""

from collections import Counter
from collections.abc import Callable

from state.money import display
from sync.books import Run, Source
from sync.report.cells import time
from sync.report.document import Block, Column, Facts, Head, Kind, Section, Table, table
from sync.report.material import Material

CONVENTIONS = (
    "An invoice adds to receivables and is positive; memos, payments, voids and write-offs "
    "are negative. A positive variance means that the customer is billed too much "
    "downstream. Negative amounts stand in brackets; files for programs write -1234.56.",
    "Core and downstream amounts are compared before tax: the core never knows tax. What is "
    "owed (open balances, the roll-forward) is with tax.",
    "One currency is never added to another. Times are UTC, dates are YYYY-MM-DD; posting "
    "dates and periods, which are calendar months, are those of the period's time zone.",
    "Thresholds are printed and never remove a row.",
)


def head(material: Material, title: str) -> Head:
    """The lines that every sheet and page repeats."""
    run = material.run
    currencies = sorted({row.currency for row in material.rows() if row.currency})
    return Head(
        entity=run.entity,
        title=title,
        period=run.period or "all periods",
        as_of=run.as_of,
        run_id=run.run_id,
        version=run.version,
        digest=material.digest,
        audit=f"{run.audit_seq} {run.audit_head}",
        currencies=", ".join(currencies),
        restated_from=run.restated_from,
    )


def ground(material: Material, *, title: str = "Basis") -> Section:
    """The IPE block: what was read, from where, when, how much of it, and by what."""
    return Section("basis", title, ground_blocks(material))


def ground_blocks(material: Material) -> tuple[Block, ...]:
    """The IPE block, without a section of its own."""
    run = material.run
    restated = f"yes; it was {run.restated_from}" if run.restated_from else "no"
    facts = Facts(
        "basis",
        "What this report stands on",
        (
            ("Entity", run.entity),
            ("Period", run.period or "all periods"),
            ("As of (UTC)", time(run.as_of)),
            ("Run", run.run_id),
            ("Made at (UTC)", time(run.made_at)),
            ("Made by", run.made_by),
            ("Code version", run.version),
            ("Settings, sha256", run.config_sha256),
            ("Time zone of the period", run.timezone),
            ("Rounding tolerance", _units(run.tolerance_minor, run)),
            ("Item threshold", _units(run.item_threshold_minor, run)),
            ("Total threshold, by leg", _units(run.total_threshold_minor, run)),
            ("Rows in Detail", str(material.count)),
            ("Restated", restated),
            ("Kept run, sha256", material.digest),
            ("Figures, sha256", material.content),
            ("Audit log, last line", f"{run.audit_seq} {run.audit_head}"),
        ),
    )
    return (facts, _sources(run))


NAMED = 6  # currencies in which a threshold is told


def _units(minor: int, run: Run) -> str:
    """A threshold, and what it is in each currency: `1 minor unit (1 JPY, 0.01 USD)`."""
    units = f"{minor:,} minor unit{'' if minor == 1 else 's'}"
    currencies = sorted({currency for one in run.sources for currency, _ in one.control})
    if not minor or not currencies:
        return units
    amounts = [f"{display(minor, one)} {one}" for one in currencies[:NAMED]]
    more = " ..." if len(currencies) > NAMED else ""
    return f"{units} ({', '.join(amounts)}{more})"


REASONS = 4  # told by name for each source; the sheet Excluded has every one


def _why(run: Run) -> Callable[[Source], str]:
    """Why rows were left out, the commonest reasons first."""
    reasons: dict[str, Counter[str]] = {}
    for one in run.excluded:
        reasons.setdefault(one.target, Counter())[one.reason] += 1

    def of(source: Source) -> str:
        found = Counter(reasons.get(source.name, ()))
        later = source.rows_excluded - found.total()
        if later:  # they are counted, not listed
            found["are of another period"] = later
        ordered = sorted(found.items(), key=lambda one: (-one[1], one[0]))
        words = [f"{count:,} {reason}" for reason, count in ordered[:REASONS]]
        rest = sum(count for _, count in ordered[REASONS:])
        return "; ".join([*words, f"{rest:,} for other reasons"] if rest else words)

    return of


def _sources(run: Run) -> Table[Source]:
    columns: tuple[Column[Source], ...] = (
        Column("source", "Source", Kind.ID, lambda one: one.name, 12, brief=True),
        Column("endpoint", "Address or files", Kind.TEXT, lambda one: one.endpoint, 24),
        Column(
            "filter",
            "What was asked for",
            Kind.TEXT,
            lambda one: one.filter or "everything",
            30,
            brief=True,
        ),
        Column(
            "started",
            "Reading began (UTC)",
            Kind.TIME,
            lambda one: time(one.started_at),
            21,
            brief=True,
        ),
        Column(
            "finished",
            "Reading ended (UTC)",
            Kind.TIME,
            lambda one: time(one.read_at),
            21,
            brief=True,
        ),
        Column("pages", "Pages", Kind.WHOLE, lambda one: one.pages, 7, brief=True),
        Column(
            "rows_read", "Rows read", Kind.WHOLE, lambda one: one.rows_read, 9, brief=True
        ),
        Column(
            "rows_used", "Rows used", Kind.WHOLE, lambda one: one.rows_used, 9, brief=True
        ),
        Column(
            "rows_excluded",
            "Excluded",
            Kind.WHOLE,
            lambda one: one.rows_excluded,
            9,
            brief=True,
        ),
        Column("reasons", "Excluded, by reason", Kind.TEXT, _why(run), 24),
        Column("control", "Control totals", Kind.TEXT, _control, 24, brief=True),
        Column("sha256", "Rows, sha256", Kind.ID, lambda one: one.sha256, 18, brief=True),
    )
    note = (
        "The sha256 is of one line for each row as it stood at the cutoff: the same rows give "
        "the same hash, whenever and however they are read again."
    )
    return table("sources", "What was read", columns, run.sources, lambda _: "", note=note)


def _control(one: Source) -> str:
    return "; ".join(
        f"{display(minor, currency)} {currency}" for currency, minor in one.control
    )
