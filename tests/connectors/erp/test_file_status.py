"""What the status of a document in an export says, and what its amounts cannot be."""

import pytest

from connectors.erp.file_rows import Reading, export_of
from connectors.erp.file_tables import BadFile


@pytest.mark.parametrize(
    ("word", "status"),
    [
        ("", "OPEN"),
        ("Overdue 12 days", "OPEN"),
        ("Awaiting Payment", "OPEN"),
        ("Not posted", "DRAFT"),
        ("In Review", "DRAFT"),
        ("Written off", "UNCOLLECTIBLE"),
        ("Bad debt", "UNCOLLECTIBLE"),
        ("Cancelled", "VOID"),
    ],
)
def test_what_a_status_says(word: str, status: str) -> None:
    body = f"kind,number,currency,total,status\ninvoice,I-1,USD,1.00,{word}\n"
    export = export_of("export.csv", body.encode(), Reading("books"))
    (one,) = export.invoices.values()
    assert one.status == status


HEAD = "kind,number,currency,total,balance,status\n"


@pytest.mark.parametrize(
    ("rows", "says"),
    [
        (
            "invoice,I-1,USD,1.00,1.00,\ninvoice,I-2,USD,1.00,1.01,\n",
            "row 3, column 'balance': '1.01' is more than the document's total; correct it there",
        ),
        (
            "credit memo,C-1,USD,-1.00,-1.01,\n",
            "row 2, column 'balance': '-1.01' is more than the document's total; correct it there",
        ),
        (
            "invoice,I-1,USD,1.00,,Wobbly\n",
            "row 2, column 'status': 'Wobbly' is no status that is known; write Open, Paid, "
            "Draft, Voided, Deleted or Written off there, or leave it empty",
        ),
    ],
)
def test_what_cannot_be_refuses_the_file(rows: str, says: str) -> None:
    with pytest.raises(BadFile) as said:
        export_of("export.csv", (HEAD + rows).encode(), Reading("books"))
    assert str(said.value) == f"export.csv: {says}"
