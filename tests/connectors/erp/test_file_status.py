"""What the status of a document in an export says, and its amounts do not."""

import pytest

from connectors.erp.file_rows import Reading, export_of


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
