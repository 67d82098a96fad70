"""The exports we know by their headings: our own template, and five systems' reports.

Headings are compared without case, spaces and signs. A report has title rows above its
headings, so they are looked for in the first rows of the file.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from connectors.erp.file_tables import BadFile, Row
from connectors.erp.file_values import text_of

SEARCH_ROWS = 20
# Our words for columns; `tieout` ships a template with those that stand first.
TEMPLATE = (
    "kind",
    "number",
    "external_id",
    "customer",
    "entity",
    "date",
    "currency",
    "total",
    "balance",
    "status",
    "applied_to",
    "applied_amount",
    "memo",
)
# Of a credit memo, where a register tells more of it.
MEMO_WORDS = (
    "document_date",
    "requested_by",
    "approved",
    "approved_by",
    "approved_date",
    "reason",
    "applied_date",
    "refunded",
    "refunded_date",
    "on_balance",
    "out_of_band",
)
WORDS = (
    *(*TEMPLATE, "id", "tax", "net", "paid", "due_date", "voided", "corrective"),
    *MEMO_WORDS,
)


@dataclass(frozen=True, slots=True)
class Layout:
    """One system's export: the heading of each of our words, in its normal form."""

    system: str  # as in the settings: its words are used on the worklist
    title: str
    headings: Mapping[str, str]  # normal heading -> our word
    needs: frozenset[str]  # our words without which it is not this export


@dataclass(frozen=True, slots=True)
class Header:
    """Where the headings stand, and which of our words each column holds."""

    layout: Layout
    row: Row
    columns: Mapping[str, int] = field(default_factory=dict)

    def heading(self, word: str) -> str:
        """The file's own heading of a column, for messages."""
        return text_of(self.row.cells[self.columns[word]])


def _layout(system: str, title: str, needs: str, **headings: str) -> Layout:
    pairs = {
        normal(heading): word
        for word, several in headings.items()
        for heading in several.split("|")
    }
    return Layout(system, title, pairs, frozenset(needs.split()))


def normal(heading: str) -> str:
    """A heading as it is compared: letters and digits, small."""
    return re.sub(r"[^a-z0-9]", "", heading.lower())


LAYOUTS = (
    _layout("file", "Tieout's template", "number total", **{w: w for w in WORDS}),
    _layout(
        "xero",
        "Xero, Invoices → Export",
        "number total balance",
        number="InvoiceNumber",
        external_id="Reference",
        customer="ContactName",
        date="InvoiceDate",
        due_date="DueDate",
        total="Total",
        tax="TaxTotal",
        paid="InvoiceAmountPaid",
        balance="InvoiceAmountDue",
        currency="Currency",
        kind="Type",
        status="Status",
    ),
    _layout(
        "netsuite",
        "NetSuite, saved search",
        "kind number total id",
        id="Internal ID",
        kind="Type",
        number="Document Number",
        external_id="External ID",
        customer="Name",
        date="Date",
        due_date="Due Date",
        total="Amount (Foreign Currency)|Amount",
        tax="Amount (Tax)",
        balance="Amount Remaining|Amount Remaining (Foreign Currency)",
        currency="Currency",
        status="Status",
        entity="Subsidiary",
        memo="Memo",
        applied_to="Applied To Transaction",
        applied_amount="Applied To Link Amount",
    ),
    _layout(
        "quickbooks",
        "QuickBooks, transaction list",
        "kind number total",
        date="Date",
        kind="Transaction type",
        number="Num|No.",
        customer="Customer|Name|Customer full name",
        memo="Memo/Description|Memo",
        due_date="Due date",
        total="Amount",
        balance="Open balance",
        currency="Currency",
    ),
    _layout(
        "intacct",
        "Sage Intacct, AR list",
        "id number total",
        id="RECORDNO|Record number",
        number="RECORDID|Invoice number|Adjustment number",
        customer="CUSTOMERNAME|Customer name",
        status="STATE",
        currency="CURRENCY|Transaction currency",
        total="TOTALENTERED|TRX_TOTALENTERED|Total transaction amount",
        paid="TOTALPAID|TRX_TOTALPAID",
        balance="TOTALDUE|TRX_TOTALDUE|Total transaction amount due",
        date="WHENPOSTED|WHENCREATED",
        due_date="WHENDUE",
        external_id="DOCNUMBER|Reference number",
        entity="MEGAENTITYID",
    ),
    _layout(
        "business_central",
        "Business Central, posted documents",
        "number total",
        number="No.",
        customer="Customer Name|Sell-to Customer Name",
        currency="Currency Code",
        due_date="Due Date",
        net="Amount",
        total="Amount Including VAT|Amount Including Tax",
        balance="Remaining Amount",
        date="Posting Date",
        document_date="Document Date",
        external_id="External Document No.",
        voided="Cancelled|Canceled",
        corrective="Corrective",
        applied_to="Applies-to Doc. No.",
    ),
)


def find_header(name: str, rows: list[Row], columns: Mapping[str, str]) -> Header | None:
    """The headings of the best known layout in the first rows, or None.

    `columns` maps our words to this file's own headings, and stands above what we know.
    Raises BadFile where it names a heading that is not there.
    """
    best: Header | None = None
    for row in rows[:SEARCH_ROWS]:
        for layout in LAYOUTS:
            found = _columns(row, layout, columns)
            if layout.needs <= set(found) and (
                best is None or len(found) > len(best.columns)
            ):
                best = Header(layout, row, found)
    if best is not None:
        missing = [f"{w}: {columns[w]}" for w in columns if w not in best.columns]
        if missing:
            raise BadFile(
                f"{name}: row {best.row.number}: columns names {', '.join(missing)}, "
                "which is no heading of it"
            )
    return best


def _columns(row: Row, layout: Layout, own: Mapping[str, str]) -> dict[str, int]:
    mapped = {normal(heading): word for word, heading in own.items()}
    found: dict[str, int] = {}
    for index, cell in enumerate(row.cells):
        heading = normal(text_of(cell))
        word = mapped.get(heading) or layout.headings.get(heading)
        if (
            word is not None
            and word not in found
            and (word not in own or heading in mapped)
        ):
            found[word] = index
    return found


def no_header(name: str, rows: Iterable[Row]) -> BadFile:
    """No known headings: say which were found, so that `columns:` can be written."""
    fullest = max(
        list(rows)[:SEARCH_ROWS],
        key=lambda row: sum(bool(text_of(cell)) for cell in row.cells),
        default=Row(1, ()),
    )
    found = ", ".join(text for cell in fullest.cells if (text := text_of(cell)))[:200]
    return BadFile(
        f"{name}: row {fullest.number}: none of its headings are known ({found}); "
        "name them with columns: in this ERP's settings, or use Tieout's template"
    )
