"""The reconciliation report: whether every difference is explained, and who says so."""

from collections.abc import Callable, Iterable

from sync.books import Excluded, Row, Run, Subsequent
from sync.report.between import meaning, section
from sync.report.cells import time
from sync.report.checklines import CheckLine, check_lines, check_table
from sync.report.common import CONVENTIONS, ground_blocks, head
from sync.report.detail import detail_columns
from sync.report.document import (
    Column,
    Document,
    Facts,
    Kind,
    Prose,
    Section,
    Table,
    table,
)
from sync.report.findings import candidates_table, explained_table, unexplained_table
from sync.report.material import Material, Signoff
from sync.report.summary import by_classification, charts
from sync.report.words import KINDS

TITLE = "Reconciliation of the billing core with receivables"


def build(material: Material) -> Document:
    """The whole report."""
    run = material.run
    open_rows = table(
        "open_rows", "", detail_columns(material), _where(material, _is_open), _ccy
    )
    unexplained = unexplained_table(material, open_rows.rows)
    explained = explained_table(material)
    detail = _detail(material)
    summary = by_classification(material)
    lines = check_lines(material, unexplained)
    failed = sum(1 for line in lines if not line.ok) + sum(
        1 for one in run.checks if not one.ok
    )
    sections = (
        Section(
            "signoff", "Sign-off", (*_signoff(material, lines), *ground_blocks(material))
        ),
        Section(
            "summary",
            "Summary",
            (*charts(material), summary, check_table(lines), _controls(material)),
        ),
        Section(
            "unexplained",
            "Unexplained",
            (unexplained, candidates_table(material), _chains(material)),
        ),
        Section("explained", "Explained", (explained,)),
        Section("timing", "Timing", (_timing(material),)),
        Section("detail", "Detail", (detail,)),
        *section(material),
        Section("subsequent", "Subsequent events", (_subsequent(material),)),
        Section("excluded", "Excluded", (_excluded(material),)),
        Section("readme", "Read me", (_readme(material),), on_paper=True),
    )
    return Document(
        "reconciliation",
        head(material, TITLE),
        sections,
        main="detail",
        outcome=str(run.outcome),
        failed=failed,
    )


def _ccy(row: Row) -> str:
    return row.currency


def _is_open(row: Row) -> bool:
    return row.unexplained != 0


def _where(material: Material, keep: Callable[[Row], bool]) -> Callable[[], Iterable[Row]]:
    return lambda: (row for row in material.rows() if keep(row))


def _detail(material: Material) -> Table[Row]:
    columns = detail_columns(material)
    return table(
        "detail",
        "Every core invoice in every register",
        columns,
        material.rows,
        _ccy,
        marked=_is_open,
        numbered=True,
        group="leg",
    )


def _timing(material: Material) -> Table[Row]:
    columns = detail_columns(material)
    note = "Rows that an item posted after the cutoff, or in another period, clears."
    return table(
        "timing",
        "Timing differences",
        columns,
        _where(material, lambda row: row.timing != 0),
        _ccy,
        note=note,
        group="leg",
    )


def _signoff(
    material: Material, lines: tuple[CheckLine, ...]
) -> tuple[Facts, Table[Signoff], Table[str]]:
    run = material.run
    held = sum(1 for line in lines if line.ok)
    columns: tuple[Column[Signoff], ...] = (
        Column("role", "Role", Kind.ID, lambda one: one.role, 12, brief=True),
        Column("who", "Name", Kind.TEXT, lambda one: one.who, 24, brief=True),
        Column(
            "at", "Signed at (UTC)", Kind.TIME, lambda one: time(one.at), 21, brief=True
        ),
        Column("comment", "Comment", Kind.TEXT, lambda one: one.comment, 36, brief=True),
        Column(
            "stands",
            "Stands",
            Kind.ID,
            lambda one: "yes" if one.stands else "no",
            8,
            brief=True,
        ),
        Column("why", "Why not", Kind.TEXT, lambda one: one.why, 40, brief=True),
        Column("content", "Signed figures, sha256", Kind.ID, lambda one: one.content, 30),
    )
    facts = Facts(
        "outcome",
        "Outcome",
        (
            ("Outcome", str(run.outcome).replace("_", " ")),
            *((("Remark", run.remark),) if run.remark else ()),
            ("Check lines that hold", f"{held} of {len(lines)}"),
            ("Open rows", str(sum(1 for row in material.rows() if row.unexplained))),
            *_differ(run),
            ("Approver", APPROVAL[run.needs_approver]),
        ),
    )
    signed = table(
        "signoffs",
        "Signed by",
        columns,
        material.signoffs,
        lambda _: "",
        note="Signed with `tieout signoff`; kept in the audit log, and bound to these figures.",
        empty="Nobody has signed yet: tieout signoff --run ID --role preparer.",
    )
    return facts, signed, _paper(run)


APPROVAL = {
    True: "needed: more is unexplained in a leg than the total threshold",
    False: "not asked for: what is unexplained is within the total threshold",
}


def _differ(run: Run) -> tuple[tuple[str, str], ...]:
    """Beside an ERP: on how many invoices it does not agree with Stripe."""
    if len(run.targets) < 2:  # noqa: PLR2004 - Stripe, and something beside it
        return ()
    words = f"{len(run.pairs):,} of the invoices (no part of the outcome)"
    return (("Stripe and ERP differ on", words),)


def _paper(run: Run) -> Table[str]:
    """Where a company signs on paper, or in the workbook: cells to fill in."""
    columns: tuple[Column[str], ...] = (
        Column("role", "Role", Kind.ID, lambda one: one, 14, brief=True),
        Column("name", "Name", Kind.TEXT, lambda _: "", 24, brief=True, fill=True),
        Column("date", "Date", Kind.TEXT, lambda _: "", 21, brief=True, fill=True),
        Column(
            "signature", "Signature", Kind.TEXT, lambda _: "", 36, brief=True, fill=True
        ),
    )
    approver = ("Approved by",) if run.needs_approver else ()
    return table(
        "paper",
        "On paper",
        columns,
        ("Prepared by", "Reviewed by", *approver),
        lambda _: "",
        note="Each another person than those above. What counts is the sign-off in the audit log.",
    )


def _controls(material: Material) -> Table[tuple[str, bool, str]]:
    columns: tuple[Column[tuple[str, bool, str]], ...] = (
        Column("control", "Control", Kind.TEXT, lambda one: one[0], 60, brief=True),
        Column(
            "result",
            "Result",
            Kind.ID,
            lambda one: "OK" if one[1] else "CHECK",
            9,
            brief=True,
        ),
        Column("figures", "Figures", Kind.TEXT, lambda one: one[2], 50, brief=True),
    )
    rows = [(one.name, one.ok, one.figures) for one in material.run.checks]
    return table(
        "controls",
        "Controls that the run made of itself",
        columns,
        rows,
        lambda _: "",
        marked=lambda one: not one[1],
    )


def _chains(material: Material) -> Table[tuple[str, str, str, int, str]]:
    columns: tuple[Column[tuple[str, str, str, int, str]], ...] = (
        Column("kind", "Classification", Kind.ID, lambda one: one[0], 24, brief=True),
        Column(
            "core_invoice", "First version", Kind.ID, lambda one: one[1], 38, brief=True
        ),
        Column("currency", "Ccy", Kind.ID, lambda one: one[2], 6, brief=True),
        Column(
            "exposure", "Exposure", Kind.MONEY, lambda one: one[3], brief=True, total=True
        ),
        Column("text", "What stands", Kind.TEXT, lambda one: one[4], 60, brief=True),
    )
    rows = [
        (c.kind, c.root, c.currency, c.exposure_minor, c.text) for c in material.run.chains
    ]
    return table(
        "chains", "Across the versions of one invoice", columns, rows, lambda one: one[2]
    )


def _subsequent(material: Material) -> Table[Subsequent]:
    dates = material.calendar
    columns: tuple[Column[Subsequent], ...] = (
        Column("system", "System", Kind.ID, lambda one: one.target, 12, brief=True),
        Column("what", "What", Kind.ID, lambda one: one.what, 10, brief=True),
        Column("id", "Id", Kind.ID, lambda one: one.id, 28, brief=True),
        Column(
            "document",
            "Downstream invoice",
            Kind.ID,
            lambda one: one.document_id,
            28,
            brief=True,
        ),
        Column(
            "core_invoice",
            "Core invoice",
            Kind.ID,
            lambda one: one.core_invoice_id,
            38,
            brief=True,
        ),
        Column(
            "posted",
            "Posted",
            Kind.DAY,
            lambda one: dates.day(one.posted_at),
            12,
            brief=True,
        ),
        Column("currency", "Ccy", Kind.ID, lambda one: one.currency, 6, brief=True),
        Column(
            "amount",
            "Amount",
            Kind.MONEY,
            lambda one: one.amount_minor,
            brief=True,
            total=True,
        ),
        Column(
            "clears",
            "Would clear",
            Kind.ID,
            lambda one: "Y" if one.clears else "N",
            12,
            brief=True,
        ),
    )
    note = "Posted after the cutoff: not counted, and said here."
    return table(
        "subsequent",
        "Subsequent events",
        columns,
        material.run.subsequent,
        lambda one: one.currency,
        note=note,
    )


def _excluded(material: Material) -> Table[Excluded]:
    columns: tuple[Column[Excluded], ...] = (
        Column("system", "System", Kind.ID, lambda one: one.target, 12, brief=True),
        Column("what", "What", Kind.ID, lambda one: one.what, 10, brief=True),
        Column("id", "Id", Kind.ID, lambda one: one.id, 38, brief=True),
        Column("currency", "Ccy", Kind.ID, lambda one: one.currency, 6, brief=True),
        Column(
            "amount",
            "Amount",
            Kind.MONEY,
            lambda one: one.amount_minor,
            brief=True,
            total=True,
        ),
        Column("reason", "Reason", Kind.TEXT, lambda one: one.reason, 60, brief=True),
    )
    note = "What was read and stands in no row, each with its reason."
    return table(
        "excluded",
        "Read and left out",
        columns,
        material.run.excluded,
        lambda one: one.currency,
        note=note,
    )


def _readme(material: Material) -> Prose:
    seen = sorted(
        {row.kind for row in material.rows()} | {one.kind for one in material.run.chains}
    )
    kinds = tuple(f"{kind}: {KINDS[kind]}." for kind in seen if kind in KINDS)
    sums = (
        "Net variance = downstream net − core amount = rounding + explained by memo + timing + "
        "unexplained, in every row."
    )
    between = sorted({pair.kind for pair in material.run.pairs})
    pairs = tuple(f"{kind}, of Stripe and an ERP: {meaning(kind)}." for kind in between)
    return Prose("How to read this", (*CONVENTIONS, sums, *kinds, *pairs))
